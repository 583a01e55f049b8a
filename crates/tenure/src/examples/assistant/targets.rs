//! Where tools may run (`TGT-1`): every surface asks for every target, as it may be written.

use crate::cli::Failure;
use crate::client::Fault;
use crate::stage::{Server, Summary};
use serde_json::{Value, json};
use tenure_contract::Code;
use tenure_contract::resource::{Page, Session, SessionSummary};
use tenure_contract::words::{ExecutionTarget, Surface};

/// The product these sessions are of.
const PRODUCT: &str = "targets";
/// A target nobody knows.
const UNKNOWN: &str = "moon";

/// What every surface was answered.
#[derive(Default)]
pub(super) struct Tried {
    /// The surfaces that got the sandbox, however it was asked for.
    sandbox: Vec<&'static str>,
    /// The surfaces that got `local`.
    local: Vec<&'static str>,
    /// The surfaces that were refused an unknown target, and told what there is.
    unknown: Vec<&'static str>,
    /// The surfaces whose lists show the sandbox only, until they ask for `local`.
    narrow: Vec<&'static str>,
    /// How many of these sessions there are.
    made: usize,
}

/// The ways to ask for the sandbox; none is to say nothing.
fn sandboxes() -> [Option<Value>; 5] {
    [None, Some(Value::Null), Some(json!("")), Some(json!("default")), Some(json!("sandbox"))]
}

pub(super) async fn all(server: &Server) -> Result<Tried, Failure> {
    let mut tried = Tried::default();
    for surface in Surface::ALL.iter().copied() {
        let mut got = Vec::new();
        for target in sandboxes() {
            got.push(open(server, surface, target.as_ref()).await?);
        }
        if got.iter().all(|got| *got == Ok(ExecutionTarget::Sandbox)) {
            tried.sandbox.push(surface.as_str());
        }
        if open(server, surface, Some(&json!("local"))).await? == Ok(ExecutionTarget::Local) {
            tried.local.push(surface.as_str());
        }
        let unknown = open(server, surface, Some(&json!(UNKNOWN))).await?;
        if unknown.is_err_and(|told| told.contains(UNKNOWN) && told.contains("sandbox")) {
            tried.unknown.push(surface.as_str());
        }
    }
    for surface in Surface::ALL.iter().copied() {
        let shown = listed(server, surface, "").await?;
        let asked = listed(server, surface, "&executionTarget=local").await?;
        if !shown.iter().any(is_local) && asked.iter().any(is_local) {
            tried.narrow.push(surface.as_str());
        }
    }
    tried.made = listed(server, Surface::Desktop, "").await?.len();
    Ok(tried)
}

fn is_local(session: &SessionSummary) -> bool {
    session.execution_target == ExecutionTarget::Local
}

/// Opens a session there; the target it got, or why it was refused.
async fn open(
    server: &Server,
    surface: Surface,
    target: Option<&Value>,
) -> Result<Result<ExecutionTarget, String>, Failure> {
    let mut body = json!({ "productId": PRODUCT });
    if let Some(target) = target {
        body["executionTarget"] = target.clone();
    }
    match server.client().on(surface).post::<Session>("/v1/sessions", &body).await {
        Ok(made) => Ok(Ok(made.execution_target)),
        Err(Fault::Refused(error)) if error.code == Code::InvalidArgument => Ok(Err(error.message)),
        Err(fault) => Err(fault.into()),
    }
}

async fn listed(
    server: &Server,
    surface: Surface,
    more: &str,
) -> Result<Vec<SessionSummary>, Failure> {
    let path = format!("/v1/sessions?productId={PRODUCT}&limit=200{more}");
    let page: Page<SessionSummary> = server.client().on(surface).get(&path).await?;
    Ok(page.items)
}

impl Tried {
    pub fn claim(&self, summary: &mut Summary) {
        let all: Vec<&str> = Surface::ALL.iter().map(|surface| surface.as_str()).collect();
        summary.equal(
            "surfaces on which nothing, null, empty, `default` and `sandbox` mean the sandbox",
            self.sandbox.clone(),
            all.clone(),
        );
        summary.equal("surfaces that offer `local`", self.local.clone(), json!(["desktop"]));
        summary.equal(
            "surfaces that refuse `moon` and say what there is",
            self.unknown.clone(),
            all.clone(),
        );
        summary.equal(
            "surfaces whose lists leave `local` out until it is asked for",
            self.narrow.clone(),
            json!(["web", "worker"]),
        );
        let wanted = all.len() * sandboxes().len() + 1;
        summary.equal("sessions these tries made, the refused ones none", self.made, wanted);
    }
}
