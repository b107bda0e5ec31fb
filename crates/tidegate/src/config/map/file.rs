//! The file of a map job, and what the command line adds to it.

use std::path::{Path, PathBuf};

use tidegate_connect::{InputFormat, Written, format_of, rows_in};
use tidegate_core::{ContentHash, Fault, FaultKind};
use tidegate_model::Profiles;
use toml::{Table, Value};

use super::section::Section;
use super::table::{OutputFormat, TABLE_KEYS, TableKeys};
use super::{JobFile, Map, Step, named, output, steps};
use crate::apart;
use crate::config::check::refuse;
use crate::config::file::{Reader, load, read, read_beside};
use crate::config::model::Config;
use crate::config::origin::Origin;
use crate::config::overrides::Overrides;
use crate::config::resolve::{ConfigFile, Layers, resolve_read};
use crate::config::sink::{JsonlSink, Sink};
use crate::config::size::Size;
use crate::config::source::{Files, Jsonl, Source, Stdin};
use crate::config::suggest::nearest;
use crate::config::{RowFormat, Store};

/// What the command line says of a map job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapOptions {
    /// The inputs: files, folders, globs, or `-` alone for standard input.
    pub inputs: Vec<PathBuf>,
    /// Where rows go; `-` is standard output.
    pub output: String,
    /// Replaces an output that is there.
    pub overwrite: bool,
    /// Writes rows as they are done.
    pub unordered: bool,
    /// Reads only so many rows; 0 means all.
    pub limit: u64,
    /// Where the providers of all steps are, for another service that speaks as they do.
    pub base_url: Option<String>,
    /// The file of a pipeline whose `[providers]`, `[limits]` and `[store]` hold where the job says nothing else.
    pub base: Option<PathBuf>,
    /// What else is set.
    pub overrides: Overrides,
}

/// The sections of a job that are a job's alone.
pub(super) const OWN: [&str; 3] = ["input", "step", "output"];
/// Those that it shares with a pipeline.
pub(super) const SHARED: [&str; 6] = ["providers", "limits", "store", "validate", "formats", "sandbox"];

/// Those that a job takes from the file of a pipeline as well.
const BASE: [&str; 3] = ["providers", "limits", "store"];

/// The keys of `[input]` where documents are read.
pub(super) const DOCUMENT_KEYS: [&str; 5] = ["format", "include", "exclude", "when", "context"];
/// Those where rows are, beside the ones about tables.
pub(super) const ROW_KEYS: [&str; 6] = ["format", "field", "id", "when", "context", "max_line"];

/// Reads the file of a map job and puts it together with what was typed, ready to be opened as a
/// [`Job`](crate::Job).
///
/// # Errors
/// [`FaultKind::Config`]: what is wrong, with file, line and column where it stands in the file.
pub fn load_map(path: &Path, options: MapOptions) -> Result<Config, Fault> {
    let text = load(path).map_err(|fault| unread(fault, path))?;
    let reader = Reader::new(path, &text);
    let (spans, values) = reader.parse().map_err(|fault| unread(fault, path))?;
    let whole = Section {
        reader: &reader,
        title: "the job".to_owned(),
        origin: Origin::Default,
        spans: spans.get_ref(),
        values: &values,
    };
    sections(&whole)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = named::files(&Value::Table(values.clone()), folder);
    files.extend(options.base.clone());
    apart::from_job(&options.output, (path, &files))?;
    let tables = whole.tables("step", "step")?;
    let steps = steps::read(&tables, folder)?;
    let input = Input::read(&whole)?;
    let format = OutputFormat::read(&whole, &options.output)?;
    let mut config = settings(path, &text, &options)?;
    known(&tables, &steps, &config)?;
    if is_empty(&values) {
        let what = format!("the job {} has no [[step]]: it would only copy its input", path.display());
        return Err(Fault::new(FaultKind::Config, what)
            .hint("write [[step]] with a model and a prompt, with exec, or with set, filter or keep"));
    }
    if let Some(base_url) = &options.base_url {
        redirect(&mut config, &steps, base_url);
    }
    config.map = Some(Box::new(Map {
        steps,
        when: input.when.clone(),
        context: input.context.clone(),
        unordered: options.unordered,
        limit: options.limit,
        types: output::types(&whole, &options.output)?,
        file: job_file(path, &options),
        left_out: false,
    }));
    connect(&mut config, (input, format), options)?;
    Ok(config)
}

/// Whether a job does nothing with records, and does not write them in another form either.
fn is_empty(values: &Table) -> bool {
    !OWN.into_iter().chain(["validate"]).any(|name| values.contains_key(name))
}

/// Where the job stands, as far as that can be remembered.
fn job_file(path: &Path, options: &MapOptions) -> Option<JobFile> {
    let absolute = |path: &Path| std::path::absolute(path).ok()?.into_os_string().into_string().ok();
    let base = match &options.base {
        Some(base) => Some(absolute(base)?),
        None => None,
    };
    Some(JobFile { path: absolute(path)?, base_url: options.base_url.clone(), base })
}

