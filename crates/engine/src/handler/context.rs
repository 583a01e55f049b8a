//! What a handler is given (`INT-3`): who and what it works for, and `step`.

use super::asking::{Begun, Rest};
use super::drive::Parking;
use crate::lock;
use crate::node::Node;
use crate::resident::{Actor, Resident};
use crate::seal::{Bodies, Sealed};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenure_contract::words::{ErrorClass, LossCause, RecoveryClass, StepKind};
use tenure_contract::{
    ArtifactId, Code, Digest, Error, IntentId, MaterializationId, RunId, SessionId, StepId,
    TenantId, Time, limits,
};
use tenure_core::Command;
use tenure_core::command::{Substep, Write};
use tenure_core::session::{Run, Stand};

/// Entries of one session that may be ahead of the disk before a `read` substep waits.
const RUN_AHEAD_MAX_ENTRIES: u64 = 1_024;

/// The intent a handler serves (`INT-2`).
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Its id.
    pub intent_id: IntentId,
    /// Its type.
    pub intent_type: String,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its session.
    pub session_id: SessionId,
    /// Its solution.
    pub solution_id: String,
    /// What it is given.
    pub parameters: Value,
    /// What else is known of it.
    pub metadata: Value,
    /// When it was submitted.
    pub created_at: Time,
}

/// The execution context (`INT-3`). Cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub node: Arc<Node>,
    pub resident: Arc<Resident>,
    pub run: RunId,
    pub intent: Intent,
    pub parking: Parking,
    /// Names of the substeps this invocation is performing.
    pub under_way: Mutex<HashSet<String>>,
    /// How it stands with what they wait for.
    pub rest: Rest,
    /// The engine's task that drives it.
    pub task: Option<tokio::task::Id>,
}

/// A substep one invocation is performing: once at a time, and waited for by a drain if it has an
/// outside effect.
struct UnderWay<'a> {
    inner: &'a Inner,
    name: &'a str,
    counts: bool,
}

impl<'a> UnderWay<'a> {
    fn begin(inner: &'a Inner, name: &'a str, class: RecoveryClass) -> Result<Self, Error> {
        if !lock(&inner.under_way).insert(name.to_owned()) {
            return Err(tenure_core::Refusal::StepUnderWay {
                run: inner.run,
                name: name.to_owned(),
            }
            .into());
        }
        let counts = class != RecoveryClass::Read;
        inner.node.substeps.fetch_add(u64::from(counts), Ordering::Relaxed);
        Ok(Self { inner, name, counts })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        lock(&self.inner.under_way).remove(self.name);
        self.inner.node.substeps.fetch_sub(u64::from(self.counts), Ordering::Relaxed);
        self.inner.has_one_less();
    }
}

/// Why a substep gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepFailure {
    /// It failed, and the failure is its recorded result.
    #[error("{message}")]
    Failed {
        /// For a person.
        message: String,
    },
    /// It certainly did not happen this time and may work in a while: tried again under the key.
    #[error("{message}")]
    Transient {
        /// For a person.
        message: String,
    },
    /// The request may have left and no answer came: by its class it is tried again under the same
    /// key, or the run stops and asks.
    #[error("{message}")]
    Lost {
        /// For a person.
        message: String,
    },
    /// Policy denies it, the same name was used with other inputs, the result does not read as
    /// asked, or the budget is used up.
    #[error("{0}")]
    Refused(#[from] Error),
}

/// What is known of a substep before it is performed.
enum Known {
    Recorded(u64, bool),
    Open(StepId, u32),
    Due(StepId, u32, Time),
    New,
}

