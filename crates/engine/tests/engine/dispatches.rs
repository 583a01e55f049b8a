//! Work that came from somewhere and starts when its mode says (`DSP-2`, `DSP-3`, `DSP-4`, `TEN-3`).

use crate::harness::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenure_contract::resource::{
    Caller, CreateDispatch, CreateTask, Decision, Dispatch, DispatchWork, HandoffTo, OfferHandoff,
    OpenSession, SetPolicy,
};
use tenure_contract::words::{
    ApprovalKind, ApprovalStatus, DispatchStatus, InputPolicy, RunStatus, Trigger,
};
use tenure_contract::{Code, DispatchId, Error, Time, limits};
use tenure_engine::{
    Clock, Config, Ctx, Drive, Engine, HandlerFailure, HandlerResult, IntentRegistry, Listing,
    Slots,
};
use tokio::sync::Semaphore;

/// Runs of the intent `note`, in the order they began; each holds on until it is let go.
#[derive(Clone)]
struct Notes {
    began: Arc<Mutex<Vec<String>>>,
    go: Arc<Semaphore>,
}

impl Notes {
    fn held() -> Self {
        Self { began: Arc::default(), go: Arc::new(Semaphore::new(0)) }
    }

    fn free() -> Self {
        Self { go: Arc::new(Semaphore::new(100_000)), ..Self::held() }
    }

    fn began(&self) -> Vec<String> {
        self.began.lock().unwrap().clone()
    }

    fn intents(&self) -> IntentRegistry {
        let intents = IntentRegistry::default();
        let notes = self.clone();
        intents.register_intent("note", "noter", move |ctx: Ctx| {
            let notes = notes.clone();
            async move {
                let what = ctx.intent().parameters["what"].as_str().unwrap_or_default().to_owned();
                notes.began.lock().unwrap().push(what.clone());
                notes
                    .go
                    .acquire()
                    .await
                    .map_err(|_| HandlerFailure::new("closed", "closed"))?
                    .forget();
                Ok(HandlerResult { output: json!(what), ..HandlerResult::default() })
            }
        });
        intents
    }
}

fn context(mode: &str) -> Value {
    json!({ "originSurface": "mobile", "originProductId": "cowork", "dispatchMode": mode,
            "initiatedAt": "2026-11-21T08:00:00Z" })
}

fn asking(mode: &str, key: &str) -> CreateDispatch {
    let work = json!({ "type": "intent", "intentType": "note" });
    let request = json!({ "productId": "cowork", "work": work, "payload": { "what": key },
                          "context": context(mode), "idempotencyKey": key });
    serde_json::from_value(request).unwrap()
}

async fn send(engine: &Engine, caller: &Caller, request: CreateDispatch) -> Dispatch {
    engine.dispatch(caller, request).await.unwrap()
}

