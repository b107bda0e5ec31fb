//! Bugs that can be planted in the engine, each with the number of seeds within which it must be found.

/// One plantable bug.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// Its name, as the engine knows it.
    pub name: &'static str,
    /// Seeds within which the simulation must find it.
    pub allowance: u64,
}

const fn mutant(name: &'static str, allowance: u64) -> Mutant {
    Mutant { name, allowance }
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    mutant("group bounds ignored", 2_000),
    mutant("answers shifted by one", 2_000),
    mutant("outage quarantines", 2_000),
    mutant("held group dropped", 2_000),
    mutant("whole batch quarantined", 2_000),
    mutant("failed settles as stored", 2_000),
    mutant("released by an abort settles", 2_000),
    mutant("window members settle apart", 2_000),
    mutant("given up settles as stored", 2_000),
    mutant("staged part lost", 2_000),
    mutant("order ignored", 2_000),
    mutant("pending passes the mark", 2_000),
    mutant("places leaked", 2_000),
    mutant("counted before it is durable", 2_000),
    mutant("committed twice", 2_000),
    mutant("panic settles as stored", 2_000),
    mutant("held for ever", 2_000),
    mutant("swept too early", 2_000),
    mutant("memory ignored", 2_000),
    mutant("unchanged by key only", 2_000),
    mutant("windows take what came first", 2_000),
    mutant("room is not announced", 2_000),
    mutant("drains take as long as they like", 2_000),
    mutant("abort counts as stored", 2_000),
    mutant("mark skips a gap", 2_000),
    mutant("windows take what failed", 2_000),
    mutant("drain closes windows", 2_000),
    mutant("windows starve intake", 2_000),
];

/// Plants a bug in the engine for this thread, or removes it. `false` if the engine was built without `mutants`.
pub fn plant(name: Option<&'static str>) -> bool {
    #[cfg(feature = "mutants")]
    {
        tidegate_engine::plant(name);
        true
    }
    #[cfg(not(feature = "mutants"))]
    {
        name.is_none()
    }
}
