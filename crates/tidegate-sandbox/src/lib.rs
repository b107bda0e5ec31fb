//! Parses what cannot be trusted in child processes that may be killed: a hanging, exploding or crashing parser costs
//! one record and nothing else.
//!
//! This crate must not contain parsers, nor know any format: the child is handed a function that parses, the parent
//! sends names and bytes and gets [`Part`]s back. It starts no tasks and needs no runtime; its threads belong to the
//! [`Pool`] that started them and end with it.
//!
//! # How a child is held
//! - **By the parent**: a wall clock that ends in `SIGKILL`, caps on everything it may answer, and checks of every frame.
//!   A child that breaks the protocol is treated as one that crashed.
//! - **By the kernel**: limits on memory, processor time, files and processes; no capabilities and no way to gain any;
//!   and on Linux a filter that lets it read its input, write its output and manage its memory, and kills it for
//!   anything else. All of it is in place before the first byte of a document is read.
//! - **Member by member**: a file of many documents is handed to another child, which goes on behind the one that the
//!   first died of; a few times.
//! - **By its life**: it holds nothing of the parent's environment, works in `/`, dies with its parent, and is replaced
//!   after a number of documents, when it has grown, and after anything that is not a plain answer.
//!
//! Programs that users name in the place of a parser ([`Tools`]), and those that work on records ([`Workers`]), are
//! trusted further and held by less: see there.
//!
//! The refused alternative was threads with limits inside the parsers: no thread can be ended from outside, a stack
//! that overflows ends the process, and memory that one parser takes is taken from all.

#![forbid(unsafe_code)]

mod child;
mod limits;
mod parent;
mod part;
mod tool;
mod wire;
mod worker;

pub use child::{Protection, serve};
pub use limits::Limits;
pub use parent::{Job, Options, Pool, Program, Reply};
pub use part::{Listener, Part, Request, Resume};
pub use tool::{FILE, ToolJob, Tools, find_tool, launch};
/// The frames of the pipes, for whoever wants to feed them with bytes of their own.
pub use wire::{fuzz_answers, fuzz_job, fuzz_seed};
pub use worker::{Seen, Talk, WorkerOptions, Workers};
