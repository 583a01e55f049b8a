//! What a tool says while it works (`T6`): provisional, bounded, never its result.

use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tenure_contract::limits::PROGRESS_MAX_BYTES;

/// Where a call's progress goes; to nobody unless somebody listens. Cheap to clone.
///
/// ```
/// use serde_json::json;
/// use std::sync::{Arc, Mutex};
/// use tenure_agent::tool::Progress;
///
/// let heard = Arc::new(Mutex::new(Vec::new()));
/// let ears = heard.clone();
/// let progress = Progress::to(move |value| ears.lock().unwrap().push(value));
/// progress.tell(json!({"rows": 500}));
/// Progress::default().tell(json!("nobody hears this"));
/// assert_eq!(*heard.lock().unwrap(), [json!({"rows": 500})]);
/// ```
#[derive(Clone, Default)]
pub struct Progress {
    listener: Option<Arc<dyn Fn(Value) + Send + Sync>>,
}

impl Progress {
    /// Progress that somebody listens to. The listener must be quick: the tool waits for it.
    pub fn to(listener: impl Fn(Value) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)) }
    }

    /// Says how far it is. A value above [`PROGRESS_MAX_BYTES`] is dropped: it is not a result.
    pub fn tell(&self, value: Value) {
        if let Some(listener) = &self.listener
            && value.to_string().len() <= PROGRESS_MAX_BYTES
        {
            listener(value);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("heard", &self.listener.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn t6_progress_above_its_limit_is_dropped() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = heard.clone();
        let progress = Progress::to(move |value| ears.lock().unwrap().push(value));
        // a text's quotes count
        let longest = Value::String("x".repeat(PROGRESS_MAX_BYTES - 2));
        progress.tell(longest.clone());
        progress.tell(Value::String("x".repeat(PROGRESS_MAX_BYTES - 1)));
        assert_eq!(*heard.lock().unwrap(), [longest]);
    }
}
