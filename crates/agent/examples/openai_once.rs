//! One model call to any server that speaks Chat Completions; prints every chunk.
//!
//! `cargo run -p tenure-agent --example openai_once -- http://127.0.0.1:11434/v1 llama3.2`
//!
//! The key, if the server wants one, is taken from `OPENAI_API_KEY`. Exit status 1 on failure.

use futures::StreamExt as _;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use tenure_agent::adapter::openai::{Endpoint, OpenAi};
use tenure_agent::adapter::{Adapter as _, Chunk, ModelRequest, ToolOffer};
use tenure_contract::agent::{Message, Role};

const KEY_VARIABLE: &str = "OPENAI_API_KEY";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base_url, model] = arguments.as_slice() else {
        eprintln!("usage: openai_once <base-url> <model>");
        return ExitCode::from(2);
    };
    // only the first of a process is kept, and this is it
    let _ = rustls::crypto::ring::default_provider().install_default();
    match ask(base_url, model).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("failed: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn ask(base_url: &str, model: &str) -> Result<(), String> {
    let key = std::env::var_os(KEY_VARIABLE).map(|_| KEY_VARIABLE.to_owned());
    let adapter = OpenAi::new(Endpoint::new(base_url, key)?);
    let mut stream = adapter.source(Arc::new(request(model))).stream();
    while let Some(chunk) = stream.next().await {
        println!("{chunk:?}");
        match chunk {
            Chunk::Done => return Ok(()),
            Chunk::Failed(failure) => return Err(failure.message),
            Chunk::Text(_) | Chunk::ToolCall(_) | Chunk::Usage { .. } | Chunk::Metadata(_) => {}
        }
    }
    Err("the stream ended without an ending".to_owned())
}

fn request(model: &str) -> ModelRequest {
    let look_up = ToolOffer {
        name: "look_up".to_owned(),
        description: "Looks up an order.".to_owned(),
        parameters: Some(json!({
            "type": "object", "required": ["order"],
            "properties": {"order": {"type": "string"}},
        })),
    };
    ModelRequest {
        model: model.to_owned(),
        system: "Answer in one sentence.".to_owned(),
        messages: vec![Message::text(Role::User, "What is the state of order A-7?")],
        tools: vec![look_up],
        temperature: Some(0.0),
        max_tokens: Some(200),
    }
}
