//! A model's folder: which files there are, and what the small ones say.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_core::{Fault, FaultKind};

use crate::bert::Prefixes;
use crate::pooling::Pooling;
use crate::prefix;
use crate::spec::Spec;

/// A tokenizer.json of a large vocabulary has some megabytes.
const MOST_BYTES: u64 = 64 << 20;

/// The name of the file that makes a folder a model's.
pub(crate) const CONFIG: &str = "config.json";
/// The weights.
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// What a model's small files say.
pub(crate) struct Described {
    pub(crate) spec: Spec,
    pub(crate) pooling: Pooling,
    /// The most tokens of a text, with those before and after it.
    pub(crate) most_tokens: usize,
    /// One token per line.
    pub(crate) vocabulary: String,
    /// Whether the vocabulary knows small letters only.
    pub(crate) uncased: bool,
    pub(crate) prefixes: Prefixes,
}

/// Reads everything but the weights.
///
/// # Errors
/// [`FaultKind::Config`]: no such folder, files that are missing or do not read, models that cannot be run.
pub(crate) fn describe(folder: &Path) -> Result<Described, Fault> {
    let place = Folder(folder.to_owned());
    place.exists()?;
    let config = place.text(CONFIG)?;
    let spec = Spec::read(&config).map_err(|why| place.wrong(CONFIG, &why))?;
    let parts = place.json("modules.json")?;
    let pooling = match &parts {
        Some(parts) => place.pooling(parts)?,
        None => Pooling::Mean,
    };
    let own = place.json("sentence_bert_config.json")?.and_then(|own| own["max_seq_length"].as_u64());
    let most = own.and_then(|most| usize::try_from(most).ok()).unwrap_or(spec.positions);
    let prefixes = place.prefixes(&config)?;
    Ok(Described {
        most_tokens: most.clamp(2, spec.positions),
        uncased: place.uncased()?,
        vocabulary: place.vocabulary()?,
        spec,
        pooling,
        prefixes,
    })
}

struct Folder(PathBuf);

impl Folder {
    fn exists(&self) -> Result<(), Fault> {
        let place = self.0.display();
        let why = match fs::metadata(&self.0) {
            Ok(found)
                if found.is_dir() && self.0.join(CONFIG).is_file() && self.0.join(WEIGHTS).is_file() =>
            {
                return Ok(());
            }
            Ok(found) if found.is_dir() => {
                format!("there is no model in {place}: it must hold {CONFIG} and {WEIGHTS}")
            }
            Ok(_) => format!("{place} is not a folder"),
            Err(_) => format!("there is no folder {place}"),
        };
        Err(Fault::new(FaultKind::Config, why)
            .hint("name a folder with the files of a model of the BERT family, as its authors publish them"))
    }

