//! One operator over all products of a tenant, from the command line.

use super::desk::{Desk, text};
use serde_json::Value;

const ASKING: &str = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\narguments = { path = \"a.txt\", content = \"x\" }\n\
                      [[turn]]\ntext = \"written\"\n";

/// A run of the product `tenure` and a dispatched task of the product `shop`, both waiting for a decision.
struct Office {
    desk: Desk,
    _server: super::desk::Server,
    shop: Value,
}

impl Office {
    fn new() -> Self {
        let desk = Desk::new();
        let server = desk.serve();
        desk.agent("approvers = [\"user:*\"]", ASKING);
        desk.work().is(3, &[]);
        let send = ["dispatch", "agent", "clerk", "sort it", "--as-task", "Sort the inbox"];
        let of_shop = ["--product", "shop", "--from", "shop", "--json"];
        let sent = desk.run(&[&send[..], &of_shop].concat()).is(0, &[]).json();
        let session = text(&sent, "sessionId");
        desk.run(&["resume", &session]).is(3, &[]);
        let shop = desk.run(&["dispatch", "show", &text(&sent, "dispatchId"), "--json"]);
        Self { desk, _server: server, shop: shop.is(0, &[]).json() }
    }

    fn list(&self, args: &[&str]) -> Vec<Value> {
        let told = self.desk.run(&[args, &["--json"]].concat()).is(0, &[]).json();
        told["items"].as_array().unwrap().clone()
    }
}

#[test]
fn opr_1_lists_go_over_all_products_and_are_narrowed_by_product_user_and_status() {
    let office = Office::new();
    for (noun, all, shop) in [
        ("sessions", 2, 1),
        ("runs", 2, 1),
        ("tasks", 1, 1),
        ("dispatches", 1, 1),
        ("approvals", 2, 1),
    ] {
        assert_eq!(office.list(&["ls", noun]).len(), all, "{noun}");
        assert_eq!(office.list(&["ls", noun, "--product", "shop"]).len(), shop, "{noun}");
        assert_eq!(office.list(&["ls", noun, "--product", "nobody"]).len(), 0, "{noun}");
        assert_eq!(office.list(&["ls", noun, "--user", "nobody"]).len(), 0, "{noun}");
    }
    let run = text(&office.shop, "runId");
    let waiting = office.list(&["ls", "runs", "--product", "shop", "--status", "waiting-approval"]);
    assert_eq!(text(&waiting[0], "runId"), run);
    assert_eq!(office.list(&["ls", "runs", "--product", "shop", "--status", "failed"]).len(), 0);
    assert_eq!(office.list(&["approvals", "--product", "shop"]).len(), 1);
    let desk = &office.desk;
    let shown = desk.run(&["ls", "--product", "shop"]).is(0, &[]).out;
    assert!(shown.contains("PRODUCT") && shown.contains("shop"), "{shown}");
    desk.run(&["ls", "agents", "--product", "shop"]).is(2, &["leave the filters out"]);
    desk.run(&["ls", "doubts", "--status", "open"]).is(2, &["--open"]);
    desk.run(&["ls", "runs", "--status", "someday"]).is(2, &["someday", "waiting-approval"]);
}

#[test]
fn opr_1_the_inbox_shows_what_needs_a_person_and_what_to_do() {
    let office = Office::new();
    let desk = &office.desk;
    desk.run(&["run", "--intent", "ingest_file", "-p", "file=nothing.csv"]).is(4, &[]);
    let inbox = office.list(&["inbox"]);
    let kinds: Vec<String> = inbox.iter().map(|item| text(item, "kind")).collect();
    assert_eq!(kinds, ["approval", "approval", "failed"]);
    let products: Vec<String> = inbox.iter().map(|item| text(item, "productId")).collect();
    assert_eq!(products, ["tenure", "shop", "tenure"]);
    let shop = office.list(&["inbox", "--product", "shop"]);
    assert_eq!(shop.len(), 1);
    let command = text(&shop[0], "command");
    assert!(command.starts_with("tenure approve|deny apr_"), "{command}");
    desk.run(&["approve", &text(&shop[0], "id")]).is(0, &[]);
    desk.run(&["resume", &text(&office.shop, "sessionId")]).is(0, &[]);
    assert_eq!(
        desk.run(&["inbox", "--product", "shop"]).is(0, &[]).out,
        "nothing needs a person\n"
    );
}

#[test]
fn opr_1_anything_is_explained_shown_and_cancelled_by_its_id() {
    let office = Office::new();
    let desk = &office.desk;
    let (dispatch, run) = (text(&office.shop, "dispatchId"), text(&office.shop, "runId"));
    let (task, session) = (text(&office.shop, "taskId"), text(&office.shop, "sessionId"));
    let approval = text(&office.list(&["approvals", "--product", "shop"])[0], "approvalId");
    for (id, says) in [
        (&dispatch, "it has started"),
        (&task, "follows run_"),
        (&approval, "waits for a decision since"),
        (&session, "waiting-approval"),
        (&run, "waiting-approval"),
    ] {
        let told = desk.run(&["explain", id]).is(0, &[]).out;
        for part in [says, "tenure approve"] {
            assert!(told.contains(part), "`{part}` is missing for {id} in:\n{told}");
        }
        let shown = desk.run(&["show", id]).is(0, &[]).out;
        assert!(shown.contains(&run), "{id}: {shown}");
        let tree = desk.run(&["show", id, "--tree"]).is(0, &[]).out;
        for part in ["product shop", "☐ Sort the inbox", "▷ agent clerk", "✓ model", "? write_file"]
        {
            assert!(tree.contains(part), "`{part}` is missing for {id} in:\n{tree}");
        }
    }
    let told = desk.run(&["explain", &dispatch, "--json"]).is(0, &[]).json();
    assert_eq!((text(&told, "id"), text(&told["run"], "runId")), (dispatch, run.clone()));
    desk.run(&["cancel", &approval]).is(2, &["tenure deny apr_"]);
    let ended = desk.run(&["cancel", &task, "--json"]).is(0, &[]).json();
    assert_eq!((text(&ended, "runId"), text(&ended, "status")), (run, "cancelled".to_owned()));
    let remote = ["dispatch", "agent", "clerk", "later", "--mode", "remote", "--json"];
    let waiting = text(&desk.run(&remote).is(0, &[]).json(), "dispatchId");
    let told = desk.run(&["explain", &waiting]).is(0, &[]).out;
    assert!(
        told.contains("waits for an executor") && told.contains("tenure cancel dsp_"),
        "{told}"
    );
    desk.run(&["show", &waiting]).is(2, &["has no run"]);
    let ended = desk.run(&["cancel", &waiting, "--json"]).is(0, &[]).json();
    assert_eq!(text(&ended, "status"), "cancelled");
    for verb in ["explain", "show", "cancel"] {
        desk.run(&[verb, "what"]).is(2, &["`what` is neither a session `ses_…`"]);
    }
}
