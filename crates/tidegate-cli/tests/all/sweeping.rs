//! Jobs without a model: filters and templates over rows, by the block.

use rustix::process::Signal;

use crate::world::{World, until};

const JOB: &str = "[[step]]\nname = \"english\"\nfilter = '.lang == \"en\"'\n\
    [[step]]\nname = \"prompt\"\nset = { prompt = { template = \"{{ n }}: {{ text }}\" }, next = \".n + 1\" }\n\
    keep = [\"n\", \"prompt\", \"next\"]\n";

/// Rows, every other one of them kept, and what comes of them.
fn rows(n: usize) -> (String, String) {
    let text = "a \\\"tide\\\" \\u00e9 ".repeat(30);
    let row = |i: usize| {
        let lang = if i.is_multiple_of(2) { "en" } else { "de" };
        format!("{{\"n\": {i}, \"lang\": \"{lang}\", \"text\": \"{text}\"}}\n")
    };
    let made = |i: usize| format!("{{\"n\":{i},\"prompt\":\"{i}: {text}\",\"next\":{}}}\n", i + 1);
    ((0..n).map(row).collect(), (0..n).filter(|i| i.is_multiple_of(2)).map(made).collect())
}

fn map(world: &World, code: i32) -> serde_json::Value {
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"]).ended(code).json()
}

#[test]
fn rows_are_kept_changed_and_gone_on_with() {
    let world = World::new();
    world.write("job.toml", JOB);
    let (input, output) = rows(9_000);
    world.write("in.jsonl", &input);
    let report = map(&world, 0);
    assert_eq!((&report["records"]["seen"], &report["records"]["stored"]), (&9_000.into(), &9_000.into()));
    assert!(world.read("out.jsonl") == output, "the output is not what it should be");
    // Again: nothing is read. More rows: they alone are.
    assert_eq!(map(&world, 0)["records"]["seen"], 0);
    let (input, output) = rows(9_002);
    world.write("in.jsonl", &input);
    assert_eq!(map(&world, 0)["records"]["seen"], 2);
    assert!(world.read("out.jsonl") == output, "the output is not what it should be");
}

#[test]
fn a_row_at_fault_is_told_by_its_line_and_merged_in_once_it_is_mended() {
    let world = World::new();
    world.write("job.toml", JOB);
    let (input, output) = rows(5_000);
    let mut lines: Vec<&str> = input.lines().collect();
    lines[3_000] = "{\"n\":";
    lines[4_000] = "{\"n\": 4000, \"lang\": \"en\"}";
    world.write("in.jsonl", lines.join("\n"));
    let report = map(&world, 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&4_998.into(), &2.into()));
    let aside = world.quarantine();
    assert!(aside.iter().any(|(key, ..)| key.ends_with("in.jsonl#L3001")), "{aside:?}");
    assert!(
        aside
            .iter()
            .any(|(key, stage, class)| key.ends_with("#L4001") && stage == "steps" && class == "validation"),
        "{aside:?}"
    );
    world.write("in.jsonl", &input);
    world.run(&["quarantine", "retry"]).ended(0);
    assert!(world.read("out.jsonl") == output, "the output is not what it should be");
    assert!(world.quarantine().is_empty());
}

