//! Follows the open elements of a page and hands its text to the writer.

use tidegate_core::{BlockKind, Document, Fault, FaultKind};

use super::attrs::Attrs;
use super::head::{clean, take_lang, take_meta};
use super::scan::{Scanner, Token};
use super::select::{all_blocks, main_content};
use super::tag::{TAGS, Tag};
use super::writer::Writer;
use super::zone::{self, Place, SKIP, Zone};
use crate::page::Room;
use crate::parse::ParseOptions;

/// Makes a document of a page.
pub(crate) fn parse(page: &str, options: &ParseOptions, room: Room) -> Result<Document, Fault> {
    let mut reader = Reader::new(page.len(), options.max_depth);
    for token in Scanner::new(page) {
        match token {
            Token::Text(text) if reader.zone & SKIP == 0 => reader.writer.text(text),
            Token::Text(_) => {}
            Token::Open(tag, attributes) => reader.open(tag, attributes)?,
            Token::Close(tag) => reader.close(tag),
            Token::Raw(tag, text) => reader.raw(tag, text),
        }
        reader.writer.check(room)?;
    }
    Ok(reader.finish(options))
}

struct Reader {
    writer: Writer,
    /// Open elements that decide where text belongs. Inline elements and paragraphs are not among them.
    stack: Vec<Open>,
    /// How many of each tag are on the stack, so that an end tag without a start costs nothing.
    open: [u16; TAGS],
    /// Inline elements opened since the last block began: they count towards the depth only.
    inline: usize,
    max_depth: usize,
    zone: Zone,
    document: Document,
    og_title: Option<String>,
}

struct Open {
    tag: Tag,
    /// The zone around the element.
    outer: Zone,
}

impl Reader {
    fn new(page_bytes: usize, max_depth: usize) -> Self {
        Self {
            writer: Writer::new(page_bytes),
            stack: Vec::new(),
            open: [0; TAGS],
            inline: 0,
            max_depth,
            zone: 0,
            document: Document::default(),
            og_title: None,
        }
    }

    fn open(&mut self, tag: Tag, attributes: &str) -> Result<(), Fault> {
        match tag {
            Tag::Inline => return self.check_depth(1),
            Tag::A => {
                if self.zone & SKIP == 0 {
                    self.writer.end_link();
                    self.writer.begin_link(Attrs::get(attributes, "href").is_some());
                }
                return Ok(());
            }
            Tag::Void | Tag::Raw | Tag::Title => return Ok(()),
            Tag::Br => {
                self.writer.line_break();
                return Ok(());
            }
            Tag::Meta => {
                take_meta(&mut self.document.meta, &mut self.og_title, attributes);
                return Ok(());
            }
            _ => {}
        }
        self.inline = 0;
        if self.open[Tag::Head as usize] > 0 {
            self.close(Tag::Head); // nothing but text-free elements can be in the head
        }
        self.close_controls(tag);
        self.close_implied(tag);
        match tag {
            Tag::P => self.writer.paragraph(),
            Tag::Hr => self.writer.flush(),
            Tag::Html => take_lang(&mut self.document.meta, attributes),
            Tag::Body => {}
            _ if tag.heading().is_some() => self.writer.open_heading(tag.heading()),
            _ => return self.push(tag, attributes),
        }
        Ok(())
    }

    fn push(&mut self, tag: Tag, attributes: &str) -> Result<(), Fault> {
        let outer = self.zone;
        self.zone = zone::inside(outer, tag, attributes);
        self.stack.push(Open { tag, outer });
        self.open[tag as usize] += 1;
        self.check_depth(0)?;
        if outer & SKIP != 0 || self.zone & SKIP != 0 {
            return Ok(());
        }
        self.writer.set_zone(self.zone);
        match tag {
            Tag::Ul | Tag::Ol | Tag::Table | Tag::Pre => self.writer.enter(place(tag)),
            Tag::Li => self.writer.item(),
            Tag::Row => self.writer.row(),
            Tag::Cell => self.writer.cell(),
            Tag::Dt => self.writer.term(),
            Tag::Dd => self.writer.definition(),
            _ => self.writer.paragraph(),
        }
        Ok(())
    }

    fn check_depth(&mut self, inline: usize) -> Result<(), Fault> {
        self.inline += inline;
        if self.stack.len() + self.inline <= self.max_depth {
            return Ok(());
        }
        let message = format!("elements nested more than {} levels deep", self.max_depth);
        Err(Fault::new(FaultKind::TooDeep, message))
    }

