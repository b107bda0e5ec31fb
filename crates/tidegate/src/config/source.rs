//! `[source]`: what is read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::map::TableInput;
use super::period::Period;
use super::size::Size;

/// What is read. `type` is one of `files`, `jsonl`, `stdin`, `tail`, `urls`, `objects`; the other keys depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source {
    /// Files and the folders they are in; each file is a document.
    Files(Files),
    /// Files of JSON Lines, plain or compressed (.gz, .zst); each line is a document.
    Jsonl(Jsonl),
    /// Standard input; each line is a document.
    Stdin(Stdin),
    /// Files that grow, followed without end; each line is a document.
    Tail(Tail),
    /// Documents behind URLs; each URL is a document.
    Urls(Urls),
    /// Objects in buckets (S3 and its like, Google Cloud Storage, Azure); each object is a document.
    Objects(Objects),
}

/// The kinds of [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceType {
    /// [`Source::Files`].
    Files,
    /// [`Source::Jsonl`].
    Jsonl,
    /// [`Source::Stdin`].
    Stdin,
    /// [`Source::Tail`].
    Tail,
    /// [`Source::Urls`].
    Urls,
    /// [`Source::Objects`].
    Objects,
}

impl SourceType {
    /// The name in a configuration file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Jsonl => "jsonl",
            Self::Stdin => "stdin",
            Self::Tail => "tail",
            Self::Urls => "urls",
            Self::Objects => "objects",
        }
    }
}

impl Source {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> SourceType {
        match self {
            Self::Files(_) => SourceType::Files,
            Self::Jsonl(_) => SourceType::Jsonl,
            Self::Stdin(_) => SourceType::Stdin,
            Self::Tail(_) => SourceType::Tail,
            Self::Urls(_) => SourceType::Urls,
            Self::Objects(_) => SourceType::Objects,
        }
    }

    /// The paths that are read, or the places in buckets; none for standard input.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        match self {
            Self::Files(files) => &files.paths,
            Self::Jsonl(jsonl) => &jsonl.paths,
            Self::Tail(tail) => &tail.paths,
            Self::Urls(urls) => &urls.paths,
            Self::Objects(objects) => &objects.urls,
            Self::Stdin(_) => &[],
        }
    }
}

impl Source {
    /// How rows are read that are those of a table.
    pub(crate) fn table(&self) -> Option<&TableInput> {
        match self {
            Self::Jsonl(rows) => rows.table.as_ref(),
            Self::Stdin(rows) => rows.table.as_ref(),
            _ => None,
        }
    }

    /// Makes every path absolute, as seen from the current folder. A path that is gone stays as it is.
    pub fn make_absolute(&mut self) {
        let paths = match self {
            Self::Files(files) => &mut files.paths,
            Self::Jsonl(jsonl) => &mut jsonl.paths,
            Self::Tail(tail) => &mut tail.paths,
            Self::Urls(urls) => &mut urls.paths,
            Self::Stdin(_) | Self::Objects(_) => return,
        };
        for path in paths {
            if let Some(absolute) =
                std::fs::canonicalize(&*path).ok().and_then(|real| real.to_str().map(str::to_owned))
            {
                *path = absolute;
            }
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Files(Files::default())
    }
}

/// Files and folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// Files and folders to read, relative to the folder of this file.
    pub paths: Vec<String>,
    /// Read only files that match one of these globs, such as "*.md"; all if empty.
    pub include: Vec<String>,
    /// Leave out files and folders that match one of these globs, such as "drafts/".
    pub exclude: Vec<String>,
    /// Also read names that begin with a dot.
    pub hidden: bool,
    /// Honour .gitignore files. A .tidegateignore is always honoured.
    pub gitignore: bool,
    /// Follow links that stay inside the given paths.
    pub links: bool,
    /// Put larger files aside without reading them.
    pub max_file_size: Size,
    /// After the first pass, keep following the folders for changes.
    pub watch: bool,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            paths: vec![".".to_owned()],
            include: Vec::new(),
            exclude: Vec::new(),
            hidden: false,
            gitignore: true,
            links: true,
            max_file_size: Size::from_bytes(64 << 20),
            watch: false,
        }
    }
}

/// Longer lines are more often a file of another format than a record.
const MAX_LINE: Size = Size::from_bytes(16 << 20);

/// Files of JSON Lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jsonl {
    /// Files to read, relative to the folder of this file.
    pub paths: Vec<String>,
    /// What a line is, in a map job: there, lines of text become objects with one field.
    #[serde(skip_serializing_if = "RowFormat::is_jsonl")]
    #[schemars(skip)]
    pub format: RowFormat,
    /// The field that holds the text.
    pub text_field: String,
    /// The field that identifies a line. Without it, lines are known by their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"id")]
    pub id_field: Option<String>,
    /// Put longer lines aside without holding them in memory.
    pub max_line: Size,
    /// How rows are read that are those of a table, in a map job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub table: Option<TableInput>,
}

impl Default for Jsonl {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            format: RowFormat::Jsonl,
            text_field: "text".to_owned(),
            id_field: None,
            max_line: MAX_LINE,
            table: None,
        }
    }
}

