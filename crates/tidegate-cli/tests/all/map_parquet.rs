//! Tables in and out of map jobs.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::{Value, json};
use tidegate_table::{Columns, Type, read_table, write_table};
use tidegate_testkit::provider::{Script, Server};

use crate::loopback::{Loopback, said};
use crate::world::{World, until};

fn job(world: &World, base: &str, text: &str) {
    world.write("job.toml", format!("{text}\n[providers.toy]\nbase_url = \"{base}\"\nconcurrency = 8\n"));
}

const LABEL: &str = "[[step]]\nname = \"label\"\nmodel = \"toy:m\"\nprompt = \"About: {{ text }}\"\n";

/// Columns whose types JSON has no word for.
fn columns() -> Columns {
    let typed = [("price", "decimal(10,2)"), ("day", "date"), ("at", "timestamp"), ("raw", "bytes")];
    let mut columns: Columns =
        typed.iter().map(|(name, of)| ((*name).to_owned(), Type::named(of).unwrap())).collect();
    columns.push(("small".to_owned(), Type::Integer { bits: 16, signed: true }));
    columns
}

fn row(i: usize) -> String {
    format!(
        "{{\"price\":{i}.50,\"day\":\"2024-02-29\",\"at\":\"2024-02-29T12:00:00.25Z\",\"raw\":\"AAE=\",\"small\":{i},\
         \"text\":\"row {i}\",\"tags\":[\"a\",null],\"in\":{{\"x\":{i}.5}}}}"
    )
}

fn table(world: &World, name: &str, rows: std::ops::Range<usize>) {
    let lines: String = rows.map(|i| row(i) + "\n").collect();
    world.write(name, "");
    write_table(&world.path(name), &columns(), &lines).unwrap();
}

fn map(world: &World, code: i32, args: &[&str]) -> Value {
    let args: Vec<&str> = ["map", "job.toml", "--json"].iter().chain(args).copied().collect();
    world.run(&args).ended(code).json()
}

fn echo() -> Loopback {
    Loopback::start(|request| {
        let number = request.prompt().rsplit(' ').next().unwrap_or_default().to_owned();
        said(&format!("label of {number}"))
    })
}

/// The rows of a table that is a folder, and the bytes of its parts.
fn parts(world: &World, output: &str) -> (Vec<String>, BTreeMap<String, Vec<u8>>) {
    let entries = std::fs::read_dir(world.path(output)).unwrap().map(Result::unwrap);
    let parts: BTreeMap<_, _> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    let rows = parts.keys().flat_map(|name| read_table(&world.path(output).join(name)).unwrap()).collect();
    (rows, parts)
}

fn labelled(i: usize) -> String {
    format!("{},\"label\":\"label of {i}\"}}", row(i).strip_suffix('}').unwrap())
}

#[test]
fn rows_of_tables_are_asked_about_as_any_others() {
    let world = World::new();
    let model = echo();
    job(&world, &model.url(), LABEL);
    table(&world, "data/a.parquet", 0..7);
    let report = map(&world, 0, &["data", "-o", "out.jsonl"]);
    assert_eq!((&report["records"]["stored"], &report["calls"]["sent"]), (&7.into(), &7.into()));
    let expected = |n: usize| (0..n).map(|i| labelled(i) + "\n").collect::<String>();
    assert_eq!(world.read("out.jsonl"), expected(7));
    // Again nothing; a further table costs its own calls, the first rows of a limit are the first.
    assert_eq!(map(&world, 0, &["data/a.parquet", "-o", "out.jsonl"])["calls"]["sent"], 0);
    table(&world, "data/b.parquet", 7..12);
    let both = ["data/a.parquet", "data/b.parquet", "-o", "out.jsonl"];
    let limited: Vec<&str> = both.iter().copied().chain(["--limit", "9"]).collect();
    assert_eq!(map(&world, 0, &limited)["calls"]["sent"], 2);
    assert_eq!(world.read("out.jsonl"), expected(9));
    assert_eq!(map(&world, 0, &both)["calls"]["sent"], 3);
    assert_eq!(map(&world, 0, &["data/*.parquet", "-o", "glob.jsonl"])["calls"]["sent"], 0);
    assert_eq!((world.read("out.jsonl"), world.read("glob.jsonl")), (expected(12), expected(12)));
    // What a step would ask, and a stream that cannot be one.
    let shown = world.run(&["map", "job.toml", "data/b.parquet", "--dry-run"]).ended(0).out;
    assert!(shown.contains("b.parquet#L1") && shown.contains("About: row 7"), "{shown}");
    job(&world, &model.url(), &format!("[input]\nformat = \"parquet\"\n{LABEL}"));
    world.run_with_input(&["map", "job.toml", "-", "-o", "-"], b"PAR1").ended(2).says("save it as a file");
}

