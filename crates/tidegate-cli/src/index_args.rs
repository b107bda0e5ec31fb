//! The options of `tidegate index`, and what they override.

use std::path::{Path, PathBuf};

use clap::Args;
use tidegate::config::{ModelRef, Overrides, Period, Precision, Size, SourceType};
use tidegate_core::{Fault, FaultKind};

use crate::tape_args::TapeArgs;

/// `tidegate index`.
#[derive(Debug, Default, Args)]
pub struct IndexArgs {
    /// Files and folders, JSON Lines files (.jsonl, .ndjson, also .gz or .zst), URLs, buckets (s3://, gs://, az://), or
    /// - for standard input
    #[arg(value_name = "PATH", required_unless_present_any = ["config", "regenerate"])]
    pub paths: Vec<PathBuf>,

    /// Only files that match, such as '*.md'; may be given several times
    #[arg(long, value_name = "GLOB", help_heading = "What to read")]
    pub include: Vec<String>,
    /// Leave out files and folders that match, such as 'drafts/'; may be given several times
    #[arg(long, value_name = "GLOB", help_heading = "What to read")]
    pub exclude: Vec<String>,
    /// Also read names that begin with a dot
    #[arg(long, help_heading = "What to read")]
    pub hidden: bool,
    /// Also read what .gitignore files leave out
    #[arg(long, help_heading = "What to read")]
    pub no_gitignore: bool,
    /// Put larger files aside without reading them [default: 64MiB]
    #[arg(long, value_name = "SIZE", help_heading = "What to read")]
    pub max_file_size: Option<Size>,
    /// Read lines of JSON, with the text in this field [default: text]
    #[arg(long, value_name = "FIELD", help_heading = "What to read")]
    pub text_field: Option<String>,
    /// The field that identifies a line of JSON [default: its line number]
    #[arg(long, value_name = "FIELD", help_heading = "What to read")]
    pub id_field: Option<String>,
    /// Keep following the folders for changes until stopped
    #[arg(long, help_heading = "What to read")]
    pub watch: bool,

    /// The files list URLs, one on each line, or JSON such as {"id": "a", "url": "https://…"}
    #[arg(long, help_heading = "Documents behind URLs")]
    pub urls: bool,
    /// Also fetch from this machine and from private networks, at any port
    #[arg(long, help_heading = "Documents behind URLs")]
    pub allow_private: bool,
    /// A variable with a secret that lines may send in a header; may be given several times
    #[arg(long, value_name = "NAME", help_heading = "Documents behind URLs")]
    pub secret: Vec<String>,

    /// Where the objects are, if not at the provider's own address, such as https://minio.example.org:9000
    #[arg(long, value_name = "URL", help_heading = "Objects in buckets")]
    pub endpoint: Option<String>,
    /// The region of the bucket [default: AWS_REGION, or the profile's]
    #[arg(long, value_name = "REGION", help_heading = "Objects in buckets")]
    pub region: Option<String>,

    /// Keep navigation, footers and sidebars of HTML pages
    #[arg(long, help_heading = "What to make of it")]
    pub keep_boilerplate: bool,
    /// The most tokens of a chunk [default: 256]
    #[arg(long, value_name = "N", help_heading = "What to make of it")]
    pub chunk_tokens: Option<u32>,
    /// Tokens a chunk repeats of the one before it [default: 32]
    #[arg(long, value_name = "N", help_heading = "What to make of it")]
    pub overlap: Option<u32>,

