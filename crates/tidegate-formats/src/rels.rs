//! Which part of an Office file points to which.

use std::collections::HashMap;

use tidegate_core::Fault;

use crate::budget::Budget;
use crate::package::Package;
use crate::xml::{Node, Xml, text_of};

/// Where a part points to.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// The last word of the relationship's type: `slide`, `styles`, `notesSlide`.
    pub(crate) kind: String,
    /// The name of the part it points to.
    pub(crate) target: String,
}

/// The links of a part by their ids; empty if it has none.
pub(crate) fn links(
    package: &mut Package<'_>,
    part: &str,
    budget: &mut Budget<'_>,
) -> Result<HashMap<String, Link>, Fault> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let name =
        if folder.is_empty() { format!("_rels/{file}.rels") } else { format!("{folder}/_rels/{file}.rels") };
    let mut out = HashMap::new();
    let Some(bytes) = package.read(&name, budget)? else { return Ok(out) };
    let text = text_of(&bytes);
    let mut xml = Xml::new(&text, budget.limits.max_nesting);
    while let Some(node) = xml.next()? {
        let Node::Open(tag) = node else { continue };
        let external = tag.attr("TargetMode").is_some_and(|mode| mode == "External");
        if let (false, Some(id), Some(kind), Some(target)) =
            (external, tag.attr("Id"), tag.attr("Type"), tag.attr("Target"))
        {
            let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
            out.insert(id, Link { kind, target: resolve(folder, &target) });
        }
    }
    Ok(out)
}

/// The first link of a kind.
pub(crate) fn first<'l>(links: &'l HashMap<String, Link>, kind: &str) -> Option<&'l str> {
    links.values().find(|link| link.kind == kind).map(|link| link.target.as_str())
}

/// A target as a part's name: relative to the folder of the part that names it, unless it begins with a slash.
pub(crate) fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn targets_are_relative_to_their_folder_and_never_leave_the_file() {
        assert_eq!(resolve("ppt", "slides/slide1.xml"), "ppt/slides/slide1.xml");
        assert_eq!(resolve("ppt/slides", "../notesSlides/n.xml"), "ppt/notesSlides/n.xml");
        assert_eq!(resolve("xl", "/xl/sheet.xml"), "xl/sheet.xml");
        assert_eq!(resolve("xl", "../../../../etc/passwd"), "etc/passwd");
    }
}
