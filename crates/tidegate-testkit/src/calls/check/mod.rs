//! The checker: what was sent, what was answered, and what became of everything, held against what was promised.

mod blame;
mod case;
mod ends;
mod pace;
mod paid;
mod parts;
mod visits;

pub(crate) use case::{Case, Inspector};

/// Everything that should not have happened.
pub(crate) fn all(case: &Case<'_>) -> Vec<String> {
    let mut found = ends::check(case);
    found.extend(blame::check(case));
    found.extend(paid::check(case));
    found.extend(pace::check(case));
    found.extend(parts::check(case));
    found.extend(visits::check(case));
    found
}