/// What a look at a dispatch finds, once it finds it; or how the dispatch stood when that took too long.
async fn until<T>(
    engine: &Engine,
    caller: &Caller,
    id: DispatchId,
    find: impl Fn(&Dispatch) -> Option<T>,
) -> T {
    let mut last = None;
    let looking = async {
        loop {
            let seen = last.insert(engine.see_dispatch(caller, id).await.unwrap());
            if let Some(found) = find(seen) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(LIMIT, looking).await.ok();
    found.unwrap_or_else(|| panic!("it never came to that: {last:?}"))
}

/// The dispatch once it stands there.
async fn stands(engine: &Engine, id: DispatchId, status: DispatchStatus) -> Dispatch {
    until(engine, &ada(), id, |seen| (seen.status == status).then(|| seen.clone())).await
}

/// Why a dispatch came to no run, and where it stands, once it says so.
async fn reason(engine: &Engine, id: DispatchId) -> (String, Dispatch) {
    until(engine, &ada(), id, |seen| Some((seen.reason.clone()?, seen.clone()))).await
}

/// The run of a started dispatch, once it has ended.
async fn done(
    engine: &Engine,
    caller: &Caller,
    started: &Dispatch,
) -> tenure_contract::resource::Run {
    let run = started.run_id.unwrap();
    let waiting = async {
        loop {
            match engine.wait(caller, run, LIMIT).await {
                Ok(run) => return run,
                // it is on its way to its session
                Err(error) if error.code == Code::NotFound => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let ended = tokio::time::timeout(LIMIT, waiting).await;
    ended.unwrap_or_else(|_| panic!("run `{run}` never came to its session, or to its end"))
}

fn narrow(house: &House, per_node: usize, per_tenant: usize) -> Config {
    Config { slots: Slots { per_node, per_tenant }, ..house.config(Drive::Threads) }
}

#[test]
fn dsp_2_interactive_starts_at_once_in_a_session_that_knows_where_it_came_from() {
    let house = House::new();
    let life = house.live(Notes::free().intents());
    life.block_on(async {
        let engine = &life.engine;
        let sent = send(engine, &ada(), asking("interactive", "a")).await;
        assert_eq!(sent.status, DispatchStatus::Started);
        let run = done(engine, &ada(), &sent).await;
        assert_eq!((run.status, run.trigger), (RunStatus::Completed, Trigger::Dispatch));
        assert_eq!(run.output, Some(json!("a")));
        assert_eq!(Some(run.session_id), sent.session_id);
        let session = engine.session(&ada(), run.session_id).await.unwrap();
        assert_eq!(session.product_id, "cowork");
        let kept = session.dispatch_context.unwrap();
        assert_eq!(Some(&kept), engine.check_context(&context("interactive")).context.as_ref());
        let first = engine.told(run.session_id).remove(0).entry;
        assert_eq!(first.principal.to_string(), "user:ada", "who dispatched it opened the session");
        verified(&engine.told(run.session_id));
    });
}

#[test]
fn dsp_2_the_same_key_returns_the_first_answer_and_another_body_conflicts() {
    let house = House::new();
    let notes = Notes::free();
    let life = house.live(notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        let first = send(engine, &ada(), asking("interactive", "a")).await;
        done(engine, &ada(), &first).await;
        let again = send(engine, &ada(), asking("interactive", "a")).await;
        let same = |one: &Dispatch| (one.dispatch_id, one.run_id, one.session_id, one.created_at);
        assert_eq!(same(&first), same(&again));
        let other =
            CreateDispatch { payload: json!({ "what": "b" }), ..asking("interactive", "a") };
        let refused = engine.dispatch(&ada(), other).await.unwrap_err();
        assert_eq!(refused.code, Code::KeyConflict);
        let elsewhere = send(engine, &eve(), asking("interactive", "a")).await;
        assert_ne!(elsewhere.dispatch_id, first.dispatch_id, "a key is its tenant's");
        assert_eq!(
            engine.see_dispatch(&eve(), first.dispatch_id).await.unwrap_err().code,
            Code::NotFound
        );
        done(engine, &eve(), &elsewhere).await;
        assert_eq!(notes.began(), ["a", "a"], "once for each tenant");
        let unkeyed = CreateDispatch { idempotency_key: None, ..asking("interactive", "a") };
        assert_eq!(engine.dispatch(&ada(), unkeyed).await.unwrap_err().code, Code::InvalidArgument);
    });
}

#[test]
fn dsp_2_queued_goes_by_priority_and_then_by_arrival_as_slots_become_free() {
    let house = House::new();
    let notes = Notes::held();
    let life = house.live_with(narrow(&house, 1, 1), notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        let mut sent = Vec::new();
        for (key, priority) in [
            ("first", None),
            ("late", Some("low")),
            ("usual", None),
            ("odd", Some("whenever")),
            ("soon", Some("high")),
            ("now", Some("urgent")),
        ] {
            let priority = priority.map(str::to_owned);
            sent.push(
                send(engine, &ada(), CreateDispatch { priority, ..asking("queued", key) }).await,
            );
            if key == "first" {
                stands(engine, sent[0].dispatch_id, DispatchStatus::Started).await;
            }
        }
        for waiting in &sent[1..] {
            assert_eq!(waiting.status, DispatchStatus::Waiting, "the one slot is taken");
        }
        notes.go.add_permits(sent.len());
        for one in &sent {
            let started = stands(engine, one.dispatch_id, DispatchStatus::Started).await;
            done(engine, &ada(), &started).await;
        }
        assert_eq!(notes.began(), ["first", "now", "soon", "usual", "odd", "late"]);
    });
}

#[test]
fn dsp_2_a_run_that_waits_for_a_person_gives_its_slot_back() {
    let house = House::new();
    let life = house.live_with(narrow(&house, 1, 1), Notes::free().intents());
    life.block_on(async {
        let engine = &life.engine;
        let asks = "[[turn]]\n[[turn.call]]\ntool = \"ask_human\"\narguments = { question = \"well?\" }\n[[turn]]\ntext = \"so be it\"\n";
        engine.hire(agent("asker").follows(&house, asks).may(json!({ "use": "ask_human" }))).await;
        let work = DispatchWork::Agent { name: "asker".to_owned(), version: None };
        let approvers = vec!["user:ada".to_owned()];
        let asker = CreateDispatch { work, payload: json!({ "task": "ask" }), approvers, ..asking("queued", "asker") };
        let asker = send(engine, &ada(), asker).await;
        let started = stands(engine, asker.dispatch_id, DispatchStatus::Started).await;
        let other = send(engine, &ada(), asking("queued", "other")).await;
        let other = stands(engine, other.dispatch_id, DispatchStatus::Started).await;
        done(engine, &ada(), &other).await;
        let waiting = done(engine, &ada(), &started).await;
        assert_eq!(waiting.status, RunStatus::WaitingApproval);
    });
}

/// Whatever the flood brings, the trickle is served every other time.
#[test]
fn ten_3_a_flood_of_one_tenant_does_not_starve_another() {
    let house = House::new();
    let notes = Notes::held();
    let life = house.live_with(narrow(&house, 1, 1), notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        let mut sent = Vec::new();
        for n in 0..300 {
            sent.push((ada(), send(engine, &ada(), asking("queued", &format!("flood-{n}"))).await));
        }
        for n in 0..20 {
            sent.push((
                eve(),
                send(engine, &eve(), asking("queued", &format!("trickle-{n}"))).await,
            ));
        }
        notes.go.add_permits(sent.len());
        for (caller, one) in &sent {
            let has_run = |seen: &Dispatch| seen.run_id.map(|_| seen.clone());
            let started = until(engine, caller, one.dispatch_id, has_run).await;
            done(engine, caller, &started).await;
        }
        let began = notes.began();
        let trickle: Vec<usize> = began
            .iter()
            .enumerate()
            .filter_map(|(place, what)| what.starts_with("trickle").then_some(place))
            .collect();
        assert_eq!((began.len(), trickle.len()), (320, 20));
        // it comes while the first of the flood are under way; from then on they take turns
        assert!(trickle.windows(2).all(|pair| pair[1] - pair[0] == 2), "{trickle:?}");
        let flood: Vec<&String> = began.iter().filter(|what| what.starts_with("flood")).collect();
        let expected: Vec<String> = (0..300).map(|n| format!("flood-{n}")).collect();
        assert_eq!(flood, expected.iter().collect::<Vec<_>>(), "each in its own order");
    });
}

#[tokio::test(start_paused = true)]
async fn dsp_2_scheduled_waits_for_its_time_and_what_runs_out_expires() {
    let house = House::new();
    let engine = cranked(&house, Notes::free().intents());
    let at = Clock::system().now().plus_ms(3_600_000);
    let missing = engine.dispatch(&ada(), asking("scheduled", "never")).await.unwrap_err();
    assert!(missing.message.contains("notBefore"), "{missing}");
    let later = CreateDispatch { not_before: Some(at), ..asking("scheduled", "later") };
    let later = send(&engine, &ada(), later).await;
    let remote = CreateDispatch { expires_at: Some(at), ..asking("remote", "nobody") };
    let remote = send(&engine, &ada(), remote).await;
    tokio::time::advance(Duration::from_secs(3_500)).await;
    for id in [later.dispatch_id, remote.dispatch_id] {
        let seen = engine.see_dispatch(&ada(), id).await.unwrap();
        assert_eq!((seen.status, seen.run_id), (DispatchStatus::Waiting, None));
    }
    tokio::time::advance(Duration::from_secs(200)).await;
    let started = stands(&engine, later.dispatch_id, DispatchStatus::Started).await;
    assert!(started.updated_at >= at, "{} is before {at}", started.updated_at);
    assert_eq!(done(&engine, &ada(), &started).await.status, RunStatus::Completed);
    stands(&engine, remote.dispatch_id, DispatchStatus::Expired).await;
    let over = Some(Time::from_micros(1));
    let refused = CreateDispatch { expires_at: over, ..asking("queued", "over") };
    assert_eq!(engine.dispatch(&ada(), refused).await.unwrap_err().code, Code::InvalidArgument);
}

#[test]
fn dsp_4_a_waiting_dispatch_is_cancelled_and_a_started_one_is_its_runs_affair() {
    let house = House::new();
    let notes = Notes::held();
    let life = house.live_with(narrow(&house, 1, 1), notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        let first = send(engine, &ada(), asking("queued", "first")).await;
        stands(engine, first.dispatch_id, DispatchStatus::Started).await;
        let second = send(engine, &ada(), asking("queued", "second")).await;
        let why = Some("nobody needs it".to_owned());
        let gone = engine.cancel_dispatch(&ada(), second.dispatch_id, why.clone()).await.unwrap();
        assert_eq!(
            (gone.status, gone.reason.clone(), gone.run_id),
            (DispatchStatus::Cancelled, why, None)
        );
        let again = engine.cancel_dispatch(&ada(), second.dispatch_id, None).await.unwrap();
        assert_eq!(again, gone, "a second cancel changes nothing");
        let late = engine.cancel_dispatch(&ada(), first.dispatch_id, None).await.unwrap_err();
        assert_eq!(late.code, Code::IllegalTransition);
        assert!(late.message.contains("cancel its run"), "{late}");
        notes.go.add_permits(1);
        let started = engine.see_dispatch(&ada(), first.dispatch_id).await.unwrap();
        done(engine, &ada(), &started).await;
        engine.settled().await.unwrap();
        let listing = Listing { status: Some("cancelled".to_owned()), ..Listing::default() };
        let listed = engine.dispatches(&ada(), &listing).unwrap().items;
        assert_eq!(
            listed.iter().map(|one| one.dispatch_id).collect::<Vec<_>>(),
            [second.dispatch_id]
        );
        assert!(engine.dispatches(&eve(), &Listing::default()).unwrap().items.is_empty());
        assert_eq!(notes.began(), ["first"]);
    });
}

#[test]
fn dsp_4_a_named_session_gets_the_run_by_its_own_policy() {
    let house = House::new();
    let notes = Notes::held();
    let life = house.live(notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        let session = engine.open_as(OpenSession::default()).await.session_id;
        let here = |key: &str, policy: Option<InputPolicy>| CreateDispatch {
            session_id: Some(session),
            input_policy: policy,
            ..asking("interactive", key)
        };
        let first = send(engine, &ada(), here("first", None)).await;
        let queued = send(engine, &ada(), here("queued", None)).await;
        assert_eq!((first.session_id, queued.session_id), (Some(session), Some(session)));
        let rejected = send(engine, &ada(), here("rejected", Some(InputPolicy::Reject))).await;
        let told = reason(engine, rejected.dispatch_id).await;
        assert!(told.0.contains("busy") && told.1.run_id.is_none(), "{told:?}");
        notes.go.add_permits(2);
        for one in [&first, &queued] {
            assert_eq!(done(engine, &ada(), one).await.session_id, session);
        }
        assert_eq!(notes.began(), ["first", "queued"]);
        let elsewhere =
            CreateDispatch { session_id: Some(session), ..asking("interactive", "eve") };
        assert_eq!(engine.dispatch(&eve(), elsewhere).await.unwrap_err().code, Code::NotFound);
    });
}

