//! Other parsers on the same files in the same run, a process of Python each.
//!
//! CPU seconds are compared over the files that both read: a file refused early costs nothing, and would flatter whoever
//! refuses. What a tool loads before its first file is left out, for them and for us.
//!
//! Not compared: what the text is good for. A tool that gives a string has done less than one that finds headings, tables
//! and pages; kreuzberg and unstructured do some of that, pypdfium2 does not.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Row, mb, peers, table};

/// Each with the extensions it says it reads here; models that would have to be fetched are left out.
const TOOLS: &[(&str, &[&str])] = &[
    ("pypdfium2", &["pdf"]),
    ("kreuzberg", &["pdf", "docx", "pptx", "xlsx", "odt", "ods", "epub", "eml", "rtf"]),
    ("unstructured", &["docx", "pptx", "xlsx", "odt", "epub", "eml", "rtf"]),
];

/// After so many deaths a tool is not started again.
const MOST_DEATHS: usize = 20;

/// One tool's files of one format, beside ours.
#[derive(Default)]
struct Pair {
    files: u64,
    read: u64,
    we_read: u64,
    both: u64,
    /// CPU seconds over what both read.
    theirs: f64,
    ours: f64,
    pages: u64,
    longest: f64,
    faults: BTreeMap<String, u64>,
}

/// Runs all tools over `files` and shows them beside `ours`, the lines of our own reader for the same files; `peak` is
/// its memory.
pub(super) fn beside(files: &[String], ours: &[Value], peak: u64, folder: &Path) -> Result<Value, String> {
    let ours: HashMap<&str, &Value> =
        ours.iter().filter_map(|line| Some((line["file"].as_str()?, line))).collect();
    let mut figures = Map::new();
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    for (tool, extensions) in TOOLS {
        let files: Vec<String> =
            files.iter().filter(|file| extensions.contains(&extension(file))).cloned().collect();
        let (start, lines) = all_lines(tool, &files, folder)?;
        let mut pairs: BTreeMap<&str, Pair> = BTreeMap::new();
        for line in &lines {
            let file = line["file"].as_str().unwrap_or_default();
            let ours = ours.get(file).ok_or_else(|| format!("{tool} read {file}, which nobody else did"))?;
            pairs.entry(extension(file)).or_default().count(ours, line);
        }
        let name = start["tool"].as_str().unwrap_or(tool).to_owned();
        let most = lines.iter().filter_map(|line| line["peak"].as_u64()).max().unwrap_or(0);
        rows.extend(pairs.iter().map(|(format, pair)| pair.row(format, &name, most)));
        for (format, pair) in &pairs {
            faults.extend(
                pair.faults.iter().map(|(fault, count)| format!("{name}, {format}: {count} x {fault}")),
            );
        }
        let of_formats: Map<String, Value> =
            pairs.iter().map(|(format, pair)| ((*format).to_owned(), pair.figures())).collect();
        figures.insert(name, json!({"start": start, "peak": most, "formats": of_formats}));
    }
    table(
        &[
            "beside",
            "format",
            "files",
            "it read",
            "we read",
            "pages/CPU s",
            "files/CPU s",
            "ours is",
            "its longest",
            "its peak",
        ],
        &rows,
    );
    println!("our peak is {}; files/CPU s are theirs, of those both read", mb(peak));
    faults.iter().for_each(|fault| println!("{fault}"));
    Ok(figures.into())
}

fn extension(file: &str) -> &str {
    file.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The lines of a tool for all files; one that dies or takes too long is started again behind the file it died of.
fn all_lines(tool: &str, files: &[String], folder: &Path) -> Result<(Value, Vec<Value>), String> {
    let (mut start, mut lines) = (Value::Null, Vec::new());
    for _ in 0..MOST_DEATHS {
        let rest = &files[lines.len()..];
        if rest.is_empty() {
            break;
        }
        let list = peers::list(&folder.join("rest"), rest)?;
        let (mut printed, died) = peers::parser(&[tool, &list])?;
        if printed.is_empty() {
            return Err(format!("{tool} did not start: {died}"));
        }
        let first = printed.remove(0);
        start = if start.is_null() { first } else { start };
        lines.append(&mut printed);
        if let Some(file) = files.get(lines.len()) {
            lines.push(json!({"file": file, "fault": format!("the process died: {died}"), "cpu_s": 0.0}));
        }
    }
    Ok((start, lines))
}

impl Pair {
    fn count(&mut self, ours: &Value, theirs: &Value) {
        let cpu = |line: &Value| line["cpu_s"].as_f64().unwrap_or(0.0);
        let (we, they) = (ours["fault"].is_null(), theirs["fault"].is_null());
        self.files += 1;
        self.we_read += u64::from(we);
        self.read += u64::from(they);
        self.longest = self.longest.max(theirs["wall_s"].as_f64().unwrap_or(0.0));
        if let Some(fault) = theirs["fault"].as_str() {
            *self.faults.entry(fault.to_owned()).or_default() += 1;
        }
        if we && they {
            self.both += 1;
            self.theirs += cpu(theirs);
            self.ours += cpu(ours);
            self.pages += ours["pages"].as_u64().unwrap_or(0);
        }
    }

    fn row(&self, format: &str, name: &str, peak: u64) -> Row {
        let pages =
            if format == "pdf" { format!("{:.0}", self.pages as f64 / self.theirs) } else { String::new() };
        Row(
            name.to_owned(),
            vec![
                format.to_owned(),
                self.files.to_string(),
                self.read.to_string(),
                self.we_read.to_string(),
                pages,
                format!("{:.1}", self.both as f64 / self.theirs),
                format!("{:.2} x", self.theirs / self.ours),
                format!("{:.1} s", self.longest),
                mb(peak),
            ],
        )
    }

    fn figures(&self) -> Value {
        json!({
            "files": self.files, "read": self.read, "we_read": self.we_read, "both": self.both, "pages": self.pages,
            "cpu_seconds": self.theirs, "our_cpu_seconds": self.ours, "ratio": self.theirs / self.ours,
            "longest_seconds": self.longest, "faults": self.faults,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_read_is_compared() {
        let mut pair = Pair::default();
        let line = |cpu: f64, fault: Option<&str>| json!({"file": "a.pdf", "cpu_s": cpu, "fault": fault, "pages": 3});
        pair.count(&line(1.0, None), &line(4.0, None));
        pair.count(&line(1.0, Some("empty")), &line(50.0, None));
        pair.count(&line(70.0, None), &line(1.0, Some("ValueError")));
        assert_eq!((pair.files, pair.read, pair.we_read, pair.both), (3, 2, 2, 1));
        assert_eq!(pair.figures()["ratio"], 4.0);
        assert_eq!(pair.faults["ValueError"], 1);
    }
}
