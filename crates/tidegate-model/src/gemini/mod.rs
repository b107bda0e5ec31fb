//! Gemini's wire format: `:batchEmbedContents`, `:generateContent`, `:streamGenerateContent?alt=sse`.

mod answer;
mod ask;
mod embed;

pub(crate) use answer::{event, read};
pub(crate) use ask::body;
pub(crate) use embed::{embed_body, embed_read};
