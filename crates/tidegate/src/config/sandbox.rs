//! `[sandbox]` and `[formats.NAME]`: what parsing a file that cannot be trusted may cost, and what does it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_connect::guard::Policy;

use super::headers::Headers;
use super::period::Period;
use super::size::Size;

/// What parsing one PDF, Office, mail, e-book or archive file may cost. Each is parsed by a process of its own without
/// files or network, which is killed when it exceeds any of these; the file is then put aside with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// Parse such files at all; without it they are put aside unread.
    pub enabled: bool,
    /// Processes at once; 0 means one for each core.
    pub children: usize,
    /// Files a process parses before a new one takes its place.
    pub documents: u64,
    /// The longest that one file may take. Thousands of pages take a few seconds.
    pub timeout: Period,
    /// The most time on the processor that one file may take, in whole seconds.
    pub cpu: Period,
    /// The most memory that one file may take, beside the file itself.
    pub memory: Size,
    /// The most text of one file, all documents in it together; 64 MiB is some 30,000 pages.
    pub max_output_bytes: Size,
    /// The most that a file may unpack to.
    pub max_unpacked_bytes: Size,
    /// The most that a file may unpack to for each byte of it, once it is more than 10 MiB. Office files reach 60, bombs
    /// 1,000 and more.
    pub max_ratio: u64,
    /// The most pages, slides or sheets of a document.
    pub max_pages: u32,
    /// The most members of an archive or attachments of a mail, nested ones included.
    pub max_entries: u32,
    /// The most archives and mails within each other.
    pub max_depth: u32,
    /// The most elements within each other, inside of one document.
    pub max_nesting: u32,
}

impl Default for Sandbox {
    fn default() -> Self {
        let (child, parser) = (tidegate_sandbox::Limits::default(), tidegate_formats::Limits::default());
        let period = |span: std::time::Duration| Period::from_millis(span.as_secs() * 1_000);
        Self {
            enabled: true,
            children: 0,
            documents: tidegate_sandbox::Options::default().documents,
            timeout: period(child.wall),
            cpu: period(child.cpu),
            memory: Size::from_bytes(child.memory),
            max_output_bytes: Size::from_bytes(child.output),
            max_unpacked_bytes: Size::from_bytes(parser.max_unpacked_bytes),
            max_ratio: parser.max_ratio,
            max_pages: parser.max_pages,
            max_entries: parser.max_entries,
            max_depth: parser.max_depth,
            max_nesting: parser.max_nesting,
        }
    }
}

impl Format {
    /// The address of the service that reads the files, if one does.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.parser
            .as_deref()
            .filter(|parser| parser.starts_with("http://") || parser.starts_with("https://"))
    }

    /// Where the service may be. Its port was chosen by whoever wrote the configuration.
    pub(crate) fn policy(&self) -> Policy {
        Policy { private: self.allow_private, any_port: true }
    }
}

fn no_headers(headers: &Headers) -> bool {
    headers.0.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_none(number: &u32) -> bool {
    *number == 0
}

/// What a service that reads files speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParserApi {
    /// As docling-serve does.
    #[default]
    Docling,
    /// As the unstructured API does.
    Unstructured,
    /// Bytes there, text back.
    Text,
}

impl ParserApi {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_usual(&self) -> bool {
        *self == Self::Docling
    }
}

/// Whether pictures of text are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ocr {
    /// Never.
    #[default]
    Off,
    /// Where there is no text.
    Auto,
    /// Also where there is text, which then does not count.
    Always,
}

impl Ocr {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// How files of one format are read, and what they may cost where it differs from [sandbox]. NAME is pdf, docx, pptx,
/// xlsx, odt, odp, ods, epub, mail, rtf, zip, tar, gzip or zstd; image; or with a parser any name, such as dwg.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Format {
    /// What reads the files instead: "cmd:PROGRAM ARGUMENTS" runs a program. It gets the file on standard input, or
    /// under the name that stands for {file}, and writes text, Markdown, or JSON with text, title, metadata and pages.
    /// "http://…" or "https://…" posts them to a service. Documents within archives and mails are read by the parsers
    /// inside all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"cmd:pdftotext -layout {file} -")]
    pub parser: Option<String>,
    /// What the service speaks: "docling" (docling-serve), "unstructured" (its API), or "text", which posts the bytes and
    /// takes as answer what a program may write.
    #[serde(skip_serializing_if = "ParserApi::is_usual")]
    #[schemars(example = &"docling")]
    pub api: ParserApi,
    /// Headers for the service: texts, or secrets as { env = "NAME" } or { file = "PATH" }.
    #[serde(skip_serializing_if = "no_headers")]
    pub headers: Headers,
    /// Whether the service may be on this machine or in a private network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(example = true)]
    pub allow_private: bool,
    /// The most requests to the service in a minute; 0 if not known.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(example = 60)]
    pub requests_per_minute: u64,
    /// Requests to the service in flight; 0 finds out how many it bears.
    #[serde(skip_serializing_if = "is_none")]
    #[schemars(example = 2)]
    pub concurrency: u32,
    /// Extensions of the files, where content does not tell the format; without any the name is the extension.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["dwg"])]
    pub extensions: Vec<String>,
    /// Of pdf and image: whether pictures of text are read by the program tesseract. "auto" reads pages without text,
    /// "always" all pages.
    #[serde(skip_serializing_if = "Ocr::is_off")]
    #[schemars(example = &"auto")]
    pub ocr: Ocr,
    /// Languages of pictures of text, as tesseract calls them; English without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["eng", "deu"])]
    pub ocr_languages: Vec<String>,
    /// The longest that one file may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"120s")]
    pub timeout: Option<Period>,
    /// The most time on the processor that one file may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"60s")]
    pub cpu: Option<Period>,
    /// The most memory that one file may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"1GiB")]
    pub memory: Option<Size>,
    /// The most text of one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"128MiB")]
    pub max_output_bytes: Option<Size>,
    /// The most that a file may unpack to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"4GiB")]
    pub max_unpacked_bytes: Option<Size>,
    /// The most that a file may unpack to for each byte of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 500)]
    pub max_ratio: Option<u64>,
    /// The most pages, slides or sheets of a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 50_000)]
    pub max_pages: Option<u32>,
    /// The most members or attachments.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 100_000)]
    pub max_entries: Option<u32>,
}
