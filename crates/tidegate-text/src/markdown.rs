//! Markdown: the text is the file, and blocks point into it.
//!
//! Markup stays in the text. Stripping it would cost the exact offsets by which a reader finds the place again,
//! and embedders cope with asterisks.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use tidegate_core::{Block, BlockKind, Document, Fault, FaultKind};

use crate::front;
use crate::page::{Room, push_trimmed};
use crate::parse::ParseOptions;

/// What the parser takes for a piece of markup, and for a definition of a reference.
const NODE: usize = 56;
const REFERENCE: usize = 192;

pub(crate) fn parse(text: String, options: &ParseOptions, room: Room) -> Result<Document, Fault> {
    let (meta, body) = front::read(&text);
    let tree = tree_size(&text.as_bytes()[body..]);
    room.check(text.len().saturating_add(tree), 0)?;
    refuse_deep_containers(&text[body..], options.max_depth)?;
    let mut reader = Reader { text: &text, base: body, blocks: Vec::new(), depth: 0, list: None, leaf: None };
    let flags = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    for (event, range) in Parser::new_ext(&text[body..], flags).into_offset_iter() {
        reader.event(&event, range.start + body..range.end + body);
        if reader.depth > options.max_depth {
            return Err(too_deep(options.max_depth));
        }
        room.check(text.len() + tree, reader.blocks.len())?;
    }
    let blocks = reader.blocks;
    let title = meta.get("title").and_then(|title| title.as_str()).map(str::to_owned);
    Ok(Document { text, blocks, title, meta, ..Document::default() })
}

/// About how much the parser takes for its tree of `text`, which it builds as a whole: that has to be known before it
/// begins. A line is a text and a break, more where it begins with a mark; whatever may be markup is a node, and so is
/// the text after it.
fn tree_size(text: &[u8]) -> usize {
    let (mut nodes, mut references) = (0, 0);
    let (mut before, mut blank) = (b'\n', true);
    for byte in text {
        let begins = blank && !byte.is_ascii_whitespace();
        blank &= !begins;
        match byte {
            b'\n' => {
                nodes += if blank { 0 } else { 2 };
                blank = true;
            }
            b'|' => nodes += 1,
            b'[' if begins => references += 1,
            b'*' | b'_' | b'`' | b'~' | b'[' | b']' | b'!' | b'<' | b'&' | b'\\' => {
                nodes += 1 + usize::from(before != *byte);
            }
            b'-' | b'+' | b'>' | b'0'..=b'9' if begins => nodes += 1,
            _ => {}
        }
        before = *byte;
    }
    nodes * NODE + references * REFERENCE
}

fn too_deep(limit: usize) -> Fault {
    Fault::new(FaultKind::TooDeep, format!("quotes or lists nested more than {limit} levels deep"))
}

/// Counts block quote and list markers at line starts before the parser sees them: its cost per line grows with
/// the nesting, so depth must be known to be small first.
fn refuse_deep_containers(text: &str, limit: usize) -> Result<(), Fault> {
    let deepest = text.lines().map(|line| container_depth(line, limit)).max().unwrap_or(0);
    if deepest > limit { Err(too_deep(limit)) } else { Ok(()) }
}

/// An upper bound on the containers a line is in, exact enough beyond `limit`: its markers, and one level for every
/// two columns of indentation in front of a marker.
fn container_depth(line: &str, limit: usize) -> usize {
    let bytes = line.as_bytes();
    let (mut markers, mut blanks, mut at) = (0, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' => blanks += 1,
            b'\t' => blanks += 4,
            b'>' => markers += 1,
            b'-' | b'*' | b'+' if matches!(bytes.get(at + 1), Some(b' ' | b'\t')) => {
                markers += 1 + blanks / 2;
                blanks = 0;
            }
            b'0'..=b'9' => {
                let digits = bytes[at..].iter().take(10).take_while(|b| b.is_ascii_digit()).count();
                if !matches!(bytes.get(at + digits), Some(b'.' | b')')) {
                    break;
                }
                at += digits;
                markers += 1 + blanks / 2;
                blanks = 0;
            }
            _ => break,
        }
        if markers > limit {
            break;
        }
        at += 1;
    }
    markers
}

struct Reader<'a> {
    text: &'a str,
    /// Where the Markdown proper begins, after the front matter.
    base: usize,
    blocks: Vec<Block>,
    /// Open elements of any kind.
    depth: usize,
    /// Depth and not yet emitted start of the outermost open list.
    list: Option<(usize, usize)>,
    /// The block being read: its kind, the depth at which it opened, and the span of what it holds so far.
    leaf: Option<Leaf>,
}

struct Leaf {
    kind: BlockKind,
    depth: usize,
    span: Range<usize>,
    /// A heading's span is that of its content, without the marks around it.
    grows: bool,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => {
                self.depth += 1;
                self.start(tag, range);
            }
            Event::End(tag) => {
                self.end(*tag, &range);
                self.depth -= 1;
            }
            _ => self.grow(&range),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        if self.leaf.is_some() {
            return self.grow(&range);
        }
        match tag {
            Tag::Heading { level, .. } => {
                self.interrupt_list(&range);
                let span = range.start..range.start;
                self.open(BlockKind::Heading(*level as u8), span, true);
            }
            Tag::CodeBlock(_) => self.open_own(BlockKind::Code, range),
            Tag::Table(_) => self.open_own(BlockKind::Table, range),
            Tag::HtmlBlock if self.list.is_none() => self.html(range),
            Tag::Paragraph if self.list.is_none() => self.open(BlockKind::Paragraph, range, false),
            Tag::List(_) if self.list.is_none() => self.list = Some((self.depth, range.start)),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        if self.leaf.as_ref().is_some_and(|leaf| leaf.depth == self.depth) {
            let leaf = self.leaf.take().expect("checked in the condition");
            push_trimmed(&mut self.blocks, self.text, leaf.kind, leaf.span);
        } else if let (TagEnd::List(_), Some((depth, start))) = (tag, self.list)
            && depth == self.depth
        {
            self.list = None;
            push_trimmed(&mut self.blocks, self.text, BlockKind::List, start..range.end.max(start));
        }
    }

