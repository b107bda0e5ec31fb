//! The one door: bytes in, document or fault out.

use std::borrow::Cow;

use tidegate_core::{BlockKind, Document, Fault, FaultKind};

use crate::decode::{Decoded, decode_labelled};
use crate::format::{Format, sniff, starts_like_html};
use crate::page::Room;
use crate::{code, html, json, markdown, plain, rows};

/// Limits and choices of [`parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseOptions {
    /// The most bytes of a document.
    pub max_bytes: usize,
    /// The deepest nesting of markup. JSON stops at 128 levels if this is more.
    pub max_depth: usize,
    /// Keeps navigation, footers, sidebars and lists of links of HTML pages.
    pub keep_boilerplate: bool,
    /// The most bytes of memory that parsing takes beside the document's bytes, and what comes of it with them.
    pub max_memory: usize,
}

impl Default for ParseOptions {
    fn default() -> Self {
        // 64 MiB holds every hand-written document; 512 levels is where browsers stop nesting.
        // What a document takes while it is read is a few times its size, unless it consists of tiny things.
        Self { max_bytes: 64 << 20, max_depth: 512, keep_boilerplate: false, max_memory: 384 << 20 }
    }
}

/// Makes a document of `bytes`. `name` is its file name or URL path, for its extension.
///
/// The metadata has `format` and `encoding`, `code` (the language) for source files, `replaced` (a count) if some
/// bytes were malformed, and what the document says of itself: `lang`, `description`, `author`, `date`, `tags`, or
/// the simple keys of a front matter.
///
/// # Errors
/// The record's own faults: [`FaultKind::TooLarge`], [`FaultKind::TooDeep`], [`FaultKind::Empty`],
/// [`FaultKind::Unsupported`], [`FaultKind::Encoding`], [`FaultKind::Malformed`].
pub fn parse(name: &str, bytes: &[u8], options: &ParseOptions) -> Result<Document, Fault> {
    if bytes.len() > options.max_bytes {
        let message = format!("{} bytes, the limit is {}", bytes.len(), options.max_bytes);
        return Err(Fault::new(FaultKind::TooLarge, message).hint("split the file, or raise the size limit"));
    }
    if bytes.is_empty() {
        return Err(Fault::new(FaultKind::Empty, "the document has no bytes"));
    }
    let format = sniff(name, bytes);
    if let Format::Unsupported(what) = format {
        let fault =
            Fault::new(FaultKind::Unsupported, format!("looks like {what}, which is not a text format"));
        return Err(fault.hint("leave it out of the source, or convert it to text"));
    }
    let label = if format == Format::Html { html::declared_encoding(bytes) } else { None };
    let decoded = decode_labelled(bytes, label)?;
    let format = settle(format, &decoded.text);
    let during = |fault: Fault| fault.during(format!("parsing {}", format.name()));
    let document = parse_text(format, decoded, options).map_err(during)?;
    if document.blocks.is_empty() {
        return Err(during(Fault::new(FaultKind::Empty, "no text in the document")));
    }
    Ok(document)
}

/// An HTML page in UTF-16 can be told only once it is decoded.
fn settle(format: Format, text: &str) -> Format {
    match format {
        Format::Text | Format::Markdown if starts_like_html(text.as_bytes()) => Format::Html,
        other => other,
    }
}

fn parse_text(format: Format, decoded: Decoded<'_>, options: &ParseOptions) -> Result<Document, Fault> {
    let Decoded { text, encoding, replaced } = decoded;
    let all = Room { bytes: options.max_memory };
    all.check(text.len(), 0)?;
    // A text that had to be decoded stands beside what is made of it.
    let room = if matches!(text, Cow::Owned(_)) { all.without(text.len()) } else { all };
    let mut document = match format {
        Format::Html => html::parse(&text, options, room)?,
        Format::Csv => rows::parse(&text, None, room)?,
        Format::Tsv => rows::parse(&text, Some(b'\t'), room)?,
        Format::Json => json::parse(&text, options, room)?,
        Format::JsonLines => json::parse_lines(&text, options, room)?,
        Format::Markdown => markdown::parse(text.into_owned(), options, all)?,
        Format::Code(_) => code::parse(text.into_owned(), all)?,
        Format::Text | Format::Unsupported(_) => plain::parse(text.into_owned(), all)?,
    };
    if document.title.is_none() {
        let first = document.blocks.iter().find(|block| matches!(block.kind, BlockKind::Heading(_)));
        document.title = first.map(|block| document.text[block.span.clone()].to_owned());
    }
    document.meta.insert("format".to_owned(), format.name().into());
    document.meta.insert("encoding".to_owned(), encoding.into());
    if let Format::Code(lang) = format {
        document.meta.insert("code".to_owned(), lang.0.into());
    }
    if replaced > 0 {
        document.meta.insert("replaced".to_owned(), replaced.into());
    }
    Ok(document)
}
