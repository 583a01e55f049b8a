//! Runs a handler for a run, until it returns, is parked, or is aborted.

use super::asking::{Over, Rest};
use super::context::{Ctx, Inner, Intent};
use super::registry::{HandlerFailure, HandlerResult};
use crate::effect::is_passing;
use crate::lock;
use crate::node::Node;
use crate::resident::{Actor, Resident};
use crate::seal::Bodies;
use futures::FutureExt;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use tenure_contract::event::Work;
use tenure_contract::resource::ArtifactBody;
use tenure_contract::words::{ErrorClass, LossCause};
use tenure_contract::{ArtifactId, Code, Error, RunId, StepId};
use tenure_core::Command;
use tenure_core::command::{HandlerOutcome, NewArtifact};
use tenure_core::session::{Run, Stand};
use tokio::sync::Notify;

/// Where a handler that can go no further says so.
#[derive(Debug, Default)]
pub(super) struct Parking(Notify);

impl Parking {
    pub fn park(&self) {
        self.0.notify_one();
    }
}

/// Invokes the run's handler; its end is the run's end.
pub(crate) async fn drive(node: Arc<Node>, resident: Arc<Resident>, needs: u64, run: RunId) {
    let void = match node.durable(&resident, needs).await {
        Ok(()) => invoke(&node, &resident, run).await.is_err(),
        Err(_) => true,
    };
    if !void {
        give_up_open_steps(&node, &resident, run);
    }
    if void || resident.durable.lost().is_some() {
        lock(&node.invoked).remove(&run);
        return node.revisit(resident.journal).await;
    }
    // only now, and under the session's lock: another invocation must not begin before what this one
    // left open is declared lost
    let mut cell = lock(&resident.cell);
    lock(&node.invoked).remove(&run);
    node.pump(&resident, &mut cell);
}

async fn invoke(node: &Arc<Node>, resident: &Arc<Resident>, run: RunId) -> Result<(), Error> {
    let (intent, handler) = match prepare(node, resident, run) {
        Ok(prepared) => prepared,
        Err(error) => {
            return finish(
                node,
                resident,
                run,
                Err(HandlerFailure::new(error.code.as_str(), error.message)),
            )
            .await;
        }
    };
    let (node_held, held) = (node.clone(), resident.clone());
    let inner = Inner {
        node: node_held,
        resident: held,
        run,
        intent,
        parking: Parking::default(),
        under_way: Mutex::default(),
        rest: Rest::default(),
        task: tokio::task::try_id(),
    };
    let ctx = Ctx { inner: Arc::new(inner) };
    let _over = Over(&ctx.inner);
    let cancel = node.cancel_of(run);
    let handed = ctx.clone();
    let handling = AssertUnwindSafe(async move { handler.handle(handed).await }).catch_unwind();
    tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(()),
        done = handling => finish(node, resident, run, done.unwrap_or_else(|_| Err(panicked()))).await,
        () = ctx.inner.parking.0.notified() => Ok(()),
        // whatever moved the handler has moved it by now; what only waits for decisions is dropped,
        // and run again once there is one (`APR-5`)
        () = poll_fn(|task| ctx.inner.only_waits(task)) => Ok(()),
    }
}

/// A panic is its handler's failure and nobody else's; what it said went to the panic hook.
fn panicked() -> HandlerFailure {
    HandlerFailure::new("panicked", "the handler panicked")
}

type Prepared = (Intent, Arc<dyn super::registry::Handler>);

fn prepare(node: &Arc<Node>, resident: &Resident, run: RunId) -> Result<Prepared, Error> {
    let (work, submitted_seq, created_at, session_id) = {
        let cell = lock(&resident.cell);
        let state = cell.session().ok_or_else(|| Error::not_found("run", run))?;
        let known = state.runs.get(&run).ok_or_else(|| Error::not_found("run", run))?;
        (known.work.clone(), known.submitted_seq, known.created_at, state.id)
    };
    let Work::Intent { intent, intent_type, handler, solution } = work else {
        return Err(Error::new(Code::Internal, "an agent's run has no handler"));
    };
    let function = node.intents.named(&intent_type, &handler).ok_or_else(|| {
        Error::new(
            Code::UnknownName,
            format!("handler `{handler}` of intent `{intent_type}` is not registered any more"),
        )
    })?;
    let input = node.json_at(resident, submitted_seq)?.unwrap_or(Value::Null);
    let part = |name: &str| input.get(name).cloned().unwrap_or(Value::Null);
    let intent = Intent {
        intent_id: intent,
        intent_type,
        tenant_id: resident.tenant,
        session_id,
        solution_id: solution,
        parameters: part("parameters"),
        metadata: part("metadata"),
        created_at,
    };
    Ok((intent, function))
}

