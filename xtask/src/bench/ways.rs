//! Every way of searching the same labelled data side by side, as `tidegate eval` measures them, with intervals.

use std::path::Path;

use serde_json::Value;

use super::{Row, table};
use crate::tool::Tool;

/// The figures of an evaluation, and what they are called in a table.
const FIGURES: [(&str, &str); 4] =
    [("ndcg_10", "nDCG@10"), ("recall_10", "recall@10"), ("recall_100", "recall@100"), ("mrr", "MRR")];

/// Evaluates the store in `dir` on the questions and judgements in `data`; with `rescore`, also with that model looking
/// at the first hits once more. `text` is nDCG@10 of searches for words as this program itself worked it out: the two
/// must agree.
pub(super) fn measure(
    tool: &Tool,
    dir: &Path,
    (data, rescore, text): (&Path, Option<&str>, Option<f64>),
) -> Result<Value, String> {
    let path = |name: &str| data.join(name).to_string_lossy().into_owned();
    let (queries, judged) = (path("queries.jsonl"), path("qrels.tsv"));
    let mut words = vec!["eval", queries.as_str(), judged.as_str(), "--json"];
    words.extend(rescore.iter().flat_map(|model| ["--rescore", model]));
    let found = tool.json(dir, &words, &[0])?;
    let ways = found["modes"].as_array().ok_or("an evaluation without modes")?;
    let head = [&["with intervals"][..], &FIGURES.map(|(_, name)| name)].concat();
    table(&head, &ways.iter().map(row).collect::<Vec<_>>());
    println!("{} questions", found["questions"]);
    let words = ways.iter().find(|way| way["mode"] == "text" && way["rescored"] != true);
    let theirs = words.and_then(|way| way["ndcg_10"]["mean"].as_f64());
    match (theirs, text) {
        (Some(theirs), Some(ours)) if (theirs - ours).abs() < 1e-9 => Ok(found),
        (theirs, ours) => Err(format!("eval says that words have {theirs:?}, this program {ours:?}")),
    }
}

fn row(way: &Value) -> Row {
    let figure = |(key, _): (&str, &str)| {
        let part = |of: &str| format!("{:.3}", way[key][of].as_f64().unwrap_or(f64::NAN));
        format!("{} ({} to {})", part("mean"), part("low"), part("high"))
    };
    let more = if way["rescored"] == true { ", rescored" } else { "" };
    Row(format!("{}{more}", way["mode"].as_str().unwrap_or_default()), FIGURES.map(figure).to_vec())
}
