//! What is answered piece by piece: events with names, of which `message_stop` is the last.

use serde::Deserialize;

use super::answer::{StopDetails, Used, stop};
use crate::draft::{Draft, Wrong};

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    content_block: Option<Piece>,
    #[serde(default)]
    delta: Option<Piece>,
    #[serde(default)]
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Used>,
}

/// A piece, or why the model stopped.
#[derive(Deserialize)]
struct Piece {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_details: Option<StopDetails>,
}

/// Takes the data of one event. Events of unknown names say nothing.
pub(crate) fn event(data: &[u8], draft: &mut Draft, shown: &mut String) -> Result<(), Wrong> {
    if draft.ended {
        return Ok(());
    }
    let event: Event = serde_json::from_slice(data).map_err(Wrong::broken)?;
    match event.kind.as_str() {
        "error" => return Err(Wrong::Sent),
        "message_start" => {
            let message = event.message.ok_or_else(|| Wrong::broken("an answer starts without itself"))?;
            draft.model = message.model.unwrap_or_default();
            message.usage.unwrap_or_default().tell(&mut draft.usage);
        }
        "content_block_start" => say(event.content_block, "text", draft, shown)?,
        "content_block_delta" => say(event.delta, "text_delta", draft, shown)?,
        "message_delta" => {
            event.usage.unwrap_or_default().tell(&mut draft.usage);
            if let Some(Piece { stop_reason: Some(reason), stop_details, .. }) = event.delta {
                stop(draft, &reason, stop_details);
            }
        }
        "message_stop" => draft.ended = true,
        _ => {}
    }
    Ok(())
}

/// Only pieces of `kind` are the answer; others hold thoughts, tools and signatures.
fn say(piece: Option<Piece>, kind: &str, draft: &mut Draft, shown: &mut String) -> Result<(), Wrong> {
    match piece {
        Some(Piece { kind: Some(said), text: Some(text), .. }) if said == kind => draft.say(&text, shown),
        _ => Ok(()),
    }
}
