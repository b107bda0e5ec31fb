//! Embedding chunks with all-MiniLM-L6-v2 on this machine's cores, beside onnxruntime and sentence-transformers.
//!
//! Compared: the same chunks of the corpus, as a run makes them, become vectors. Everybody computes with the weights of
//! the same folder and is charged the CPU seconds of its own process; the rounds take turns, and the middle one counts.
//! onnxruntime's bytes have a scale for each output of a layer, as ours do; its batches hold texts of about one length.
//! Tokens are those of the texts: padding counts for nobody. How near the vectors are to those that
//! sentence-transformers makes is part of the table.
//!
//! Not compared: tokenizing, which the peers do beforehand (it is a hundredth of the work); graphics processors.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Row, Setting, peers, table};
use crate::tool::{Build, Tool};

/// Chunks, spread over the corpus.
const CHUNKS: usize = 400;
/// Each contestant is measured so often.
const ROUNDS: usize = 3;
/// The variable that says where models are kept.
const MODELS: &str = "TIDEGATE_MODELS";

/// What the vectors in bytes must be to the exact ones, in the mean.
const NEAR: f64 = 0.997;

/// One that is measured: a kind of numbers (sentence-transformers has one only) and a number of threads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours(&'static str, u32),
    Onnx(&'static str, u32),
    Torch(u32),
}

const ALL: [Who; 10] = [
    Who::Torch(1),
    Who::Ours("int8", 1),
    Who::Onnx("int8", 1),
    Who::Ours("f32", 1),
    Who::Onnx("f32", 1),
    Who::Torch(2),
    Who::Ours("int8", 2),
    Who::Onnx("int8", 2),
    Who::Ours("f32", 2),
    Who::Onnx("f32", 2),
];

/// Where everything is that the contestants need.
struct Place<'a> {
    folder: &'a Path,
    model: String,
    texts: String,
}

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let tool = with_models(&Tool::build(Build::Release)?);
    let model = tool.json(folder.path(), &["model", "pull", "minilm", "--json"], &[0])?;
    let (chunks, rounds) = if setting.small { (CHUNKS / 4, 1) } else { (CHUNKS, ROUNDS) };
    let place = Place {
        folder: folder.path(),
        model: model["path"].as_str().ok_or("no path of the model")?.to_owned(),
        texts: texts(&tool, (setting.corpus()?, folder.path()), chunks)?,
    };
    peers::embedders(&["export", &place.model, &text(&place.folder.join("onnx"))])?;
    let mut runs: Vec<Vec<Value>> = ALL.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (who, runs) in ALL.iter().zip(&mut runs) {
            runs.push(who.run(&place)?);
        }
    }
    let mut lines = Vec::new();
    for (who, runs) in ALL.iter().zip(runs) {
        lines.push(who.judged(&place, middle(runs))?);
    }
    shown(&lines)
}

/// The tool with the models of this shell: a bench does not fetch again what is there.
pub(super) fn with_models(tool: &Tool) -> Tool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set(MODELS).map_or_else(|| tool.clone(), |place| tool.with(MODELS, &place))
}

