//! How much work a schema is: whether it is one that can be followed at all, and whether following it for one value is
//! bearable.
//!
//! A schema that applies itself twice to the same member takes time that doubles with each level of a value. So the
//! schemas that would be applied are counted first, by a walk that does nothing else and stops at a bound that grows
//! with the value. Counting was chosen over a clock, because the same document must always be judged the same way.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// Schemas applied to one and the same value, and how deep they may stand in each other.
const IN_PLACE: u64 = 10_000;
const DEEPEST: usize = 64;
/// Schemas in a file. What understands them goes from one to the next on the stack.
const SCHEMAS: usize = 5_000;
/// Applications that are always borne, and how many for each value within a value.
const BORNE: u64 = 1 << 18;
const EACH: u64 = 64;

/// How a schema within a schema is applied.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// To the same value.
    InPlace,
    /// To what is in the value.
    Child,
    /// Only where it is referred to.
    Named,
}

/// Every keyword that holds schemas.
const KEYWORDS: [(&str, Step); 22] = [
    ("allOf", Step::InPlace),
    ("anyOf", Step::InPlace),
    ("oneOf", Step::InPlace),
    ("not", Step::InPlace),
    ("if", Step::InPlace),
    ("then", Step::InPlace),
    ("else", Step::InPlace),
    ("dependentSchemas", Step::InPlace),
    ("dependencies", Step::InPlace),
    ("properties", Step::Child),
    ("patternProperties", Step::Child),
    ("additionalProperties", Step::Child),
    ("unevaluatedProperties", Step::Child),
    ("propertyNames", Step::Child),
    ("items", Step::Child),
    ("prefixItems", Step::Child),
    ("additionalItems", Step::Child),
    ("unevaluatedItems", Step::Child),
    ("contains", Step::Child),
    ("$defs", Step::Named),
    ("definitions", Step::Named),
    ("contentSchema", Step::Named),
];

/// Keywords whose members are schemas under names of their own.
const MAPS: [&str; 6] =
    ["dependentSchemas", "dependencies", "properties", "patternProperties", "$defs", "definitions"];

/// The schemas that one keyword holds.
fn held<'a>(keyword: &str, value: &'a Value) -> Vec<&'a Value> {
    match value {
        Value::Object(members) if MAPS.contains(&keyword) => {
            members.values().filter(|member| !member.is_array()).collect()
        }
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

/// Checks that `root` can be followed: every reference leads to a place in it, and none in a circle.
///
/// # Errors
/// A fragment that says what is wrong.
pub(super) fn understand(root: &Value) -> Result<(), String> {
    let mut counted = HashMap::new();
    for schema in all(root)? {
        in_place(root, schema, (&mut counted, 0))?;
    }
    Ok(())
}

/// Every schema in `root`, and what is referred to as one.
fn all(root: &Value) -> Result<Vec<&Value>, String> {
    let mut known = HashSet::new();
    let (mut found, mut todo) = (Vec::new(), vec![root]);
    while let Some(schema) = todo.pop() {
        if !known.insert(std::ptr::from_ref(schema)) {
            continue;
        }
        if found.len() >= SCHEMAS {
            return Err(format!("the schema has more than {SCHEMAS} schemas in it"));
        }
        found.push(schema);
        let Value::Object(rules) = schema else { continue };
        permitted(rules, std::ptr::eq(schema, root))?;
        todo.extend(reference(root, rules)?);
        for (keyword, _) in KEYWORDS {
            todo.extend(rules.get(keyword).into_iter().flat_map(|value| held(keyword, value)));
        }
    }
    Ok(found)
}

/// Refuses what would be looked up elsewhere, or what a record could make expensive.
fn permitted(rules: &Map<String, Value>, is_root: bool) -> Result<(), String> {
    for keyword in ["$dynamicRef", "$recursiveRef"] {
        if rules.contains_key(keyword) {
            return Err(format!("`{keyword}` is not followed; write \"$ref\": \"#/$defs/NAME\""));
        }
    }
    // With a name of its own a schema changes what the references in it mean.
    if !is_root && ["$id", "id"].iter().any(|name| rules.get(*name).is_some_and(Value::is_string)) {
        return Err("a schema within it has an `$id` of its own; leave that out".to_owned());
    }
    if rules.get("format").and_then(Value::as_str) == Some("regex") {
        return Err(
            "the format \"regex\" is not checked, because records would bring the expressions".to_owned()
        );
    }
    Ok(())
}

/// What `$ref` leads to, if there is one.
fn reference<'a>(root: &'a Value, rules: &Map<String, Value>) -> Result<Option<&'a Value>, String> {
    let Some(to) = rules.get("$ref") else { return Ok(None) };
    let shown = to.to_string();
    let outside =
        || format!("$ref {shown} leads out of the file; write \"#/$defs/NAME\", and the schema below it");
    let pointer = to.as_str().and_then(|to| to.strip_prefix('#')).ok_or_else(outside)?;
    if !pointer.is_empty() && !pointer.starts_with('/') || pointer.contains('%') {
        return Err(format!("$ref {shown} is not a path; write \"#/$defs/NAME\""));
    }
    root.pointer(pointer).map(Some).ok_or_else(|| format!("$ref {shown} leads nowhere"))
}

