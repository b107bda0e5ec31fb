//! `pipeline.toml` as it was typed, with the line of every key.

use std::path::PathBuf;
use std::sync::Arc;

use tidegate_core::{Fault, FaultKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::catalogue::SECTIONS;
use super::check::refuse;
use super::model_ref::is_name;
use super::origin::Origin;
use super::raw::{Listed, NAMED, Place, Raw, Setting, Stages};
use super::stage::SEVERAL;
use super::suggest::nearest;
use crate::readers::IMAGE;

/// Reads the text of a configuration file. Keys and values are checked later, when it is known which of them apply.
///
/// # Errors
/// Text that is not TOML, sections that do not exist, stages and tagged sections without a type.
pub(super) fn read(path: &std::path::Path, text: &str) -> Result<Raw, Fault> {
    read_beside(path, text, &[])
}

/// The same of a file that has sections of its own beside: `others`, which are passed over.
///
/// # Errors
/// As [`read`].
pub(super) fn read_beside(path: &std::path::Path, text: &str, others: &[&str]) -> Result<Raw, Fault> {
    let reader = Reader::new(path, text);
    let hint = "`tidegate init` writes a commented file to start from";
    let (spans, values) = reader.parse().map_err(|fault| fault.hint(hint))?;
    let mut raw = Raw::default();
    for (name, spanned) in spans.get_ref() {
        let origin = reader.origin(name.span().start);
        let section: &str = name.get_ref();
        if others.contains(&section) {
            continue;
        }
        let Some(value) = values.get(section) else { continue };
        match (section, spanned.get_ref(), value) {
            ("stage", DeValue::Array(spans), Value::Array(values)) => {
                let stages: Vec<_> = spans.iter().zip(values).collect();
                raw.stages = Some(Stages { origin, list: reader.stages(&stages, &mut raw)? });
            }
            ("stage", _, _) => return Err(refuse(&origin, "a stage is written [[stage]]").hint(STAGE_HINT)),
            (_, DeValue::Table(spans), Value::Table(values)) if NAMED.contains(&section) => {
                reader.named(section, (spans, values), &mut raw)?;
            }
            (_, DeValue::Table(spans), Value::Table(values)) if SECTIONS.contains(&section) => {
                reader.section(section, (spans, values), &origin, &mut raw)?;
            }
            (_, _, value) => return Err(stray(section, value, &origin)),
        }
    }
    Ok(raw)
}

const STAGE_HINT: &str = "write [[stage]] and below it type = \"parse\", \"chunk\", \"embed\", \"enrich\", \"http\", \"filter\", \"set\" or \"exec\"";

/// What is wrong with a top-level name that is no section.
fn stray(name: &str, value: &Value, origin: &Origin) -> Fault {
    let shown = name.escape_debug();
    if SECTIONS.contains(&name) {
        return refuse(origin, format!("`{shown}` is a section"))
            .hint(format!("write [{name}] above its keys"));
    }
    let fault = match value {
        Value::Table(_) | Value::Array(_) => refuse(origin, format!("unknown section [{shown}]")),
        _ => refuse(origin, format!("`{shown}` stands outside any section")),
    };
    match nearest(name, SECTIONS) {
        _ if ["parse", "chunk", "embed", "enrich", "http", "filter", "set", "exec"].contains(&name) => {
            fault.hint(STAGE_HINT)
        }
        Some("stage") => fault.hint("did you mean [[stage]]?"),
        Some(meant) => fault.hint(format!("did you mean [{meant}]?")),
        None => fault.hint(format!("the sections are {}", SECTIONS.join(", "))),
    }
}

/// The text of a file, and where in it things stand.
pub(super) struct Reader<'a> {
    path: Arc<PathBuf>,
    text: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &std::path::Path, text: &'a str) -> Self {
        Self { path: Arc::new(path.to_owned()), text }
    }

    /// The file as TOML: with places, and as plain values.
    ///
    /// # Errors
    /// What does not read, and where.
    pub(super) fn parse(&self) -> Result<(Spanned<DeTable<'a>>, Table), Fault> {
        let broken = |error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            refuse(&self.origin(at), error.message().trim().replace('\n', ", "))
        };
        Ok((DeTable::parse(self.text).map_err(broken)?, toml::from_str(self.text).map_err(broken)?))
    }
}

