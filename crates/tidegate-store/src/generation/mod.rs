//! Generations: whole indexes in one store, of which one answers searches.
//!
//! A change of embedder, dimensions or chunking builds a new generation beside the active one. Both have their own
//! ledger rows (through their rows of `pipeline`), chunks, full text and codes, so that neither weighs in the
//! statistics of the other; the journal belongs to all of them, so that nothing is embedded twice. Which one is
//! active is a row: one transaction switches, and the next query of every process reads the other one. The refused
//! alternative was one table of chunks with a vector per generation: going back would then need what the newer
//! generation has done since to be undone, and BM25 counts every row of its table.
//!
//! How a generation is built (`tidegate index --regenerate` does it so, and whoever refits an embedder can):
//! 1. [`crate::Store::build_generation`] begins one, or goes on with the one that is being built with the same settings. It
//!    gives a [`Building`], whose lease keeps a second builder away.
//! 2. Pipelines run into it with [`crate::PipelineRun::generation`]; what they commit is seen by nobody. Or documents
//!    are taken over: [`crate::Store::stored_documents`] lists what a generation holds and
//!    [`crate::Store::stored_document`] reads the chunks of one.
//! 3. [`Building::switch`] makes it the active one, in one transaction that also looks whether it lacks documents
//!    which the active one has.
//! 4. [`crate::Store::switch_generation`] goes back (or forth) at once; [`crate::Store::drop_generation`] ends one.

mod build;
mod list;
mod stored;
mod switch;
mod tables;

pub use build::{Building, NewGeneration};
pub use list::{ActiveSettings, Generation, GenerationRow, GenerationState};
pub(crate) use list::{briefly, models};
pub use stored::{DocumentGroup, StoredChunk, StoredContent, StoredDocument};
pub use switch::{Dropped, Guard, Switch, Switched};
pub(crate) use tables::{Tables, active, all};
