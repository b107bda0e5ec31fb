//! `parser = "cmd:PROGRAM ARGUMENTS"`: a program that is handed a document and writes its text.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{Cx, Document, Fault, FaultKind};
use tidegate_sandbox::{Limits, ToolJob, Tools, find_tool};

use super::{Asked, Reader, output};

/// A program and what it is given.
pub(super) struct Command {
    tools: Arc<Tools>,
    program: PathBuf,
    arguments: Vec<OsString>,
    limits: Limits,
}

impl Command {
    /// The program that `line` names.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: it is not there.
    pub(super) fn open(line: &str, (tools, limits): (Option<Arc<Tools>>, Limits)) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::new(FaultKind::Config, what);
        let words = words(line).map_err(wrong)?;
        let Some((name, arguments)) = words.split_first() else {
            return Err(wrong("names no program".to_owned()));
        };
        let program = find_tool(name, std::env::var_os("PATH")).ok_or_else(|| {
            wrong(format!("there is no program {name:?}")).hint("install it, or write its whole path")
        })?;
        let tools = tools.ok_or_else(|| {
            wrong("there is nothing to start programs by".to_owned())
                .hint("a program that uses the library names its parser")
        })?;
        Ok(Self { tools, program, arguments: arguments.iter().map(OsString::from).collect(), limits })
    }
}

#[async_trait]
impl Reader for Command {
    async fn read(&self, cx: &Cx, asked: &Asked<'_>) -> Result<Document, Fault> {
        let job = ToolJob {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            bytes: asked.bytes.clone(),
            extension: extension(asked.name),
            limits: self.limits,
        };
        let out =
            self.tools.run(job).await.map_err(|fault| fault.during(format!("parsing {}", asked.format)))?;
        let (options, format) = (asked.options.clone(), asked.format.to_owned());
        cx.compute(u64::MAX, move || output::document(out, &format, &options)).await?
    }
}

/// The extension of a name, as far as one can be part of the name of a file.
pub(super) fn extension(name: &str) -> String {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let plain = extension.len() <= 16 && extension.chars().all(|c| c.is_ascii_alphanumeric());
    if plain { extension.to_owned() } else { String::new() }
}

/// Checks that `line` reads as a command.
///
/// # Errors
/// A fragment that says what is wrong.
pub(crate) fn check(line: &str) -> Result<(), String> {
    match words(line)?.is_empty() {
        true => Err("names no program".to_owned()),
        false => Ok(()),
    }
}

/// The words of a command: parted by spaces, which quotes and backslashes keep. No shell reads them, so nothing else
/// means anything.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '"' | '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        None => return Err(format!("has a {c} that is not closed")),
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => word.extend(chars.next()),
                        Some(other) => word.push(other),
                    }
                }
            }
            '\0' | '\x1f' => return Err("has a control character".to_owned()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_as_people_write_them() {
        let check = |line: &str, expect: &[&str]| assert_eq!(words(line).unwrap(), expect, "{line}");
        check("", &[]);
        check("  pdftotext -layout  {file} - ", &["pdftotext", "-layout", "{file}", "-"]);
        check("a 'b c' \"d \\\"e\\\"\" f\\ g ''", &["a", "b c", "d \"e\"", "f g", ""]);
        check("sh -c 'x | y; $HOME'", &["sh", "-c", "x | y; $HOME"]);
        check("a'b'c", &["abc"]);
        words("'open").unwrap_err();
        words("\"open").unwrap_err();
        words("a\0").unwrap_err();
        super::check(" ").unwrap_err();
    }

    #[test]
    fn extensions_are_plain() {
        assert_eq!(extension("a/b.PDF"), "PDF");
        assert_eq!(extension("a"), "");
        assert_eq!(extension("a.b/c"), "");
        assert_eq!(extension("a.ä"), "");
    }
}
