//! The adapter's cases, `A1` to `A10` as far as they show at the seam.

use super::{Violation, expect};
use crate::adapter::{Adapter, Chunk, ModelRequest};
use futures::StreamExt as _;
use std::sync::Arc;
use tenure_contract::limits::TURN_METADATA_MAX_BYTES;

/// An adapter and what to ask it.
pub struct AdapterCase {
    /// The adapter, fresh.
    pub adapter: Arc<dyn Adapter>,
    /// A request it answers well, every time it is asked.
    pub ends_well: Arc<ModelRequest>,
    /// A request it fails on, if there is one.
    pub ends_badly: Option<Arc<ModelRequest>>,
}

/// Runs every case against adapters of the factory.
///
/// # Errors
/// The first [`Violation`].
pub async fn adapter(factory: impl Fn() -> AdapterCase) -> Result<(), Violation> {
    a1_a_source_is_pure(&factory())?;
    let whole = a3_one_ending(&factory()).await?;
    a4_a5_chunks_stand_alone_and_calls_are_complete(&whole)?;
    a8_metadata_is_optional_and_bounded(&whole)?;
    a6_every_abort_is_safe(&factory(), whole.len()).await?;
    a7_requests_stay_as_they_are(&factory()).await?;
    a2_sources_are_independent(&factory()).await?;
    a9_failures_are_chunks(&factory()).await
}

async fn answer(adapter: &dyn Adapter, request: &Arc<ModelRequest>) -> Vec<Chunk> {
    adapter.source(Arc::clone(request)).stream().collect().await
}

const fn is_ending(chunk: &Chunk) -> bool {
    matches!(chunk, Chunk::Done | Chunk::Failed(_))
}

/// Outside every runtime nothing can be spawned, slept on or connected.
pub(super) fn a1_a_source_is_pure(case: &AdapterCase) -> Result<(), Violation> {
    let (adapter, request) = (Arc::clone(&case.adapter), Arc::clone(&case.ends_well));
    let made = std::thread::spawn(move || drop(adapter.source(request))).join();
    expect("A1", made.is_ok(), || "creating a source panicked outside a runtime".to_owned())
}

pub(super) async fn a2_sources_are_independent(case: &AdapterCase) -> Result<(), Violation> {
    let first = case.adapter.source(Arc::clone(&case.ends_well));
    let second = case.adapter.source(Arc::clone(&case.ends_well));
    let second: Vec<Chunk> = second.stream().collect().await;
    let first: Vec<Chunk> = first.stream().collect().await;
    let good = [&first, &second].map(|chunks| chunks.last() == Some(&Chunk::Done));
    expect("A2", good == [true, true], || {
        format!("of two sources at once, each must end well; found {first:?} and {second:?}")
    })
}

pub(super) async fn a3_one_ending(case: &AdapterCase) -> Result<Vec<Chunk>, Violation> {
    let chunks = answer(&*case.adapter, &case.ends_well).await;
    let endings = chunks.iter().filter(|chunk| is_ending(chunk)).count();
    expect("A3", endings == 1 && chunks.last() == Some(&Chunk::Done), || {
        format!("expected exactly one ending, the good one, at the end; found {chunks:?}")
    })?;
    Ok(chunks)
}

pub(super) fn a4_a5_chunks_stand_alone_and_calls_are_complete(
    chunks: &[Chunk],
) -> Result<(), Violation> {
    chunks.iter().try_for_each(|chunk| match chunk {
        Chunk::ToolCall(call) => expect("A5", !call.id.is_empty() && !call.name.is_empty(), || {
            format!("a call needs an id and a name; found {call:?}")
        }),
        Chunk::Text(text) => {
            expect("A4", !text.is_empty(), || "a text chunk says nothing".to_owned())
        }
        Chunk::Usage { .. } | Chunk::Metadata(_) | Chunk::Done | Chunk::Failed(_) => Ok(()),
    })
}

/// Nobody depends on metadata, so what would not be kept may as well not be given.
pub(super) fn a8_metadata_is_optional_and_bounded(chunks: &[Chunk]) -> Result<(), Violation> {
    chunks.iter().try_for_each(|chunk| {
        let Chunk::Metadata(metadata) = chunk else { return Ok(()) };
        let bytes = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
        expect("A8", !metadata.is_empty() && bytes <= TURN_METADATA_MAX_BYTES, || {
            format!("metadata of {bytes} bytes; expected some, at most {TURN_METADATA_MAX_BYTES}")
        })
    })
}

/// Dropped after every number of chunks, never polled included; the next call works as before.
pub(super) async fn a6_every_abort_is_safe(
    case: &AdapterCase,
    length: usize,
) -> Result<(), Violation> {
    drop(case.adapter.source(Arc::clone(&case.ends_well)));
    for taken in 0..length {
        let stream = case.adapter.source(Arc::clone(&case.ends_well)).stream();
        let chunks: Vec<Chunk> = stream.take(taken).collect().await;
        expect("A6", chunks.len() == taken, || {
            format!("expected {taken} chunks before the abort; found {chunks:?}")
        })?;
    }
    let after = answer(&*case.adapter, &case.ends_well).await;
    expect("A6", after.last() == Some(&Chunk::Done), || {
        format!("a call after aborted ones must end well; found {after:?}")
    })
}

pub(super) async fn a7_requests_stay_as_they_are(case: &AdapterCase) -> Result<(), Violation> {
    let before = (*case.ends_well).clone();
    answer(&*case.adapter, &case.ends_well).await;
    expect("A7", *case.ends_well == before, || "the request was changed".to_owned())
}

pub(super) async fn a9_failures_are_chunks(case: &AdapterCase) -> Result<(), Violation> {
    let Some(request) = &case.ends_badly else {
        return Ok(());
    };
    let chunks = answer(&*case.adapter, request).await;
    let endings = chunks.iter().filter(|chunk| is_ending(chunk)).count();
    let told = match chunks.last() {
        Some(Chunk::Failed(failure)) => !failure.message.trim().is_empty(),
        _ => false,
    };
    expect("A9", endings == 1 && told, || {
        format!("expected one failure with a message, at the end; found {chunks:?}")
    })
}
