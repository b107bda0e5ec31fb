//! `/v1/embeddings`.

use serde_json::Value;

use super::models::model;
use crate::provider::request::Request;
use crate::provider::script::Script;
use crate::provider::wire::asked::{Asked, Detail, EmbedAsk, Text, UsualCaps};
use crate::provider::wire::fields::{bad_field, dimensions, kind_of, object};
use crate::provider::wire::values::{push_base64, push_floats, push_json};
use crate::provider::wire::{Complaint, Row};

const CAPS: UsualCaps = UsualCaps { inputs: 2_048, tokens_per_input: 8_192, tokens_per_request: 300_000 };

/// Reads `/v1/embeddings`; `deployment` is the model where the path names it.
pub(in crate::provider::wire) fn read_embeddings(
    request: &Request,
    deployment: Option<&str>,
    script: &Script,
) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = model(&mut fields, deployment)?;
    let inputs = match fields.remove("input") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.into_iter().map(text_input).collect::<Result<_, _>>()?,
        Some(other) => {
            return Err(bad_field(
                "input",
                format!("'input' must be a string or a list, not {}", kind_of(&other)),
            ));
        }
        None => return Err(bad_field("input", "you must provide an 'input' parameter")),
    };
    if inputs.is_empty() || inputs.iter().any(String::is_empty) {
        return Err(bad_field("input", "'$.input' is invalid: input cannot be an empty string or list"));
    }
    let base64 = match fields.get("encoding_format").map(Value::as_str) {
        None | Some(Some("float")) => false,
        Some(Some("base64")) => !script.embedding.ignore_base64,
        Some(_) => return Err(bad_field("encoding_format", "'encoding_format' must be float or base64")),
    };
    let dimensions = dimensions(fields.get("dimensions"), "dimensions")?;
    Ok(Asked {
        operation: "embeddings",
        model,
        texts: Text::all(inputs, &script.tokens),
        detail: Detail::Embed(EmbedAsk { dimensions, base64, indexed: true, caps: CAPS, write }),
    })
}

fn text_input(item: Value) -> Result<String, Complaint> {
    match item {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Array(_) => {
            Err(bad_field("input", "this server does not take lists of tokens as input; send text"))
        }
        other => Err(bad_field("input", format!("'input' must hold strings, not {}", kind_of(&other)))),
    }
}

/// Writes the answer.
fn write(asked: &Asked, embed: &EmbedAsk, rows: &[Row]) -> Vec<u8> {
    let width = rows.first().map_or(0, |row| row.values.len());
    let mut out = Vec::with_capacity(200 + rows.len() * (80 + width * if embed.base64 { 6 } else { 12 }));
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (n, row) in rows.iter().enumerate() {
        out.extend_from_slice(if n > 0 { b",{" } else { b"{" });
        out.extend_from_slice(br#""object":"embedding","#);
        if let Some(index) = row.index {
            out.extend_from_slice(format!(r#""index":{index},"#).as_bytes());
        }
        out.extend_from_slice(br#""embedding":"#);
        // Base64 has no way to say null: a server that has one inside falls back to a list.
        if embed.base64 && row.null_at.is_none() {
            push_base64(&mut out, row);
        } else {
            push_floats(&mut out, row);
        }
        out.push(b'}');
    }
    out.extend_from_slice(br#"],"model":"#);
    push_json(&mut out, &asked.model);
    let tokens = asked.input_tokens();
    let usage = format!(r#","usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#);
    out.extend_from_slice(usage.as_bytes());
    out
}
