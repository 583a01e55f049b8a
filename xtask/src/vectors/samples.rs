//! A sample of every kind of entry. A new field of an event does not compile here until its sample
//! has it too, so that no field is without a vector.

mod executor;
mod migration;
mod schedule;

use super::source::Source;
use tenure_contract::entry::{PayloadRef, Principal};
use tenure_contract::event::*;
use tenure_contract::words::*;
use tenure_contract::*;

/// An entry around the event; a ledger's event stands in a ledger's journal.
#[must_use]
pub fn entry(event: Event, s: &mut Source) -> Entry {
    let tenant = TenantId::from_bytes(s.bytes16());
    let session = SessionId::from_bytes(s.bytes16());
    let is_ledger =
        event.number() >= 80 && !matches!(event, Event::RunClaimed(_) | Event::RunReleased(_));
    Entry {
        journal: if is_ledger { Journal::Ledger(tenant) } else { Journal::Session(session) },
        seq: s.number(),
        at: s.time(),
        event_id: EventId::from_bytes(s.bytes16()),
        tenant,
        run: s.option(run),
        principal: Principal { kind: s.word(PrincipalKind::ALL), name: s.text("ada") },
        surface: s.option(|s| s.word(Surface::ALL)),
        correlation_id: s.bytes16(),
        causation_id: EventId::from_bytes(s.bytes16()),
        parent_event_id: s.option(|s| EventId::from_bytes(s.bytes16())),
        payload: s.option(|s| PayloadRef { digest: s.digest(), len: s.number() }),
        event,
    }
}

/// A sample of what was added to that kind since its first; none when nothing was.
#[must_use]
pub fn added(number: u16, s: &mut Source) -> Option<Event> {
    executor::added(number, s)
}

/// A sample of that kind; none when there is no such kind.
#[must_use]
pub fn event(number: u16, s: &mut Source) -> Option<Event> {
    session_event(number, s)
        .or_else(|| run_event(number, s))
        .or_else(|| step_event(number, s))
        .or_else(|| approval_event(number, s))
        .or_else(|| artifact_event(number, s))
        .or_else(|| task_event(number, s))
        .or_else(|| handoff_event(number, s))
        .or_else(|| ledger_event(number, s))
        .or_else(|| dispatch_event(number, s))
        .or_else(|| executor::event(number, s))
        .or_else(|| schedule::event(number, s))
        .or_else(|| migration::event(number, s))
}

fn run(s: &mut Source) -> RunId {
    RunId::from_bytes(s.bytes16())
}

fn step(s: &mut Source) -> StepId {
    StepId::from_bytes(s.bytes16())
}

fn approval(s: &mut Source) -> ApprovalId {
    ApprovalId::from_bytes(s.bytes16())
}

fn site(s: &mut Source) -> CallSite {
    CallSite { turn: s.count(), index: s.count() }
}

fn session_event(number: u16, s: &mut Source) -> Option<Event> {
    Some(match number {
        1 => SessionOpened {
            product: s.text("cowork"),
            user: s.text("ada"),
            target: s.word(ExecutionTarget::ALL),
            workspace: s.option(|s| WorkspaceId::from_bytes(s.bytes16())),
            input_policy: s.word(InputPolicy::ALL),
            dispatch: s.option(dispatch_context),
            ends_with_run: s.flag(),
            request: s.option(Source::digest),
            approvers: s.list(|s| s.text("user:ada")),
            title: s.option(|s| s.text("spring cleaning")),
            memory: s.list(|s| s.text("notes:7@2")),
            surface: s.option(|s| s.word(Surface::ALL)),
        }
        .into(),
        3 => SessionChanged {
            title: s.option(|s| s.text("spring cleaning")),
            workspace: s.option(|s| WorkspaceId::from_bytes(s.bytes16())),
            memory: s.list(|s| s.text("notes:7@2")),
            input_policy: s.word(InputPolicy::ALL),
        }
        .into(),
        4 => SessionBound {
            agent: AgentId::from_bytes(s.bytes16()),
            name: s.text("triage"),
            version: s.digest(),
            external_id: s.option(|s| s.text("thread_7")),
        }
        .into(),
        5 => SessionResumed {
            checkpoint: CheckpointId::from_bytes(s.bytes16()),
            run: s.option(run),
            verdict: s.word(PinVerdict::ALL),
            differing: s.list(|s| s.word(PinName::ALL)),
            choice: s.option(|s| s.word(ResumeChoice::ALL)),
            repin: s.option(repin),
        }
        .into(),
        70 => checkpoint(s).into(),
        65 => TransferOffered {
            transfer: transfer(s),
            to: store(s),
            reason: s.option(|s| s.text("nearer to its users")),
        }
        .into(),
        66 => TransferWithdrawn { transfer: transfer(s) }.into(),
        67 => TransferReleased { transfer: transfer(s), accepted: seal(s) }.into(),
        68 => TransferReceived { transfer: transfer(s), released: seal(s) }.into(),
        2 => SessionEnded {
            status: s.word(SessionStatus::ALL),
            reason: s.option(|s| s.text("no longer needed")),
        }
        .into(),
        60 => MemorySaved { run: run(s), version: s.number(), keep: s.number(), added: s.number() }
            .into(),
        61 => MemoryCleared { version: s.number() }.into(),
        _ => return None,
    })
}

