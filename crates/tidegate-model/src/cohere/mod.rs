//! Cohere's wire format: `/v2/embed`, `/v2/chat`, `/v2/rerank`.

mod answer;
mod ask;
mod embed;
mod rerank;

pub(crate) use answer::{event, read};
pub(crate) use ask::body;
pub(crate) use embed::{embed_body, embed_read};
pub(crate) use rerank::{rerank_body, rerank_read};
