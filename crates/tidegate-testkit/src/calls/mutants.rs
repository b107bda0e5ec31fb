//! Bugs that can be planted in the call layer, each with the number of seeds within which it must be found.

use std::cell::Cell;

use crate::sim::Mutant;

const fn mutant(name: &'static str) -> Mutant {
    Mutant { name, allowance: 2_000 }
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    mutant("journal after handing up"),
    mutant("answers are zipped"),
    mutant("a permit is kept while resting"),
    mutant("retries ignore hints"),
    mutant("429 is charged to the record"),
    mutant("outages are charged to the record"),
    mutant("the whole batch is blamed"),
    mutant("a cancelled probe is not given back"),
    mutant("waiters are left behind"),
    mutant("success is refunded"),
    mutant("a fifth more than the limit"),
    mutant("a hedge counts as a first try"),
    mutant("the breaker never half-opens"),
    mutant("a blocked lane goes on"),
    mutant("the budget is checked afterwards"),
    mutant("a cut body is whole"),
    mutant("people wait behind bulk"),
    mutant("pauses are ignored"),
    mutant("one more than may be in flight"),
    mutant("who shares a flight forgets the deadline"),
];

thread_local! {
    // Per thread, as in the call layer: simulations run side by side.
    static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Whether a bug is planted in the simulation's own codec.
pub(crate) fn planted(name: &str) -> bool {
    cfg!(feature = "mutants") && PLANTED.get() == Some(name)
}

/// Plants a bug for this thread, or removes it. `false` if the call layer was built without `mutants`.
pub fn plant(name: Option<&'static str>) -> bool {
    PLANTED.set(name);
    #[cfg(feature = "mutants")]
    {
        tidegate_call::plant(name);
        true
    }
    #[cfg(not(feature = "mutants"))]
    {
        name.is_none()
    }
}
