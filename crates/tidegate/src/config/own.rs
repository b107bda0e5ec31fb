//! `[[stage]] type = "exec"`: a program of the user's own works on each record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::map::Exec;
use super::period::Period;

/// A program that works on each record: lines of JSON in, lines of JSON out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OwnProgram {
    /// What the stage is called in reports; needed where there are several of its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"score")]
    pub name: Option<String>,
    /// Hands over only records for which this holds; the others pass by unchanged. An expression in the language of jq
    /// over `text`, `heading`, `title`, `source` and `fields`, such as .fields.lang == "en".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"(.text | length) > 200")]
    pub when: Option<String>,
    /// The program and its arguments, such as ["python3", "score.py"]. No shell parts them; "./NAME" is a program in
    /// the folder.
    pub exec: Vec<String>,
    /// Processes that work at once; 0 means one for each core.
    pub processes: usize,
    /// How long a record may take.
    pub timeout: Period,
    /// How long a process may take until it reads.
    pub start_timeout: Period,
    /// Whether records are told apart by an `_id`; else the program answers each with one line, in their order.
    pub ids: bool,
    /// The folder in which the program is started, from that of this file, which it is where nothing is said.
    pub folder: String,
}

impl Default for OwnProgram {
    fn default() -> Self {
        let Exec { line, processes, timeout, start_timeout, ids, output: _, folder } = Exec::default();
        Self { name: None, when: None, exec: line, processes, timeout, start_timeout, ids, folder }
    }
}

impl OwnProgram {
    /// The same as a step of a map job says it.
    pub(crate) fn program(&self) -> Exec {
        let Self { name: _, when: _, exec, processes, timeout, start_timeout, ids, folder } = self.clone();
        Exec { line: exec, processes, timeout, start_timeout, ids, folder, ..Exec::default() }
    }
}
