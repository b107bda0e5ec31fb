//! Formats that only a child process may parse, beside second tools on the same files.
//!
//! Compared: which words of the second tool's text are in ours, each as often as it is there (recall), as the mean over
//! files with at least twenty words. Order, tables and headings are not compared: few tools have them. What the second
//! tool misses or says twice counts against nobody but this figure, so that it is a floor, not a grade.
//!
//! Speed is that of reading alone, in one process, of files that were read from disk before. The machine may be busy:
//! CPU seconds and their ratios within one run are what can be compared. `--small` leaves the other parsers out.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Row, Setting, parsers, peers, table};

pub(super) const EXTENSIONS: &[&str] =
    &["pdf", "docx", "pptx", "xlsx", "odt", "odp", "ods", "epub", "eml", "rtf"];

/// Files with fewer words say little: one more or less is a tenth.
const FEW_WORDS: u64 = 20;

/// What was found of one format.
#[derive(Default)]
struct Tally {
    files: u64,
    read: u64,
    /// Faults by their words.
    faults: BTreeMap<String, u64>,
    bytes: u64,
    pages: u64,
    cpu_seconds: f64,
    recalls: Vec<f64>,
    tool: String,
    /// Files that the second tool could not read.
    tool_failed: u64,
}

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let files = peers::files(setting.documents()?, EXTENSIONS)?;
    if files.is_empty() {
        return Err(format!("no {} in {}", EXTENSIONS.join(", "), setting.documents()?.display()));
    }
    let list = peers::list(&folder.path().join("files"), &files)?;
    let texts = folder.path().to_string_lossy().into_owned();
    let mut ours = peers::example("tidegate-formats", "read", &[&list, &texts])?;
    let peak =
        ours.pop().and_then(|last| last["peak"].as_u64()).ok_or("the reader did not say what it took")?;
    let theirs = peers::readers(&[&list, &texts])?;
    if ours.len() != files.len() || theirs.len() != files.len() {
        return Err(format!("{} files, {} read, {} compared", files.len(), ours.len(), theirs.len()));
    }
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let file = Path::new(ours["file"].as_str().unwrap_or_default());
        let format = file.extension().map(|extension| extension.to_string_lossy().into_owned());
        tallies.entry(format.unwrap_or_default()).or_default().count(ours, theirs);
    }
    show(&tallies);
    let figures: Value = tallies.iter().map(|(format, tally)| (format.clone(), tally.figures())).collect();
    let beside =
        if setting.small { Value::Null } else { parsers::beside(&files, &ours, peak, folder.path())? };
    Ok(json!({"formats": figures, "beside": beside, "peak": peak}))
}

impl Tally {
    fn count(&mut self, ours: &Value, theirs: &Value) {
        let whole = |line: &Value, field: &str| line[field].as_u64().unwrap_or(0);
        self.files += 1;
        self.bytes += whole(ours, "bytes");
        self.pages += whole(ours, "pages");
        self.cpu_seconds += ours["cpu_s"].as_f64().unwrap_or(0.0);
        match ours["fault"].as_str() {
            None => self.read += 1,
            Some(fault) => {
                let words = fault.rsplit(": ").next().unwrap_or(fault);
                *self.faults.entry(words.to_owned()).or_default() += 1;
            }
        }
        match theirs["tool"].as_str() {
            Some(tool) => tool.clone_into(&mut self.tool),
            None => self.tool_failed += 1,
        }
        let words = whole(theirs, "words");
        if words >= FEW_WORDS {
            self.recalls.push(whole(theirs, "common") as f64 / words as f64);
        }
    }

    fn recall(&self) -> f64 {
        self.recalls.iter().sum::<f64>() / self.recalls.len() as f64
    }

    fn figures(&self) -> Value {
        json!({
            "files": self.files, "read": self.read, "faults": self.faults, "megabytes": self.bytes as f64 / 1e6,
            "cpu_seconds": self.cpu_seconds, "pages": self.pages, "tool": self.tool, "tool_failed": self.tool_failed,
            "compared": self.recalls.len(), "recall": self.recall(),
        })
    }
}

fn show(tallies: &BTreeMap<String, Tally>) {
    let rows: Vec<Row> = tallies
        .iter()
        .map(|(format, tally)| {
            let per_second = |amount: f64| format!("{:.1}", amount / tally.cpu_seconds);
            let recall =
                if tally.recalls.is_empty() { String::new() } else { format!("{:.4}", tally.recall()) };
            let pages = if tally.pages == 0 { String::new() } else { per_second(tally.pages as f64) };
            Row(
                format.clone(),
                vec![
                    tally.files.to_string(),
                    tally.read.to_string(),
                    recall,
                    tally.recalls.len().to_string(),
                    tally.tool.clone(),
                    tally.tool_failed.to_string(),
                    per_second(tally.bytes as f64 / 1e6),
                    pages,
                ],
            )
        })
        .collect();
    table(
        &["format", "files", "read", "recall", "compared", "beside", "it failed", "MB/CPU s", "pages/CPU s"],
        &rows,
    );
    for (format, tally) in tallies {
        for (fault, count) in &tally.faults {
            println!("{format}: {count} x {fault}");
        }
    }
}
