//! What a program or a service writes about a document, as a document.
//!
//! Text is read as Markdown, which plain text nearly always is too. A JSON object with `text` or `pages` says more; any
//! other JSON is text.

use serde::Deserialize;
use tidegate_core::{Block, BlockKind, Document, Fault, FaultKind, Fields, Page};
use tidegate_text::ParseOptions;

/// What was told of a document.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) metadata: Fields,
    #[serde(default)]
    pub(super) pages: Vec<PageText>,
}

impl Told {
    /// Bytes of text.
    pub(super) fn bytes(&self) -> u64 {
        let of_page = |page: &PageText| match page {
            PageText::Text(text) | PageText::Numbered { text, .. } => text.len() as u64,
        };
        self.text.as_ref().map_or(0, |text| text.len() as u64) + self.pages.iter().map(of_page).sum::<u64>()
    }
}

/// One page: its text, or its text and number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum PageText {
    Text(String),
    Numbered {
        text: String,
        #[serde(default, alias = "page", alias = "page_number")]
        number: Option<u32>,
    },
}

/// Longest metadata that is kept, in bytes of JSON: more is content that strayed.
const META: usize = 256 << 10;

/// The document that `bytes` describe.
///
/// # Errors
/// [`FaultKind::Encoding`] for bytes that are no text, [`FaultKind::Empty`] for none.
pub(super) fn document(bytes: Vec<u8>, format: &str, options: &ParseOptions) -> Result<Document, Fault> {
    let text = String::from_utf8(bytes).map_err(|error| {
        Fault::new(FaultKind::Encoding, "what the parser wrote is not UTF-8").cause(error.utf8_error())
    })?;
    let told =
        if text.trim_start().starts_with('{') { serde_json::from_str::<Told>(&text).ok() } else { None };
    let told = told.filter(|told| told.text.is_some() || !told.pages.is_empty());
    of(told.unwrap_or_else(|| Told { text: Some(text), ..Told::default() }), format, options)
}

/// The document that `told` is.
pub(super) fn of(told: Told, format: &str, options: &ParseOptions) -> Result<Document, Fault> {
    let (text, pages) = match told.pages.is_empty() {
        true => (told.text.unwrap_or_default(), Vec::new()),
        false => joined(told.pages),
    };
    if text.trim().is_empty() {
        return Err(Fault::new(FaultKind::Empty, "the parser found no text"));
    }
    let mut document = tidegate_text::parse("document.md", text.as_bytes(), options)?;
    if document.text == text {
        document.pages = pages;
    }
    if told.metadata.len() <= 1_024
        && serde_json::to_string(&told.metadata).is_ok_and(|json| json.len() <= META)
    {
        document.meta.extend(told.metadata);
    }
    document.meta.insert("format".to_owned(), format.into());
    document.title = told.title.filter(|title| !title.trim().is_empty()).or(document.title);
    Ok(document)
}

/// The texts of pages below each other, and where each begins.
fn joined(pages: Vec<PageText>) -> (String, Vec<Page>) {
    let (mut text, mut places, mut last) = (String::new(), Vec::new(), 0u32);
    for page in pages {
        let (page, number) = match page {
            PageText::Text(text) => (text, None),
            PageText::Numbered { text, number } => (text, number),
        };
        // Pages that count backwards would contradict their order.
        let number = number.filter(|number| *number > last).unwrap_or_else(|| last.saturating_add(1));
        last = number;
        push(&mut text, &mut places, (number, page.trim()));
    }
    (text, places)
}

/// Adds the text of a page; one without text leaves no trace.
pub(super) fn push(text: &mut String, pages: &mut Vec<Page>, (number, page): (u32, &str)) {
    if page.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    pages.push(Page { start: text.len() as u64, number, name: None });
    text.push_str(page);
}

/// The paragraphs of `text`, which stands at `start` of a document.
pub(super) fn paragraphs(text: &str, start: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    for part in text.split("\n\n") {
        let inner = part.trim();
        if !inner.is_empty() {
            let from = start + at + (part.len() - part.trim_start().len());
            blocks.push(Block { kind: BlockKind::Paragraph, span: from..from + inner.len() });
        }
        at += part.len() + 2;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(out: &str) -> Result<Document, Fault> {
        document(out.as_bytes().to_vec(), "dwg", &ParseOptions::default())
    }

    #[test]
    fn text_and_markdown_are_taken_as_they_are() {
        let plain = read("Just words.\n").unwrap();
        assert!(plain.text.contains("Just words.") && plain.meta["format"] == "dwg");
        let marked = read("# Granite\n\nIt is a stone.").unwrap();
        assert_eq!(marked.title.as_deref(), Some("Granite"));
        assert_eq!(marked.blocks[0].kind, BlockKind::Heading(1));
        assert!(read("{ not json }").unwrap().text.contains("not json"));
        assert!(read("{\"other\": 1}").unwrap().text.contains("other"));
        assert_eq!(read(" \n").unwrap_err().kind(), FaultKind::Empty);
        assert_eq!(read("{\"text\": \"\"}").unwrap_err().kind(), FaultKind::Empty);
        let bytes = document(vec![0xff, 0xfe, 0], "dwg", &ParseOptions::default());
        assert_eq!(bytes.unwrap_err().kind(), FaultKind::Encoding);
    }

    #[test]
    fn json_says_title_metadata_and_pages() {
        let told = read(
            r##"{"title": "Plan", "metadata": {"author": "A", "format": "x"}, "pages": ["# One", {"text": "two", "page": 4}, "", "five"]}"##,
        )
        .unwrap();
        assert_eq!((told.title.as_deref(), told.text.as_str()), (Some("Plan"), "# One\n\ntwo\n\nfive"));
        assert_eq!((&told.meta["author"], &told.meta["format"]), (&"A".into(), &"dwg".into()));
        let pages: Vec<_> = told.pages.iter().map(|page| (page.start, page.number)).collect();
        assert_eq!(pages, [(0, 1), (7, 4), (12, 6)]);
        assert_eq!(read("{\"text\": \"a\", \"title\": \"\"}").unwrap().title, None);
    }

    proptest! {
        #[test]
        fn whatever_is_written_makes_a_document_or_a_fault(out in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(document) = document(out, "x", &ParseOptions::default()) {
                prop_assert!(document.blocks.iter().all(|block| document.text.get(block.span.clone()).is_some()));
            }
        }

        #[test]
        fn paragraphs_are_within_their_text(text in "[a \n]{0,40}") {
            for block in paragraphs(&text, 3) {
                let inner = &text[block.span.start - 3..block.span.end - 3];
                prop_assert_eq!(inner, inner.trim());
                prop_assert!(!inner.is_empty());
            }
        }
    }
}
