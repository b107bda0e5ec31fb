use std::path::Path;
use std::sync::Arc;

use tidegate_store::{OpenMode, Store};

use super::*;
use crate::config::{MapOptions, load_map};

const JOB: &str = r#"
[[step]]
filter = ".lang == \"en\""

[[step]]
name = "topic"
model = "openai:gpt-4o-mini"
when = ".text != \"skip\""
prompt = "What is this about? {{ text }}"
max_tokens = 20

[[step]]
name = "reply"
model = "openai:gpt-4o-mini"
prompt = "Answer, as it is about {{ topic | default('nothing') }}: {{ text }}"
max_tokens = 400
"#;

/// A job, its input, and a store beside them.
fn config(folder: &Path, (job, rows): (&str, &str), budget: f64) -> Config {
    let path = |name: &str| folder.join(name);
    std::fs::write(path("job.toml"), job).unwrap();
    std::fs::write(path("in.jsonl"), rows).unwrap();
    let options =
        MapOptions { inputs: vec![path("in.jsonl")], output: "-".to_owned(), ..MapOptions::default() };
    let mut config = load_map(&path("job.toml"), options).unwrap();
    config.store.url = format!("sqlite:{}", path("t.db").display());
    config.limits.budget = (budget > 0.0).then_some(budget);
    config
}

fn row(n: usize) -> String {
    format!("{{\"text\":\"row {n}\",\"lang\":\"en\"}}\n")
}

async fn planned_of(config: &Config, options: &PlanOptions) -> Plan {
    let mut told = 0;
    let plan = plan(config, options, &mut |rows| told = rows).await.unwrap();
    assert_eq!(told, plan.rows.total);
    plan
}

async fn planned(job: &str, rows: &str, options: PlanOptions) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let plan = planned_of(&config(folder.path(), (job, rows), 0.0), &options).await;
    assert!(!folder.path().join("t.db").exists(), "a plan writes nothing");
    plan
}

#[tokio::test]
async fn records_are_counted_by_what_becomes_of_them() {
    let rows = [
        "{\"text\":\"one\",\"lang\":\"en\"}",
        "{\"text\":\"one\",\"lang\":\"en\",\"n\":2}",
        "{\"text\":\"skip\",\"lang\":\"en\"}",
        "{\"text\":\"x\",\"lang\":\"de\"}",
        "no json",
        "{\"txet\":\"y\",\"lang\":\"en\"}",
    ];
    let plan = planned(JOB, &rows.join("\n"), PlanOptions::default()).await;
    assert_eq!(plan.rows, PlannedRows { total: 6, read: 6, left_out: 1 });
    let [topic, reply] = &plan.steps[..] else { panic!("{plan:?}") };
    assert_eq!((topic.records, topic.passed, topic.repeated, topic.calls), (2, 1, 1, 1));
    assert_eq!((reply.records, reply.repeated, reply.calls), (3, 1, 2));
    assert_eq!((topic.output_tokens, reply.output_tokens), (5, 200));
    assert_eq!(plan.faults.count, 2);
    let said: Vec<&str> = plan.faults.first.iter().map(|fault| fault.class).collect();
    assert_eq!(said, ["malformed", "validation"]);
    assert!(plan.faults.first[1].message.contains("line 6 at byte"), "{:?}", plan.faults);
    let cost = (plan.total.input_tokens as f64 * 0.15 + plan.total.output_tokens as f64 * 0.6) / 1e6;
    assert!(plan.priced && (plan.total.cost - cost).abs() < 1e-12, "{plan:?}");
    assert!(plan.notes.iter().any(|note| note.starts_with("reply: answers of 100 tokens, a quarter")));
}

#[tokio::test]
async fn what_is_said_is_not_assumed() {
    let rows: String = (0..100).map(row).collect();
    let options = PlanOptions {
        latency: Some(Duration::from_millis(640)),
        output_tokens: Some(7),
        ..PlanOptions::default()
    };
    let job = JOB.split("[[step]]").take(3).collect::<Vec<_>>().join("[[step]]");
    let job = format!("{job}\n[providers.openai]\nconcurrency = 10\n");
    let plan = planned(&job, &rows, options).await;
    assert_eq!((plan.total.calls, plan.total.output_tokens), (100, 700));
    assert!((plan.total.seconds - 6.4).abs() < 0.1, "{plan:?}");
    assert_eq!(plan.binding, "10 requests in flight, of 640 ms each");
    assert_eq!(plan.notes, ["topic: answers of 7 tokens, as you said"]);
}

