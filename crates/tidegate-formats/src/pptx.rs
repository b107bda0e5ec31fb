//! `PowerPoint` presentations: slide by slide, with the speaker's notes.

use tidegate_core::{BlockKind, Document, Fault};

use crate::budget::Budget;
use crate::docx::one_line;
use crate::flow::Flow;
use crate::kind::Kind;
use crate::package::Package;
use crate::xml::{Node, Tag, Xml, text_of};
use crate::{props, rels};

/// Reads a presentation. A slide's title is a heading, the text of its other placeholders a list.
pub(crate) fn read(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Document, Fault> {
    let mut package = Package::open(bytes)?;
    let root = rels::links(&mut package, "", budget)?;
    let main = rels::first(&root, "officeDocument").unwrap_or("ppt/presentation.xml").to_owned();
    let links = rels::links(&mut package, &main, budget)?;
    let order = slide_ids(&text_of(&package.require(&main, budget)?), budget)?;
    budget.pages(order.len(), "slides")?;
    let mut flow = Flow::new(budget.output_left());
    props::read(&mut package, "docProps/core.xml", &mut flow.draft, budget)?;
    let count = order.len();
    for (number, part) in (1_u32..).zip(order.iter().filter_map(|id| links.get(id))) {
        budget.doing(&format!("slide {number} of {count}"));
        let Some(bytes) = package.read(&part.target, budget)? else { continue };
        flow.draft.page(number, None);
        let mut slide = Slide::new(&mut flow, Role::Text, number == 1);
        slide.read(&text_of(&bytes), budget.limits.max_nesting)?;
        let links = rels::links(&mut package, &part.target, budget)?;
        let Some(notes) = rels::first(&links, "notesSlide") else { continue };
        if let Some(bytes) = package.read(notes, budget)? {
            let mut notes = Slide::new(&mut flow, Role::Left, false);
            notes.read(&text_of(&bytes), budget.limits.max_nesting)?;
        }
    }
    flow.draft.finish(Kind::Pptx)
}

/// The slides in the order they are shown: ids of links.
fn slide_ids(text: &str, budget: &Budget<'_>) -> Result<Vec<String>, Fault> {
    let mut out = Vec::new();
    let mut xml = Xml::new(text, budget.limits.max_nesting);
    while let Some(node) = xml.next()? {
        if let Node::Open(tag) = node
            && tag.name() == "sldId"
        {
            // It has an `id` of its own beside the one of the link.
            out.extend(tag.full_attr("r:id").or_else(|| tag.attr("id")));
        }
    }
    Ok(out)
}

/// What the text of a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Title,
    /// The outline of a slide: its points.
    Points,
    /// A box somewhere on the slide.
    Text,
    /// The speaker's notes.
    Notes,
    /// Numbers, dates and footers of every slide; pictures of a slide on its notes.
    Left,
}

struct Slide<'f> {
    flow: &'f mut Flow,
    role: Role,
    /// The role of shapes that are no placeholders.
    usual: Role,
    is_first: bool,
    /// The paragraph being read, and its level.
    text: String,
    level: usize,
    title: String,
}

impl<'f> Slide<'f> {
    fn new(flow: &'f mut Flow, usual: Role, is_first: bool) -> Self {
        Self { flow, role: usual, usual, is_first, text: String::new(), level: 0, title: String::new() }
    }

    fn read(&mut self, text: &str, max_nesting: u32) -> Result<(), Fault> {
        let mut xml = Xml::new(text, max_nesting);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) => self.enter(&tag, &mut xml)?,
                Node::Close(name) => match name.name() {
                    "p" => self.end_paragraph()?,
                    "tbl" => self.flow.leave_table()?,
                    "sp" => self.end_shape()?,
                    _ => {}
                },
                Node::Text(_) => {}
            }
        }
        Ok(())
    }

    fn enter(&mut self, tag: &Tag<'_>, xml: &mut Xml<'_>) -> Result<(), Fault> {
        match tag.name() {
            "sp" | "graphicFrame" => self.role = self.usual,
            "ph" => self.role = self.placeholder(tag.attr("type").as_deref()),
            "tbl" => self.flow.enter_table(),
            "tr" => self.flow.row(),
            "tc" => self.flow.cell()?,
            "p" => {
                self.text.clear();
                self.level = 0;
            }
            "pPr" => self.level = tag.number("lvl").unwrap_or(0),
            "t" => {
                let text = xml.text()?;
                self.text.push_str(&text);
            }
            "br" => self.text.push('\n'),
            "tab" => self.text.push(' '),
            "Fallback" => xml.skip()?,
            _ => {}
        }
        Ok(())
    }

    fn placeholder(&self, kind: Option<&str>) -> Role {
        let on_notes = self.usual == Role::Left;
        match kind {
            Some("body") if on_notes => Role::Notes,
            _ if on_notes => Role::Left,
            Some("title" | "ctrTitle") => Role::Title,
            Some("dt" | "ftr" | "sldNum" | "hdr" | "sldImg") => Role::Left,
            Some("subTitle") => Role::Text,
            _ => Role::Points,
        }
    }

    fn end_paragraph(&mut self) -> Result<(), Fault> {
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return Ok(());
        }
        if self.flow.in_table() {
            return self.flow.paragraph(BlockKind::Paragraph, &text);
        }
        match self.role {
            Role::Left => Ok(()),
            Role::Title => {
                self.title.push_str(&text);
                self.title.push(' ');
                Ok(())
            }
            Role::Points => {
                let indent = "  ".repeat(self.level.min(8));
                self.flow.paragraph(BlockKind::List, &format!("{indent}- {}", one_line(&text)))
            }
            Role::Text | Role::Notes => self.flow.paragraph(BlockKind::Paragraph, &text),
        }
    }

    /// A title is one heading, however many lines it was put on. The first slide's stands above all others.
    fn end_shape(&mut self) -> Result<(), Fault> {
        let title = one_line(&std::mem::take(&mut self.title));
        self.role = self.usual;
        if title.is_empty() {
            return Ok(());
        }
        self.flow.paragraph(BlockKind::Heading(if self.is_first { 1 } else { 2 }), &title)
    }
}
