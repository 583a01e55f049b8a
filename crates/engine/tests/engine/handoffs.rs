//! Handoffs between products: keys of the former product are shut out at once, runs go on, lists and
//! approvals follow, and an offer nobody answers expires over restarts (`HND-1`).

use crate::harness::*;
use serde_json::json;
use std::time::Duration;
use tenure_contract::entry::Principal;
use tenure_contract::resource::{
    Caller, CreateTask, Decision, Handoff, HandoffTo, OfferHandoff, OpenSession, SetPolicy,
};
use tenure_contract::words::{CheckpointCause, HandoffStatus, RunStatus};
use tenure_contract::{Code, Error, SessionId, limits};
use tenure_engine::{Drive, Engine, IntentRegistry, Listing, Wanted};

/// Everything the built-in policy permits, and handoffs to `lab`.
const TO_LAB: &str = r#"
permit (principal, action == Action::"call", resource);
permit (principal, action == Action::"run", resource);
permit (principal is User, action == Action::"decide", resource);
permit (principal, action == Action::"handoff", resource == Product::"lab");
"#;

fn of(product: &str, name: &str) -> Caller {
    Caller { principal: Principal::user(name), product: Some(product.to_owned()), ..ada() }
}

fn to(product: &str, principal: &str) -> OfferHandoff {
    OfferHandoff {
        tenant_id: None,
        to: HandoffTo { product: product.to_owned(), principal: Some(principal.to_owned()) },
        task_ids: None,
        refs: vec!["ticket:7".to_owned()],
        reason: Some("second line".to_owned()),
        expires_at: None,
    }
}

async fn permit(engine: &Engine) {
    let request = SetPolicy { text: TO_LAB.to_owned() };
    engine.set_policy(&ada(), request).await.unwrap();
}

async fn opened(engine: &Engine) -> SessionId {
    let open = OpenSession { user_id: Some("ada".to_owned()), ..approved_by("user:ada") };
    engine.open_session(&of("desk", "ada"), open, None).await.unwrap().session_id
}

async fn offered(engine: &Engine, session: SessionId) -> Handoff {
    let offer = to("lab", "user:bob");
    engine.offer_handoff(&of("desk", "ada"), session, offer, None).await.unwrap()
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, code: Code) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.code, code, "{error}");
    error
}