#[tokio::test]
async fn a_budget_ends_about_where_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..3_000).map(row).collect();
    let whole = planned_of(&config(folder.path(), (JOB, &rows), 0.0), &PlanOptions::default()).await;
    for (share, suffices) in [(1.01, true), (0.5, false), (0.1, false)] {
        let config = config(folder.path(), (JOB, &rows), whole.total.cost * share);
        let allowance = planned_of(&config, &PlanOptions::default()).await.budget.unwrap();
        assert_eq!(allowance.suffices, Some(suffices));
        let row = allowance.stops_at_row.map(|row| row as f64 / 3_000.0);
        assert!(row.is_none_or(|row| (row - share).abs() < 0.02), "{share}: {row:?}");
    }
    let unpriced = JOB.replace("openai:gpt-4o-mini", "openai:house");
    let plan = planned_of(&config(folder.path(), (&unpriced, &rows), 5.0), &PlanOptions::default()).await;
    assert_eq!(plan.budget, Some(Allowance { money: 5.0, suffices: None, stops_at_row: None }));
}

#[tokio::test]
async fn a_sample_says_about_what_all_records_say() {
    let line = |n: usize| format!("{{\"text\":\"{n} {}\",\"lang\":\"en\"}}\n", "word ".repeat(n * 7 % 101));
    let rows: String = (0..5_000).map(line).chain(["broken\n".to_owned()]).collect();
    let all = planned(JOB, &rows, PlanOptions::default()).await;
    let some = planned(JOB, &rows, PlanOptions { sample: 400, ..PlanOptions::default() }).await;
    assert_eq!((some.rows.total, some.faults.count), (5_001, 1));
    assert!((400..800).contains(&some.rows.read) && all.margin.is_none());
    let margin = some.margin.unwrap();
    assert!((0.005..0.1).contains(&margin), "{margin}");
    let off = some.total.input_tokens as f64 / all.total.input_tokens as f64 - 1.0;
    assert!(off.abs() < 2.0 * margin, "{off} {margin}");
}

#[tokio::test]
async fn answers_that_are_there_are_not_paid_again_and_teach() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..40).map(row).collect();
    let config = config(folder.path(), (JOB, &rows), 0.0);
    let store = Store::open(&config.store.url, OpenMode::Write).unwrap();
    keep(&config, &store, 10).await;
    drop(store);
    let plan = planned_of(&config, &PlanOptions::default()).await;
    let topic = &plan.steps[0];
    assert_eq!((topic.records, topic.paid, topic.calls, topic.output_tokens), (40, 10, 30, 90));
    assert!(plan.notes[0].contains("answers of 3.0 tokens, as 10 in the journal"), "{:?}", plan.notes);
}

/// Keeps answers to the first questions of the first step that asks.
async fn keep(config: &Config, store: &Store, count: usize) {
    use tidegate_core::{Kept, Replies as _, Usage};
    use tidegate_model::{Completion, Finish};
    let (map, services) = (config.map.as_ref().unwrap(), Services::offline(config).unwrap());
    let ask = map.steps[1].ask.as_ref().unwrap();
    let asks = crate::map::Asks::new((&map.steps[1], ask), &services, Arc::new(crate::map::Nothing)).unwrap();
    for n in 0..count {
        let key = asks.key(&asks.question(row(n).trim()).unwrap().unwrap()).unwrap();
        let usage = Usage { input_tokens: 15, cached_tokens: 0, output_tokens: 3 };
        let (text, model) = ("tides".into(), "m".into());
        let answer = Completion { text, finish: Finish::Stop, model, usage };
        let reply = serde_json::to_vec(&answer).unwrap().into();
        let kept = Kept { reply, input_tokens: 15, output_tokens: 3, cost: 0.0 };
        store.append_replies("openai:gpt-4o-mini", vec![(key, kept)]).await.unwrap();
    }
}
