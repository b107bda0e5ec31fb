//! Texts that prompts take from other files: put in their places when the job is read, so that what is run is what was
//! read, also when it is run again from memory.
//!
//! The template language could look for files itself while it renders. It is not let: a template is handed values and
//! reads nothing.

use std::path::{Path, PathBuf};

use tidegate_core::{Fault, FaultKind};

use crate::config::file::load_prompt;

/// Files within files deeper than this include each other.
const DEEPEST: usize = 8;
/// Longer than what any model reads, in bytes.
const LONGEST: usize = 4 << 20;

/// `template` with the files of `folder` that it includes, and those that these include, in their places.
///
/// # Errors
/// [`FaultKind::Config`]: a file that cannot be read; files that include each other; too much of them.
pub(super) fn expand(template: &str, folder: &Path) -> Result<String, Fault> {
    let mut text = String::with_capacity(template.len());
    expand_into(&mut text, template, (folder, DEEPEST))?;
    Ok(text)
}

/// The files of `folder` that `template` includes, and those that these include. What cannot be read is named all the
/// same: to say what is wrong with it is for whoever fills the template in.
pub(super) fn named(template: &str, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    name_into(&mut found, template, (folder, DEEPEST));
    found
}

/// The same of what is in `file`.
pub(super) fn named_in_file(file: &Path, folder: &Path) -> Vec<PathBuf> {
    load_prompt(file).map(|text| named(&text, folder)).unwrap_or_default()
}

fn name_into(found: &mut Vec<PathBuf>, template: &str, (folder, deep): (&Path, usize)) {
    let mut rest = template;
    while let Some((_, name, after)) = first(rest) {
        let file = folder.join(name);
        if deep > 0
            && !found.contains(&file)
            && let Ok(text) = load_prompt(&file)
        {
            found.push(file);
            name_into(found, &text, (folder, deep - 1));
        }
        rest = after;
    }
}

fn expand_into(text: &mut String, template: &str, (folder, deep): (&Path, usize)) -> Result<(), Fault> {
    let refuse = |what: &str| Err(Fault::new(FaultKind::Config, what.to_owned()));
    let mut rest = template;
    while let Some((before, name, after)) = first(rest) {
        text.push_str(before);
        if deep == 0 {
            return refuse(&format!("{name}: files are included in files more than {DEEPEST} deep"));
        }
        let included = load_prompt(&folder.join(name))?;
        // The last line end of a file is none of the prompt.
        let included = included.strip_suffix('\n').unwrap_or(&included);
        expand_into(text, included, (folder, deep - 1))?;
        if text.len() > LONGEST {
            return refuse("with all that it includes, it is longer than 4 MiB");
        }
        rest = after;
    }
    text.push_str(rest);
    Ok(())
}

/// The first `{% include "NAME" %}`: what stands before it, its name, and what stands behind. One whose name is computed
/// is left as it is, which the template language refuses.
fn first(template: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = template[from..].find("{%").map(|at| from + at) {
        let tag = &template[at + 2..];
        if let Some((name, after)) = included(tag) {
            return Some((&template[..at], name, after));
        }
        from = at + 2;
    }
    None
}

fn included(tag: &str) -> Option<(&str, &str)> {
    let rest = tag.trim_start_matches(['-', '+']).trim_start().strip_prefix("include")?.trim_start();
    let quote = rest.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let (name, rest) = rest[1..].split_once(quote)?;
    let rest = rest.trim_start().trim_start_matches(['-', '+']).strip_prefix("%}")?;
    Some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_prompt_includes_stands_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("a.md"), "A {% include 'b/c.md' %} {{ text }}\n").unwrap();
        std::fs::write(folder.path().join("b/c.md"), "C").unwrap();
        let whole = |template: &str| expand(template, folder.path());
        assert_eq!(
            whole("x {% include \"a.md\" %} y {%- include 'b/c.md' -%} z").unwrap(),
            "x A C {{ text }} y C z"
        );
        for kept in [
            "{% if include %}",
            "{% include x %}",
            "{% include 'a.md' ignore missing %}",
            "{%",
            "{% include '",
        ] {
            assert_eq!(whole(kept).unwrap(), kept);
        }
        let names = named("{% include 'a.md' %}{% include 'none.md' %}", folder.path());
        assert_eq!(names, [folder.path().join("a.md"), folder.path().join("b/c.md")]);
        assert!(whole("{% include 'none.md' %}").unwrap_err().to_string().contains("none.md"));
        std::fs::write(folder.path().join("a.md"), "{% include 'a.md' %}").unwrap();
        assert!(whole("{% include 'a.md' %}").unwrap_err().to_string().contains("deep"));
    }
}
