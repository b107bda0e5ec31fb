//! The simulated world around the real call layer: real callers, real lanes and the real codecs under the real
//! engine, between a scripted provider in memory and a journal that fails, on virtual time, drawn from one seed.
//!
//! The checker calls nothing of the call layer but the views that people are shown. What was sent it reads from the
//! wire, what was answered from the provider's log, what became of records from the ledger. Tests of the parts
//! would be quicker, and would miss what only several of them do together: a rest that outlives its process, a hedge
//! that answers while its record is being blamed.

mod books;
mod check;
mod codec;
mod journal;
mod limits;
mod mutants;
mod people;
mod plan;
mod process;
mod round;
mod script;
mod stages;
mod tally;
mod texts;
mod traffic;
mod wire;

pub use mutants::{MUTANTS, plant};
pub use plan::Plan;
pub use round::{Finding, run_seed};
pub use tally::{KINDS, Tally};
