//! Going on from a checkpoint, on whatever node has the journal (`CKP-2`).

use super::checkpoints::made_at;
use super::runs::submission;
use super::sessions::{check_key, request_digest};
use super::{Engine, actor};
use crate::lock;
use crate::resident::Resident;
use crate::seal::Bodies;
use serde_json::Value;
use std::sync::Arc;
use tenure_contract::agent::AgentDefinition;
use tenure_contract::event::{CheckpointMade, Pins, Repin, RunSubmitted, Work};
use tenure_contract::resource::{
    AgentRequest, Caller, GoesOn, IntentRequest, PinDiffers, ResumeSession, ResumeToken, Resumed,
    SubmitRun,
};
use tenure_contract::words::{PinName, PinVerdict, ResumeChoice, Trigger};
use tenure_contract::{AgentId, Code, Digest, Error, RunId, SessionId};
use tenure_core::Command;
use tenure_core::command::Resume;
use tenure_core::pins::{Comparison, compare};
use tenure_core::session::opens;

/// What a checkpoint's agent would be now.
struct Current {
    agent: AgentId,
    version: Digest,
    pins: Pins,
    definition: AgentDefinition,
}

/// The checkpoint's run as it is now.
struct Known {
    work: Work,
    submitted_seq: u64,
    unfinished: bool,
}

impl Engine {
    /// Goes on with a session from a checkpoint. An unfinished run goes on under its id, after an
    /// ended one a new run starts; where the pins have changed nothing happens before somebody
    /// chose what to run with.
    ///
    /// # Errors
    /// `not-found` for a token that is forged, unknown or another tenant's; `illegal-transition`
    /// when the session has ended; `invalid-argument`, `key-conflict`, `draining`.
    pub async fn resume_session(
        &self,
        caller: &Caller,
        request: ResumeSession,
    ) -> Result<Resumed, Error> {
        self.admit()?;
        // a session that goes on without a new run needs no key, and refuses a bad one all the same
        request.idempotency_key.as_deref().map_or(Ok(()), check_key)?;
        let (resident, made) = self.opened_by(caller, &request.resume_token).await?;
        let session_id = id_of(&resident)?;
        let known = made.run.and_then(|run| known_run(&resident, run));
        let current = self.current(caller, &resident, known.as_ref())?;
        let Comparison { verdict, differing } =
            self.compared(caller, &made, current.as_ref(), known.as_ref())?;
        let now = current.as_ref().map(|current| current.pins.clone()).unwrap_or_default();
        let told = differing.iter().map(|pin| told(*pin, &made.pins, &now)).collect();
        let answer =
            |run_id, goes_on| Resumed { session_id, run_id, goes_on, verdict, differing: told };
        if verdict == PinVerdict::Changed && request.accept.is_none() {
            return Ok(answer(None, GoesOn::ChoiceNeeded));
        }
        let (next, input) = match &known {
            Some(known) if !known.unfinished => {
                let version = chosen(known, current.as_ref(), verdict, request.accept);
                let (next, input) = self.next_run(caller, &resident, known, version, &request)?;
                (Some(next), Some(input))
            }
            _ => (None, None),
        };
        let takes_current = request.accept == Some(ResumeChoice::Current);
        let repin =
            current.filter(|_| takes_current && !differing.is_empty()).and_then(|current| {
                let Pins { tools, model, .. } = current.pins;
                let (agent, version) = (current.agent, current.version);
                Some(Repin { agent, version, tools: tools?, model: model? })
            });
        let new_run = next.as_ref().map(|next| next.run);
        let (checkpoint, run, choice) = (made.checkpoint, made.run, request.accept);
        let asked = Resume { checkpoint, run, verdict, differing, choice, repin, next: None };
        let seq = self.enter_resume(caller, &resident, asked, next.zip(input))?;
        self.node.durable(&resident, seq).await?;
        Ok(match (new_run, known) {
            (Some(new), _) => answer(Some(new), GoesOn::NewRun),
            (None, Some(_)) => answer(run, GoesOn::Run),
            (None, None) => answer(None, GoesOn::Session),
        })
    }

