//! Bugs inside the engine that every other test would pass: a budget of seeds catches each, and
//! with none of them switched on the same budget is clean.

use tenure_sim::{Planted, run};

/// Seeds within which each bug must be caught.
const BUDGET: u64 = 150;

#[test]
fn every_bug_planted_inside_the_engine_is_caught() {
    for bug in Planted::INSIDE {
        let caught = (0..BUDGET).find_map(|seed| Some((seed, run(seed, Some(*bug)).broken?)));
        match caught {
            Some((seed, broken)) => {
                println!("{bug:?}: seed {seed}: {}: {}", broken.promise, broken.what)
            }
            None => panic!("{bug:?} was not caught by {BUDGET} seeds"),
        }
    }
}

#[test]
fn the_same_budget_without_a_bug_is_clean() {
    for seed in 0..BUDGET {
        assert_eq!(run(seed, None).broken, None, "seed {seed}");
    }
}
