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

    /// Called with each document as soon as it is whole; `Break` ends the parse.
    fn part(&mut self, part: Part) -> ControlFlow<()>;
}