fn owner(s: &mut Source, product: &str, principal: &str) -> Owner {
    Owner { product: s.text(product), principal: s.text(principal) }
}

fn handoff_event(number: u16, s: &mut Source) -> Option<Event> {
    Some(match number {
        62 => HandoffOffered {
            handoff: HandoffId::from_bytes(s.bytes16()),
            from: owner(s, "cowork", "user:ada"),
            to: owner(s, "desk", "user:ben"),
            tasks: s.list(|s| TaskId::from_bytes(s.bytes16())),
            approvals: s.list(approval),
            refs: s.list(|s| s.text("ticket:7@2")),
            reason: s.option(|s| s.text("second line")),
            expires_at: s.time(),
            request: s.option(Source::digest),
        }
        .into(),
        63 => HandoffAccepted {
            handoff: HandoffId::from_bytes(s.bytes16()),
            from: owner(s, "cowork", "user:ada"),
            to: owner(s, "desk", "user:ben"),
            approvals: s.list(approval),
        }
        .into(),
        64 => HandoffClosed {
            handoff: HandoffId::from_bytes(s.bytes16()),
            status: s.word(HandoffStatus::ALL),
            reason: s.option(|s| s.text("not ours")),
        }
        .into(),
        _ => return None,
    })
}

fn transfer(s: &mut Source) -> TransferId {
    TransferId::from_bytes(s.bytes16())
}

fn store(s: &mut Source) -> StoreId {
    StoreId::from_bytes(s.bytes16())
}

fn seal(s: &mut Source) -> HeadSeal {
    HeadSeal {
        store: store(s),
        seq: s.number(),
        hash: s.digest(),
        at: s.time(),
        epoch: s.number(),
        key: s.text("6c"),
        signature: s.text("f0"),
        root: s.text("0b"),
        certificate: s.text("9a"),
    }
}

fn repin(s: &mut Source) -> Repin {
    Repin {
        agent: AgentId::from_bytes(s.bytes16()),
        version: s.digest(),
        tools: s.digest(),
        model: s.text("openai/small"),
    }
}

fn checkpoint(s: &mut Source) -> CheckpointMade {
    CheckpointMade {
        checkpoint: CheckpointId::from_bytes(s.bytes16()),
        run: s.option(run),
        cause: s.word(CheckpointCause::ALL),
        status: s.word(SessionStatus::ALL),
        current_task: s.option(|s| TaskId::from_bytes(s.bytes16())),
        todos: s.list(|s| TodoId::from_bytes(s.bytes16())),
        artifacts: s.list(|s| ArtifactId::from_bytes(s.bytes16())),
        memory: s.list(|s| s.text("notes:7@2")),
        approvals: s.list(approval),
        left_out: s.number(),
        dispatch: s.option(dispatch_context),
        token: s.digest(),
        title: s.text("sweep the yard"),
        summary: s.text("`triage` is paused"),
        last_action_at: s.option(Source::time),
        pins: Pins {
            agent: s.option(|s| s.text("triage@sha256:00")),
            tools: s.option(Source::digest),
            policy: s.option(|s| s.text("builtin-1")),
            model: s.option(|s| s.text("openai/small")),
        },
    }
}