#[test]
fn dsp_4_work_that_is_a_task_makes_it_once_or_tries_the_one_it_names() {
    let house = House::new();
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        engine.hire(agent("sweeper").follows(&house, "[[turn]]\ntext = \"swept\"\n")).await;
        let title = "sweep the yard".to_owned();
        let work = DispatchWork::Task { title: title.clone(), agent: "sweeper".to_owned() };
        let payload = json!({ "task": "sweep" });
        let request = CreateDispatch { work, payload, ..asking("interactive", "sweep") };
        let sent = send(engine, &ada(), request.clone()).await;
        assert_eq!(done(engine, &ada(), &sent).await.task_id, sent.task_id);
        let made = engine.see_task(&ada(), sent.task_id.unwrap()).await.unwrap();
        assert_eq!((made.title, made.run_id), (title, sent.run_id));
        let session = engine.open().await;
        let task = CreateTask { title: "mine".to_owned(), ..CreateTask::default() };
        let task = engine.create_task(&ada(), session, task, None).await.unwrap();
        let work = DispatchWork::Agent { name: "sweeper".to_owned(), version: None };
        let tries = CreateDispatch {
            work,
            session_id: Some(session),
            task_id: Some(task.task_id),
            idempotency_key: Some("tries".to_owned()),
            ..request
        };
        let sent = send(engine, &ada(), tries).await;
        assert_eq!(done(engine, &ada(), &sent).await.task_id, Some(task.task_id));
    });
}