impl Reader<'_> {
    /// The line and column of a byte offset.
    pub(super) fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        Origin::File { path: self.path.clone(), line, column: before[line_start..].chars().count() + 1 }
    }

    fn section(
        &self,
        section: &str,
        (spans, values): (&DeTable<'_>, &Table),
        origin: &Origin,
        raw: &mut Raw,
    ) -> Result<(), Fault> {
        let example = match section {
            "source" => Some("files"),
            "sink" => Some("store"),
            _ => None,
        };
        if let Some(example) = example
            && !values.contains_key("type")
        {
            let fault = refuse(origin, format!("[{section}] has no type"));
            return Err(fault.hint(format!("add type = \"{example}\"")));
        }
        self.keys(&Place::Section(section.to_owned()), (spans, values), raw);
        Ok(())
    }

    fn named(
        &self,
        section: &str,
        (spans, values): (&DeTable<'_>, &Table),
        raw: &mut Raw,
    ) -> Result<(), Fault> {
        let (section, one, example) = match section {
            "formats" => ("formats", "a format", "pdf"),
            _ => ("providers", "a provider", "openai"),
        };
        for (key, spanned) in spans {
            let (name, origin): (&str, _) = (key.get_ref(), self.origin(key.span().start));
            let (DeValue::Table(spans), Some(Value::Table(values))) = (spanned.get_ref(), values.get(name))
            else {
                let fault = refuse(&origin, format!("{one} is written [{section}.NAME]"));
                return Err(fault.hint(format!("write [{section}.{example}], for instance, above its keys")));
            };
            let shown = name.escape_debug();
            let known = tidegate_formats::Kind::from_name(name).is_some() || name == IMAGE;
            if section == "formats" && !known && !values.contains_key("parser") {
                let known: Vec<&str> = tidegate_formats::Kind::ALL.iter().map(|kind| kind.name()).collect();
                let fault = refuse(&origin, format!("`{shown}` is no format that is parsed inside"));
                return Err(fault.hint(format!(
                    "the formats are {}, {IMAGE}; any other needs a parser",
                    known.join(", ")
                )));
            }
            if !is_name(name) {
                let fault = refuse(&origin, format!("`{shown}` cannot name {one}"));
                return Err(fault.hint("use letters, digits, `-` and `_`"));
            }
            raw.named.push((section, name.to_owned()));
            self.keys(&Place::Named(section, name.to_owned()), (spans, values), raw);
        }
        Ok(())
    }

    fn stages(
        &self,
        stages: &[(&Spanned<DeValue<'_>>, &Value)],
        raw: &mut Raw,
    ) -> Result<Vec<Listed>, Fault> {
        let mut list: Vec<Listed> = Vec::new();
        for (spanned, value) in stages {
            let origin = self.origin(spanned.span().start);
            let (DeValue::Table(spans), Value::Table(values)) = (spanned.get_ref(), value) else {
                return Err(refuse(&origin, "a stage is a table").hint(STAGE_HINT));
            };
            let Some(kind) = values.get("type").and_then(Value::as_str) else {
                return Err(refuse(&origin, "this stage has no type").hint(STAGE_HINT));
            };
            let several = SEVERAL.contains(&kind);
            let name = values.get("name").and_then(Value::as_str).filter(|_| several).unwrap_or(kind);
            if let Some(Listed { origin: first, .. }) = list.iter().find(|known| known.name == name) {
                let message = format!("a second {} stage; the first is at {first}", name.escape_debug());
                let hint = match several {
                    true => "give it another name, such as name = \"label\"",
                    false => "each type of stage may appear once",
                };
                return Err(refuse(&origin, message).hint(hint));
            }
            list.push(Listed { kind: kind.to_owned(), name: name.to_owned(), origin });
            self.keys(&Place::Stage(name.to_owned()), (spans, values), raw);
        }
        Ok(list)
    }

    fn keys(&self, place: &Place, (spans, values): (&DeTable<'_>, &Table), raw: &mut Raw) {
        for (key, spanned) in spans {
            let name: &str = key.get_ref();
            let Some(value) = values.get(name) else { continue };
            let origin = self.origin(key.span().start);
            if let DeValue::Table(inner) = spanned.get_ref() {
                raw.within.extend(inner.keys().map(|key| {
                    (place.path(&format!("{name}.{}", key.get_ref())), self.origin(key.span().start))
                }));
            }
            raw.put(Setting { place: place.clone(), key: name.to_owned(), value: value.clone(), origin });
        }
    }
}

/// A file this long is not a configuration.
const LONGEST: u64 = 1 << 20;

/// Reads a configuration file from disk.
///
/// # Errors
/// A file that cannot be read, is not text, or is longer than a configuration can be.
pub(super) fn load(path: &std::path::Path) -> Result<String, Fault> {
    read_text(
        path,
        "`tidegate init` writes a commented pipeline.toml",
        "name a pipeline.toml, not a data file",
    )
}

/// Reads a JSON Schema that a configuration names.
///
/// # Errors
/// As [`load`].
pub(super) fn load_schema(path: &std::path::Path) -> Result<String, Fault> {
    read_text(
        path,
        "name the file of a JSON Schema, or write its text here",
        "name the file of a JSON Schema",
    )
}

/// Reads a prompt, or what a prompt includes.
///
/// # Errors
/// As [`load`].
pub(super) fn load_prompt(path: &std::path::Path) -> Result<String, Fault> {
    read_text(path, "name a file of text, relative to the folder of the job", "shorten it")
}

/// Reads the text of a price table.
///
/// # Errors
/// As [`load`].
pub(super) fn load_prices(path: &std::path::Path) -> Result<String, Fault> {
    read_text(path, "name the file of your prices, or leave it out to use those that are known", "shorten it")
}

fn read_text(path: &std::path::Path, if_missing: &str, if_long: &str) -> Result<String, Fault> {
    use std::io::Read as _;

    let failed = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let fault = Fault::new(FaultKind::Config, format!("{} cannot be read", path.display())).cause(error);
        if missing { fault.hint(if_missing) } else { fault }
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST {
        let message = format!("{} is longer than 1 MiB", path.display());
        return Err(Fault::new(FaultKind::Config, message).hint(if_long));
    }
    Ok(text)
}
