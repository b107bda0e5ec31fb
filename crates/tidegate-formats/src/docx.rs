//! Word documents.

mod numbers;
mod styles;

use tidegate_core::{BlockKind, Document, Fault};

use self::numbers::Numbers;
use self::styles::Styles;
use crate::budget::Budget;
use crate::flow::Flow;
use crate::kind::Kind;
use crate::package::Package;
use crate::xml::{Node, Tag, Xml, text_of};
use crate::{props, rels};

/// Reads a document: body, then foot- and endnotes. Headers and footers repeat on every page and are left out.
pub(crate) fn read(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Document, Fault> {
    let mut package = Package::open(bytes)?;
    let root = rels::links(&mut package, "", budget)?;
    let main = rels::first(&root, "officeDocument").unwrap_or("word/document.xml").to_owned();
    let links = rels::links(&mut package, &main, budget)?;
    let part = |kind: &str| rels::first(&links, kind).map(str::to_owned);
    let mut flow = Flow::new(budget.output_left());
    props::read(&mut package, "docProps/core.xml", &mut flow.draft, budget)?;
    let styles = match part("styles") {
        Some(name) => Styles::read(&text_of(&package.read(&name, budget)?.unwrap_or_default()), budget)?,
        None => Styles::default(),
    };
    let numbers = match part("numbering") {
        Some(name) => Numbers::read(&text_of(&package.read(&name, budget)?.unwrap_or_default()), budget)?,
        None => Numbers::default(),
    };
    let mut body = Body { flow, styles, numbers, open: Vec::new() };
    budget.doing("the text");
    body.read(&text_of(&package.require(&main, budget)?), budget.limits.max_nesting)?;
    for kind in ["footnotes", "endnotes"] {
        if let Some(bytes) = part(kind).map(|name| package.read(&name, budget)).transpose()?.flatten() {
            budget.doing(kind);
            body.read(&text_of(&bytes), budget.limits.max_nesting)?;
        }
    }
    body.flow.draft.finish(Kind::Docx)
}

/// The paragraph being read. Text boxes put paragraphs within paragraphs.
#[derive(Default)]
struct Paragraph {
    text: String,
    style: Option<String>,
    outline: Option<u8>,
    /// Numbering and level.
    list: Option<(String, usize)>,
}

struct Body {
    flow: Flow,
    styles: Styles,
    numbers: Numbers,
    open: Vec<Paragraph>,
}

impl Body {
    fn read(&mut self, text: &str, max_nesting: u32) -> Result<(), Fault> {
        let mut xml = Xml::new(text, max_nesting);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) => self.enter(&tag, &mut xml)?,
                Node::Close(name) => match name.name() {
                    "p" => self.end_paragraph()?,
                    "tbl" => self.flow.leave_table()?,
                    _ => {}
                },
                Node::Text(_) => {}
            }
        }
        Ok(())
    }

    fn enter(&mut self, tag: &Tag<'_>, xml: &mut Xml<'_>) -> Result<(), Fault> {
        match tag.name() {
            "p" => self.open.push(Paragraph::default()),
            "tbl" => self.flow.enter_table(),
            "tr" => self.flow.row(),
            "tc" => self.flow.cell()?,
            "t" => {
                let text = xml.text()?;
                self.write(&text);
            }
            "tab" | "ptab" => self.write(" "),
            "br" | "cr" => self.write("\n"),
            "noBreakHyphen" => self.write("-"),
            "pStyle" => self.set(|open| open.style = tag.attr("val")),
            "outlineLvl" => self.set(|open| open.outline = tag.number("val")),
            "ilvl" => self.set(|open| {
                let id = open.list.take().map(|(id, _)| id).unwrap_or_default();
                open.list = Some((id, tag.number("val").unwrap_or(0)));
            }),
            "numId" => self.set(|open| {
                let level = open.list.take().map_or(0, |(_, level)| level);
                open.list = Some((tag.attr("val").unwrap_or_default(), level));
            }),
            // The same content for older programs; what was before a change; what separates notes from the text.
            "Fallback" | "pPrChange" | "rPrChange" | "sectPr" | "tabs" | "moveFrom" => xml.skip()?,
            "footnote" | "endnote" if tag.attr("type").is_some_and(|kind| kind != "normal") => xml.skip()?,
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, change: impl FnOnce(&mut Paragraph)) {
        if let Some(open) = self.open.last_mut() {
            change(open);
        }
    }

    fn write(&mut self, text: &str) {
        self.set(|open| open.text.push_str(text));
    }

    fn end_paragraph(&mut self) -> Result<(), Fault> {
        let Some(done) = self.open.pop() else { return Ok(()) };
        if done.text.trim().is_empty() {
            return Ok(());
        }
        let style = done.style.as_deref().map(|id| self.styles.get(id)).unwrap_or_default();
        let level = done.outline.or(style.outline).filter(|level| *level < 9);
        if let Some(level) = level.filter(|_| done.text.len() <= MAX_HEADING && !self.flow.in_table()) {
            return self.flow.paragraph(BlockKind::Heading((level + 1).min(6)), &one_line(&done.text));
        }
        match done.list.or(style.list).filter(|(id, _)| id != "0") {
            Some((id, level)) if !self.flow.in_table() => {
                let marker = self.numbers.marker(&id, level);
                let indent = "  ".repeat(level.min(8));
                self.flow.paragraph(BlockKind::List, &format!("{indent}{marker}{}", done.text.trim()))
            }
            _ => self.flow.paragraph(BlockKind::Paragraph, &done.text),
        }
    }
}

/// A heading longer than this (in bytes) is prose in the wrong style.
const MAX_HEADING: usize = 400;

/// A heading that was broken by hand is still one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
