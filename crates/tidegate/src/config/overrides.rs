//! Settings from command-line flags.

use std::path::PathBuf;

use tidegate_core::{Fault, FaultKind};
use toml::Value;

use super::check::refuse;
use super::model_ref::ModelRef;
use super::origin::Origin;
use super::period::Period;
use super::raw::Raw;
use super::size::Size;
use super::source::SourceType;
use super::stage::Precision;

/// What a command line set; `None` where it said nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--name`.
    pub name: Option<String>,
    /// The kind of source the paths and flags call for.
    pub source: Option<SourceType>,
    /// `PATH…`.
    pub paths: Option<Vec<PathBuf>>,
    /// URLs among `PATH…`.
    pub urls: Option<Vec<String>>,
    /// `--endpoint`.
    pub endpoint: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--allow-private`.
    pub allow_private: Option<bool>,
    /// `--secret`.
    pub secrets: Option<Vec<String>>,
    /// `--include`.
    pub include: Option<Vec<String>>,
    /// `--exclude`.
    pub exclude: Option<Vec<String>>,
    /// `--hidden`.
    pub hidden: Option<bool>,
    /// `--no-gitignore`, as `Some(false)`.
    pub gitignore: Option<bool>,
    /// `--watch`.
    pub watch: Option<bool>,
    /// `--max-file-size`.
    pub max_file_size: Option<Size>,
    /// `--text-field`.
    pub text_field: Option<String>,
    /// `--id-field`.
    pub id_field: Option<String>,
    /// `--keep-boilerplate`.
    pub boilerplate: Option<bool>,
    /// `--chunk-tokens`.
    pub max_tokens: Option<u32>,
    /// `--embed`.
    pub embed: Option<ModelRef>,
    /// `--model` of `ask`.
    pub ask: Option<ModelRef>,
    /// `--rescore`.
    pub rescore: Option<ModelRef>,
    /// `--rescore-top`.
    pub rescore_top: Option<u32>,
    /// `--passages`.
    pub passages: Option<u32>,
    /// `--dimensions`.
    pub dimensions: Option<u32>,
    /// `--precision`.
    pub precision: Option<Precision>,
    /// `--document-prefix`.
    pub document_prefix: Option<String>,
    /// `--query-prefix`.
    pub query_prefix: Option<String>,
    /// `--base-url`: of the provider that `embed` or `ask` names.
    pub base_url: Option<String>,
    /// `--budget`.
    pub budget: Option<f64>,
    /// `--max-tokens`.
    pub spend_tokens: Option<u64>,
    /// `--overlap`.
    pub overlap_tokens: Option<u32>,
    /// `--store`.
    pub store: Option<String>,
    /// `--memory`.
    pub memory: Option<Size>,
    /// `--max-hold`.
    pub max_hold: Option<Period>,
    /// `--allow-delete`.
    pub allow_delete: Option<bool>,
}

impl Overrides {
    /// The same as a layer of settings.
    ///
    /// # Errors
    /// A path that is not UTF-8, which a configuration cannot hold.
    pub(super) fn into_raw(self) -> Result<Raw, Fault> {
        let paths = self.paths.map(|paths| paths.into_iter().map(text_of).collect()).transpose()?;
        let text = |value: Option<String>| value.map(Value::String);
        let texts = |value: Option<Vec<String>>| value.map(Value::from);
        let flag = |value: Option<bool>| value.map(Value::Boolean);
        let number = |value: Option<u32>| value.map(|number| Value::Integer(number.into()));
        let size = |value: Option<Size>| value.map(|size| Value::String(size.to_string()));
        // Reading rows of JSON is what naming a field asks for.
        let tokens = self.spend_tokens.map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX).into());
        let rows = matches!(self.source, Some(SourceType::Stdin | SourceType::Tail));
        let format = (rows && (self.text_field.is_some() || self.id_field.is_some())).then(|| "jsonl".into());
        let settings = [
            ("pipeline", "name", "--name", text(self.name)),
            ("source", "type", "PATH", self.source.map(|kind| kind.name().into())),
            ("source", "paths", "PATH", texts(paths)),
            ("source", "urls", "URL", texts(self.urls)),
            ("source", "endpoint", "--endpoint", text(self.endpoint)),
            ("source", "region", "--region", text(self.region)),
            ("source", "allow_private", "--allow-private", flag(self.allow_private)),
            ("source", "secrets", "--secret", texts(self.secrets)),
            ("source", "format", "--text-field", format),
            ("source", "include", "--include", texts(self.include)),
            ("source", "exclude", "--exclude", texts(self.exclude)),
            ("source", "hidden", "--hidden", flag(self.hidden)),
            ("source", "gitignore", "--no-gitignore", flag(self.gitignore)),
            ("source", "watch", "--watch", flag(self.watch)),
            ("source", "max_file_size", "--max-file-size", size(self.max_file_size)),
            ("source", "text_field", "--text-field", text(self.text_field)),
            ("source", "id_field", "--id-field", text(self.id_field)),
            ("stage.parse", "boilerplate", "--keep-boilerplate", flag(self.boilerplate)),
            ("stage.chunk", "max_tokens", "--chunk-tokens", number(self.max_tokens)),
            ("stage.embed", "model", "--embed", self.embed.as_ref().map(|model| model.to_string().into())),
            ("stage.embed", "dimensions", "--dimensions", number(self.dimensions)),
            (
                "stage.embed",
                "precision",
                "--precision",
                self.precision.map(|precision| precision.name().into()),
            ),
            ("stage.embed", "document_prefix", "--document-prefix", text(self.document_prefix)),
            ("stage.embed", "query_prefix", "--query-prefix", text(self.query_prefix)),
            ("stage.chunk", "overlap_tokens", "--overlap", number(self.overlap_tokens)),
            ("search", "rescore", "--rescore", self.rescore.map(|model| model.to_string().into())),
            ("search", "rescore_top", "--rescore-top", number(self.rescore_top)),
            ("ask", "model", "--model", self.ask.as_ref().map(|model| model.to_string().into())),
            ("ask", "passages", "--passages", number(self.passages)),
            ("store", "url", "--store", text(self.store)),
            ("limits", "memory", "--memory", size(self.memory)),
            ("limits", "budget", "--budget", self.budget.map(Value::Float)),
            ("limits", "max_tokens", "--max-tokens", tokens),
            ("limits", "max_hold", "--max-hold", self.max_hold.map(|period| period.to_string().into())),
            ("sweep", "allow_delete", "--allow-delete", flag(self.allow_delete)),
        ];
        let mut raw = Raw::default();
        if let Some(url) = self.base_url {
            let origin = Origin::Flag("--base-url");
            let model = self.embed.as_ref().or(self.ask.as_ref());
            let Some(provider) = model.and_then(ModelRef::provider) else {
                return Err(refuse(&origin, "belongs to a provider, and none is named")
                    .hint("say which model it has, such as --embed openai:MODEL"));
            };
            raw.set(&format!("providers.{provider}"), "base_url", url, origin);
        }
        for (section, key, name, value) in settings {
            if let Some(value) = value {
                raw.set(section, key, value, Origin::Flag(name));
            }
        }
        Ok(raw)
    }
}

fn text_of(path: PathBuf) -> Result<String, Fault> {
    path.into_os_string().into_string().map_err(|path| {
        let message = format!("the path {} is not UTF-8", path.to_string_lossy().escape_debug());
        Fault::new(FaultKind::Config, message)
            .hint("name the folder it is in; names inside folders may be anything")
    })
}
