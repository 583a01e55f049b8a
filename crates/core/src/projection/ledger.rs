//! The rows a ledger's entries change.

use super::project::{change, id, maybe, open, text, time};
use super::{Column, RowChange, Table, Value};
use tenure_contract::Entry;
use tenure_contract::event::{
    Event, ExecutorRegistered, KeyCreated, PrincipalChanged, PrincipalCreated, SecretSet,
    WorkspaceCreated,
};
use tenure_contract::words::{PrincipalStatus, WorkspaceStatus};

/// One row a change sets: its list, its key, its columns.
type Set = (Table, [u8; 16], Vec<(Column, Value)>);

pub(super) fn rows(entry: &Entry) -> Vec<RowChange> {
    use Column::*;
    let now = time(entry.at);
    let (table, key, set): Set = match &entry.event {
        Event::TenantOpened(opened) => (
            Table::Tenant,
            entry.tenant.bytes(),
            vec![(Name, text(&opened.name)), (CreatedAt, now)],
        ),
        Event::AgentRegistered(made) => (
            Table::Agent,
            made.version.first_half(),
            vec![
                (Name, text(&made.name)),
                (Digest, Value::Bytes(made.version.bytes().to_vec())),
                (Parent, id(made.agent.bytes())),
                (CreatedAt, now),
            ],
        ),
        Event::KeyCreated(made) => (Table::Key, made.key.bytes(), key_made(made, now)),
        Event::KeyRevoked(gone) => {
            (Table::Key, gone.key.bytes(), vec![(Status, text("revoked")), (Open, open(false))])
        }
        Event::AppKeyRegistered(made) => {
            let set = vec![
                (Name, text(&made.kid)),
                (Label, text(&made.public_key)),
                (Product, text(&made.product)),
                (Status, text("active")),
                (Open, open(true)),
                (CreatedAt, now),
            ];
            (Table::AppKey, made.digest.first_half(), set)
        }
        Event::AppKeyRevoked(gone) => {
            let set = vec![(Status, text("revoked")), (Open, open(false))];
            (Table::AppKey, gone.digest.first_half(), set)
        }
        Event::ExecutorRegistered(made) => {
            (Table::Executor, made.executor.bytes(), executor_made(made, now))
        }
        Event::ExecutorRevoked(gone) => {
            let set = vec![(Status, text(PrincipalStatus::Disabled)), (Open, open(false))];
            (Table::Executor, gone.executor.bytes(), set)
        }
        Event::PrincipalCreated(made) => {
            (Table::Principal, made.principal.bytes(), principal_made(made, now))
        }
        Event::PrincipalChanged(changed) => {
            (Table::Principal, changed.principal.bytes(), principal_changed(changed))
        }
        Event::ProjectCreated(made) => {
            let set = vec![(Name, text(&made.name)), (CreatedAt, now)];
            (Table::Project, made.project.bytes(), set)
        }
        Event::WorkspaceCreated(made) => {
            (Table::Workspace, made.workspace.bytes(), workspace_made(made, now))
        }
        Event::WorkspaceMoved(moved) => {
            let is_open = moved.status != WorkspaceStatus::Error;
            let set = vec![(Status, text(moved.status)), (Open, open(is_open))];
            (Table::Workspace, moved.workspace.bytes(), set)
        }
        Event::SecretSet(set) => (Table::Secret, secret_key(&set.name), secret_set(set, now)),
        Event::SecretDeleted(gone) => {
            (Table::Secret, secret_key(&gone.name), vec![(Open, open(false))])
        }
        _ => return Vec::new(),
    };
    vec![change(entry, table, key, set)]
}

fn key_made(made: &KeyCreated, now: Value) -> Vec<(Column, Value)> {
    use Column::*;
    vec![
        (Name, text(&made.prefix)),
        (Status, text("active")),
        (Open, open(true)),
        (Digest, Value::Bytes(made.hash.bytes().to_vec())),
        (Scopes, text(made.scopes.join(" "))),
        (Actor, text(&made.principal)),
        (Product, maybe(made.product.as_ref())),
        (CreatedAt, now),
        (ExpiresAt, made.expires_at.map_or(Value::Null, time)),
    ]
}

fn executor_made(made: &ExecutorRegistered, now: Value) -> Vec<(Column, Value)> {
    use Column::*;
    vec![
        (Name, text(&made.name)),
        (Kind, text(made.kind)),
        (Actor, text(&made.principal)),
        (User, maybe(made.user.as_ref())),
        (Status, text(PrincipalStatus::Active)),
        (Open, open(true)),
        (CreatedAt, now),
    ]
}

fn principal_made(made: &PrincipalCreated, now: Value) -> Vec<(Column, Value)> {
    use Column::*;
    vec![
        (Name, text(&made.name)),
        (Kind, text(made.kind)),
        (Status, text(PrincipalStatus::Active)),
        (Open, open(true)),
        (Scopes, text(made.scopes.join(" "))),
        (CreatedAt, now),
    ]
}

fn secret_key(name: &str) -> [u8; 16] {
    tenure_contract::Digest::of(&[b"secret\0", name.as_bytes()]).first_half()
}

fn secret_set(set: &SecretSet, now: Value) -> Vec<(Column, Value)> {
    use Column::*;
    let number = |number| Value::Number(i64::try_from(number).unwrap_or(i64::MAX));
    let mut columns = vec![
        (Name, text(&set.name)),
        (Open, open(true)),
        (Version, number(set.version)),
        (Length, number(set.length_hint)),
    ];
    if set.version == 1 {
        columns.push((CreatedAt, now));
    }
    columns
}

fn workspace_made(made: &WorkspaceCreated, now: Value) -> Vec<(Column, Value)> {
    use Column::*;
    vec![
        (Parent, made.project.map_or(Value::Null, |project| id(project.bytes()))),
        (Kind, text(made.kind)),
        (Status, text(WorkspaceStatus::Provisioning)),
        (Open, open(true)),
        (Reference, maybe(made.reference.as_ref())),
        (Commit, maybe(made.base_commit.as_ref())),
        (CreatedAt, now),
    ]
}

fn principal_changed(changed: &PrincipalChanged) -> Vec<(Column, Value)> {
    use Column::*;
    let mut set = Vec::new();
    if let Some(scopes) = &changed.scopes {
        set.push((Scopes, text(scopes.join(" "))));
    }
    if let Some(status) = changed.status {
        set.push((Status, text(status)));
        set.push((Open, open(status == PrincipalStatus::Active)));
    }
    set
}
