//! Documents behind URLs: listed by files with a URL, or a JSON object about one, on each line.
//!
//! What a document was when it was stored is kept as its version, so that the next run asks each server only whether
//! that changed. Requests go through the call layer, with a lane for each server: it paces, waits and repeats them, and
//! nothing here does.

mod codec;
mod date;
mod download;
mod entry;
mod fetch;
mod headers;
mod hosts;
mod list;
mod mark;
mod name;
mod options;
mod spool;
#[cfg(test)]
mod tests;
mod unpack;

pub(crate) use entry::fuzz_line;
pub use list::Manifest;
pub(crate) use name::kind_name;
pub use options::{LaneOf, ManifestOptions};
pub(crate) use unpack::unpack;
