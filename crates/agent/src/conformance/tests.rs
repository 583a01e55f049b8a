//! The cases themselves: every built-in keeps them, and what breaks a rule is found out.

use super::adapter as cases;
use super::*;
use crate::adapter::cassette::Cassette;
use crate::adapter::openai::{Endpoint, OpenAi};
use crate::adapter::scripted::{Script, Scripted};
use crate::adapter::{Adapter, AdapterFailure, Chunk, ModelRequest, Source};
use crate::build::{build, parse};
use crate::loopback::{Loopback, reply};
use crate::tool::testing::call_in;
use crate::tool::{Tool, ToolSpec};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tenure_contract::agent::{Message, Role, ToolCallAsked};
use tenure_contract::words::RecoveryClass;

fn request(text: &str) -> Arc<ModelRequest> {
    Arc::new(ModelRequest {
        model: "m".to_owned(),
        system: String::new(),
        messages: vec![Message::text(Role::User, text)],
        tools: Vec::new(),
        temperature: None,
        max_tokens: None,
    })
}

/// An adapter that says what it is told to, right or wrong.
struct Parrot(Vec<Chunk>);

struct Squawk(Vec<Chunk>);

impl Adapter for Parrot {
    fn source(&self, _: Arc<ModelRequest>) -> Box<dyn Source> {
        Box::new(Squawk(self.0.clone()))
    }
}

impl Source for Squawk {
    fn stream(self: Box<Self>) -> BoxStream<'static, Chunk> {
        stream::iter(self.0).boxed()
    }
}

async fn broken_rule(good: Vec<Chunk>, bad: Vec<Chunk>) -> Option<&'static str> {
    let bad_adapter = !bad.is_empty();
    let found = adapter(|| AdapterCase {
        adapter: Arc::new(Either(good.clone(), bad.clone())),
        ends_well: request("good"),
        ends_badly: bad_adapter.then(|| request("bad")),
    })
    .await;
    found.err().map(|violation| violation.rule)
}

struct Either(Vec<Chunk>, Vec<Chunk>);

impl Adapter for Either {
    fn source(&self, request: Arc<ModelRequest>) -> Box<dyn Source> {
        let good = request.messages[0].content == "good";
        Parrot(if good { self.0.clone() } else { self.1.clone() }).source(request)
    }
}

#[tokio::test]
async fn adapters_that_break_a_rule_are_found_out() {
    let text = || Chunk::Text("x".to_owned());
    let failed = |message: &str| {
        Chunk::Failed(AdapterFailure { message: message.to_owned(), may_pass: false })
    };
    let nameless =
        ToolCallAsked { id: "1".to_owned(), name: String::new(), arguments: String::new() };
    let good = vec![text(), Chunk::Done];
    assert_eq!(broken_rule(good.clone(), vec![failed("no")]).await, None);
    for (rule, chunks) in [
        ("A8", vec![text(), Chunk::Metadata(serde_json::Map::new()), Chunk::Done]),
        ("A3", vec![text()]),
        ("A3", vec![]),
        ("A3", vec![Chunk::Done, text()]),
        ("A3", vec![text(), Chunk::Done, Chunk::Done]),
        ("A4", vec![Chunk::Text(String::new()), Chunk::Done]),
        ("A5", vec![Chunk::ToolCall(nameless), Chunk::Done]),
    ] {
        assert_eq!(broken_rule(chunks, vec![]).await, Some(rule));
    }
    for bad in [vec![text()], vec![failed(" ")], vec![failed("no"), Chunk::Done]] {
        assert_eq!(broken_rule(good.clone(), bad).await, Some("A9"));
    }
}

/// The built-in adapters, each with a request it answers and one it fails on.
struct BuiltIns {
    _folder: tempfile::TempDir,
    tape: std::path::PathBuf,
    server: Loopback,
    refusing: Loopback,
}

const SCRIPT: &str = "[[turn]]\ntext = \"one two three\"\nchunk_chars = 4\n\
                      [[turn.call]]\ntool = \"pay\"\nwhere = { input = \"good\" }\n\
                      [[turn]]\ntext = \"bad\"\nfail = \"no such thing\"\n";
