//! What an Office or OpenDocument file says of itself.

use tidegate_core::Fault;

use crate::budget::Budget;
use crate::draft::Draft;
use crate::package::Package;
use crate::xml::{Node, Xml, text_of};

/// Reads title, author, dates and the like from the part `name`, if it is there and in order: a document with broken
/// properties is still a document.
pub(crate) fn read(
    package: &mut Package<'_>,
    name: &str,
    draft: &mut Draft,
    budget: &mut Budget<'_>,
) -> Result<(), Fault> {
    if let Some(bytes) = package.read(name, budget)? {
        let _ = fields(&text_of(&bytes), draft, budget.limits.max_nesting);
    }
    Ok(())
}

fn fields(text: &str, draft: &mut Draft, max_nesting: u32) -> Result<(), Fault> {
    let mut xml = Xml::new(text, max_nesting);
    let mut tags = String::new();
    while let Some(node) = xml.next()? {
        let Node::Open(tag) = node else { continue };
        let field = match tag.name() {
            "title" => {
                let title = xml.text()?;
                draft.title = Some(title).filter(|title| is_a_title(title));
                continue;
            }
            "initial-creator" => "author",
            // OpenDocument calls the last editor the creator.
            "creator" if draft.meta.contains_key("author") => continue,
            "creator" => "author",
            "created" | "creation-date" => "date",
            "modified" => "modified",
            "date" if draft.meta.contains_key("date") => "modified",
            "date" => "date",
            "description" => "description",
            "subject" => "subject",
            "language" => "lang",
            "keywords" | "keyword" => {
                if !tags.is_empty() {
                    tags.push_str(", ");
                }
                tags.push_str(&xml.text()?);
                draft.set("tags", &tags);
                continue;
            }
            _ => continue,
        };
        let value = xml.text()?;
        draft.set(field, &value);
    }
    Ok(())
}

/// Programs put their templates' titles in; those would stand above every chunk.
pub(crate) fn is_a_title(title: &str) -> bool {
    let lower = title.trim().to_lowercase();
    let default = [
        "powerpoint presentation",
        "slide 1",
        "untitled",
        "word document",
        "presentation title",
        "presentation",
        "title",
    ];
    !lower.is_empty() && !default.contains(&lower.as_str()) && !lower.starts_with("microsoft word - ")
}
