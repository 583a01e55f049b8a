//! Replays seeds: `cargo run -p tenure-sim -- --seed N [--trace]`, or `--from N --count M`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let shows_trace = arguments.iter().any(|argument| argument == "--trace");
    let Some(first) = number("--seed").or_else(|| number("--from")) else {
        eprintln!("usage: tenure-sim --seed N [--trace], or --from N --count M");
        return ExitCode::from(2);
    };
    let mut broken = 0;
    for seed in first..first + number("--count").unwrap_or(1) {
        let outcome = tenure_sim::run(seed, None);
        if shows_trace {
            outcome.trace.iter().for_each(|line| println!("{line}"));
        }
        let told =
            outcome.broken.as_ref().map(|broken| format!("{}: {}", broken.promise, broken.what));
        broken += u64::from(told.is_some());
        let (entries, crashes) = (outcome.entries, outcome.crashes);
        let told = told.unwrap_or_else(|| "clean".to_owned());
        println!("seed {seed}: {entries} entries, {crashes} crashes, {}: {told}", outcome.digest);
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
