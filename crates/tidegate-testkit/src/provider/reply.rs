//! An answer before it goes over the wire.

use std::time::Duration;

use bytes::Bytes;

/// An answer: status, headers and a body in pieces.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// Headers besides the type and the length.
    pub(super) headers: Vec<(String, String)>,
    /// The body: one piece, or the events of a stream.
    pub(super) pieces: Vec<Bytes>,
    /// Whether it is sent piece by piece, without a length.
    pub(super) streamed: bool,
    /// The time between two pieces.
    pub(super) gap: Duration,
    /// How many of the last pieces say that the stream is complete.
    pub(super) end_marker: usize,
}

impl Answer {
    /// An answer of one piece of JSON.
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            pieces: vec![body.into()],
            streamed: false,
            gap: Duration::ZERO,
            end_marker: 0,
        }
    }

    /// Bytes of the body.
    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// The body in one piece.
    pub(super) fn whole(&self) -> Bytes {
        match self.pieces.as_slice() {
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }

    /// Puts `body` in place of the pieces, with a length.
    pub(super) fn replace(&mut self, body: Bytes) {
        self.pieces = vec![body];
        self.streamed = false;
        self.end_marker = 0;
    }
}
