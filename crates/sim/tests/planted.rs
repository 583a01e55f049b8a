//! Bugs of the store that every other test would pass: a budget of seeds catches each.

use tenure_sim::{Planted, run};

/// Seeds within which each bug must be caught.
const BUDGET: u64 = 150;

#[test]
fn every_bug_planted_in_the_store_is_caught() {
    for bug in Planted::IN_STORE {
        let caught = (0..BUDGET).find_map(|seed| Some((seed, run(seed, Some(*bug)).broken?)));
        match caught {
            Some((seed, broken)) => {
                println!("{bug:?}: seed {seed}: {}: {}", broken.promise, broken.what)
            }
            None => panic!("{bug:?} was not caught by {BUDGET} seeds"),
        }
    }
}
