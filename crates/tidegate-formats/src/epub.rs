//! EPUB books: the chapters in reading order.

use std::collections::HashMap;

use tidegate_core::{Document, Fault, FaultKind};
use tidegate_text::ParseOptions;

use crate::budget::Budget;
use crate::draft::{Draft, too_much_text};
use crate::kind::Kind;
use crate::package::{Package, needs_password};
use crate::rels::resolve;
use crate::xml::{Node, Xml, text_of};

/// Reads a book. A chapter that is broken or empty is left out, a book without any is a fault.
pub(crate) fn read(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Document, Fault> {
    let mut package = Package::open(bytes)?;
    let rights = package.read("META-INF/rights.xml", budget)?;
    let mut draft = Draft::new(budget.output_left());
    let main = root_file(&mut package, budget)?;
    let spine = describe(&text_of(&package.require(&main, budget)?), &main, &mut draft, budget)?;
    budget.pages(spine.len(), "chapters")?;
    let count = spine.len();
    let mut broken = 0_u64;
    for (number, name) in (1_u32..).zip(&spine) {
        budget.doing(&format!("chapter {number} of {count}"));
        let content = match package.read(name, budget) {
            Ok(Some(content)) => content,
            Ok(None) => continue,
            Err(fault) if fault.kind() == FaultKind::TooLarge => return Err(fault),
            Err(_) => {
                broken += 1;
                continue;
            }
        };
        match chapter(name, &content, budget) {
            Ok(chapter) => draft.append(&chapter)?,
            Err(fault) if fault.kind() == FaultKind::Empty => {}
            Err(_) => broken += 1,
        }
    }
    if broken > 0 {
        draft.meta.insert("broken_chapters".to_owned(), broken.into());
    }
    draft.finish(Kind::Epub).map_err(|fault| if rights.is_some() { needs_password() } else { fault })
}

fn chapter(name: &str, content: &[u8], budget: &Budget<'_>) -> Result<Document, Fault> {
    // Chapters are XHTML whatever they are called; nothing in a book is navigation but what its own parts say.
    let name = if name.ends_with("html") { name } else { "chapter.xhtml" };
    let max_depth = budget.limits.max_nesting as usize;
    let options = ParseOptions {
        max_bytes: budget.output_left(),
        max_depth,
        keep_boilerplate: true,
        ..ParseOptions::default()
    };
    if content.len() > options.max_bytes {
        return Err(too_much_text(options.max_bytes));
    }
    tidegate_text::parse(name, content, &options)
}

/// The name of the part that lists all others.
fn root_file(package: &mut Package<'_>, budget: &mut Budget<'_>) -> Result<String, Fault> {
    if let Some(bytes) = package.read("META-INF/container.xml", budget)? {
        let text = text_of(&bytes);
        let mut xml = Xml::new(&text, budget.limits.max_nesting);
        while let Some(node) = xml.next()? {
            if let Node::Open(tag) = node
                && tag.name() == "rootfile"
                && let Some(path) = tag.attr("full-path")
            {
                return Ok(path);
            }
        }
    }
    let missing = || Fault::new(FaultKind::Malformed, "there is no list of chapters in the file");
    package.names().into_iter().find(|name| name.ends_with(".opf")).ok_or_else(missing)
}

/// Reads what the book says of itself; returns the names of its chapters in order.
fn describe(text: &str, main: &str, draft: &mut Draft, budget: &Budget<'_>) -> Result<Vec<String>, Fault> {
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: HashMap<String, String> = HashMap::new();
    let mut spine = Vec::new();
    let mut authors: Vec<String> = Vec::new();
    let mut xml = Xml::new(text, budget.limits.max_nesting);
    while let Some(node) = xml.next()? {
        let Node::Open(tag) = node else { continue };
        match tag.name() {
            "item" => {
                if let (Some(id), Some(path)) = (tag.attr("id"), tag.attr("href")) {
                    parts.insert(id, resolve(folder, &unescape(&path)));
                }
            }
            "itemref" => spine.extend(tag.attr("idref")),
            "title" if draft.title.is_none() => draft.title = Some(xml.text()?),
            "creator" => authors.push(xml.text()?),
            "language" => draft.set("lang", &xml.text()?),
            "date" => draft.set("date", &xml.text()?),
            "description" => draft.set("description", &xml.text()?),
            "publisher" => draft.set("publisher", &xml.text()?),
            _ => {}
        }
    }
    draft.set("author", &authors.join(", "));
    let mut seen = std::collections::HashSet::new();
    spine.retain(|id| seen.insert(id.clone()));
    Ok(spine.into_iter().filter_map(|id| parts.remove(&id)).collect())
}

/// A path of a URL as a path of the archive.
fn unescape(path: &str) -> String {
    let path = path.split(['#', '?']).next().unwrap_or(path);
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = path.get(at + 1..at + 3).filter(|_| *byte == b'%');
        if let Some(value) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            out.push(value);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn paths_are_unescaped_and_lose_their_anchor() {
        assert_eq!(unescape("a%20b.xhtml#c"), "a b.xhtml");
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%C3%A9%zz"), "é%zz");
    }
}
