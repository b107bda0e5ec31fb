//! Which stored documents a change of settings makes stale.

use serde::Serialize;
use tidegate_core::ContentHash;

use super::enrich::Into;
use super::http::Method;
use super::map::{Map, OutputFormat, Setting, TableInput};
use super::model::Config;
use super::model_ref::ModelRef;
use super::sandbox::{Format, Ocr, ParserApi};
use super::sink::{Sink, Vectors};
use super::source::{RowFormat, Source};
use super::stage::{Precision, Stage};
use super::validation::Validate;

/// Raised whenever parsing or chunking gives other text for the same bytes, so that documents are worked on again.
pub const TEXT_VERSION: u32 = 3;

/// Exactly the settings that change what is stored. A new setting that does belongs here; the test that goes through
/// every key fails until it is decided.
#[derive(Serialize)]
struct Decisive<'a> {
    text_version: u32,
    source: &'static str,
    rows: Option<(RowFormat, &'a str, Option<&'a str>)>,
    stages: Vec<&'static str>,
    parse: Option<(bool, usize)>,
    chunk: Option<(usize, usize, usize)>,
    embed: Option<&'a ModelRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<Precision>,
    /// Absent without rules, so that documents stored before there were any stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    validate: Option<&'a Validate>,
    output: Option<(&'a [String], Vectors)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    read: Vec<Read<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asked: Vec<Asked<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map: Option<Map>,
    /// How tables are read and outputs written, in map jobs that have any.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'a TableInput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a OutputFormat>,
}

/// What decides how files of a format are read, where that is not as usual.
#[derive(Serialize)]
struct Read<'a> {
    format: &'a str,
    parser: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<ParserApi>,
    extensions: &'a [String],
    ocr: Option<(Ocr, &'a [String])>,
}

impl<'a> Read<'a> {
    fn of((format, set): (&'a String, &'a Format)) -> Option<Self> {
        let ocr = (set.ocr != Ocr::Off).then_some((set.ocr, &*set.ocr_languages));
        let unusual = set.parser.is_some() || ocr.is_some();
        let api = set.service().map(|_| set.api);
        unusual.then_some(Self {
            format,
            parser: set.parser.as_deref(),
            api,
            extensions: &set.extensions,
            ocr,
        })
    }
}

