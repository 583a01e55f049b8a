//! A second host (`HST-1`): it brings every seam of its own and touches nothing of the engine.

mod tiny;

use crate::harness::*;
use std::path::Path;
use std::sync::Arc;
use tenure_contract::SessionId;
use tenure_contract::agent::ToolScope;
use tenure_contract::resource::OpenSession;
use tenure_engine::host::IdRegistry;
use tenure_engine::{Config, Drive, IntentRegistry};
use tiny::TinyHost;

/// Its model shouts once and is done.
const SHOUTS: &str =
    "[[turn]]\n[[turn.call]]\ntool = \"shout\"\nas = \"a\"\n[[turn]]\ntext = \"done\"\n";

fn config(house: &House, host: &TinyHost) -> Config {
    Config { host: host.seams(), ..house.config(Drive::Threads) }
}

/// Lives once on that host and has the thread of a key say something.
fn live_once(house: &House, host: &TinyHost, key: &str) -> (Life, SessionId) {
    let life = house.live_with(config(house, host), IntentRegistry::default());
    let session = life.block_on(async {
        let engine = &life.engine;
        let shouter = agent("shouter").follows(house, SHOUTS);
        engine.hire(shouter.may(serde_json::json!({ "use": "shout", "scope": "sandbox" }))).await;
        let opened = engine.open_session(&ada(), OpenSession::default(), Some(key)).await.unwrap();
        let run = engine.over(engine.task(opened.session_id, "shouter", "shout!").await).await;
        assert_eq!(content(&run), "done");
        assert_eq!(results(&run), [serde_json::json!({ "shouted": 1 })]);
        opened.session_id
    });
    (life, session)
}

fn said(folder: &Path, session: SessionId) -> Vec<(u64, String, String)> {
    let kept = tiny::kept(folder).into_iter().filter(|line| line["session"] == session.to_string());
    kept.map(|line| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        (line["seq"].as_u64().unwrap(), text("role"), text("content"))
    })
    .collect()
}

#[test]
fn hst_1_a_second_host_brings_every_seam_and_touches_nothing_of_the_engine() {
    let house = House::on_files();
    let host = TinyHost::at(house.folder());
    let (life, session) = live_once(&house, &host, "thread-7");

    // ids: its own table says which session an outside name stands for, and back
    let registered = host.ids.id_of(ada().tenant, "session", "thread-7").unwrap();
    assert_eq!(SessionId::from_bytes(registered), session);
    assert_eq!(host.ids.key_of(registered).as_deref(), Some("thread-7"));

    // messages: what was said, in order, each with its entry's number
    host.mirror.wait_for(3);
    let said = said(house.folder(), session);
    let words: Vec<_> = said.iter().map(|(_, role, text)| (&**role, &**text)).collect();
    assert_eq!(words, [("user", "shout!"), ("assistant", ""), ("assistant", "done")]);
    let told = life.engine.told(session);
    for (seq, _, _) in &said {
        let kind = told[*seq as usize - 1].entry.event.name();
        assert!(["run.submitted", "turn.landed"].contains(&kind), "{kind}");
    }

    // tools: the target's own scope was asked for, and nothing of another one
    let asked = host.tools.asked();
    assert!(asked.iter().all(|scope| *scope == ToolScope::Sandbox), "{asked:?}");
    // work: every task went through its one hand
    assert!(host.background.taken() >= 3);
    assert_eq!(host.background.at_once_max(), 1);

    // errors: the tool cannot be disposed of, and nobody waits to hear that
    assert_eq!(host.errors.told(), [""; 0]);
    life.block_on(life.engine.drain());
    let told = host.errors.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("a tool was not disposed of (`shout`"), "{told:?}");
}

#[test]
fn hst_1_after_a_crash_the_second_host_goes_on_where_it_was() {
    let mut house = House::on_files();
    let host = TinyHost::at(house.folder());
    let (life, session) = live_once(&house, &host, "thread-7");
    house.crash(life);
    // what the dead process kept of the last batch may be torn
    tiny::tear(house.folder());
    let host = TinyHost::at(house.folder());
    let (life, again) = live_once(&house, &host, "thread-7");
    assert_eq!(again, session, "the same key is the same thread");
    let (_, other) = {
        let opened = OpenSession::default();
        let engine = &life.engine;
        let opened = life.block_on(engine.open_session(&ada(), opened, Some("thread-8"))).unwrap();
        ((), opened.session_id)
    };
    assert_ne!(other, session);
    host.mirror.wait_for(6);
    let said = said(house.folder(), session);
    let spoken = life.engine.told(session);
    let spoken = spoken
        .iter()
        .filter(|told| ["run.submitted", "turn.landed"].contains(&told.entry.event.name()));
    let expected: Vec<u64> = spoken.map(|told| told.entry.seq).collect();
    assert_eq!(said.iter().map(|(seq, _, _)| *seq).collect::<Vec<_>>(), expected);
    life.forget();
}

#[test]
fn hst_1_a_sink_that_fails_is_reported_and_fed_the_same_again() {
    let house = House::on_files();
    let host = TinyHost::at(house.folder());
    host.mirror.break_times(2);
    let (life, session) = live_once(&house, &host, "thread-7");
    host.mirror.wait_for(3);
    assert_eq!(said(house.folder(), session).len(), 3);
    let told = host.errors.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|told| told.contains("a host's sink did not take messages")),
        "{told:?}"
    );
    life.forget();
}

#[test]
fn hst_1_a_registry_that_cannot_say_makes_nothing() {
    let house = House::on_files();
    let host = TinyHost::at(house.folder());
    host.ids.lose_table();
    let life = house.live_with(config(&house, &host), IntentRegistry::default());
    let told = life.block_on(async {
        let (ada, wanted) = (ada(), OpenSession::default());
        let opened = life.engine.open_session(&ada, wanted, Some("thread-7"));
        let told = opened.await.unwrap_err();
        life.engine.settled().await.unwrap();
        let listing = tenure_engine::Listing::default();
        assert_eq!(life.engine.sessions(&ada, &listing).unwrap().items.len(), 0);
        told
    });
    assert!(told.message.contains("ids.jsonl"), "{told}");
    assert!(Arc::strong_count(&host.ids) > 1);
    life.forget();
}