fn task() -> CreateTask {
    CreateTask { title: "late".to_owned(), intent: None, priority: None, workspace: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hnd_1_acceptance_shuts_the_former_product_out_and_lists_follow() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    permit(&engine).await;
    let mut pay = action("pay", "once", &outside.url("/pay"));
    pay["confirm"] = json!({});
    let script = "[[turn]]\n[[turn.call]]\ntool = \"pay\"\narguments = { n = 1 }\n[[turn]]\ntext = \"paid\"\n";
    engine.hire(agent("payer").follows(&house, script).may(pay)).await;
    let session = opened(&engine).await;
    let run = engine.task(session, "payer", "pay").await;
    engine.rested(run).await;
    let (desk, lab) = (of("desk", "ada"), of("lab", "bob"));

    let offer = offered(&engine, session).await;
    assert_eq!((offer.status, offer.approval_ids.len()), (HandoffStatus::Offered, 1));
    engine.create_task(&desk, session, task(), None).await.expect("the owner goes on");
    refused(engine.session(&lab, session).await, Code::NotFound);
    let accepted = engine.accept_handoff(&lab, offer.handoff_id).await.unwrap();
    assert_eq!(accepted.status, HandoffStatus::Accepted);
    assert_eq!(accepted.resolved_by.as_deref(), Some("user:bob"));

    let told = refused(engine.create_task(&desk, session, task(), None).await, Code::HandedOver);
    assert!(told.message.contains("`user:bob` of product `lab`"), "{told}");
    let unbound = Caller { scopes: vec!["runs:*".to_owned()], product: None, ..desk.clone() };
    refused(engine.create_task(&unbound, session, task(), None).await, Code::HandedOver);
    let [approval] = accepted.approval_ids.as_slice() else { panic!("{accepted:?}") };
    let decided = engine.decide(&unbound, *approval, plain(Decision::Approve)).await;
    refused(decided, Code::HandedOver);
    refused(engine.see_task(&desk, engine_task(&engine, session).await).await, Code::HandedOver);

    let seen = engine.session(&lab, session).await.unwrap();
    assert_eq!((seen.product_id.as_str(), seen.user_id.as_str()), ("lab", "bob"));
    engine.settled().await.unwrap();
    let mine = |caller| engine.sessions(&caller, &Listing::default()).unwrap().items.len();
    assert_eq!((mine(lab.clone()), mine(desk.clone())), (1, 0));
    let to_me = engine.handoffs(&lab, &Listing::default()).unwrap().items;
    assert_eq!(to_me[0].handoff_id, offer.handoff_id);
    let from = Some("desk".to_owned());
    let by_me = Listing { from_product: from, ..Listing::default() };
    assert_eq!(engine.handoffs(&desk, &by_me).unwrap().items, to_me);
    assert!(engine.handoffs(&desk, &Listing::default()).unwrap().items.is_empty());

    // the run is the session's: bob decides where ada could have, and it goes on
    engine.decide(&lab, *approval, plain(Decision::Approve)).await.unwrap();
    let run = engine.over(run).await;
    assert_eq!((run.status, content(&run)), (RunStatus::Completed, "paid"));
    assert_eq!((run.product_id.as_str(), run.user_id.as_str()), ("desk", "ada"), "as it came");
    assert_eq!(outside.attempts("/pay").len(), 1);
    verified(&engine.told(session));
}

async fn engine_task(engine: &Engine, session: SessionId) -> tenure_contract::TaskId {
    engine.settled().await.unwrap();
    let listing = Listing { session: Some(session), ..Listing::default() };
    engine.tasks(&ada(), &listing).unwrap().items[0].task_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hnd_1_to_another_product_a_session_goes_only_where_policy_permits_it() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    let session = opened(&engine).await;
    let desk = of("desk", "ada");
    let denied = engine.offer_handoff(&desk, session, to("lab", "user:bob"), None).await;
    let told = refused(denied, Code::DeniedByPolicy);
    assert!(told.message.contains("product `lab`"), "{told}");
    permit(&engine).await;
    let offer = offered(&engine, session).await;
    let builtin = "permit (principal, action == Action::\"run\", resource);".to_owned();
    engine.set_policy(&ada(), SetPolicy { text: builtin }).await.unwrap();
    let late = engine.accept_handoff(&of("lab", "bob"), offer.handoff_id).await;
    refused(late, Code::DeniedByPolicy);
    let back = engine.withdraw_handoff(&desk, offer.handoff_id, None).await.unwrap();
    assert_eq!(back.status, HandoffStatus::Withdrawn);
    let within = engine.offer_handoff(&desk, session, to("desk", "user:bob"), None).await;
    assert_eq!(within.unwrap().status, HandoffStatus::Offered, "within a product nobody is asked");
}

#[tokio::test(start_paused = true)]
async fn hnd_1_an_offer_expires_in_a_session_nobody_looks_at() {
    let house = House::new();
    let engine = cranked(&house, IntentRegistry::default());
    permit(&engine).await;
    let session = opened(&engine).await;
    let offer = offered(&engine, session).await;
    let seen = |status| {
        let engine = engine.clone();
        async move {
            let handoff = engine.see_handoff(&ada(), offer.handoff_id).await.unwrap();
            assert_eq!(handoff.status, status);
        }
    };
    tokio::time::advance(Duration::from_millis(limits::HANDOFF_EXPIRY_DEFAULT_MS - 60_000)).await;
    seen(HandoffStatus::Offered).await;
    tokio::time::advance(Duration::from_secs(61)).await;
    engine.reach(&ada(), session, 3).await.unwrap();
    seen(HandoffStatus::Expired).await;
}

#[test]
fn hnd_1_what_was_accepted_stands_over_a_crash_and_its_checkpoint_resumes() {
    let mut house = House::on_files();
    let life = house.live_with(house.config(Drive::Threads), IntentRegistry::default());
    let (session, offer) = life.block_on(async {
        permit(&life.engine).await;
        let session = opened(&life.engine).await;
        let offer = offered(&life.engine, session).await;
        life.engine.accept_handoff(&of("lab", "bob"), offer.handoff_id).await.unwrap();
        (session, offer)
    });
    house.crash(life);
    let life = house.live_with(house.config(Drive::Threads), IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        let late = engine.create_task(&of("desk", "ada"), session, task(), None).await;
        refused(late, Code::HandedOver);
        let again = engine.accept_handoff(&of("lab", "bob"), offer.handoff_id).await.unwrap();
        assert_eq!(again.status, HandoffStatus::Accepted);
        engine.settled().await.unwrap();
        let listing = Listing { session: Some(session), ..Listing::default() };
        let made = engine.checkpoints(&of("lab", "bob"), &listing).unwrap().items;
        assert_eq!(made.len(), 1, "accepted once");
        assert_eq!(made[0].cause, CheckpointCause::Handoff);
        assert_eq!(Some(made[0].checkpoint_id), again.checkpoint_id);
        assert_eq!((made[0].product_id.as_str(), made[0].user_id.as_str()), ("lab", "bob"));
    });
}

/// The lists may be behind: whose a session is must not be read off them then.
#[test]
fn hnd_1_who_follows_a_tenant_from_after_a_handoff_sees_none_of_it_while_the_lists_are_behind() {
    let house = House::new();
    let life = house.live_with(house.config(Drive::Threads), IntentRegistry::default());
    life.block_on(async {
        let engine = &life.engine;
        permit(engine).await;
        let session = opened(engine).await;
        let (desk, lab) = (of("desk", "ada"), of("lab", "bob"));
        let offer = offered(engine, session).await;
        engine.settled().await.unwrap();
        house.plug.refuse_settles(usize::MAX);
        engine.accept_handoff(&lab, offer.handoff_id).await.unwrap();
        let after = engine.durable_end();
        let all = Wanted::default;
        let mut followings = [
            engine.follow(&desk, all(), after).unwrap(),
            engine.follow(&lab, all(), after).unwrap(),
            engine.follow(&ada(), all(), after).unwrap(),
            engine
                .follow(&Caller { product: Some("shop".to_owned()), ..ada() }, all(), after)
                .unwrap(),
        ];
        let listed = engine.sessions(&desk, &Listing::default()).unwrap().items;
        assert_eq!(listed.len(), 1, "this list is behind indeed");
        engine.create_task(&lab, session, task(), None).await.unwrap();
        let seen = followings.each_mut().map(|following| {
            let read = following.read().unwrap();
            read.into_iter().map(|(_, line)| line.event.name()).collect::<Vec<_>>()
        });
        let made: Vec<&str> = vec!["task.created"];
        assert_eq!(seen, [vec![], made.clone(), made, vec![]]);
        let other = Wanted { product: Some("lab".to_owned()), ..Wanted::default() };
        refused(engine.follow(&desk, other, after).map(drop), Code::Forbidden);
    });
    life.forget();
}