const STREAM: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
    data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n\
    data: {\"choices\":[{\"delta\":{\"content\":\" two\"}}]}\n\n\
    data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"pay\"}}]}}]}\n\n\
    data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

impl BuiltIns {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            tape: folder.path().join("tape.jsonl"),
            _folder: folder,
            server: Loopback::answering(vec![STREAM.to_owned(); 16]).await,
            refusing: Loopback::answering(vec![reply(400, "no"); 4]).await,
        }
    }

    fn scripted(&self) -> AdapterCase {
        let adapter = Arc::new(Scripted::new(Script::parse(SCRIPT, "test").unwrap()));
        AdapterCase { adapter, ends_well: request("good"), ends_badly: Some(request("bad")) }
    }

    fn openai(server: &Loopback) -> Arc<dyn Adapter> {
        Arc::new(OpenAi::new(Endpoint::new(&server.url("/v1"), None).unwrap()))
    }

    fn recording(&self) -> AdapterCase {
        let adapter = Arc::new(Cassette::recording(self.tape.clone(), Self::openai(&self.server)));
        AdapterCase { adapter, ends_well: request("good"), ends_badly: None }
    }

    fn replaying(&self) -> AdapterCase {
        let adapter = Arc::new(Cassette::replaying(self.tape.clone()));
        AdapterCase { adapter, ends_well: request("good"), ends_badly: Some(request("bad")) }
    }

    fn calling(&self) -> AdapterCase {
        let adapter = Self::openai(&self.server);
        AdapterCase { adapter, ends_well: request("good"), ends_badly: None }
    }

    /// Every one, the recording before it is replayed.
    fn all(&self) -> [AdapterCase; 4] {
        [self.scripted(), self.calling(), self.recording(), self.replaying()]
    }
}

#[tokio::test]
async fn every_adapter_keeps_the_whole_seam() {
    let built = BuiltIns::new().await;
    adapter(|| built.scripted()).await.unwrap();
    adapter(|| built.calling()).await.unwrap();
    let built = BuiltIns::new().await;
    adapter(|| built.recording()).await.unwrap();
    adapter(|| built.replaying()).await.unwrap();
}

#[tokio::test]
async fn a1_creating_a_source_opens_nothing() {
    let built = BuiltIns::new().await;
    for case in built.all() {
        cases::a1_a_source_is_pure(&case).unwrap();
    }
    assert!(built.server.requests().is_empty() && !built.tape.exists());
}

#[tokio::test]
async fn a2_every_source_has_a_stream_of_its_own() {
    let built = BuiltIns::new().await;
    for case in built.all() {
        cases::a2_sources_are_independent(&case).await.unwrap();
    }
}

#[tokio::test]
async fn a3_every_answer_has_exactly_one_ending() {
    let built = BuiltIns::new().await;
    for case in built.all() {
        cases::a3_one_ending(&case).await.unwrap();
    }
}

#[tokio::test]
async fn a4_a_chunk_means_the_same_without_the_ones_before() {
    let built = BuiltIns::new().await;
    for case in built.all() {
        let whole = cases::a3_one_ending(&case).await.unwrap();
        let (text, calls) =
            whole.iter().fold((String::new(), 0), |(text, calls), chunk| match chunk {
                Chunk::Text(more) => (text + more, calls),
                Chunk::ToolCall(call) => {
                    assert!(call.name == "pay" && !call.id.is_empty());
                    (text, calls + 1)
                }
                Chunk::Usage { .. } | Chunk::Metadata(_) | Chunk::Done | Chunk::Failed(_) => {
                    (text, calls)
                }
            });
        assert!(text.starts_with("one two") && calls == 1, "{whole:?}");
    }
}

#[tokio::test]
async fn a6_an_answer_can_be_dropped_after_any_chunk() {
    let built = BuiltIns::new().await;
    for case in built.all() {
        cases::a6_every_abort_is_safe(&case, 3).await.unwrap();
    }
}

#[tokio::test]
async fn a7_a_request_is_never_changed() {
    let built = BuiltIns::new().await;
    for case in built.all() {
        cases::a7_requests_stay_as_they_are(&case).await.unwrap();
    }
}

#[tokio::test]
async fn a8_metadata_is_optional_and_bounded() {
    let built = BuiltIns::new().await;
    for case in built.all() {
        let whole = cases::a3_one_ending(&case).await.unwrap();
        cases::a8_metadata_is_optional_and_bounded(&whole).unwrap();
    }
    let long = json!({"x": "y".repeat(tenure_contract::limits::TURN_METADATA_MAX_BYTES)});
    let long = Chunk::Metadata(long.as_object().unwrap().clone());
    assert!(cases::a8_metadata_is_optional_and_bounded(&[long]).is_err());
}

#[tokio::test]
async fn a9_every_failure_is_a_chunk() {
    let built = BuiltIns::new().await;
    let refused = AdapterCase {
        adapter: BuiltIns::openai(&built.refusing),
        ends_badly: Some(request("bad")),
        ..built.calling()
    };
    for case in [built.scripted(), built.replaying(), refused] {
        cases::a9_failures_are_chunks(&case).await.unwrap();
    }
}

