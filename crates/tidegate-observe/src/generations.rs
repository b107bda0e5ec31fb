//! The generations of a store.

use crate::clean::clean;
use crate::color::Paint;
use crate::table::{Column, table};
use crate::units::{ago, bytes, count};

/// One generation of a store. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GenerationView {
    /// Its number.
    pub id: i64,
    /// `active`, `building` or `previous`.
    pub state: &'static str,
    /// What made its vectors; empty where it has none.
    pub embedder: String,
    /// The length of its vectors; 0 while nobody knows.
    pub dimensions: usize,
    /// The most tokens of a chunk, and how many it repeats, of each way its sources are cut.
    pub chunking: Vec<(usize, usize)>,
    /// Its documents.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// When it was begun.
    pub started: i64,
    /// Documents in which it differs from the active one.
    pub differing: u64,
}

/// Renders the generations; `now` in milliseconds since 1970.
#[must_use]
pub fn generations(views: &[GenerationView], now: i64, columns: usize, paint: Paint) -> String {
    let header = [
        ("GENERATION", Column::Right),
        ("STATE", Column::Left),
        ("EMBEDDER", Column::Path),
        ("DIMENSIONS", Column::Right),
        ("CHUNKING", Column::Left),
        ("DOCUMENTS", Column::Right),
        ("CHUNKS", Column::Right),
        ("SIZE", Column::Right),
        ("DIFFERING", Column::Right),
        ("BUILT", Column::Rest),
    ];
    let rows: Vec<Vec<String>> = views.iter().map(|view| row(view, now)).collect();
    table(&header, &rows, columns, paint)
}

fn row(view: &GenerationView, now: i64) -> Vec<String> {
    let chunking: Vec<String> = view.chunking.iter().map(|(most, again)| format!("{most}+{again}")).collect();
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    vec![
        view.id.to_string(),
        view.state.to_owned(),
        or_none(clean(&view.embedder).into_owned()),
        if view.dimensions == 0 { "-".to_owned() } else { view.dimensions.to_string() },
        or_none(chunking.join(", ")),
        count(view.documents),
        count(view.chunks),
        bytes(view.bytes),
        if view.state == "active" { "-".to_owned() } else { count(view.differing) },
        ago(view.started, now),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_has_a_line() {
        let now = 1_700_000_000_000;
        let first = GenerationView {
            id: 1,
            state: "previous",
            embedder: "builtin/static-256".to_owned(),
            dimensions: 256,
            chunking: vec![(256, 32)],
            documents: 1_200,
            chunks: 24_400,
            bytes: 90_000_000,
            started: now - 7_200_000,
            differing: 3,
        };
        let second = GenerationView {
            id: 2,
            state: "active",
            started: now - 60_000,
            embedder: String::new(),
            dimensions: 0,
            chunking: Vec::new(),
            ..first.clone()
        };
        assert_eq!(
            generations(&[first, second], now, 120, Paint::default()),
            "GENERATION  STATE     EMBEDDER            DIMENSIONS  CHUNKING  DOCUMENTS  CHUNKS     SIZE  DIFFERING  BUILT\n         \
             1  previous  builtin/static-256         256  256+32        1,200  24,400  90.0 MB          3  2 h ago\n         \
             2  active    -                            -  -             1,200  24,400  90.0 MB          -  1 min ago\n"
        );
    }
}
