//! PDF: the text layer in reading order, with page numbers.
//!
//! `hayro-syntax` finds and decrypts the objects; which bytes are which letters (`font`), where they stand (`ink`) and in
//! which order they are read (`lines`, `blocks`) is decided here.

mod accents;
mod blocks;
mod cmap;
mod font;
mod ink;
mod lines;
mod matrix;
mod names;
mod nesting;
mod program;
mod stream;
mod strings;
mod widths;

use hayro_syntax::object::{Dict, Object};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use tidegate_core::{Document, Fault, FaultKind};

use self::blocks::Sizes;
use self::lines::Line;
use crate::budget::Budget;
use crate::draft::{Draft, too_much_text};
use crate::kind::Kind;
use crate::package::needs_password;
use crate::props::is_a_title;

/// Reads a document. Pages without text leave no trace but a count in the metadata.
pub(crate) fn read(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Document, Fault> {
    budget.doing("the table of objects");
    nesting::check(bytes, budget.limits.max_nesting)?;
    stream::check_tables(bytes, budget)?;
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| unopened(error, bytes))?;
    if is_cut(bytes) {
        // What is left of it may hold whole pages, but nobody knows how many there were.
        let message = format!("cut off: it has no end, and {} pages are left of it", pdf.pages().len());
        return Err(Fault::new(FaultKind::Malformed, message)
            .hint("get it once more, or repair it with qpdf or mutool"));
    }
    let pages = pdf.pages();
    budget.pages(pages.len(), "pages")?;
    let mut draft = Draft::new(budget.output_left());
    describe(&pdf, &mut draft);
    let (mut shared, mut tally, mut bytes) = (ink::Shared::default(), Tally::default(), 0);
    let mut all: Vec<Vec<Line>> = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        budget.doing(&format!("page {} of {}", index + 1, pages.len()));
        let mut ink = ink::read(page, &mut shared, budget)?;
        accents::compose_accents(&mut ink);
        let lines = lines::lines(&ink);
        bytes += lines.iter().map(|line| line.text.len()).sum::<usize>();
        if bytes > budget.output_left() {
            return Err(too_much_text(budget.output_left()));
        }
        tally.count(&ink, lines.is_empty());
        all.push(lines);
    }
    if !budget.limits.keep_blank {
        tally.judge(pages.len())?;
    }
    let sizes = Sizes::of(all.iter().flatten());
    for (number, lines) in (1_u32..).zip(&all) {
        draft.page(number, None);
        blocks::write(lines, &sizes, &mut draft)?;
    }
    draft.meta.insert("pages".to_owned(), pages.len().into());
    if tally.blank > 0 {
        draft.meta.insert("pages_without_text".to_owned(), tally.blank.into());
    }
    if draft.len() == 0 && budget.limits.keep_blank {
        return Ok(draft.blank(Kind::Pdf));
    }
    draft.finish(Kind::Pdf)
}

fn unopened(error: LoadPdfError, bytes: &[u8]) -> Fault {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => needs_password(),
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => {
            let fault = Fault::new(FaultKind::Unsupported, "encrypted in a way that is not read");
            fault.hint("save a copy without protection")
        }
        LoadPdfError::Decryption(_) => Fault::new(FaultKind::Malformed, "broken encryption"),
        LoadPdfError::Invalid if is_cut(bytes) => {
            Fault::new(FaultKind::Malformed, "cut off: it has no end, and no page was found")
        }
        LoadPdfError::Invalid => Fault::new(FaultKind::Malformed, "no page was found"),
    }
}

/// Whether the end is missing. Files made for the web have one near their beginning too, and say how long they are.
fn is_cut(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let said = memchr::memmem::find(head, b"/Linearized").and_then(|_| {
        let at = memchr::memmem::find(head, b"/L ")? + 3;
        let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(&head[at..at + digits]).ok()?.parse::<usize>().ok()
    });
    said.is_some_and(|length| length > bytes.len()) || memchr::memmem::find(bytes, b"%%EOF").is_none()
}

/// What all pages together have.
#[derive(Default)]
struct Tally {
    /// Pages without text.
    blank: usize,
    /// Pages without text that have pictures.
    scanned: usize,
    known: u64,
    unknown: u64,
}

impl Tally {
    fn count(&mut self, ink: &ink::Ink, blank: bool) {
        self.blank += usize::from(blank);
        self.scanned += usize::from(blank && ink.pictures > 0);
        self.known += ink.glyphs.len() as u64;
        self.unknown += ink.unknown;
    }

    /// Whether there is text, or why not. Half-guessed garbage in an index is worse than a file put aside.
    fn judge(&self, pages: usize) -> Result<(), Fault> {
        if self.unknown > self.known && self.unknown > 20 {
            let message = format!(
                "{} of {} letters are in fonts that do not say which letters they are",
                self.unknown,
                self.unknown + self.known
            );
            return Err(Fault::new(FaultKind::Encoding, message)
                .hint("recognise the text with OCR, such as ocrmypdf"));
        }
        if self.blank < pages {
            return Ok(());
        }
        if self.scanned > 0 {
            let message = format!("no text layer: {} pages of images", self.scanned);
            return Err(
                Fault::new(FaultKind::Empty, message).hint("recognise the text with OCR, such as ocrmypdf")
            );
        }
        Err(Fault::new(FaultKind::Empty, format!("no text on any of {pages} pages")))
    }
}

fn describe(pdf: &Pdf, draft: &mut Draft) {
    let about = pdf.metadata();
    let text = |value: &Option<Box<[u8]>>| value.as_deref().map(strings::decode).unwrap_or_default();
    let title = text(&about.title);
    draft.title = Some(title).filter(|title| is_a_title(title) && !looks_like_a_file(title));
    draft.set("author", &text(&about.author));
    draft.set("description", &text(&about.subject));
    draft.set("tags", &text(&about.keywords));
    for (name, date) in [("date", &about.creation_date), ("modified", &about.modification_date)] {
        if let Some(date) = date {
            draft.set(name, &format!("{:04}-{:02}-{:02}", date.year, date.month, date.day));
        }
    }
    let root = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    if let Some(Object::String(lang)) = root.and_then(|root| root.get::<Object<'_>>("Lang")) {
        draft.set("lang", &strings::decode(lang.as_bytes()));
    }
}

/// Programs that know no title put the name of the file they printed.
fn looks_like_a_file(title: &str) -> bool {
    let lower = title.trim().to_ascii_lowercase();
    let endings =
        [".doc", ".docx", ".dvi", ".tex", ".indd", ".pdf", ".ps", ".txt", ".qxd", ".ppt", ".pptx", ".xls"];
    endings.iter().any(|ending| lower.ends_with(ending))
}
