//! Tasks follow their runs, todos go along their arrows, and neither is written twice.

use super::bench::*;
use crate::Refusal;
use crate::command::{Command, Write};
use tenure_contract::event::{RunSubmitted, TaskCreated, TodoCreated};
use tenure_contract::resource::Change;
use tenure_contract::words::*;
use tenure_contract::{Digest, RunId, TaskId, TodoId};

const SWEEP: TaskId = TaskId::from_bytes([21; 16]);
const BUY: TodoId = TodoId::from_bytes([31; 16]);

fn created() -> TaskCreated {
    TaskCreated {
        task: SWEEP,
        title: "sweep".to_owned(),
        priority: None,
        workspace: None,
        request: None,
    }
}

fn moved(status: TaskStatus) -> Command {
    Command::Write(Write::ChangeTask {
        task: SWEEP,
        title: None,
        priority: Change::Keep,
        workspace: Change::Keep,
        status: Some(status),
    })
}

fn todo() -> Write {
    Write::CreateTodo(TodoCreated { todo: BUY, task: None, request: None })
}

fn todo_to(status: TodoStatus) -> Write {
    Write::ChangeTodo { todo: BUY, rewords: false, status: Some(status) }
}

fn with_task() -> Bench {
    let mut bench = Bench::open();
    bench.run(Command::Write(Write::CreateTask(created())));
    bench
}

fn status(bench: &Bench) -> TaskStatus {
    bench.state.tasks[&SWEEP].status
}

fn try_it(bench: &mut Bench, number: u8) -> RunId {
    bench.submit(RunSubmitted { task: Some(SWEEP), ..intent(number) })
}

fn failed(run: RunId) -> Command {
    Command::FailRun { run, class: ErrorClass::Handler, code: "broken".to_owned() }
}

#[test]
fn tsk_1_a_task_follows_its_run_in_the_commit_of_the_runs_move() {
    let mut bench = with_task();
    assert_eq!(status(&bench), TaskStatus::Queued);
    let run = try_it(&mut bench, 1);
    assert_eq!(status(&bench), TaskStatus::Running);
    assert_eq!(bench.state.current_task(), Some(SWEEP));
    let entries = bench.run(Command::PauseRun { run });
    assert_eq!(kinds(&entries)[..2], ["run.paused", "task.moved"]);
    assert_eq!(status(&bench), TaskStatus::Blocked);
    let entries = bench.run(Command::ResumeRun { run });
    assert_eq!(kinds(&entries), ["run.resumed", "task.moved"]);
    let refused = bench.refuse(moved(TaskStatus::Blocked));
    assert_eq!(refused, Refusal::TaskFollows { task: SWEEP, run });
    let again = bench.refuse(submit(RunSubmitted { task: Some(SWEEP), ..intent(2) }));
    assert_eq!(again, Refusal::TaskFollows { task: SWEEP, run });
    bench.run(failed(run));
    assert_eq!((status(&bench), bench.state.current_task()), (TaskStatus::Failed, None));
}

#[test]
fn tsk_1_waiting_for_approval_is_blocked() {
    let mut bench = with_task();
    let run = bench.submit(RunSubmitted { task: Some(SWEEP), ..agent(1) });
    bench.land_turn(run, &[ask("a")]);
    assert_eq!(
        (bench.status(run), status(&bench)),
        (RunStatus::WaitingApproval, TaskStatus::Blocked)
    );
    let asked = bench.asked();
    bench.decide(asked, true).unwrap();
    assert_eq!(status(&bench), TaskStatus::Running);
}

#[test]
fn tsk_1_a_retry_is_a_new_run_and_counts() {
    let mut bench = with_task();
    let first = try_it(&mut bench, 1);
    assert_eq!(bench.known(first).attempt, 1);
    let retry =
        |number| RunSubmitted { task: Some(SWEEP), trigger: Trigger::Retry, ..intent(number) };
    assert!(matches!(bench.refuse(submit(retry(2))), Refusal::TaskFollows { .. }));
    bench.run(failed(first));
    let by_hand = bench.refuse(moved(TaskStatus::Queued));
    assert!(by_hand.to_string().contains("retry it"), "{by_hand}");
    let second = bench.submit(retry(2));
    let task = &bench.state.tasks[&SWEEP];
    assert_eq!((task.status, task.run, task.attempts), (TaskStatus::Running, Some(second), 2));
    assert_eq!((bench.known(second).attempt, bench.status(first)), (2, RunStatus::Failed));
    bench.cancel(second);
    assert_eq!(status(&bench), TaskStatus::Cancelled);
    let over = bench.refuse(submit(retry(3)));
    assert!(over.to_string().contains("only a failed task is retried"), "{over}");
}

