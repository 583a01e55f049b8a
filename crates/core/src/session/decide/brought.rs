//! Decisions about what comes from a store without owners (`TEN-2`).

use super::{Decided, given, open_session, unowned};
use crate::command::{Draft, DraftBody, SessionBringing};
use crate::session::state::SessionState;
use tenure_contract::event::{ArtifactRegistered, RowBrought};

/// A session with what was said in it, in one commit. Brought before, it is nothing new.
pub(super) fn session(state: &SessionState, bringing: &SessionBringing) -> Decided {
    let mut drafts = open_session(state, &bringing.opened)?;
    if !drafts.is_empty() {
        drafts.push(match bringing.brought.messages {
            0 => unowned(bringing.brought.clone()),
            _ => given(unowned(bringing.brought.clone())),
        });
        drafts.extend(bringing.bound.clone().map(unowned));
    }
    Ok(drafts)
}

/// An artifact of a session that was brought. It was made elsewhere and earlier: a session that has ended
/// meanwhile has it all the same.
pub(super) fn artifact(
    state: &SessionState,
    registered: &ArtifactRegistered,
    brought: &RowBrought,
) -> Vec<Draft> {
    if state.artifacts.contains_key(&registered.artifact) {
        return Vec::new();
    }
    let registered = Draft { body: DraftBody::Artifact(0), ..unowned(registered.clone()) };
    vec![registered, unowned(brought.clone())]
}