    fn open(&mut self, kind: BlockKind, span: Range<usize>, grows: bool) {
        self.leaf = Some(Leaf { kind, depth: self.depth, span, grows });
    }

    fn open_own(&mut self, kind: BlockKind, range: Range<usize>) {
        // From the start of its line, so that the first line of indented code keeps its indentation.
        let line = self.text[self.base..range.start].rfind('\n').map_or(self.base, |at| self.base + at + 1);
        let blank = self.text[line..range.start].trim().is_empty();
        let range = if blank { line..range.end } else { range };
        self.interrupt_list(&range);
        self.open(kind, range, false);
    }

    /// Ends the list block before something that is a block of its own; the list goes on after it.
    fn interrupt_list(&mut self, range: &Range<usize>) {
        if let Some((_, start)) = &mut self.list {
            let before = *start..range.start.max(*start);
            *start = range.end;
            push_trimmed(&mut self.blocks, self.text, BlockKind::List, before);
        }
    }

    fn html(&mut self, range: Range<usize>) {
        if says_something(&self.text[range.clone()]) {
            self.open(BlockKind::Paragraph, range, false);
        }
    }

    fn grow(&mut self, range: &Range<usize>) {
        if let Some(leaf) = self.leaf.as_mut().filter(|leaf| leaf.grows) {
            if leaf.span.is_empty() {
                leaf.span = range.clone();
            }
            leaf.span.end = leaf.span.end.max(range.end);
        }
    }
}

/// Whether an HTML block has words outside tags and comments: badges and anchors have none.
fn says_something(html: &str) -> bool {
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        if rest[..open].contains(char::is_alphanumeric) {
            return true;
        }
        let close = if rest[open..].starts_with("<!--") { "-->" } else { ">" };
        match rest[open..].find(close) {
            Some(end) => rest = &rest[open + end + close.len()..],
            None => return false,
        }
    }
    rest.contains(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use BlockKind::{Code, Heading, List, Paragraph, Table};

    fn check(text: &str, expect: &[(BlockKind, &str)]) {
        let doc = parse(text.to_owned(), &ParseOptions::default(), Room::default()).unwrap();
        let blocks: Vec<_> = doc.blocks.iter().map(|block| (block.kind, &text[block.span.clone()])).collect();
        assert_eq!(blocks, expect);
    }

    #[test]
    fn blocks_point_into_the_file() {
        check(
            "# *A* `b` #\n\npara\nline\n\n```rust\nfn x() {}\n```\n\n    indented\n    code\n\nSetext\n---\n",
            &[
                (Heading(1), "*A* `b`"),
                (Paragraph, "para\nline"),
                (Code, "```rust\nfn x() {}\n```"),
                (Code, "indented\n    code"),
                (Heading(2), "Setext"),
            ],
        );
        check("| a | b |\n|---|---|\n| 1 | 2 |\n", &[(Table, "| a | b |\n|---|---|\n| 1 | 2 |")]);
        check("> quoted\n> words\n\n[ref]: http://x\n", &[(Paragraph, "quoted\n> words")]);
    }

    #[test]
    fn a_list_is_one_block_broken_by_code() {
        check("- a\n  - b\n\n- c\n\nend", &[(List, "- a\n  - b\n\n- c"), (Paragraph, "end")]);
        check(
            "1. do\n   ```\n   x\n   ```\n   then\n2. done\n",
            &[(List, "1. do"), (Code, "```\n   x\n   ```"), (List, "then\n2. done")],
        );
    }

    #[test]
    fn front_matter_and_mute_html_are_no_blocks() {
        let text = "---\ntitle: T\n---\n<!-- hidden -->\n\n<p><img src=x></p>\n\n<p>said</p>\n";
        let doc = parse(text.to_owned(), &ParseOptions::default(), Room::default()).unwrap();
        assert_eq!(doc.title.as_deref(), Some("T"));
        check(text, &[(Paragraph, "<p>said</p>")]);
    }

    #[test]
    fn deep_nesting_is_refused_and_ordinary_nesting_is_not() {
        let kind = |text: String| {
            parse(text, &ParseOptions::default(), Room::default()).err().map(|fault| fault.kind())
        };
        let deep_list: String = (0..10_000).map(|n| format!("{}- x\n", "  ".repeat(n.min(2_000)))).collect();
        assert_eq!(kind(">".repeat(10_000)), Some(FaultKind::TooDeep));
        assert_eq!(kind("> ".repeat(10_000)), Some(FaultKind::TooDeep));
        assert_eq!(kind("- ".repeat(10_000)), Some(FaultKind::TooDeep));
        assert_eq!(kind("1. ".repeat(10_000)), Some(FaultKind::TooDeep));
        assert_eq!(kind(deep_list), Some(FaultKind::TooDeep));
        assert_eq!(kind(format!("{}code", " ".repeat(10_000))), None);
        assert_eq!(kind("> > - 1. fine".to_owned()), None);
        assert_eq!(kind("- - - - - -\n".repeat(10)), None);
    }
}
