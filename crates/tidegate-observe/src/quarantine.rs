//! What was put aside, and why.

use std::fmt::Write as _;

use crate::clean::{clean, clean_block};
use crate::color::Paint;
use crate::table::{Column, table};
use crate::units::{ago, bytes};

/// A document that was put aside. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuarantineView {
    /// Its pipeline.
    pub pipeline: String,
    /// Its key.
    pub source: String,
    /// The stage that failed.
    pub stage: String,
    /// The class of the fault.
    pub class: String,
    /// How often it was tried.
    pub attempts: u64,
    /// The fault in one line.
    pub message: String,
    /// The fault from the outside in.
    pub chain: Vec<String>,
    /// First put aside.
    pub first_seen: i64,
    /// Last put aside.
    pub last_seen: i64,
    /// Its identity in logs.
    pub trace: String,
    /// Length of its content, bytes.
    pub payload_len: u64,
    /// The beginning of its content, where it was kept and asked for.
    pub payload: Option<Vec<u8>>,
}

/// Renders the list; `now` in milliseconds since 1970.
#[must_use]
pub fn quarantine_list(items: &[QuarantineView], now: i64, columns: usize, paint: Paint) -> String {
    if items.is_empty() {
        return "nothing is quarantined\n".to_owned();
    }
    let header = [
        ("SOURCE", Column::Path),
        ("STAGE", Column::Left),
        ("CLASS", Column::Left),
        ("TRIES", Column::Right),
        ("LAST", Column::Left),
        ("WHY", Column::Rest),
    ];
    let rows = items.iter().map(|item| {
        vec![
            clean(&item.source).into_owned(),
            clean(&item.stage).into_owned(),
            clean(&item.class).into_owned(),
            item.attempts.to_string(),
            ago(item.last_seen, now),
            clean(&item.message).into_owned(),
        ]
    });
    table(&header, &rows.collect::<Vec<_>>(), columns, paint)
}

/// Bytes of content that are shown.
const SHOWN: usize = 2_000;

/// Renders one item with everything known; `now` in milliseconds since 1970.
#[must_use]
pub fn quarantine_item(item: &QuarantineView, now: i64, paint: Paint) -> String {
    let mut out = format!("{}\n", paint.bold(clean(&item.source)));
    let mut row = |title: &str, text: &str| {
        let _ = writeln!(out, "  {}{text}", paint.dim(format!("{title:<10}")));
    };
    row("pipeline", &clean(&item.pipeline));
    row("stage", &clean(&item.stage));
    row("class", &clean(&item.class));
    row("why", &clean(item.chain.first().unwrap_or(&item.message)));
    for cause in item.chain.iter().skip(1) {
        row("", &format!("because: {}", clean(cause)));
    }
    row(
        "tried",
        &format!(
            "{} times, first {}, last {}",
            item.attempts,
            ago(item.first_seen, now),
            ago(item.last_seen, now)
        ),
    );
    row("trace", &clean(&item.trace));
    row("content", &bytes(item.payload_len));
    if let Some(payload) = item.payload.as_deref().filter(|payload| !payload.is_empty()) {
        let text = String::from_utf8_lossy(&payload[..payload.len().min(SHOWN)]);
        out.push('\n');
        for line in clean_block(&text).lines() {
            let _ = writeln!(out, "{}{line}", paint.dim("  | "));
        }
        if item.payload_len > SHOWN as u64 {
            let _ = writeln!(out, "{}", paint.dim("  …"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn item() -> QuarantineView {
        QuarantineView {
            pipeline: "default".to_owned(),
            source: "/data/notes/bad.json".to_owned(),
            stage: "parse".to_owned(),
            class: "malformed".to_owned(),
            attempts: 2,
            message: "parsing json: expected a comma at line 3".to_owned(),
            chain: vec!["parsing json".to_owned(), "expected a comma at line 3".to_owned()],
            first_seen: NOW - 7_200_000,
            last_seen: NOW - 180_000,
            trace: "00000000000003e8".to_owned(),
            payload_len: 9_000,
            payload: Some(b"{\"a\": 1\n\x1b[2J \"b\"".to_vec()),
        }
    }

    #[test]
    fn the_list_fits_the_terminal() {
        assert_eq!(
            quarantine_list(&[item()], NOW, 80, Paint::default()),
            "SOURCE                STAGE  CLASS      TRIES  LAST       WHY\n\
             /data/notes/bad.json  parse  malformed      2  3 min ago  parsing json: expecte…\n"
        );
        assert_eq!(quarantine_list(&[], NOW, 80, Paint::default()), "nothing is quarantined\n");
    }

    #[test]
    fn one_item_is_shown_with_its_causes_and_harmless_content() {
        assert_eq!(
            quarantine_item(&item(), NOW, Paint::default()),
            "/data/notes/bad.json\n  \
             pipeline  default\n  \
             stage     parse\n  \
             class     malformed\n  \
             why       parsing json\n            \
             because: expected a comma at line 3\n  \
             tried     2 times, first 2 h ago, last 3 min ago\n  \
             trace     00000000000003e8\n  \
             content   9.00 kB\n\
             \n  \
             | {\"a\": 1\n  \
             | [2J \"b\"\n  \
             …\n"
        );
    }
}
