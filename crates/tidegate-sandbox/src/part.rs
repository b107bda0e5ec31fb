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
    /// Where to go on, if a child died of it before.
    pub from: &'a Resume,
}

/// How far a file was read by children that died of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// The number of the last member that nothing is to be handed out of, as [`Listener::member`] was told; 0 is the file
    /// itself.
    pub done: u64,
    /// Whether what follows that member, in the archive that it is in, was handed out too.
    pub after: bool,
    /// Numbers of members that are to be passed over unread: they killed a child.
    pub lost: Vec<u64>,
    /// Bytes of text that were handed out.
    pub output: u64,
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

    /// It begins member `number` of the file, which stands at `path` in it; numbers only grow, and are the same each time
    /// the file is read. Should the child die in it, the file is read on behind it.
    fn member(&mut self, number: u64, path: &str, what: &str);

    /// A document that is whole. `Break` asks the parser to end.
    fn part(&mut self, part: Part) -> ControlFlow<()>;
}
