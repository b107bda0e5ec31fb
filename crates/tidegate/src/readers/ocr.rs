//! Pictures of text: pages of a scan, and image files, read by `tesseract`.
//!
//! Pages are painted one at a time by whichever of the usual programs is there, no larger than reading needs, and each
//! run has the limits of its format. That one page cannot be read costs the document that page, and is told with it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_core::{Document, Fault, FaultKind};
use tidegate_sandbox::{FILE, Limits, ToolJob, Tools, find_tool};

use super::{Asked, IMAGE, output};
use crate::config::{Config, Ocr as Mode};
use crate::parser;

/// Extensions of image files that are read.
pub(crate) const IMAGES: [&str; 5] = ["png", "jpg", "jpeg", "tif", "tiff"];
/// The longer side of a painted page, in dots: 300 to the inch of a page of usual size, and a bound for any other.
const DOTS: &str = "3300";

/// Reads pictures of text.
pub(crate) struct Ocr {
    tools: Option<Arc<Tools>>,
    tesseract: Option<PathBuf>,
    painter: Option<Painter>,
    pdf: Settings,
    image: Settings,
}

/// What is set for one format.
struct Settings {
    mode: Mode,
    languages: String,
    limits: Limits,
    pages: u32,
}

/// A program that paints pages of a PDF.
#[derive(Debug, Clone, PartialEq)]
enum Painter {
    Pdftoppm(PathBuf),
    Mutool(PathBuf),
}

/// The programs that OCR needs and that are not there, of `tesseract` and what paints pages.
pub(crate) fn needed() -> Vec<&'static str> {
    let path = std::env::var_os("PATH");
    let tesseract = find_tool("tesseract", path).is_none().then_some("tesseract");
    let painter = painter().is_none().then_some("pdftoppm or mutool");
    tesseract.into_iter().chain(painter).collect()
}

fn painter() -> Option<Painter> {
    let path = std::env::var_os("PATH");
    let pdftoppm = find_tool("pdftoppm", path.clone()).map(Painter::Pdftoppm);
    pdftoppm.or_else(|| find_tool("mutool", path).map(Painter::Mutool))
}

impl Ocr {
    /// As `config` says; `None` where nobody asks for it.
    pub(super) fn open(config: &Config, tools: Option<Arc<Tools>>) -> Option<Self> {
        let settings = |name: &str| {
            let format = config.formats.get(name).cloned().unwrap_or_default();
            let languages = match format.ocr_languages.is_empty() {
                true => "eng".to_owned(),
                false => format.ocr_languages.join("+"),
            };
            let pages = format.max_pages.unwrap_or(config.sandbox.max_pages);
            Settings { mode: format.ocr, languages, limits: parser::limits(config, name).0, pages }
        };
        let (pdf, image) = (settings("pdf"), settings(IMAGE));
        if pdf.mode == Mode::Off && image.mode == Mode::Off {
            return None;
        }
        let tesseract = find_tool("tesseract", std::env::var_os("PATH"));
        Some(Self { tools, tesseract, painter: painter(), pdf, image })
    }

    /// Whether pages of PDF files are read.
    pub(crate) fn reads_pdf(&self) -> bool {
        self.pdf.mode != Mode::Off
    }

    /// Whether image files are read.
    pub(crate) fn reads_images(&self) -> bool {
        self.image.mode != Mode::Off
    }

    /// The text of an image file.
    ///
    /// # Errors
    /// What OCR lacks, what the tool says, and [`FaultKind::Empty`] for a picture without text.
    pub(crate) async fn image(&self, asked: &Asked<'_>) -> Result<Document, Fault> {
        let text = self
            .recognise(asked.bytes.clone(), (&self.image, &super::command::extension(asked.name)))
            .await?;
        let mut document = Document { blocks: output::paragraphs(&text, 0), text, ..Document::default() };
        if document.blocks.is_empty() {
            return Err(Fault::new(FaultKind::Empty, "no text in the picture, also by OCR"));
        }
        document.meta.insert("format".to_owned(), IMAGE.into());
        document.meta.insert("ocr".to_owned(), true.into());
        Ok(document)
    }

