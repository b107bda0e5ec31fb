//! Chunking on one core, beside chonkie and LangChain on the same texts.
//!
//! Compared: text files become chunks of at most 256 tokens without overlap. Every contestant is given the same texts,
//! which our parser extracted from the corpus beforehand, and is charged the CPU seconds of its own process, one
//! thread, the median of five rounds. `estimated` takes four characters (we: bytes) for a token; `exact` counts the
//! tokens of the built-in embedder's own vocabulary, we with our WordPiece, the peers with Hugging Face's. Exact
//! counting is slow enough in the peers to be measured on every twentieth text: so are we, for that ratio.
//!
//! Not compared: how good the chunks are; reading files; parsing formats; overlap. Ours know their place in the text
//! and keep to sentences, which LangChain's do not; LangChain's and ours drop the white space between chunks, which
//! chonkie's keep. The lines without a ratio say what chunking costs in a run, where the parser has found the
//! paragraphs already.

use serde_json::Value;

use super::{Setting, peers, versus};
use crate::shell::root;

/// The corpus is thinned by this much for what is slow.
const SAMPLE: usize = 20;

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let texts = folder.path().join("texts");
    std::fs::create_dir(&texts).map_err(|error| error.to_string())?;
    let documents = peers::files(setting.corpus()?, &["txt", "md"])?;
    let documents = peers::list(&folder.path().join("documents"), &documents)?;
    peers::example("tidegate-text", "text_speed", &["extract", &documents, &texts.to_string_lossy()])?;
    let texts = peers::files(&texts, &["txt"])?;
    let all = peers::list(&folder.path().join("all"), &texts)?;
    let some: Vec<String> = texts.iter().step_by(SAMPLE).cloned().collect();
    let some = peers::list(&folder.path().join("some"), &some)?;
    versus::shown(vec![("all texts", of(&all, "estimated")?), ("every 20th text", of(&some, "exact")?)])
}

/// Those of ours that chunk in this way over the texts of a list, then the peers that do.
fn of(list: &str, like: &str) -> Result<Vec<Value>, String> {
    let vocabulary = root().join("crates/tidegate-model/assets/vocab.txt");
    let mut lines = peers::example("tidegate-text", "text_speed", &["chunk", list])?;
    lines.retain(|line| line["like"].as_str().is_some_and(|own| own.starts_with(like)));
    lines.extend(peers::script("chunk.py", &[like, list, &vocabulary.to_string_lossy()])?);
    Ok(lines)
}
