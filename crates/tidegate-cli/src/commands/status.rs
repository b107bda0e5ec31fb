//! `tidegate status`.

use tidegate::config::{self, Overrides};
use tidegate::{OpenMode, Status, Store};
use tidegate_core::Fault;
use tidegate_observe::{PipelineView, RunView, StatusView, status};

use crate::args::Global;
use crate::commands::generations;
use crate::exit::Exit;
use crate::out::Out;
use crate::terminal::{Terminal, now_ms};

/// Shows what the store holds and what the latest runs did.
pub fn run(global: &Global, terminal: &Terminal) -> Result<Exit, Fault> {
    let overrides = Overrides { store: global.store.clone(), ..Overrides::default() };
    let url = config::load(global.config.as_deref(), overrides)?.config.store.url;
    let found = Store::open(&url, OpenMode::Read)?.status()?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&found)?;
    } else {
        out.text(&status(&view(&url, found), now_ms(), terminal.columns, terminal.paint))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn view(url: &str, found: Status) -> StatusView {
    StatusView {
        store: url.to_owned(),
        documents: found.documents,
        chunks: found.chunks,
        vectors: found.vectors,
        orphans: found.orphans,
        bytes: found.bytes,
        generations: found
            .generations
            .into_iter()
            .map(|row| (row.id, generations::state(row.state), row.embedder))
            .collect(),
        quarantine: found.quarantine.into_iter().map(|class| (class.class, class.count)).collect(),
        pipelines: found.pipelines.into_iter().map(pipeline).collect(),
        runs: found.runs.into_iter().map(run_view).collect(),
    }
}

fn pipeline(pipeline: tidegate::PipelineStatus) -> PipelineView {
    PipelineView {
        name: pipeline.name,
        documents: pipeline.documents,
        running: pipeline.lease.map(|lease| lease.pid),
    }
}

fn run_view(run: tidegate::RunRow) -> RunView {
    let records = run.report.as_ref().and_then(|report| report.get("records"));
    let count = |name: &str| records.and_then(|records| records.get(name)?.as_u64());
    RunView {
        stored: count("stored").zip(count("quarantined")),
        id: run.id,
        pipeline: run.pipeline,
        started: run.started,
        ended: run.ended,
        state: run.state,
    }
}
