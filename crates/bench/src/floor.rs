//! The disk's flush floor: what a durable write costs at the least on this disk, now.

use serde::Serialize;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

/// The written and flushed block, bytes.
const BLOCK_BYTES: usize = 4_096;
/// The file it lies in, preallocated so that no flush has to grow it, bytes.
const FILE_BYTES: usize = 64 * BLOCK_BYTES;

/// The time of an `fdatasync` after a 4 KiB overwrite of a preallocated file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Floor {
    /// The median, microseconds.
    pub median_us: f64,
    /// The 99th percentile, microseconds.
    pub p99_us: f64,
}

/// Measures the floor in a directory.
///
/// # Errors
/// When the directory cannot be written.
pub fn flush_floor(dir: &Path, samples: usize) -> io::Result<Floor> {
    let path = dir.join("flush-floor.tmp");
    let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    let block = [7u8; BLOCK_BYTES];
    let mut times = Vec::with_capacity(samples);
    for _ in 0..samples.max(1) {
        let started = Instant::now();
        file.write_all_at(&block, 0)?;
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(Floor { median_us: percentile(&mut times, 0.5), p99_us: percentile(&mut times, 0.99) })
}

/// The value at a share of the sorted samples; 0 for none.
pub(crate) fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let place = ((samples.len() as f64 - 1.0) * share).round() as usize;
    samples.get(place).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_measured_and_leaves_nothing_behind() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let floor = flush_floor(dir.path(), 5)?;
        assert!(floor.median_us > 0.0 && floor.p99_us >= floor.median_us, "{floor:?}");
        assert_eq!(std::fs::read_dir(dir.path())?.count(), 0);
        Ok(())
    }
}
