//! Rows of a store without owners come in, each to one tenant, whatever happens in between (`TEN-2`).

use crate::harness::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tenure_contract::resource::{
    AssignRow, Caller, DiscardRow, LegacyRow, MapUser, Migration, RunMigration,
};
use tenure_contract::words::{QuarantineCause, RowStanding};
use tenure_contract::{Code, Entry, Error, Event, MigrationId, TenantId, limits};
use tenure_core::position::Position;
use tenure_engine::{Engine, IntentRegistry, Listing, RowsWanted};

/// The server's own tenant; `ada` and `eve` have others.
const HOME: TenantId = TenantId::from_bytes([7; 16]);

fn operator() -> Caller {
    let scopes = vec!["*".to_owned(), "tenants:admin".to_owned()];
    Caller { tenant: HOME, scopes, ..ada() }
}

async fn tenants(engine: &Engine) {
    for (tenant, name) in [(HOME, "own"), (ada().tenant, "ada's"), (eve().tenant, "eve's")] {
        engine.open_tenant(tenant, name).await.unwrap();
    }
}

/// Rows of three users, one of whom nobody knows.
fn rows(house: &House) -> String {
    let definition = agent("helper").follows(house, "[[turn]]\ntext = \"yes\"\n").made();
    let lines = [
        json!({ "kind": "user", "id": "ada", "tenantId": ada().tenant }),
        json!({ "kind": "user", "id": "eve", "tenantId": eve().tenant }),
        json!({ "kind": "project", "id": "1", "user": "ada", "name": "site" }),
        json!({ "kind": "workspace", "id": "1", "user": "ada", "project": "1", "workspaceKind": "worktree", "ref": "main", "status": "ready" }),
        json!({ "kind": "agent", "id": "1", "user": "ada", "definition": definition }),
        json!({ "kind": "session", "id": "1", "user": "ada", "title": "the code", "workspace": "1", "agent": "1" }),
        json!({ "kind": "session", "id": "2", "user": "ada", "title": "a chat", "messages": [
            { "role": "user", "content": "my name is Ada" }, { "role": "assistant", "content": "hello Ada" },
        ] }),
        json!({ "kind": "artifact", "id": "1", "user": "ada", "session": "1", "artifactType": "file", "intent": "ingest_file" }),
        json!({ "kind": "artifact", "id": "2", "user": "ada", "session": "1", "artifactType": "profile", "intent": "ingest_file", "parents": ["1"] }),
        json!({ "kind": "session", "id": "3", "user": "eve", "title": "eve's" }),
        json!({ "kind": "session", "id": "4", "user": "zoe" }),
        json!({ "kind": "session", "id": "5" }),
        json!({ "kind": "session", "id": "6", "user": "eve", "workspace": "1" }),
    ];
    lines.map(|line| line.to_string()).join("\n")
}

/// Rows of the file above, without its users.
const ROWS: u64 = 11;

async fn begun(engine: &Engine, text: &str) -> Migration {
    let caller = operator();
    let begun =
        engine.begin_migration(&caller, HOME, "host".to_owned(), text.to_owned(), Some("k"));
    begun.await.unwrap()
}

async fn run(engine: &Engine, id: MigrationId) -> Migration {
    engine.run_migration(&operator(), HOME, id, &RunMigration::default()).await.unwrap()
}

async fn read_as(
    caller: &Caller,
    engine: &Engine,
    id: MigrationId,
    row: &str,
) -> Result<LegacyRow, Error> {
    engine.legacy_row(caller, HOME, id, row).await
}

fn row(engine: &Engine, id: MigrationId, row: &str) -> LegacyRow {
    let all = RowsWanted { limit: Some(limits::PAGE_MAX_ROWS), ..RowsWanted::default() };
    let page = engine.legacy_rows(&operator(), HOME, id, &all).unwrap();
    page.items.into_iter().find(|known| known.row == row).unwrap()
}

