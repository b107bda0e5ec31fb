//! Objects in buckets: S3 and what speaks as it does, Google Cloud Storage, Azure Blob Storage.
//!
//! An object is read in the state in which it was listed or in a newer one, and never in parts of both: every request
//! for a part names the entity tag that it must have. The library that knows the services signs requests and reads
//! listings; what carries them is the same transport as everywhere else, so that one guard sees every address.

mod bucket;
mod errors;
mod fetch;
mod keys;
mod list;
mod mark;
mod names;
mod options;
mod parts;
mod place;
mod sink;
#[cfg(test)]
mod tests;
mod wire;

pub use list::Objects;
pub use options::{ObjectsOptions, Storage};
pub use place::{Place, Service};
pub use sink::ObjectsSink;
