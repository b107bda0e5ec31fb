//! Which schemas are understood.

use serde_json::{Map, Value};

/// What describes and does not restrict.
const SILENT: [&str; 13] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// The types there are.
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// Goes through a schema and everything in it.
///
/// # Errors
/// A fragment that names the place and the rule that is not understood.
pub(super) fn understand(root: &Value) -> Result<(), String> {
    schema(root, root, "$")
}

fn schema(root: &Value, here: &Value, path: &str) -> Result<(), String> {
    let rules = match here {
        Value::Object(rules) => rules,
        Value::Bool(_) => return Ok(()),
        _ => return Err(format!("{path} is no schema")),
    };
    for (name, value) in rules {
        rule(root, (name, value), path)?;
    }
    for defs in ["$defs", "definitions"] {
        each(root, rules.get(defs).and_then(Value::as_object), &format!("{path}.{defs}"))?;
    }
    Ok(())
}

fn each(root: &Value, schemas: Option<&Map<String, Value>>, path: &str) -> Result<(), String> {
    let schemas = schemas.into_iter().flatten();
    schemas.into_iter().try_for_each(|(name, inner)| schema(root, inner, &format!("{path}.{name}")))
}

fn rule(root: &Value, (name, value): (&str, &Value), path: &str) -> Result<(), String> {
    let wrong = |wanted: &str| Err(format!("{path}: `{name}` must be {wanted}"));
    let texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    match (name, value) {
        ("type", Value::String(kind)) => known_type(kind, path),
        ("type", Value::Array(kinds)) if texts(value) && !kinds.is_empty() => {
            kinds.iter().filter_map(Value::as_str).try_for_each(|kind| known_type(kind, path))
        }
        ("type", _) => wrong("a type, or a list of types"),
        ("required", value) if texts(value) => Ok(()),
        ("required", _) => wrong("a list of names"),
        ("enum", Value::Array(items)) if !items.is_empty() => Ok(()),
        ("enum", _) => wrong("a list of values"),
        ("const", _) | ("uniqueItems", Value::Bool(_)) => Ok(()),
        ("properties", Value::Object(inner)) => each(root, Some(inner), &format!("{path}.properties")),
        ("properties", _) => wrong("a map of schemas"),
        ("items" | "additionalProperties", inner) => schema(root, inner, &format!("{path}.{name}")),
        ("anyOf" | "oneOf" | "allOf", Value::Array(inner)) if !inner.is_empty() => {
            let mut numbered = inner.iter().enumerate();
            numbered.try_for_each(|(at, inner)| schema(root, inner, &format!("{path}.{name}[{at}]")))
        }
        ("anyOf" | "oneOf" | "allOf", _) => wrong("a list of schemas"),
        ("$ref", Value::String(to)) if target(root, to).is_some() => Ok(()),
        ("$ref", to) => Err(format!("{path}: $ref {to} leads nowhere in the schema")),
        ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Value::Number(_)) => Ok(()),
        ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", _) => wrong("a number"),
        ("minLength" | "maxLength" | "minItems" | "maxItems", value) if value.is_u64() => Ok(()),
        ("minLength" | "maxLength" | "minItems" | "maxItems", _) => wrong("a whole number"),
        (name, _) if SILENT.contains(&name) => Ok(()),
        (name, _) => Err(format!("{path}: `{name}` is not checked")),
    }
}

fn known_type(kind: &str, path: &str) -> Result<(), String> {
    if TYPES.contains(&kind) { Ok(()) } else { Err(format!("{path}: there is no type {kind:?}")) }
}

/// What a reference leads to.
pub(super) fn target<'a>(root: &'a Value, to: &str) -> Option<&'a Value> {
    root.pointer(to.strip_prefix('#')?)
}

/// Whether every object of a schema is closed: all its properties required, no others allowed.
pub(super) fn is_closed(schema: &Value) -> bool {
    let inner: Box<dyn Iterator<Item = &Value>> = match schema {
        Value::Object(rules) => {
            if !is_closed_here(rules) {
                return false;
            }
            Box::new(rules.values())
        }
        Value::Array(items) => Box::new(items.iter()),
        _ => return true,
    };
    inner.into_iter().all(is_closed)
}

fn is_closed_here(rules: &Map<String, Value>) -> bool {
    if rules.get("type").and_then(Value::as_str) != Some("object") {
        return true;
    }
    let required = rules.get("required").and_then(Value::as_array);
    let named = |name: &String| required.is_some_and(|names| names.iter().any(|known| known == name));
    let properties = rules.get("properties").and_then(Value::as_object);
    rules.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.is_some_and(|properties| properties.keys().all(named))
}