fn dispatch_context(s: &mut Source) -> DispatchContext {
    DispatchContext {
        origin_surface: s.word(Surface::ALL),
        origin_product_id: s.text("cowork"),
        dispatch_mode: s.word(DispatchMode::ALL),
        initiated_at: s.time(),
    }
}

fn run_event(number: u16, s: &mut Source) -> Option<Event> {
    Some(match number {
        10 => submitted(s).into(),
        11 => RunStarted { run: run(s) }.into(),
        12 => RunPaused { run: run(s), cause: s.word(PauseCause::ALL) }.into(),
        13 => RunWaiting { run: run(s) }.into(),
        14 => RunResumed { run: run(s) }.into(),
        15 => RunCancelRequested {
            run: run(s),
            stop_reason: s.word(StopReason::ALL),
            reason: s.option(|s| s.text("wrong account")),
        }
        .into(),
        16 => RunEnded {
            run: run(s),
            status: s.word(RunStatus::ALL),
            stop_reason: s.word(StopReason::ALL),
            error_class: s.option(|s| s.word(ErrorClass::ALL)),
            error_code: s.option(|s| s.text("upstream")),
            usage: usage(s),
            receipt: s.option(receipt),
        }
        .into(),
        17 => {
            let keyed = s.option(|s| KeyedInput { submission: run(s), request: s.digest() });
            RunSteered { run: run(s), keyed }.into()
        }
        _ => return None,
    })
}

fn submitted(s: &mut Source) -> RunSubmitted {
    RunSubmitted {
        run: run(s),
        parent: s.option(run),
        task: s.option(|s| TaskId::from_bytes(s.bytes16())),
        work: work(s),
        trigger: s.word(Trigger::ALL),
        policy: s.word(InputPolicy::ALL),
        limits: RunLimits {
            max_steps: s.count(),
            max_steps_from: origin(s),
            budget_steps: s.number(),
            budget_steps_from: origin(s),
        },
        request: s.option(Source::digest),
        memory: s.flag(),
        approvers: s.list(|s| s.text("user:ada")),
        attempt: s.count(),
        refused: s.flag(),
        decided_under: policy(s),
        tools: s.option(Source::digest),
        model: s.option(|s| s.text("openai/small")),
        // kept as they were before there were executors; see `executor`
        remote: None,
        // a schedule's entry has it, and its vector; here it encodes to nothing
        scheduled: None,
    }
}

fn work(s: &mut Source) -> Work {
    if s.flag() {
        Work::Intent {
            intent: IntentId::from_bytes(s.bytes16()),
            intent_type: s.text("ingest_file"),
            handler: s.text("ingest"),
            solution: s.text("default"),
        }
    } else {
        Work::Agent {
            agent: AgentId::from_bytes(s.bytes16()),
            version: s.digest(),
            name: s.text("triage"),
        }
    }
}

fn origin(s: &mut Source) -> Origin {
    s.word(&[Origin::Default, Origin::Config, Origin::Option])
}

fn usage(s: &mut Source) -> Usage {
    Usage {
        input_tokens: s.number(),
        output_tokens: s.number(),
        model_calls: s.number(),
        tool_calls: s.number(),
        steps: s.number(),
    }
}

fn receipt(s: &mut Source) -> StopReceipt {
    StopReceipt {
        stopped: s.number(),
        landed_after: s.number(),
        in_doubt: s.number(),
        children: s.number(),
    }
}