#[test]
fn tsk_1_without_a_run_it_moves_along_the_same_arrows() {
    let mut bench = with_task();
    let refused = bench.refuse(moved(TaskStatus::Completed));
    assert!(refused.to_string().contains("`running`, `blocked`, `cancelled`"), "{refused}");
    for next in [TaskStatus::Blocked, TaskStatus::Running, TaskStatus::Completed] {
        assert_eq!(kinds(&bench.run(moved(next))), ["task.moved"]);
    }
    for next in TaskStatus::ALL.iter().filter(|next| **next != TaskStatus::Completed) {
        assert!(matches!(bench.refuse(moved(*next)), Refusal::NoMove { .. }));
    }
    assert!(bench.run(moved(TaskStatus::Completed)).is_empty(), "where it stands it may stay");
}

#[test]
fn tsk_1_a_task_whose_run_fails_in_the_queue_fails() {
    let mut bench = with_task();
    bench.submit(intent(1));
    let queued = try_it(&mut bench, 2);
    assert_eq!(status(&bench), TaskStatus::Queued);
    bench.run(failed(queued));
    assert_eq!(status(&bench), TaskStatus::Failed);
}

#[test]
fn tsk_1_the_same_key_makes_one_task_and_a_session_s_end_gives_open_ones_up() {
    let mut bench = Bench::open();
    let keyed = |body: &[u8]| {
        let request = Some(Digest::of(&[body]));
        Command::Write(Write::CreateTask(TaskCreated { request, ..created() }))
    };
    assert_eq!(kinds(&bench.run(keyed(b"a"))), ["task.created"]);
    assert!(bench.run(keyed(b"a")).is_empty());
    assert!(matches!(bench.refuse(keyed(b"b")), Refusal::KeyConflict { .. }));
    let end = Command::EndSession { status: SessionStatus::Completed, reason: None };
    assert_eq!(kinds(&bench.run(end)), ["task.moved", "session.ended"]);
    assert_eq!(status(&bench), TaskStatus::Cancelled);
    assert!(matches!(bench.refuse(moved(TaskStatus::Queued)), Refusal::SessionEnded { .. }));
}

#[test]
fn tod_1_a_todo_goes_along_its_arrows() {
    let mut bench = Bench::open();
    bench.run(Command::Write(todo()));
    for next in [TodoStatus::InProgress, TodoStatus::Done, TodoStatus::Open, TodoStatus::Dropped] {
        bench.run(Command::Write(todo_to(next)));
        assert_eq!(bench.state.todos[&BUY].status, next);
    }
    let refused = bench.refuse(Command::Write(todo_to(TodoStatus::Done)));
    assert!(refused.to_string().contains("it may become `open`"), "{refused}");
    let text = bench.state.todos[&BUY].text_seq;
    bench.run(Command::Write(Write::ChangeTodo { todo: BUY, rewords: true, status: None }));
    assert!(bench.state.todos[&BUY].text_seq > text);
    let task = Some(SWEEP);
    let orphan = TodoCreated { todo: TodoId::from_bytes([32; 16]), task, request: None };
    let refused = bench.refuse(Command::Write(Write::CreateTodo(orphan)));
    assert_eq!(refused, Refusal::NoTask(SWEEP));
}

#[test]
fn tod_1_a_step_writes_todos_in_its_own_commit_or_not_at_all() {
    let (mut bench, run) = Bench::performing(&[call("a")]);
    let step = bench.step_of_call(run, 0);
    let land = |writes| Command::LandStep { run, step, attempt: 1, writes };
    let refused = bench.refuse(land(vec![todo_to(TodoStatus::Done)]));
    assert_eq!(refused, Refusal::NoTodo(BUY));
    let refused = bench.refuse(land(vec![todo(), todo_to(TodoStatus::Done)]));
    assert!(refused.to_string().contains("twice"), "{refused}");
    let entries = bench.run(land(vec![todo()]));
    assert_eq!(kinds(&entries)[..2], ["step.landed", "todo.created"]);
    assert_eq!(entries[1].run, Some(run));
    // an answer that comes again is late and writes nothing
    assert_eq!(kinds(&bench.run(land(vec![todo()]))), ["step.late"]);
    assert_eq!(bench.count("todo.created"), 1);
}

#[test]
fn int_9_a_substep_writes_in_its_own_commit() {
    let mut bench = Bench::open();
    let run = bench.submit(intent(1));
    let substep = substep(run, "plan", RecoveryClass::Read);
    let writes = vec![Write::CreateTask(created()), todo()];
    let entries = bench.run(Command::RecordStep { substep, failed: false, writes });
    assert_eq!(kinds(&entries), ["step.recorded", "task.created", "todo.created"]);
}
