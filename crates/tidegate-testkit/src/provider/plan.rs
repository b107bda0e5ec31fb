//! What is to happen on the wire, as data: a server plays it on a socket, a test plays it in memory.

use std::time::Duration;

use bytes::Bytes;

use super::judge::Outcome;

/// How the length of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length` of this many bytes, which may be a lie.
    Length(u64),
    /// `Transfer-Encoding: chunked`; [`Step::End`] sends the last chunk.
    Chunked,
}

/// The status line and headers of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// Headers in the order sent; without those that tell the length.
    pub headers: Vec<(String, String)>,
    /// How the length of the body is told.
    pub framing: Framing,
}

/// One thing that happens. A plan is over after [`Step::End`], [`Step::Reset`], [`Step::Close`] or [`Step::Hang`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing for this long.
    Wait(Duration),
    /// Status and headers.
    Head(Head),
    /// Bytes of the body.
    Body(Bytes),
    /// The same bytes of the body so many times over: a body too large to be built.
    Flood(Bytes, u64),
    /// The answer is complete and the connection stays open.
    End,
    /// The connection is reset (RST).
    Reset,
    /// The connection is closed (FIN), complete or not.
    Close,
    /// Nothing more ever; the connection stays open until the client gives up.
    Hang,
}

/// All that happens for one request.
#[derive(Debug)]
pub struct Plan {
    /// The request's number, from 1, in the order of arrival.
    pub number: u64,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// What the log will say of it.
    pub(super) outcome: Outcome,
}
