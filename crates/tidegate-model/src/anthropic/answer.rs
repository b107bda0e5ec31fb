//! What is answered.

use serde::Deserialize;
use tidegate_core::Usage;

use crate::ask::Finish;
use crate::count::Count;
use crate::draft::{Draft, Wrong};

#[derive(Deserialize)]
struct Answer {
    content: Vec<Block>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_details: Option<StopDetails>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Used,
}

/// A piece of an answer. Only those of type `text` are the answer; others hold thoughts and tools.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

/// More about a refusal.
#[derive(Deserialize, Default)]
pub(super) struct StopDetails {
    #[serde(default)]
    explanation: Option<String>,
}

/// What was used. Tokens that are read from a cache or written into one are not among `input_tokens`.
#[derive(Deserialize, Default, Clone, Copy)]
#[serde(default)]
pub(super) struct Used {
    input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    output_tokens: Option<Count>,
}

impl Used {
    /// Writes what it tells into `usage`. In streams, later reports are cumulative, and may leave out what has not
    /// changed.
    pub(super) fn tell(self, usage: &mut Usage) {
        let sent = [self.input_tokens, self.cache_creation_input_tokens, self.cache_read_input_tokens];
        if sent.iter().any(Option::is_some) {
            usage.input_tokens = sent.iter().flatten().map(|count| count.0).sum();
            usage.cached_tokens = self.cache_read_input_tokens.unwrap_or_default().0;
        }
        if let Some(answered) = self.output_tokens {
            usage.output_tokens = answered.0;
        }
    }
}

/// The answer in `body`.
pub(crate) fn read(body: &[u8]) -> Result<Draft, Wrong> {
    let answer: Answer = serde_json::from_slice(body).map_err(Wrong::broken)?;
    let mut draft = Draft::entire();
    answer.usage.tell(&mut draft.usage);
    let mut shown = String::new();
    for text in
        answer.content.iter().filter(|block| block.kind == "text").filter_map(|block| block.text.as_deref())
    {
        draft.say(text, &mut shown)?;
    }
    draft.model = answer.model.unwrap_or_default();
    if let Some(reason) = &answer.stop_reason {
        stop(&mut draft, reason, answer.stop_details);
    }
    Ok(draft)
}

/// Notes why the model stopped.
pub(super) fn stop(draft: &mut Draft, reason: &str, details: Option<StopDetails>) {
    let explanation = details.and_then(|details| details.explanation);
    let finish = finish(reason);
    // The service's name for a refusal tells less than the model's own words, which stand in for no words.
    let word = if finish == Finish::Refusal { "" } else { reason };
    draft.stop(finish, explanation.as_deref().unwrap_or(word));
}

fn finish(reason: &str) -> Finish {
    match reason {
        "end_turn" | "stop_sequence" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "refusal" => Finish::Refusal,
        "tool_use" => Finish::ToolUse,
        // Among them `pause_turn`: the service would go on if asked again.
        _ => Finish::Other,
    }
}
