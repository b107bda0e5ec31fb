//! Rankings.

use serde::Deserialize;

use crate::ask::{Ranked, Ranking};
use crate::draft::Wrong;
use crate::object::Object;
use crate::ranker::Ranker;

/// The body that asks for the order of the documents of `item`.
pub(crate) fn rerank_body(ranker: &Ranker, item: &Ranking) -> Object {
    let api = ranker.api();
    let body = Object::new()
        .with("model", ranker.service().model())
        .with("query", &*item.query)
        .with(&api.documents, &item.documents);
    match &api.top {
        Some(field) if item.top > 0 => body.with(field, &item.wanted()),
        _ => body,
    }
    .with_table(&api.extra)
}

#[derive(Deserialize)]
struct Body {
    results: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    index: u32,
    relevance_score: f32,
}

/// The documents in `body`, in whichever order they came.
pub(crate) fn rerank_read(body: &[u8]) -> Result<Vec<Ranked>, Wrong> {
    let body: Body = serde_json::from_slice(body).map_err(Wrong::broken)?;
    Ok(body.results.iter().map(|entry| Ranked { index: entry.index, score: entry.relevance_score }).collect())
}
