//! Turns the bytes of formats that can only be trusted in a child process (PDF, Office, OpenDocument, EPUB, mail,
//! RTF, archives) into documents, one for each document found in a file.
//!
//! This crate must not contain I/O, threads, async code or unsafe code, and must not be called on untrusted bytes
//! outside of a process that may be killed: limits are kept before memory is used wherever that is possible, but no
//! reader of a format this large can promise an end to every input.
//!
//! ```
//! use std::ops::ControlFlow;
//! use tidegate_formats::{Limits, Listener, Part, parse};
//!
//! struct Print;
//! impl Listener for Print {
//!     fn doing(&mut self, _what: &str) {}
//!     fn part(&mut self, part: Part) -> ControlFlow<()> {
//!         assert_eq!(part.result.unwrap().text, "The primer must be wet.");
//!         ControlFlow::Continue(())
//!     }
//! }
//! parse("a.rtf", br"{\rtf1 The primer must be wet.}", &Limits::default(), &mut Print).unwrap();
//! ```
//!
//! # Why these libraries
//! Containers are read with `zip`, `tar`, `flate2` and `zstd`, XML with `quick-xml`, MIME with `mail-parser`, the objects
//! of PDF files with `hayro-syntax`. What is made of them is done here: libraries that promise "text of a DOCX" or "text
//! of a PDF" hand out a string without its headings, tables and pages, or allocate by what a file declares of itself.
//! A full PDF library (`pdf_oxide`) was refused because it takes ten times longer to build than this crate with all it
//! needs, and one by way of C++ (PDFium) because it is not there on every machine.

#![forbid(unsafe_code)]

mod archive;
mod budget;
mod docx;
mod draft;
mod epub;
mod flow;
mod grid;
mod kind;
mod limits;
mod mail;
mod odf;
mod package;
mod parse;
mod part;
mod pdf;
mod pptx;
mod props;
mod rels;
mod rtf;
mod unpack;
mod xlsx;
mod xml;

pub use kind::{Kind, recognise};
pub use limits::Limits;
pub use parse::{parse, parse_from};
pub use part::{Listener, Part, Resume};
