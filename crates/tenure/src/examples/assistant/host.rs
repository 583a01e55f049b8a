//! The second host of `HST-1`: every seam of its own, in a folder of its own, and nothing of the engine
//! touched.

mod diary;
mod mirror;
mod names;
mod tools;

pub(super) use mirror::{Kept, kept};
pub(super) use names::{Named, named};
pub(super) use tools::{HOUSE_STYLE, STYLE};

use diary::Diary;
use mirror::Mirror;
use names::Names;
use std::path::Path;
use std::sync::Arc;
use tenure_engine::Host;
use tools::HouseTools;

/// Messages.
pub(super) const MESSAGES: &str = "messages.jsonl";
/// Which session an outside name stands for.
pub(super) const NAMES: &str = "ids.jsonl";
/// The engine's own work.
pub(super) const WORK: &str = "work.log";
/// What failed while nobody waited.
pub(super) const FAILURES: &str = "failures.log";

/// The host that lives in a folder, which is made.
pub(crate) fn seams(folder: &Path) -> std::io::Result<Host> {
    std::fs::create_dir_all(folder)?;
    Ok(Host {
        messages: Arc::new(Mirror::at(folder.join(MESSAGES))?),
        tools: Arc::new(HouseTools),
        background: Arc::new(Diary::at(&folder.join(WORK))?),
        errors: Arc::new(Diary::at(&folder.join(FAILURES))?),
        ids: Arc::new(Names::at(folder.join(NAMES))),
    })
}
