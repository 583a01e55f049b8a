//! How far a journal is on disk, and who waits for it.

use crate::lock;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use tenure_contract::Error;

/// How far a journal is on disk.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    acked: AtomicU64,
    lost: OnceLock<Error>,
    waiters: Mutex<Waiters>,
}

/// Who waits, in the order of coming: what each one waits for and how it is woken. One that goes
/// away, or is polled again, leaves nothing behind: a stream may wait for weeks.
#[derive(Debug, Default)]
struct Waiters {
    next: u64,
    waiting: BTreeMap<u64, (u64, Waker)>,
}

impl Durable {
    pub fn at(seq: u64) -> Self {
        Self { acked: AtomicU64::new(seq), ..Self::default() }
    }

    pub fn seq(&self) -> u64 {
        self.acked.load(Ordering::Acquire)
    }

    /// Everything up to `seq` is on disk.
    pub fn ack(&self, seq: u64) {
        self.acked.store(seq, Ordering::Release);
        self.wake(|wanted| wanted <= seq);
    }

    /// What is not on disk by now never will be: the resident state is void.
    pub fn lose(&self, error: Error) {
        let _ = self.lost.set(error);
        self.wake(|_| true);
    }

    pub fn lost(&self) -> Option<&Error> {
        self.lost.get()
    }

    fn wake(&self, due: impl Fn(u64) -> bool) {
        let mut woken = Vec::new();
        lock(&self.waiters).waiting.retain(|_, (wanted, waker)| {
            let is_due = due(*wanted);
            if is_due {
                woken.push(waker.clone());
            }
            !is_due
        });
        woken.into_iter().for_each(Waker::wake);
    }

    fn check(&self, seq: u64) -> Option<Result<(), Error>> {
        if self.seq() >= seq {
            return Some(Ok(()));
        }
        self.lost().cloned().map(Err)
    }

    /// Resolves once `seq` is on disk, or with the error that made it void.
    pub fn reach(&self, seq: u64) -> Reach<'_> {
        Reach { durable: self, seq, ticket: None }
    }
}

/// See [`Durable::reach`].
pub(crate) struct Reach<'a> {
    durable: &'a Durable,
    seq: u64,
    ticket: Option<u64>,
}

impl Future for Reach<'_> {
    type Output = Result<(), Error>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(done) = self.durable.check(self.seq) {
            return Poll::Ready(done);
        }
        self.wait(cx.waker());
        // an ack between the check and the push would have woken nobody
        match self.durable.check(self.seq) {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
    }
}

impl Reach<'_> {
    fn wait(&mut self, waker: &Waker) {
        let mut waiters = lock(&self.durable.waiters);
        let ticket = *self.ticket.get_or_insert_with(|| {
            waiters.next += 1;
            waiters.next
        });
        waiters.waiting.insert(ticket, (self.seq, waker.clone()));
    }
}

impl Drop for Reach<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            lock(&self.durable.waiters).waiting.remove(&ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn sub_1_who_waits_again_or_goes_away_leaves_nothing_behind() {
        let durable = Durable::default();
        let waiting = || lock(&durable.waiters).waiting.len();
        let mut one = durable.reach(1);
        let mut two = durable.reach(2);
        for _ in 0..3 {
            assert!((&mut one).now_or_never().is_none() && (&mut two).now_or_never().is_none());
            assert_eq!(waiting(), 2);
        }
        drop(two);
        assert_eq!(waiting(), 1);
        durable.ack(1);
        assert_eq!(waiting(), 0, "who is woken waits no more");
        assert_eq!((&mut one).now_or_never(), Some(Ok(())));
    }
}
