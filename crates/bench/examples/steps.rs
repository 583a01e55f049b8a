//! Runs one benchmark plan: `steps DIR INFLIGHT RUNS STEPS CLASS`.

use std::path::Path;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
use tenure_bench::steps::{Plan, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, inflight, runs, steps, class] = args.as_slice() else {
        return Err("DIR INFLIGHT RUNS STEPS CLASS".into());
    };
    let plan = Plan {
        inflight: inflight.parse()?,
        runs: runs.parse()?,
        steps: steps.parse()?,
        class: class.parse()?,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let figures = runtime.block_on(run(Path::new(dir), &plan))?;
    println!("{}", serde_json::to_string_pretty(&figures)?);
    Ok(())
}
