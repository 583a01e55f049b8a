//! A future whose waiting gets things committed: whenever it can go no further, what it queued so
//! far is offered to the committer, so that a landing and the next intent share one flush.

use crate::node::Node;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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
        let polled = self.inner.as_mut().poll(cx);
        self.node.committer.nudge();
        polled
    }
}
