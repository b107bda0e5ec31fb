//! What must become of an item, worked out from its content alone.

use super::plan::Plan;

/// What must become of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Stored as exactly these chunks.
    Stored(Vec<String>),
    /// Put aside in this stage for a fault of this class.
    Aside(&'static str, &'static str),
}

/// The first letter of a line.
pub(crate) fn tag(line: &str) -> char {
    line.chars().next().unwrap_or('w')
}

/// What must become of an item with these lines. At most one line is poisoned.
pub(crate) fn expect(lines: &[String], plan: &Plan) -> Expect {
    for line in lines {
        let aside = match tag(line) {
            'l' => Some(("fetch", "not_a_file")),
            'f' => Some(("fetch", "unreadable")),
            'x' => Some(("split", "malformed")),
            'q' => Some(("split", "panic")),
            'e' if plan.each.is_some() => Some(("each", "validation")),
            'E' if plan.each.is_some() => Some(("each", "panic")),
            'r' | 'R' if plan.embed.is_some() => Some(("embed", "refused")),
            'P' if plan.embed.is_some() => Some(("embed", "panic")),
            's' => Some(("store", "refused")),
            _ => None,
        };
        if let Some((stage, class)) = aside {
            return Expect::Aside(stage, class);
        }
    }
    let kept = |line: &&String| match tag(line) {
        'd' => false,
        'D' => plan.each.is_none(),
        _ => true,
    };
    Expect::Stored(lines.iter().filter(kept).cloned().collect())
}

/// Whether a fault in `stage` may cost the other members of a window.
pub(crate) fn after_window(stage: &str) -> bool {
    matches!(stage, "embed" | "store")
}
