//! Reading one table of a job file: every value with the kind it must have and the place where it stands.

use tidegate_core::Fault;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::config::check::{not_a, refuse};
use crate::config::file::Reader;
use crate::config::origin::Origin;
use crate::config::suggest::nearest;

/// A table of a job file.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    /// How it is called in messages, such as `[input]` or `step 2`.
    pub(super) title: String,
    /// Where it begins.
    pub(super) origin: Origin,
    pub(super) spans: &'a DeTable<'a>,
    pub(super) values: &'a Table,
}

impl<'a> Section<'a> {
    /// Refuses keys that are none of `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Fault> {
        for key in self.spans.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let origin = self.reader.origin(key.span().start);
            let fault = refuse(&origin, format!("unknown key `{}` in {}", name.escape_debug(), self.title));
            return Err(match nearest(name, known.iter().copied()) {
                Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
                None => fault.hint(format!("its keys are {}", known.join(", "))),
            });
        }
        Ok(())
    }

    /// Where `key` stands; where the table begins, if it has no such key.
    pub(super) fn at(&self, key: &str) -> Origin {
        let found = self.spans.keys().find(|known| known.get_ref() == key);
        found.map_or_else(|| self.origin.clone(), |found| self.reader.origin(found.span().start))
    }

    /// A fault about `key`.
    pub(super) fn refuse(&self, key: &str, message: impl Into<String>) -> Fault {
        refuse(&self.at(key), message)
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.values.get(key)
    }

    fn not_a(&self, key: &str, wanted: &str, value: &Value) -> Fault {
        not_a(&self.at(key), key, wanted, value)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Fault> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(Value::String(_)) => Err(self.refuse(key, format!("{key} is empty")).hint("leave it out")),
            Some(other) => Err(self.not_a(key, "text in quotes", other)),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, Fault> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Boolean(flag)) => Ok(*flag),
            Some(other) => Err(self.not_a(key, "true or false", other)),
        }
    }

    /// A whole number within `range`.
    pub(super) fn whole(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Fault> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let Value::Integer(number) = value else { return Err(self.not_a(key, "a whole number", value)) };
        match u64::try_from(*number).ok().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let message = format!("{key} ({number}) must be from {} to {}", range.start(), range.end());
                Err(self.refuse(key, message))
            }
        }
    }

    /// A number within `range`.
    pub(super) fn number(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, Fault> {
        let number = match self.value(key) {
            None => return Ok(None),
            Some(Value::Integer(number)) => *number as f64,
            Some(Value::Float(number)) => *number,
            Some(other) => return Err(self.not_a(key, "a number", other)),
        };
        if range.contains(&number) {
            return Ok(Some(number));
        }
        let message = format!("{key} ({number}) must be from {} to {}", range.start(), range.end());
        Err(self.refuse(key, message))
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, Fault> {
        let wanted = "a list such as [\"a\", \"b\"]";
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(list @ Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| self.not_a(key, wanted, list)))
                .collect(),
            Some(other) => Err(self.not_a(key, wanted, other)),
        }
    }

    /// The table at `key`, and its place.
    pub(super) fn table(&self, key: &str, wanted: &str) -> Result<Option<Section<'a>>, Fault> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let spans =
            self.spans.iter().find(|(name, _)| name.get_ref() == key).map(|(_, spans)| spans.get_ref());
        let (Value::Table(values), Some(DeValue::Table(spans))) = (value, spans) else {
            return Err(self.not_a(key, wanted, value));
        };
        let title = format!("{key} of {}", self.title);
        Ok(Some(Section { reader: self.reader, title, origin: self.at(key), spans, values }))
    }

    /// The tables at `key`, each called by `title` and its number.
    pub(super) fn tables(&self, key: &str, title: &str) -> Result<Vec<Section<'a>>, Fault> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let spans =
            self.spans.iter().find(|(name, _)| name.get_ref() == key).map(|(_, spans)| spans.get_ref());
        let wanted = format!("a list of tables, each written [[{key}]]");
        let (Value::Array(values), Some(DeValue::Array(spans))) = (value, spans) else {
            return Err(self.not_a(key, &wanted, value));
        };
        let mut sections = Vec::new();
        for (at, (spans, values)) in spans.iter().zip(values).enumerate() {
            let origin = self.reader.origin(spans.span().start);
            let (DeValue::Table(spans), Value::Table(values)) = (spans.get_ref(), values) else {
                return Err(self.not_a(key, &wanted, value));
            };
            let title = format!("{title} {}", at + 1);
            sections.push(Section { reader: self.reader, title, origin, spans, values });
        }
        Ok(sections)
    }
}
