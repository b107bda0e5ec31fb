//! A map job: what is asked about every record of a data set, and what becomes of the answers.
//!
//! A job has a file of its own shape, because what a pipeline names (where records come from and go to) stands on the
//! command line here, and because its steps hold what a flat table of settings cannot: examples, schemas, several
//! fields. Providers, limits, the store and rules for the input are those of a pipeline, written and checked as there.

mod exec;
mod file;
mod includes;
mod named;
mod output;
mod renewed;
mod response;
mod schema;
mod section;
mod steps;
mod table;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use exec::{Exec, ExecOutput};
pub(super) use exec::{MOST_PROCESSES, absolute, wrong};
pub use file::{MapOptions, load_map};
pub use renewed::renewed;
pub use schema::job_schema;
#[cfg(feature = "parquet")]
pub(crate) use table::properties;
pub use table::{ColumnType, OutputFormat, OutputPacking, TableInput};

use super::model_ref::ModelRef;

/// What a run does to every record of a data set. It travels with [`super::Config`], so that a run can be repeated
/// from what was remembered of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Map {
    /// What happens to each record, in order.
    pub steps: Vec<Step>,
    /// Only records for which this expression holds are worked on; the others are left out of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Fields that tell what a record belongs to; their values stand in logs and in the quarantine.
    pub context: Vec<String>,
    /// Whether rows may be written as they are done rather than in the order of the input.
    pub unordered: bool,
    /// Only so many rows are read; 0 means all.
    pub limit: u64,
    /// Types of columns, where rows become a table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<(String, String)>,
    /// The file that the job was read from; none where nobody knows any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<JobFile>,
    /// Whether the output lies among the inputs, and is left out of them.
    #[serde(skip)]
    pub left_out: bool,
}

/// The file of a job, and what was typed beside it that its remembered settings do not say apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobFile {
    /// Its path, absolute.
    pub path: String,
    /// `--base-url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The file of a pipeline that it shares settings with, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// One thing that happens to a record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// What it is called in reports, in the quarantine and, where nothing else is said, in the output.
    pub name: String,
    /// Only records for which this expression holds; the others pass by unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Records for which this expression does not hold are left out of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Fields, and what makes their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(String, Setting)>,
    /// The only fields that stay; all, if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// Fields that go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// What is asked, where a model is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Box<Prompt>>,
    /// The program that works on it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Box<Exec>>,
}

/// What makes the value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// An expression over the record.
    Value(String),
    /// A text with fields of the record filled in.
    Template(String),
}

/// What a model is asked about a record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// What answers.
    pub model: ModelRef,
    /// What the model is told first, as a template; empty for nothing.
    pub system: String,
    /// What is asked, as a template over the fields of the record.
    pub prompt: String,
    /// Questions with their answers that go before, as templates.
    pub examples: Vec<Example>,
    /// The JSON Schema that answers must follow, where they are not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The field that takes the answer; empty where its properties become fields of the record themselves.
    pub output: String,
    /// The most tokens of an answer.
    pub max_tokens: u32,
    /// How freely words are chosen; `None` leaves it to the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Only words within this share of probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// For answers that can be had again, as far as the service goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Texts at which the model stops.
    pub stop: Vec<String>,
    /// Records asked about at once; 0 means as many as the provider may have in flight.
    pub concurrency: usize,
}

/// A question and what it should be answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Example {
    /// The question.
    pub prompt: String,
    /// The answer.
    pub answer: String,
}

impl Map {
    /// The same without what changes how a run goes but not what it makes.
    pub(super) fn decisive(&self) -> Self {
        let mut map = Self {
            unordered: false,
            limit: 0,
            context: Vec::new(),
            file: None,
            left_out: false,
            ..self.clone()
        };
        for ask in map.steps.iter_mut().filter_map(|step| step.ask.as_mut()) {
            ask.concurrency = 0;
        }
        for exec in map.steps.iter_mut().filter_map(|step| step.exec.as_mut()) {
            **exec = exec.decisive();
        }
        map
    }
}