/// Every entry of the store, by its kind and tenant.
fn written(house: &House) -> BTreeMap<(&'static str, TenantId), usize> {
    let mut counts = BTreeMap::new();
    let log = house.store().log;
    let mut after = Position::from_number(0);
    loop {
        let page = log.scan(after, 512).unwrap();
        let Some(last) = page.last() else { return counts };
        after = last.position;
        for stored in &page {
            let entry = Entry::from_bytes(&stored.bytes).unwrap();
            *counts.entry((entry.event.name(), entry.tenant)).or_default() += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_2_every_kind_of_row_comes_to_its_owners_tenant_and_the_rest_is_set_aside_and_reported()
{
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    tenants(&engine).await;
    let text = rows(&house);
    let migration = begun(&engine, &text).await;
    let id = migration.migration_id;
    assert_eq!((migration.rows, migration.open), (ROWS, ROWS));
    assert_eq!(begun(&engine, &text).await, migration, "the same again is the same");
    let open = engine.finish_migration(&operator(), HOME, id).await.unwrap_err();
    assert_eq!(open.code, Code::IllegalTransition);
    assert!(open.message.contains("11 rows"), "{open}");

    let swept = run(&engine, id).await;
    assert_eq!(swept.open, 0);
    let causes: Vec<_> =
        swept.report.quarantine.iter().map(|told| (told.cause, told.rows)).collect();
    use QuarantineCause::*;
    assert_eq!(causes, [(NoUser, 1), (UnknownUser, 1), (CrossesTenants, 1)]);

    // what is there is a thing like any other of its tenant
    engine.settled().await.unwrap();
    let all = Listing::default();
    let projects = engine.projects(&ada(), &all).unwrap().items;
    let workspaces = engine.workspaces(&ada(), &all).unwrap().items;
    assert_eq!((projects.len(), &*projects[0].name), (1, "site"));
    assert_eq!(workspaces[0].project_id, Some(projects[0].project_id));
    assert_eq!(workspaces[0].status.as_str(), "ready");
    let sessions = engine.sessions(&ada(), &all).unwrap().items;
    assert_eq!(sessions.len(), 2);
    let code = sessions.iter().find(|seen| seen.workspace.is_some()).unwrap().session_id;
    let code = engine.session(&ada(), code).await.unwrap();
    assert_eq!((code.workspace, &*code.user_id), (Some(workspaces[0].workspace_id), "ada"));
    let helper = engine.agent(&ada(), "helper").unwrap();
    assert_eq!(code.agent_binding.unwrap().agent, format!("helper@{}", helper.version));
    let artifacts = engine.artifacts(&ada(), code.session_id).unwrap();
    assert_eq!(artifacts[1].parent_artifacts, [artifacts[0].artifact_id]);
    let hers = engine.sessions(&eve(), &all).unwrap().items;
    assert_eq!((hers.len(), hers[0].title.as_deref()), (1, Some("eve's")));
    assert!(engine.projects(&eve(), &all).unwrap().items.is_empty());
    assert!(
        engine.sessions(&operator(), &all).unwrap().items.is_empty(),
        "nothing is the operator's"
    );
    verified(&engine.told(code.session_id));

    // a person says whose the others are, or gives them up
    let (caller, zoe) = (operator(), Some("zoe".to_owned()));
    let map =
        MapUser { user_id: zoe.clone().unwrap(), tenant_id: Some(eve().tenant), reason: None };
    assert_eq!(engine.map_user(&caller, HOME, id, map).await.unwrap().open, 1);
    let assign = AssignRow {
        tenant_id: ada().tenant,
        user_id: Some("ada".to_owned()),
        reason: "her address stands in it".to_owned(),
    };
    engine.assign_row(&caller, HOME, id, "session:5", assign).await.unwrap();
    let discard = DiscardRow { reason: "a test".to_owned() };
    let gone = engine.discard_row(&caller, HOME, id, "session:6", discard).await.unwrap();
    assert_eq!(gone.standing, RowStanding::Discarded);
    run(&engine, id).await;
    let finished = engine.finish_migration(&caller, HOME, id).await.unwrap();
    let sessions =
        finished.report.kinds.iter().find(|kind| kind.kind.as_str() == "session").unwrap();
    assert_eq!((sessions.backfilled, sessions.discarded, sessions.quarantined), (5, 1, 0));
    assert_eq!(engine.migration(&caller, HOME, id).unwrap(), finished);
    assert!(engine.run_migration(&caller, HOME, id, &RunMigration::default()).await.is_err());
    // once there, a row is found by its old name for good
    let found = read_as(&ada(), &engine, id, "session:5").await.unwrap();
    assert_eq!(found.location, Some(format!("/v1/sessions/{}", found.id.unwrap())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_2_a_row_is_backfilled_when_its_tenant_reads_it_and_is_not_there_for_anyone_else() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    tenants(&engine).await;
    let id = begun(&engine, &rows(&house)).await.migration_id;
    let before = written(&house);
    for (caller, row) in [
        (eve(), "session:1"),
        (operator(), "session:1"),
        (ada(), "session:3"),
        (ada(), "session:4"),
        (ada(), "session:5"),
        (eve(), "session:6"),
        (ada(), "session:99"),
    ] {
        let told = read_as(&caller, &engine, id, row).await.unwrap_err();
        assert_eq!(told.code, Code::NotFound);
        let nobodys = read_as(&caller, &engine, MigrationId::from_bytes([9; 16]), row).await;
        assert_eq!(nobodys.unwrap_err(), told, "in the same words as for no migration at all");
    }
    assert_eq!(written(&house), before, "who only asks changes nothing");
    assert_eq!(
        read_as(&ada(), &engine, id, "thread:1").await.unwrap_err().code,
        Code::InvalidArgument
    );

    let read = read_as(&ada(), &engine, id, "artifact:2").await.unwrap();
    assert_eq!((read.standing, read.tenant_id), (RowStanding::Backfilled, Some(ada().tenant)));
    for (name, standing) in [
        ("project:1", RowStanding::Backfilled),
        ("workspace:1", RowStanding::Backfilled),
        ("session:1", RowStanding::Backfilled),
        ("artifact:1", RowStanding::Backfilled),
        ("session:2", RowStanding::Pending),
        ("session:3", RowStanding::Pending),
        ("session:4", RowStanding::Pending),
    ] {
        assert_eq!(row(&engine, id, name).standing, standing, "{name}");
    }
    let there = written(&house);
    assert_eq!(read_as(&ada(), &engine, id, "artifact:2").await.unwrap(), read);
    assert_eq!(written(&house), there, "read again it is there");
    // to a key of another product its session is not there
    let bound = Caller { product: Some("cowork".to_owned()), ..ada() };
    assert_eq!(read_as(&bound, &engine, id, "session:1").await.unwrap_err().code, Code::NotFound);
    // two who read at once get the same one
    let (first, second) = (ada(), bob());
    let (one, other) = tokio::join!(
        read_as(&first, &engine, id, "session:2"),
        read_as(&second, &engine, id, "session:2")
    );
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(written(&house)[&("session.opened", ada().tenant)], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_2_the_next_run_reads_what_was_said_before_its_session_came() {
    let house = House::new();
    let outside = Outside::new();
    let engine = house.engine(IntentRegistry::default());
    tenants(&engine).await;
    outside.on("/v1", |asked| said(&format!("answer {}", asked.nth)));
    engine.hire(agent("talker").asks(&outside.url("/v1"))).await;
    let id = begun(&engine, &rows(&house)).await.migration_id;
    let row = read_as(&ada(), &engine, id, "session:2").await.unwrap();
    let session = row.id.unwrap().parse().unwrap();
    let asked = |nth: usize| -> Vec<String> {
        let attempts = outside.attempts("/v1");
        let messages = attempts[nth - 1].body["messages"].as_array().unwrap().clone();
        let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
        messages.iter().filter(|message| message["role"] != "system").map(text).collect()
    };
    for text in ["who am I", "and now"] {
        let run = engine.task(session, "talker", text).await;
        assert!(is_completed(&engine.over(run).await));
    }
    assert_eq!(asked(1), ["my name is Ada", "hello Ada", "who am I"]);
    assert_eq!(asked(2), ["my name is Ada", "hello Ada", "who am I", "answer 1", "and now"]);
    let told = engine.told(session);
    let saved = told.iter().find_map(|told| match &told.entry.event {
        Event::MemorySaved(saved) => Some((saved.version, saved.keep, saved.added)),
        _ => None,
    });
    assert_eq!(saved, Some((2, 2, 2)));
    assert_eq!(
        engine.session(&ada(), session).await.unwrap().memory_refs,
        [format!("chat:{session}@3")]
    );
    engine.clear_memory(&ada(), session).await.unwrap();
    let run = engine.task(session, "talker", "again").await;
    assert!(is_completed(&engine.over(run).await));
    assert_eq!(asked(3), ["again"]);
    verified(&engine.told(session));
}

/// The process dies after each of its commits in turn. Whoever comes next finishes the work, and everything is there
/// once.
#[test]
fn ten_2_killed_after_any_commit_every_row_is_there_once() {
    let whole = {
        let house = House::new();
        let life = house.live(IntentRegistry::default());
        life.block_on(to_the_end(&life.engine, &rows(&house)));
        settled_kinds(&written(&house))
    };
    assert_eq!(whole[&("session.opened", ada().tenant)], 2);
    let mut died = 0;
    for commits in 1.. {
        let mut house = House::new();
        let text = rows(&house);
        let plug = house.plug.clone();
        let life = house.live(IntentRegistry::default());
        life.block_on(tenants(&life.engine));
        plug.die_after_commits(commits);
        let is_over = life.block_on(async {
            // a dead process stops whoever waits for its disk
            let (engine, text) = (life.engine.clone(), text.clone());
            let working = tokio::spawn(async move { to_the_end(&engine, &text).await });
            tokio::select! {
                () = plug.died() => false,
                done = working => done.is_ok(),
            }
        });
        house.crash(life);
        let life = house.live(IntentRegistry::default());
        life.block_on(to_the_end(&life.engine, &text));
        assert_eq!(settled_kinds(&written(&house)), whole, "killed after commit {commits}");
        life.forget();
        if is_over {
            break;
        }
        died = commits;
    }
    assert!(died >= 5, "it was killed only {died} times");
}

/// Begins, reads one row, sweeps and finishes; harmless when some or all of it is done.
async fn to_the_end(engine: &Engine, text: &str) {
    tenants(engine).await;
    let id = begun(engine, text).await.migration_id;
    read_as(&ada(), engine, id, "artifact:2").await.unwrap();
    if engine.migration(&operator(), HOME, id).unwrap().finished_at.is_none() {
        while run(engine, id).await.open > 0 {}
    }
    engine.finish_migration(&operator(), HOME, id).await.unwrap();
}

/// How often rows moved in one entry depends on when it died; what came of it does not.
fn settled_kinds(
    written: &BTreeMap<(&'static str, TenantId), usize>,
) -> BTreeMap<(&'static str, TenantId), usize> {
    let mut kinds = written.clone();
    kinds.retain(|(kind, _), _| *kind != "migration.rows-moved");
    kinds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_2_a_row_its_tenant_refuses_is_set_aside_with_what_refers_to_it() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    tenants(&engine).await;
    engine.hire(agent("helper").follows(&house, "[[turn]]\ntext = \"no\"\n")).await;
    let newest = engine.agent(&ada(), "helper").unwrap().version;
    let id = begun(&engine, &rows(&house)).await.migration_id;
    assert_eq!(run(&engine, id).await.open, 0);
    let refused = row(&engine, id, "agent:1");
    assert_eq!(refused.cause, Some(QuarantineCause::Refused));
    assert!(refused.told.unwrap().contains("another agent `helper`"));
    for name in ["session:1", "artifact:1", "artifact:2"] {
        assert_eq!(
            row(&engine, id, name).cause,
            Some(QuarantineCause::ReferenceQuarantined),
            "{name}"
        );
    }
    assert_eq!(
        engine.agent(&ada(), "helper").unwrap().version,
        newest,
        "the tenant's own stays newest"
    );
    assert_eq!(row(&engine, id, "session:2").standing, RowStanding::Backfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_2_only_the_operator_has_migrations_and_a_file_is_taken_whole_or_not_at_all() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    tenants(&engine).await;
    let text = rows(&house);
    let before = written(&house);
    let forbidden =
        engine.begin_migration(&ada(), HOME, "host".to_owned(), text.clone(), None).await;
    assert_eq!(forbidden.unwrap_err().code, Code::Forbidden);
    let nobodys = json!({ "kind": "user", "id": "kim", "tenantId": TenantId::from_bytes([9; 16]) });
    let agent = json!({ "kind": "agent", "id": "9", "definition": { "name": "", "model": { "adapter": "scripted", "script": "x" } } });
    for line in [nobodys, agent, json!({ "kind": "session", "id": "1" })] {
        let text = format!("{text}\n{line}");
        let told = engine.begin_migration(&operator(), HOME, "host".to_owned(), text, None).await;
        let told = told.unwrap_err();
        assert_eq!(told.code, Code::InvalidArgument, "{told}");
        assert!(told.message.starts_with("line 14: "), "{told}");
    }
    assert_eq!(written(&house), before);
    let id = begun(&engine, &text).await.migration_id;
    let caller = ada();
    for told in [
        engine.migrations(&caller, HOME).map(drop),
        engine.migration(&caller, HOME, id).map(drop),
        engine.run_migration(&caller, HOME, id, &RunMigration::default()).await.map(drop),
        engine.finish_migration(&caller, HOME, id).await.map(drop),
        engine.legacy_rows(&caller, HOME, id, &RowsWanted::default()).map(drop),
    ] {
        assert_eq!(told.unwrap_err().code, Code::Forbidden);
    }
    // a page at a time
    let page = |cursor| RowsWanted { cursor, limit: Some(4), ..RowsWanted::default() };
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let told = engine.legacy_rows(&operator(), HOME, id, &page(cursor)).unwrap();
        seen.extend(told.items.into_iter().map(|row| row.row));
        cursor = told.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len() as u64, ROWS);
    assert_eq!((&*seen[0], &*seen[10]), ("project:1", "session:6"));
}