    fn read(&self, name: &str) -> Result<Option<String>, Fault> {
        let path = self.0.join(name);
        let unread = |error| {
            Fault::new(FaultKind::Config, format!("cannot read {}", path.display()))
                .hint("every file of the model must be readable text in UTF-8")
                .cause(error)
        };
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unread(error)),
        };
        let mut text = String::new();
        file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(unread)?;
        if text.len() as u64 > MOST_BYTES {
            return Err(self.wrong(name, &format!("it has more than {MOST_BYTES} bytes")));
        }
        Ok(Some(text))
    }

    fn text(&self, name: &str) -> Result<String, Fault> {
        self.read(name)?.ok_or_else(|| self.wrong(name, "it is not there"))
    }

    fn json(&self, name: &str) -> Result<Option<Value>, Fault> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let value = serde_json::from_str(&text);
        value.map(Some).map_err(|error| self.wrong(name, &format!("it does not read: {error}")))
    }

    fn wrong(&self, name: &str, why: &str) -> Fault {
        let place = self.0.join(name);
        Fault::new(FaultKind::Config, format!("{} describes no model that can be used: {why}", place.display()))
            .hint("MiniLM, BGE, E5 and GTE in their small and base sizes can be used, and others of the BERT family")
    }

    /// What `modules.json` does to the tokens' vectors, step by step.
    fn pooling(&self, parts: &Value) -> Result<Pooling, Fault> {
        const NAME: &str = "modules.json";
        let mut pooling = None;
        for part in parts.as_array().map(Vec::as_slice).unwrap_or_default() {
            let kind = part["type"].as_str().unwrap_or_default();
            match kind.rsplit('.').next().unwrap_or_default() {
                "Transformer" | "Normalize" => {}
                "Pooling" => {
                    let own = part["path"].as_str().unwrap_or_default();
                    let name = format!("{own}/{CONFIG}");
                    // The path comes from a file that anybody may have written.
                    if own.contains("..") || own.starts_with('/') {
                        return Err(self.wrong(NAME, &format!("it leads out of the folder, to {own:?}")));
                    }
                    let text = self.json(&name)?.ok_or_else(|| self.wrong(&name, "it is not there"))?;
                    pooling = Some(read_pooling(&text).map_err(|why| self.wrong(&name, &why))?);
                }
                other => return Err(self.wrong(NAME, &format!("it asks for {other:?}, which is not known"))),
            }
        }
        pooling.ok_or_else(|| self.wrong(NAME, "it does not say how tokens become one vector"))
    }

    /// Whether the tokenizer lowers letters and strips accents.
    fn uncased(&self) -> Result<bool, Fault> {
        const NAME: &str = "tokenizer_config.json";
        let config = self.json(NAME)?.unwrap_or_default();
        let lowers = match config["do_lower_case"].as_bool() {
            Some(lowers) => lowers,
            // Where the smaller file does not say, the larger one may.
            None => {
                let whole = self.json("tokenizer.json")?.unwrap_or_default();
                whole["normalizer"]["lowercase"].as_bool().unwrap_or(true)
            }
        };
        let strips = config["strip_accents"].as_bool().unwrap_or(lowers);
        if config["tokenize_chinese_chars"] == Value::Bool(false) {
            return Err(self.wrong(NAME, "it leaves ideographs joined, which no known model does"));
        }
        if lowers != strips {
            return Err(self.wrong(NAME, "it treats case and accents differently, which is not known"));
        }
        Ok(lowers)
    }

    /// One token per line, from `vocab.txt`, or from `tokenizer.json` where there is none.
    fn vocabulary(&self) -> Result<String, Fault> {
        const NAME: &str = "tokenizer.json";
        if let Some(lines) = self.read("vocab.txt")? {
            return Ok(lines);
        }
        let json = self.json(NAME)?.ok_or_else(|| self.wrong("vocab.txt", "it is not there"))?;
        let kind = &json["model"]["type"];
        if !kind.is_null() && kind != "WordPiece" {
            return Err(self.wrong(NAME, &format!("its tokens are of {kind}; only WordPiece is known")));
        }
        let of = |(token, id): (&String, &Value)| Some((usize::try_from(id.as_u64()?).ok()?, token.clone()));
        let tokens = json["model"]["vocab"].as_object().map(|tokens| tokens.iter().map(of).collect());
        let tokens: Option<Vec<(usize, String)>> = tokens.unwrap_or_default();
        let mut tokens = tokens.ok_or_else(|| self.wrong(NAME, "a token has no number"))?;
        tokens.sort_unstable();
        if tokens.iter().enumerate().any(|(place, (id, token))| *id != place || token.contains('\n')) {
            return Err(self.wrong(NAME, "its tokens are not numbered one after another"));
        }
        Ok(tokens.into_iter().map(|(_, token)| token + "\n").collect())
    }

    /// What the model's own files say goes before texts, else what is known of its name.
    fn prefixes(&self, config: &str) -> Result<Prefixes, Fault> {
        let own = self.json("config_sentence_transformers.json")?.unwrap_or_default();
        let prompt =
            |names: &[&str]| names.iter().find_map(|name| own["prompts"][*name].as_str()).map(str::to_owned);
        let (query, document) = (prompt(&["query"]), prompt(&["document", "passage"]));
        if query.is_some() || document.is_some() {
            return Ok(Prefixes { query: query.unwrap_or_default(), document: document.unwrap_or_default() });
        }
        let config: Value = serde_json::from_str(config).unwrap_or_default();
        let folder = self.0.canonicalize().ok();
        let folder = folder.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        let names = [folder.unwrap_or_default(), config["_name_or_path"].as_str().unwrap_or_default()];
        Ok(prefix::of(&names).unwrap_or_default())
    }
}

/// The older form has a switch for each way, the newer one word.
fn read_pooling(config: &Value) -> Result<Pooling, String> {
    if config["include_prompt"] == Value::Bool(false) {
        return Err("it leaves the words before a text out of the mean, which is not known".to_owned());
    }
    let on = |switch: &str| config[switch].as_bool().unwrap_or(false);
    let ways: Vec<&str> = match config["pooling_mode"].as_str() {
        Some(way) => vec![way],
        None => config
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .filter(|key| on(key))
            .collect(),
    };
    let mut ways = ways.into_iter().filter(|way| *way != "include_prompt");
    match (ways.next(), ways.next()) {
        (Some("mean" | "pooling_mode_mean_tokens"), None) => Ok(Pooling::Mean),
        (Some("cls" | "pooling_mode_cls_token"), None) => Ok(Pooling::Cls),
        (Some(other), None) => Err(format!("it asks for {other:?}; the mean and [CLS] are known")),
        (None, _) => Err("it does not say how tokens become one vector".to_owned()),
        (Some(_), Some(_)) => Err("it asks for more than one way at once".to_owned()),
    }
}