/// Lets work come from one product to another on those terms.
async fn allow(engine: &Engine, annotations: &str) {
    let text = format!(
        "permit (principal, action, resource) unless {{ action == Action::\"dispatch\" }};\n\
         {annotations} permit (principal, action == Action::\"dispatch\", resource);"
    );
    engine.set_policy(&ada(), SetPolicy { text }).await.unwrap();
}

fn from_flow(key: &str) -> CreateDispatch {
    let mut request = asking("interactive", key);
    request.context["originProductId"] = json!("flow");
    request
}

#[test]
fn pol_1_over_the_border_of_a_product_only_what_policy_allows_is_taken() {
    let house = House::new();
    let life = house.live(Notes::free().intents());
    life.block_on(async {
        let engine = &life.engine;
        let denied = send(engine, &ada(), from_flow("denied")).await;
        assert_eq!(denied.status, DispatchStatus::Rejected);
        assert_eq!(denied.run_id, None);
        allow(engine, "").await;
        let again = send(engine, &ada(), from_flow("denied")).await;
        assert_eq!(again.status, DispatchStatus::Rejected, "the first answer stands");
        let taken = send(engine, &ada(), from_flow("taken")).await;
        assert_eq!(done(engine, &ada(), &taken).await.status, RunStatus::Completed);
    });
}