/// The schemas that `schema` applies to the same value, itself included.
fn in_place<'a>(
    root: &'a Value,
    schema: &'a Value,
    (counted, depth): (&mut HashMap<*const Value, u64>, usize),
) -> Result<u64, String> {
    let key = std::ptr::from_ref(schema);
    if let Some(known) = counted.get(&key) {
        return Ok(*known);
    }
    if depth > DEEPEST {
        return Err(format!(
            "more than {DEEPEST} schemas lead from one to the next, or they lead in a circle"
        ));
    }
    let mut all = 1u64;
    for inner in inner_in_place(root, schema) {
        all = all.saturating_add(in_place(root, inner, (counted, depth + 1))?);
    }
    if all > IN_PLACE {
        return Err(format!("more than {IN_PLACE} schemas would be applied to one value"));
    }
    counted.insert(key, all);
    Ok(all)
}

fn inner_in_place<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let Value::Object(rules) = schema else { return Vec::new() };
    let mut inner: Vec<&Value> = reference(root, rules).ok().flatten().into_iter().collect();
    for (keyword, _) in KEYWORDS.iter().filter(|(_, step)| *step == Step::InPlace) {
        inner.extend(rules.get(*keyword).into_iter().flat_map(|value| held(keyword, value)));
    }
    inner
}

/// Whether following `root` for `value` is in proportion to the value.
pub(super) fn is_bearable(root: &Value, value: &Value) -> bool {
    let most = BORNE.saturating_add(EACH.saturating_mul(size(value)));
    Walk { root, left: most }.apply(root, value).is_some()
}

/// The values within a value, itself included.
fn size(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0u64,
    }
}

/// Counts applications. It may count more than are made: every branch is taken, every pattern fits every name.
struct Walk<'a> {
    root: &'a Value,
    left: u64,
}

impl<'a> Walk<'a> {
    /// `None` once more were met than are borne.
    fn apply(&mut self, schema: &'a Value, value: &Value) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        let Value::Object(rules) = schema else { return Some(()) };
        // What was not evaluated yet is found by evaluating once more.
        let again = rules.contains_key("unevaluatedProperties") || rules.contains_key("unevaluatedItems");
        for inner in inner_in_place(self.root, schema) {
            for _ in 0..=u8::from(again) {
                self.apply(inner, value)?;
            }
        }
        match value {
            Value::Object(fields) => self.members(rules, fields),
            Value::Array(items) => self.items(rules, items),
            _ => Some(()),
        }
    }

    fn members(&mut self, rules: &'a Map<String, Value>, fields: &Map<String, Value>) -> Option<()> {
        let named = rules.get("properties").and_then(Value::as_object);
        for (name, value) in fields {
            let own = named.and_then(|named| named.get(name));
            if let Some(schema) = own {
                self.apply(schema, value)?;
            }
            for schema in
                rules.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values)
            {
                self.apply(schema, value)?;
            }
            for keyword in ["additionalProperties", "unevaluatedProperties"] {
                if let Some(schema) = rules.get(keyword).filter(|_| own.is_none()) {
                    self.apply(schema, value)?;
                }
            }
            if let Some(schema) = rules.get("propertyNames") {
                self.apply(schema, &Value::Null)?;
            }
        }
        Some(())
    }

    fn items(&mut self, rules: &'a Map<String, Value>, items: &[Value]) -> Option<()> {
        for (at, item) in items.iter().enumerate() {
            for keyword in ["prefixItems", "items"] {
                if let Some(schema) = rules.get(keyword).and_then(|list| list.get(at)) {
                    self.apply(schema, item)?;
                }
            }
            for keyword in ["items", "contains", "additionalItems", "unevaluatedItems"] {
                if let Some(schema) = rules.get(keyword).filter(|schema| !schema.is_array()) {
                    self.apply(schema, item)?;
                }
            }
        }
        Some(())
    }
}
