//! What is answered. The lines of a stream have the form of whole answers; the last one says `done`.

use serde::Deserialize;
use serde_json::Value;

use crate::ask::Finish;
use crate::count::Count;
use crate::draft::{Draft, Wrong};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line {
    error: Option<Value>,
    model: Option<String>,
    message: Option<Message>,
    done: Option<bool>,
    done_reason: Option<String>,
    prompt_eval_count: Option<Count>,
    eval_count: Option<Count>,
}

/// A piece of an answer. Thoughts have a field of their own.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Message {
    content: Option<String>,
}

/// The answer in `body`.
pub(crate) fn read(body: &[u8]) -> Result<Draft, Wrong> {
    let mut draft = Draft::default();
    event(body, &mut draft, &mut String::new())?;
    Ok(draft)
}

/// Takes one line of an answer.
pub(crate) fn event(line: &[u8], draft: &mut Draft, shown: &mut String) -> Result<(), Wrong> {
    if draft.ended {
        return Ok(());
    }
    let line: Line = serde_json::from_slice(line).map_err(Wrong::broken)?;
    if line.error.is_some() {
        return Err(Wrong::Sent);
    }
    if let Some(model) = line.model {
        draft.model = model;
    }
    if let Some(text) = line.message.and_then(|message| message.content) {
        draft.say(&text, shown)?;
    }
    if line.done == Some(true) {
        let reason = line.done_reason.unwrap_or_default();
        draft.stop(finish(&reason), &reason);
        draft.ended = true;
        // A prompt whose beginning the server still had is counted as if it were shorter; nothing is paid for.
        draft.usage.input_tokens = line.prompt_eval_count.unwrap_or_default().0;
        draft.usage.output_tokens = line.eval_count.unwrap_or_default().0;
    }
    Ok(())
}

fn finish(reason: &str) -> Finish {
    match reason {
        "stop" => Finish::Stop,
        "length" => Finish::Length,
        // Among them `load` and `unload`, which end an answer that was none.
        _ => Finish::Other,
    }
}
