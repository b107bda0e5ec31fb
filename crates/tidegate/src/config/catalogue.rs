//! Every section and key there is, what kind of value it takes, and what it means: read off the JSON Schema, which
//! is itself derived from the types, so that checking, printing and the published schema agree.

use serde_json::Value;

use super::schema::schema;

/// Every section, in the order in which they are printed.
pub(super) struct Catalogue {
    pub(super) sections: Vec<Section>,
}

/// One section of a configuration file.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) description: String,
    /// One for each `type`; a single one without a type for the sections that have none.
    pub(super) variants: Vec<Variant>,
}

/// The keys of a section for one `type`.
pub(super) struct Variant {
    pub(super) kind: Option<String>,
    pub(super) description: String,
    pub(super) keys: Vec<Key>,
}

/// One key.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) kind: Kind,
    /// A value to show where there is no default, as it is written.
    pub(super) example: Option<String>,
}

/// What kind of value a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    Integer,
    Number,
    Bool,
    Size,
    Period,
    Model,
    Secret,
    Headers,
    Settings,
    Choice(Vec<String>),
}

/// The order of sections in a file; a schema knows none. A test holds it against the schema.
pub(super) const SECTIONS: [&str; 13] = [
    "pipeline",
    "source",
    "stage",
    "validate",
    "sink",
    "providers",
    "search",
    "ask",
    "store",
    "limits",
    "sandbox",
    "formats",
    "sweep",
];

impl Catalogue {
    pub(super) fn new() -> Self {
        let schema = schema();
        let sections = SECTIONS.iter().map(|name| section(name, &schema["properties"][*name])).collect();
        Self { sections }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

impl Section {
    /// The keys for `kind`; for sections without a type, `kind` is `None`.
    pub(super) fn variant(&self, kind: Option<&str>) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.kind.as_deref() == kind)
    }

    /// The names of the types, none for a section without.
    pub(super) fn kinds(&self) -> Vec<&str> {
        self.variants.iter().filter_map(|variant| variant.kind.as_deref()).collect()
    }
}

impl Variant {
    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

fn section(name: &str, schema: &Value) -> Section {
    // A list of stages, providers by name: what each of them is.
    let of_items = schema.get("items").or_else(|| named(schema)).unwrap_or(schema);
    let variants = match of_items.get("oneOf").and_then(Value::as_array) {
        Some(variants) => variants.iter().map(variant).collect(),
        None => vec![variant(of_items)],
    };
    Section { name: name.to_owned(), description: description(schema), variants }
}

/// What the values of a table with free names are; `false` stands where a table has no others than its own.
fn named(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|values| values.is_object())
}

fn variant(schema: &Value) -> Variant {
    let properties = schema["properties"].as_object();
    let keys = properties.into_iter().flatten().filter(|(name, _)| *name != "type");
    Variant {
        kind: schema["properties"]["type"]["const"].as_str().map(str::to_owned),
        description: description(schema),
        keys: keys.map(|(name, schema)| key(name, schema)).collect(),
    }
}

fn key(name: &str, schema: &Value) -> Key {
    let choices = schema.get("oneOf").and_then(Value::as_array);
    let type_is = |wanted: &str| match &schema["type"] {
        Value::Array(types) => types.iter().any(|name| name == wanted),
        name => name == wanted,
    };
    let kind = match (choices, schema["format"].as_str()) {
        (Some(choices), _) => {
            let names = choices.iter().filter_map(|choice| choice["const"].as_str());
            Kind::Choice(names.map(str::to_owned).collect())
        }
        (_, Some("size")) => Kind::Size,
        (_, Some("period")) => Kind::Period,
        (_, Some("model")) => Kind::Model,
        (_, Some("secret")) => Kind::Secret,
        (_, Some("headers")) => Kind::Headers,
        (_, Some("settings")) => Kind::Settings,
        _ if type_is("integer") => Kind::Integer,
        _ if type_is("number") => Kind::Number,
        _ if type_is("boolean") => Kind::Bool,
        _ if type_is("array") => Kind::Texts,
        _ => Kind::Text,
    };
    let example = match &schema["examples"][0] {
        Value::String(text) => Some(format!("\"{text}\"")),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    Key { name: name.to_owned(), description: description(schema), kind, example }
}

/// The description on one line.
fn description(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_and_key_is_known_and_explained() {
        let schema = schema();
        let mut names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let mut listed = SECTIONS.to_vec();
        names.sort();
        listed.sort_unstable();
        assert_eq!(names, listed);
        for section in Catalogue::new().sections {
            assert!(!section.description.is_empty(), "{}", section.name);
            for variant in &section.variants {
                assert!(!variant.description.is_empty() || section.variants.len() == 1, "{}", section.name);
                for key in &variant.keys {
                    assert!(key.description.ends_with(['.', ')']), "{}.{}", section.name, key.name);
                }
            }
        }
    }

    #[test]
    fn kinds_are_read_off_the_types() {
        let catalogue = Catalogue::new();
        let kind = |section: &str, kind: Option<&str>, key: &str| {
            catalogue.section(section).unwrap().variant(kind).unwrap().key(key).unwrap().kind.clone()
        };
        assert_eq!(kind("limits", None, "memory"), Kind::Size);
        assert_eq!(kind("limits", None, "drain"), Kind::Period);
        assert_eq!(kind("sweep", None, "max_share"), Kind::Number);
        assert_eq!(kind("source", Some("files"), "paths"), Kind::Texts);
        assert_eq!(kind("source", Some("jsonl"), "id_field"), Kind::Text);
        assert_eq!(kind("stage", Some("chunk"), "max_tokens"), Kind::Integer);
        assert_eq!(kind("stage", Some("embed"), "model"), Kind::Model);
        assert_eq!(kind("providers", None, "key"), Kind::Secret);
        assert_eq!(kind("stage", Some("set"), "fields"), Kind::Settings);
        let hedge = ["auto", "on", "off"].map(str::to_owned);
        assert_eq!(kind("providers", None, "hedge"), Kind::Choice(hedge.to_vec()));
    }
}