    /// What makes vectors: builtin, minilm, ./FOLDER of a model, none, or PROVIDER:MODEL, such as
    /// openai:text-embedding-3-small
    #[arg(long, value_name = "MODEL", alias = "embedder", help_heading = "What makes vectors")]
    pub embed: Option<ModelRef>,
    /// How a model on this machine computes: int8, or f32 at half the speed
    #[arg(long, value_name = "KIND", requires = "embed", value_parser = precision, help_heading = "What makes vectors")]
    pub precision: Option<Precision>,
    /// Where the provider is, for another service that speaks as it does
    #[arg(long, value_name = "URL", requires = "embed", help_heading = "Models of providers")]
    pub base_url: Option<String>,
    /// The length of the vectors, where the model can make them of several [default: the model's own]
    #[arg(long, value_name = "N", requires = "embed", help_heading = "Models of providers")]
    pub dimensions: Option<u32>,
    /// Words before every chunk, for models that were trained so, such as "passage: "
    #[arg(long, value_name = "WORDS", requires = "embed", help_heading = "What makes vectors")]
    pub document_prefix: Option<String>,
    /// Words before every question, such as "query: "
    #[arg(long, value_name = "WORDS", requires = "embed", help_heading = "What makes vectors")]
    pub query_prefix: Option<String>,
    /// Stop before more than this is spent, in the currency of the price table; 0 lets nothing be paid
    #[arg(long, value_name = "MONEY", help_heading = "Models of providers")]
    pub budget: Option<f64>,
    /// Stop before more than so many tokens are spent; 0 lets nothing be sent
    #[arg(long, value_name = "N", help_heading = "Models of providers")]
    pub max_tokens: Option<u64>,

    /// Build a new generation beside the one that answers searches, with what is set here, and switch to it when it is
    /// complete; all that the store remembers to have been indexed belongs to it
    #[arg(long, conflicts_with = "watch", help_heading = "How to run")]
    pub regenerate: bool,
    /// Names this pipeline's account in the store [default: default]
    #[arg(long, value_name = "PIPELINE", help_heading = "How to run")]
    pub name: Option<String>,
    /// Memory for documents in flight [default: 256MB] [env: TIDEGATE_MEMORY]
    #[arg(long, value_name = "SIZE", help_heading = "How to run")]
    pub memory: Option<Size>,
    /// How long an outage or a full disk may hold the run before it stops, to be resumed [default: 30m]
    #[arg(long, value_name = "TIME", help_heading = "How to run")]
    pub max_hold: Option<Period>,
    /// Remove documents that are gone from the source, however many
    #[arg(long, help_heading = "How to run")]
    pub allow_delete: bool,
    #[command(flatten)]
    pub tape: TapeArgs,
}

impl IndexArgs {
    /// What these options override.
    ///
    /// # Errors
    /// Paths that cannot be read together.
    pub fn overrides(&self) -> Result<Overrides, Fault> {
        let source = self.source()?;
        let url = |path: &PathBuf| match source {
            Some(SourceType::Urls) => holds_url(path),
            Some(SourceType::Objects) => holds_place(path),
            _ => None,
        };
        let paths: Vec<PathBuf> = self.paths.iter().filter(|path| url(path).is_none()).cloned().collect();
        let urls: Vec<String> = self.paths.iter().filter_map(url).collect();
        let takes_paths =
            !self.paths.is_empty() && !matches!(source, Some(SourceType::Stdin | SourceType::Objects));
        // What a configuration file lists is not added to what the command line names.
        let takes_urls =
            !self.paths.is_empty() && matches!(source, Some(SourceType::Urls | SourceType::Objects));
        let list = |values: &[String]| (!values.is_empty()).then(|| values.to_vec());
        Ok(Overrides {
            name: self.name.clone(),
            source,
            paths: takes_paths.then_some(paths),
            urls: takes_urls.then_some(urls),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            allow_private: self.allow_private.then_some(true),
            secrets: list(&self.secret),
            include: list(&self.include),
            exclude: list(&self.exclude),
            hidden: self.hidden.then_some(true),
            gitignore: self.no_gitignore.then_some(false),
            watch: self.watch.then_some(true),
            max_file_size: self.max_file_size,
            text_field: self.text_field.clone(),
            id_field: self.id_field.clone(),
            boilerplate: self.keep_boilerplate.then_some(true),
            max_tokens: self.chunk_tokens,
            embed: self.embed.clone(),
            base_url: self.base_url.clone(),
            dimensions: self.dimensions,
            precision: self.precision,
            document_prefix: self.document_prefix.clone(),
            query_prefix: self.query_prefix.clone(),
            budget: self.budget,
            spend_tokens: self.max_tokens,
            overlap_tokens: self.overlap,
            store: None,
            memory: self.memory,
            max_hold: self.max_hold,
            allow_delete: self.allow_delete.then_some(true),
            rescore: None,
            rescore_top: None,
            ask: None,
            passages: None,
        })
    }