#[test]
fn a_table_that_is_damaged_or_a_row_that_breaks_a_rule_costs_itself() {
    let world = World::new();
    let model = echo();
    job(
        &world,
        &model.url(),
        &format!("[input]\nwhen = \".small != 2\"\n[validate]\nrequire = [\"text\"]\n{LABEL}"),
    );
    table(&world, "a.parquet", 0..4);
    let whole = std::fs::read(world.path("a.parquet")).unwrap();
    world.write("cut.parquet", &whole[..whole.len() / 2]);
    world.write("not.parquet", "id,text\n");
    write_table(&world.path("c.parquet"), &columns(), &format!("{}\n{{\"small\":9}}\n", row(8))).unwrap();
    let inputs = ["a.parquet", "cut.parquet", "not.parquet", "c.parquet", "-o", "out.jsonl"];
    let report = map(&world, 3, &inputs);
    assert_eq!((&report["records"]["quarantined"], &report["calls"]["sent"]), (&3.into(), &4.into()));
    let list = world.run(&["quarantine", "list"]).ended(0).out;
    for words in ["cut.parquet#L1", "ends early", "not.parquet#L1", "PAR1", "c.parquet#L2", "row 2"] {
        assert!(list.contains(words), "{words} is missing:\n{list}");
    }
    // Mended, they stand where they belong.
    table(&world, "cut.parquet", 4..6);
    table(&world, "not.parquet", 6..7);
    table(&world, "c.parquet", 8..10);
    world.run(&["quarantine", "retry"]).ended(0);
    let expected: String = [0, 1, 3, 4, 5, 6, 8, 9].map(|i| labelled(i) + "\n").concat();
    assert_eq!(world.read("out.jsonl"), expected);
    assert_eq!(model.seen().len(), 8);
}

