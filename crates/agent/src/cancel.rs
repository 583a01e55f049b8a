//! A signal that a call should stop: cheap to clone, set once, awaitable.

use tokio::sync::watch;

/// Tells a call that its run was aborted. Dropping it cancels nothing.
#[derive(Debug, Clone)]
pub struct Cancel {
    sender: watch::Sender<bool>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self { sender: watch::Sender::new(false) }
    }
}

impl Cancel {
    /// Signals every clone.
    pub fn cancel(&self) {
        self.sender.send_replace(true);
    }
    /// Whether the signal was given.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.sender.borrow()
    }
    /// Resolves once the signal is given; never, if it is not.
    pub async fn cancelled(&self) {
        let mut receiver = self.sender.subscribe();
        // the sender lives as long as `self`, so this ends only with the signal
        let _ = receiver.wait_for(|given| *given).await;
    }
}