impl RowFormat {
    fn is_jsonl(&self) -> bool {
        *self == Self::Jsonl
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowFormat {
    /// Text as it stands.
    #[default]
    Lines,
    /// A JSON object.
    Jsonl,
    /// A row of a Parquet file; in a map job only.
    #[schemars(skip)]
    Parquet,
}

/// Standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stdin {
    /// What a line is: "lines" (text as it stands) or "jsonl" (a JSON object).
    pub format: RowFormat,
    /// The field that holds the text, for "jsonl".
    pub text_field: String,
    /// The field that identifies a line, for "jsonl". Without it, lines are known by their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"id")]
    pub id_field: Option<String>,
    /// Put longer lines aside without holding them in memory.
    pub max_line: Size,
    /// How rows are read that are those of a table, in a map job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub table: Option<TableInput>,
}

impl Default for Stdin {
    fn default() -> Self {
        let (format, text_field) = (RowFormat::Lines, "text".to_owned());
        Self { format, text_field, id_field: None, max_line: MAX_LINE, table: None }
    }
}

/// Files that grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tail {
    /// Files to follow, relative to the folder of this file.
    pub paths: Vec<String>,
    /// What a line is: "lines" (text as it stands) or "jsonl" (a JSON object).
    pub format: RowFormat,
    /// The field that holds the text, for "jsonl".
    pub text_field: String,
    /// The field that identifies a line, for "jsonl". Without it, lines are known by their position.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"id")]
    pub id_field: Option<String>,
    /// Put longer lines aside without holding them in memory.
    pub max_line: Size,
}

impl Default for Tail {
    fn default() -> Self {
        let Stdin { format, text_field, id_field, max_line, .. } = Stdin::default();
        Self { paths: Vec::new(), format, text_field, id_field, max_line }
    }
}

/// Documents behind URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Urls {
    /// Files that list documents, relative to the folder of this file: each line is a URL, or a JSON object with `url`,
    /// and perhaps `id`, `etag`, `headers` and `file_name`; its other fields are kept with the document.
    pub paths: Vec<String>,
    /// URLs of documents.
    pub urls: Vec<String>,
    /// Put larger documents aside.
    pub max_file_size: Size,
    /// Also fetch from this machine and from private networks.
    pub allow_private: bool,
    /// Also fetch from ports other than 80 and 443.
    pub any_port: bool,
    /// Secrets that the headers of a line may name: variables of the environment, or files as "file:/PATH". Others are
    /// never sent, whoever wrote the list.
    pub secrets: Vec<String>,
    /// Documents fetched at once, from all servers together.
    pub downloads: usize,
    /// Documents fetched at once from one server.
    pub concurrency: u32,
    /// The most requests a minute to one server; 0 for as many as it bears.
    pub requests_per_minute: u64,
    /// How long to wait for the first byte of an answer, and for more of it.
    pub timeout: Period,
    /// How long a server that answers nobody is given, while others answer, before its documents are put aside.
    pub patience: Period,
    /// Put longer lines aside without holding them in memory.
    pub max_line: Size,
}

impl Urls {
    /// Where URLs may lead.
    pub(crate) fn policy(&self) -> tidegate_connect::guard::Policy {
        tidegate_connect::guard::Policy { private: self.allow_private, any_port: self.any_port }
    }
}

impl Default for Urls {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            urls: Vec::new(),
            max_file_size: Files::default().max_file_size,
            allow_private: false,
            any_port: false,
            secrets: Vec::new(),
            downloads: 16,
            concurrency: 4,
            requests_per_minute: 0,
            timeout: Period::from_millis(30_000),
            patience: Period::from_millis(60_000),
            max_line: Size::from_bytes(1 << 20), // a URL and what is said of it
        }
    }
}

/// Objects in buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Objects {
    /// What to read: "s3://bucket/prefix", "gs://bucket/prefix" or "az://container/prefix". Credentials come from where
    /// the tools of each service look for them.
    pub urls: Vec<String>,
    /// Where the service is, if not at the provider's own address, such as "https://minio.example.org:9000".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://minio.example.org:9000")]
    pub endpoint: Option<String>,
    /// The region of the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"eu-central-1")]
    pub region: Option<String>,
    /// The account of Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"myaccount")]
    pub account: Option<String>,
    /// Ask without credentials, as public buckets allow.
    pub anonymous: bool,
    /// Also speak to the endpoint without TLS.
    pub allow_http: bool,
    /// Also read from endpoints on this machine and in private networks, with and without TLS.
    pub allow_private: bool,
    /// Read only objects that match one of these globs, such as "*.md"; all if empty.
    pub include: Vec<String>,
    /// Leave out objects that match one of these globs, such as "drafts/".
    pub exclude: Vec<String>,
    /// Also read names that begin with a dot.
    pub hidden: bool,
    /// Put larger objects aside without reading them.
    pub max_file_size: Size,
    /// Objects read at once.
    pub downloads: usize,
    /// How long to wait for the first byte of an answer, and for more of it.
    pub timeout: Period,
}

impl Default for Objects {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            endpoint: None,
            region: None,
            account: None,
            anonymous: false,
            allow_http: false,
            allow_private: false,
            include: Vec::new(),
            exclude: Vec::new(),
            hidden: false,
            max_file_size: Files::default().max_file_size,
            downloads: 16,
            timeout: Period::from_millis(30_000),
        }
    }
}
