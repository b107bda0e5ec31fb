//! Whether a value follows a schema that was understood.

use serde_json::{Map, Value};

use super::rules::target;

/// Schemas within schemas; a schema that leads back to itself without going into the value ends here.
const DEEPEST: usize = 256;

/// Checks `value`.
///
/// # Errors
/// The first rule that is broken, with its place in the value.
pub(super) fn fits(root: &Value, value: &Value) -> Result<(), String> {
    Check { root }.schema(root, value, &Place { path: "$".to_owned(), depth: 0 })
}

struct Check<'a> {
    root: &'a Value,
}

/// Where in the value.
struct Place {
    path: String,
    depth: usize,
}

impl Place {
    fn within(&self, step: &str) -> Self {
        Self { path: format!("{}{step}", self.path), depth: self.depth + 1 }
    }

    fn must(&self, what: &str) -> Result<(), String> {
        Err(format!("{} must {what}", self.path))
    }
}

impl Check<'_> {
    fn schema(&self, schema: &Value, value: &Value, place: &Place) -> Result<(), String> {
        if place.depth > DEEPEST {
            return Err(format!("{} is nested too deep for the schema", place.path));
        }
        let rules = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(rules) => rules,
            _ => return place.must("not be there"),
        };
        self.choices(rules, value, place)?;
        kind(rules, value, place)?;
        match value {
            Value::Object(fields) => self.object(rules, fields, place),
            Value::Array(items) => self.array(rules, items, place),
            Value::String(text) => within(rules, ("Length", text.chars().count()), ("character", place)),
            Value::Number(number) => bounds(rules, number.as_f64().unwrap_or_default(), place),
            Value::Bool(_) | Value::Null => Ok(()),
        }
    }

    fn choices(&self, rules: &Map<String, Value>, value: &Value, place: &Place) -> Result<(), String> {
        let here = place.within("");
        if let Some(to) = rules.get("$ref").and_then(Value::as_str) {
            let inner = target(self.root, to).unwrap_or(&Value::Bool(false));
            self.schema(inner, value, &here)?;
        }
        let schemas = |name: &str| rules.get(name).and_then(Value::as_array);
        for inner in schemas("allOf").into_iter().flatten() {
            self.schema(inner, value, &here)?;
        }
        let fitting = |inner: &Vec<Value>| {
            inner.iter().filter(|inner| self.schema(inner, value, &here).is_ok()).count()
        };
        if schemas("anyOf").is_some_and(|inner| fitting(inner) == 0) {
            return place.must("follow one of the schemas of anyOf");
        }
        if schemas("oneOf").is_some_and(|inner| fitting(inner) != 1) {
            return place.must("follow exactly one of the schemas of oneOf");
        }
        if let Some(only) = rules.get("const").filter(|only| !same(only, value)) {
            return place.must(&format!("be {only}"));
        }
        let choices = rules.get("enum").and_then(Value::as_array);
        if let Some(choices) = choices.filter(|choices| !choices.iter().any(|choice| same(choice, value))) {
            let names: Vec<String> = choices.iter().take(20).map(Value::to_string).collect();
            return place.must(&format!("be one of {}", names.join(", ")));
        }
        Ok(())
    }

    fn object(
        &self,
        rules: &Map<String, Value>,
        fields: &Map<String, Value>,
        place: &Place,
    ) -> Result<(), String> {
        let required = rules.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Err(format!("{} lacks `{name}`", place.path));
            }
        }
        let known = rules.get("properties").and_then(Value::as_object);
        for (name, value) in fields {
            let schema = known.and_then(|known| known.get(name));
            match (schema, rules.get("additionalProperties")) {
                (Some(schema), _) => self.schema(schema, value, &place.within(&format!(".{name}")))?,
                (None, Some(Value::Bool(false))) => return place.must(&format!("not have `{name}`")),
                (None, Some(schema)) => self.schema(schema, value, &place.within(&format!(".{name}")))?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn array(&self, rules: &Map<String, Value>, items: &[Value], place: &Place) -> Result<(), String> {
        within(rules, ("Items", items.len()), ("item", place))?;
        if rules.get("uniqueItems") == Some(&Value::Bool(true)) {
            let twice =
                items.iter().enumerate().any(|(at, item)| items[..at].iter().any(|other| same(other, item)));
            if twice {
                return place.must("not have an item twice");
            }
        }
        let Some(schema) = rules.get("items") else { return Ok(()) };
        let mut numbered = items.iter().enumerate();
        numbered.try_for_each(|(at, item)| self.schema(schema, item, &place.within(&format!("[{at}]"))))
    }
}

fn kind(rules: &Map<String, Value>, value: &Value, place: &Place) -> Result<(), String> {
    let wanted: Vec<&str> = match rules.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let got = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    // 3.0 is an integer too.
    let whole = value.as_f64().is_some_and(|number| number.fract() == 0.0);
    if wanted.contains(&got) || (whole && wanted.contains(&"integer")) {
        return Ok(());
    }
    place.must(&format!("be {}, not {got}", wanted.join(" or ")))
}

fn bounds(rules: &Map<String, Value>, number: f64, place: &Place) -> Result<(), String> {
    let bound = |name: &str| rules.get(name).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        return place.must(&format!("be at least {least}"));
    }
    if let Some(most) = bound("maximum").filter(|most| number > *most) {
        return place.must(&format!("be at most {most}"));
    }
    if let Some(limit) = bound("exclusiveMinimum").filter(|limit| number <= *limit) {
        return place.must(&format!("be more than {limit}"));
    }
    if let Some(limit) = bound("exclusiveMaximum").filter(|limit| number >= *limit) {
        return place.must(&format!("be less than {limit}"));
    }
    Ok(())
}

/// Checks a length: `name` is what follows `min` and `max` in the rules, `unit` what is counted.
fn within(
    rules: &Map<String, Value>,
    (name, length): (&str, usize),
    (unit, place): (&str, &Place),
) -> Result<(), String> {
    let bound = |side: &str| rules.get(&format!("{side}{name}")).and_then(Value::as_u64);
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    if let Some(least) = bound("min").filter(|least| (length as u64) < *least) {
        return place.must(&format!("have at least {least} {unit}{}", plural(least)));
    }
    if let Some(most) = bound("max").filter(|most| length as u64 > *most) {
        return place.must(&format!("have at most {most} {unit}{}", plural(most)));
    }
    Ok(())
}

/// Whether two values are the same; 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && one.as_f64() == other.as_f64())
}
