//! What an answer was made from.

use std::path::Path;

use crate::clean::{clean, fit};
use crate::color::Paint;
use crate::search::relative;

/// The passages that `answer` names, as `[1]`, or all of them if it names none: number, document and headings.
#[must_use]
pub fn passages<'a>(
    passages: impl Iterator<Item = (&'a str, &'a [String])>,
    answer: &str,
    (cwd, columns, paint): (&Path, usize, Paint),
) -> String {
    let all: Vec<(usize, (&str, &[String]))> = passages.enumerate().map(|(at, it)| (at + 1, it)).collect();
    let named = |number: usize| answer.contains(&format!("[{number}]"));
    let any = all.iter().any(|(number, _)| named(*number));
    let mut out = String::from("\n");
    for (number, (source, heading)) in all.into_iter().filter(|(number, _)| !any || named(*number)) {
        let place =
            if heading.is_empty() { String::new() } else { format!("  {}", clean(&heading.join(" › "))) };
        let source = relative(source, cwd);
        let room = columns.saturating_sub(6 + source.chars().count()).max(20);
        out.push_str(&format!(
            "{} {source}{}\n",
            paint.bold(format!("[{number}]")),
            paint.dim(fit(&place, room))
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_answer_names_is_listed() {
        let heading = ["Tides".to_owned(), "Spring".to_owned()];
        let sources = || [("/home/me/a.md", &heading[..]), ("/x/b.md", &[][..])].into_iter();
        let show = |answer| passages(sources(), answer, (Path::new("/home/me"), 80, Paint::default()));
        assert_eq!(show("Twice a month [1]."), "\n[1] a.md  Tides › Spring\n");
        assert_eq!(show("It does not say."), "\n[1] a.md  Tides › Spring\n[2] /x/b.md\n");
    }
}
