//! Entries of schedules: each starts one run, at its time or by turn (`RUN-4`, `SES-1`).

use crate::harness::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tenure_contract::resource::{
    AddScheduleEntry, CreateSchedule, HandoffTo, MoveScheduleEntry, OfferHandoff, OpenSession, Run,
    Schedule, ScheduleEntry, SetPolicy,
};
use tenure_contract::words::{
    DispatchStatus, RunStatus, ScheduleEntryStatus, ScheduleStatus, SessionStatus, StuckReason,
    Trigger,
};
use tenure_contract::{Code, Event, ScheduleId, Time};
use tenure_engine::{Clock, Ctx, Drive, Engine, HandlerResult, IntentRegistry, Listing};

const HOUR_MS: u64 = 3_600_000;

/// An intent that says what it was given.
fn echo() -> IntentRegistry {
    let intents = IntentRegistry::default();
    intents.register_intent("note", "noter", |ctx: Ctx| async move {
        let output = ctx.intent().parameters["what"].clone();
        Ok(HandlerResult { output, ..HandlerResult::default() })
    });
    intents
}

fn asking(entries: &Value) -> CreateSchedule {
    let work = json!({ "type": "intent", "intentType": "note" });
    let request = json!({ "title": "nightly", "productId": "cowork", "work": work,
                          "payload": { "what": "the schedule's" }, "entries": entries });
    serde_json::from_value(request).unwrap()
}

fn entry(value: Value) -> AddScheduleEntry {
    serde_json::from_value(value).unwrap()
}

fn of(schedule: &Schedule) -> &[ScheduleEntry] {
    schedule.entries.as_deref().unwrap()
}

/// The schedule once that entry stands there, and its dispatch has come to what it comes to.
async fn settled(engine: &Engine, id: ScheduleId, number: usize) -> Schedule {
    let began = Instant::now();
    loop {
        let seen = engine.see_schedule(&ada(), id).await.unwrap();
        let one = &of(&seen)[number - 1];
        let is_over = match one.status {
            ScheduleEntryStatus::Pending => false,
            ScheduleEntryStatus::Dispatched => {
                one.dispatch_status.is_some_and(DispatchStatus::is_final)
            }
            ScheduleEntryStatus::Missed | ScheduleEntryStatus::Cancelled => true,
        };
        if is_over {
            return seen;
        }
        assert!(began.elapsed() < LIMIT, "{seen:?}");
        tokio::task::yield_now().await;
    }
}

