//! Embeddings.

use serde::Deserialize;
use tidegate_core::{Task, Usage};

use super::answer::Used;
use super::ask::parts;
use crate::ask::Text;
use crate::draft::Wrong;
use crate::embedding::Embedding;
use crate::family::{Vectors, task_value};
use crate::object::Object;
use crate::vector::Wire;

/// The body that asks for vectors of `items`. Each of them is a request of its own in it.
pub(crate) fn embed_body(embedding: &Embedding, items: &[Text]) -> Object {
    let (api, model) = (embedding.api(), embedding.service().model());
    let inline = in_words(model);
    let task = api.task.as_ref().filter(|_| !inline);
    let request = |item: &Text| {
        let text = if inline { worded(embedding.task(), &item.text) } else { item.text.to_string() };
        let request =
            Object::new().with("model", &format!("models/{model}")).with_object("content", parts(&text));
        let request = match task {
            Some(task) => request.with(&task.field, task_value(task, embedding.task())),
            None => request,
        };
        match (&api.dimensions, embedding.asked()) {
            (Some(field), Some(dimensions)) => request.with(field, &dimensions),
            _ => request,
        }
        .with_table(&api.extra)
    };
    Object::new().with_list("requests", items.iter().map(request))
}

/// Whether `model` is told in words what a vector is for. Those before this generation take a field, and this one
/// ignores it.
fn in_words(model: &str) -> bool {
    model.starts_with("gemini-embedding-2")
}

fn worded(task: Task, text: &str) -> String {
    match task {
        Task::Document => format!("title: none | text: {text}"),
        Task::Query => format!("task: search result | query: {text}"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    embeddings: Vec<Entry>,
    #[serde(default)]
    usage_metadata: Option<Used>,
}

#[derive(Deserialize)]
struct Entry {
    values: Wire,
}

/// The vectors in `body`, in the order of the requests: they have no index.
pub(crate) fn embed_read(body: &[u8]) -> Result<Vectors, Wrong> {
    let body: Body = serde_json::from_slice(body).map_err(Wrong::broken)?;
    let tokens = body.usage_metadata.and_then(|used| used.prompt_token_count);
    Ok(Vectors {
        vectors: body.embeddings.into_iter().map(|entry| entry.values).collect(),
        usage: tokens.map(|count| Usage { input_tokens: count.0, ..Usage::default() }),
        model: None,
    })
}
