//! `tidegate search`.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidegate::config::{self, Overrides};
use tidegate::{Filter, Found, Hit, Index, Mode, SearchOptions, snippet};
use tidegate_core::{Fault, FaultKind};
use tidegate_observe::{HitView, Page, render_hits};
use tokio::runtime::Runtime;

use crate::args::Global;
use crate::exit::Exit;
use crate::out::Out;
use crate::running::runtime;
use crate::search_args::{self, SearchArgs};
use crate::terminal::Terminal;

/// Characters of a snippet: three lines of a terminal.
const SNIPPET: usize = 240;
/// Lines of a query file longer than this are a mistake.
const LONGEST_QUERY: u64 = 1 << 20;

/// Answers one query, or a file of them.
pub fn run(args: &SearchArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let resolved = config::load(global.config.as_deref(), overrides)?;
    let options = SearchOptions {
        mode: mode(args.mode),
        limit: args.limit as usize,
        filter: filter(args.filter.as_deref(), &args.path)?,
    };
    let index = Index::open_with(&resolved.config.store.url, &resolved.config)?;
    let ask = Asking { index, options, runtime: runtime()? };
    let mut out = Out::stdout();
    match &args.queries {
        Some(file) => many(&ask, file, &mut out)?,
        None => one(&ask, args, (global, terminal), &mut out)?,
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// An index and how it is asked.
struct Asking {
    index: Index,
    options: SearchOptions,
    /// Waits for the provider, where one embeds the questions.
    runtime: Runtime,
}

impl Asking {
    fn find(&self, query: &str) -> Result<Found, Fault> {
        self.runtime.block_on(self.index.find(query, &self.options))
    }
}

fn one(
    ask: &Asking,
    args: &SearchArgs,
    (global, terminal): (&Global, &Terminal),
    out: &mut Out,
) -> Result<(), Fault> {
    let query = args.query.join(" ");
    let found = ask.find(&query)?;
    if global.json {
        return out.json(&Answer::of(&found));
    }
    let cwd = std::env::current_dir().unwrap_or_default();
    let views: Vec<HitView> = found.hits.iter().map(|hit| view(hit, &query, args.full)).collect();
    let page = Page {
        columns: terminal.columns,
        paint: terminal.paint,
        cwd: &cwd,
        full: args.full,
        took_ms: found.took.as_secs_f64() * 1e3,
    };
    out.text(&render_hits(&views, page))
}

fn view(hit: &Hit, query: &str, full: bool) -> HitView {
    let width = if full { usize::MAX } else { SNIPPET };
    let (text, matches) =
        if full { (hit.text.clone(), Vec::new()) } else { snippet(&hit.text, query, width) };
    HitView {
        rank: hit.rank,
        score: hit.score,
        source: hit.source.clone(),
        title: hit.title.clone(),
        heading: hit.heading.clone(),
        page: hit.page,
        text,
        matches,
    }
}

/// The stable shape of an answer.
#[derive(Serialize)]
struct Answer<'a> {
    hits: &'a [Hit],
    took_ms: f64,
}

impl<'a> Answer<'a> {
    fn of(found: &'a Found) -> Self {
        Self { hits: &found.hits, took_ms: found.took.as_secs_f64() * 1e3 }
    }
}

/// A line of a query file.
#[derive(Deserialize)]
struct Question {
    id: serde_json::Value,
    text: String,
}

/// An answer in a file of answers.
#[derive(Serialize)]
struct Answered<'a> {
    id: &'a serde_json::Value,
    #[serde(flatten)]
    answer: Answer<'a>,
}

fn many(ask: &Asking, file: &Path, out: &mut Out) -> Result<(), Fault> {
    let mut lines = open(file)?;
    let mut number = 0;
    loop {
        let place = format!("{}:{}:1", file.display(), number + 1);
        let mut line = String::new();
        let read = std::io::Read::take(&mut lines, LONGEST_QUERY).read_line(&mut line).map_err(|error| {
            config_fault("the line cannot be read".to_owned()).cause(error).during(&place)
        })?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let question: Question = serde_json::from_str(&line).map_err(|error| {
            config_fault("the line is not a query".to_owned())
                .hint(r#"write one object a line: {"id": 1, "text": "what to look for"}"#)
                .cause(error)
                .during(&place)
        })?;
        let found = ask.find(&question.text).map_err(|fault| fault.during(&place))?;
        out.json(&Answered { id: &question.id, answer: Answer::of(&found) })?;
        // A program that asks one question after the other waits for each answer.
        out.flush()?;
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead>, Fault> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let opened = File::open(file).map_err(|error| {
        config_fault(format!("{} cannot be opened", PathBuf::from(file).display())).cause(error)
    })?;
    Ok(Box::new(BufReader::new(opened)))
}

fn config_fault(message: String) -> Fault {
    Fault::new(FaultKind::Config, message)
}

/// How to look.
pub fn mode(mode: search_args::Mode) -> Mode {
    match mode {
        search_args::Mode::Hybrid => Mode::Hybrid,
        search_args::Mode::Vector => Mode::Vector,
        search_args::Mode::Text => Mode::Text,
    }
}

/// `--filter` and `--path` together: any of the paths, and the expression.
pub fn filter(typed: Option<&str>, paths: &[String]) -> Result<Option<Filter>, Fault> {
    let typed = typed.map(Filter::parse).transpose()?;
    let path = |glob: &String| Filter::path(glob).map_err(|fault| fault.during("--path"));
    let paths: Vec<Filter> = paths.iter().map(path).collect::<Result<_, _>>()?;
    let mut all: Vec<Filter> = typed.into_iter().collect();
    if !paths.is_empty() {
        all.push(Filter::Or(paths));
    }
    Ok((!all.is_empty()).then_some(Filter::And(all)))
}
