//! OpenDocument: texts, presentations and spreadsheets.

mod sheets;

use tidegate_core::{BlockKind, Document, Fault};

use crate::budget::Budget;
use crate::docx::one_line;
use crate::flow::Flow;
use crate::kind::Kind;
use crate::package::{Package, needs_password};
use crate::props;
use crate::xml::{Node, Tag, Xml, text_of};

/// Reads a document of any of the three kinds.
pub(crate) fn read(kind: Kind, bytes: &[u8], budget: &mut Budget<'_>) -> Result<Document, Fault> {
    let mut package = Package::open(bytes)?;
    let manifest = package.read("META-INF/manifest.xml", budget)?.unwrap_or_default();
    if memchr::memmem::find(&manifest, b"encryption-data").is_some() {
        return Err(needs_password());
    }
    let mut flow = Flow::new(budget.output_left());
    props::read(&mut package, "meta.xml", &mut flow.draft, budget)?;
    let content = package.require("content.xml", budget)?;
    let text = text_of(&content);
    if kind == Kind::Ods {
        sheets::read(&text, &mut flow.draft, budget)?;
    } else {
        budget.doing("the text");
        let mut body =
            Body { flow, budget, open: Vec::new(), lists: 0, items: 0, slide: 0, role: Role::Text };
        body.read(&text)?;
        flow = body.flow;
    }
    flow.draft.finish(kind)
}

/// What a frame of a slide is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Text,
    Title,
    Points,
}

/// A paragraph being read, and the level of the heading it is. Frames and notes put paragraphs within paragraphs.
struct Paragraph {
    text: String,
    level: Option<u8>,
}

struct Body<'b, 'l> {
    flow: Flow,
    budget: &'b mut Budget<'l>,
    open: Vec<Paragraph>,
    /// Open lists.
    lists: usize,
    /// Paragraphs of the current item so far.
    items: usize,
    slide: u32,
    role: Role,
}

impl Body<'_, '_> {
    fn read(&mut self, text: &str) -> Result<(), Fault> {
        let mut xml = Xml::new(text, self.budget.limits.max_nesting);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) => self.enter(&tag, &mut xml)?,
                Node::Close(name) => self.leave(name.name())?,
                Node::Text(text) => self.write(&text),
            }
        }
        Ok(())
    }

    fn enter(&mut self, tag: &Tag<'_>, xml: &mut Xml<'_>) -> Result<(), Fault> {
        match tag.name() {
            "p" => self.open.push(Paragraph { text: String::new(), level: None }),
            "h" => {
                let level = tag.number::<u8>("outline-level").unwrap_or(1).clamp(1, 6);
                self.open.push(Paragraph { text: String::new(), level: Some(level) });
            }
            "s" => {
                let count = tag.number::<usize>("c").unwrap_or(1).min(100);
                self.write(&" ".repeat(count));
            }
            "tab" => self.write(" "),
            "line-break" => self.write("\n"),
            "list" => self.lists += 1,
            "list-item" => self.items = 0,
            "table" => self.flow.enter_table(),
            "table-row" => self.flow.row(),
            "table-cell" => self.flow.cell()?,
            "page" => self.page(tag)?,
            "frame" => {
                self.role = match tag.attr("class").as_deref() {
                    Some("title") => Role::Title,
                    Some("outline") => Role::Points,
                    _ => Role::Text,
                };
            }
            // Styles say nothing here; what was deleted or remarked upon is not the text; numbers of slides and dates
            // are filled in when a slide is shown.
            "automatic-styles" | "font-face-decls" | "scripts" | "tracked-changes" | "annotation"
            | "forms" | "sequence-decls" | "note-citation" | "bibliography-mark" | "desc" | "binary-data"
            | "settings" | "header-decl" | "footer-decl" | "date-time-decl" => xml.skip()?,
            _ => {}
        }
        Ok(())
    }

    fn page(&mut self, tag: &Tag<'_>) -> Result<(), Fault> {
        self.slide += 1;
        self.budget.pages(self.slide as usize, "slides")?;
        self.budget.doing(&format!("slide {}", self.slide));
        self.flow.draft.page(self.slide, tag.attr("name").as_deref());
        Ok(())
    }

    fn write(&mut self, text: &str) {
        if let Some(open) = self.open.last_mut() {
            // Line ends of the XML are blanks, those of the text are elements.
            open.text.extend(text.chars().map(|c| if c == '\n' && text.len() > 1 { ' ' } else { c }));
        }
    }

    fn leave(&mut self, name: &str) -> Result<(), Fault> {
        match name {
            "p" | "h" => self.end_paragraph(),
            "list" => {
                self.lists = self.lists.saturating_sub(1);
                Ok(())
            }
            "table" => self.flow.leave_table(),
            "frame" => {
                self.role = Role::Text;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end_paragraph(&mut self) -> Result<(), Fault> {
        /// A heading longer than this (in bytes) is prose in the wrong style.
        const MAX_HEADING: usize = 400;
        let Some(done) = self.open.pop() else { return Ok(()) };
        if done.text.trim().is_empty() {
            return Ok(());
        }
        let level =
            if self.role == Role::Title { Some(if self.slide <= 1 { 1 } else { 2 }) } else { done.level };
        if let Some(level) = level.filter(|_| done.text.len() <= MAX_HEADING && !self.flow.in_table()) {
            return self.flow.paragraph(BlockKind::Heading(level), &one_line(&done.text));
        }
        if (self.lists == 0 && self.role != Role::Points) || self.flow.in_table() {
            return self.flow.paragraph(BlockKind::Paragraph, &done.text);
        }
        let indent = "  ".repeat(self.lists.saturating_sub(1).min(8));
        let marker = if self.items == 0 { "- " } else { "  " };
        self.items += 1;
        self.flow.paragraph(BlockKind::List, &format!("{indent}{marker}{}", one_line(&done.text)))
    }
}
