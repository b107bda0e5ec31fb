//! What a child is asked and what it answers.

use std::ops::ControlFlow;

use tidegate_core::{Document, Fault};

/// A file to parse, as the child sees it.
#[derive(Debug)]
pub struct Request<'a> {
    /// Its name, for its extension.
    pub name: &'a str,
    /// What the parser is to keep to, in words of its own; nobody between looks at them.
    pub settings: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// One document found in a file, or the reason why it could not be read.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where it was found: empty for the file itself, else a path within it. Comes from the file and may hold anything.
    pub path: String,
    /// The short name of its format.
    pub format: String,
    /// The document, or its own fault.
    pub result: Result<Document, Fault>,
}

/// Told by a parser what it is doing and what it found.
pub trait Listener {
    /// What it does from now on, such as `page 17 of 200`: if it never comes back, this is what is said of it.
    fn doing(&mut self, what: &str);

    /// A document that is whole. `Break` asks the parser to end.
    fn part(&mut self, part: Part) -> ControlFlow<()>;
}
