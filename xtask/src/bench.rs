//! Measurements, beside a peer in the same run where there is one: a ratio holds on any machine, a time does not.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Done;
use crate::args::{Args, Spec};
use crate::steps::Steps;

mod bare;
mod calling;
mod calls;
mod chunk;
mod filter;
mod formats;
mod hostile;
mod html;
mod index;
mod knee;
mod map;
mod memory;
mod minilm;
mod outage;
mod parsers;
pub(crate) mod peers;
mod poison;
mod quality;
mod quota;
mod sandbox;
mod search;
mod startup;
mod tabular;
mod versus;
mod waterfall;
mod ways;
mod wordpiece;

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask bench [NAME…] [DIR] [--corpus DIR] [--data DIR] [--embed MODEL] [--rescore MODEL]
                         [--adapt] [--small]

Each bench prints a table and one line of JSON. Without a name: startup, index, html, chunk.

    startup   `tidegate --version`, size of the binary, memory of a process that does nothing
    index     documents/s, MB/s and peak memory on real documents; a second run
    html      HTML to text, beside selectolax
    chunk     chunking, beside chonkie and LangChain
    formats   PDF, Office, EPUB, mail and more: files read, words found beside second tools, speed beside
              kreuzberg, pypdfium2 and unstructured
    sandbox   what it costs to have files parsed by children that may be killed
    calls     20,000 calls to a provider, beside scripts: share of the limit, CPU a call, memory
    map       10,000 rows of a data set and a model that takes 100 ms: share of the limit, in order
    quota     6,000 requests and 1 M tokens a minute: share used, refusals; limits known and unknown
    waterfall 100 users at once: the last answer and the first words, one by one, by threads, at once
    knee      a provider that bears 48 at once: what is found out beside 8, 48 and 256
    hostile   5,000 records against refusals, errors, resets and hangs, beside scripts
    poison    one text in a hundred is refused with its whole batch: what is lost, and what it costs
    outage    a minute of 503: calls made meanwhile, records lost, time to full speed
    memory    200 MB and 2 GB of JSONL: the same peak
    filter    2 GB and 10 GB of JSONL through a filter and a template, beside scripts, Polars and jq
    tabular   1 GB of CSV, and the same as Parquet, through a filter and a template, into CSV, JSON Lines and Parquet,
              beside Polars, DuckDB and pandas
    search    p50, p99 and recall at 200,000 and 1,000,000 vectors
    quality   nDCG@10 and recall@100 of text, vector and hybrid on labelled data, with their intervals
    minilm    embedding on this machine's cores, beside onnxruntime and sentence-transformers
    wordpiece token ids and their speed, beside tokenizers; MB/s of the table inside the program

    --corpus DIR   documents to measure on (default target/corpus; see `cargo xtask corpus`; for formats and
                   sandbox target/documents; see `cargo xtask corpus --documents`), as DIR by itself
    --data DIR     for quality: docs.jsonl, queries.jsonl {id, text}, qrels.tsv
    --embed MODEL  for quality: what makes the vectors (default builtin)
    --rescore MODEL  for quality: what looks at the first hits once more
    --adapt        for quality: once more with the table fitted to the same documents by MiniLM
    --small        for memory, filter, tabular and wordpiece a part of the size, for what calls a provider and for minilm a
                   shorter run
",
    values: &["corpus", "data", "embed", "rescore"],
    flags: &["adapt", "small"],
};

/// What a bench may need to know.
pub(crate) struct Setting {
    /// Real documents.
    corpus: PathBuf,
    /// Real documents that only a child process may parse.
    documents: PathBuf,
    /// Labelled data.
    data: Option<PathBuf>,
    /// What makes vectors.
    embed: String,
    /// What looks at hits once more.
    rescore: Option<String>,
    /// Whether the table is fitted to the documents, and what that changes.
    adapt: bool,
    /// A tenth of the size.
    small: bool,
}

impl Setting {
    /// The folder of real documents; an error if it is not there.
    fn corpus(&self) -> Result<&PathBuf, String> {
        if self.corpus.is_dir() {
            return Ok(&self.corpus);
        }
        Err(format!("there is no {}\nhint: cargo xtask corpus", self.corpus.display()))
    }

    /// The folder of real PDF, Office and other documents; an error if it is not there.
    fn documents(&self) -> Result<&PathBuf, String> {
        if self.documents.is_dir() {
            return Ok(&self.documents);
        }
        Err(format!("there is no {}\nhint: cargo xtask corpus --documents", self.documents.display()))
    }
}

/// A bench returns its figures, having printed its table.
type Bench = fn(&Setting) -> Result<Value, String>;

const BENCHES: &[(&str, Bench)] = &[
    ("startup", startup::measure),
    ("index", index::measure),
    ("html", html::measure),
    ("chunk", chunk::measure),
    ("formats", formats::measure),
    ("sandbox", sandbox::measure),
    ("calls", calls::measure),
    ("map", map::measure),
    ("quota", quota::measure),
    ("waterfall", waterfall::measure),
    ("knee", knee::measure),
    ("hostile", hostile::measure),
    ("poison", poison::measure),
    ("outage", outage::measure),
    ("memory", memory::measure),
    ("filter", filter::measure),
    ("tabular", tabular::measure),
    ("search", search::measure),
    ("quality", quality::measure),
    ("minilm", minilm::measure),
    ("wordpiece", wordpiece::measure),
];

/// Those that need nothing but this machine and are done in minutes.
const USUAL: &[&str] = &["startup", "index", "html", "chunk"];

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    let is_folder =
        |word: &&String| !BENCHES.iter().any(|(name, _)| name == word) && Path::new(word).is_dir();
    let folder = args.words.iter().find(is_folder).map(String::as_str);
    let named = args.text("corpus").or(folder).map(PathBuf::from);
    let setting = Setting {
        corpus: named.clone().unwrap_or_else(crate::corpus::default_place),
        documents: named.unwrap_or_else(crate::corpus::documents::default_place),
        data: args.text("data").map(PathBuf::from),
        embed: args.text("embed").unwrap_or("builtin").to_owned(),
        rescore: args.text("rescore").map(str::to_owned),
        adapt: args.has("adapt"),
        small: args.has("small"),
    };
    let mut names: Vec<&str> =
        args.words.iter().map(String::as_str).filter(|word| Some(*word) != folder).collect();
    if names.is_empty() {
        names = USUAL.to_vec();
    }
    let mut steps = Steps::default();
    for name in names {
        let (_, bench) = BENCHES
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("there is no bench `{name}`\n\n{}", SPEC.help))?;
        steps.step(name, || {
            bench(&setting).map(|figures| serde_json::json!({"bench": name, "figures": figures}).to_string())
        });
    }
    steps.finish("bench")
}

/// A row of a table: a name and its figures.
struct Row(String, Vec<String>);

/// Prints a table.
fn table(head: &[&str], rows: &[Row]) {
    let width = rows.iter().map(|row| row.0.chars().count()).chain([head[0].len()]).max().unwrap_or(0);
    let line = |name: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("  {cell:>12}")).collect();
        println!("{name:width$}{cells}");
    };
    line(head[0], &head[1..].iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    for row in rows {
        line(&row.0, &row.1);
    }
}

/// Bytes as megabytes, for a table.
fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// The middle one of some numbers.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
