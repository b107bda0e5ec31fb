//! A scripted provider: it speaks the wire formats of model services and fails in every way they do, by a script.
//!
//! It is an independent judge. It has its own limiters, its own readers and writers of every wire format and its own
//! HTTP, so that a mistake in the code it judges is not made here a second time. A mock built from the judged crate's
//! types would have been shorter, and would agree with it about everything, right or wrong.
//!
//! [`World`] is the whole brain, without sockets and without a clock. [`Server`] plays it on TCP, [`Provider`] in
//! memory, where tokio's paused time makes an hour of outage last a millisecond.

mod active;
mod clock;
mod fault;
mod hints;
mod http;
mod judge;
mod limit;
mod log;
mod memory;
mod plan;
mod produce;
mod reply;
mod request;
mod rng;
pub mod script;
mod server;
mod span;
mod vector;
mod wire;
mod words;
mod world;

pub use log::{Answered, Entry, Log, Seen};
pub use memory::{Exchange, Failure, Provider};
pub use plan::{Framing, Head, Plan, Step};
pub use request::Request;
pub use script::Script;
pub use server::{Server, serve};
pub use span::Span;
pub use vector::{text_hash, vector_of};
pub use words::{relevance_of, reply_of};
pub use world::{Arrival, Sent, World};
