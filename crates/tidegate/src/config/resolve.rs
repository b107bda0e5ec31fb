//! From layers of what was typed to what applies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tidegate_core::{Fault, FaultKind};
use toml::{Table, Value};

use super::catalogue::Catalogue;
use super::map::absolute;
use super::model::Config;
use super::model_ref::ModelRef;
use super::origin::{Origin, Origins};
use super::overrides::Overrides;
use super::raw::{Place, Raw};
use super::secret::SecretRef;
use super::sink::Sink;
use super::source::Source;
use super::stage::{Embed, Stage};
use super::{check, env, file, print, validate};

/// A configuration file that was read.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Where it is; paths in it are relative to its folder.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Everything that can set something, from the weakest to the strongest.
pub struct Layers<'a> {
    /// The configuration file, if there is one.
    pub file: Option<ConfigFile>,
    /// Looks up a variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// What the command line set.
    pub overrides: Overrides,
}

impl Default for Layers<'_> {
    /// No file, an empty environment, no flags.
    fn default() -> Self {
        Self { file: None, env: &|_| None, overrides: Overrides::default() }
    }
}

/// What applies, and where each value came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// What applies.
    pub config: Config,
    /// Where it came from.
    pub origins: Origins,
}

impl Resolved {
    /// Whether anybody said what is to be read; otherwise it is the default.
    #[must_use]
    pub fn names_source(&self) -> bool {
        ["type", "paths", "urls"]
            .iter()
            .any(|key| *self.origins.of(&format!("source.{key}")) != Origin::Default)
    }

    /// The configuration as TOML that reads back the same, with the origin of every value beside it.
    #[must_use]
    pub fn effective(&self) -> String {
        print::effective(&self.config, &self.origins)
    }
}

/// Reads `path`, if one is given, and the process's environment, and resolves them with `overrides`.
///
/// # Errors
/// As [`resolve`], and a file that cannot be read.
pub fn load(path: Option<&Path>, overrides: Overrides) -> Result<Resolved, Fault> {
    let read = |path: &Path| Ok(ConfigFile { path: path.to_owned(), text: file::load(path)? });
    let file = path.map(read).transpose()?;
    resolve(Layers { file, env: &|name| std::env::var(name).ok(), overrides })
}

/// Merges the layers, flags over environment over file over defaults, and checks the result.
///
/// # Errors
/// [`FaultKind::Config`], naming the place, the key and what to write instead.
pub fn resolve(layers: Layers<'_>) -> Result<Resolved, Fault> {
    let read = layers.file.as_ref().map(|file| file::read(&file.path, &file.text)).transpose()?;
    resolve_read(read, layers)
}

/// The same for a file that was read already.
pub(super) fn resolve_read(read: Option<Raw>, layers: Layers<'_>) -> Result<Resolved, Fault> {
    let raw = read.unwrap_or_default().under(env::read(layers.env)?).under(layers.overrides.into_raw()?);
    check::check(&Catalogue::new(), &raw)?;
    let origins = origins(&raw);
    let mut config = assemble(raw)?;
    if let Some(file) = &layers.file {
        for other in origins.files().filter(|path| **path != file.path) {
            rebase(&mut config, &|key| origins.of(key).is_in(other), other)?;
        }
        let ours = |key: &str| *origins.of(key) == Origin::Default || origins.of(key).is_in(&file.path);
        rebase(&mut config, &ours, &file.path)?;
    }
    read_schemas(&mut config, &origins)?;
    // Read once more when they are needed; here, so that a mistake in them is told before anything begins.
    config.limits.prices().map_err(|fault| check::placed(fault, origins.of("limits.prices")))?;
    validate::validate(&config, &origins)?;
    Ok(Resolved { config, origins })
}

fn origins(raw: &Raw) -> Origins {
    let list = raw.stages.iter().map(|stages| ("stage".to_owned(), stages.origin.clone()));
    let types = raw.stages.iter().flat_map(|stages| &stages.list);
    let types = types.map(|stage| (Place::Stage(stage.name.clone()).path("type"), stage.origin.clone()));
    let settings =
        raw.settings.iter().map(|setting| (setting.place.path(&setting.key), setting.origin.clone()));
    let within = raw.within.iter().cloned();
    Origins(list.chain(types).chain(settings).chain(within).collect())
}

