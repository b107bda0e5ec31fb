//! The simulated world around the call layer, briefly; `cargo xtask prove sim` runs as many seeds as you like.

use tidegate_testkit::calls::run_seed;

#[test]
fn a_few_hundred_simulated_lives_break_no_promise() {
    for seed in 0..150 {
        let finding = run_seed(seed);
        assert!(finding.violations.is_empty(), "seed {seed}: {:#?}", finding.violations);
    }
}

#[test]
fn a_seed_replays_identically() {
    for seed in 0..40 {
        let (first, second) = (run_seed(seed), run_seed(seed));
        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "seed {seed}");
    }
}
