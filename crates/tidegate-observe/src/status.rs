//! What a store holds.

use std::fmt::Write as _;

use crate::clean::clean;
use crate::color::Paint;
use crate::table::{Column, table};
use crate::units::{ago, bytes, count};

/// What a store holds. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatusView {
    /// The store as the user named it.
    pub store: String,
    /// Stored documents.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Distinct vectors chunks point to.
    pub vectors: u64,
    /// Vectors nothing points to.
    pub orphans: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Every generation: its number, its state, and what made its vectors.
    pub generations: Vec<(i64, &'static str, String)>,
    /// Quarantined documents by class.
    pub quarantine: Vec<(String, u64)>,
    /// Every pipeline.
    pub pipelines: Vec<PipelineView>,
    /// The latest runs, newest first.
    pub runs: Vec<RunView>,
}

/// One pipeline.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PipelineView {
    /// Its name.
    pub name: String,
    /// Its stored documents.
    pub documents: u64,
    /// The process that runs it now.
    pub running: Option<u32>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// Its pipeline.
    pub pipeline: String,
    /// When it began.
    pub started: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// How it stands.
    pub state: String,
    /// Documents it stored, and put aside, where its report says so.
    pub stored: Option<(u64, u64)>,
}

/// Renders a status; `now` in milliseconds since 1970.
#[must_use]
pub fn status(view: &StatusView, now: i64, columns: usize, paint: Paint) -> String {
    let mut out = format!("{} ({})\n", paint.bold(clean(&view.store)), bytes(view.bytes));
    let mut row = |title: &str, text: String| {
        let _ = writeln!(out, "  {}{text}", paint.dim(format!("{title:<12}")));
    };
    row("documents", count(view.documents));
    row("chunks", count(view.chunks));
    row(
        "vectors",
        match view.orphans {
            0 => count(view.vectors),
            orphans => {
                format!("{}, and {} kept though nothing points to them", count(view.vectors), count(orphans))
            }
        },
    );
    if view.generations.len() > 1 {
        let one = |(id, state, embedder): &(i64, &str, String)| match &**embedder {
            "" => format!("{id} {state}"),
            embedder => format!("{id} {state} ({})", clean(embedder)),
        };
        row("generations", view.generations.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    if !view.quarantine.is_empty() {
        let total = view.quarantine.iter().map(|(_, n)| n).sum();
        let classes: Vec<String> =
            view.quarantine.iter().map(|(class, n)| format!("{} {}", count(*n), clean(class))).collect();
        row("quarantined", format!("{} ({})", paint.warn(count(total)), classes.join(", ")));
        row(
            "",
            "what was read of these is read again once it changed, or by `tidegate quarantine retry`".into(),
        );
    }
    if !view.pipelines.is_empty() {
        out.push('\n');
        out.push_str(&pipelines(view, columns, paint));
    }
    if !view.runs.is_empty() {
        out.push('\n');
        out.push_str(&runs(view, now, columns, paint));
    }
    out
}

fn pipelines(view: &StatusView, columns: usize, paint: Paint) -> String {
    let header = [("PIPELINE", Column::Path), ("DOCUMENTS", Column::Right), ("NOW", Column::Rest)];
    let rows = view.pipelines.iter().map(|pipeline| {
        let now = pipeline.running.map_or("idle".to_owned(), |pid| format!("running in process {pid}"));
        vec![clean(&pipeline.name).into_owned(), count(pipeline.documents), now]
    });
    table(&header, &rows.collect::<Vec<_>>(), columns, paint)
}

fn runs(view: &StatusView, now: i64, columns: usize, paint: Paint) -> String {
    let header = [
        ("RUN", Column::Left),
        ("PIPELINE", Column::Path),
        ("STARTED", Column::Left),
        ("TOOK", Column::Right),
        ("STORED", Column::Right),
        ("ASIDE", Column::Right),
        ("STATE", Column::Rest),
    ];
    let rows = view.runs.iter().map(|run| {
        let took = run.ended.map(|ended| ended.saturating_sub(run.started).max(0) as f64 / 1e3);
        let number =
            |pick: fn((u64, u64)) -> u64| run.stored.map_or("-".to_owned(), |pair| count(pick(pair)));
        vec![
            clean(&run.id).into_owned(),
            clean(&run.pipeline).into_owned(),
            ago(run.started, now),
            took.map_or("-".to_owned(), crate::units::seconds),
            number(|pair| pair.0),
            number(|pair| pair.1),
            clean(&run.state).into_owned(),
        ]
    });
    table(&header, &rows.collect::<Vec<_>>(), columns, paint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_shown_with_its_pipelines_and_runs() {
        let now = 1_700_000_000_000;
        let run = |id: &str, started: i64, state: &str| RunView {
            id: id.to_owned(),
            pipeline: "default".to_owned(),
            started,
            state: state.to_owned(),
            ..RunView::default()
        };
        let view = StatusView {
            store: "sqlite:tidegate.db".to_owned(),
            documents: 1_200,
            chunks: 24_400,
            vectors: 24_000,
            orphans: 12,
            bytes: 123_456_789,
            generations: vec![
                (1, "previous", "builtin/static-256".to_owned()),
                (2, "active", "bert/minilm".to_owned()),
                (3, "building", String::new()),
            ],
            quarantine: vec![("malformed".to_owned(), 2), ("empty".to_owned(), 1)],
            pipelines: vec![PipelineView { name: "default".to_owned(), documents: 1_200, running: Some(42) }],
            runs: vec![
                run("r2", now - 60_000, "running"),
                RunView {
                    ended: Some(now - 7_190_000),
                    stored: Some((1_200, 3)),
                    ..run("r1", now - 7_202_000, "done\u{1b}")
                },
            ],
        };
        assert_eq!(
            status(&view, now, 80, Paint::default()),
            "sqlite:tidegate.db (123 MB)\n  \
             documents   1,200\n  \
             chunks      24,400\n  \
             vectors     24,000, and 12 kept though nothing points to them\n  \
             generations 1 previous (builtin/static-256), 2 active (bert/minilm), 3 building\n  \
             quarantined 3 (2 malformed, 1 empty)\n              \
             what was read of these is read again once it changed, or by `tidegate quarantine retry`\n\
             \n\
             PIPELINE  DOCUMENTS  NOW\n\
             default       1,200  running in process 42\n\
             \n\
             RUN  PIPELINE  STARTED      TOOK  STORED  ASIDE  STATE\n\
             r2   default   1 min ago       -       -      -  running\n\
             r1   default   2 h ago    12.0 s   1,200      3  done\n"
        );
    }
}
