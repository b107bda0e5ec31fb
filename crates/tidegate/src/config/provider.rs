//! `[providers.NAME]`: services that models run at, and how fast they may be called.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::period::Period;
use super::secret::SecretRef;

/// Whether a second try is begun where the first one takes unusually long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hedge {
    /// Where a repeat costs little: embeddings and rankings, not long answers.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// A service that models run at. NAME is what comes before the colon of a model; where it is the name of a profile
/// (openai, anthropic, gemini, cohere, ollama, voyage, ...), the profile fills in what is left out here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    /// The profile that says how the service is spoken to; NAME if left out, "compatible" for any other service that
    /// speaks as OpenAI's does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"compatible")]
    pub profile: Option<String>,
    /// Where the service is, without the path of a single call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"http://localhost:8000/v1")]
    pub base_url: Option<String>,
    /// Where the key is: { env = "OPENAI_API_KEY" } or { file = "key.txt" }. It is never printed or stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// The most requests a minute; 0 if not known: it is then learned from what the service says.
    pub requests_per_minute: u64,
    /// The most tokens a minute, sent and answered together; 0 if not known.
    pub tokens_per_minute: u64,
    /// The most tokens sent a minute, where the service counts them apart; 0 if it does not.
    pub input_tokens_per_minute: u64,
    /// The most tokens answered a minute, where the service counts them apart; 0 if it does not.
    pub output_tokens_per_minute: u64,
    /// The most texts a minute, where the service counts these; 0 if it does not.
    pub inputs_per_minute: u64,
    /// Requests in flight; 0 finds out how many the service bears.
    pub concurrency: u32,
    /// The most requests in flight where the number is found out.
    pub max_concurrency: u32,
    /// How long to wait for the first byte of an answer; "0s" takes 30s for embeddings and 120s for answers.
    pub timeout: Period,
    /// Whether a second try is begun where the first takes unusually long: "auto", "on" or "off".
    pub hedge: Hedge,
    /// The most tokens that a question and its answer may have together; 0 takes what is known of the model. Records
    /// that are longer are put aside before they are sent.
    pub context_tokens: u64,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            profile: None,
            base_url: None,
            key: None,
            requests_per_minute: 0,
            tokens_per_minute: 0,
            input_tokens_per_minute: 0,
            output_tokens_per_minute: 0,
            inputs_per_minute: 0,
            concurrency: 0,
            max_concurrency: 64,
            timeout: Period::from_millis(0),
            hedge: Hedge::Auto,
            context_tokens: 0,
        }
    }
}
