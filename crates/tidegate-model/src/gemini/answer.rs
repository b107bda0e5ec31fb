//! What is answered. The pieces of a stream have the form of whole answers; the last one says why the model stopped.

use serde::Deserialize;
use serde_json::Value;

use crate::ask::Finish;
use crate::count::Count;
use crate::draft::{Draft, Wrong};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Answer {
    error: Option<Value>,
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<Feedback>,
    usage_metadata: Option<Used>,
    model_version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Candidate {
    index: Option<Count>,
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part {
    text: Option<String>,
    /// Whether the model only thinks this.
    thought: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Feedback {
    block_reason: Option<String>,
}

/// What was used. Cached tokens are among those of the prompt; thoughts are not among those of the candidates.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Used {
    pub(super) prompt_token_count: Option<Count>,
    tool_use_prompt_token_count: Option<Count>,
    cached_content_token_count: Option<Count>,
    candidates_token_count: Option<Count>,
    thoughts_token_count: Option<Count>,
}

/// The answer in `body`.
pub(crate) fn read(body: &[u8]) -> Result<Draft, Wrong> {
    let mut draft = Draft::default();
    event(body, &mut draft, &mut String::new())?;
    Ok(draft)
}

/// Takes one piece of an answer. Nothing says that a piece is the last one, and some models give a reason for their
/// end with every piece, so what follows one is taken too.
pub(crate) fn event(data: &[u8], draft: &mut Draft, shown: &mut String) -> Result<(), Wrong> {
    let answer: Answer = serde_json::from_slice(data).map_err(Wrong::broken)?;
    if answer.error.is_some() {
        return Err(Wrong::Sent);
    }
    if let Some(model) = answer.model_version {
        draft.model = model;
    }
    if let Some(used) = &answer.usage_metadata {
        tell(used, draft);
    }
    if let Some(reason) = answer.prompt_feedback.and_then(|feedback| feedback.block_reason) {
        draft.stop(Finish::Refusal, &format!("the prompt was blocked: {reason}"));
        draft.ended = true;
    }
    // Only one candidate is asked for.
    let first =
        answer.candidates.unwrap_or_default().into_iter().find(|one| one.index.unwrap_or_default().0 == 0);
    first.map_or(Ok(()), |candidate| take(candidate, draft, shown))
}

fn take(candidate: Candidate, draft: &mut Draft, shown: &mut String) -> Result<(), Wrong> {
    let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
    for text in parts.into_iter().filter(|part| part.thought != Some(true)).filter_map(|part| part.text) {
        draft.say(&text, shown)?;
    }
    if let Some(reason) = candidate.finish_reason.filter(|reason| reason != "FINISH_REASON_UNSPECIFIED") {
        draft.stop(finish(&reason), candidate.finish_message.as_deref().unwrap_or(&reason));
        draft.ended = true;
    }
    Ok(())
}

/// Later pieces of a stream tell sums, not additions.
fn tell(used: &Used, draft: &mut Draft) {
    let of = |count: Option<Count>| count.unwrap_or_default().0;
    draft.usage.input_tokens = of(used.prompt_token_count) + of(used.tool_use_prompt_token_count);
    draft.usage.cached_tokens = of(used.cached_content_token_count);
    draft.usage.output_tokens = of(used.candidates_token_count) + of(used.thoughts_token_count);
}

fn finish(reason: &str) -> Finish {
    match reason {
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => Finish::Filter,
        _ => Finish::Other,
    }
}