fn step_event(number: u16, s: &mut Source) -> Option<Event> {
    Some(match number {
        20 => intended(s).into(),
        21 => StepAttempted {
            run: run(s),
            step: step(s),
            attempt: s.count(),
            cause: s.option(|s| s.word(executor::LOSSES_BEFORE)),
        }
        .into(),
        22 => StepLanded { run: run(s), step: step(s), attempt: s.count() }.into(),
        23 => StepFailed {
            run: run(s),
            step: step(s),
            attempt: s.count(),
            class: s.word(ErrorClass::ALL),
            retry_at: s.option(Source::time),
            tokens: s.option(tokens),
            lost: s.option(|s| s.word(executor::LOSSES_BEFORE)),
        }
        .into(),
        24 => StepInDoubt {
            run: run(s),
            step: step(s),
            attempt: s.count(),
            cause: s.word(executor::LOSSES_BEFORE),
            travelling_until: s.time(),
        }
        .into(),
        25 => StepResolved {
            run: run(s),
            step: step(s),
            resolution: s.word(Resolution::ALL),
            by_lookup: s.flag(),
            reason: s.option(|s| s.text("seen in the ledger")),
        }
        .into(),
        26 => StepLate { run: run(s), step: step(s), attempt: s.count() }.into(),
        27 => recorded(s).into(),
        28 => turn_landed(s).into(),
        29 => StepCancelled { run: run(s), step: step(s) }.into(),
        33 => assessed(s).into(),
        34 => refused(s).into(),
        35 => {
            StepCharged { run: run(s), step: step(s), attempt: s.count(), tokens: tokens(s) }.into()
        }
        37 => asked(s).into(),
        _ => return None,
    })
}

fn asked(s: &mut Source) -> StepAsked {
    StepAsked {
        run: run(s),
        approval: approval(s),
        name: s.text("pay"),
        kind: s.word(StepKind::ALL),
        input: s.digest(),
        policy: policy(s),
    }
}

fn intended(s: &mut Source) -> StepIntended {
    StepIntended {
        run: run(s),
        step: step(s),
        name: s.text("refund"),
        kind: s.word(StepKind::ALL),
        class: s.word(RecoveryClass::ALL),
        input: s.digest(),
        site: s.option(site),
        timeout_ms: s.number(),
        approval: s.option(approval),
        has_lookup: s.flag(),
        policy: s.option(policy),
    }
}

fn recorded(s: &mut Source) -> StepRecorded {
    StepRecorded {
        run: run(s),
        step: step(s),
        name: s.text("parse"),
        kind: s.word(StepKind::ALL),
        input: s.digest(),
        failed: s.flag(),
    }
}

fn policy(s: &mut Source) -> PolicyVersion {
    s.option(Source::digest).map_or(PolicyVersion::Default, PolicyVersion::Set)
}

fn refused(s: &mut Source) -> StepRefused {
    StepRefused {
        run: run(s),
        step: step(s),
        name: s.text("pay"),
        kind: s.word(StepKind::ALL),
        class: s.word(RecoveryClass::ALL),
        input: s.digest(),
        policy: policy(s),
    }
}

fn assessed(s: &mut Source) -> CallAssessed {
    CallAssessed { run: run(s), site: site(s), verdict: verdict(s), policy: policy(s) }
}

fn tokens(s: &mut Source) -> TokensUsed {
    TokensUsed { input: s.number(), output: s.number() }
}

fn turn_landed(s: &mut Source) -> TurnLanded {
    TurnLanded {
        run: run(s),
        step: step(s),
        attempt: s.count(),
        calls: s.list(call),
        tokens: tokens(s),
        policy: policy(s),
    }
}

fn call(s: &mut Source) -> CallNoted {
    CallNoted {
        call_id: s.text("call_1"),
        tool: s.text("refund"),
        action: s.digest(),
        verdict: verdict(s),
        class: s.word(RecoveryClass::ALL),
        timeout_ms: s.number(),
        has_lookup: s.flag(),
    }
}

fn verdict(s: &mut Source) -> CallVerdict {
    match s.number() % 4 {
        0 => CallVerdict::Permit,
        1 => CallVerdict::Ask {
            risk: s.word(RiskLevel::ALL),
            label: s.text("refund 1200 to ada"),
            approvers: s.list(|s| s.text("user:ana")),
            needs_reason: s.flag(),
        },
        2 => CallVerdict::Refuse { why: s.word(CallRefusal::ALL) },
        _ => CallVerdict::AskHuman { label: s.text("which account?") },
    }
}

