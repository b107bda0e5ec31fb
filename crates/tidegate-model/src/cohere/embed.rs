//! Embeddings.

use serde::Deserialize;
use tidegate_core::Usage;

use super::answer::Units;
use crate::ask::Text;
use crate::draft::Wrong;
use crate::embedding::Embedding;
use crate::family::{Vectors, task_value};
use crate::object::Object;
use crate::vector::Wire;

/// The body that asks for vectors of `items`.
pub(crate) fn embed_body(embedding: &Embedding, items: &[Text]) -> Object {
    let api = embedding.api();
    let texts: Vec<&str> = items.iter().map(|item| &*item.text).collect();
    let mut body = Object::new()
        .with("model", embedding.service().model())
        .with("texts", &texts)
        .with("embedding_types", &["float"]);
    if let Some(task) = &api.task {
        body = body.with(&task.field, task_value(task, embedding.task()));
    }
    if let (Some(field), Some(dimensions)) = (&api.dimensions, embedding.asked()) {
        body = body.with(field, &dimensions);
    }
    body.with_table(&api.extra)
}

#[derive(Deserialize)]
struct Body {
    embeddings: ByType,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct ByType {
    float: Vec<Wire>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    billed_units: Option<Units>,
}

/// The vectors in `body`, in the order of the texts: they have no index.
pub(crate) fn embed_read(body: &[u8]) -> Result<Vectors, Wrong> {
    let body: Body = serde_json::from_slice(body).map_err(Wrong::broken)?;
    let tokens = body.meta.and_then(|meta| meta.billed_units?.input_tokens);
    Ok(Vectors {
        vectors: body.embeddings.float,
        usage: tokens.map(|count| Usage { input_tokens: count.0, ..Usage::default() }),
        model: None,
    })
}
