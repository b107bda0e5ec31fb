//! Words that a model wants before texts, known by its name where its files do not say.

use crate::bert::Prefixes;

/// Families by a part of their names: what goes before questions, and before passages.
const FAMILIES: &[(&[&str], &str, &str)] = &[
    // E5 was trained with both, and is much worse without.
    (&["e5-small", "e5-base", "e5-large"], "query: ", "passage: "),
    (
        &["bge-small-en", "bge-base-en", "bge-large-en"],
        "Represent this sentence for searching relevant passages: ",
        "",
    ),
];

/// What the first of these names that is known asks for.
pub(crate) fn of(names: &[&str]) -> Option<Prefixes> {
    let known = |name: &&str| {
        let name = name.to_lowercase();
        FAMILIES.iter().find(|(parts, ..)| parts.iter().any(|part| name.contains(part)))
    };
    let (_, query, document) = names.iter().find_map(known)?;
    Some(Prefixes { query: (*query).to_owned(), document: (*document).to_owned() })
}