    /// Resumes with what policy says of the new run, if there is one (`RUN-2`).
    fn enter_resume(
        &self,
        caller: &Caller,
        resident: &Arc<Resident>,
        asked: Resume,
        new: Option<(RunSubmitted, Value)>,
    ) -> Result<u64, Error> {
        let seal = |(_, input): &(RunSubmitted, Value)| self.node.seal_json(caller.tenant, input);
        let given = new.as_ref().map(seal).transpose()?;
        loop {
            let (mut asked, mut refusal) = (asked.clone(), None);
            if let Some((next, input)) = &new {
                let parameters = input.get("parameters").unwrap_or(&Value::Null);
                let (ruled, why) = self.ruled(caller, resident, &next.work, parameters)?;
                (asked.next, refusal) = (Some((next.clone(), ruled)), why);
            }
            let bodies = Bodies { given: given.clone(), refusal, ..Bodies::default() };
            let command = Command::Resume(Box::new(asked));
            match self.node.transact(resident, &command, bodies, &actor(caller)) {
                // another policy came into force meanwhile
                Err(error) if error.code == Code::VersionConflict => {}
                done => return done,
            }
        }
    }

    /// The checkpoint a token opens. Whatever is wrong with one, it is the token of nothing.
    async fn opened_by(
        &self,
        caller: &Caller,
        token: &str,
    ) -> Result<(Arc<Resident>, CheckpointMade), Error> {
        let nothing = || Error::new(Code::NotFound, "no checkpoint has this resume token");
        let token: ResumeToken = token.parse().map_err(|_| nothing())?;
        let found = self.find_checkpoint(caller, token.checkpoint).await;
        let (resident, seq) = found.map_err(|error| match error.code {
            Code::NotFound => nothing(),
            _ => error,
        })?;
        let made = made_at(&self.node, &resident, seq)?.filter(|made| opens(made, &token));
        Ok((resident, made.ok_or_else(nothing)?))
    }

    /// What the run's agent would be now; none for an intent's run.
    fn current(
        &self,
        caller: &Caller,
        resident: &Resident,
        known: Option<&Known>,
    ) -> Result<Option<Current>, Error> {
        let Some(Known { work: Work::Agent { name, .. }, .. }) = known else { return Ok(None) };
        let (agent, version) = self.agent_version(caller, name, None)?;
        let built = self.node.agent(caller.tenant, version)?;
        let pins = Pins {
            agent: Some(format!("{name}@{version}")),
            tools: Some(built.tools_digest()),
            policy: Some(self.node.policy(resident)?.version().to_string()),
            model: Some(built.model_name()),
        };
        let definition = self.node.definition(caller.tenant, version)?;
        Ok(Some(Current { agent, version, pins, definition }))
    }

    fn compared(
        &self,
        caller: &Caller,
        made: &CheckpointMade,
        current: Option<&Current>,
        known: Option<&Known>,
    ) -> Result<Comparison, Error> {
        let (Some(current), Some(Known { work: Work::Agent { name, .. }, .. })) = (current, known)
        else {
            return Ok(compare(&Pins::default(), &Pins::default(), None));
        };
        let version = made
            .pins
            .agent
            .as_deref()
            .and_then(|pin| pin.strip_prefix(&format!("{name}@"))?.parse().ok());
        let pinned = match version {
            Some(version) => self.node.definition(caller.tenant, version).ok(),
            None => None,
        };
        let both = pinned.as_ref().map(|pinned| (pinned, &current.definition));
        Ok(compare(&made.pins, &current.pins, both))
    }