#[test]
fn rows_become_a_table_with_the_types_they_had() {
    let world = World::new();
    let model = Loopback::start(|request| {
        let number: usize = request.prompt().rsplit(' ').next().unwrap().parse().unwrap();
        said(&json!({ "score": number, "topic": "a", "urgent": number.is_multiple_of(2) }).to_string())
    });
    let schema = "response = { type = \"object\", properties = { topic = { enum = [\"a\", \"b\"] }, score = { type = \"number\" }, \
                  urgent = { type = \"boolean\" } }, required = [\"topic\", \"score\", \"urgent\"], additionalProperties = false }\nmerge = true\n";
    job(&world, &model.url(), &format!("{LABEL}{schema}"));
    table(&world, "in.parquet", 0..5);
    map(&world, 0, &["in.parquet", "-o", "out.parquet"]);
    let with = |i: usize| {
        let urgent = i.is_multiple_of(2);
        format!("{},\"score\":{i}.0,\"topic\":\"a\",\"urgent\":{urgent}}}", row(i).strip_suffix('}').unwrap())
    };
    let (rows, files) = parts(&world, "out.parquet");
    assert_eq!(rows, (0..5).map(with).collect::<Vec<_>>());
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["part-00000.parquet"],
        "readers see parts and nothing else"
    );
    assert_eq!(
        tidegate_table::columns_of(&[world.path("out.parquet/part-00000.parquet")]).unwrap()[..5],
        columns()[..]
    );
    // Again nothing; more rows make the part larger. The table is an input like any other.
    assert_eq!(map(&world, 0, &["in.parquet", "-o", "out.parquet"])["calls"]["sent"], 0);
    assert_eq!(parts(&world, "out.parquet").1, files);
    table(&world, "more.parquet", 5..8);
    assert_eq!(map(&world, 0, &["in.parquet", "more.parquet", "-o", "out.parquet"])["calls"]["sent"], 3);
    assert_eq!(parts(&world, "out.parquet").0, (0..8).map(with).collect::<Vec<_>>());
    world.write("plain.toml", "[[step]]\nkeep = [\"small\", \"score\"]\n");
    world.run(&["map", "plain.toml", "out.parquet", "-o", "plain.jsonl"]).ended(0);
    assert!(
        world.read("plain.jsonl").starts_with("{\"small\":0,\"score\":0.0}\n{\"small\":1,\"score\":1.0}\n")
    );
    // It is left alone by other jobs, and made anew at no cost where that is said or it is gone.
    table(&world, "in.parquet", 0..6);
    world
        .run(&["map", "job.toml", "in.parquet", "-o", "out.parquet"])
        .ended(2)
        .says("other inputs")
        .says("--overwrite");
    assert_eq!(map(&world, 0, &["in.parquet", "-o", "out.parquet", "--overwrite"])["calls"]["sent"], 0);
    assert_eq!(parts(&world, "out.parquet").0, (0..6).map(with).collect::<Vec<_>>());
    std::fs::remove_dir_all(world.path("out.parquet")).unwrap();
    assert_eq!(map(&world, 0, &["in.parquet", "-o", "out.parquet"])["calls"]["sent"], 0);
    assert_eq!(parts(&world, "out.parquet").0.len(), 6);
    world.write("somebody.parquet", "theirs");
    world.run(&["map", "job.toml", "in.parquet", "-o", "somebody.parquet"]).ended(2).says("it exists");
    assert_eq!(world.read("somebody.parquet"), "theirs");
}

#[test]
fn lines_become_a_table_and_those_that_do_not_fit_are_put_aside() {
    let world = World::new();
    let model = echo();
    let typed = |of: &str| format!("{LABEL}[output.types]\nscore = \"{of}\"\n");
    job(&world, &model.url(), &typed("number"));
    let lines: String =
        (0..6).map(|i| format!("{{\"text\":\"row {i}\",\"score\":{i},\"tags\":[{i}]}}\n")).collect();
    world.write("in.jsonl", lines.replace("\"score\":3", "\"score\":\"three\""));
    let report = map(&world, 3, &["in.jsonl", "-o", "out.parquet"]);
    assert_eq!(report["records"]["stored"], 5);
    let list = world.run(&["quarantine", "list"]).ended(0).out;
    for words in ["in.jsonl#L4", "score", "three", "is not a number"] {
        assert!(list.contains(words), "{words} is missing:\n{list}");
    }
    let line = |i: usize| {
        format!("{{\"text\":\"row {i}\",\"score\":{i}.0,\"tags\":[{i}],\"label\":\"label of {i}\"}}")
    };
    assert_eq!(parts(&world, "out.parquet").0, [0, 1, 2, 4, 5].map(line));
    // Mended, it stands where it belongs, and nothing else is asked.
    world.write("in.jsonl", &lines);
    world.run(&["quarantine", "retry"]).ended(0);
    assert_eq!(parts(&world, "out.parquet").0, [0, 1, 2, 3, 4, 5].map(line));
    assert_eq!(map(&world, 0, &["in.jsonl", "-o", "out.parquet"])["calls"]["sent"], 0);
    assert_eq!(model.seen().len(), 6);
    let left: Vec<_> =
        std::fs::read_dir(world.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".retry")), "{left:?}");
    job(&world, &model.url(), &typed("float"));
    world
        .run(&["map", "job.toml", "in.jsonl", "-o", "x.parquet"])
        .ended(2)
        .says("there is no type")
        .says("job.toml:");
}

