//! The promises of the store, held against real files.

mod crash;
mod hostile;
mod ledger;
mod model;
mod paid;
mod parts;
mod search;
mod sweep;
mod world;