/// Chunks of the corpus, evenly spread, as lines of JSON text; the path of their file.
pub(super) fn texts(tool: &Tool, (corpus, folder): (&Path, &Path), wanted: usize) -> Result<String, String> {
    let written = |path: &Path, text: String| {
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    let corpus = corpus.canonicalize().map_err(|error| format!("{}: {error}", corpus.display()))?;
    let pipeline = format!(
        "[source]\ntype = \"files\"\npaths = [{:?}]\n[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"chunk\"\n\
         [sink]\ntype = \"jsonl\"\npath = \"chunks.jsonl\"\nfields = [\"text\"]\n",
        text(&corpus)
    );
    written(&folder.join("pipeline.toml"), pipeline)?;
    tool.json(folder, &["run", "pipeline.toml", "--json"], &[0, 3])?;
    let all = fs::read_to_string(folder.join("chunks.jsonl")).map_err(|error| error.to_string())?;
    let all: Vec<&str> = all.lines().collect();
    let every = (all.len() / wanted).max(1);
    let mut lines = String::new();
    for line in all.iter().step_by(every).take(wanted) {
        let chunk: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        lines.push_str(&format!("{}\n", chunk["text"]));
    }
    written(&folder.join("texts.jsonl"), lines)?;
    Ok(text(&folder.join("texts.jsonl")))
}

pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Who {
    fn key(self) -> String {
        match self {
            Self::Ours(kind, threads) => format!("ours-{kind}-{threads}"),
            Self::Onnx(kind, threads) => format!("onnx-{kind}-{threads}"),
            Self::Torch(threads) => format!("torch-{threads}"),
        }
    }

    /// Where its vectors are written.
    fn vectors(self, place: &Place<'_>) -> String {
        text(&place.folder.join(self.key()))
    }

    fn run(self, place: &Place<'_>) -> Result<Value, String> {
        let (model, texts, vectors) = (&*place.model, &*place.texts, &*self.vectors(place));
        let onnx = text(&place.folder.join("onnx"));
        let printed = match self {
            Self::Ours(kind, threads) => {
                let threads = threads.to_string();
                peers::example("tidegate-bert", "embed", &[model, texts, vectors, kind, &threads])?
            }
            Self::Onnx(kind, threads) => {
                peers::embedders(&["onnx", model, &onnx, kind, &threads.to_string(), texts, vectors])?
            }
            Self::Torch(threads) => {
                peers::embedders(&["torch", model, &threads.to_string(), texts, vectors])?
            }
        };
        printed.into_iter().next().ok_or_else(|| format!("{} printed nothing", self.key()))
    }

    /// Its line, with how near its vectors are to those of sentence-transformers.
    fn judged(self, place: &Place<'_>, mut line: Value) -> Result<Value, String> {
        let width = line["dimensions"].as_u64().ok_or("no dimensions")? as usize;
        let read = |path: String| fs::read(&path).map_err(|error| format!("{path}: {error}"));
        let cosines = cosines(&read(self.vectors(place))?, &read(Self::Torch(1).vectors(place))?, width)?;
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let least = cosines.iter().copied().fold(f64::INFINITY, f64::min);
        if matches!(self, Self::Ours("int8", _)) && mean < NEAR {
            return Err(format!("vectors in bytes are only {mean:.4} near to the exact ones"));
        }
        line["key"] = json!(self.key());
        line["cosine"] = json!({"mean": mean, "least": least});
        Ok(line)
    }

    /// Whom it is compared with: ours of the same numbers and threads, and for sentence-transformers the faster one.
    fn ours(self) -> Option<String> {
        match self {
            Self::Ours(..) => None,
            Self::Onnx(kind, threads) => Some(Self::Ours(kind, threads).key()),
            Self::Torch(threads) => Some(Self::Ours("int8", threads).key()),
        }
    }
}

/// The run in the middle by CPU time.
fn middle(mut runs: Vec<Value>) -> Value {
    runs.sort_by(|a, b| speed(a).total_cmp(&speed(b)));
    runs.swap_remove(runs.len() / 2)
}

/// Tokens per CPU second.
fn speed(line: &Value) -> f64 {
    number(line, "tokens") / number(line, "cpu_seconds")
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or(f64::NAN)
}

/// The cosines of vectors of 32-bit floats in the same places; all are of unit length.
fn cosines(ours: &[u8], exact: &[u8], width: usize) -> Result<Vec<f64>, String> {
    if ours.len() != exact.len() || ours.is_empty() || !ours.len().is_multiple_of(4 * width) {
        return Err(format!("{} and {} bytes of vectors of {width} numbers", ours.len(), exact.len()));
    }
    let floats = |bytes: &[u8]| -> Vec<f64> {
        bytes.as_chunks().0.iter().map(|float| f64::from(f32::from_le_bytes(*float))).collect()
    };
    let (ours, exact) = (floats(ours), floats(exact));
    let pairs = ours.chunks_exact(width).zip(exact.chunks_exact(width));
    Ok(pairs.map(|(ours, exact)| ours.iter().zip(exact).map(|(a, b)| a * b).sum()).collect())
}

fn shown(lines: &[Value]) -> Result<Value, String> {
    let mut ratios = Map::new();
    let mut rows = Vec::new();
    for (who, line) in ALL.iter().zip(lines) {
        let ours = who.ours().and_then(|ours| lines.iter().find(|line| line["key"] == ours));
        let ratio = ours.map(|ours| speed(ours) / speed(line));
        if ours.is_some_and(|ours| ours["tokens"] != line["tokens"]) {
            return Err(format!("not measured on the same: {line}"));
        }
        if let Some(ratio) = ratio {
            ratios.insert(who.key(), json!(ratio));
        }
        rows.push(row(line, ratio));
    }
    table(&["", "threads", "tokens/CPU s", "ours is", "tokens/s", "MB", "start s", "cosine", "least"], &rows);
    Ok(json!({"contestants": lines, "ratios": ratios}))
}

fn row(line: &Value, ratio: Option<f64>) -> Row {
    let cells = vec![
        line["threads"].to_string(),
        format!("{:.0}", speed(line)),
        ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} x")),
        format!("{:.0}", number(line, "tokens") / number(line, "seconds")),
        format!("{:.0}", number(line, "peak_bytes") / 1e6),
        format!("{:.2}", number(line, "load_seconds")),
        format!("{:.4}", number(&line["cosine"], "mean")),
        format!("{:.4}", number(&line["cosine"], "least")),
    ];
    Row(line["name"].as_str().unwrap_or("?").to_owned(), cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_those_of_vectors_in_the_same_places() {
        let bytes =
            |floats: &[f32]| -> Vec<u8> { floats.iter().flat_map(|float| float.to_le_bytes()).collect() };
        let found = cosines(&bytes(&[1.0, 0.0, 0.6, 0.8]), &bytes(&[1.0, 0.0, 0.8, 0.6]), 2).unwrap();
        assert!((found[0] - 1.0).abs() < 1e-6 && (found[1] - 0.96).abs() < 1e-6, "{found:?}");
        assert!(cosines(&[0; 8], &[0; 12], 1).is_err());
        assert!(cosines(&[0; 12], &[0; 12], 2).is_err());
    }

    #[test]
    fn the_middle_round_counts() {
        let run = |cpu: f64| json!({"tokens": 10, "cpu_seconds": cpu});
        assert_eq!(middle(vec![run(1.0), run(9.0), run(2.0)])["cpu_seconds"], 2.0);
    }
}