#[test]
fn killed_at_any_time_the_parts_are_the_same_and_nothing_is_asked_twice() {
    let n = 300;
    let run = |kills: usize| {
        let world = World::new();
        let script = "chat = { reply = \"a label\" }\nlatency = { base = { fixed = '8ms' } }";
        let server = Server::start(Script::from_toml(script).unwrap()).unwrap();
        job(&world, &format!("{}/v1", server.url()), LABEL);
        table(&world, "in.parquet", 0..n);
        let mut killed = 0;
        for round in 1..=kills {
            let mut live = world.start(&["map", "job.toml", "in.parquet", "-o", "out.parquet"]);
            let enough = round * n / (kills + 2);
            until("some answers", || (server.log().entries().len() > enough || !live.runs()).then_some(()));
            live.signal(Signal::KILL);
            killed += usize::from(live.end().code().is_none());
        }
        assert_eq!(killed, kills);
        map(&world, 0, &["in.parquet", "-o", "out.parquet"]);
        (parts(&world, "out.parquet"), server.log().entries().len())
    };
    let (whole, calls) = run(0);
    assert_eq!((calls, whole.0.len()), (n, n));
    let (same, calls) = run(4);
    assert!(same == whole, "the parts differ");
    assert!(calls <= n + 4 * 8, "{calls} calls of {n}");
}

#[test]
fn what_a_table_of_text_was_said_to_hold_is_what_its_columns_hold() {
    let world = World::new();
    let job = "[input.types]\nage = \"integer\"\nscore = \"number\"\nactive = \"boolean\"\n\
        [[step]]\nset = { twice = \".age // 0 | . * 2\" }\n";
    world.write("job.toml", job);
    // Nothing but the header and rows without values: their types are known all the same.
    world.write("in.csv", "id,age,score,active\n01,,,\n02,,,\n");
    map(&world, 0, &["in.csv", "-o", "out.parquet"]);
    let columns = tidegate_table::columns_of(&[world.path("out.parquet/part-00000.parquet")]).unwrap();
    let expected = ["text", "integer", "number", "boolean", "integer"].map(|of| Type::named(of).unwrap());
    assert_eq!(
        columns.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["id", "age", "score", "active", "twice"]
    );
    assert_eq!(columns.into_iter().map(|(_, of)| of).collect::<Vec<_>>(), expected);
    // A whole number with more digits than such a column has is told.
    world.write("in.csv", "id,age,score,active\n01,,,\n02,,,\n03,123456789012345678901,,\n04,7,0.5,TRUE\n");
    map(&world, 3, &["in.csv", "-o", "out.parquet"]);
    assert_eq!(
        parts(&world, "out.parquet").0.last().unwrap(),
        "{\"id\":\"04\",\"age\":7,\"score\":0.5,\"active\":true,\"twice\":14}"
    );
    let shown = world.run(&["quarantine", "show", "in.csv#L4"]).ended(0).out;
    assert!(shown.contains("column \"age\": 123456789012345678901 is not a whole number"), "{shown}");
}

#[test]
fn rows_go_into_a_table_as_they_are_done() {
    let world = World::new();
    let n = 200;
    let script =
        "chat = { reply = \"a label\" }\nlatency = { base = { log_normal = { p50 = '4ms', p99 = '20ms' } } }";
    let server = Server::start(Script::from_toml(script).unwrap()).unwrap();
    job(&world, &format!("{}/v1", server.url()), LABEL);
    table(&world, "in.parquet", 0..n);
    let words = ["map", "job.toml", "in.parquet", "-o", "out.parquet", "--unordered", "--json"];
    let mut live = world.start(&words);
    until("some answers", || (server.log().entries().len() > n / 3 || !live.runs()).then_some(()));
    live.signal(Signal::KILL);
    assert_eq!(live.end().code(), None);
    // All of it is written again, with the answers that are there.
    let report = world.run(&words).ended(0).json();
    assert_eq!(report["records"]["stored"], n);
    let (mut rows, files) = parts(&world, "out.parquet");
    let mut expected: Vec<String> =
        (0..n).map(|i| format!("{},\"label\":\"a label\"}}", row(i).strip_suffix('}').unwrap())).collect();
    rows.sort();
    expected.sort();
    assert_eq!((rows, files.len()), (expected, 1));
    assert!(server.log().entries().len() <= n + 8);
}
