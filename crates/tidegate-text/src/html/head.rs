//! What a page says of itself: encoding, title, description, author, date, language.

use encoding_rs::Encoding;
use tidegate_core::record::Fields;

use super::attrs::Attrs;
use super::entity::push_decoded;
use super::scan::{Scanner, Token};
use super::tag::Tag;

/// How far into the file browsers look for the encoding.
const PRESCAN: usize = 1024;
/// Longest value kept, in bytes.
const MAX_VALUE: usize = 2_000;

/// The encoding named in a `<meta>` near the start of the file, or in the XML declaration.
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head: String =
        bytes.iter().take(PRESCAN).map(|b| if b.is_ascii() { char::from(*b) } else { '?' }).collect();
    let from_meta = Scanner::new(&head).find_map(|token| match token {
        Token::Open(Tag::Meta, attributes) => meta_charset(attributes),
        _ => None,
    });
    let label = from_meta.or_else(|| {
        let declaration = head.trim_start().strip_prefix("<?xml")?;
        Attrs::get(&declaration[..declaration.find("?>")?], "encoding")
    })?;
    let encoding = Encoding::for_label(label.as_bytes())?;
    // A page that could be read up to here in ASCII is not in UTF-16, whatever it says.
    Some(if encoding.is_ascii_compatible() { encoding } else { encoding_rs::UTF_8 })
}

fn meta_charset(attributes: &str) -> Option<&str> {
    if let Some(charset) = Attrs::get(attributes, "charset") {
        return Some(charset.trim());
    }
    let content = Attrs::get(attributes, "content")?;
    let at = content.to_ascii_lowercase().find("charset=")?;
    let value = content[at + "charset=".len()..].trim_start_matches(['"', '\'', ' ']);
    Some(value.split([';', '"', '\'', ' ']).next().unwrap_or(value))
}

/// Takes what a `<meta>` says, if it is something we keep. The first of several wins.
pub(crate) fn take_meta(meta: &mut Fields, og_title: &mut Option<String>, attributes: &str) {
    let named = Attrs::get(attributes, "name").or_else(|| Attrs::get(attributes, "property"));
    let (Some(name), Some(content)) = (named, Attrs::get(attributes, "content")) else { return };
    let key = match name.to_ascii_lowercase().as_str() {
        "og:title" => {
            og_title.get_or_insert_with(|| clean(content));
            return;
        }
        "description" | "og:description" => "description",
        "author" | "article:author" | "dc.creator" | "citation_author" => "author",
        "date" | "dc.date" | "article:published_time" | "citation_publication_date" => "date",
        "keywords" => "tags",
        _ => return,
    };
    insert(meta, key, content);
}

/// Takes the language of the page from `<html lang>`.
pub(crate) fn take_lang(meta: &mut Fields, attributes: &str) {
    let lang = Attrs::get(attributes, "lang").or_else(|| Attrs::get(attributes, "xml:lang"));
    insert(meta, "lang", lang.unwrap_or(""));
}

fn insert(meta: &mut Fields, key: &str, raw: &str) {
    let value = clean(raw);
    if !value.is_empty() && !meta.contains_key(key) {
        meta.insert(key.to_owned(), value.into());
    }
}

/// Decodes entities, collapses white space and cuts what is too long.
pub(crate) fn clean(raw: &str) -> String {
    let mut decoded = String::new();
    push_decoded(&mut decoded, &raw[..raw.floor_char_boundary(4 * MAX_VALUE)]);
    let mut text = decoded.split_whitespace().collect::<Vec<_>>().join(" ");
    text.truncate(text.floor_char_boundary(MAX_VALUE));
    text
}