    /// A new run of the same work, or of what the request says.
    fn next_run(
        &self,
        caller: &Caller,
        resident: &Arc<Resident>,
        known: &Known,
        version: Option<Digest>,
        request: &ResumeSession,
    ) -> Result<(RunSubmitted, Value), Error> {
        let before = self.node.json_at(resident, known.submitted_seq)?.unwrap_or_default();
        let task = lock(&resident.cell).session().and_then(|state| {
            state.runs.values().find(|run| run.submitted_seq == known.submitted_seq)?.task
        });
        let submit = SubmitRun {
            session_id: Some(id_of(resident)?),
            task_id: task,
            ..asked(&known.work, &before, version, request.input.as_ref())?
        };
        let run = match &request.idempotency_key {
            Some(key) => self.id_of(caller.tenant, "run", key)?,
            None => self.node.fresh_id(),
        };
        let prepared = self.prepare(caller, &submit)?;
        let input = prepared.input.clone();
        let keyed = request.idempotency_key.as_ref();
        let digest = keyed.map(|_| request_digest(request)).transpose()?;
        let next = submission(resident, &submit, &prepared, RunId::from_bytes(run));
        Ok((RunSubmitted { trigger: Trigger::Resume, request: digest, ..next }, input))
    }
}

fn id_of(resident: &Resident) -> Result<SessionId, Error> {
    let cell = lock(&resident.cell);
    let id = cell.session().map(|state| state.id);
    id.ok_or_else(|| Error::not_found("session", resident.journal))
}

fn known_run(resident: &Resident, run: RunId) -> Option<Known> {
    let cell = lock(&resident.cell);
    let run = cell.session()?.runs.get(&run)?;
    Some(Known {
        work: run.work.clone(),
        submitted_seq: run.submitted_seq,
        unfinished: run.progress().is_some_and(|progress| progress.cancel.is_none()),
    })
}

/// The version a new run begins with; an intent's has none.
fn chosen(
    known: &Known,
    current: Option<&Current>,
    verdict: PinVerdict,
    choice: Option<ResumeChoice>,
) -> Option<Digest> {
    let Work::Agent { version: pinned, .. } = &known.work else { return None };
    let current = current.map(|current| current.version);
    match (choice, verdict) {
        (Some(ResumeChoice::Pinned), _) => Some(*pinned),
        (Some(ResumeChoice::Current), _) | (None, PinVerdict::Same | PinVerdict::Compatible) => {
            current
        }
        (None, PinVerdict::Changed) => None,
    }
}

/// The request that starts the same work again, with another input if one is given.
fn asked(
    work: &Work,
    before: &Value,
    version: Option<Digest>,
    input: Option<&Value>,
) -> Result<SubmitRun, Error> {
    let part = |name: &str| before.get(name).cloned().unwrap_or(Value::Null);
    Ok(match work {
        Work::Agent { name, .. } => {
            let task = input.cloned().unwrap_or_else(|| part("task"));
            let task = task.as_str().map(str::to_owned).ok_or_else(|| {
                let told = "`input` is not a text; an agent's run is given one";
                Error::new(Code::InvalidArgument, told)
            })?;
            let agent = AgentRequest { name: name.clone(), version, task, max_steps: None };
            SubmitRun { agent: Some(agent), ..SubmitRun::default() }
        }
        Work::Intent { intent_type, solution, .. } => {
            let intent = IntentRequest {
                intent_type: intent_type.clone(),
                parameters: input.cloned().unwrap_or_else(|| part("parameters")),
                metadata: part("metadata"),
                solution_id: Some(solution.clone()),
            };
            SubmitRun { intent: Some(intent), ..SubmitRun::default() }
        }
    })
}

fn told(pin: PinName, pinned: &Pins, now: &Pins) -> PinDiffers {
    let text = |pins: &Pins| match pin {
        PinName::Agent => pins.agent.clone(),
        PinName::Tools => pins.tools.map(|tools| tools.to_string()),
        PinName::Policy => pins.policy.clone(),
        PinName::Model => pins.model.clone(),
    };
    PinDiffers { pin, pinned: text(pinned), now: text(now) }
}
