//! Models: the embedder that is built in, the tokenizers that measure text, the journal keys of vectors and replies,
//! and what is known of remote models: their wire formats, limits, waits, refusals and prices.
//!
//! This crate must not contain I/O: no files, sockets, threads or clocks. What it needs is compiled in or handed
//! in, and callers decide where it runs. Unsafe code is denied but for one call, in `wide`.

#![deny(unsafe_code)]

mod anthropic;
pub mod ask;
pub mod builtin;
pub mod chatting;
mod cohere;
mod count;
mod draft;
pub mod embedding;
pub mod endpoint;
pub mod family;
pub mod fit;
mod gemini;
#[cfg(test)]
mod golden;
mod half;
pub mod hint;
pub mod journal_key;
mod ndjson;
mod normalise;
mod object;
mod ollama;
pub mod openai;
mod pool;
pub mod price;
pub mod profile;
pub mod quota;
pub mod ranker;
pub mod refusal;
mod same_model;
pub mod secret;
pub mod service;
pub mod sse;
pub mod table;
pub mod tokens;
mod trie;
pub mod vector;
pub mod web;
mod wide;
pub mod wordpiece;

pub use ask::{Chat, ChatParams, Completion, Finish, Message, Ranked, Ranking, Role, Schema, Text};
pub use builtin::Builtin;
pub use chatting::Chatting;
pub use embedding::{EmbedOptions, Embedding};
pub use endpoint::{AuthStyle, Endpoint};
pub use family::{
    AnyChat, AnyEmbedding, AnyRerank, chat_codec, embedding_codec, model_names, prefixed, rerank_codec,
};
pub use half::f16_to_f32;
pub use journal_key::{embedding_key, reply_key};
pub use openai::{OpenaiChat, OpenaiEmbed, OpenaiRerank};
pub use price::{Price, Prices};
pub use profile::{Family, Profile, Profiles};
pub use ranker::Ranker;
pub use same_model::is_another_model;
pub use secret::Secret;
pub use service::Service;
pub use table::TokenTable;
pub use wordpiece::WordPiece;