/// Fills checked settings into the types; what is not set takes its default there.
fn assemble(raw: Raw) -> Result<Config, Fault> {
    let mut sections: BTreeMap<String, Table> = BTreeMap::new();
    let mut stages: BTreeMap<String, Table> = BTreeMap::new();
    let mut named: BTreeMap<&str, BTreeMap<String, Table>> = BTreeMap::new();
    for (section, name) in raw.named {
        named.entry(section).or_default().entry(name).or_default();
    }
    for setting in raw.settings {
        let table = match setting.place {
            Place::Section(section) => sections.entry(section).or_default(),
            Place::Stage(name) => stages.entry(name).or_default(),
            Place::Named(section, name) => named.entry(section).or_default().entry(name).or_default(),
        };
        table.insert(setting.key, setting.value);
    }
    for (section, default) in [("source", "files"), ("sink", "store")] {
        if let Some(table) = sections.get_mut(section) {
            table.entry("type").or_insert_with(|| default.into());
        }
    }
    let order = match raw.stages {
        Some(stages) => stages.list.into_iter().map(|stage| (stage.name, stage.kind)).collect(),
        None => {
            let kinds = Stage::defaults().into_iter().map(|stage| stage.kind().to_owned());
            kinds.map(|kind| (kind.clone(), kind)).collect::<Vec<_>>()
        }
    };
    let list = order.into_iter().map(|(name, kind)| {
        let mut table = stages.remove(&name).unwrap_or_default();
        table.insert("type".to_owned(), kind.into());
        Value::Table(table)
    });
    let mut whole: Table = list_of(list);
    for (section, tables) in named {
        let tables: Table = tables.into_iter().map(|(name, table)| (name, Value::Table(table))).collect();
        whole.insert(section.to_owned(), Value::Table(tables));
    }
    whole.extend(sections.into_iter().map(|(name, table)| (name, Value::Table(table))));
    Value::Table(whole).try_into().map_err(|error: toml::de::Error| {
        Fault::new(FaultKind::Config, error.message().trim().replace('\n', ", "))
            .hint("`tidegate schema` prints what a configuration may hold")
    })
}

fn list_of(stages: impl Iterator<Item = Value>) -> Table {
    Table::from_iter([("stage".to_owned(), Value::Array(stages.collect()))])
}

