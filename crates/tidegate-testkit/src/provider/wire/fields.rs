//! Reading the fields of a request's body, each with the complaint it deserves.

use serde_json::{Map, Value};

use super::{Complaint, Kind};
use crate::provider::request::Request;

/// The body as a JSON object.
pub(super) fn object(request: &Request) -> Result<Map<String, Value>, Complaint> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(bad("the body is not a JSON object")),
        Err(error) => Err(bad(format!("could not parse the JSON body of your request: {error}"))),
    }
}

/// A complaint about what the request says.
pub(super) fn bad(message: impl Into<String>) -> Complaint {
    Complaint::new(Kind::Bad { message: message.into(), param: None })
}

/// A complaint about one field.
pub(super) fn bad_field(param: &'static str, message: impl Into<String>) -> Complaint {
    Complaint::new(Kind::Bad { message: message.into(), param: Some(param) })
}

/// A complaint about the path.
pub(super) fn no_path(request: &Request) -> Complaint {
    Complaint::new(Kind::NoPath(format!("{} {}", request.method, request.path())))
}

/// A field that must be a string.
pub(super) fn string(fields: &mut Map<String, Value>, name: &'static str) -> Result<String, Complaint> {
    match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(bad_field(name, format!("'{name}' must be a string, not {}", kind_of(&other)))),
        None => Err(bad_field(name, format!("you must provide a '{name}' parameter"))),
    }
}

/// A field that must be a list of strings.
pub(super) fn strings(fields: &mut Map<String, Value>, name: &'static str) -> Result<Vec<String>, Complaint> {
    let Some(Value::Array(items)) = fields.remove(name) else {
        return Err(bad_field(name, format!("'{name}' must be a list of strings")));
    };
    let text = |item| match item {
        Value::String(text) => Ok(text),
        other => Err(bad_field(name, format!("'{name}' must hold strings, not {}", kind_of(&other)))),
    };
    items.into_iter().map(text).collect()
}

/// A field that must be a whole number above zero, if it is there.
pub(super) fn positive(value: Option<&Value>, name: &'static str) -> Result<Option<u64>, Complaint> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|n| *n > 0) {
            Some(n) => Ok(Some(n)),
            None => Err(bad_field(name, format!("'{name}' must be a positive integer"))),
        },
    }
}

/// The number of components asked for in `name`, which may not be absurd.
pub(super) fn dimensions(value: Option<&Value>, name: &'static str) -> Result<Option<usize>, Complaint> {
    match positive(value, name)? {
        Some(n) if n > 65_536 => Err(bad_field(name, format!("'{name}' is more than this model has"))),
        n => Ok(n.map(|n| n as usize)),
    }
}

/// A field that must be true or false, if it is there.
pub(super) fn flag(value: Option<&Value>, default: bool) -> bool {
    value.and_then(Value::as_bool).unwrap_or(default)
}

/// What JSON calls a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
