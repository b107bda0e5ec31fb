//! An answer that fits a JSON Schema, as far as the schemas of extraction jobs go.

use serde_json::{Map, Value, json};

/// How deep a schema is followed; one that refers to itself has no end.
const DEPTH: usize = 32;

/// A value that fits `schema`; which one depends on `hash` alone. References are looked up in `schema` itself.
pub(in crate::provider) fn fill(schema: &Value, hash: u64) -> Value {
    value(schema, schema, hash, DEPTH)
}

fn value(schema: &Value, root: &Value, hash: u64, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
        return root.pointer(target).map_or(Value::Null, |found| value(found, root, hash, depth - 1));
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(Value::Array(choices)) = schema.get("enum") {
        return pick(choices, hash).cloned().unwrap_or(Value::Null);
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(first) = schema.get(union).and_then(|branches| branches.get(0)) {
            return value(first, root, hash, depth - 1);
        }
    }
    match kind(schema) {
        "object" => object(schema, root, hash, depth),
        "array" => array(schema, root, hash, depth),
        "integer" => json!(number(schema, hash) as i64),
        "number" => json!(number(schema, hash)),
        "boolean" => json!(hash.is_multiple_of(2)),
        "null" => Value::Null,
        _ => string(schema, hash),
    }
}

/// The schema's type; the first one that is not `null` where there are several.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn object(schema: &Value, root: &Value, hash: u64, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let fields = properties
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(n, (name, schema))| (name.clone(), value(schema, root, mix(hash, n), depth - 1)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn array(schema: &Value, root: &Value, hash: u64, depth: usize) -> Value {
    let Some(items) = schema.get("items") else { return json!([]) };
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).min(100) as usize;
    let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let count = least.max(1).min(usize::try_from(most).unwrap_or(usize::MAX));
    (0..count).map(|n| value(items, root, mix(hash, n), depth - 1)).collect()
}

fn number(schema: &Value, hash: u64) -> f64 {
    let bound = |name| schema.get(name).and_then(Value::as_f64);
    let low = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|n| n + 1.0)).unwrap_or(0.0);
    let drawn = low + (hash % 10) as f64;
    bound("maximum")
        .or_else(|| bound("exclusiveMaximum").map(|n| n - 1.0))
        .map_or(drawn, |high| drawn.min(high))
}

fn string(schema: &Value, hash: u64) -> Value {
    let bound =
        |name, usual| schema.get(name).and_then(Value::as_u64).map_or(usual, |n| n.min(10_000) as usize);
    let mut text = format!("text-{hash:016x}");
    while text.len() < bound("minLength", 0) {
        text.push('x');
    }
    text.truncate(bound("maxLength", usize::MAX));
    json!(text)
}

fn pick(choices: &[Value], hash: u64) -> Option<&Value> {
    choices.get((hash % choices.len().max(1) as u64) as usize)
}

fn mix(hash: u64, n: usize) -> u64 {
    (hash ^ (n as u64 + 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_and_depend_on_the_hash() {
        let schema = json!({
            "type": "object",
            "properties": {
                "kind": {"enum": ["a", "b"]},
                "score": {"type": "integer", "minimum": 3, "maximum": 4},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
                "note": {"type": ["string", "null"], "maxLength": 4},
                "self": {"$ref": "#"},
            },
            "$defs": {"tag": {"type": "string"}},
        });
        for hash in 0..20 {
            let filled = fill(&schema, hash);
            assert!(["a", "b"].contains(&filled["kind"].as_str().unwrap()));
            assert!((3..=4).contains(&filled["score"].as_i64().unwrap()));
            assert_eq!(filled["tags"].as_array().unwrap().len(), 2);
            assert_eq!(filled["note"].as_str().unwrap().len(), 4);
            assert_eq!(filled, fill(&schema, hash));
        }
        assert_ne!(fill(&schema, 1), fill(&schema, 2));
    }
}
