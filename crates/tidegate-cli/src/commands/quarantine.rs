//! `tidegate quarantine`.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use tidegate::config::{self, Config, Overrides};
use tidegate::{OpenMode, Quarantined, RetrySelection, Store, remembered_configs};
use tidegate_core::{Fault, FaultKind};
use tidegate_observe::{QuarantineView, quarantine_item, quarantine_list};

use crate::args::{Chosen, Filters, Global, Quarantine};
use crate::exit::Exit;
use crate::out::Out;
use crate::running::{self, Asked};
use crate::terminal::{Terminal, now_ms};
use crate::typed;

/// Looks at what was put aside, tries it again, or lets go of it.
pub fn run(command: &Quarantine, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let url = config::load(global.config.as_deref(), overrides)?.config.store.url;
    match command {
        Quarantine::List(filters) => list(&url, filters, (global, terminal)),
        Quarantine::Show { source } => show(&url, source, (global, terminal)),
        Quarantine::Retry(chosen) => retry(&url, chosen, (global, terminal)),
        Quarantine::Drop(args) => drop_chosen(&url, &args.chosen, terminal),
    }
}

fn list(url: &str, filters: &Filters, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let items = matching(&Store::open(url, OpenMode::Read)?, filters)?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&items)?;
    } else {
        let views: Vec<QuarantineView> = items.into_iter().map(view).collect();
        out.text(&quarantine_list(&views, now_ms(), terminal.columns, terminal.paint))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn show(url: &str, source: &str, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let store = Store::open(url, OpenMode::Read)?;
    let mut items = Vec::new();
    for key in typed::keys(source) {
        items = store.quarantine_show(&key)?;
        if !items.is_empty() {
            break;
        }
    }
    if items.is_empty() {
        return Err(not_there(source));
    }
    let mut out = Out::stdout();
    if global.json {
        out.json(&items)?;
    } else {
        for item in items {
            out.text(&quarantine_item(&view(item), now_ms(), terminal.paint))?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// Runs the pipelines again that put the chosen items aside, with the settings they were last run with.
fn retry(url: &str, chosen: &Chosen, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let store = Store::open(url, OpenMode::Read)?;
    let items = chosen_of(&store, chosen)?;
    if items.is_empty() {
        terminal.say("nothing in the quarantine matches");
        return Ok(Exit::Done);
    }
    let mut configs = remembered_configs(&store)?;
    configs.retain(|config| items.iter().any(|item| covers(config, item)));
    if configs.is_empty() {
        return Err(Fault::new(FaultKind::Config, "the sources cannot be read again by themselves")
            .hint("`tidegate quarantine drop` them, then index the same input once more"));
    }
    drop(store);
    let left = items.iter().filter(|item| !configs.iter().any(|config| covers(config, item))).count();
    if left > 0 {
        terminal.say(&format!("{left} of {} came from sources that cannot be read again", items.len()));
    }
    let mut exit = Exit::Done;
    for config in configs {
        // Another pipeline may have put aside something of the same name that was not chosen.
        let of_it = items.iter().filter(|item| item.pipeline == config.pipeline.name);
        let retry = RetrySelection::Keys(of_it.map(|item| item.source.clone()).collect());
        let asked = Asked { json: global.json, retry, once: true, ..Asked::default() };
        // One source that is gone does not keep the others from being tried.
        let ended = run_again(url, config, (&asked, terminal)).unwrap_or_else(|fault| terminal.fail(&fault));
        exit = worse(exit, ended);
    }
    Ok(exit)
}

/// Whether a run of these settings would meet the item: it is one of the paths, below one, or a row in one.
fn covers(config: &Config, item: &Quarantined) -> bool {
    if config.pipeline.name != item.pipeline {
        return false;
    }
    let below = |path: &String| {
        let path = typed::encoded(path);
        let rest = item.source.strip_prefix(path.trim_end_matches('/'));
        let row = item.source.strip_prefix(&path.replace('#', "%23"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || row.is_some_and(|rest| rest.starts_with('#'))
    };
    config.source.paths().iter().any(below)
}

fn run_again(url: &str, mut config: Config, (asked, terminal): (&Asked, &Terminal)) -> Result<Exit, Fault> {
    config.store.url = url.to_owned();
    let config = config::renewed(config)?;
    running::run(&config, asked, terminal)
}

/// Of two exit codes, the one that asks for more attention.
fn worse(a: Exit, b: Exit) -> Exit {
    let rank = |exit: Exit| match exit {
        Exit::Done => 0,
        Exit::Quarantined => 1,
        Exit::Resumable => 2,
        _ => 3,
    };
    if rank(b) > rank(a) { b } else { a }
}

fn drop_chosen(url: &str, chosen: &Chosen, terminal: &Terminal) -> Result<Exit, Fault> {
    // Looked at first as a reader: opening for writing would make the store that is not there.
    let store = Store::open(url, OpenMode::Read)?;
    let items = chosen_of(&store, chosen)?;
    let lacking = lacking(&store, &items);
    drop(store);
    let found_again = items.len() > lacking.iter().map(|(_, rows)| rows).sum::<usize>();
    let keys: Vec<String> = items.into_iter().map(|item| item.source).collect();
    let store = Store::open(url, OpenMode::Write)?;
    let runtime = running::runtime()?;
    let dropped = runtime.block_on(store.quarantine_drop(Some(keys)))?;
    match found_again || lacking.is_empty() {
        true => terminal.say(&format!("dropped {dropped}; a run that still finds them tries them as new")),
        false => terminal.say(&format!("dropped {dropped}")),
    }
    for (output, rows) in lacking {
        let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
        terminal.say(&tidegate_observe::clean(&format!(
            "{output} goes on without {rows}: `tidegate map` with --overwrite writes it anew and tries them, with the answers that are there"
        )));
    }
    Ok(Exit::Done)
}

/// The outputs of map jobs that go on behind what they have read, and so lack what is dropped, and how much.
fn lacking(store: &Store, items: &[Quarantined]) -> Vec<(String, usize)> {
    // Settings that do not read any more are those of jobs that begin anew in any case.
    let configs = remembered_configs(store).unwrap_or_default();
    let of = |config: Config| {
        let config::Sink::Jsonl(sink) = &config.sink else { return None };
        let rows = items.iter().filter(|item| item.pipeline == config.pipeline.name).count();
        (config.resumes_rows() && rows > 0).then(|| (sink.path.clone(), rows))
    };
    configs.into_iter().filter_map(of).collect()
}

fn not_there(source: &str) -> Fault {
    Fault::new(FaultKind::Config, format!("{source} is not in the quarantine"))
        .hint("`tidegate quarantine list` names what is")
}

/// What matches the filters and, where sources are named, is one of them; each of those must be there.
fn chosen_of(store: &Store, chosen: &Chosen) -> Result<Vec<Quarantined>, Fault> {
    let mut items = matching(store, &chosen.filters)?;
    if chosen.sources.is_empty() {
        return Ok(items);
    }
    let mut keys = BTreeSet::new();
    for source in &chosen.sources {
        let known = |key: &str| items.iter().any(|item| item.source == key);
        let key = typed::keys(source).into_iter().find(|key| known(key));
        keys.insert(key.ok_or_else(|| not_there(source))?);
    }
    items.retain(|item| keys.contains(&item.source));
    Ok(items)
}

fn matching(store: &Store, filters: &Filters) -> Result<Vec<Quarantined>, Fault> {
    let glob = filters.source.as_deref().map(compile).transpose()?;
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    let mut items = store.quarantine_list()?;
    items.retain(|item| {
        is(&filters.class, &item.class)
            && is(&filters.stage, &item.stage)
            && glob.as_ref().is_none_or(|glob| glob.is_match(&item.source))
    });
    Ok(items)
}

fn compile(glob: &str) -> Result<GlobMatcher, Fault> {
    let compiled = GlobBuilder::new(glob).literal_separator(false).build();
    Ok(compiled
        .map_err(|error| {
            Fault::new(FaultKind::Config, "the glob does not read").during("--source").cause(error)
        })?
        .compile_matcher())
}

fn view(item: Quarantined) -> QuarantineView {
    QuarantineView {
        pipeline: item.pipeline,
        source: item.source,
        stage: item.stage,
        class: item.class,
        attempts: item.attempts,
        message: item.message,
        chain: item.chain,
        first_seen: item.first_seen,
        last_seen: item.last_seen,
        trace: item.trace,
        payload_len: item.payload_len,
        payload: item.payload,
    }
}
