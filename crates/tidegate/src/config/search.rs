//! `[search]`: what decides the order of what is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::Fault;
use tidegate_store::search::Weights;

use super::model::Config;
use super::model_ref::ModelRef;
use super::stage::Embed;
use super::validate::{MOST_WORDS, Rules};

/// As many hits as a search gives at most.
const MOST_HITS: usize = 1_000;
/// Beyond this ratio, the smaller weight says nothing.
const MOST_WEIGHT: f64 = 100.0;

/// What decides the order of what `search`, `ask` and `eval` find. Scores from 0 to 1 are averaged: of words, BM25 by
/// the query's best; of meaning, the cosine. These change nothing that is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// What words count in a hybrid search, up to 100; only its ratio to `vector_weight` matters.
    pub text_weight: f64,
    /// What meaning counts in a hybrid search, up to 100.
    pub vector_weight: f64,
    /// A better model that looks once more at the first hits of every search: "minilm", "./FOLDER" or
    /// "PROVIDER:MODEL"; "none" if nothing does. Each chunk is embedded once, when it is first among these.
    pub rescore: ModelRef,
    /// How many hits the better model looks at, up to 1000.
    pub rescore_top: usize,
    /// Words that go before every hit that the better model looks at, for models that were trained so. Where it is empty,
    /// a model on this machine goes by its own files, and one that the embed stage names too by what stands there.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(example = &"passage: ")]
    pub rescore_document_prefix: String,
    /// Words that go before every question to the better model, likewise.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(example = &"query: ")]
    pub rescore_query_prefix: String,
    /// What the better model's cosine counts beside the first score, which counts 1; up to 100.
    pub rescore_weight: f64,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            text_weight: 1.0,
            vector_weight: 1.0,
            rescore: ModelRef::None,
            rescore_top: 100,
            rescore_document_prefix: String::new(),
            rescore_query_prefix: String::new(),
            rescore_weight: 1.0,
        }
    }
}

impl Search {
    /// What each leg of a hybrid search counts.
    #[must_use]
    pub fn weights(&self) -> Weights {
        Weights { text: self.text_weight, vector: self.vector_weight }
    }
}

impl Config {
    /// How the model that looks at hits once more embeds, if there is one: as the embed stage says where that names the
    /// same model, else as usual.
    #[must_use]
    pub fn rescore(&self) -> Option<Embed> {
        let model = &self.search.rescore;
        if *model == ModelRef::None {
            return None;
        }
        let same = self.embed().filter(|embed| embed.model == *model);
        let mut embed = same.cloned().unwrap_or_else(|| Embed { model: model.clone(), ..Embed::default() });
        for (own, words) in [
            (&mut embed.document_prefix, &self.search.rescore_document_prefix),
            (&mut embed.query_prefix, &self.search.rescore_query_prefix),
        ] {
            if !words.is_empty() {
                own.clone_from(words);
            }
        }
        Some(embed)
    }
}

impl Rules<'_> {
    /// Weights that can be averaged with, and a number of hits that there may be.
    pub(super) fn search(&self) -> Result<(), Fault> {
        let search = &self.config.search;
        for (key, weight) in [
            ("search.text_weight", search.text_weight),
            ("search.vector_weight", search.vector_weight),
            ("search.rescore_weight", search.rescore_weight),
        ] {
            let must = format!("({weight}) must be from 0 to {MOST_WEIGHT}");
            self.need((0.0..=MOST_WEIGHT).contains(&weight), key, &must, "1 counts each score alike")?;
        }
        for (key, words) in [
            ("search.rescore_document_prefix", &search.rescore_document_prefix),
            ("search.rescore_query_prefix", &search.rescore_query_prefix),
        ] {
            let taken = words.is_empty() || !matches!(search.rescore, ModelRef::None | ModelRef::Builtin);
            let hint = "set rescore too, or leave it out";
            self.need(taken, key, "belongs to a model that was trained with words", hint)?;
            let must = format!("has more than {MOST_WORDS} bytes");
            self.need(words.len() <= MOST_WORDS, key, &must, "")?;
        }
        let some = search.text_weight + search.vector_weight > 0.0;
        let must = "and search.text_weight are both 0, so that nothing would count";
        let hint = "to search for words alone or meaning alone, use --mode";
        self.need(some, "search.vector_weight", must, hint)?;
        let must = format!("({}) must be from 1 to {MOST_HITS}", search.rescore_top);
        self.need((1..=MOST_HITS).contains(&search.rescore_top), "search.rescore_top", &must, "")
    }
}