async fn asked_about(engine: &Engine) -> tenure_contract::resource::Approval {
    engine.settled().await.unwrap();
    let listing = Listing { open_only: Some(true), ..Listing::default() };
    let asked = engine.approvals(&ada(), &listing).unwrap().items;
    let [approval] = asked.as_slice() else { panic!("{asked:?}") };
    engine.approval(&ada(), approval.approval_id).await.unwrap()
}

#[test]
fn apr_1_a_dispatch_that_needs_a_decision_waits_for_it_in_the_ledger() {
    let house = House::new();
    let notes = Notes::free();
    let life = house.live(notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        allow(engine, "@ask(\"a stranger\") @approvers(\"user:bob\")").await;
        let yes = send(engine, &ada(), from_flow("yes")).await;
        assert_eq!((yes.status, yes.run_id), (DispatchStatus::Received, None));
        let asked = asked_about(engine).await;
        assert_eq!((asked.kind, asked.session_id), (ApprovalKind::Dispatch, None));
        assert_eq!(asked.action, Some(json!({ "dispatchId": yes.dispatch_id })));
        let id = asked.approval_id;
        let stranger = engine.decide(&ada(), id, plain(Decision::Approve)).await.unwrap_err();
        assert_eq!(stranger.code, Code::Forbidden);
        let decided = engine.decide(&bob(), id, plain(Decision::Approve)).await.unwrap();
        assert_eq!(decided.status, ApprovalStatus::Approved);
        let twice: Error = engine.decide(&bob(), id, plain(Decision::Deny)).await.unwrap_err();
        assert_eq!(twice.code, Code::AlreadyDecided);
        let started = stands(engine, yes.dispatch_id, DispatchStatus::Started).await;
        done(engine, &ada(), &started).await;
        let no = send(engine, &ada(), from_flow("no")).await;
        let asked = asked_about(engine).await;
        engine.decide(&bob(), asked.approval_id, plain(Decision::Deny)).await.unwrap();
        let rejected = stands(engine, no.dispatch_id, DispatchStatus::Rejected).await;
        assert!(rejected.reason.unwrap().ends_with("is denied"));
        assert_eq!(notes.began(), ["yes"]);
    });
}

/// More commits than one dispatch and its run take.
const BOUNDARIES_MAX: usize = 200;

/// The server dies after every possible number of commits; the next one brings the dispatch to its
/// end, once.
#[test]
fn dsp_3_killed_after_any_commit_a_dispatch_is_delivered_and_recorded_once() {
    for mode in ["interactive", "queued"] {
        let mut commits = 0;
        loop {
            assert!(commits < BOUNDARIES_MAX, "{mode}: a dispatch that commits for ever");
            let mut house = House::new();
            let life = house.live_with(house.config(Drive::Manual), Notes::free().intents());
            let was_all = life.block_on(async {
                let engine = life.engine.clone();
                let asking = tokio::spawn(async move {
                    drop(engine.dispatch(&ada(), asking(mode, "a")).await);
                });
                let mut made = 0;
                let mut idle = 0;
                while made < commits && idle < 2_000 {
                    if life.engine.commit_some() {
                        made += 1;
                        idle = 0;
                    } else {
                        idle += 1;
                        tokio::time::sleep(Duration::ZERO).await;
                    }
                }
                asking.abort();
                made < commits
            });
            house.crash(life);
            let notes = Notes::free();
            let life = house.live(notes.intents());
            life.block_on(async {
                let engine = &life.engine;
                let sent = send(engine, &ada(), asking(mode, "a")).await;
                let sent = stands(engine, sent.dispatch_id, DispatchStatus::Started).await;
                let run = done(engine, &ada(), &sent).await;
                assert_eq!(run.status, RunStatus::Completed, "{mode}, {commits} commits");
                let kinds = engine.kinds(run.session_id);
                let begun = kinds.iter().filter(|kind| **kind == "run.submitted").count();
                assert_eq!(begun, 1, "{mode}, {commits} commits: {kinds:?}");
                verified(&engine.told(run.session_id));
                engine.settled().await.unwrap();
                let all = engine.runs(&ada(), &Listing::default()).unwrap().items;
                assert_eq!(all.len(), 1);
            });
            if was_all {
                break;
            }
            commits += 1;
        }
        assert!(commits > 3, "{mode}: only {commits} boundaries were met");
    }
}

