//! The built-in intents: one file each, one line here.

pub mod ingest;

use tenure_engine::IntentRegistry;

/// Registers the built-in handlers.
pub fn register(intents: &IntentRegistry) {
    intents.register(ingest::registration());
}
