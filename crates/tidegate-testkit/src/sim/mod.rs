//! The simulated world: the real engine between doubles, on virtual time, with everything drawn from one seed.
//!
//! A mocked engine would be faster to write and would prove nothing: every bug found here was in the real one.
//! Any seed replays identically, because one thread runs everything, time only moves when all are waiting, and
//! nothing is drawn from anywhere but the seed.

mod check;
mod durable;
mod expect;
mod gauge;
mod ledger;
mod mutants;
mod plan;
mod rng;
mod round;
mod sink;
mod source;
mod stages;
mod tally;
mod world;

pub use mutants::{MUTANTS, Mutant, plant};
pub use plan::{End, Plan};
pub use rng::Rng;
pub use round::{Finding, run_seed};
pub use tally::{KINDS, Tally};
