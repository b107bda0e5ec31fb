use std::sync::Mutex;

use tidegate_core::{Book, Budget, Fields, Tether, UnitId};
use tidegate_expr::{Change, Expr, Text};

use super::*;

/// Writes down what is put aside.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Book for Log {
    fn released(&self, _: UnitId) {}
    fn failed(&self, _: UnitId, _: &str, fault: &Fault) {
        panic!("the block itself failed: {fault}");
    }
    fn part_failed(&self, _: UnitId, part: &Arc<str>, (stage, fault): (&str, &Fault)) -> bool {
        self.0.lock().unwrap().push(format!("{stage} {part}: {fault}"));
        false
    }
    fn joined(&self, _: &[UnitId]) {}
    fn pended(&self, _: UnitId) {}
}

/// The lines that come out, what is put aside, and the counts.
fn swept(block: &[u8], steps: Vec<Step>) -> (String, Vec<String>, Rows) {
    let log = Arc::new(Log::default());
    let held = (Budget::new(1 << 30).force(0), Tether::open(1, log.clone()));
    let mut record = Record::new("in.jsonl#@0".into(), 1, Body::Bytes(block.to_vec().into()), held);
    record.fields = Arc::new(Fields::from_iter([
        ("line".to_owned(), serde_json::json!(1)),
        ("offset".to_owned(), serde_json::json!(0)),
    ]));
    let stage = SweepStage {
        steps,
        rows: InRows::Lines,
        max_line: 1_000,
        tells: false,
        tally: Arc::default(),
        name: "steps".to_owned(),
        buffers: Buffers::new(LARGEST),
        context: vec!["n".to_owned(), "lang".to_owned()],
        left: HashMap::from([("in.jsonl".to_owned(), HashSet::from([90]))]),
    };
    let record = stage.sweep(record).unwrap();
    let Body::Bytes(out) = &record.body else { panic!("{:?}", record.body) };
    let rows = Rows::of(&record);
    assert_eq!(rows.seen, rows.kept + rows.dropped + rows.aside);
    assert_eq!(stage.tally.swept.get(), rows.seen);
    let log = log.0.lock().unwrap().clone();
    (String::from_utf8(out.to_vec()).unwrap(), log, rows)
}

fn english() -> Vec<Step> {
    let filter = Some(Expr::new("filter", ".lang == \"en\"").unwrap());
    let text = Change::Text(Box::new(Text::new("set.p", "Label: {{ t }}").unwrap()));
    vec![
        Step { filter, ..Step::default() },
        Step {
            set: vec![("p".to_owned(), text)],
            keep: vec!["n".to_owned(), "p".to_owned()],
            ..Step::default()
        },
    ]
}

#[test]
fn lines_are_kept_dropped_and_put_aside_with_their_place() {
    let block = b"\xef\xbb\xbf{\"n\":1,\"lang\":\"en\",\"t\":\"a\"}\r\n\n{\"lang\":\"de\"}\n{\"lang\":\n{\"lang\":\"en\"}\n{\"n\":1.0,\"lang\":\"en\",\"t\":\"\\\"\"}";
    let (out, aside, rows) = swept(block, english());
    assert_eq!(out, "{\"n\":1,\"p\":\"Label: a\"}\n{\"n\":1.0,\"p\":\"Label: \\\"\"}\n");
    assert_eq!(rows, Rows { seen: 5, kept: 2, dropped: 1, aside: 2 });
    assert!(
        aside[0].starts_with("steps in.jsonl#L4: ") && aside[0].contains("line 4 at byte 47: "),
        "{aside:?}"
    );
    assert!(
        aside[1].starts_with("steps in.jsonl#L5: ")
            && aside[1].contains("setting field \"p\"")
            && aside[1].contains("lang=\"en\": "),
        "{aside:?}"
    );
}

#[test]
fn what_is_too_long_or_nothing_but_noise_is_bounded() {
    let long = format!("{{\"t\":\"{}\"}}\n", "x".repeat(2_000));
    let (out, aside, _) = swept(format!("{long}{{}}\n").as_bytes(), Vec::new());
    assert_eq!((out.as_str(), aside.len()), ("{}\n", 1));
    assert!(aside[0].contains("more than the limit of 1000"), "{aside:?}");

    let (_, aside, rows) = swept("x\n".repeat(5_000).as_bytes(), Vec::new());
    assert_eq!((rows.aside, aside.len()), (5_000, 1_001));
    let last = aside.last().unwrap();
    assert!(last.starts_with("steps in.jsonl#L1001-L5000: ") && last.contains("4000 lines"), "{last}");
}

#[test]
fn lines_are_counted_where_the_engine_counts_blocks() {
    let tally = Tally::default();
    let rows = |seen, kept, dropped, aside| Rows { seen, kept, dropped, aside };
    tally.swept(rows(1_000, 600, 390, 10));
    let now = tally.so_far(1);
    assert_eq!(
        (now.read, now.done, now.written, now.aside),
        (1_001, 1, 0, 1),
        "nothing is written before its commit"
    );
    tally.committed(rows(1_000, 600, 390, 10));
    tally.swept(rows(50, 50, 0, 0));
    let now = tally.so_far(1);
    assert_eq!((now.read, now.done, now.written, now.aside), (1_051, 1_001, 600, 11));
}
