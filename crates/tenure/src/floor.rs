//! The flush floor: what the least durable write costs on this disk. No commit can be faster.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

/// What is overwritten and flushed each time, bytes.
const BLOCK_BYTES: usize = 4_096;
/// Blocks of the preallocated file.
const BLOCKS: u64 = 64;

/// How long a flush takes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Floor {
    /// Half of them are faster, microseconds.
    pub median_us: f64,
    /// All but one in a hundred are faster, microseconds.
    pub p99_us: f64,
}

/// Overwrites 4 KiB of a preallocated file in the directory and flushes it, so many times.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// let floor = tenure::floor::flush_floor(dir.path(), 5)?;
/// assert!(floor.median_us <= floor.p99_us);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// When the directory cannot be written to.
pub fn flush_floor(dir: &Path, samples: usize) -> io::Result<Floor> {
    let file = tempfile::Builder::new().prefix(".floor").tempfile_in(dir)?;
    let handle = OpenOptions::new().write(true).open(file.path())?;
    handle.write_all_at(&vec![1; BLOCK_BYTES * BLOCKS as usize], 0)?;
    handle.sync_all()?;
    let mut took = Vec::with_capacity(samples.max(1));
    for sample in 0..samples.max(1) as u64 {
        let block = [sample as u8; BLOCK_BYTES];
        let begun = Instant::now();
        handle.write_all_at(&block, (sample % BLOCKS) * BLOCK_BYTES as u64)?;
        handle.sync_data()?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took[((took.len() - 1) as f64 * part).round() as usize];
    Ok(Floor { median_us: at(0.5), p99_us: at(0.99) })
}
