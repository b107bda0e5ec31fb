//! What is told while a file is read.

use std::ops::ControlFlow;

use tidegate_core::{Document, Fault};

/// One document found in a file, or the reason why it could not be read.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where it was found: empty for the file itself, the path in an archive or the name of an attachment otherwise.
    /// What is nested is joined with `!/`: `mail.eml!/report.pdf` in a ZIP. Comes from the file: it may hold anything,
    /// twice, and must not be used as a path on disk.
    pub path: String,
    /// The short name of its format: [`Kind::name`](crate::Kind::name), or that of a text format.
    pub format: &'static str,
    /// The document, never without text, or its own fault.
    pub result: Result<Document, Fault>,
}

/// Told what [`parse`](crate::parse()) is doing and what it found.
pub trait Listener {
    /// Called before each step that may take long on a hostile file; `what` completes "stopped while reading …", as in
    /// `page 17 of 200`. Costs a call for each page and member: an implementation must be cheap.
    fn doing(&mut self, what: &str);

    /// Called before each member of an archive and each attachment, `number` of all that there are in the file: what is
    /// done from now on is done in what stands at `path`. The numbers of the same file under the same limits are the
    /// same each time.
    fn member(&mut self, number: u64, path: &str, what: &str) {
        let _ = (number, path);
        self.doing(what);
    }

    /// Called with each document as soon as it is whole; `Break` ends the parse.
    fn part(&mut self, part: Part) -> ControlFlow<()>;
}

/// How far a file was read before, where its reader was killed in the middle. What was handed out then is not handed out
/// again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// The number of the last member that nothing is to be handed out of, as [`Listener::member`] counts them. 0 is the
    /// file itself.
    pub done: u64,
    /// Whether what follows that member, in the archive that it is in, was handed out too.
    pub after: bool,
    /// Numbers of members that are passed over unread: they killed their reader.
    pub lost: Vec<u64>,
    /// Bytes of text that were handed out.
    pub output: u64,
}

impl Resume {
    /// Whether this is the beginning.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.done == 0 && !self.after
    }
}