async fn done(engine: &Engine, entry: &ScheduleEntry) -> Run {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < LIMIT, "{entry:?}");
        match engine.wait(&ada(), entry.run_id.unwrap(), LIMIT).await {
            Ok(run) => return run,
            Err(error) if error.code == Code::NotFound => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn run_4_an_entry_starts_a_new_run_in_the_session_it_names_or_in_a_new_one() {
    let house = House::new();
    let life = house.live(echo());
    life.block_on(async {
        let engine = &life.engine;
        let two =
            json!([{ "kind": "queued" }, { "kind": "queued", "payload": { "what": "its own" } }]);
        let made = engine.create_schedule(&ada(), asking(&two), Some("k")).await.unwrap();
        let again = engine.create_schedule(&ada(), asking(&two), Some("k")).await.unwrap();
        assert_eq!(again.schedule_id, made.schedule_id);
        let other = engine.create_schedule(&ada(), asking(&json!([])), Some("k")).await;
        assert_eq!(other.unwrap_err().code, Code::KeyConflict);
        settled(engine, made.schedule_id, 1).await;
        let seen = settled(engine, made.schedule_id, 2).await;
        assert_eq!(seen.status, ScheduleStatus::Completed);
        let (first, second) =
            (done(engine, &of(&seen)[0]).await, done(engine, &of(&seen)[1]).await);
        assert_eq!(
            (first.output, second.output),
            (Some(json!("the schedule's")), Some(json!("its own")))
        );
        assert_ne!(first.session_id, second.session_id);
        for (number, run) in [(1, &first.run_id), (2, &second.run_id)] {
            let run = engine.run(&ada(), *run).await.unwrap();
            let by = run.scheduled.unwrap();
            assert_eq!(
                (run.trigger, by.schedule_id, by.entry),
                (Trigger::Schedule, made.schedule_id, number)
            );
        }
        let ended = engine.session(&ada(), first.session_id).await.unwrap();
        assert_eq!(
            ended.status,
            SessionStatus::Completed,
            "made for one entry, it ends with its run"
        );

        let session = engine.open_as(OpenSession::default()).await.session_id;
        let named = CreateSchedule { session_id: Some(session), product_id: None, ..asking(&two) };
        let named = engine.create_schedule(&ada(), named, None).await.unwrap();
        for number in [1, 2] {
            let seen = settled(engine, named.schedule_id, number).await;
            assert_eq!(done(engine, &of(&seen)[number - 1]).await.session_id, session);
        }
        let kept = engine.session(&ada(), session).await.unwrap();
        assert_eq!(kept.status, SessionStatus::Active);
        assert_eq!(
            engine.see_schedule(&eve(), named.schedule_id).await.unwrap_err().code,
            Code::NotFound
        );
        engine.settled().await.unwrap();
        let listed = engine.schedules(&ada(), &Listing::default()).unwrap().items;
        let ids: Vec<_> = listed.iter().map(|one| one.schedule_id).collect();
        assert_eq!(ids, [named.schedule_id, made.schedule_id]);
        assert!(engine.schedules(&eve(), &Listing::default()).unwrap().items.is_empty());
    });
}

#[test]
fn run_4_entries_that_are_due_together_reach_their_session_in_their_order() {
    let house = House::new();
    let life = house.live(echo());
    life.block_on(async {
        let engine = &life.engine;
        let session = engine.open_as(OpenSession::default()).await.session_id;
        let many: Vec<Value> = vec![json!({ "kind": "queued" }); 60];
        let asked =
            CreateSchedule { session_id: Some(session), product_id: None, ..asking(&json!(many)) };
        let made = engine.create_schedule(&ada(), asked, None).await.unwrap();
        let seen = settled(engine, made.schedule_id, many.len()).await;
        done(engine, of(&seen).last().unwrap()).await;
        let told = engine.told(session);
        let begun = told.iter().filter_map(|told| match &told.entry.event {
            Event::RunSubmitted(run) => run.scheduled.map(|by| by.entry),
            _ => None,
        });
        assert_eq!(begun.collect::<Vec<_>>(), (1..=60).collect::<Vec<_>>());
    });
}

#[tokio::test(start_paused = true)]
async fn run_4_an_entry_starts_at_its_time_and_can_be_moved_held_and_given_up() {
    let house = House::new();
    let engine = cranked(&house, echo());
    let now = Clock::system().now();
    let at = |hours: u64| now.plus_ms(hours * HOUR_MS);
    let four: Vec<Value> =
        [1, 2, 3, 9].map(|hours| json!({ "kind": "at", "at": at(hours) })).into();
    let made = engine.create_schedule(&ada(), asking(&json!(four)), None).await.unwrap();
    let id = made.schedule_id;
    let waits = of(&made)[0].waiting_for.as_ref().unwrap();
    assert_eq!(
        (waits.reason, waits.subject.clone()),
        (StuckReason::Alarm, Some(at(1).to_string()))
    );
    let over = entry(json!({ "kind": "at", "at": Time::from_micros(1) }));
    let over = engine.add_schedule_entry(&ada(), id, over, None).await.unwrap_err();
    assert!(over.code == Code::InvalidArgument && over.message.contains("queued"), "{over}");
    engine.move_schedule_entry(&ada(), (id, 4), MoveScheduleEntry { at: at(4) }).await.unwrap();
    engine.cancel_schedule_entry(&ada(), (id, 3), Some("enough".to_owned())).await.unwrap();

    tokio::time::advance(Duration::from_millis(HOUR_MS - 60_000)).await;
    assert_eq!(
        of(&engine.see_schedule(&ada(), id).await.unwrap())[0].status,
        ScheduleEntryStatus::Pending
    );
    tokio::time::advance(Duration::from_secs(120)).await;
    let seen = settled(&engine, id, 1).await;
    assert_eq!(done(&engine, &of(&seen)[0]).await.status, RunStatus::Completed);
    let late = engine.cancel_schedule_entry(&ada(), (id, 1), None).await.unwrap_err();
    assert!(late.code == Code::IllegalTransition && late.message.contains("dsp_"), "{late}");

    engine.move_schedule(&ada(), id, ScheduleStatus::Paused, None).await.unwrap();
    tokio::time::advance(Duration::from_millis(2 * HOUR_MS)).await;
    let held = engine.see_schedule(&ada(), id).await.unwrap();
    assert_eq!(of(&held)[1].status, ScheduleEntryStatus::Pending);
    assert_eq!(of(&held)[1].waiting_for.as_ref().unwrap().reason, StuckReason::Operator);
    engine.move_schedule(&ada(), id, ScheduleStatus::Active, None).await.unwrap();
    let seen = settled(&engine, id, 2).await;
    assert!(of(&seen)[1].late_ms.unwrap() > HOUR_MS / 2, "how late it was is recorded");
    assert_eq!(of(&seen)[2].status, ScheduleEntryStatus::Cancelled);
    let gone = engine
        .move_schedule(&ada(), id, ScheduleStatus::Cancelled, Some("over".to_owned()))
        .await
        .unwrap();
    assert_eq!((gone.status, gone.reason.as_deref()), (ScheduleStatus::Cancelled, Some("over")));
    assert_eq!(of(&gone)[3].status, ScheduleEntryStatus::Cancelled);
    let dead = engine.move_schedule(&ada(), id, ScheduleStatus::Active, None).await.unwrap_err();
    assert_eq!(dead.code, Code::IllegalTransition);
}

#[tokio::test(start_paused = true)]
async fn run_4_what_was_missed_is_skipped_where_the_schedule_says_so() {
    let house = House::new();
    let engine = cranked(&house, echo());
    let at = Clock::system().now().plus_ms(HOUR_MS);
    let mut request = asking(&json!([{ "kind": "at", "at": at }]));
    request.missed_policy = Some(tenure_contract::words::MissedPolicy::Skip);
    let id = engine.create_schedule(&ada(), request, None).await.unwrap().schedule_id;
    engine.move_schedule(&ada(), id, ScheduleStatus::Paused, None).await.unwrap();
    tokio::time::advance(Duration::from_millis(2 * HOUR_MS)).await;
    engine.move_schedule(&ada(), id, ScheduleStatus::Active, None).await.unwrap();
    let seen = settled(&engine, id, 1).await;
    let one = &of(&seen)[0];
    assert_eq!((one.status, one.run_id), (ScheduleEntryStatus::Missed, None));
    assert!(one.reason.as_ref().unwrap().contains("SCHEDULE_LATE_MAX_MS"), "{one:?}");
    assert_eq!(seen.status, ScheduleStatus::Completed);
    let more = entry(json!({ "kind": "queued" }));
    let more = engine.add_schedule_entry(&ada(), id, more, Some("m")).await.unwrap();
    assert_eq!(of(&more).len(), 2, "a completed one takes another entry");
    let same = entry(json!({ "kind": "queued" }));
    let again = engine.add_schedule_entry(&ada(), id, same, Some("m")).await.unwrap();
    assert_eq!(of(&again).len(), 2);
    settled(&engine, id, 2).await;
}

#[test]
fn pol_1_a_scheduled_start_is_ruled_when_it_is_due() {
    let house = House::new();
    let life = house.live(echo());
    life.block_on(async {
        let engine = &life.engine;
        let empty = asking(&json!([]));
        let id = engine.create_schedule(&ada(), empty, None).await.unwrap().schedule_id;
        engine.move_schedule(&ada(), id, ScheduleStatus::Paused, None).await.unwrap();
        let queued = entry(json!({ "kind": "queued" }));
        engine.add_schedule_entry(&ada(), id, queued, None).await.unwrap();
        let text =
            "permit (principal, action, resource) unless { action == Action::\"dispatch\" };";
        engine.set_policy(&ada(), SetPolicy { text: text.to_owned() }).await.unwrap();
        engine.move_schedule(&ada(), id, ScheduleStatus::Active, None).await.unwrap();
        let seen = settled(engine, id, 1).await;
        let one = &of(&seen)[0];
        assert_eq!((one.dispatch_status, one.run_id), (Some(DispatchStatus::Rejected), None));
        assert!(one.reason.is_some());
    });
}

#[test]
fn run_4_into_a_session_that_was_handed_over_no_entry_starts_and_says_so() {
    let house = House::new();
    let life = house.live(echo());
    life.block_on(async {
        let engine = &life.engine;
        let session = engine.open_as(OpenSession::default()).await;
        let id = session.session_id;
        let named = CreateSchedule { session_id: Some(id), ..asking(&json!([])) };
        let schedule = engine.create_schedule(&ada(), named, None).await.unwrap().schedule_id;
        let to = HandoffTo { product: session.product_id, principal: Some("user:bob".to_owned()) };
        let offer = OfferHandoff {
            tenant_id: None,
            to,
            task_ids: None,
            refs: Vec::new(),
            reason: None,
            expires_at: None,
        };
        let offer = engine.offer_handoff(&ada(), id, offer, None).await.unwrap();
        // added before, and due after: who added it speaks for the session no more
        engine.move_schedule(&ada(), schedule, ScheduleStatus::Paused, None).await.unwrap();
        let queued = entry(json!({ "kind": "queued" }));
        engine.add_schedule_entry(&ada(), schedule, queued, None).await.unwrap();
        engine.accept_handoff(&bob(), offer.handoff_id).await.unwrap();
        engine.move_schedule(&ada(), schedule, ScheduleStatus::Active, None).await.unwrap();
        let refused = loop {
            let one = of(&engine.see_schedule(&ada(), schedule).await.unwrap())[0].clone();
            if one.reason.is_some() {
                break one;
            }
            tokio::task::yield_now().await;
        };
        assert!(refused.reason.as_ref().unwrap().contains("`user:bob`"), "{refused:?}");
        assert_eq!((refused.status, refused.run_id), (ScheduleEntryStatus::Dispatched, None));
        let kinds = engine.kinds(id);
        assert!(!kinds.contains(&"run.submitted"), "{kinds:?}");
    });
}

/// The server dies after every possible number of commits; the next one brings the entry to its one
/// run.
#[test]
fn run_4_killed_after_any_commit_an_entry_starts_one_run() {
    let mut commits = 0;
    loop {
        let mut house = House::new();
        let life = house.live_with(house.config(Drive::Manual), echo());
        let was_all = life.block_on(async {
            let engine = life.engine.clone();
            let asking = tokio::spawn(async move {
                let request = asking(&json!([{ "kind": "queued" }]));
                drop(engine.create_schedule(&ada(), request, Some("k")).await);
            });
            let (mut made, mut idle) = (0, 0);
            while made < commits && idle < 2_000 {
                if life.engine.commit_some() {
                    (made, idle) = (made + 1, 0);
                } else {
                    idle += 1;
                    tokio::time::sleep(Duration::ZERO).await;
                }
            }
            asking.abort();
            made < commits
        });
        house.crash(life);
        let life = house.live(echo());
        life.block_on(async {
            let engine = &life.engine;
            let request = asking(&json!([{ "kind": "queued" }]));
            let made = engine.create_schedule(&ada(), request, Some("k")).await.unwrap();
            let seen = settled(engine, made.schedule_id, 1).await;
            let run = done(engine, &of(&seen)[0]).await;
            assert_eq!(run.status, RunStatus::Completed, "{commits} commits");
            verified(&engine.told(run.session_id));
            engine.settled().await.unwrap();
            let all = engine.runs(&ada(), &Listing::default()).unwrap().items;
            assert_eq!(all.len(), 1, "{commits} commits");
        });
        if was_all {
            break;
        }
        commits += 1;
    }
    assert!(commits > 3, "only {commits} boundaries were met");
}
