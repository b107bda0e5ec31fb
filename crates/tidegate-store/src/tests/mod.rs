//! The promises of the store, held against real files.

mod crash;
mod generations;
mod hostile;
mod ledger;
mod migrations;
mod model;
mod paid;
mod parts;
mod search;
mod sweep;
mod tables;
mod world;
