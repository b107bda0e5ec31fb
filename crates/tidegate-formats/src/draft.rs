//! A document in the making.

use tidegate_core::{Block, BlockKind, Document, Fault, FaultKind, Fields, Page};

use crate::kind::Kind;

/// Text and blocks being put together, a gap between blocks. Stops before the text is larger than it may be.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) text: String,
    blocks: Vec<Block>,
    pages: Vec<Page>,
    /// Number and name of the page that begins with the next block.
    next_page: Option<(u32, Option<String>)>,
    pub(crate) title: Option<String>,
    pub(crate) meta: Fields,
    limit: usize,
}

impl Draft {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            blocks: Vec::new(),
            pages: Vec::new(),
            next_page: None,
            title: None,
            meta: Fields::new(),
            limit,
        }
    }

    /// A page begins; one without text leaves no trace.
    pub(crate) fn page(&mut self, number: u32, name: Option<&str>) {
        self.next_page = Some((number, name.map(str::to_owned)));
    }

    /// Appends a block of `text` without the white space around it; nothing, if there is nothing else.
    pub(crate) fn block(&mut self, kind: BlockKind, text: &str) -> Result<(), Fault> {
        // The blanks before an item are its level.
        let text = if kind == BlockKind::List {
            text.trim_start_matches(['\n', '\r']).trim_end()
        } else {
            text.trim()
        };
        if text.is_empty() {
            return Ok(());
        }
        if self.text.len() + text.len() + 2 > self.limit {
            return Err(too_much_text(self.limit));
        }
        if !self.text.is_empty() {
            self.text.push_str(self.gap(kind));
        }
        let start = self.text.len();
        if let Some((number, name)) = self.next_page.take() {
            self.pages.push(Page { start: start as u64, number, name });
        }
        // XML and PDF may hold characters that are no text and would only confuse what reads the text later.
        if text.contains(is_junk) {
            self.text.extend(text.chars().filter(|c| !is_junk(*c)));
        } else {
            self.text.push_str(text);
        }
        if self.text.len() > start {
            self.blocks.push(Block { kind, span: start..self.text.len() });
        }
        Ok(())
    }

    /// Items of one list stand line below line, everything else is set apart.
    fn gap(&self, kind: BlockKind) -> &'static str {
        let same = self.blocks.last().is_some_and(|last| last.kind == kind) && self.next_page.is_none();
        if same && matches!(kind, BlockKind::List | BlockKind::Row) { "\n" } else { "\n\n" }
    }

    /// Takes over another document, as the next part of this one.
    pub(crate) fn append(&mut self, document: &Document) -> Result<(), Fault> {
        for block in &document.blocks {
            self.block(block.kind, document.text.get(block.span.clone()).unwrap_or(""))?;
        }
        Ok(())
    }

    /// Sets a metadata field, unless the value is empty.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        /// Longer values are content that strayed into the metadata.
        const LONGEST: usize = 2000;
        let value = value.trim();
        if !value.is_empty() {
            let cut = &value[..value.floor_char_boundary(LONGEST)];
            let clean: String = cut.chars().filter(|c| !is_junk(*c)).collect();
            self.meta.insert(name.to_owned(), clean.into());
        }
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Takes back the heading that is block `index` if nothing followed it: an empty sheet is no text.
    pub(crate) fn drop_lone_heading(&mut self, index: usize) {
        if self.blocks.len() == index + 1 {
            self.blocks.pop();
            self.text.truncate(self.blocks.last().map_or(0, |last| last.span.end));
            self.pages.retain(|page| page.start < self.text.len() as u64);
        }
        self.next_page = None;
    }

    /// The document, if it has any text.
    pub(crate) fn finish(mut self, kind: Kind) -> Result<Document, Fault> {
        if self.blocks.is_empty() {
            return Err(Fault::new(FaultKind::Empty, "no text in the document"));
        }
        let title = self.title.take().map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
        let title = title.filter(|title| !title.is_empty()).or_else(|| self.first_heading());
        self.meta.insert("format".to_owned(), kind.name().into());
        let Self { text, blocks, pages, meta, .. } = self;
        Ok(Document { text, blocks, pages, title, meta })
    }

    /// The document without any text.
    pub(crate) fn blank(mut self, kind: Kind) -> Document {
        self.meta.insert("format".to_owned(), kind.name().into());
        Document { title: self.title, meta: self.meta, ..Document::default() }
    }

    fn first_heading(&self) -> Option<String> {
        let heading = self.blocks.iter().find(|block| matches!(block.kind, BlockKind::Heading(_)))?;
        Some(self.text[heading.span.clone()].to_owned())
    }
}

/// Control characters, and marks that say nothing without the bytes around them.
fn is_junk(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{feff}' | '\u{ad}' | '\u{fffe}' | '\u{ffff}')
}

pub(crate) fn too_much_text(limit: usize) -> Fault {
    let message = format!("more than {limit} bytes of text");
    Fault::new(FaultKind::TooLarge, message).hint("split the file, or raise max_output_bytes")
}
