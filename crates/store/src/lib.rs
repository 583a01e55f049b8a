//! The store seam: four small traits, and the in-memory reference that defines what they mean.
//!
//! **Invariant:** no SQL and no decision about a run. A store appends, fetches, settles rows it
//! does not understand, and answers a closed query. Every call blocks; the engine calls them from
//! threads that may.

pub mod memory;
pub mod seam;
pub mod suite;

pub use memory::MemoryStore;
pub use seam::{
    Appended, Body, IndexRun, Lease, Log, NewEntry, Payload, Projection, Settle, ShardEpoch,
    Snapshot, Store, StoreError, Stored,
};
