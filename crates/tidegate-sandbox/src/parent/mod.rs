//! The parent: a pool of children, each held by a thread that feeds it, listens to it and ends it.

mod death;
mod exchange;
mod onward;
mod pool;
mod process;
mod program;
mod tail;

pub use pool::{Job, Options, Pool, Reply};
pub use program::Program;
pub(crate) use tail::Tail;