#[test]
fn killed_at_any_time_the_output_is_the_same() {
    let (input, output) = rows(40_000);
    let world = World::new();
    world.write("job.toml", JOB);
    world.write("in.jsonl", &input);
    let out = world.path("out.jsonl");
    let length = || std::fs::metadata(&out).map_or(0, |file| file.len());
    for round in 1..=4 {
        let mut live = world.start(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl"]);
        let enough = output.len() as u64 * round / 6;
        until("some output", || (length() > enough || !live.runs()).then_some(()));
        live.signal(Signal::KILL);
        live.end();
    }
    map(&world, 0);
    assert!(world.read("out.jsonl") == output, "the output is not what it should be");
}

#[test]
fn what_a_row_belongs_to_stands_in_the_quarantine_and_rows_are_counted() {
    let world = World::new();
    world.write("job.toml", format!("[input]\ncontext = [\"user_id\", \"none\"]\n{JOB}"));
    let bad = "{\"n\":7,\"lang\":\"en\",\"user_id\":\"u-7\"}\n";
    world.write("in.jsonl", rows(3_000).0 + bad + "{\"user_id\":\"u-8\",\n");
    let ran = world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl"]).ended(3);
    let said = |text: &str| assert!(ran.err.contains(text), "{text} is missing:\n{}", ran.err);
    said("rows       3,002 in: 1,500 out, 2 put aside");
    said("1,500 by steps");
    said("hint: 2 rows were put aside");
    assert!(!ran.err.contains("document"), "{}", ran.err);
    let list = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    let entry = |line: &str| {
        let ends = |entry: &&serde_json::Value| entry["source"].as_str().unwrap().ends_with(line);
        list.as_array().unwrap().iter().find(ends).unwrap()["chain"].to_string()
    };
    assert!(entry("#L3001").contains("line 3001 at byte") && entry("#L3001").contains("user_id=\\\"u-7\\\""));
    assert!(entry("#L3002").contains("line 3002 at byte") && !entry("#L3002").contains("user_id="), "{list}");
    // It is still the block that is worked on.
    let report = world.run(&["map", "job.toml", "in.jsonl", "-o", "again.jsonl", "--json"]).ended(3).json();
    assert_eq!(
        (&report["stages"][1]["name"], &report["chunks"]["written"]),
        (&"steps".into(), &1_500.into())
    );
}

/// Rows of a table, two of which are at fault; the same by the block and row by row.
#[test]
fn tables_are_the_same_by_the_block_and_row_by_row() {
    let row = |i: usize| match i {
        3_000 => "3000,en,\"never a number\",x\n".to_owned(),
        4_000 => "4000,en\n".to_owned(),
        _ if i.is_multiple_of(3) => format!("{i},en,\"a \"\"tide\"\",\nof {i}\",{i}.50\n"),
        _ => format!("{i},{},row {i} of so many,\n", if i.is_multiple_of(2) { "en" } else { "de" }),
    };
    let table: String = "id,lang,text,score\n".to_owned() + &(0..12_000).map(row).collect::<String>();
    // With something to say of each row, rows are told apart before they are worked on.
    let job = |more: &str| {
        format!(
            "{more}[input.types]\nscore = \"number\"\nid = \"integer\"\n{}",
            JOB.replace("n }}: ", "id }}: ")
        )
        .replace(".n + 1", ".score // 0 | . + 1")
        .replace("[\"n\"", "[\"id\"")
    };
    let run = |more: &str, out: &str| {
        let world = World::new();
        world.write("job.toml", job(more));
        world.write("in.csv", &table);
        let words = ["map", "job.toml", "in.csv", "-o", out, "--json"];
        let report = world.run(&words).ended(3).json();
        let made = match out.strip_suffix(".parquet") {
            Some(_) => {
                tidegate_table::read_table(&world.path(out).join("part-00000.parquet")).unwrap().join("\n")
            }
            None => world.read(out),
        };
        let aside: Vec<String> = world.quarantine().into_iter().map(|(key, ..)| key).collect();
        (made, report["records"].clone(), aside)
    };
    for out in ["out.jsonl", "out.csv", "out.parquet"] {
        let (blocks, rows) = (run("", out), run("[validate]\nrequire = [\"lang\"]\n", out));
        assert!(blocks.0 == rows.0, "{out} is another by the block: {}", &blocks.0[..300]);
        assert!(blocks.0.lines().count() > 6_000, "{}", blocks.0.lines().count());
        assert_eq!(blocks.1, rows.1, "{out}");
        assert_eq!(blocks.2, rows.2, "{out}");
        assert_eq!(blocks.1["quarantined"], 2);
    }
}

/// What has no column is put aside by itself, and told by the line on which it stood in the input.
#[test]
fn rows_of_a_block_that_do_not_fit_are_put_aside_alone() {
    let world = World::new();
    world.write("job.toml", "[[step]]\nfilter = \".n % 2 == 0\"\n");
    let line = |n: usize| match n {
        2_000 => format!("{{\"n\":{n},\"more\":1}}\n"),
        4_000 => format!("{{\"n\":{n},\"a\":{{\"b\":\"x\"}}}}\n"),
        _ => format!("{{\"n\":{n},\"a\":{n}}}\n"),
    };
    world.write("in.jsonl", (0..6_000).map(line).collect::<String>());
    for (out, aside) in [("out.csv", vec!["2001"]), ("out.parquet", vec![])] {
        let report = world.run(&["map", "job.toml", "in.jsonl", "-o", out, "--json"]);
        let report = report.ended(if aside.is_empty() { 0 } else { 3 }).json();
        assert_eq!(report["records"]["stored"], 6_000 - aside.len(), "{out}");
        let keys: Vec<String> = world.quarantine().into_iter().map(|(key, ..)| key).collect();
        assert_eq!(keys.len(), aside.len(), "{out}: {keys:?}");
        for (key, line) in keys.iter().zip(aside) {
            assert!(key.ends_with(&format!("in.jsonl#L{line}")), "{key}");
        }
        world.run(&["quarantine", "drop", "--all"]).ended(0);
    }
    world.write("job.toml", "[[step]]\nfilter = \".n % 2 == 0\"\n[output.types]\na = \"integer\"\n");
    let report = world.run(&["map", "job.toml", "in.jsonl", "-o", "typed.parquet", "--json"]).ended(3).json();
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&5_999.into(), &1.into()));
    let keys = world.quarantine();
    assert!(keys[0].0.ends_with("in.jsonl#L4001") && keys[0].1 == "store", "{keys:?}");
}
