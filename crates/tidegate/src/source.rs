//! Opening the source a configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tidegate_connect::{
    Blocks, Files, FilesOptions, FilesStats, Jsonl, Manifest, Objects, Place, RowFields, RowFormat,
    RowOptions, StdinRows, Tail, TailOptions, Watch, WatchOptions,
};
use tidegate_core::{Fault, FaultKind, Ledger as _, Source};
use tidegate_store::PipelineLedger;

use crate::config::{self, Config, RowFormat as ConfigRows};
use crate::map;
use crate::readers;
use crate::services::Services;

/// A source as configured, before it is told where to resume.
pub(crate) struct Opened {
    pub(crate) source: Kind,
    pub(crate) files: Option<Arc<FilesStats>>,
    /// Whether items carry positions to resume from.
    pub(crate) stream: bool,
    /// Whether a key may be listed again to say that it changed.
    pub(crate) relists: bool,
}

pub(crate) enum Kind {
    Plain(Box<dyn Source>),
    Rows(Jsonl),
    Blocks(Blocks),
    Table(crate::parquet::Rows),
    Tail(Tail),
    Documents(map::Documents),
}

impl Opened {
    /// Opens what the configuration names; followed folders are taken from `watch`. `once` ends a growing file with
    /// what is there.
    pub(crate) fn new(
        config: &Config,
        services: &Arc<Services>,
        (watch, once): (Option<&Watch>, bool),
    ) -> Result<Self, Fault> {
        // Rows on their way to the store are documents, known by key; rows on their way to a file are a stream.
        let stream = match &config.map {
            Some(_) => config.resumes_rows(),
            None => !matches!(config.sink, config::Sink::Store),
        };
        if let Some(watch) = watch {
            let source = Kind::Plain(Box::new(watch.source()?));
            return Ok(Self { source, files: Some(watch.stats()), stream: false, relists: true });
        }
        match &config.source {
            config::Source::Files(files) => Self::files(files, config),
            config::Source::Jsonl(jsonl) => {
                if jsonl.format == ConfigRows::Parquet {
                    let source = Kind::Table(crate::parquet::open(jsonl, (config, stream))?);
                    return Ok(Self { source, files: None, stream, relists: false });
                }
                let options = RowOptions { stream, ..jsonl_options(jsonl, config) };
                if config.sweeps() {
                    let source = Kind::Blocks(Blocks::open(&paths(&jsonl.paths), &options)?);
                    return Ok(Self { source, files: None, stream, relists: false });
                }
                let source = Jsonl::open(&paths(&jsonl.paths), options)?;
                let source = if stream { Kind::Rows(source) } else { Kind::Plain(Box::new(source)) };
                Ok(Self { source, files: None, stream, relists: false })
            }
            config::Source::Stdin(stdin) => {
                let source = Box::new(StdinRows::new(std::io::stdin(), stdin_options(stdin, config))?);
                Ok(Self { source: Kind::Plain(source), files: None, stream: false, relists: false })
            }
            config::Source::Tail(tail) => Self::tail(tail, once),
            config::Source::Urls(urls) => {
                let documents = services.documents(urls, config.sweep.policy())?;
                let source = Manifest::open(&paths(&urls.paths), urls.urls.clone(), documents)?;
                Ok(Self { source: Kind::Plain(Box::new(source)), files: None, stream: false, relists: false })
            }
            config::Source::Objects(objects) => {
                let places: Result<Vec<Place>, Fault> =
                    objects.urls.iter().map(|url| Place::parse(url)).collect();
                let source = Objects::open(&places?, services.objects(objects, config.sweep.policy()))?;
                let stats = source.stats();
                Ok(Self {
                    source: Kind::Plain(Box::new(source)),
                    files: Some(stats),
                    stream: false,
                    relists: false,
                })
            }
        }
    }

    fn files(files: &config::Files, config: &Config) -> Result<Self, Fault> {
        let source = Files::open(&paths(&files.paths), files_options(files, config))?;
        let stats = source.stats();
        let (source, stream): (Box<dyn Source>, _) = (Box::new(source), config.resumes_rows());
        let source = match &config.map {
            Some(job) => Kind::Documents(map::Documents::new(source, (job.limit, stream))),
            None => Kind::Plain(source),
        };
        Ok(Self { source, files: Some(stats), stream, relists: false })
    }

    fn tail(tail: &config::Tail, once: bool) -> Result<Self, Fault> {
        let [path] = &tail.paths[..] else {
            return Err(Fault::new(FaultKind::Config, "following needs exactly one file")
                .hint("run one pipeline for each file"));
        };
        let format = rows(tail.format, (&tail.text_field, tail.id_field.as_ref()));
        let rows =
            RowOptions { format, max_line: size(tail.max_line), stream: true, ..RowOptions::default() };
        let source = Tail::open(Path::new(path), TailOptions { rows, once, ..TailOptions::default() })?;
        Ok(Self { source: Kind::Tail(source), files: None, stream: true, relists: false })
    }
}