/// What decides what the stages beside parse, chunk and embed make of records, in order. The address of a provider does
/// not.
#[derive(Serialize)]
enum Asked<'a> {
    Model {
        /// Absent without one, so that documents stored before there were any stay as they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        when: Option<&'a str>,
        model: &'a ModelRef,
        texts: [&'a str; 2],
        schema: Option<&'a str>,
        max_tokens: u32,
        temperature: f64,
        into: (Into, &'a str),
    },
    Service {
        #[serde(skip_serializing_if = "Option::is_none")]
        when: Option<&'a str>,
        method: Method,
        texts: [&'a str; 2],
        headers: Vec<(&'a str, &'a str)>,
        answer: &'a str,
        field: &'a str,
    },
    Filter(&'a str),
    Set {
        #[serde(skip_serializing_if = "Option::is_none")]
        when: Option<&'a str>,
        fields: Vec<(String, Setting)>,
        names: [&'a [String]; 2],
    },
    Program {
        #[serde(skip_serializing_if = "Option::is_none")]
        when: Option<&'a str>,
        exec: &'a [String],
        ids: bool,
    },
}

impl<'a> Asked<'a> {
    fn of(stage: &'a Stage) -> Option<Self> {
        match stage {
            Stage::Enrich(enrich) => Some(Self::Model {
                when: enrich.when.as_deref(),
                model: &enrich.model,
                texts: [&enrich.prompt, &enrich.system],
                schema: enrich.schema.as_deref(),
                max_tokens: enrich.max_tokens,
                temperature: enrich.temperature,
                // A context goes into no field, so the field's name means nothing.
                into: (enrich.into, stage.writes().unwrap_or_default()),
            }),
            Stage::Http(http) => Some(Self::Service {
                when: http.when.as_deref(),
                method: http.method,
                texts: [&http.url, &http.body],
                headers: http.headers.texts(),
                answer: &http.answer,
                field: &http.field,
            }),
            Stage::Filter(filter) => Some(Self::Filter(&filter.when)),
            Stage::Set(set) => Some(Self::Set {
                when: set.when.as_deref(),
                fields: set.step().set,
                names: [&set.keep, &set.remove],
            }),
            Stage::Exec(exec) => {
                Some(Self::Program { when: exec.when.as_deref(), exec: &exec.exec, ids: exec.ids })
            }
            Stage::Parse(_) | Stage::Chunk(_) | Stage::Embed(_) => None,
        }
    }
}

impl Config {
    /// As [`Self::fingerprint`], of those settings alone that decide the texts and the places of chunks.
    pub(crate) fn text_fingerprint(&self) -> String {
        let mut texts = self.clone();
        texts.stages.retain(|stage| !matches!(stage, Stage::Embed(_)));
        texts.fingerprint()
    }

    /// A stable hash, as 64 hexadecimal digits, of exactly those settings that change what is stored for the same
    /// bytes. When it changes, stored documents are worked on again; limits, paths and the store's place do not
    /// change it.
    ///
    /// ```
    /// use tidegate::config::{Config, Size};
    /// let mut config = Config::default();
    /// let before = config.fingerprint();
    /// config.limits.memory = Size::from_bytes(64_000_000);
    /// assert_eq!(config.fingerprint(), before);
    /// config.stages.pop();
    /// assert_ne!(config.fingerprint(), before);
    /// ```
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let (format, text, id) = match &self.source {
            Source::Files(_) | Source::Urls(_) | Source::Objects(_) => (None, "", None),
            Source::Jsonl(rows) => {
                // Only map jobs read other rows from files.
                let format = if self.map.is_some() { rows.format } else { RowFormat::Jsonl };
                (Some(format), rows.text_field.as_str(), rows.id_field.as_deref())
            }
            Source::Stdin(rows) => (Some(rows.format), rows.text_field.as_str(), rows.id_field.as_deref()),
            Source::Tail(rows) => (Some(rows.format), rows.text_field.as_str(), rows.id_field.as_deref()),
        };
        let decisive = Decisive {
            text_version: TEXT_VERSION,
            source: self.source.kind().name(),
            rows: format.map(|format| match format {
                // Fields mean nothing to lines of text, unless these become fields.
                RowFormat::Lines if self.map.is_none() => (format, "", None),
                RowFormat::Lines | RowFormat::Jsonl | RowFormat::Parquet => (format, text, id),
            }),
            stages: self.stages.iter().map(Stage::kind).collect(),
            parse: self.parse().map(|parse| (parse.boilerplate, parse.max_depth)),
            chunk: self.chunk().map(|chunk| (chunk.max_tokens, chunk.overlap_tokens, chunk.min_tokens)),
            embed: self.embed().map(|embed| &embed.model),
            // Absent where nobody asked, so that documents stored before this could be set stay as they are.
            dimensions: self.embed().map(|embed| embed.dimensions).filter(|dimensions| *dimensions > 0),
            document_prefix: self
                .embed()
                .map(|embed| &*embed.document_prefix)
                .filter(|prefix| !prefix.is_empty()),
            precision: self.embed().map(|embed| embed.precision).filter(|own| *own != Precision::default()),
            validate: Some(&self.validate).filter(|rules| rules.is_on()),
            output: match &self.sink {
                Sink::Store => None,
                Sink::Jsonl(sink) => Some((&sink.fields, sink.vectors)),
                Sink::Webhook(sink) => Some((&sink.fields, sink.vectors)),
            },
            read: self.formats.iter().filter_map(Read::of).collect(),
            asked: self.stages.iter().filter_map(Asked::of).collect(),
            // Another service has none of the records yet.
            to: match &self.sink {
                Sink::Webhook(sink) => Some(&sink.url),
                Sink::Store | Sink::Jsonl(_) => None,
            },
            map: self.map.as_deref().map(Map::decisive),
            table: self.source.table(),
            format: match &self.sink {
                Sink::Jsonl(sink) => Some(&sink.format).filter(|format| !format.is_plain()),
                Sink::Store | Sink::Webhook(_) => None,
            },
        };
        let json = serde_json::to_vec(&decisive).expect("plain structs of text and numbers are always JSON");
        ContentHash::of_parts(&[b"tidegate pipeline", &json]).to_hex()
    }
}
