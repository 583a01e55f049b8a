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
}

impl Site {
    pub fn open() -> Self {
        let desk = Desk::new();
        let [key, other] = keys(&desk);
        let server = desk.serve();
        Self { desk, server, key, other }
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

/// Two tenants of one store, made before it is served.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn keys(desk: &Desk) -> [String; 2] {
    let tenure = tenure::Tenure::open(&desk.data(), tenure::Options::default()).unwrap();
    let mine = tenure.caller();
    let theirs = Caller { tenant: TenantId::from_bytes([7; 16]), ..mine.clone() };
    tenure.engine().open_tenant(theirs.tenant, "theirs").await.unwrap();
    let mut keys = Vec::new();
    for caller in [mine, theirs] {
        let request = json!({ "principal": "user:kit", "scopes": ["*"] });
        let request = serde_json::from_value(request).unwrap();
        keys.push(tenure.engine().create_key(&caller, request).await.unwrap().key.unwrap());
    }
    tenure.close().await;
    keys.try_into().unwrap()
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