impl Ctx {
    /// The execution: the run's id.
    #[must_use]
    pub fn execution_id(&self) -> RunId {
        self.inner.run
    }
    /// The intent.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.inner.intent
    }
    /// The owner.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.inner.intent.tenant_id
    }
    /// The session.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.inner.intent.session_id
    }
    /// The solution.
    #[must_use]
    pub fn solution_id(&self) -> &str {
        &self.inner.intent.solution_id
    }

    /// The session's folder, which its agents' file tools see too. It may not be there yet.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.inner.node.workspace_of(&self.inner.resident)
    }

    /// An artifact id that is the same whenever this handler is run again.
    #[must_use]
    pub fn artifact_id(&self, name: &str) -> ArtifactId {
        ArtifactId::from_bytes(self.derived(b"artifact", name))
    }
    /// A materialization id that is the same whenever this handler is run again.
    #[must_use]
    pub fn materialization_id(&self, name: &str) -> MaterializationId {
        MaterializationId::from_bytes(self.derived(b"materialization", name))
    }
    pub(super) fn derived(&self, kind: &[u8], name: &str) -> [u8; 16] {
        Digest::of(&[kind, &self.inner.run.bytes(), name.as_bytes()]).first_half()
    }

    /// Performs a named substep once, durably, and returns its result; run again, it returns the
    /// recorded result without performing it (`INT-6`).
    ///
    /// `perform` gets the step's idempotency key, the same for every attempt (`STP-3`). A `read`
    /// substep may run ahead of the disk; any other is performed only after its intent is durable.
    ///
    /// # Errors
    /// The recorded failure, or why the substep was refused.
    pub async fn step<T, F, Fut>(
        &self,
        name: &str,
        class: RecoveryClass,
        inputs: &impl Serialize,
        perform: F,
    ) -> Result<T, StepFailure>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(String) -> Fut,
        Fut: Future<Output = Result<T, StepFailure>>,
    {
        let substep = self.substep(name, class, inputs)?;
        if self.inner.is_over() {
            return self.parked().await;
        }
        let known = self.known(&substep)?;
        if let Known::Recorded(seq, failed) = known {
            return self.recorded(seq, failed).await;
        }
        if self.inner.node.is_draining() {
            return self.leave().await;
        }
        let under_way = UnderWay::begin(&self.inner, name, class)?;
        match known {
            Known::Recorded(seq, failed) => self.recorded(seq, failed).await,
            Known::New if class == RecoveryClass::Read => self.record(substep, perform).await,
            Known::New => {
                if let Begun::No = self.intend(&substep, inputs).await? {
                    drop(under_way);
                    return self.leave().await;
                }
                match self.known(&substep)? {
                    Known::Open(step, attempt) => {
                        self.attempts(&substep, step, attempt, perform).await
                    }
                    // policy refused it, and that is its result
                    Known::Recorded(seq, failed) => self.recorded(seq, failed).await,
                    Known::Due(..) | Known::New => self.parked().await,
                }
            }
            Known::Open(step, attempt) => self.attempts(&substep, step, attempt, perform).await,
            Known::Due(step, attempt, at) => {
                self.inner.node.clock.sleep_until(at).await;
                self.attempts(&substep, step, attempt + 1, perform).await
            }
        }
    }

    fn substep(
        &self,
        name: &str,
        class: RecoveryClass,
        inputs: &impl Serialize,
    ) -> Result<Substep, Error> {
        let longest = limits::NAME_MAX_CHARS;
        if name.is_empty() || name.len() > longest {
            let text = format!(
                "substep name `{name}` has {} characters, expected 1 to {longest}",
                name.len()
            );
            return Err(Error::new(Code::InvalidArgument, text));
        }
        let canonical = serde_json_canonicalizer::to_vec(inputs).map_err(|why| {
            Error::new(Code::InvalidArgument, format!("inputs of substep `{name}`: {why}"))
        })?;
        Ok(Substep {
            run: self.inner.run,
            name: name.to_owned(),
            kind: StepKind::Substep,
            class,
            input: Digest::of(&[&canonical]),
            timeout_ms: limits::CALL_TIMEOUT_DEFAULT_MS,
        })
    }

    fn known(&self, substep: &Substep) -> Result<Known, StepFailure> {
        let cell = lock(&self.inner.resident.cell);
        let progress =
            cell.session().and_then(|state| state.runs.get(&substep.run)).and_then(Run::progress);
        let Some(memo) = progress.and_then(|progress| progress.memo.get(&substep.name)) else {
            return Ok(Known::New);
        };
        if memo.input != substep.input {
            let divergence =
                tenure_core::Refusal::Divergence { run: substep.run, name: substep.name.clone() };
            return Err(StepFailure::Refused(divergence.into()));
        }
        if let Some(seq) = memo.result_seq {
            return Ok(Known::Recorded(seq, memo.failed));
        }
        let open = progress.and_then(|progress| progress.open.get(&memo.step));
        Ok(match open.map(|open| (&open.stand, open.attempt)) {
            Some((Stand::RetryAt(at), attempt)) => Known::Due(memo.step, attempt, *at),
            Some((_, attempt)) => Known::Open(memo.step, attempt),
            None => Known::New,
        })
    }

    async fn recorded<T: DeserializeOwned>(
        &self,
        seq: u64,
        failed: bool,
    ) -> Result<T, StepFailure> {
        self.reach(seq).await;
        let value = self.inner.node.json_at(&self.inner.resident, seq)?.unwrap_or(Value::Null);
        if failed {
            let message = value
                .get("error")
                .and_then(Value::as_str)
                .unwrap_or("it did not happen")
                .to_owned();
            if value.get("code").and_then(Value::as_str) == Some(Code::DeniedByPolicy.as_str()) {
                return Err(StepFailure::Refused(Error::new(Code::DeniedByPolicy, message)));
            }
            return Err(StepFailure::Failed { message });
        }
        serde_json::from_value(value).map_err(|why| {
            StepFailure::Refused(Error::new(
                Code::Divergence,
                format!("the recorded result does not read as asked: {why}"),
            ))
        })
    }

    /// A `read` substep: performed at once, one entry, no waiting.
    async fn record<T, F, Fut>(&self, substep: Substep, perform: F) -> Result<T, StepFailure>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(String) -> Fut,
        Fut: Future<Output = Result<T, StepFailure>>,
    {
        let mut attempt = 1;
        loop {
            let done = perform(String::new()).await;
            let again =
                matches!(&done, Err(StepFailure::Transient { .. } | StepFailure::Lost { .. }));
            if again && attempt < limits::STEP_ATTEMPTS_MAX {
                tokio::time::sleep(Duration::from_millis(
                    limits::RETRY_BACKOFF_MS << (attempt - 1),
                ))
                .await;
                attempt += 1;
                continue;
            }
            let sealed = self.seal_outcome(&done)?;
            let command =
                Command::RecordStep { substep, failed: done.is_err(), writes: Vec::new() };
            let seq = self.transact(&command, Bodies::given(sealed)).await?;
            self.reach(seq.saturating_sub(RUN_AHEAD_MAX_ENTRIES)).await;
            return done;
        }
    }

    fn seal_outcome<T: Serialize>(&self, done: &Result<T, StepFailure>) -> Result<Sealed, Error> {
        let tenant = self.inner.resident.tenant;
        match done {
            Ok(value) => {
                let text = serde_json::to_vec(value)
                    .map_err(|why| Error::new(Code::InvalidArgument, why.to_string()))?;
                if text.len() > limits::STEP_RESULT_MAX_BYTES {
                    let told = format!(
                        "a result of {} bytes; the limit STEP_RESULT_MAX_BYTES is {}",
                        text.len(),
                        limits::STEP_RESULT_MAX_BYTES
                    );
                    return Err(Error::new(Code::TooLarge, told));
                }
                self.inner.node.seal(tenant, &text)
            }
            Err(failure) => {
                self.inner.node.seal_json(tenant, &json!({ "error": failure.to_string() }))
            }
        }
    }

    async fn attempts<T, F, Fut>(
        &self,
        substep: &Substep,
        step: StepId,
        first: u32,
        perform: F,
    ) -> Result<T, StepFailure>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(String) -> Fut,
        Fut: Future<Output = Result<T, StepFailure>>,
    {
        let mut attempt = first;
        loop {
            if !self.is_due(step, attempt).await {
                return self.parked().await;
            }
            let limit = Duration::from_millis(substep.timeout_ms);
            let done = tokio::time::timeout(limit, perform(step.to_string())).await;
            let (done, cause) = match done {
                Ok(done) => (done, LossCause::Connection),
                Err(_) => {
                    let message = format!("no answer within {} ms", substep.timeout_ms);
                    (Err(StepFailure::Lost { message }), LossCause::Timeout)
                }
            };
            let (run, class) = (substep.run, ErrorClass::Handler);
            let bodies = Bodies::given(self.seal_outcome(&done)?);
            let command = match &done {
                Ok(_) => Command::LandStep { run, step, attempt, writes: Vec::new() },
                Err(StepFailure::Lost { .. }) => {
                    Command::LoseStep { run, step, attempt, cause, class, tokens: None }
                }
                Err(StepFailure::Transient { .. }) => {
                    Command::FailStep { run, step, attempt, class, may_pass: true, tokens: None }
                }
                Err(StepFailure::Failed { .. } | StepFailure::Refused(_)) => {
                    Command::FailStep { run, step, attempt, class, may_pass: false, tokens: None }
                }
            };
            self.transact(&command, bodies).await?;
            match self.known(substep)? {
                Known::Recorded(..) | Known::New => return done,
                Known::Due(_, _, at) => {
                    self.inner.node.clock.sleep_until(at).await;
                    attempt += 1;
                }
                Known::Open(..) => return self.parked().await,
            }
        }
    }

    /// Whether the attempt may begin: its entry is durable, and nobody halted the run.
    async fn is_due(&self, step: StepId, attempt: u32) -> bool {
        let run = self.inner.run;
        for _ in 0..2 {
            let (due, seq) = {
                let cell = lock(&self.inner.resident.cell);
                let progress =
                    cell.session().and_then(|state| state.runs.get(&run)).and_then(Run::progress);
                let open = progress
                    .filter(|progress| progress.cancel.is_none())
                    .and_then(|progress| progress.open.get(&step));
                (
                    open.map(|open| open.stand == Stand::Intended && open.attempt == attempt),
                    cell.chain.seq,
                )
            };
            match due {
                Some(true) => {
                    self.reach(seq).await;
                    return true;
                }
                // the clock has come to the retry and nobody has woken the session yet
                Some(false) => drop(self.transact(&Command::Wake, Bodies::default()).await),
                None => return false,
            }
        }
        false
    }

    pub(super) async fn transact(
        &self,
        command: &Command,
        bodies: Bodies,
    ) -> Result<u64, StepFailure> {
        let Inner { node, resident, .. } = &*self.inner;
        match node.transact(resident, command, bodies, &Actor::system()) {
            Ok(seq) => Ok(seq),
            // halted, aborted or void: this handler is dropped and, where due, run again
            Err(error) if self.is_held_up(&error) => self.parked().await,
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it is this run that takes no command now, and not what the command was about.
    fn is_held_up(&self, error: &Error) -> bool {
        let run = self.inner.run.to_string();
        error.code == Code::IllegalTransition && error.subject.as_ref() == Some(&run)
            || self.inner.resident.durable.lost().is_some()
    }

    /// Writes something once: in the commit of the substep that memoises it.
    pub(super) async fn write<T: Serialize + DeserializeOwned + Clone>(
        &self,
        name: &str,
        inputs: &impl Serialize,
        (write, text): (Write, Option<Value>),
        answer: &T,
    ) -> Result<T, StepFailure> {
        let class = RecoveryClass::Read;
        let substep = Substep { kind: StepKind::StateWrite, ..self.substep(name, class, inputs)? };
        if let Known::Recorded(seq, failed) = self.known(&substep)? {
            return self.recorded(seq, failed).await;
        }
        if self.inner.node.is_draining() {
            return self.leave().await;
        }
        let _under_way = UnderWay::begin(&self.inner, name, class)?;
        let seal = |value: &Value| self.inner.node.seal_json(self.inner.resident.tenant, value);
        let answer_json = serde_json::to_value(answer)
            .map_err(|why| Error::new(Code::Internal, why.to_string()))?;
        let bodies = Bodies {
            writes: vec![text.as_ref().map(seal).transpose()?],
            ..Bodies::given(seal(&answer_json)?)
        };
        let command = Command::RecordStep { substep, failed: false, writes: vec![write] };
        let seq = self.transact(&command, bodies).await?;
        self.reach(seq.saturating_sub(RUN_AHEAD_MAX_ENTRIES)).await;
        Ok(answer.clone())
    }

    /// Resolves once `seq` is durable; parks the handler if it never will be.
    pub(super) async fn reach(&self, seq: u64) {
        let Inner { node, resident, .. } = &*self.inner;
        let reached = match tokio::task::try_id() == self.inner.task {
            true => resident.durable.reach(seq).await,
            // nobody else sees to it that what a task the handler spawned has queued is committed
            false => node.durable(resident, seq).await,
        };
        if reached.is_err() {
            let () = self.parked().await;
        }
    }

    /// The node goes down: nothing new begins, and what is under way in this handler may still land.
    async fn leave<T>(&self) -> T {
        if lock(&self.inner.under_way).is_empty() {
            return self.parked().await;
        }
        std::future::pending().await
    }

    /// Never resolves: tells the driver to drop this handler.
    async fn parked<T>(&self) -> T {
        self.inner.parking.park();
        std::future::pending().await
    }
}

impl From<StepFailure> for super::registry::HandlerFailure {
    fn from(failure: StepFailure) -> Self {
        match failure {
            StepFailure::Refused(error) => Self::new(error.code.as_str(), error.message),
            other => Self::new("step-failed", other.to_string()),
        }
    }
}