/// A session whose queue is full does not take a start now: the dispatch says why, is offered again and
/// holds no slot meanwhile.
#[test]
fn dsp_2_a_start_its_session_does_not_take_now_shows_why_and_holds_nobody_up() {
    let house = House::new();
    let notes = Notes::held();
    let life = house.live_with(narrow(&house, 1, 1), notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        let session = engine.open().await;
        for _ in 0..limits::QUEUED_RUNS_MAX {
            accepted(engine, intent_in(session, "note", json!({ "what": "before" }))).await;
        }
        let full = CreateDispatch { session_id: Some(session), ..asking("interactive", "full") };
        let full = send(engine, &ada(), full).await.dispatch_id;
        let refused = reason(engine, full).await;
        assert!(refused.0.contains("QUEUED_RUNS_MAX"), "{refused:?}");
        assert_eq!(refused.1.status, DispatchStatus::Started);
        // the only slot there is is free for another one
        let other = send(engine, &ada(), asking("queued", "other")).await;
        let other = stands(engine, other.dispatch_id, DispatchStatus::Started).await;
        notes.go.add_permits(100_000);
        assert_eq!(done(engine, &ada(), &other).await.status, RunStatus::Completed);
        // there is room once one of those before it has ended, and then its session takes it
        until(engine, &ada(), full, |seen| seen.reason.is_none().then_some(())).await;
    });
}

#[test]
fn hnd_1_a_dispatch_that_starts_after_its_session_was_handed_over_is_refused() {
    let house = House::new();
    let notes = Notes::held();
    let life = house.live_with(narrow(&house, 1, 1), notes.intents());
    life.block_on(async {
        let engine = &life.engine;
        let text = "permit(principal, action, resource);".to_owned();
        engine.set_policy(&ada(), SetPolicy { text }).await.unwrap();
        let of = |product: &str, name: &str| Caller {
            principal: tenure_contract::entry::Principal::user(name),
            product: Some(product.to_owned()),
            ..ada()
        };
        // neither is whom the session is for, and a key of theirs that works anywhere is not fenced
        let (desk, lab) = (of("cowork", "clerk"), of("lab", "bob"));
        let open = OpenSession { user_id: Some("ann".to_owned()), ..OpenSession::default() };
        let session = engine.open_session(&desk, open, None).await.unwrap().session_id;
        let first = send(engine, &ada(), asking("interactive", "first")).await;
        let here = CreateDispatch { session_id: Some(session), ..asking("queued", "second") };
        let second = send(engine, &desk, here).await;
        assert_eq!(second.status, DispatchStatus::Waiting, "the only slot is taken");
        let offer = OfferHandoff {
            tenant_id: None,
            to: HandoffTo { product: "lab".to_owned(), principal: Some("user:bob".to_owned()) },
            task_ids: None,
            refs: Vec::new(),
            reason: None,
            expires_at: None,
        };
        let offered = engine.offer_handoff(&desk, session, offer, None).await.unwrap();
        engine.accept_handoff(&lab, offered.handoff_id).await.unwrap();
        notes.go.add_permits(2);
        done(engine, &ada(), &first).await;
        let told = reason(engine, second.dispatch_id).await;
        assert!(told.0.contains("handed over to `user:bob` of product `lab`"), "{told:?}");
        assert_eq!(told.1.run_id, None);
        assert!(!engine.kinds(session).contains(&"run.submitted"), "{:?}", engine.kinds(session));
        assert_eq!(notes.began(), ["first"]);
    });
}
