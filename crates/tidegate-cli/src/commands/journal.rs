//! `tidegate journal`.

use tidegate::config::{self, Overrides};
use tidegate::{JournalStats, ModelStats, OpenMode, Prune, Pruned, Store};
use tidegate_core::Fault;
use tidegate_observe::{JournalRow, bytes, count, journal};

use crate::args::{Global, Journal, PruneArgs};
use crate::exit::Exit;
use crate::out::Out;
use crate::running;
use crate::terminal::{Terminal, now_ms};

/// Shows what was paid for and kept, or makes room.
pub fn run(command: &Journal, global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let url = config::load(global.config.as_deref(), overrides)?.config.store.url;
    match command {
        Journal::Stats => stats(&url, (global, terminal)),
        Journal::Prune(args) => prune(&url, args, (global, terminal)),
    }
}

fn stats(url: &str, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    let found = Store::open(url, OpenMode::Read)?.journal_stats()?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&found)?;
    } else {
        out.text(&journal(&rows(found), now_ms(), terminal.columns, terminal.paint))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn rows(found: JournalStats) -> Vec<JournalRow> {
    let row = |holds: &'static str| {
        move |model: ModelStats| JournalRow {
            model: model.model,
            holds,
            entries: model.entries,
            unused: model.unused,
            bytes: model.bytes,
            tokens: model.tokens,
            cost: model.cost,
            oldest: model.oldest,
        }
    };
    let vectors = found.vectors.into_iter().map(row("vectors"));
    vectors.chain(found.replies.into_iter().map(row("replies"))).collect()
}

fn prune(url: &str, args: &PruneArgs, (global, terminal): (&Global, &Terminal)) -> Result<Exit, Fault> {
    // Looked at first as a reader: opening for writing would make the store that is not there.
    drop(Store::open(url, OpenMode::Read)?);
    let age = args.older_than.map(|age| i64::try_from(age.duration().as_millis()).unwrap_or(i64::MAX));
    let asked = Prune {
        before: age.map(|age| now_ms().saturating_sub(age)),
        down_to: args.max_size.map(tidegate::config::Size::bytes),
        model: args.model.clone(),
        dry_run: args.dry_run,
    };
    let store = Store::open(url, OpenMode::Write)?;
    let runtime = running::runtime()?;
    let pruned = runtime.block_on(store.prune_journal(asked))?;
    if global.json {
        let mut out = Out::stdout();
        out.json(&pruned)?;
        out.finish()?;
    } else {
        terminal.say(&told(pruned, args.dry_run));
    }
    Ok(Exit::Done)
}

fn told(pruned: Pruned, dry_run: bool) -> String {
    let verb = if dry_run { "would take" } else { "took" };
    format!(
        "{verb} {} vectors and {} replies ({}) out of the journal",
        count(pruned.vectors),
        count(pruned.replies),
        bytes(pruned.bytes)
    )
}
