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
pub const MUTANTS: &[Mutant] = &[mutant("mark skips a gap", 500)];

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
