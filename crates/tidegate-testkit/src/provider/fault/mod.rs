//! How a right answer is spoiled: its vectors, its body, its way over the wire.

mod body;
mod bomb;
mod flow;
mod rows;
mod rules;

pub(super) use body::spoil_body;
pub(super) use flow::lay_out;
pub(super) use rows::spoil_rows;
pub(super) use rules::{Facts, matching, matching_unread};
