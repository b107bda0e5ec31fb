//! The type of a column that takes what a JSON Schema describes.

use serde_json::{Map, Value};

use crate::types::Type;

/// References that lead to references, at most.
const HOPS: usize = 32;

impl Type {
    /// The type that holds every value that `schema` lets pass; [`Type::Json`] where they have nothing in common.
    #[must_use]
    pub fn of_schema(schema: &Value) -> Self {
        of(schema, schema, HOPS)
    }

    /// The named values of an object that `schema` describes, in their order; none where it describes something else.
    #[must_use]
    pub fn members(schema: &Value) -> Vec<(String, Self)> {
        let resolved = resolve(schema, schema, HOPS);
        let Some(properties) = resolved.get("properties").and_then(Value::as_object) else {
            return Vec::new();
        };
        properties.iter().map(|(name, member)| (name.clone(), of(member, schema, HOPS))).collect()
    }
}

fn resolve<'a>(schema: &'a Value, root: &'a Value, hops: usize) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
    match target.and_then(|to| root.pointer(to)) {
        Some(target) if hops > 0 => resolve(target, root, hops - 1),
        _ => schema,
    }
}

fn of(schema: &Value, root: &Value, hops: usize) -> Type {
    if hops == 0 {
        return Type::Json;
    }
    let schema = resolve(schema, root, hops);
    let Some(keys) = schema.as_object() else { return Type::Json };
    let choices = keys.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    if let Some(values) = choices.or_else(|| keys.get("const").map(std::slice::from_ref)) {
        return common(values.iter().filter(|value| !value.is_null()).map(literal));
    }
    for any in ["anyOf", "oneOf"] {
        if let Some(Value::Array(ways)) = keys.get(any) {
            let real = ways.iter().filter(|way| way.get("type") != Some(&Value::from("null")));
            return common(real.map(|way| of(way, root, hops - 1)));
        }
    }
    let named: Vec<&str> = match keys.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return Type::Json,
    };
    common(named.into_iter().filter(|name| *name != "null").map(|name| simple(name, (keys, root), hops)))
}

fn simple(name: &str, (keys, root): (&Map<String, Value>, &Value), hops: usize) -> Type {
    match name {
        "string" => Type::Text,
        "integer" => Type::INTEGER,
        "number" => Type::NUMBER,
        "boolean" => Type::Boolean,
        "array" => match keys.get("items") {
            Some(items) => Type::List(Box::new(of(items, root, hops - 1))),
            None => Type::Json,
        },
        "object" => {
            let open = keys.get("additionalProperties") != Some(&Value::Bool(false));
            let properties = keys.get("properties").and_then(Value::as_object);
            match properties {
                Some(properties) if !open && !properties.is_empty() => Type::Structure(
                    properties
                        .iter()
                        .map(|(name, member)| (name.clone(), of(member, root, hops - 1)))
                        .collect(),
                ),
                _ => Type::Json,
            }
        }
        _ => Type::Json,
    }
}

fn literal(value: &Value) -> Type {
    match value {
        Value::String(_) => Type::Text,
        Value::Bool(_) => Type::Boolean,
        Value::Number(number) if !number.is_f64() => Type::INTEGER,
        Value::Number(_) => Type::NUMBER,
        _ => Type::Json,
    }
}

/// The type that holds the values of all.
fn common(types: impl Iterator<Item = Type>) -> Type {
    let is_number = |of: &Type| matches!(of, Type::Integer { .. } | Type::Float(_));
    types
        .reduce(|one, other| match (one, other) {
            (one, other) if one == other => one,
            (one, other) if is_number(&one) && is_number(&other) => Type::NUMBER,
            _ => Type::Json,
        })
        .unwrap_or(Type::Json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_passes_a_schema_fits_its_column() {
        let list = |of| Type::List(Box::new(of));
        for (schema, column) in [
            (json!({ "type": "string" }), Type::Text),
            (json!({ "type": ["integer", "null"] }), Type::INTEGER),
            (json!({ "type": ["integer", "number"] }), Type::NUMBER),
            (json!({ "type": ["integer", "string"] }), Type::Json),
            (json!({ "enum": ["a", "b", null] }), Type::Text),
            (json!({ "enum": [1, 2.5] }), Type::NUMBER),
            (json!({ "const": true }), Type::Boolean),
            (json!({ "type": "array", "items": { "type": "boolean" } }), list(Type::Boolean)),
            (json!({ "type": "array" }), Type::Json),
            (json!({ "anyOf": [{ "type": "number" }, { "type": "null" }] }), Type::NUMBER),
            (json!({ "type": "object", "properties": { "a": { "type": "string" } } }), Type::Json),
            (
                json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/n" } }, "additionalProperties": false,
                        "$defs": { "n": { "type": "integer" } } }),
                Type::Structure(vec![("a".to_owned(), Type::INTEGER)]),
            ),
            (json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/a" } } }), Type::Json),
            (json!(true), Type::Json),
        ] {
            assert_eq!(Type::of_schema(&schema), column, "{schema}");
        }
    }
}
