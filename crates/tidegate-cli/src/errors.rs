//! A fault as a user reads it: what happened, why, and what to do next.

use std::fmt::Write as _;

use tidegate_core::Fault;
use tidegate_observe::{Paint, clean};

/// Renders a fault: `error: …`, a line for each cause, and the hint. Texts of others are made harmless.
pub fn render(fault: &Fault, paint: Paint) -> String {
    let chain = fault.chain();
    let mut out = String::new();
    // Where something stands (`pipeline.toml:3:1`) reads best on the line of what is wrong with it.
    let (first, causes) = match chain.as_slice() {
        [place, what, causes @ ..] if is_place(place) => (format!("{place}: {what}"), causes),
        [what, causes @ ..] => (what.clone(), causes),
        [] => (fault.kind().name().to_owned(), &[][..]),
    };
    let _ = writeln!(out, "{} {}", paint.error("error:"), clean(&first));
    for cause in causes {
        let _ = writeln!(out, "  {} {}", paint.dim("because:"), clean(cause));
    }
    if let Some(hint) = fault.hint_text() {
        let _ = writeln!(out, "{} {}", paint.warn("hint:"), clean(hint));
    }
    out
}

/// Whether a link of the chain names a place rather than an operation: a flag, a variable, or file:line:column.
fn is_place(link: &str) -> bool {
    let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    let mut parts = link.rsplitn(3, ':');
    link.starts_with("--")
        || link.starts_with("TIDEGATE_")
        || (number(parts.next()) && number(parts.next()) && parts.next().is_some())
}

#[cfg(test)]
mod tests {
    use tidegate_core::FaultKind;

    use super::*;

    #[test]
    fn a_fault_reads_as_what_why_and_what_next() {
        let fault = Fault::new(FaultKind::StorageFull, "the disk is full")
            .during("storing 12 documents\u{1b}[2J")
            .hint("free some space and run it again");
        assert_eq!(
            render(&fault, Paint::default()),
            "error: storing 12 documents[2J\n  because: the disk is full\nhint: free some space and run it again\n"
        );
        let fault = Fault::new(FaultKind::Config, "unknown key `a`").during("p.toml:3:1");
        assert_eq!(render(&fault, Paint::default()), "error: p.toml:3:1: unknown key `a`\n");
        let fault = Fault::new(FaultKind::Config, "does not apply").during("--include");
        assert_eq!(render(&fault, Paint::default()), "error: --include: does not apply\n");
    }
}
