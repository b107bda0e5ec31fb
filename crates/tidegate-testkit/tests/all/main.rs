//! The scripted provider and the proxy, seen from outside: what a client finds on the wire.

#![expect(clippy::unwrap_used, reason = "this is a test throughout: what cannot be done fails it")]

mod client;
mod embeddings;
mod example;
mod families;
mod faults;
mod hints;
mod log;
mod paused;
mod proxy;
