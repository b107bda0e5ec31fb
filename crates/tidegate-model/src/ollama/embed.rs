//! Embeddings.

use serde::Deserialize;
use tidegate_core::Usage;

use crate::ask::Text;
use crate::count::Count;
use crate::draft::Wrong;
use crate::embedding::Embedding;
use crate::family::Vectors;
use crate::object::Object;
use crate::vector::Wire;

/// The body that asks for vectors of `items`.
pub(crate) fn embed_body(embedding: &Embedding, items: &[Text]) -> Object {
    let api = embedding.api();
    let texts: Vec<&str> = items.iter().map(|item| &*item.text).collect();
    let mut body = Object::new().with("model", embedding.service().model()).with("input", &texts);
    if let (Some(field), Some(dimensions)) = (&api.dimensions, embedding.asked()) {
        body = body.with(field, &dimensions);
    }
    body.with_table(&api.extra)
}

#[derive(Deserialize)]
struct Body {
    embeddings: Vec<Wire>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<Count>,
}

/// The vectors in `body`, in the order of the texts: they have no index.
pub(crate) fn embed_read(body: &[u8]) -> Result<Vectors, Wrong> {
    let body: Body = serde_json::from_slice(body).map_err(Wrong::broken)?;
    Ok(Vectors {
        vectors: body.embeddings,
        usage: body.prompt_eval_count.map(|count| Usage { input_tokens: count.0, ..Usage::default() }),
        model: body.model,
    })
}
