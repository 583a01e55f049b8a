//! What is said in the threads: every round a message in each of them at once.

use crate::cli::Failure;
use crate::client::Happening;
use crate::examples::seen::Seen;
use crate::stage::{Server, Stage, Voice};
use std::sync::Arc;
use tenure_contract::resource::{Accepted, AgentRequest, SubmitRun};
use tenure_contract::words::RunStatus;
use tenure_contract::{RunId, SessionId};

/// What the person says, round by round: in the chat thread and in the code thread.
pub(super) const ROUNDS: [[&str; 2]; 3] = [
    ["Good morning.", "Collect what is still to be done."],
    ["How do we write here?", "Is that all?"],
    ["Then I will write it like that.", "I added a file. Look again."],
];

/// A thread, who answers in it, and what the server shows of it.
pub(super) struct Thread {
    pub name: &'static str,
    pub session: SessionId,
    agent: &'static str,
    pub seen: Seen,
}

impl Thread {
    pub fn new(
        stage: &Stage,
        server: &Arc<Server>,
        (name, session, agent): (&'static str, SessionId, &'static str),
    ) -> Self {
        let voice = stage.voice();
        let seen = Seen::follow(server, session, move |told| tell(voice, (name, agent), told));
        Self { name, session, agent, seen }
    }

    /// Says something; the answer is on its way.
    async fn say(&self, server: &Server, round: usize, text: &str) -> Result<RunId, Failure> {
        let request = SubmitRun {
            session_id: Some(self.session),
            agent: Some(AgentRequest {
                name: self.agent.to_owned(),
                version: None,
                task: text.to_owned(),
                max_steps: None,
            }),
            idempotency_key: Some(format!("{}-{round}", self.name)),
            ..SubmitRun::default()
        };
        Ok(server.post::<Accepted>("/v1/runs", &request).await?.run_id)
    }
}

/// One message, to a person.
fn tell(voice: Voice, (thread, agent): (&str, &str), told: &Happening) {
    let said = match told.kind.as_str() {
        "run.submitted" => told.body["task"].as_str().map(|text| ("you", text)),
        "turn.landed" => told.body["content"].as_str().map(|text| (agent, text)),
        _ => None,
    };
    if let Some((who, text)) = said.filter(|(_, text)| !text.is_empty()) {
        voice.say(&format!("  {thread} │ {who}: {text}"));
    }
}

/// Whether the server dies while the answers are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupted {
    No,
    Killed,
}

/// One round in both threads, up to both answers.
pub(super) async fn round(
    stage: &Stage,
    server: &Arc<Server>,
    threads: &[Thread; 2],
    (number, interrupted): (usize, Interrupted),
) -> Result<(), Failure> {
    let before: Vec<u64> = threads.iter().map(|thread| thread.seen.begun()).collect();
    let mut runs = Vec::new();
    for (thread, text) in threads.iter().zip(ROUNDS[number]) {
        runs.push(thread.say(server, number, text).await?);
    }
    if interrupted == Interrupted::Killed {
        for (thread, before) in threads.iter().zip(before) {
            thread.seen.begun_after(before).await?;
        }
        // both answers are on their way
        stage.kill_and_restart(server).await?;
    }
    for run in runs {
        let ended = server.rested(run).await?;
        if ended.status != RunStatus::Completed {
            let why = ended.error.map(|error| error.message).unwrap_or_default();
            let told = format!("run {run} is {}, not completed: {why}", ended.status);
            return Err(Failure::failed(told));
        }
    }
    Ok(())
}
