//! Bugs that a simulation can plant here, to show that it would find them. Without the `mutants` feature there are
//! none: [`planted`] is constantly false and the compiler removes what hangs on it.

/// Whether the bug `name` is planted.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) fn planted(_name: &str) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use with::plant;
#[cfg(feature = "mutants")]
pub(crate) use with::planted;

#[cfg(feature = "mutants")]
mod with {
    use std::cell::Cell;

    thread_local! {
        // Per thread, because a simulation runs everything on one: several can run side by side.
        static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Plants a bug in calls that are made on this thread, or removes it.
    pub fn plant(name: Option<&'static str>) {
        PLANTED.set(name);
    }

    /// Whether the bug `name` is planted.
    pub(crate) fn planted(name: &str) -> bool {
        PLANTED.get() == Some(name)
    }
}
