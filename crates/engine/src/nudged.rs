//! A future whose waiting gets things committed: whenever it can go no further, what it queued so
//! far is offered to the committer, so that a landing and the next intent share one flush.

use crate::node::Node;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Turns a task may take in one poll before others get theirs.
const TURNS_MAX: usize = 64;

/// See the module.
pub(crate) struct Nudged<F> {
    inner: Pin<Box<F>>,
    node: Arc<Node>,
}

impl<F: Future> Nudged<F> {
    pub fn new(node: Arc<Node>, inner: F) -> Self {
        Self { inner: Box::pin(inner), node }
    }
}

impl<F: Future> Future for Nudged<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        for _ in 0..TURNS_MAX {
            let polled = self.inner.as_mut().poll(cx);
            let committed = self.node.committer.nudge();
            // what it waited for may be durable by now: going on here saves a way through the
            // scheduler, which for a lone run costs as much as a third of the flush
            if polled.is_ready() || !committed {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
