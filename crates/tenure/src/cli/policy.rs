//! `tenure policy`: what may happen, what is asked about first, what may not.

use super::print::table;
use super::{Cx, Exit, Failure, outln, println_json};
use clap::Subcommand;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tenure_contract::PolicyVersion;
use tenure_contract::resource::{Page, Policy, PolicyAnswer, PolicyQuestion, SetPolicy, TryPolicy};
use tenure_contract::words::{PolicyAction, PolicyEffect, RecoveryClass, RiskLevel};
use tenure_engine::Motion;

/// Sets, shows, checks and tries the policy.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tenure policy show > policy.cedar\n  tenure policy check policy.cedar\n  tenure policy try call --as agent:triage --on Tool:refund --arguments '{\"amount\": 120}' --file policy.cedar\n  tenure policy set policy.cedar\n  tenure policy ls"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sets the policy; it is in force when this returns.
    Set {
        /// The Cedar text.
        file: PathBuf,
    },
    /// Shows the text of the policy in force, or of another version.
    Show {
        /// The version; the one in force when absent.
        #[arg(value_name = "VERSION")]
        wanted: Option<PolicyVersion>,
    },
    /// Checks a text without setting it.
    Check {
        /// The Cedar text.
        file: PathBuf,
    },
    /// Lists the policies that were set.
    Ls,
    /// Asks what a policy says; nothing happens.
    Try(Box<Question>),
}

#[derive(Debug, clap::Args)]
struct Question {
    /// What is about to happen: `call`, `run`, `dispatch` or `decide`.
    action: PolicyAction,
    /// Who does it, as `kind:name`.
    #[arg(long = "as", value_name = "PRINCIPAL")]
    principal: String,
    /// What it is done to: `Tool:name`, `Agent:name`, `Intent:type`, `Product:id`, `Approval:id`.
    #[arg(long = "on", value_name = "RESOURCE")]
    resource: String,
    /// The text to ask; the policy in force when absent.
    #[arg(long)]
    file: Option<PathBuf>,
    /// What may be done again after a loss: `idempotent` or `once`.
    #[arg(long)]
    class: Option<RecoveryClass>,
    /// The risk the agent's definition sees, or the approval's.
    #[arg(long)]
    risk: Option<RiskLevel>,
    /// The session's product.
    #[arg(long)]
    product: Option<String>,
    /// The session's user.
    #[arg(long)]
    user: Option<String>,
    /// The call's arguments, as JSON.
    #[arg(long, value_name = "JSON")]
    arguments: Option<String>,
}

pub(super) async fn run(cx: &Cx, args: Args) -> Result<Exit, Failure> {
    match args.what {
        What::Set { file } => {
            let request = SetPolicy { text: read(&file)? };
            let connection = cx.connect(Motion::Live).await?;
            let set = connection.client.put::<Policy>("/v1/policy", &request).await;
            connection.close().await;
            said(cx, &set?, |set| format!("{} is in force", set.version));
        }
        What::Show { wanted } => {
            let path = match wanted {
                Some(version) => format!("/v1/policy/versions/{version}"),
                None => "/v1/policy".to_owned(),
            };
            let connection = cx.connect(Motion::Still).await?;
            let shown = connection.client.get::<Policy>(&path).await;
            connection.close().await;
            said(cx, &shown?, |shown| {
                eprintln!("version {}", shown.version);
                let text = shown.text.clone().unwrap_or_default();
                text.trim_end().to_owned()
            });
        }
        What::Check { file } => {
            let request = TryPolicy { text: Some(read(&file)?), question: None };
            let answer = tried(cx, &request).await?;
            said(cx, &answer, |answer| format!("{} is a policy", answer.version));
        }
        What::Ls => {
            let connection = cx.connect(Motion::Still).await?;
            let page = connection.client.get::<Page<Policy>>("/v1/policy/versions").await;
            connection.close().await;
            said(cx, &page?, listed);
        }
        What::Try(question) => {
            let answer = tried(cx, &question.asked()?).await?;
            said(cx, &answer, told);
        }
    }
    Ok(Exit::Done)
}

async fn tried(cx: &Cx, request: &TryPolicy) -> Result<PolicyAnswer, Failure> {
    let connection = cx.connect(Motion::Still).await?;
    let answer = connection.client.post::<PolicyAnswer>("/v1/policy/try", request).await;
    connection.close().await;
    Ok(answer?)
}

impl Question {
    fn asked(self) -> Result<TryPolicy, Failure> {
        let text = match &self.file {
            Some(file) => Some(read(file)?),
            None => None,
        };
        let arguments = match &self.arguments {
            Some(arguments) => Some(
                serde_json::from_str::<Value>(arguments)
                    .map_err(|why| Failure::usage(format!("--arguments is no JSON: {why}")))?,
            ),
            None => None,
        };
        let question = PolicyQuestion {
            action: self.action,
            principal: self.principal,
            resource: self.resource,
            class: self.class,
            risk: self.risk,
            product: self.product,
            user: self.user,
            surface: None,
            arguments,
        };
        Ok(TryPolicy { text, question: Some(question) })
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|why| Failure::usage(format!("`{}` cannot be read: {why}", file.display())))
}

fn said<T: serde::Serialize>(cx: &Cx, answer: &T, words: impl FnOnce(&T) -> String) {
    if cx.json {
        println_json(answer);
    } else {
        outln(&words(answer));
    }
}

fn told(answer: &PolicyAnswer) -> String {
    let effect = answer.effect.map_or("", PolicyEffect::as_str);
    let why = answer.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let mut text = format!("{effect}{why}");
    if !answer.approvers.is_empty() {
        text.push_str(&format!("; {} may decide", answer.approvers.join(", ")));
    }
    if answer.needs_reason {
        text.push_str("; a decision needs a reason");
    }
    text
}

fn listed(page: &Page<Policy>) -> String {
    let rows = page.items.iter().map(|policy| {
        vec![
            policy.version.to_string(),
            policy.set_at.map(|at| at.to_string()).unwrap_or_default(),
            if policy.in_force { "in force" } else { "" }.to_owned(),
        ]
    });
    table(&["version", "set at", ""], rows)
}
