//! Writes JSON objects whose fields stand in the order in which they are given.
//!
//! Not a map of values: a map would sort the properties of a schema, and models write properties in the order of the
//! schema. Requests are also compared byte for byte in tests, and that needs one order.

use serde::Serialize;
use toml::{Table, Value};

/// A JSON object that is being written.
#[derive(Debug, Default)]
pub(crate) struct Object(Vec<(String, Node)>);

#[derive(Debug)]
enum Node {
    /// JSON text.
    Text(String),
    Object(Object),
}

impl Object {
    /// An object without fields.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With `value` as `name`. Values are texts, numbers and lists of them, which always have a JSON form.
    pub(crate) fn with<T: Serialize + ?Sized>(self, name: &str, value: &T) -> Self {
        let text = serde_json::to_string(value).expect("texts, finite numbers and lists of them are JSON");
        self.put(name, Node::Text(text))
    }

    /// With `value` as `name`, if there is one.
    pub(crate) fn with_some<T: Serialize>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(name, &value),
            None => self,
        }
    }

    /// With the JSON text `json` as `name`, as it is.
    pub(crate) fn with_json(self, name: &str, json: &str) -> Self {
        self.put(name, Node::Text(json.to_owned()))
    }

    /// With `object` as `name`, unless it has no fields.
    pub(crate) fn with_object(self, name: &str, object: Self) -> Self {
        if object.0.is_empty() { self } else { self.put(name, Node::Object(object)) }
    }

    /// With a list of objects as `name`.
    pub(crate) fn with_list(self, name: &str, objects: impl Iterator<Item = Self>) -> Self {
        let mut text = String::from("[");
        for object in objects {
            if text.len() > 1 {
                text.push(',');
            }
            object.write(&mut text);
        }
        text.push(']');
        self.put(name, Node::Text(text))
    }

    /// With the fields of `table` laid over those that are there, tables into objects; in the order of their names, as
    /// the order of a table is that of its file or not by what else is built.
    pub(crate) fn with_table(mut self, table: &Table) -> Self {
        let mut fields: Vec<_> = table.iter().collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in fields {
            let Value::Table(inner) = value else {
                self = self.put(name, Node::Text(json(value)));
                continue;
            };
            let under =
                self.0.iter().position(|(field, node)| field == name && matches!(node, Node::Object(_)));
            let under = match under.map(|at| self.0.remove(at).1) {
                Some(Node::Object(object)) => object,
                _ => Self::new(),
            };
            self = self.put(name, Node::Object(under.with_table(inner)));
        }
        self
    }

    /// The JSON text.
    pub(crate) fn done(&self) -> Vec<u8> {
        let mut text = String::new();
        self.write(&mut text);
        text.into_bytes()
    }

    fn put(mut self, name: &str, node: Node) -> Self {
        self.0.retain(|(field, _)| field != name);
        self.0.push((name.to_owned(), node));
        self
    }

    fn write(&self, text: &mut String) {
        text.push('{');
        for (at, (name, node)) in self.0.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&serde_json::Value::from(name.as_str()).to_string());
            text.push(':');
            match node {
                Node::Text(json) => text.push_str(json),
                Node::Object(object) => object.write(text),
            }
        }
        text.push('}');
    }
}

/// The JSON text of a value of TOML, the fields of its tables in the order of their names.
fn json(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let mut text = String::new();
            Object::new().with_table(table).write(&mut text);
            text
        }
        Value::Array(values) => format!("[{}]", values.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::Datetime(at) => serde_json::Value::from(at.to_string()).to_string(),
        plain => serde_json::to_string(plain).expect("texts, numbers and truths are JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(object: &Object) -> String {
        String::from_utf8(object.done()).expect("JSON is text")
    }

    #[test]
    fn fields_stand_in_their_order() {
        let object = Object::new()
            .with("z", "a \"quote\"\n")
            .with_some("none", None::<u32>)
            .with_some("a", Some(0.7_f32))
            .with_json("schema", r#"{"z":1,"a":2}"#)
            .with_object("empty", Object::new())
            .with_list("list", [Object::new().with("x", &1), Object::new()].into_iter());
        let expected = r#"{"z":"a \"quote\"\n","a":0.7,"schema":{"z":1,"a":2},"list":[{"x":1},{}]}"#;
        assert_eq!(text(&object), expected);
    }

    #[test]
    fn a_name_stands_once() {
        assert_eq!(text(&Object::new().with("a", &1).with("b", &2).with("a", &3)), r#"{"b":2,"a":3}"#);
    }

    #[test]
    fn tables_are_laid_over_objects() {
        let table: Table = toml::from_str(
            "top = false\nkeep_alive = \"5m\"\nstop = [{ b = 1, a = 2021-01-01 }]\n[options]\nnum_ctx = 8192",
        )
        .expect("TOML");
        let object = Object::new()
            .with("top", &1)
            .with_object("options", Object::new().with("seed", &7))
            .with_table(&table);
        assert_eq!(
            text(&object),
            r#"{"keep_alive":"5m","options":{"seed":7,"num_ctx":8192},"stop":[{"a":"2021-01-01","b":1}],"top":false}"#
        );
    }
}
