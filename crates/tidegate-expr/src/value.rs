//! A value on its way through a compiled expression, as far as possible where it stands.

use std::borrow::Cow;
use std::cmp::Ordering;

/// The expression has met something that only the full language answers: an error, or a rarer kind of value.
pub(crate) struct Unsure;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    /// As it is written in the record.
    Json(&'a str),
    Null,
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
}

/// The kinds of values in jq's order, as far as they can be compared here.
#[derive(Debug)]
enum Plain<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// Everything but `false` and `null` counts as true.
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false) | Self::Json("null" | "false"))
    }

    /// The value as text.
    pub(crate) fn text(self) -> Result<Cow<'a, str>, Unsure> {
        match self.plain()? {
            Plain::Text(text) => Ok(text),
            _ => Err(Unsure),
        }
    }

    /// The order in which jq sorts, which is also what it compares by.
    pub(crate) fn compare(self, other: Self) -> Result<Ordering, Unsure> {
        let (left, right) = (self.plain()?, other.plain()?);
        match (&left, &right) {
            (Plain::Bool(left), Plain::Bool(right)) => Ok(left.cmp(right)),
            (Plain::Text(left), Plain::Text(right)) => Ok(left.as_bytes().cmp(right.as_bytes())),
            (Plain::Int(left), Plain::Int(right)) => Ok(left.cmp(right)),
            (Plain::Int(left), Plain::Float(right)) => floats(*left as f64, *right),
            (Plain::Float(left), Plain::Int(right)) => floats(*left, *right as f64),
            (Plain::Float(left), Plain::Float(right)) => floats(*left, *right),
            _ => Ok(left.rank().cmp(&right.rank())),
        }
    }

    /// The value as JSON.
    pub(crate) fn into_json(self) -> Cow<'a, str> {
        match self {
            Self::Json(json) => Cow::Borrowed(json),
            Self::Null => Cow::Borrowed("null"),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => {
                Cow::Owned(serde_json::to_string(&text).expect("every text has a form in JSON"))
            }
        }
    }

    fn plain(self) -> Result<Plain<'a>, Unsure> {
        Ok(match self {
            Self::Null => Plain::Null,
            Self::Bool(is) => Plain::Bool(is),
            Self::Int(number) => Plain::Int(number),
            Self::Text(text) => Plain::Text(text),
            Self::Json(json) => match json.as_bytes().first() {
                Some(b'n') => Plain::Null,
                Some(b't') => Plain::Bool(true),
                Some(b'f') => Plain::Bool(false),
                Some(b'"') => Plain::Text(text_of(json)?),
                Some(b'-' | b'0'..=b'9') => number_of(json)?,
                _ => return Err(Unsure),
            },
        })
    }
}

impl Plain<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Int(_) | Self::Float(_) => 3,
            Self::Text(_) => 4,
        }
    }
}

fn floats(left: f64, right: f64) -> Result<Ordering, Unsure> {
    left.partial_cmp(&right).ok_or(Unsure)
}

/// What a JSON string says.
pub(crate) fn text_of(json: &str) -> Result<Cow<'_, str>, Unsure> {
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).ok_or(Unsure)?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).map(Cow::Owned).map_err(|_| Unsure)
}

/// Whole numbers of 64 bits are compared exactly, others as floats, as the full language does.
fn number_of(json: &str) -> Result<Plain<'static>, Unsure> {
    if json.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return json.parse().map(Plain::Float).map_err(|_| Unsure);
    }
    json.parse().map(Plain::Int).map_err(|_| Unsure)
}