    /// `document`, as the parser inside read it from `bytes`, with the text of pages that have none, or of all.
    ///
    /// # Errors
    /// What OCR lacks or its tools say, where that leaves no text; [`FaultKind::Empty`] where there is none to be read.
    pub(crate) async fn pdf(&self, document: Document, bytes: &Bytes) -> Result<Document, Fault> {
        let all = document.meta.get("pages").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let all = u32::try_from(all).unwrap_or(u32::MAX).min(self.pdf.pages);
        let known: Vec<u32> = document.pages.iter().map(|page| page.number).collect();
        let always = self.pdf.mode == Mode::Always;
        let wanted: Vec<u32> = (1..=all).filter(|number| always || !known.contains(number)).collect();
        if wanted.is_empty() {
            return Ok(document);
        }
        let (mut read, mut failed) = (Vec::new(), None);
        for number in &wanted {
            match self.page(bytes, *number).await {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => read.push((*number, text)),
                Err(fault) if !is_of_document(&fault) => return Err(fault),
                // A missing program is missing for every page.
                Err(fault) if fault.kind() == FaultKind::Unsupported => {
                    failed = Some(fault);
                    break;
                }
                Err(fault) => failed = Some(fault.during(format!("page {number} of {all}"))),
            }
        }
        if let Some(fault) = &failed {
            tracing::warn!(%fault, "pages of a document could not be read by OCR");
        }
        let merged = merge(document, &read, all);
        match (merged.blocks.is_empty(), failed) {
            (false, _) => Ok(merged),
            (true, Some(fault)) => Err(fault.during(format!("no text layer on any of {all} pages"))),
            (true, None) => {
                Err(Fault::new(FaultKind::Empty, format!("no text on any of {all} pages, also by OCR")))
            }
        }
    }

    /// The text of one page.
    async fn page(&self, bytes: &Bytes, number: u32) -> Result<String, Fault> {
        let missing = || lacks("pdftoppm", "apt install poppler-utils");
        let painter = self.painter.as_ref().ok_or_else(missing)?;
        if self.tesseract.is_none() {
            return Err(no_tesseract());
        }
        let number = number.to_string();
        let (program, arguments) = match painter {
            Painter::Pdftoppm(path) => {
                (path, vec!["-f", &number, "-l", &number, "-scale-to", DOTS, "-gray", "-png", FILE])
            }
            Painter::Mutool(path) => (
                path,
                vec![
                    "draw", "-q", "-w", DOTS, "-h", DOTS, "-r", "300", "-c", "gray", "-F", "png", "-o", "-",
                    FILE, &number,
                ],
            ),
        };
        let painted = self.run((program, &arguments), (bytes.clone(), "pdf"), &self.pdf).await?;
        self.recognise(painted.into(), (&self.pdf, "png")).await
    }

    async fn recognise(
        &self,
        picture: Bytes,
        (settings, extension): (&Settings, &str),
    ) -> Result<String, Fault> {
        let tesseract = self.tesseract.as_ref().ok_or_else(no_tesseract)?;
        let arguments = [FILE, "stdout", "-l", &settings.languages];
        let text = self.run((tesseract, &arguments), (picture, extension), settings).await?;
        let text = String::from_utf8_lossy(&text).replace('\u{c}', "\n\n");
        Ok(text.trim().to_owned())
    }

    async fn run(
        &self,
        (program, arguments): (&PathBuf, &[&str]),
        (bytes, extension): (Bytes, &str),
        settings: &Settings,
    ) -> Result<Vec<u8>, Fault> {
        let none = || {
            Fault::new(FaultKind::Unsupported, "OCR needs programs, and there is nothing to start them by")
        };
        let tools = self.tools.as_ref().ok_or_else(none)?;
        let job = ToolJob {
            program: program.clone(),
            arguments: arguments.iter().map(OsString::from).collect(),
            bytes,
            extension: extension.to_owned(),
            limits: settings.limits,
        };
        tools.run(job).await.map_err(|fault| fault.during("reading a picture of text"))
    }
}

/// Whether a fault says something of the document, rather than of the run or the machine.
fn is_of_document(fault: &Fault) -> bool {
    tidegate_core::advise(fault) == tidegate_core::Advice::Quarantine
}

