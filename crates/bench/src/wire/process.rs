//! What another process costs: its resident memory and its processor time, as Linux tells them.

use serde::Serialize;
use std::time::Duration;
use tenure_contract::{Code, Error};

/// Bytes of a page and ticks of a second, as Linux counts them almost everywhere.
const PAGE_BYTES: u64 = 4_096;
const TICKS_PER_S: f64 = 100.0;

/// A process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Footprint {
    /// Memory it holds, bytes.
    pub resident_bytes: u64,
    /// Processor time it has used since its start, seconds.
    pub cpu_s: f64,
}

impl Footprint {
    /// Of a process of this machine.
    ///
    /// # Errors
    /// When there is no such process, or this is not Linux.
    pub fn of(pid: u32) -> Result<Self, Error> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        let resident = read("statm")
            .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
            .map(|pages| pages * PAGE_BYTES);
        let cpu = read("stat").and_then(|text| {
            // the name of a process may hold anything, so the fields are counted behind it
            let rest = text.rsplit_once(") ")?.1.to_owned();
            let mut fields = rest.split(' ').skip(11).map(str::parse::<f64>);
            let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
            Some((user + system) / TICKS_PER_S)
        });
        match (resident, cpu) {
            (Some(resident_bytes), Some(cpu_s)) => Ok(Self { resident_bytes, cpu_s }),
            _ => Err(Error::new(
                Code::Internal,
                format!("process `{pid}` cannot be looked at under /proc; this takes Linux"),
            )),
        }
    }

    /// The share of a core it used since `before`, in percent.
    #[must_use]
    pub fn core_percent_since(&self, before: &Self, passed: Duration) -> f64 {
        (self.cpu_s - before.cpu_s) / passed.as_secs_f64() * 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_footprint_and_none_has_none() -> Result<(), Error> {
        let mine = Footprint::of(std::process::id())?;
        assert!(mine.resident_bytes > PAGE_BYTES, "{mine:?}");
        assert!(Footprint::of(u32::MAX).is_err());
        Ok(())
    }
}
