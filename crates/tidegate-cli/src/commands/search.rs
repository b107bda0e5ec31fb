//! `tidegate search`.

use std::path::Path;

use serde::Serialize;
use tidegate::config;
use tidegate::{Filter, Found, Hit, Index, Mode, SearchOptions, snippet};
use tidegate_core::Fault;
use tidegate_observe::{HitView, Page, render_hits};
use tokio::runtime::Runtime;

use crate::args::Global;
use crate::exit::Exit;
use crate::out::Out;
use crate::query_file::Questions;
use crate::running::runtime;
use crate::search_args::{self, SearchArgs};
use crate::terminal::Terminal;

/// Characters of a snippet: three lines of a terminal.
const SNIPPET: usize = 240;

/// Answers one query, or a file of them.
pub fn run(args: &SearchArgs, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = args.rescore.overrides(global.store.clone());
    let resolved = config::load(global.config.as_deref(), overrides)?;
    let options = SearchOptions {
        mode: mode(args.mode),
        limit: args.limit as usize,
        filter: filter(args.filter.as_deref(), &args.path)?,
        ..SearchOptions::default()
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

/// An answer in a file of answers.
#[derive(Serialize)]
struct Answered<'a> {
    id: &'a serde_json::Value,
    #[serde(flatten)]
    answer: Answer<'a>,
}

fn many(ask: &Asking, file: &Path, out: &mut Out) -> Result<(), Fault> {
    let mut questions = Questions::open(file)?;
    while let Some(question) = questions.next()? {
        let found = ask.find(&question.text).map_err(|fault| fault.during(&question.place))?;
        out.json(&Answered { id: &question.id, answer: Answer::of(&found) })?;
        // A program that asks one question after the other waits for each answer.
        out.flush()?;
    }
    Ok(())
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