/// Makes paths that `file` (or nobody) set, which are `ours`, relative to its folder, so that a pipeline means the same
/// from wherever it is started. Paths on the command line and in the environment are relative to where that was typed.
fn rebase(config: &mut Config, ours: &dyn Fn(&str) -> bool, file: &Path) -> Result<(), Fault> {
    let Some(folder) = file.parent() else { return Ok(()) };
    let Some(folder) = folder.to_str() else {
        let message = format!("the path {} is not UTF-8", folder.to_string_lossy().escape_debug());
        return Err(
            Fault::new(FaultKind::Config, message).hint("change into the folder and name the file alone")
        );
    };
    let paths = match &mut config.source {
        Source::Files(files) => files.paths.as_mut_slice(),
        Source::Jsonl(rows) => &mut rows.paths,
        Source::Tail(rows) => &mut rows.paths,
        Source::Urls(urls) => &mut urls.paths,
        Source::Stdin(_) | Source::Objects(_) => &mut [],
    };
    if ours("source.paths") {
        paths.iter_mut().for_each(|path| *path = joined(folder, path));
    }
    match &mut config.sink {
        Sink::Jsonl(sink) if sink.path != "-" && sink.place().is_none() && ours("sink.path") => {
            sink.path = joined(folder, &sink.path);
        }
        Sink::Webhook(sink) if ours("sink.headers") => {
            sink.headers.files().for_each(|path| *path = joined(folder, path));
        }
        Sink::Jsonl(_) | Sink::Webhook(_) | Sink::Store => {}
    }
    for stage in &mut config.stages {
        match stage {
            Stage::Enrich(enrich) => {
                let path = enrich.schema.as_mut().filter(|schema| !is_inline(schema));
                path.into_iter().for_each(|path| *path = joined(folder, path));
            }
            Stage::Http(http) => http.headers.files().for_each(|path| *path = joined(folder, path)),
            Stage::Embed(Embed { model: ModelRef::Folder(path), .. }) if ours("stage.embed.model") => {
                *path = joined(folder, path);
            }
            Stage::Exec(exec) => exec.folder = absolute(&Path::new(folder).join(&exec.folder)),
            Stage::Parse(_) | Stage::Chunk(_) | Stage::Embed(_) | Stage::Filter(_) | Stage::Set(_) => {}
        }
    }
    if let ModelRef::Folder(path) = &mut config.search.rescore
        && ours("search.rescore")
    {
        *path = joined(folder, path);
    }
    for (name, provider) in &mut config.providers {
        if let Some(SecretRef::File(path)) = &mut provider.key
            && ours(&format!("providers.{name}.key"))
        {
            *path = joined(folder, path);
        }
    }
    let schema =
        config.validate.schema.as_mut().filter(|schema| !is_inline(schema) && ours("validate.schema"));
    schema.into_iter().for_each(|path| *path = joined(folder, path));
    for (name, format) in &mut config.formats {
        if ours(&format!("formats.{name}.headers")) {
            format.headers.files().for_each(|path| *path = joined(folder, path));
        }
        if let Some(line) = format.parser.as_mut().filter(|_| ours(&format!("formats.{name}.parser")))
            && let Some(command) = line.strip_prefix("cmd:")
        {
            *line = format!("cmd:{}", based(folder, command));
        }
    }
    if let Some(path) = config.limits.prices.as_mut().filter(|_| ours("limits.prices")) {
        *path = joined(folder, path);
    }
    if ours("store.url") {
        let url = &config.store.url;
        config.store.url = match url.split_once(':') {
            Some(("sqlite", path)) if !path.starts_with("//") => format!("sqlite:{}", joined(folder, path)),
            Some(_) => url.clone(),
            None => joined(folder, url),
        };
    }
    Ok(())
}

/// Whether a schema is the text itself and not the name of its file.
fn is_inline(schema: &str) -> bool {
    schema.trim_start().starts_with('{')
}

/// Puts the text of schemas in the place of the names of their files: what is in them decides what is stored, so a
/// configuration that is remembered, or told from another by its fingerprint, must hold it.
fn read_schemas(config: &mut Config, origins: &Origins) -> Result<(), Fault> {
    let enriching = config.stages.iter_mut().filter_map(|stage| {
        let key = Place::Stage(stage.name().to_owned()).path("schema");
        let Stage::Enrich(enrich) = stage else { return None };
        Some((key, enrich.schema.as_mut()?))
    });
    let validating = config.validate.schema.as_mut().map(|schema| ("validate.schema".to_owned(), schema));
    for (key, schema) in enriching.chain(validating).filter(|(_, schema)| !is_inline(schema)) {
        let text = file::load_schema(Path::new(schema.as_str()));
        *schema = text.map_err(|fault| check::placed(fault.during(&*key), origins.of(&key)))?;
    }
    Ok(())
}

/// A command whose program has a path: relative to the folder, which is made whole, because the program is started
/// somewhere else.
fn based(folder: &str, command: &str) -> String {
    let command = command.trim_start();
    let program = command.split(char::is_whitespace).next().unwrap_or_default();
    if !program.contains('/') || program.starts_with(['/', '"', '\'']) {
        return command.to_owned();
    }
    let whole = std::path::absolute(Path::new(folder).join(program)).unwrap_or_else(|_| program.into());
    let quoted: String = whole.to_string_lossy().chars().flat_map(quoted).collect();
    format!("{quoted}{}", &command[program.len()..])
}

/// A character as it stands for itself in a command.
fn quoted(c: char) -> impl Iterator<Item = char> {
    let special = matches!(c, ' ' | '\t' | '\\' | '"' | '\'');
    special.then_some('\\').into_iter().chain([c])
}

fn joined(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, ".") => folder.to_owned(),
        (folder, path) => Path::new(folder).join(path).to_string_lossy().into_owned(),
    }
}
