//! A configuration as TOML: what applies with the origin of each value, and the commented file to start from.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::catalogue::{Catalogue, Key, SECTIONS, Section, Variant};
use super::model::Config;
use super::origin::Origins;
use super::provider::Provider;
use super::raw::{NAMED, Place};
use super::stage::Stage;

/// Where trailing comments begin, unless the value is longer.
const COLUMN: usize = 44;
/// Comments are wrapped to this width.
const WIDTH: usize = 100;

/// What applies, with the origin of every value beside it.
pub(super) fn effective(config: &Config, origins: &Origins) -> String {
    let table = table_of(config);
    let mut out = String::new();
    if config.stages.is_empty() {
        // Top-level keys come before the first section.
        line(&mut out, "stage = []", &origins.of("stage").to_string());
        out.push('\n');
    }
    for (section, value) in sections(&table) {
        match value {
            Value::Table(named) if NAMED.contains(&section) => {
                for (name, keys) in named.iter().filter_map(|(n, p)| Some((n, p.as_table()?))) {
                    let place = Place::Named(section, name.clone());
                    let header = format!("[{section}.{name}]");
                    values(&mut out, &header, keys, |key| origins.of(&place.path(key)).to_string());
                }
            }
            Value::Array(stages) => stages.iter().filter_map(Value::as_table).for_each(|stage| {
                let text = |key: &str| stage.get(key).and_then(Value::as_str);
                let place = Place::Stage(text("name").or(text("type")).unwrap_or_default().to_owned());
                values(&mut out, "[[stage]]", stage, |key| origins.of(&place.path(key)).to_string());
            }),
            Value::Table(keys) => {
                let place = Place::Section(section.to_owned());
                let header = format!("[{section}]");
                values(&mut out, &header, keys, |key| origins.of(&place.path(key)).to_string());
            }
            _ => {}
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn values(out: &mut String, header: &str, table: &Table, origin: impl Fn(&str) -> String) {
    let _ = writeln!(out, "{header}");
    for (key, value) in table {
        line(out, &format!("{key} = {value}"), &origin(key));
    }
    out.push('\n');
}

fn line(out: &mut String, setting: &str, comment: &str) {
    // A path with a line break must not end the comment.
    let comment: String = comment.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let _ = writeln!(out, "{setting:COLUMN$}  # {comment}");
}

/// A commented `pipeline.toml` whose values are the defaults.
#[must_use]
pub fn init_template() -> String {
    let (catalogue, table) = (Catalogue::new(), table_of(&Config::default()));
    let mut out = String::from(
        "# A pipeline of tidegate. Run it with `tidegate run pipeline.toml`.\n\
         # Every value below is the default; whatever you leave out keeps it. Sizes are written as \"256MB\" or\n\
         # \"64KiB\", lengths of time as \"30s\" or \"5m\". Flags and TIDEGATE_* variables override this file;\n\
         # `tidegate config --effective --config pipeline.toml` shows what applies and where it came from.\n",
    );
    for name in SECTIONS {
        let Some(section) = catalogue.section(name) else { continue };
        out.push('\n');
        comment(&mut out, &section.description);
        let Some(value) = table.get(name) else {
            named(&mut out, section);
            continue;
        };
        match value {
            Value::Array(stages) => {
                for (i, stage) in stages.iter().filter_map(Value::as_table).enumerate() {
                    if i > 0 {
                        out.push('\n');
                    }
                    explained(&mut out, section, stage);
                }
                for stage in Stage::further() {
                    further(&mut out, section, &stage);
                }
            }
            Value::Table(keys) => explained(&mut out, section, keys),
            _ => {}
        }
        others(&mut out, section, value);
    }
    out
}

/// One section or stage with a comment above each key.
fn explained(out: &mut String, section: &Section, table: &Table) {
    let kind = table.get("type").and_then(Value::as_str);
    let Some(variant) = section.variant(kind) else { return };
    let header = if section.name == "stage" { "[[stage]]".to_owned() } else { format!("[{}]", section.name) };
    let _ = writeln!(out, "{header}");
    if let Some(kind) = kind {
        let _ = writeln!(out, "type = \"{kind}\"  # {}", variant.description);
    }
    for (name, value) in table.iter().filter(|(name, _)| *name != "type") {
        if let Some(key) = variant.key(name) {
            comment(out, &key.description);
            let _ = writeln!(out, "{name} = {value}");
        }
    }
    for key in variant.keys.iter().filter(|key| !table.contains_key(&key.name)) {
        unset(out, key);
    }
}

/// Nobody has a provider, or a format with limits of its own, by default: one as it could be.
fn named(out: &mut String, section: &Section) {
    let Some(variant) = section.variant(None) else { return };
    comment(out, &variant.description);
    let (name, defaults) = match section.name.as_str() {
        "formats" => ("pdf", Table::new()),
        _ => ("openai", Table::try_from(Provider::default()).unwrap_or_default()),
    };
    let _ = writeln!(out, "# [{}.{name}]", section.name);
    possible(out, variant, &defaults);
}

/// A stage that is not among the usual ones, as it could be.
fn further(out: &mut String, section: &Section, stage: &Stage) {
    let Some(variant) = section.variant(Some(stage.kind())) else { return };
    let _ = writeln!(out, "\n# [[stage]]\n# type = \"{}\"  # {}", stage.kind(), variant.description);
    possible(out, variant, &Table::try_from(stage).unwrap_or_default());
}

/// Keys as comments, with their defaults.
fn possible(out: &mut String, variant: &Variant, table: &Table) {
    for key in &variant.keys {
        comment(out, &key.description);
        let value = match (table.get(&key.name), key.name.as_str()) {
            (Some(_), "exec") => "[\"python3\", \"score.py\"]".to_owned(),
            (Some(value), _) => value.to_string(),
            (None, "key") => "{ env = \"OPENAI_API_KEY\" }".to_owned(),
            (None, "fields") => {
                "{ year = '.fields.date[:4]', label = { template = \"{{ title }} by {{ fields.author }}\" } }"
                    .to_owned()
            }
            (None, "headers") => "{ Authorization = { env = \"PARSER_KEY\" } }".to_owned(),
            (None, _) => key.example.clone().unwrap_or_else(|| "\"\"".to_owned()),
        };
        let _ = writeln!(out, "# {} = {value}", key.name);
    }
}

fn unset(out: &mut String, key: &Key) {
    comment(out, &key.description);
    let _ = writeln!(out, "# {} = {}", key.name, key.example.as_deref().unwrap_or("\"\""));
}

/// The types a section could have instead, each with its keys.
fn others(out: &mut String, section: &Section, value: &Value) {
    let Some(kind) = value.get("type").and_then(Value::as_str) else { return };
    let others: Vec<&Variant> =
        section.variants.iter().filter(|variant| variant.kind.as_deref() != Some(kind)).collect();
    if others.is_empty() {
        return;
    }
    let _ = writeln!(out, "# Instead of type = \"{kind}\":");
    for variant in others {
        let kind = variant.kind.as_deref().unwrap_or_default();
        let _ = writeln!(out, "#   type = \"{kind}\"  # {}", variant.description);
        let keys: Vec<&str> = variant.keys.iter().map(|key| key.name.as_str()).collect();
        if !keys.is_empty() {
            wrapped(out, "#     ", &format!("with {}", keys.join(", ")));
        }
    }
}

/// Writes `text` as comment lines of at most [`WIDTH`] characters.
fn comment(out: &mut String, text: &str) {
    wrapped(out, "# ", text);
}

/// The same, each line beginning with `start`.
fn wrapped(out: &mut String, start: &str, text: &str) {
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            out.push('\n');
            width = 0;
        }
        if width == 0 {
            out.push_str(start);
            width = start.len();
        } else {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out.push('\n');
}

fn table_of(config: &Config) -> Table {
    Table::try_from(config)
        .expect("a configuration holds only text, numbers, lists and tables with text keys")
}

/// The sections in the order of a file.
fn sections(table: &Table) -> impl Iterator<Item = (&'static str, &Value)> {
    SECTIONS.iter().filter_map(|name| table.get(*name).map(|value| (*name, value)))
}
