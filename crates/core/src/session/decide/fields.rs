//! Decisions about a session's own fields: what it is called, where it lies, what it remembers, which
//! agent it is bound to.

use super::task::check_title;
use super::{Decided, still_open, unowned};
use crate::refusal::Refusal;
use crate::session::state::SessionState;
use tenure_contract::WorkspaceId;
use tenure_contract::event::*;
use tenure_contract::limits;
use tenure_contract::resource::Change;
use tenure_contract::words::{DispatchMode, ExecutionTarget, InputPolicy, Surface};

/// The kind of memory a session has by itself and nobody sets.
const CHAT: &str = "chat";

/// What a session may be opened with (`SES-1`, `TGT-1`).
///
/// # Errors
/// What it may not.
pub fn check_opening(opened: &SessionOpened) -> Result<(), Refusal> {
    check_target(opened)?;
    check_memory(&opened.memory)?;
    opened.title.as_deref().map_or(Ok(()), |title| check_title("title", title))
}

/// A surface gets the targets it offers. A remote dispatch may name any, from any surface: it waits for
/// an executor that is trusted with it.
fn check_target(opened: &SessionOpened) -> Result<(), Refusal> {
    let is_remote = opened
        .dispatch
        .as_ref()
        .is_some_and(|context| context.dispatch_mode == DispatchMode::Remote);
    if is_remote && opened.ends_with_run {
        return Ok(());
    }
    check_offered(opened.surface, opened.target)
}

/// A target the surface offers; who calls from none gets the sandbox (`TGT-1`).
///
/// # Errors
/// What the surface offers instead.
pub fn check_offered(surface: Option<Surface>, target: ExecutionTarget) -> Result<(), Refusal> {
    let (name, offered) = match surface {
        Some(surface) => (surface.as_str(), surface.targets()),
        None => ("no surface", &[ExecutionTarget::Sandbox][..]),
    };
    if offered.contains(&target) {
        return Ok(());
    }
    Err(Refusal::TargetNotOffered { surface: name, target: target.as_str(), offered })
}

/// A memory ref reads `<kind>:<id>[@version]`.
fn check_memory(refs: &[String]) -> Result<(), Refusal> {
    check_refs("memory ref", refs, ("MEMORY_REFS_MAX", limits::MEMORY_REFS_MAX))?;
    match refs.iter().find(|text| text.starts_with("chat:")) {
        Some(chat) => Err(Refusal::Invalid(format!(
            "memory ref `{}`: chat memory is the session's own and not set; leave it out",
            shown(chat)
        ))),
        None => Ok(()),
    }
}

/// References read `<kind>:<id>[@version]`, each once, up to a limit.
pub(super) fn check_refs(
    what: &str,
    refs: &[String],
    (limit, most): (&str, usize),
) -> Result<(), Refusal> {
    let many = refs.len();
    if many > most {
        return Err(Refusal::Invalid(format!("{many} {what}s; the limit {limit} is {most}")));
    }
    for (place, text) in refs.iter().enumerate() {
        let wrong = if !reads_as_memory_ref(text) {
            "expected `<kind>:<id>` or `<kind>:<id>@<version>`"
        } else if refs[..place].contains(text) {
            "it is named twice"
        } else {
            continue;
        };
        return Err(Refusal::Invalid(format!("{what} `{}`: {wrong}", shown(text))));
    }
    Ok(())
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn reads_as_memory_ref(text: &str) -> bool {
    let Some((kind, rest)) = text.split_once(':') else { return false };
    let (id, version) =
        rest.split_once('@').map_or((rest, None), |(id, version)| (id, Some(version)));
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_graphic() && letter != '@')
    };
    let is_kind = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_lowercase())
            && part.chars().all(|letter| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter)
            })
    };
    is_kind(kind)
        && plain(id)
        && version.is_none_or(plain)
        && text.len() <= limits::MEMORY_REF_MAX_CHARS
}

/// What a change says of a session's fields.
pub(super) struct Fields<'a> {
    pub(super) title: &'a Change<String>,
    pub(super) workspace: &'a Change<WorkspaceId>,
    pub(super) memory: Option<&'a Vec<String>>,
    pub(super) input_policy: Option<InputPolicy>,
}

pub(super) fn change_session(state: &SessionState, fields: Fields<'_>) -> Decided {
    still_open(state)?;
    let now = state.opened.as_ref().ok_or(Refusal::NoSession(state.id))?;
    let after = SessionChanged {
        title: fields.title.clone().over(now.title.clone()),
        workspace: fields.workspace.clone().over(now.workspace),
        memory: fields.memory.unwrap_or(&now.memory).clone(),
        input_policy: fields.input_policy.unwrap_or(now.input_policy),
    };
    after.title.as_deref().map_or(Ok(()), |title| check_title("title", title))?;
    check_memory(&after.memory)?;
    let same = after.title == now.title
        && after.workspace == now.workspace
        && after.memory == now.memory
        && after.input_policy == now.input_policy;
    Ok(if same { Vec::new() } else { vec![unowned(after)] })
}

/// Compare-and-set (`CLM-1`): the first binding stands, a later claim changes nothing.
pub(super) fn bind_agent(state: &SessionState, claim: &SessionBound) -> Decided {
    still_open(state)?;
    Ok(if state.binding.is_some() { Vec::new() } else { vec![unowned(claim.clone())] })
}

impl SessionState {
    /// Everything the session remembers, as `<kind>:<id>[@version]`: what it was given, and its own
    /// chat memory once there is some.
    #[must_use]
    pub fn memory_refs(&self) -> Vec<String> {
        let given = self.opened.as_ref().map(|opened| opened.memory.clone()).unwrap_or_default();
        let chat = (self.memory_version > 0)
            .then(|| format!("{CHAT}:{}@{}", self.id, self.memory_version));
        given.into_iter().chain(chat).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ses_1_a_memory_ref_is_a_kind_an_id_and_perhaps_a_version() {
        for good in ["notes:7", "vector:docs/2026@3", "a_b-1:x:y@v1.2"] {
            assert!(check_memory(&[good.to_owned()]).is_ok(), "{good}");
        }
        for bad in
            ["", "notes", "notes:", ":7", "Notes:7", "notes:a b", "n:7@", "n:7@1@2", "chat:ses_1"]
        {
            assert!(check_memory(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(check_memory(&["n:1".to_owned(), "n:1".to_owned()]).is_err());
        let many: Vec<String> = (0..=limits::MEMORY_REFS_MAX).map(|n| format!("n:{n}")).collect();
        assert!(check_memory(&many).is_err() && check_memory(&many[1..]).is_ok());
    }
}
