//! The conformance kit against the real binary: two tenants, restarts by SIGKILL, a clean scorecard.

use super::desk::{Desk, Server, signal};
use serde_json::{Value, json};
use std::path::PathBuf;
use tenure_contract::TenantId;
use tenure_contract::resource::Caller;

/// A server with a key of its own tenant and one of another.
pub struct Site {
    pub desk: Desk,
    pub server: Server,
    pub key: String,
    pub other: String,
    /// A server of its own, with a key of the first one's tenant.
    pub second: (Server, String),
}

impl Site {
    pub fn open() -> Self {
        let desk = Desk::new();
        let (tenant, [key, other]) = keys(&desk);
        let second_key = second(&desk, tenant);
        let server = desk.serve();
        let second = desk.serve_with(&["--data", SECOND, "--listen", "127.0.0.1:0"]);
        Self { desk, server, key, other, second: (second, second_key) }
    }

    /// A script that kills the server, starts it on the same address, and returns once it answers.
    fn restart_script(&self) -> String {
        let address = self.server.endpoint.trim_start_matches("http://");
        let script = format!(
            "set -e\nkill -9 $(cat pid)\nrm -f up\nmkfifo up\n\
             '{}' serve --listen {address} --json > up 2> err &\necho $! > pid\nread line < up\n",
            env!("CARGO_BIN_EXE_tenure")
        );
        self.desk.write("pid", &self.server.child.id().to_string());
        self.desk.write("restart.sh", &script);
        format!("cd '{}' && sh restart.sh", self.desk.path("").display())
    }
}

/// Whoever was started last by the script ends with the test.
struct Restarted(PathBuf);

impl Drop for Restarted {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(&self.0).unwrap_or_default().trim().parse() {
            signal(pid, "KILL");
        }
    }
}

/// Where the second server has its data.
const SECOND: &str = "second";

/// A key of that tenant in another store, made before it is served.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn second(desk: &Desk, tenant: TenantId) -> String {
    let tenure = tenure::Tenure::open(&desk.path(SECOND), tenure::Options::default()).unwrap();
    let caller = Caller { tenant, ..tenure.caller() };
    tenure.engine().open_tenant(tenant, "first").await.unwrap();
    let key = made_key(&tenure, &caller).await;
    tenure.close().await;
    key
}

async fn made_key(tenure: &tenure::Tenure, caller: &Caller) -> String {
    let request = json!({ "principal": "user:kit", "scopes": ["*"] });
    let request = serde_json::from_value(request).unwrap();
    tenure.engine().create_key(caller, request).await.unwrap().key.unwrap()
}

/// Two tenants of one store, made before it is served.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn keys(desk: &Desk) -> (TenantId, [String; 2]) {
    let tenure = tenure::Tenure::open(&desk.data(), tenure::Options::default()).unwrap();
    let mine = tenure.caller();
    let theirs = Caller { tenant: TenantId::from_bytes([7; 16]), ..mine.clone() };
    tenure.engine().open_tenant(theirs.tenant, "theirs").await.unwrap();
    let keys = [made_key(&tenure, &mine).await, made_key(&tenure, &theirs).await];
    tenure.close().await;
    (mine.tenant, keys)
}

#[test]
fn alt_1_the_binary_keeps_the_contract_over_restarts() {
    let site = Site::open();
    let restart = site.restart_script();
    let _restarted = Restarted(site.desk.path("pid"));
    let told = site.desk.run(&[
        "conformance",
        "--url",
        &site.server.endpoint,
        "--key",
        &site.key,
        "--other-key",
        &site.other,
        "--second-url",
        &site.second.0.endpoint,
        "--second-key",
        &site.second.1,
        "--restart-cmd",
        &restart,
        "--json",
    ]);
    let card: Value = told.json();
    let cases = card["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|standing| standing["cases"].as_array().unwrap());
    let open: Vec<&Value> = cases.filter(|case| case["verdict"] != "passed").collect();
    assert_eq!((card["failed"].as_u64(), told.status), (Some(0), 0), "{open:#?}");
}
