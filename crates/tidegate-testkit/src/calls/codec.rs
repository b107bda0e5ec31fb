//! The embedding codec, and the bug that every writer of one makes once.

use std::sync::Arc;

use serde_json::Value;
use tidegate_core::{Answer, Charge, Codec, ContentHash, Fault, Head, HttpRequest, Quota, Refusal, Reply};
use tidegate_core::{Shape, Usage};
use tidegate_model::{AnyEmbedding, Text};

use super::mutants::planted;

/// [`AnyEmbedding`], which takes vectors in the order in which they come where that bug is planted.
pub(crate) struct Embeds(pub(crate) AnyEmbedding);

impl Codec for Embeds {
    type Item = Text;
    type Answer = Arc<[f32]>;

    fn key(&self, item: &Text) -> Option<ContentHash> {
        self.0.key(item)
    }

    fn estimate(&self, items: &[Text]) -> Charge {
        self.0.estimate(items)
    }

    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn encode(&self, items: &[Text]) -> Result<HttpRequest, Fault> {
        self.0.encode(items)
    }

    fn decode(&self, items: &[Text], answer: &Answer) -> Result<Reply<Arc<[f32]>>, Refusal> {
        if planted("answers are zipped")
            && let Some(answer) = zipped(answer)
        {
            return self.0.decode(items, &answer);
        }
        self.0.decode(items, answer)
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.0.quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.0.price(usage)
    }
}

/// The same answer, as if every vector stood where it belongs.
fn zipped(answer: &Answer) -> Option<Answer> {
    let mut body: Value = serde_json::from_slice(&answer.body).ok()?;
    for (place, row) in body.get_mut("data")?.as_array_mut()?.iter_mut().enumerate() {
        *row.get_mut("index")? = place.into();
    }
    Some(Answer { head: answer.head.clone(), body: body.to_string().into() })
}