const A_JOB: &str = "a job is a file of TOML with steps, [[step]]; `tidegate map --help` shows one";

/// What does not read as TOML, with what was probably meant.
fn unread(fault: Fault, path: &Path) -> Fault {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if InputFormat::ALL.into_iter().any(|format| format.is_name(&name)) {
        return fault.hint("the job comes first: tidegate map JOB.toml INPUT -o OUTPUT");
    }
    let bare = ["invalid boolean", "string values must be quoted"];
    match bare.iter().any(|what| fault.message().contains(what)) {
        true => fault.hint("text stands in quotes: key = \"value\""),
        false => fault.hint(A_JOB),
    }
}

/// Refuses models of providers that nobody knows, before anything is opened.
fn known(tables: &[Section<'_>], steps: &[Step], config: &Config) -> Result<(), Fault> {
    let profiles = Profiles::builtin();
    for (table, step) in tables.iter().zip(steps) {
        let Some(provider) = step.ask.as_ref().and_then(|ask| ask.model.provider()) else { continue };
        if config.providers.contains_key(provider) || profiles.get(provider).is_ok() {
            continue;
        }
        let message = format!("model: there is no provider named {provider}");
        let fault = table.refuse("model", message);
        let ours = config.providers.keys().map(String::as_str);
        return Err(match nearest(provider, profiles.names().chain(ours)) {
            Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
            None => fault.hint(format!(
                "known are {}; any other that speaks OpenAI's format needs [providers.{provider}] with base_url",
                profiles.names().collect::<Vec<_>>().join(", ")
            )),
        });
    }
    Ok(())
}

/// Refuses sections that a job has not.
fn sections(whole: &Section<'_>) -> Result<(), Fault> {
    for key in whole.spans.keys() {
        let name: &str = key.get_ref();
        if OWN.contains(&name) || SHARED.contains(&name) {
            continue;
        }
        let origin = whole.reader.origin(key.span().start);
        let fault = refuse(&origin, format!("a map job has no `{}`", name.escape_debug()));
        return Err(match (name, nearest(name, OWN.into_iter().chain(SHARED))) {
            ("source" | "sink", _) => {
                fault.hint("name inputs and output on the command line: tidegate map JOB INPUT -o OUTPUT")
            }
            ("stage", _) => fault.hint("a job has steps: write [[step]]"),
            (_, Some(meant)) => fault.hint(format!("did you mean `{meant}`?")),
            (_, None) => {
                fault.hint(format!("it has [input], [[step]], [output], and [{}]", SHARED.join("], [")))
            }
        });
    }
    Ok(())
}

/// `[input]`.
struct Input {
    format: Option<InputFormat>,
    /// Files as documents, if these are read.
    documents: Option<Files>,
    tables: TableKeys,
    field: String,
    id: Option<String>,
    when: Option<String>,
    context: Vec<String>,
    max_line: Size,
}

impl Input {
    fn read(whole: &Section<'_>) -> Result<Self, Fault> {
        let mut input = Self {
            format: None,
            documents: None,
            tables: TableKeys::none(),
            field: "text".to_owned(),
            id: None,
            when: None,
            context: Vec::new(),
            max_line: Jsonl::default().max_line,
        };
        let Some(section) = whole.table("input", "a section: write [input] above its keys")? else {
            return Ok(input);
        };
        if let Some("documents") = section.text("format")?.as_deref() {
            section.only(&DOCUMENT_KEYS)?;
            let (include, exclude) = (section.texts("include")?, section.texts("exclude")?);
            input.documents = Some(Files { include, exclude, ..Files::default() });
            input.when = steps::expression(&section, "when")?;
            input.context = section.texts("context")?;
            return Ok(input);
        }
        section.only(&ROW_KEYS.into_iter().chain(TABLE_KEYS).collect::<Vec<_>>())?;
        input.format = match section.text("format")? {
            None => None,
            Some(name) => {
                let format = InputFormat::ALL.into_iter().find(|format| format.name() == name);
                Some(format.ok_or_else(|| {
                    let names = InputFormat::ALL.map(|format| format!("\"{}\", ", format.name()));
                    section
                        .refuse("format", format!("there is no format \"{}\"", name.escape_debug()))
                        .hint(format!("it is one of {}\"documents\"", names.concat()))
                })?)
            }
        };
        input.tables = TableKeys::read(&section)?;
        input.field = section.text("field")?.unwrap_or(input.field);
        input.id = section.text("id")?;
        input.when = steps::expression(&section, "when")?;
        input.context = section.texts("context")?;
        if let Some(size) = section.text("max_line")? {
            input.max_line = size
                .parse()
                .map_err(|what: String| section.refuse("max_line", format!("max_line: {what}")))?;
        }
        Ok(input)
    }
}

/// Providers, limits, store and rules, as in a pipeline.
fn settings(path: &Path, text: &str, options: &MapOptions) -> Result<Config, Fault> {
    let mut raw = read_beside(path, text, &OWN)?;
    if let Some(base) = &options.base {
        raw = read(base, &load(base)?)?.only(&BASE).under(raw);
    }
    let file = Some(ConfigFile { path: path.to_owned(), text: text.to_owned() });
    let env = &|name: &str| std::env::var(name).ok();
    let resolved = resolve_read(Some(raw), Layers { file, env, overrides: options.overrides.clone() })?;
    let mut config = resolved.config;
    // Where nobody says, the store is where the command is typed, as it is for all other commands about it.
    if resolved.origins.of("store.url") == &Origin::Default {
        config.store.url = Store::default().url;
    }
    Ok(config)
}

/// Sends what goes to the providers of all steps somewhere else.
fn redirect(config: &mut Config, steps: &[Step], base_url: &str) {
    for provider in steps.iter().filter_map(|step| step.ask.as_ref()?.model.provider()) {
        config.providers.entry(provider.to_owned()).or_default().base_url = Some(base_url.to_owned());
    }
}

/// Source, sink and name.
fn connect(
    config: &mut Config,
    (input, format): (Input, OutputFormat),
    options: MapOptions,
) -> Result<(), Fault> {
    config.stages = Vec::new();
    config.source = source(input, (&options.inputs, &options.output))?;
    if let Some(map) = config.map.as_mut() {
        map.left_out = apart::lies_among(&options.output, (&options.inputs, config.source.paths()));
    }
    config.pipeline.name = name_of(&options.output);
    config.sink = Sink::Jsonl(JsonlSink {
        path: options.output,
        ordered: !options.unordered,
        overwrite: options.overwrite,
        format,
        ..JsonlSink::default()
    });
    Ok(())
}

/// What is read. An output that lies among the inputs is none of them: a run that goes on would read what it wrote.
fn source(input: Input, (inputs, output): (&[PathBuf], &str)) -> Result<Source, Fault> {
    if let Some(files) = input.documents {
        let paths = inputs.iter().cloned().map(text_of).collect::<Result<Vec<_>, _>>()?;
        if paths.iter().any(|path| path == "-") {
            let fault = Fault::new(FaultKind::Config, "documents are not read from standard input");
            return Err(fault.hint("name their folder"));
        }
        return Ok(Source::Files(Files { paths, ..files }));
    }
    let written = Written::at(Path::new(output));
    let piped = inputs == [PathBuf::from("-")];
    if !piped && inputs.iter().any(|path| path == Path::new("-")) {
        let fault = Fault::new(FaultKind::Config, "standard input (-) cannot be read together with files");
        return Err(fault.hint("put them together before, such as with cat"));
    }
    let wanted = match input.format {
        Some(format) => format,
        None if piped => InputFormat::Jsonl,
        None => format_of(inputs, written.as_ref())?,
    };
    let format = match wanted {
        InputFormat::Lines => RowFormat::Lines,
        // Rows of a table are objects as well, once they are read.
        InputFormat::Jsonl | InputFormat::Csv | InputFormat::Tsv => RowFormat::Jsonl,
        InputFormat::Parquet => RowFormat::Parquet,
    };
    let (text_field, id_field, max_line) = (input.field, input.id, input.max_line);
    let table = input.tables.of(wanted)?;
    if piped {
        not_on_standard_input(format)?;
        return Ok(Source::Stdin(Stdin { format, text_field, id_field, max_line, table }));
    }
    let paths = rows_in(inputs, wanted, written.as_ref())?;
    let paths = paths.into_iter().map(text_of).collect::<Result<_, _>>()?;
    Ok(Source::Jsonl(Jsonl { paths, format, text_field, id_field, max_line, table }))
}

/// What a Parquet file holds stands at its end, which a stream has only when it is over.
fn not_on_standard_input(format: RowFormat) -> Result<(), Fault> {
    if format != RowFormat::Parquet {
        return Ok(());
    }
    let fault = Fault::new(FaultKind::Config, "Parquet cannot be read from standard input (-)");
    Err(fault.hint("save it as a file, and name that"))
}

fn text_of(path: PathBuf) -> Result<String, Fault> {
    path.into_os_string().into_string().map_err(|path| {
        let message = format!("the path {} is not UTF-8", path.to_string_lossy().escape_debug());
        Fault::new(FaultKind::Config, message).hint("rename it, or pipe it into standard input (-)")
    })
}

/// What the account of a job is called: its output is what a run goes on with, so that is what names it.
fn name_of(output: &str) -> String {
    let absolute = std::path::absolute(output)
        .map_or_else(|_| output.into(), |path| path.to_string_lossy().into_owned());
    let name =
        Path::new(output).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = name.chars().filter(plain).take(32).collect();
    let hash = if output == "-" {
        String::new()
    } else {
        ContentHash::of(absolute.as_bytes()).to_hex()[..12].to_owned()
    };
    format!("map-{name}-{hash}").trim_end_matches('-').to_owned()
}
