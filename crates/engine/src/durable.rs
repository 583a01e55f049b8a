//! How far a journal is on disk, and who waits for it.

use crate::lock;
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
    waiters: Mutex<Vec<(u64, Waker)>>,
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
        lock(&self.waiters).retain(|(wanted, waker)| {
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
        Reach { durable: self, seq }
    }
}

/// See [`Durable::reach`].
pub(crate) struct Reach<'a> {
    durable: &'a Durable,
    seq: u64,
}

impl Future for Reach<'_> {
    type Output = Result<(), Error>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(done) = self.durable.check(self.seq) {
            return Poll::Ready(done);
        }
        lock(&self.durable.waiters).push((self.seq, cx.waker().clone()));
        // an ack between the check and the push would have woken nobody
        match self.durable.check(self.seq) {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        }
    }
}
