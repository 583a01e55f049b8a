//! What model calls are charged for, however they end.

use crate::harness::*;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use std::sync::Arc;
use tenure_agent::{Adapter, Agent, Chunk, ModelRequest, Source};
use tenure_contract::words::StopReason;
use tenure_engine::IntentRegistry;
use tokio::sync::Notify;

/// A model that says what it has read, tells that it did, and then thinks for ever.
struct Thinker(Arc<Notify>);

struct Thought(Arc<Notify>);

impl Adapter for Thinker {
    fn source(&self, _: Arc<ModelRequest>) -> Box<dyn Source> {
        Box::new(Thought(self.0.clone()))
    }
}

impl Source for Thought {
    fn stream(self: Box<Self>) -> BoxStream<'static, Chunk> {
        let said = stream::iter([Chunk::Usage { input_tokens: 40, output_tokens: 2 }]);
        let told = stream::once(async move {
            self.0.notify_one();
            std::future::pending().await
        });
        said.chain(told).boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt13_an_aborted_model_call_is_charged_for_what_it_had_used() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let made = agent("thinker").asks("http://127.0.0.1:1").made();
    let version = engine.register_agent(&ada(), made.clone()).await.unwrap().version;
    let thinks = Arc::new(Notify::new());
    let adapter = Arc::new(Thinker(thinks.clone()));
    engine.seat_agent(&ada(), version, Agent::assemble(made, adapter, Vec::new()).unwrap());
    let session = engine.open().await;
    let run = engine.task(session, "thinker", "think").await;
    thinks.notified().await;
    engine.cancel(&ada(), run, None).await.unwrap();
    let over = engine.over(run).await;
    assert_eq!(over.stop_reason, Some(StopReason::Aborted));
    assert_eq!((over.usage.input_tokens, over.usage.output_tokens), (40, 2));
    verified(&engine.told(session));
}
