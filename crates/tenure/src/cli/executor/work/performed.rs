//! The command that carries one dispatch out: given JSON, its output taken, killed with its children.

use crate::cli::Failure;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::process::Stdio;
use tenure_contract::limits;
use tenure_contract::resource::{ClaimStanding, Dispatch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// The exit status of a failure that another attempt may mend (`EX_TEMPFAIL`).
const MAY_PASS: i32 = 75;

/// What came of the command.
pub(super) enum Performed {
    /// Its result.
    Done { output: Value },
    /// Why it failed.
    Failed { message: String, retryable: bool },
    /// Its run is to end.
    Stopped,
}

/// A command under way. Dropped, it is killed with its children.
pub(super) struct Performing {
    child: Child,
    /// Its process group, which its children are of too.
    group: Option<Pid>,
    /// What it says, and what it says went wrong.
    said: JoinHandle<(Vec<u8>, Vec<u8>)>,
}

impl Performing {
    pub fn begin(
        command: &str,
        dispatch: &Dispatch,
        standing: &ClaimStanding,
    ) -> Result<Self, Failure> {
        let step = standing.step_id.map(|step| step.to_string()).unwrap_or_default();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).process_group(0).kill_on_drop(true);
        shell.env_remove("TENURE_KEY").env("TENURE_STEP", &step);
        shell.env("TENURE_DISPATCH", dispatch.dispatch_id.to_string());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = shell
            .spawn()
            .map_err(|why| Failure::usage(format!("`{command}` cannot be run: {why}")))?;
        let given = json!({
            "dispatchId": dispatch.dispatch_id,
            "claim": standing.claim,
            "runId": standing.run_id,
            "stepId": standing.step_id,
            "productId": dispatch.product_id,
            "userId": dispatch.user_id,
            "work": dispatch.work,
            "payload": dispatch.payload,
            "context": dispatch.context,
        });
        if let Some(mut stdin) = child.stdin.take() {
            // a command that does not read is none the worse for it
            tokio::spawn(async move { stdin.write_all(given.to_string().as_bytes()).await });
        }
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let said = tokio::spawn(async move { tokio::join!(take(out), take(err)) });
        Ok(Self { child, group, said })
    }

    /// Resolves with its end; may be asked again after it was dropped.
    pub async fn end(&mut self) -> Performed {
        let status = self.child.wait().await;
        // what it left running is not the work
        self.end_group();
        let (out, err) = (&mut self.said).await.unwrap_or_default();
        match status {
            Ok(status) if status.success() && out.len() > limits::STEP_RESULT_MAX_BYTES => {
                let message = format!(
                    "its output is over the limit STEP_RESULT_MAX_BYTES, {} bytes",
                    limits::STEP_RESULT_MAX_BYTES
                );
                Performed::Failed { message, retryable: false }
            }
            Ok(status) if status.success() => {
                let text = String::from_utf8_lossy(&out);
                let output = serde_json::from_str(&text).unwrap_or_else(|_| json!(text.trim_end()));
                Performed::Done { output }
            }
            Ok(status) => {
                let retryable = status.code() == Some(MAY_PASS);
                Performed::Failed { message: said(&err, &status.to_string()), retryable }
            }
            Err(why) => Performed::Failed { message: why.to_string(), retryable: false },
        }
    }

    pub async fn kill(&mut self) {
        self.end_group();
        let _ = self.child.wait().await;
    }

    fn end_group(&self) {
        if let Some(group) = self.group {
            // fails only when nobody of it is left
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Performing {
    fn drop(&mut self) {
        self.end_group();
    }
}

/// Everything that is said, up to the limit and one byte more.
async fn take(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> Vec<u8> {
    let mut taken = Vec::new();
    if let Some(pipe) = pipe {
        let most = limits::STEP_RESULT_MAX_BYTES as u64 + 1;
        let _ = pipe.take(most).read_to_end(&mut taken).await;
    }
    taken
}

/// The end of what it said went wrong, within the limit of a reason.
fn said(err: &[u8], status: &str) -> String {
    let text = String::from_utf8_lossy(err);
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(limits::REASON_MAX_CHARS / 2);
    let tail: String = text.chars().skip(skip).collect();
    if tail.is_empty() { status.to_owned() } else { format!("{status}: {tail}") }
}