async fn finish(
    node: &Arc<Node>,
    resident: &Arc<Resident>,
    run: RunId,
    done: Result<HandlerResult, HandlerFailure>,
) -> Result<(), Error> {
    let (outcome, artifacts, bodies) = match conclude(node, resident, done) {
        Ok(concluded) => concluded,
        Err(error) => {
            failed(node, resident, &HandlerFailure::new(error.code.as_str(), error.message))?
        }
    };
    let command = Command::FinishRun { run, outcome, artifacts };
    let mut finished = node.transact(resident, &command, bodies, &Actor::system());
    if let Some(error) = finished.as_ref().err().filter(|error| error.code == Code::InvalidArgument)
    {
        // what it returned cannot be kept; running it again would return the same
        let failure = HandlerFailure::new(error.code.as_str(), error.message.clone());
        let (outcome, artifacts, bodies) = failed(node, resident, &failure)?;
        let command = Command::FinishRun { run, outcome, artifacts };
        finished = node.transact(resident, &command, bodies, &Actor::system());
    }
    match finished {
        Ok(seq) => node.durable(resident, seq).await,
        Err(error) if is_passing(&error) => Err(error),
        // halted in its last moment: it is run again, on recorded results, once it may go on
        Err(error) => {
            tracing::debug!(%run, %error, "a handler's end was refused");
            Ok(())
        }
    }
}

type Concluded = (HandlerOutcome, Vec<NewArtifact>, Bodies);

fn conclude(
    node: &Arc<Node>,
    resident: &Resident,
    done: Result<HandlerResult, HandlerFailure>,
) -> Result<Concluded, Error> {
    let result = match done {
        Ok(result) => result,
        Err(failure) => return failed(node, resident, &failure),
    };
    let mut bodies = Bodies::given(node.seal_json(resident.tenant, &result.output)?);
    let mut artifacts = Vec::with_capacity(result.artifacts.len());
    for made in result.artifacts {
        // one made before it by the same handler is registered in the same commit, before it
        let not_made_here = |parent: &&ArtifactId| {
            !artifacts.iter().any(|known: &NewArtifact| known.artifact == **parent)
        };
        let elsewhere: Vec<ArtifactId> =
            made.parents.iter().filter(not_made_here).copied().collect();
        node.check_parents(resident, &elsewhere)?;
        let body = ArtifactBody {
            semantic_descriptor: made.descriptor,
            materializations: made.materializations,
        };
        bodies.artifacts.push(node.seal_json(resident.tenant, &body)?);
        artifacts.push(NewArtifact {
            artifact: made.artifact_id,
            artifact_type: made.artifact_type,
            state: made.state,
            parents: made.parents,
            digest: made.digest,
        });
    }
    Ok((HandlerOutcome::Done, artifacts, bodies))
}

fn failed(
    node: &Arc<Node>,
    resident: &Resident,
    failure: &HandlerFailure,
) -> Result<Concluded, Error> {
    let sealed = node.seal_json(resident.tenant, &json!({ "error": failure.message }))?;
    let outcome = match failure.code.as_str() {
        code if code == Code::BudgetExceeded.as_str() => HandlerOutcome::OutOfBudget,
        code => HandlerOutcome::Failed { class: ErrorClass::Handler, code: code.to_owned() },
    };
    Ok((outcome, Vec::new(), Bodies::given(sealed)))
}

/// Substeps a dropped handler left intended are lost from sight.
fn give_up_open_steps(node: &Arc<Node>, resident: &Arc<Resident>, run: RunId) {
    let open: Vec<(StepId, u32)> = {
        let cell = lock(&resident.cell);
        let progress =
            cell.session().and_then(|state| state.runs.get(&run)).and_then(Run::progress);
        let open = progress.into_iter().flat_map(|progress| &progress.open);
        open.filter(|(_, open)| open.stand == Stand::Intended)
            .map(|(step, open)| (*step, open.attempt))
            .collect()
    };
    for (step, attempt) in open {
        let command = Command::LoseStep {
            run,
            step,
            attempt,
            cause: LossCause::Abort,
            class: ErrorClass::Handler,
            tokens: None,
        };
        if let Err(error) = node.transact(resident, &command, Bodies::default(), &Actor::system()) {
            let about = format!("{run} {step}");
            node.failed("an abandoned step could not be declared lost", about, &error);
        }
    }
}
