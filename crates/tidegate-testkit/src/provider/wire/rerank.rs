//! Reranking: Jina's shape, which many servers copy, and that of text-embeddings-inference.

use serde_json::{Value, json};

use super::Complaint;
use super::asked::{Asked, Detail, Text};
use super::fields::{flag, object, positive, string, strings};
use crate::provider::request::Request;
use crate::provider::script::Script;

/// The place of a document and its score.
pub(in crate::provider) type Ranked = (usize, f64);

/// How an order is wanted. The first text is the query.
#[derive(Debug, Clone)]
pub(in crate::provider) struct RerankAsk {
    /// Only the best so many.
    pub(in crate::provider) top: Option<usize>,
    /// With the documents themselves.
    pub(in crate::provider) documents: bool,
    /// Writes the answer: places of documents with their scores, best first.
    pub(in crate::provider) write: fn(&Asked, &RerankAsk, &[Ranked]) -> Vec<u8>,
}

/// `{query, documents}` gives `{results: [{index, relevance_score}]}`; `{query, texts}` gives `[{index, score}]`.
pub(super) fn read_clone(request: &Request, script: &Script) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = if fields.contains_key("model") { string(&mut fields, "model")? } else { String::new() };
    let mut texts = vec![string(&mut fields, "query")?];
    let bare = fields.contains_key("texts");
    texts.extend(strings(&mut fields, if bare { "texts" } else { "documents" })?);
    let top = positive(fields.get("top_n"), "top_n")?.map(|n| n as usize);
    let documents = flag(fields.get("return_documents").or(fields.get("return_text")), false);
    Ok(Asked {
        operation: "rerank",
        model,
        texts: Text::all(texts, &script.tokens),
        detail: Detail::Rerank(RerankAsk {
            top,
            documents,
            write: if bare { write_bare } else { write_results },
        }),
    })
}

fn write_results(asked: &Asked, ask: &RerankAsk, ranked: &[(usize, f64)]) -> Vec<u8> {
    let result = |(index, score): &(usize, f64)| {
        let mut result = json!({ "index": index, "relevance_score": score });
        if ask.documents {
            result["document"] = json!({ "text": asked.texts[index + 1].text });
        }
        result
    };
    let results: Vec<Value> = ranked.iter().map(result).collect();
    let usage = json!({ "total_tokens": asked.input_tokens() });
    json!({ "model": asked.model, "results": results, "usage": usage }).to_string().into_bytes()
}

fn write_bare(asked: &Asked, ask: &RerankAsk, ranked: &[(usize, f64)]) -> Vec<u8> {
    let result = |(index, score): &(usize, f64)| {
        let mut result = json!({ "index": index, "score": score });
        if ask.documents {
            result["text"] = json!(asked.texts[index + 1].text);
        }
        result
    };
    Value::Array(ranked.iter().map(result).collect()).to_string().into_bytes()
}
