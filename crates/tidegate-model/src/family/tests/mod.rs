//! All wire families side by side: what is true of one must be true of all.

mod answers;
mod hostile;
mod judge;
mod refusals;
mod requests;
mod streams;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_core::wire::Answer;
use tidegate_core::{Codec, Fault, Refusal, Task, Tokenizer};

use super::{AnyChat, AnyEmbedding, AnyRerank, chat_codec, embedding_codec, rerank_codec};
use crate::ask::{Chat, ChatParams, Ranking, Text};
use crate::{Completion, EmbedOptions, Service};

/// Counts a token for every four bytes.
struct Bytes;

impl Tokenizer for Bytes {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        starts.extend((0..text.len() as u32).step_by(4));
    }
}

fn counter() -> Arc<dyn Tokenizer> {
    Arc::new(Bytes)
}

thread_local! {
    /// Services are made once: reading the profiles takes longer than any answer.
    static SERVICES: RefCell<HashMap<(String, String), Service>> = RefCell::default();
}

fn service(provider: &str, model: &str) -> Service {
    let made = || crate::golden::service(provider, model);
    SERVICES.with_borrow_mut(|services| {
        services.entry((provider.to_owned(), model.to_owned())).or_insert_with(made).clone()
    })
}

fn chat(provider: &str, model: &str) -> AnyChat {
    chat_codec(service(provider, model), counter()).unwrap()
}

fn embed(provider: &str, model: &str) -> AnyEmbedding {
    embedding_codec(service(provider, model), EmbedOptions::new(Task::Document)).unwrap()
}

fn rerank(provider: &str, model: &str) -> AnyRerank {
    rerank_codec(service(provider, model), counter()).unwrap()
}

/// Models of which no profile knows the dimensions.
const EMBEDDERS: [&str; 4] = ["openai", "gemini", "cohere", "ollama"];
const CHATTERS: [&str; 5] = ["openai", "anthropic", "gemini", "cohere", "ollama"];

fn texts(count: usize) -> Vec<Text> {
    (0..count).map(|i| Text::new(format!("text {i}"), 2)).collect()
}

fn question() -> Chat {
    Chat::question(Some("Be brief."), "Which city?", Arc::new(ChatParams::default()))
}

fn ranking(documents: usize, top: usize) -> Ranking {
    let documents = (0..documents).map(|i| format!("document {i}").into()).collect();
    Ranking { query: "which?".into(), documents, top }
}

/// The file `golden/NAME`.
fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("golden/{name}: {error}"))
}

/// What comes of `answer` to one question.
fn answered(codec: &AnyChat, answer: &Answer) -> Result<Result<Arc<Completion>, Fault>, Refusal> {
    let mut reply = codec.decode(&[question()], answer)?;
    assert_eq!(reply.answers.len(), 1);
    Ok(reply.answers.remove(0))
}