    /// A button or select that somebody forgot to close must not swallow the page: neither can hold what begins here.
    fn close_controls(&mut self, tag: Tag) {
        let cannot_be_inside = tag.heading().is_some()
            || matches!(
                tag,
                Tag::P | Tag::Ul | Tag::Ol | Tag::Table | Tag::Section | Tag::Article | Tag::Main
            );
        for control in [Tag::Button, Tag::Select] {
            if cannot_be_inside && self.open[control as usize] > 0 {
                self.close(control);
            }
        }
        if tag == Tag::Body && self.open[Tag::Skip as usize] > 0 {
            self.pop_to(0);
        }
    }

    /// Closes what may stay open in HTML when `tag` begins.
    fn close_implied(&mut self, tag: Tag) {
        let (closes, within): (&[Tag], &[Tag]) = match tag {
            Tag::Li => (&[Tag::Li], &[Tag::Ul, Tag::Ol, Tag::Table]),
            Tag::Dt | Tag::Dd => (&[Tag::Dt, Tag::Dd], &[Tag::Dl, Tag::Table]),
            Tag::Row => (&[Tag::Row], &[Tag::Table]),
            Tag::Cell => (&[Tag::Cell], &[Tag::Row, Tag::Table]),
            Tag::TableGroup => (&[Tag::TableGroup], &[Tag::Table]),
            Tag::Button => (&[Tag::Button], &[]),
            _ => return,
        };
        if closes.iter().all(|tag| self.open[*tag as usize] == 0) {
            return;
        }
        let stops = |open: &Open| closes.contains(&open.tag) || within.contains(&open.tag);
        if let Some(at) = self.stack.iter().rposition(stops)
            && closes.contains(&self.stack[at].tag)
        {
            self.pop_to(at);
        }
    }

    fn close(&mut self, tag: Tag) {
        match tag {
            Tag::Inline => self.inline = self.inline.saturating_sub(1),
            Tag::A => self.writer.end_link(),
            Tag::Br => self.writer.line_break(),
            Tag::P => self.writer.paragraph(),
            _ if tag.heading().is_some() => self.writer.close_heading(),
            _ if self.open[tag as usize] > 0 => self.close_open(tag),
            _ => {}
        }
    }

    fn close_open(&mut self, tag: Tag) {
        // What stands in a table cannot close what stands around it.
        let barrier = |open: &Open| open.tag == tag || open.tag == Tag::Table;
        if let Some(at) = self.stack.iter().rposition(barrier)
            && self.stack[at].tag == tag
        {
            self.inline = 0;
            self.pop_to(at);
        }
    }

    fn pop_to(&mut self, length: usize) {
        while self.stack.len() > length {
            let Some(Open { tag, outer }) = self.stack.pop() else { break };
            self.open[tag as usize] -= 1;
            let skipped = self.zone & SKIP != 0;
            self.zone = outer;
            if skipped {
                continue;
            }
            match tag {
                Tag::Ul | Tag::Ol | Tag::Table | Tag::Pre => self.writer.leave(place(tag)),
                Tag::Li | Tag::Row | Tag::Cell | Tag::Dt => {}
                _ => self.writer.paragraph(),
            }
            self.writer.set_zone(outer);
        }
    }

    fn raw(&mut self, tag: Tag, text: &str) {
        let in_drawing = self.open[Tag::Svg as usize] > 0; // a drawing has titles of its own
        if tag == Tag::Title && self.document.title.is_none() && !in_drawing {
            self.document.title = Some(clean(text)).filter(|title| !title.is_empty());
        }
    }

    fn finish(mut self, options: &ParseOptions) -> Document {
        self.writer.flush();
        let (text, pieces) = self.writer.into_parts();
        let (text, blocks) = if options.keep_boilerplate {
            let blocks = all_blocks(&pieces);
            (text, blocks)
        } else {
            main_content(text, &pieces)
        };
        self.document.text = text;
        self.document.blocks = blocks;
        self.document.title = self.document.title.or(self.og_title);
        if self.document.title.is_none() {
            let mut headings = self.document.blocks.iter().filter(|b| b.kind == BlockKind::Heading(1));
            self.document.title = headings.next().map(|b| self.document.text[b.span.clone()].to_owned());
        }
        self.document
    }
}

fn place(tag: Tag) -> Place {
    match tag {
        Tag::Ul => Place::Bullets,
        Tag::Ol => Place::Numbers,
        Tag::Pre => Place::Verbatim,
        _ => Place::Table,
    }
}