#[tokio::test]
async fn a10_what_an_adapter_was_made_with_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.toml");
    std::fs::write(&path, SCRIPT).unwrap();
    let case = AdapterCase {
        adapter: Arc::new(Scripted::at(path.clone())),
        ends_well: request("good"),
        ends_badly: None,
    };
    let first = cases::a3_one_ending(&case).await.unwrap();
    std::fs::write(&path, "[[turn]]\ntext = \"other\"").unwrap();
    assert_eq!(cases::a3_one_ending(&case).await.unwrap(), first);
}

async fn tool_keeps(definition: &str, works: Option<Value>, refused: Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "hello").unwrap();
    let text = format!(
        "name = \"x\"\ntools = [{definition}]\n[model]\nadapter = \"openai\"\nname = \"m\""
    );
    let definition = parse(&text, "test").unwrap();
    tool(|| ToolCase {
        tool: Arc::clone(build(&definition, Path::new(".")).unwrap().tools()[0].tool()),
        context: call_in(folder.path(), json!({})).context,
        works: works.clone(),
        refused: refused.clone(),
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_file_tool_and_the_question_keep_the_seam() {
    let path = json!({"path": "a.txt"});
    let written = json!({"path": "b/c.txt", "content": "x"});
    let none = json!({});
    tool_keeps("{use=\"read_file\"}", Some(path.clone()), vec![none.clone(), json!([])]).await;
    tool_keeps("{use=\"write_file\"}", Some(written), vec![path.clone(), none.clone()]).await;
    tool_keeps("{use=\"list_files\"}", Some(none.clone()), vec![json!({"path": 1})]).await;
    tool_keeps("{use=\"ask_human\"}", None, vec![none, json!({"question": ""})]).await;
}

#[tokio::test]
async fn the_http_tools_keep_the_seam() {
    let replies: Vec<String> = (0..32).map(|_| reply(200, "{\"a\":1}")).collect();
    let server = Loopback::answering(replies).await;
    let authority = server.authority();
    let fetch = format!("{{use=\"http_request\", allow=[\"{authority}\"]}}");
    let url = json!({"url": server.url("/")});
    let refused = vec![json!({}), json!({"url": server.url("/"), "method": "POST"})];
    tool_keeps(&fetch, Some(url), refused).await;
    let act = format!(
        "{{use=\"http_action\", class=\"idempotent\", http={{method=\"PUT\", url=\"{}/{{id}}\"}}, \
         parameters={{type=\"object\", required=[\"id\"], properties={{id={{type=\"string\"}}}}}}}}",
        server.url("")
    );
    tool_keeps(&act, Some(json!({"id": "7"})), vec![json!({}), json!({"id": 7})]).await;
}

#[tokio::test]
async fn tools_that_break_a_rule_are_found_out() {
    let broken = |spec: ToolSpec, answers: Value| async move {
        let found = tool(|| ToolCase {
            tool: Arc::new(Echo { spec: spec.clone(), answers: answers.clone() }),
            context: call_in(Path::new("."), json!({})).context,
            works: Some(json!({})),
            refused: vec![json!({"unknown": 1})],
        })
        .await;
        found.err().map(|violation| violation.rule)
    };
    let good = || ToolSpec::named("t", "");
    let open = json!({"type": "object"});
    assert_eq!(broken(good(), json!({})).await, None);
    assert_eq!(broken(ToolSpec { name: "a b".to_owned(), ..good() }, json!({})).await, Some("T1"));
    assert_eq!(broken(ToolSpec { parameters: Some(open), ..good() }, json!({})).await, Some("T3"));
    assert_eq!(broken(ToolSpec { timeout_ms: 0, ..good() }, json!({})).await, Some("T14"));
    assert_eq!(broken(ToolSpec { executable: false, ..good() }, json!({})).await, Some("T4"));
    assert_eq!(broken(good(), json!({"error": "no"})).await, Some("T11"));
    let small = ToolSpec { max_output_bytes: 3, ..good() };
    assert_eq!(broken(small, json!("long")).await, Some("T14"));
    for (rule, breaks) in [("T6", Breaks::Heard), ("T7", Breaks::Init), ("T8", Breaks::Dispose)] {
        let found = tool(|| ToolCase {
            tool: Arc::new(Broken::at(breaks)),
            context: call_in(Path::new("."), json!({})).context,
            works: Some(json!({})),
            refused: Vec::new(),
        });
        assert_eq!(found.await.err().map(|violation| violation.rule), Some(rule));
    }
    let counts = ToolSpec { class: RecoveryClass::Read, ..good() };
    assert_eq!(broken(counts, json!(null)).await, Some("STP-2"));
}

#[test]
fn flt_12_a_result_with_an_error_is_an_error() {
    use crate::tool::error_in;
    assert_eq!(error_in(&json!({"error": "no", "id": 1})).as_deref(), Some("no"));
    assert_eq!(error_in(&json!({"error": {"code": 7}})).as_deref(), Some("{\"code\":7}"));
    assert_eq!(error_in(&json!({"error": false})).as_deref(), Some("false"));
    for fine in
        [json!({"error": null}), json!({"data": {"error": "x"}}), json!(["error"]), json!(1)]
    {
        assert_eq!(error_in(&fine), None, "{fine}");
    }
}

/// A tool with any definition and answer; for `null` it answers differently every time.
pub(crate) struct Echo {
    spec: ToolSpec,
    answers: Value,
}

impl Echo {
    pub(crate) fn of(spec: ToolSpec) -> Self {
        Self { spec, answers: json!({}) }
    }
}

impl Tool for Echo {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }
    fn call(
        &self,
        _: crate::tool::ToolCall,
    ) -> futures::future::BoxFuture<'static, Result<Value, crate::tool::ToolFailure>> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let answer = match &self.answers {
            Value::Null => json!(CALLS.fetch_add(1, Ordering::Relaxed)),
            other => other.clone(),
        };
        Box::pin(async { Ok(answer) })
    }
}