    /// The kind of source that the paths and options call for; `None` leaves it to the configuration file.
    fn source(&self) -> Result<Option<SourceType>, Fault> {
        let refuse = |message: &str, hint: &str| Err(Fault::new(FaultKind::Config, message).hint(hint));
        let stdin = self.paths.iter().filter(|path| *path == Path::new("-")).count();
        if stdin > 0 && self.paths.len() > 1 {
            return refuse(
                "standard input (-) cannot be read together with other paths",
                "index them one after another",
            );
        }
        if stdin > 0 {
            return Ok(Some(SourceType::Stdin));
        }
        if self.paths.is_empty() {
            return Ok(None);
        }
        let places = self.paths.iter().filter(|path| holds_place(path).is_some()).count();
        if places > 0 && places < self.paths.len() {
            return refuse("buckets and other paths cannot be read together", "index them one after another");
        }
        if places > 0 {
            return Ok(Some(SourceType::Objects));
        }
        let urls = self.paths.iter().filter(|path| holds_url(path).is_some()).count();
        if urls > 0 && urls < self.paths.len() && !self.urls {
            return refuse(
                "URLs and paths cannot be read together",
                "index them one after another; if the files list URLs, say so with --urls",
            );
        }
        if urls > 0 || self.urls {
            return Ok(Some(SourceType::Urls));
        }
        let rows = self.paths.iter().filter(|path| holds_rows(path)).count();
        let fields = self.text_field.is_some() || self.id_field.is_some();
        if rows > 0 && rows < self.paths.len() && !fields {
            return refuse(
                "JSON Lines files and other paths cannot be read together",
                "index them one after another, each under its own --name",
            );
        }
        Ok(Some(if fields || rows > 0 { SourceType::Jsonl } else { SourceType::Files }))
    }
}

/// Reads a precision.
fn precision(text: &str) -> Result<Precision, String> {
    let known = [Precision::Int8, Precision::F32];
    known.into_iter().find(|one| one.name() == text).ok_or_else(|| "write int8 or f32".to_owned())
}

/// The URL that a path is.
fn holds_url(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then(|| text.to_owned())
}

/// The place in a bucket that a path is.
fn holds_place(path: &Path) -> Option<String> {
    path.to_str().filter(|text| tidegate::Place::is_one(text)).map(str::to_owned)
}

/// Whether a path's name says that each of its lines is a document.
fn holds_rows(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    name.ends_with(".jsonl") || name.ends_with(".ndjson")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_fields_decide_what_kind_of_source_it_is() {
        for (paths, field, kind) in [
            (&["docs"][..], None, Some(SourceType::Files)),
            (&["a.jsonl", "B.NDJSON.gz"], None, Some(SourceType::Jsonl)),
            (&["rows.txt"], Some("body"), Some(SourceType::Jsonl)),
            (&["-"], None, Some(SourceType::Stdin)),
            (&[], None, None),
            (&["s3://bucket/a", "gs://bucket", "AZ://c/b"], None, Some(SourceType::Objects)),
            (&["https://example.org/a", "HTTP://example.org/b"], None, Some(SourceType::Urls)),
        ] {
            let args = IndexArgs {
                paths: paths.iter().map(PathBuf::from).collect(),
                text_field: field.map(str::to_owned),
                ..IndexArgs::default()
            };
            assert_eq!(args.overrides().unwrap().source, kind, "{paths:?}");
        }
        let args = IndexArgs {
            paths: ["a.jsonl", "https://example.org/a"].map(PathBuf::from).to_vec(),
            urls: true,
            ..IndexArgs::default()
        };
        let overrides = args.overrides().unwrap();
        assert_eq!(overrides.source, Some(SourceType::Urls));
        assert_eq!(overrides.paths.unwrap(), [PathBuf::from("a.jsonl")]);
        assert_eq!(overrides.urls.unwrap(), ["https://example.org/a"]);
        for paths in
            [["-", "docs"], ["a.jsonl", "docs"], ["https://example.org/a", "docs"], ["s3://b", "docs"]]
        {
            let args = IndexArgs { paths: paths.map(PathBuf::from).to_vec(), ..IndexArgs::default() };
            assert_eq!(args.overrides().unwrap_err().kind(), FaultKind::Config, "{paths:?}");
        }
    }
}
