//! Why a call as a whole ends without answers.

use tidegate_core::{Fault, FaultKind};

/// The end of a call that is nobody's record's fault.
#[derive(Debug, Clone)]
pub(crate) struct Halt {
    /// What is handed up.
    pub(crate) fault: Fault,
    /// Whether it holds for everybody who asked the same; if not, one of the others goes on in its place.
    pub(crate) shared: bool,
}

impl Halt {
    /// The lane's, or the storage's: true for all.
    pub(crate) fn lane(fault: Fault) -> Self {
        Self { fault, shared: true }
    }

    /// This caller's alone: its deadline, its stop.
    pub(crate) fn own(fault: Fault) -> Self {
        Self { fault, shared: false }
    }

    /// The deadline came first.
    pub(crate) fn late() -> Self {
        Self::own(
            Fault::new(FaultKind::Timeout, "the deadline passed before there was an answer")
                .hint("allow more time, or fewer calls at once"),
        )
    }

    /// The run stops.
    pub(crate) fn stopped() -> Self {
        Self::own(Fault::new(FaultKind::Cancelled, "the run was told to stop while the call waited"))
    }
}
