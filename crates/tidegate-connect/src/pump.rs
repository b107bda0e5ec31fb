//! Reads what may block for ever (standard input, a pipe) on a thread of its own.
//!
//! The compute pool is the wrong place for such a read: one worker would be gone until somebody types. The thread
//! cannot be joined while it waits for input; it ends at the end of the input, or with the process.

use std::io::{self, Read};
use std::time::Duration;

use tidegate_core::Stop;
use tidegate_core::{Cx, Fault, FaultKind};
use tokio::sync::mpsc;

use crate::decode::decoded;

/// Bytes read at a time, and how many such pieces may wait.
const PIECE: usize = 64 << 10;
const WAITING: usize = 8;

/// The reading end.
pub(crate) struct Pump {
    /// Pieces of the input; an empty one is its end.
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    ended: bool,
}

/// What came.
pub(crate) enum Came {
    Piece(Vec<u8>),
    Failed(io::Error),
    End,
    /// Nothing for a while, or a stop was asked for.
    Nothing,
}

impl Pump {
    /// Starts reading; compressed input is unpacked if `unpack`.
    pub(crate) fn start(reader: impl Read + Send + 'static, unpack: bool) -> Result<Self, Fault> {
        let (send, pieces) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("tidegate-stdin".to_owned());
        let run = move || {
            let reader: io::Result<Box<dyn Read + Send>> =
                if unpack { decoded(reader).map(|(reader, _)| reader) } else { Ok(Box::new(reader)) };
            match reader {
                Ok(reader) => pump(reader, &send),
                Err(error) => drop(send.blocking_send(Err(error))),
            }
        };
        thread.spawn(run).map_err(|error| {
            Fault::new(FaultKind::StorageBusy, "no thread can be started to read the input").cause(error)
        })?;
        Ok(Self { pieces, ended: false })
    }

    /// Waits for the next piece, but no longer than `idle`.
    pub(crate) async fn next(&mut self, cx: &Cx, idle: Duration) -> Came {
        tokio::select! {
            biased;
            () = cx.stopped(Stop::Drain) => Came::Nothing,
            piece = self.pieces.recv() => match piece {
                Some(Ok(piece)) if piece.is_empty() => {
                    self.ended = true;
                    Came::End
                }
                Some(Ok(piece)) => Came::Piece(piece),
                Some(Err(error)) => Came::Failed(error),
                None if self.ended => Came::End,
                // The thread died without a word: what came is not the whole.
                None => Came::Failed(io::Error::other("the reader failed")),
            },
            () = tokio::time::sleep(idle) => Came::Nothing,
        }
    }
}

fn pump(mut reader: Box<dyn Read + Send>, send: &mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let piece = match reader.read(&mut piece) {
            Ok(got) => {
                piece.truncate(got);
                Ok(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = piece.as_ref().map_or(true, Vec::is_empty);
        // Waits while enough pieces wait; fails once nobody listens any more.
        if send.blocking_send(piece).is_err() || last {
            return;
        }
    }
}