impl Kind {
    /// All of it, whatever was read before.
    pub(crate) fn whole(self) -> Box<dyn Source> {
        match self {
            Self::Plain(source) => source,
            Self::Rows(source) => Box::new(source),
            Self::Blocks(source) => Box::new(source),
            Self::Documents(source) => Box::new(source),
            Self::Table(source) => Box::new(source),
            Self::Tail(source) => Box::new(source),
        }
    }

    /// Goes on where the last run's outcomes end.
    pub(crate) async fn resumed(self, ledger: &PipelineLedger) -> Result<Box<dyn Source>, Fault> {
        let position = ledger.resume().await?;
        Ok(match self {
            Self::Plain(source) => source,
            Self::Blocks(mut source) => {
                if let Some(position) = &position {
                    source.resume(position)?;
                }
                Box::new(source)
            }
            Self::Table(mut source) => {
                if let Some(position) = &position {
                    source.resume(position)?;
                }
                Box::new(source)
            }
            Self::Rows(mut source) => {
                if let Some(position) = &position {
                    source.resume(position)?;
                }
                Box::new(source)
            }
            Self::Documents(mut source) => {
                if let Some(position) = &position {
                    source.resume(position)?;
                }
                Box::new(source)
            }
            Self::Tail(mut source) => {
                if let Some(position) = &position {
                    source.resume(position)?;
                }
                Box::new(source)
            }
        })
    }
}

/// Begins to follow the folders of a configuration that asks for it.
///
/// # Errors
/// As opening the folders; and when the system refuses to watch that many.
pub fn watch(config: &Config) -> Result<Option<Watch>, Fault> {
    match &config.source {
        config::Source::Files(files) if files.watch => {
            let options = WatchOptions { files: files_options(files, config), ..WatchOptions::default() };
            Ok(Some(Watch::open(&paths(&files.paths), options)?))
        }
        _ => Ok(None),
    }
}

/// What a run writes itself must not be read by it.
fn own_files(config: &Config) -> Vec<PathBuf> {
    let url = &config.store.url;
    let mut own = vec![PathBuf::from(url.strip_prefix("sqlite:").unwrap_or(url))];
    if let config::Sink::Jsonl(sink) = &config.sink
        && sink.path != "-"
        && sink.place().is_none()
    {
        own.push(PathBuf::from(&sink.path));
    }
    own
}

fn files_options(files: &config::Files, config: &Config) -> FilesOptions {
    let read = config.formats.iter().flat_map(|(name, format)| readers::extensions(name, format));
    FilesOptions {
        include: files.include.clone(),
        also: read.collect(),
        exclude: files.exclude.clone(),
        hidden: files.hidden,
        gitignore: files.gitignore,
        links: files.links,
        max_file_size: files.max_file_size.bytes(),
        own: own_files(config),
        // Documents of a job are told by size and time alone, however new they are: there is no later run that would
        // see a change within one tick of the clock.
        racy: if config.map.is_some() { Duration::ZERO } else { FilesOptions::default().racy },
    }
}

/// How the lines of files are read: whole in a map job, else as text with fields.
pub(crate) fn jsonl_options(jsonl: &config::Jsonl, config: &Config) -> RowOptions {
    let names = (&*jsonl.text_field, jsonl.id_field.as_ref());
    row_options(config, (jsonl.format, names), jsonl.max_line)
}

/// The same of standard input.
pub(crate) fn stdin_options(stdin: &config::Stdin, config: &Config) -> RowOptions {
    let names = (&*stdin.text_field, stdin.id_field.as_ref());
    row_options(config, (stdin.format, names), stdin.max_line)
}

fn row_options(
    config: &Config,
    (format, (text, id)): (ConfigRows, (&str, Option<&String>)),
    max_line: config::Size,
) -> RowOptions {
    let table = config.source.table().map(|table| RowFormat::Table(table.options(id)));
    let (format, limit) = match (&config.map, format) {
        (None, format) => (rows(format, (text, id)), 0),
        (Some(map), ConfigRows::Lines) => (RowFormat::Line(text.to_owned()), map.limit),
        (Some(map), ConfigRows::Jsonl | ConfigRows::Parquet) => {
            (table.unwrap_or(RowFormat::Record { id: id.cloned() }), map.limit)
        }
    };
    RowOptions { format, max_line: size(max_line), prefix: None, stream: false, limit }
}

fn rows(format: ConfigRows, (text, id): (&str, Option<&String>)) -> RowFormat {
    match format {
        ConfigRows::Lines => RowFormat::Text,
        ConfigRows::Jsonl | ConfigRows::Parquet => {
            RowFormat::Json(RowFields { text: text.to_owned(), id: id.cloned() })
        }
    }
}

fn paths(paths: &[String]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

fn size(size: config::Size) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}