/// Which rule a [`Broken`] tool breaks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Breaks {
    Heard,
    Init,
    Dispose,
}

/// A tool that breaks one rule of its life.
struct Broken {
    spec: ToolSpec,
    breaks: Breaks,
    inits: std::sync::atomic::AtomicU64,
    gone: std::sync::atomic::AtomicBool,
}

impl Broken {
    fn at(breaks: Breaks) -> Self {
        let spec = ToolSpec::named("broken", "");
        Self { spec, breaks, inits: Default::default(), gone: Default::default() }
    }
}

type Answered<T> = futures::future::BoxFuture<'static, Result<T, crate::tool::ToolFailure>>;

fn refuse<T: Send + 'static>(no: bool, yes: T) -> Answered<T> {
    let failure = || crate::tool::ToolFailure::Refused { message: "broken".to_owned() };
    Box::pin(std::future::ready(if no { Err(failure()) } else { Ok(yes) }))
}

impl Tool for Broken {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }
    fn call(&self, call: crate::tool::ToolCall) -> Answered<Value> {
        use std::sync::atomic::Ordering::Relaxed;
        let heard = !format!("{:?}", call.progress).contains("false");
        refuse((self.breaks == Breaks::Heard && heard) || self.gone.load(Relaxed), json!({}))
    }
    fn init(&self) -> Answered<()> {
        use std::sync::atomic::Ordering::Relaxed;
        let again = self.inits.fetch_add(1, Relaxed) > 0;
        refuse(self.breaks == Breaks::Init && again, ())
    }
    fn dispose(&self) -> Answered<()> {
        self.gone.store(self.breaks == Breaks::Dispose, std::sync::atomic::Ordering::Relaxed);
        refuse(false, ())
    }
}

/// A tool that remembers what was asked of it.
#[derive(Clone)]
pub(crate) struct Counted {
    spec: ToolSpec,
    told: Arc<std::sync::Mutex<Vec<&'static str>>>,
    broken: Arc<std::sync::atomic::AtomicBool>,
}

impl Default for Counted {
    fn default() -> Self {
        let spec = ToolSpec::named("counted", "");
        Self { spec, told: Arc::default(), broken: Arc::default() }
    }
}

impl Counted {
    pub(crate) fn named(name: &str) -> Self {
        Self { spec: ToolSpec::named(name, ""), ..Self::default() }
    }
    pub(crate) fn told(&self) -> Vec<&'static str> {
        self.told.lock().unwrap().clone()
    }
    /// The next `init` fails.
    pub(crate) fn break_init(&self) {
        self.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    /// A call that never answers.
    pub(crate) fn hung(&self) -> crate::tool::ToolCall {
        call_in(Path::new("."), json!({"hang": true}))
    }
    fn note(&self, what: &'static str) {
        self.told.lock().unwrap().push(what);
    }
}

impl Tool for Counted {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }
    fn call(&self, call: crate::tool::ToolCall) -> Answered<Value> {
        self.note("call");
        match call.arguments.get("hang") {
            Some(_) => Box::pin(std::future::pending()),
            None => refuse(false, json!({})),
        }
    }
    fn init(&self) -> Answered<()> {
        self.note("init");
        refuse(self.broken.swap(false, std::sync::atomic::Ordering::Relaxed), ())
    }
    fn dispose(&self) -> Answered<()> {
        self.note("dispose");
        refuse(false, ())
    }
}