fn approval_event(number: u16, s: &mut Source) -> Option<Event> {
    Some(match number {
        40 => ApprovalRequested {
            approval: approval(s),
            kind: s.word(ApprovalKind::ALL),
            run: s.option(run),
            site: s.option(site),
            label: s.text("refund 1200 to ada"),
            action: s.digest(),
            risk: s.word(RiskLevel::ALL),
            policy: policy(s),
            approvers: s.list(|s| s.text("user:ada")),
            expires_at: s.option(Source::time),
            increment: s.option(Source::number),
            needs_reason: s.flag(),
        }
        .into(),
        41 => ApprovalDecided {
            approval: approval(s),
            run: s.option(run),
            status: s.word(ApprovalStatus::ALL),
            reason: s.option(|s| s.text("checked with the customer")),
            edited: s.option(Source::digest),
            policy: policy(s),
            token: s.option(|s| TokenId::from_bytes(s.bytes16())),
        }
        .into(),
        43 => ApprovalHanded {
            approval: approval(s),
            run: s.option(run),
            token: TokenId::from_bytes(s.bytes16()),
            audience: s.text("desk"),
            expires_at: s.time(),
        }
        .into(),
        42 => ApprovalClosed {
            approval: approval(s),
            run: s.option(run),
            status: s.word(ApprovalStatus::ALL),
        }
        .into(),
        _ => return None,
    })
}

fn artifact_event(number: u16, s: &mut Source) -> Option<Event> {
    let artifact = |s: &mut Source| ArtifactId::from_bytes(s.bytes16());
    Some(match number {
        50 => ArtifactRegistered {
            artifact: artifact(s),
            artifact_type: s.text("profile"),
            run: run(s),
            intent: s.text("ingest_file"),
            state: s.word(ArtifactState::ALL),
            parents: s.list(artifact),
            digest: s.option(Source::digest),
        }
        .into(),
        51 => ArtifactMoved { artifact: artifact(s), state: s.word(ArtifactState::ALL) }.into(),
        _ => return None,
    })
}

fn task_event(number: u16, s: &mut Source) -> Option<Event> {
    let task = |s: &mut Source| TaskId::from_bytes(s.bytes16());
    let todo = |s: &mut Source| TodoId::from_bytes(s.bytes16());
    let workspace = |s: &mut Source| WorkspaceId::from_bytes(s.bytes16());
    Some(match number {
        55 => TaskCreated {
            task: task(s),
            title: s.text("sweep the yard"),
            priority: s.option(|s| s.text("high")),
            workspace: s.option(workspace),
            request: s.option(Source::digest),
        }
        .into(),
        56 => TaskChanged {
            task: task(s),
            title: s.text("sweep the yard"),
            priority: s.option(|s| s.text("high")),
            workspace: s.option(workspace),
        }
        .into(),
        57 => {
            TaskMoved { task: task(s), status: s.word(TaskStatus::ALL), run: s.option(run) }.into()
        }
        58 => {
            TodoCreated { todo: todo(s), task: s.option(task), request: s.option(Source::digest) }
                .into()
        }
        59 => TodoChanged { todo: todo(s), status: s.word(TodoStatus::ALL) }.into(),
        _ => return None,
    })
}

