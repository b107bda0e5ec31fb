//! `exec = ["python3", "score.py"]`: a program of the user's own works on each record.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tidegate_core::Fault;
use toml::Value;

use super::Step;
use super::section::Section;
use super::steps::{expression, name_of};
use crate::config::period::Period;

/// A program that reads records as lines of JSON and writes what it makes of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exec {
    /// The program and its arguments.
    pub line: Vec<String>,
    /// Processes that work at once; 0 means one for each core.
    pub processes: usize,
    /// How long a record may take.
    pub timeout: Period,
    /// How long a process may take until it reads.
    pub start_timeout: Period,
    /// Whether records are told apart by an `_id`; else the program answers them in their order.
    pub ids: bool,
    /// What becomes of an answer.
    pub output: ExecOutput,
    /// The folder of the job, in which the program is started.
    pub folder: String,
}

/// What becomes of an object that a program wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecOutput {
    /// It is the record from here on.
    #[default]
    Record,
    /// Its properties become fields of the record.
    Fields,
    /// It becomes this field of the record.
    Field(String),
}

impl Default for Exec {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            processes: 0,
            timeout: Period::from_millis(30_000),
            start_timeout: Period::from_millis(120_000),
            ids: true,
            output: ExecOutput::Record,
            folder: String::new(),
        }
    }
}

impl Exec {
    /// The same without what changes how a run goes but not what it makes.
    pub(super) fn decisive(&self) -> Self {
        let Self { line, ids, output, .. } = self.clone();
        Self { line, ids, output, ..Self::default() }
    }
}

pub(super) const KEYS: [&str; 9] =
    ["name", "when", "exec", "processes", "timeout", "start_timeout", "ids", "output", "merge"];
/// More processes than any machine has cores.
pub(in crate::config) const MOST_PROCESSES: u64 = 1_024;
const WANTED: &str = "write the program and its arguments, such as exec = [\"python3\", \"score.py\"]";

/// Reads the step `section`, whose files are in `folder`; `None` if it runs no program.
///
/// # Errors
/// What is unknown, missing or of the wrong kind, and where it stands.
pub(super) fn read(section: &Section<'_>, at: usize, folder: &Path) -> Result<Option<Step>, Fault> {
    if section.value("exec").is_none() {
        return Ok(None);
    }
    section.only(&KEYS)?;
    let usual = Exec::default();
    let exec = Exec {
        line: line(section)?,
        processes: section.whole("processes", 1..=MOST_PROCESSES)?.unwrap_or_default() as usize,
        timeout: period(section, "timeout")?.unwrap_or(usual.timeout),
        start_timeout: period(section, "start_timeout")?.unwrap_or(usual.start_timeout),
        ids: section.value("ids").is_none() || section.flag("ids")?,
        output: output(section)?,
        folder: absolute(folder),
    };
    Ok(Some(Step {
        name: name_of(section, at)?,
        when: expression(section, "when")?,
        exec: Some(Box::new(exec)),
        ..Step::default()
    }))
}

fn line(section: &Section<'_>) -> Result<Vec<String>, Fault> {
    if let Some(Value::String(_)) = section.value("exec") {
        return Err(section.refuse("exec", "exec is one text, and no shell parts it").hint(WANTED));
    }
    let line = section.texts("exec")?;
    match wrong(&line) {
        Some(what) => Err(section.refuse("exec", format!("exec {what}")).hint(WANTED)),
        None => Ok(line),
    }
}

/// What is wrong with a program and its arguments.
pub(in crate::config) fn wrong(line: &[String]) -> Option<&'static str> {
    if line.first().is_none_or(|program| program.trim().is_empty()) {
        return Some("names no program");
    }
    line.iter().any(|word| word.contains(['\0', '\x1f'])).then_some("has a control character")
}

fn period(section: &Section<'_>, key: &str) -> Result<Option<Period>, Fault> {
    let Some(text) = section.text(key)? else { return Ok(None) };
    match text.parse::<Period>() {
        Ok(period) if period > Period::from_millis(0) => Ok(Some(period)),
        Ok(_) => Err(section.refuse(key, format!("{key} must be longer than nothing"))),
        Err(what) => Err(section.refuse(key, format!("{key}: {what}"))),
    }
}

fn output(section: &Section<'_>) -> Result<ExecOutput, Fault> {
    match (section.text("output")?, section.flag("merge")?) {
        (Some(_), true) => {
            let fault = section.refuse("output", "output stands beside merge = true");
            Err(fault.hint("leave one of them out: merged, each property is a field of the record"))
        }
        (Some(field), false) => Ok(ExecOutput::Field(field)),
        (None, true) => Ok(ExecOutput::Fields),
        (None, false) => Ok(ExecOutput::Record),
    }
}

/// What is repeated later may be repeated from elsewhere.
pub(in crate::config) fn absolute(folder: &Path) -> String {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = std::path::absolute(here).unwrap_or_else(|_| here.to_owned());
    folder.components().as_path().to_string_lossy().into_owned()
}
