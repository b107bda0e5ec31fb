//! `[[stage]] type = "filter"`: only some records go on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::map::Step;

/// Leaving records out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// What the stage is called in reports; needed where there are several of its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"large")]
    pub name: Option<String>,
    /// Records for which this does not hold are left out: documents before the chunk stage, chunks after it. An
    /// expression in the language of jq over `text`, `heading`, `title`, `source` and `fields`.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(example = &"(.text | length) > 200")]
    pub when: String,
}

impl Filter {
    /// The same as a step of a map job says it.
    pub(crate) fn step(&self) -> Step {
        Step { filter: Some(self.when.clone()), ..Step::default() }
    }
}