fn no_tesseract() -> Fault {
    lacks("tesseract", "apt install tesseract-ocr")
}

fn lacks(program: &str, how: &str) -> Fault {
    let message = format!("OCR needs {program}, which is not on PATH; install it, as with `{how}`");
    Fault::new(FaultKind::Unsupported, message).hint("then retry the document")
}

/// `document` with the texts of `read` in their places, in the place of what pages of the same number had.
fn merge(document: Document, read: &[(u32, String)], all: u32) -> Document {
    if read.is_empty() {
        return document;
    }
    let Document { text: old, blocks, pages, title, mut meta } = document;
    let mut merged = Document { title, ..Document::default() };
    let mut own = pages.iter().enumerate().peekable();
    let mut by_ocr = read.iter().peekable();
    loop {
        let next = (own.peek().map(|(_, page)| page.number), by_ocr.peek().map(|(number, _)| *number));
        let (before, recognised) = match next {
            (None, None) => break,
            (Some(page), Some(number)) => (page < number, number <= page),
            (page, _) => (page.is_some(), page.is_none()),
        };
        if recognised {
            let Some((number, text)) = by_ocr.next() else { break };
            if own.peek().is_some_and(|(_, page)| page.number == *number) {
                own.next();
            }
            output::push(&mut merged.text, &mut merged.pages, (*number, text.trim()));
            let start = merged.text.len() - text.trim().len();
            merged.blocks.extend(output::paragraphs(text.trim(), start));
        } else if before {
            let Some((at, page)) = own.next() else { break };
            let from = usize::try_from(page.start).unwrap_or(usize::MAX).min(old.len());
            let to =
                pages.get(at + 1).map_or(old.len(), |next| usize::try_from(next.start).unwrap_or(old.len()));
            let Some(text) = old.get(from..to).map(str::trim_end) else { continue };
            output::push(&mut merged.text, &mut merged.pages, (page.number, text));
            let start = merged.text.len() - text.len();
            let inside =
                blocks.iter().filter(|block| block.span.start >= from && block.span.end <= from + text.len());
            merged.blocks.extend(inside.cloned().map(|mut block| {
                block.span = block.span.start - from + start..block.span.end - from + start;
                block
            }));
        }
    }
    let blank = u64::from(all).saturating_sub(merged.pages.len() as u64);
    meta.remove("pages_without_text");
    if blank > 0 {
        meta.insert("pages_without_text".to_owned(), blank.into());
    }
    meta.insert("ocr".to_owned(), true.into());
    meta.insert("ocr_pages".to_owned(), read.len().into());
    Document { meta, ..merged }
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Block, BlockKind, Page};

    use super::*;

    fn page(start: u64, number: u32) -> Page {
        Page { start, number, name: None }
    }

    #[test]
    fn pages_that_were_read_stand_where_they_belong() {
        let block = |span| Block { kind: BlockKind::Paragraph, span };
        let document = Document {
            text: "two\n\nmore\n\nfour".to_owned(),
            blocks: vec![block(0..3), block(5..9), block(11..15)],
            pages: vec![page(0, 2), page(11, 4)],
            ..Document::default()
        };
        let read = [(1, "one".to_owned()), (3, "three\n\nlines".to_owned()), (4, "FOUR".to_owned())];
        let merged = merge(document.clone(), &read, 5);
        assert_eq!(merged.text, "one\n\ntwo\n\nmore\n\nthree\n\nlines\n\nFOUR");
        let texts: Vec<&str> = merged.blocks.iter().map(|block| &merged.text[block.span.clone()]).collect();
        assert_eq!(texts, ["one", "two", "more", "three", "lines", "FOUR"]);
        let numbers: Vec<u32> = merged.pages.iter().map(|page| page.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!((&merged.meta["ocr_pages"], &merged.meta["pages_without_text"]), (&3.into(), &1.into()));
        assert_eq!(merge(document.clone(), &[], 5), document);
        let nothing = merge(Document::default(), &[(7, " x ".to_owned())], 7);
        assert_eq!((nothing.text.as_str(), nothing.pages[0].number), ("x", 7));
    }
}
