//! What is answered: whole, or as events of which `message-end` is the last.

use serde::Deserialize;
use serde_json::Value;
use tidegate_core::Usage;

use crate::ask::Finish;
use crate::count::Count;
use crate::draft::{Draft, Wrong};

#[derive(Deserialize)]
struct Answer {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Vec<Block>>,
}

/// A piece of an answer. Only those of type `text` are the answer; others hold thoughts.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

/// What was used: what is paid, and what the model saw, which holds the service's own words too.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Used {
    billed_units: Option<Units>,
    tokens: Option<Units>,
    cached_tokens: Option<Count>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(default)]
pub(super) struct Units {
    pub(super) input_tokens: Option<Count>,
    output_tokens: Option<Count>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    delta: Option<Delta>,
}

#[derive(Deserialize)]
struct Delta {
    /// Of several forms; only one of them holds text.
    #[serde(default)]
    message: Value,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    usage: Option<Used>,
    #[serde(default)]
    error: Option<String>,
}

/// The answer in `body`.
pub(crate) fn read(body: &[u8]) -> Result<Draft, Wrong> {
    let answer: Answer = serde_json::from_slice(body).map_err(Wrong::broken)?;
    let mut draft = Draft::entire();
    let blocks = answer.message.content.unwrap_or_default();
    for text in blocks.into_iter().filter(|block| block.kind == "text").filter_map(|block| block.text) {
        draft.say(&text, &mut String::new())?;
    }
    stop(&mut draft, answer.finish_reason, answer.usage, None)?;
    Ok(draft)
}

/// Takes the data of one event. Events of unknown types say nothing.
pub(crate) fn event(data: &[u8], draft: &mut Draft, shown: &mut String) -> Result<(), Wrong> {
    // `[DONE]` follows.
    if draft.ended {
        return Ok(());
    }
    let event: Event = serde_json::from_slice(data).map_err(Wrong::broken)?;
    match (event.kind.as_str(), event.delta) {
        // Thoughts come in the same events, under another name.
        ("content-start" | "content-delta", Some(delta)) => {
            let text = delta.message.pointer("/content/text").and_then(Value::as_str);
            text.map_or(Ok(()), |text| draft.say(text, shown))
        }
        ("message-end", Some(delta)) => {
            draft.ended = true;
            stop(draft, delta.finish_reason, delta.usage, delta.error)
        }
        _ => Ok(()),
    }
}

/// Notes why the model stopped.
fn stop(
    draft: &mut Draft,
    reason: Option<String>,
    used: Option<Used>,
    error: Option<String>,
) -> Result<(), Wrong> {
    if let Some(used) = used {
        let (billed, seen) = (used.billed_units.unwrap_or_default(), used.tokens.unwrap_or_default());
        let of = |billed: Option<Count>, seen: Option<Count>| billed.or(seen).unwrap_or_default().0;
        let input_tokens = of(billed.input_tokens, seen.input_tokens);
        draft.usage = Usage {
            input_tokens,
            cached_tokens: used.cached_tokens.unwrap_or_default().0.min(input_tokens),
            output_tokens: of(billed.output_tokens, seen.output_tokens),
        };
    }
    let reason = reason.unwrap_or_default();
    if let Some(error) = error.filter(|error| !error.is_empty()) {
        return Err(Wrong::Failed(error));
    }
    match reason.as_str() {
        // The service's own failures, in an answer with a good status.
        "ERROR" | "TIMEOUT" => Err(Wrong::Failed(format!("the model failed: {reason}"))),
        "" => Ok(()),
        _ => {
            draft.stop(finish(&reason), &reason);
            Ok(())
        }
    }
}

fn finish(reason: &str) -> Finish {
    match reason {
        "COMPLETE" | "STOP_SEQUENCE" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "TOOL_CALL" => Finish::ToolUse,
        "ERROR_TOXIC" => Finish::Filter,
        _ => Finish::Other,
    }
}
