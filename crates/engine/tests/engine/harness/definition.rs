//! Agents written inline: a definition and the script its model follows.

use super::House;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tenure_contract::agent::AgentDefinition;

/// An agent's definition on its way.
#[derive(Clone)]
pub struct Definition {
    value: Value,
}

/// An agent of that name that has no model yet.
pub fn agent(name: &str) -> Definition {
    Definition { value: json!({ "name": name, "tools": [] }) }
}

impl Definition {
    /// Its model follows this script.
    pub fn follows(mut self, house: &House, script: &str) -> Self {
        static WRITTEN: AtomicUsize = AtomicUsize::new(0);
        let file = format!("script-{}.toml", WRITTEN.fetch_add(1, Ordering::Relaxed));
        let path = house.folder().join(file);
        std::fs::write(&path, script).unwrap();
        self.value["model"] = json!({ "adapter": "scripted", "file": path });
        self
    }

    /// Its model is asked at that base URL.
    pub fn asks(mut self, base_url: &str) -> Self {
        self.value["model"] = json!({ "adapter": "openai", "name": "m", "base_url": base_url });
        self
    }

    /// Its model may be silent for so long, milliseconds.
    pub fn silent_for(mut self, ms: u64) -> Self {
        self.value["model"]["silence_ms"] = json!(ms);
        self
    }

    pub fn may(mut self, tool: Value) -> Self {
        self.value["tools"].as_array_mut().unwrap().push(tool);
        self
    }

    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.value[field] = value;
        self
    }

    pub fn made(&self) -> AgentDefinition {
        serde_json::from_value(self.value.clone()).unwrap()
    }
}

/// A tool that posts its arguments `n` and `text` to a URL.
pub fn action(name: &str, class: &str, url: &str) -> Value {
    json!({
        "use": "http_action",
        "name": name,
        "class": class,
        "parameters": {
            "type": "object",
            "properties": { "n": { "type": "integer" }, "text": { "type": "string" } },
            "additionalProperties": false
        },
        "http": { "method": "POST", "url": url }
    })
}
