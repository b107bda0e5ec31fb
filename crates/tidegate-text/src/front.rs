//! Front matter: the few `key: value` lines before a Markdown document.
//!
//! Only what is simple enough to be certain is read. A YAML parser would bring aliases that unfold without bound
//! for a handful of keys that authors write by hand.

use serde_json::Value;
use tidegate_core::record::Fields;

/// The most keys that are kept, and the longest value in bytes.
const MAX_KEYS: usize = 64;
const MAX_VALUE: usize = 1_000;

/// Reads front matter fenced by `---` (YAML) or `+++` (TOML) at the very start. Returns its fields and where the
/// document proper begins: 0 if there is none.
pub(crate) fn read(text: &str) -> (Fields, usize) {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or("");
    let (separator, ends): (char, &[&str]) = match first.trim_end() {
        "---" => (':', &["---", "..."]),
        "+++" => ('=', &["+++"]),
        _ => return (Fields::new(), 0),
    };
    let mut fields = Fields::new();
    let mut offset = first.len();
    let mut open_key: Option<String> = None;
    for line in lines {
        offset += line.len();
        let content = line.trim_end();
        if ends.contains(&content) {
            return (fields, offset);
        }
        if let Some(item) = content.trim_start().strip_prefix("- ") {
            push_item(&mut fields, open_key.as_deref(), item);
        } else {
            open_key = simple_field(&mut fields, content, separator);
        }
    }
    (Fields::new(), 0) // never closed: it was a horizontal rule
}

/// Takes a line `key: value`; returns the key of one without value, whose list may follow.
fn simple_field(fields: &mut Fields, line: &str, separator: char) -> Option<String> {
    let (key, value) = line.split_once(separator)?;
    let key = key.trim_end();
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if !is_key || fields.len() >= MAX_KEYS || key.len() > 64 {
        return None;
    }
    let value = value.trim();
    if value.is_empty() {
        return Some(key.to_lowercase());
    }
    if let Some(value) = scalar_or_list(value) {
        fields.insert(key.to_lowercase(), value);
    }
    None
}

fn push_item(fields: &mut Fields, key: Option<&str>, item: &str) {
    let Some(key) = key else { return };
    let list = fields.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if let (Value::Array(list), Some(item)) = (list, scalar(item))
        && list.len() < MAX_KEYS
    {
        list.push(item);
    }
}

fn scalar_or_list(value: &str) -> Option<Value> {
    match value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => Some(Value::Array(inner.split(',').take(MAX_KEYS).filter_map(scalar).collect())),
        None => scalar(value),
    }
}

/// A plain or quoted value as a string; nothing for YAML's block, anchor and flow forms.
fn scalar(value: &str) -> Option<Value> {
    let value = value.trim();
    let quoted = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
    let plain = match quoted {
        Some(inner) => inner,
        None if value.starts_with(['|', '>', '&', '*', '{', '!']) => return None,
        None => value,
    };
    (!plain.is_empty() && plain.len() <= MAX_VALUE).then(|| plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, fields: &str, rest: &str) {
        let (found, offset) = read(text);
        assert_eq!((Value::Object(found).to_string().as_str(), &text[offset..]), (fields, rest));
    }

    #[test]
    fn reads_simple_keys_and_lists() {
        check(
            "---\ntitle: \"A: b\"\nTags: [x, 'y']\n---\nbody",
            r#"{"tags":["x","y"],"title":"A: b"}"#,
            "body",
        );
        check("---\nkeywords:\n  - one\n  - two\nn: 3\n...\n", r#"{"keywords":["one","two"],"n":"3"}"#, "");
        check("+++\ntitle = 'T'\n+++\nbody", r#"{"title":"T"}"#, "body");
    }

    #[test]
    fn leaves_alone_what_is_not_front_matter() {
        check("---\nnever closed: yes\n", "{}", "---\nnever closed: yes\n");
        check("text\n---\na: b\n---\n", "{}", "text\n---\na: b\n---\n");
        check("---\na: *alias\nb: |\n  x: y\n---\n", r#"{}"#, "");
        check("", "{}", "");
    }
}