fn ledger_event(number: u16, s: &mut Source) -> Option<Event> {
    let key = |s: &mut Source| KeyId::from_bytes(s.bytes16());
    Some(match number {
        80 => TenantOpened { name: s.text("default") }.into(),
        81 => AgentRegistered {
            agent: AgentId::from_bytes(s.bytes16()),
            name: s.text("triage"),
            version: s.digest(),
        }
        .into(),
        82 => KeyCreated {
            key: key(s),
            prefix: s.text("tnr_ab12"),
            hash: s.digest(),
            principal: s.text("user:ada"),
            scopes: s.list(|s| s.text("runs:write")),
            product: s.option(|s| s.text("shop")),
            expires_at: s.option(Source::time),
        }
        .into(),
        83 => KeyRevoked { key: key(s) }.into(),
        84 => AccessDenied {
            action: s.text("POST /v1/runs"),
            code: s.text("forbidden"),
            omitted: s.number(),
        }
        .into(),
        110 => AppKeyRegistered {
            product: s.text("desk"),
            kid: s.text("0011223344556677"),
            public_key: s.text(&"ab".repeat(32)),
            digest: s.digest(),
        }
        .into(),
        111 => AppKeyRevoked { kid: s.text("0011223344556677"), digest: s.digest() }.into(),
        85 => PrincipalCreated {
            principal: PrincipalId::from_bytes(s.bytes16()),
            kind: s.word(PrincipalKind::ALL),
            name: s.text("ada"),
            scopes: s.list(|s| s.text("runs:*")),
        }
        .into(),
        86 => PrincipalChanged {
            principal: PrincipalId::from_bytes(s.bytes16()),
            scopes: s.option(|s| s.list(|s| s.text("*:read"))),
            status: s.option(|s| s.word(PrincipalStatus::ALL)),
        }
        .into(),
        87..=89 => return place_event(number, s),
        90 => SecretSet { name: s.text("OPENAI"), version: s.number(), length_hint: s.number() }
            .into(),
        91 => SecretDeleted { name: s.text("OPENAI") }.into(),
        92 => PolicySet { version: s.digest() }.into(),
        _ => return None,
    })
}

fn place_event(number: u16, s: &mut Source) -> Option<Event> {
    let project = |s: &mut Source| ProjectId::from_bytes(s.bytes16());
    let workspace = WorkspaceId::from_bytes(s.bytes16());
    Some(match number {
        87 => ProjectCreated {
            project: project(s),
            name: s.text("shop"),
            request: s.option(Source::digest),
        }
        .into(),
        88 => WorkspaceCreated {
            workspace,
            project: s.option(project),
            kind: s.word(WorkspaceKind::ALL),
            reference: s.option(|s| s.text("main")),
            base_commit: s.option(|s| s.text("5ac7101")),
            request: s.option(Source::digest),
        }
        .into(),
        89 => WorkspaceMoved { workspace, status: s.word(WorkspaceStatus::ALL) }.into(),
        _ => return None,
    })
}

fn dispatch(s: &mut Source) -> DispatchId {
    DispatchId::from_bytes(s.bytes16())
}

fn dispatch_event(number: u16, s: &mut Source) -> Option<Event> {
    Some(match number {
        100 => dispatch_received(s)?.into(),
        101 => DispatchAccepted { dispatch: dispatch(s) }.into(),
        102 => DispatchRejected { dispatch: dispatch(s), reason: s.text("no grant") }.into(),
        103 => DispatchWaiting { dispatch: dispatch(s) }.into(),
        105 => {
            let session = SessionId::from_bytes(s.bytes16());
            DispatchStarted { dispatch: dispatch(s), session, run: run(s) }.into()
        }
        106 => DispatchDelivered {
            dispatch: dispatch(s),
            run: s.option(run),
            refused: s.option(|s| s.text("session-busy")),
            reason: s.option(|s| s.text("it is busy")),
        }
        .into(),
        107 => DispatchClosed {
            dispatch: dispatch(s),
            status: s.word(DispatchStatus::ALL),
            reason: s.option(|s| s.text("nobody needs it")),
        }
        .into(),
        _ => return None,
    })
}

fn dispatch_received(s: &mut Source) -> Option<DispatchReceived> {
    let opens = match session_event(1, s)? {
        Event::SessionOpened(opened) => s.option(|_| Box::new(opened)),
        _ => return None,
    };
    let makes = match task_event(55, s)? {
        Event::TaskCreated(made) => s.option(|_| Box::new(made)),
        _ => return None,
    };
    Some(DispatchReceived {
        dispatch: dispatch(s),
        product: s.text("cowork"),
        user: s.text("ada"),
        context: dispatch_context(s),
        session: SessionId::from_bytes(s.bytes16()),
        opens,
        makes,
        run: Box::new(submitted(s)),
        priority: s.option(|s| s.text("high")),
        not_before: s.option(Source::time),
        expires_at: s.time(),
        request: s.digest(),
        decided_under: policy(s),
        // kept as they were before there were executors; see `executor`
        target: None,
        class: None,
    })
}
