//! The part of jq that runs on the bytes of a record: fields, constants, comparisons, `and`, `or`, `not`, `//`, and a
//! few functions of text. It says what the full language would say, or that it is not sure.

mod parse;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::record::{Record, field_of};
use crate::value::{Unsure, Value, text_of};

/// A compiled expression.
#[derive(Debug, PartialEq)]
pub(crate) enum Quick {
    /// Fields, from the outermost in; none is the record itself.
    Path(Vec<String>),
    Null,
    Bool(bool),
    /// A number as JSON.
    Number(String),
    Text(String),
    Compare(Comparison, Box<[Quick; 2]>),
    And(Box<[Quick; 2]>),
    Or(Box<[Quick; 2]>),
    /// The left one unless it is null or false.
    Else(Box<[Quick; 2]>),
    /// A function of what stands before it.
    Pipe(Box<Quick>, Call),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A function of a value.
#[derive(Debug, PartialEq)]
pub(crate) enum Call {
    Not,
    Length,
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Has(String),
}

impl Quick {
    /// Compiles what belongs to this part of the language.
    pub(crate) fn compile(source: &str) -> Option<Self> {
        parse::parse(source)
    }

    /// What the expression makes of a record.
    pub(crate) fn value<'a>(&'a self, record: &'a Record<'_>) -> Result<Value<'a>, Unsure> {
        Ok(match self {
            Self::Path(path) => follow(path, record)?,
            Self::Null => Value::Null,
            Self::Bool(is) => Value::Bool(*is),
            Self::Number(json) => Value::Json(json),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Compare(comparison, sides) => {
                let [left, right] = &**sides;
                let order = left.value(record)?.compare(right.value(record)?)?;
                Value::Bool(comparison.holds(order))
            }
            Self::And(sides) => Value::Bool(sides[0].holds(record)? && sides[1].holds(record)?),
            Self::Or(sides) => Value::Bool(sides[0].holds(record)? || sides[1].holds(record)?),
            Self::Else(sides) => {
                let value = sides[0].value(record)?;
                if value.is_true() { value } else { sides[1].value(record)? }
            }
            Self::Pipe(input, call) => call.of(input.value(record)?)?,
        })
    }

    /// The first field of the record that it names and `known` has not.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&str> {
        match self {
            Self::Path(path) => path.first().map(String::as_str).filter(|name| !known.contains(name)),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => None,
            Self::Compare(_, sides) | Self::And(sides) | Self::Or(sides) | Self::Else(sides) => {
                sides.iter().find_map(|side| side.unknown(known))
            }
            Self::Pipe(input, _) => input.unknown(known),
        }
    }

    /// Whether it reads the field `name` of the record.
    pub(crate) fn sees(&self, name: &str) -> bool {
        match self {
            Self::Path(path) => path.first().is_none_or(|first| first == name),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => false,
            Self::Compare(_, sides) | Self::And(sides) | Self::Or(sides) | Self::Else(sides) => {
                sides.iter().any(|side| side.sees(name))
            }
            Self::Pipe(input, _) => input.sees(name),
        }
    }

    fn holds(&self, record: &Record<'_>) -> Result<bool, Unsure> {
        Ok(self.value(record)?.is_true())
    }
}

/// The value at a path; what is not there is null, as in jq, where the place could be.
pub(crate) fn follow<'a>(path: &[String], record: &'a Record<'_>) -> Result<Value<'a>, Unsure> {
    let Some((first, inner)) = path.split_first() else { return Err(Unsure) };
    let Some(mut json) = record.get(first) else { return Ok(Value::Null) };
    for name in inner {
        match json.as_bytes().first() {
            Some(b'n') => return Ok(Value::Null),
            Some(b'{') => match field_of(json, name) {
                Some(value) => json = value,
                None => return Ok(Value::Null),
            },
            _ => return Err(Unsure),
        }
    }
    Ok(Value::Json(json))
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

impl Call {
    fn of<'a>(&self, value: Value<'a>) -> Result<Value<'a>, Unsure> {
        Ok(match self {
            Self::Not => Value::Bool(!value.is_true()),
            Self::Length => match value {
                Value::Null | Value::Json("null") => Value::Int(0),
                value => {
                    let characters = value.text()?.chars().count();
                    Value::Int(i64::try_from(characters).map_err(|_| Unsure)?)
                }
            },
            Self::StartsWith(prefix) => Value::Bool(value.text()?.starts_with(prefix.as_str())),
            Self::EndsWith(suffix) => Value::Bool(value.text()?.ends_with(suffix.as_str())),
            Self::Contains(part) => Value::Bool(contains(&value, part)?),
            Self::Has(name) => match value {
                Value::Json(json) if json.starts_with('{') => Value::Bool(field_of(json, name).is_some()),
                _ => return Err(Unsure),
            },
        })
    }
}

fn contains(value: &Value<'_>, part: &str) -> Result<bool, Unsure> {
    let text = match value {
        Value::Json(json) if json.starts_with('"') => text_of(json)?,
        Value::Text(text) => Cow::Borrowed(&**text),
        _ => return Err(Unsure),
    };
    Ok(memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some())
}
