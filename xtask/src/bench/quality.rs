//! How well each way of searching finds what people judged relevant.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::{Value, json};

use super::minilm::with_models;
use super::{Row, Setting, table, ways};
use crate::readme::hits;
use crate::tool::{Build, Tool};

/// Judgements: query → document → grade.
type Judged = BTreeMap<String, HashMap<String, f64>>;

/// How many hits are asked for. Chunks of one document count once, so more than 100 are needed.
const HITS: &str = "200";

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let data = setting.data.as_deref().ok_or("name labelled data with --data DIR")?;
    let data = data.canonicalize().map_err(|error| format!("{}: {error}", data.display()))?;
    let queries = queries(&data.join("queries.jsonl"))?;
    let judged = judgements(&data.join("qrels.tsv"))?;
    let tool = with_models(&Tool::build(Build::Release)?);
    let dir = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let docs = data.join("docs.jsonl");
    let docs = docs.to_str().ok_or("a path that is not text")?;
    let fields = ["--id-field", "id", "--text-field", "text", "--embed", setting.embed.as_str(), "--json"];
    tool.json(dir.path(), &[&["index", docs], &fields[..]].concat(), &[0, 3])?;
    let (mut rows, mut out) = (Vec::new(), serde_json::Map::new());
    let mut measured = |mode: &str, prefix: &str| -> Result<(), String> {
        let (ndcg, recall) = judge(&tool, dir.path(), mode, (&queries, &judged))?;
        rows.push(Row(format!("{prefix}{mode}"), vec![format!("{ndcg:.4}"), format!("{recall:.4}")]));
        out.insert(format!("{prefix}{mode}"), json!({"ndcg_10": ndcg, "recall_100": recall}));
        Ok(())
    };
    ["text", "vector", "hybrid"].into_iter().try_for_each(|mode| measured(mode, ""))?;
    if setting.adapt {
        // Of the labelled data it sees the documents, as any index does; neither questions nor judgements.
        tool.json(dir.path(), &["model", "pull", "minilm", "--json"], &[0])?;
        let adapted = tool.json(dir.path(), &["adapt", "--json"], &[0])?;
        ["vector", "hybrid"].into_iter().try_for_each(|mode| measured(mode, "adapted "))?;
        out.insert("adapt".to_owned(), adapted);
    }
    table(&["mode", "nDCG@10", "recall@100"], &rows);
    let (text, hybrid) = (&out["text"]["ndcg_10"], &out["hybrid"]["ndcg_10"]);
    if hybrid.as_f64() <= text.as_f64() {
        return Err(format!("hybrid ({hybrid}) does not beat text alone ({text})"));
    }
    let (words, model) = (text.as_f64(), setting.rescore.as_deref());
    out.insert("eval".to_owned(), ways::measure(&tool, dir.path(), (&data, model, words))?);
    Ok(Value::Object(out))
}

fn judge(
    tool: &Tool,
    dir: &Path,
    mode: &str,
    (queries, judged): (&[(String, String)], &Judged),
) -> Result<(f64, f64), String> {
    let (mut ndcg, mut recall, mut n) = (0.0, 0.0, 0.0);
    for (id, text) in queries {
        let Some(grades) = judged.get(id) else { continue };
        // A query may begin with a dash.
        let words = ["search", "--mode", mode, "--limit", HITS, "--json", "--", text.as_str()];
        let answer = tool.json(dir, &words, &[0])?;
        let found = distinct(hits(&answer)?, grades);
        ndcg += discounted(&found, 10) / discounted(&ideal(grades), 10).max(f64::MIN_POSITIVE);
        let relevant = grades.values().filter(|grade| **grade > 0.0).count().max(1);
        recall += found.iter().take(100).filter(|grade| **grade > 0.0).count() as f64 / relevant as f64;
        n += 1.0;
    }
    if n == 0.0 {
        return Err("no query has a judgement".to_owned());
    }
    Ok((ndcg / n, recall / n))
}

/// Grades of the documents found, each document once, best first.
fn distinct(hits: &[Value], grades: &HashMap<String, f64>) -> Vec<f64> {
    let mut seen = Vec::new();
    let mut out = Vec::new();
    for hit in hits {
        let document = document(hit["source"].as_str().unwrap_or_default());
        if !seen.contains(&document) {
            out.push(grades.get(document).copied().unwrap_or(0.0));
            seen.push(document);
        }
    }
    out
}

/// The id of a row within its source key `FILE#ID`.
fn document(source: &str) -> &str {
    source.rsplit_once('#').map_or(source, |(_, id)| id)
}

fn ideal(grades: &HashMap<String, f64>) -> Vec<f64> {
    let mut grades: Vec<f64> = grades.values().copied().filter(|grade| *grade > 0.0).collect();
    grades.sort_by(|a, b| b.total_cmp(a));
    grades
}

/// Discounted cumulative gain of the first `k`, with linear gain.
fn discounted(grades: &[f64], k: usize) -> f64 {
    grades.iter().take(k).enumerate().map(|(rank, grade)| grade.max(0.0) / (rank as f64 + 2.0).log2()).sum()
}

fn queries(path: &Path) -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut out = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let entry: Value =
            serde_json::from_str(line).map_err(|error| format!("{}: {error}", path.display()))?;
        out.push((word(&entry["id"]), word(&entry["text"])));
    }
    Ok(out)
}

/// Ids may be written as numbers.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads `query document grade` or the four columns of TREC, `query 0 document grade`; a heading is skipped.
fn judgements(path: &Path) -> Result<Judged, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut out = Judged::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let (query, document, grade) = match cells.as_slice() {
            [query, document, grade] | [query, _, document, grade] => (query, document, grade),
            _ => continue,
        };
        if let Ok(grade) = grade.parse() {
            out.entry((*query).to_owned()).or_default().insert((*document).to_owned(), grade);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_is_that_of_the_textbook() {
        assert!((discounted(&[3.0, 2.0, 3.0, 0.0, 1.0, 2.0], 6) - 6.861).abs() < 0.001);
        assert!((discounted(&[1.0, 1.0], 1) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn chunks_of_one_document_count_once() {
        let hits = ["d#a", "d#a", "d#b"].map(|source| json!({"source": source}));
        let grades = HashMap::from([("a".to_owned(), 2.0)]);
        assert_eq!(distinct(&hits, &grades), [2.0, 0.0]);
    }
}
