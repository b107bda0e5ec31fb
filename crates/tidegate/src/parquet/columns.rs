//! The columns that the rows of a job have, as far as its file and its inputs tell before the first row.

use std::path::PathBuf;

use serde_json::Value;
use tidegate_core::Fault;
use tidegate_table::Type;

use crate::config::{
    ColumnType, Config, Map, Prompt, RowFormat, Setting, Source, Step, TableInput, properties,
};

/// Columns in their order; those without a type get it from their values.
type Known = Vec<(String, Option<Type>)>;

/// The columns of what `config`, which is a map job's, makes.
///
/// # Errors
/// Inputs that cannot be read.
pub(super) fn columns(config: &Config) -> Result<Known, Fault> {
    let mut known = of_inputs(config)?;
    let Some(map) = &config.map else { return Ok(known) };
    map.steps.iter().for_each(|step| apply(step, &mut known));
    named(map, &mut known);
    Ok(known)
}

/// Tables have their columns, those of text as far as somebody said what they hold; lines of text have one. Of lines of
/// JSON nothing is known.
fn of_inputs(config: &Config) -> Result<Known, Fault> {
    let Source::Jsonl(rows) = &config.source else { return Ok(Vec::new()) };
    Ok(match rows.format {
        RowFormat::Parquet => {
            let paths: Vec<PathBuf> = rows.paths.iter().map(PathBuf::from).collect();
            let columns = tidegate_table::columns_of(&paths)?;
            columns.into_iter().map(|(name, of)| (name, Some(of))).collect()
        }
        RowFormat::Lines => vec![(rows.text_field.clone(), Some(Type::Text))],
        RowFormat::Jsonl => rows.table.as_ref().map(declared).unwrap_or_default(),
    })
}

/// What `[input.types]` says. Where a part has no values of a column, nothing else would.
fn declared(table: &TableInput) -> Known {
    let of = |kind: &ColumnType| match kind {
        ColumnType::Text => Type::Text,
        ColumnType::Integer => Type::INTEGER,
        ColumnType::Number => Type::NUMBER,
        ColumnType::Boolean => Type::Boolean,
    };
    table.types.iter().map(|(name, kind)| (name.clone(), Some(of(kind)))).collect()
}

fn apply(step: &Step, known: &mut Known) {
    if let Some(ask) = &step.ask {
        answers(ask, known);
    }
    for (field, setting) in &step.set {
        let of = match setting {
            Setting::Template(_) => Some(Type::Text),
            Setting::Value(_) => None,
        };
        put(known, field, of);
    }
    if !step.keep.is_empty() {
        known.retain(|(name, _)| step.keep.contains(name));
    }
    known.retain(|(name, _)| !step.remove.contains(name));
}

/// What the answers of a step put into rows.
fn answers(ask: &Prompt, known: &mut Known) {
    let text = ask.schema.as_deref().unwrap_or_default();
    let schema = serde_json::from_str::<Value>(text).ok();
    match (schema, ask.output.is_empty()) {
        (None, false) => put(known, &ask.output, Some(Type::Text)),
        (Some(schema), false) => put(known, &ask.output, Some(Type::of_schema(&schema))),
        (Some(schema), true) => {
            let (order, mut members) = (properties(text), Type::members(&schema));
            members.sort_by_key(|(name, _)| order.iter().position(|known| known == name));
            for (name, of) in members {
                put(known, &name, Some(of));
            }
        }
        (None, true) => {}
    }
}

/// What a user says goes before everything that is concluded.
fn named(map: &Map, known: &mut Known) {
    for (name, of) in &map.types {
        put(known, name, Type::named(of));
    }
}

fn put(known: &mut Known, field: &str, of: Option<Type>) {
    match known.iter_mut().find(|(name, _)| name == field) {
        Some((_, before)) => *before = of,
        None => known.push((field.to_owned(), of)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_say_what_columns_there_are() {
        let ask = |schema: Option<&str>, output: &str| {
            let schema = schema.map(str::to_owned);
            Some(Box::new(Prompt { schema, output: output.to_owned(), ..Prompt::default() }))
        };
        let merged = r#"{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"boolean"}}}"#;
        let map = Map {
            steps: vec![
                Step { ask: ask(None, "label"), ..Step::default() },
                Step { ask: ask(Some(merged), ""), ..Step::default() },
                Step {
                    set: vec![
                        ("n".to_owned(), Setting::Value(".a".to_owned())),
                        ("p".to_owned(), Setting::Template("x".to_owned())),
                    ],
                    remove: vec!["label".to_owned()],
                    ..Step::default()
                },
            ],
            types: vec![("n".to_owned(), "number".to_owned())],
            ..Map::default()
        };
        let rows = crate::config::Jsonl { format: RowFormat::Lines, ..crate::config::Jsonl::default() };
        let config = Config { map: Some(Box::new(map)), source: Source::Jsonl(rows), ..Config::default() };
        let text = |name: &str, of| (name.to_owned(), Some(of));
        assert_eq!(
            columns(&config).unwrap(),
            [
                text("text", Type::Text),
                text("b", Type::INTEGER),
                text("a", Type::Boolean),
                text("n", Type::NUMBER),
                text("p", Type::Text)
            ]
        );
    }
}
