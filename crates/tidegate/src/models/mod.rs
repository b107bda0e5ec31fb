//! Models that run on this machine: which are known by name, where they are kept, and fetching them when asked to.
//!
//! Nothing is ever fetched on the way to something else: a run that finds no model ends at once and says what to type.

mod folder;
mod known;
mod pull;
#[cfg(test)]
mod tests;
mod unpack;

pub use folder::{Kept, VARIABLE, folder, kept, path};
pub(crate) use folder::{find, open};
pub use known::{KNOWN, Known};
pub use pull::{Progress, PullOptions, Pulled, pull};
