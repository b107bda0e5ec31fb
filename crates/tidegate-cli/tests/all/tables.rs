//! Tables (CSV, TSV) in and out of map jobs, and compressed outputs.

use std::io::Read as _;

use serde_json::Value;

use crate::loopback::{Loopback, said};
use crate::world::World;

pub(crate) const LABEL: &str =
    "[[step]]\nname = \"label\"\nmodel = \"toy:m\"\nprompt = \"About: {{ text }}\"\n";

/// A job whose provider is at `base`.
pub(crate) fn job(world: &World, base: &str, text: &str) {
    world.write("job.toml", format!("{text}\n[providers.toy]\nbase_url = \"{base}\"\nconcurrency = 8\n"));
}

pub(crate) fn map(world: &World, code: i32, args: &[&str]) -> Value {
    let args: Vec<&str> = ["map", "job.toml", "--json"].iter().chain(args).copied().collect();
    world.run(&args).ended(code).json()
}

/// Answers with what the row is called; commas and quotes among it.
pub(crate) fn echo() -> Loopback {
    Loopback::start(|request| {
        let number = request.prompt().rsplit(' ').next().unwrap_or_default().to_owned();
        said(&format!("label, \"{number}\""))
    })
}

/// Rows on one line and on two, in turn.
pub(crate) fn table(n: usize) -> String {
    let row = |i: usize| match i % 2 {
        0 => format!("{i:05},row {i},{i}.0\n"),
        _ => format!("{i:05},\"a \"\"b\"\",\nrow {i}\",\n"),
    };
    "zip,text,score\n".to_owned() + &(0..n).map(row).collect::<String>()
}

/// What comes of them.
pub(crate) fn labelled(n: usize) -> String {
    let row = |i: usize| {
        let label = format!("\"label, \"\"{i}\"\"\"");
        match i % 2 {
            0 => format!("{i:05},row {i},{i}.0,{label}\n"),
            _ => format!("{i:05},\"a \"\"b\"\",\nrow {i}\",,{label}\n"),
        }
    };
    "zip,text,score,label\n".to_owned() + &(0..n).map(row).collect::<String>()
}

/// What a compressed file holds, all members and frames of it.
pub(crate) fn unpacked(world: &World, name: &str) -> String {
    let (file, mut text) = (std::fs::File::open(world.path(name)).unwrap(), String::new());
    let read = match name.rsplit_once('.').unwrap().1 {
        "gz" => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text),
        _ => zstd::stream::read::Decoder::new(file).unwrap().read_to_string(&mut text),
    };
    read.unwrap_or_else(|error| panic!("{name}: {error}"));
    text
}

#[test]
fn a_table_is_labelled_and_read_back() {
    let world = World::new();
    let model = echo();
    job(&world, &model.url(), LABEL);
    world.write("people.csv", table(50));
    let report = map(&world, 0, &["people.csv", "-o", "labelled.csv"]);
    assert_eq!((&report["records"]["stored"], &report["calls"]["sent"]), (&50.into(), &50.into()));
    assert_eq!(world.read("labelled.csv"), labelled(50));
    // Again: nothing is asked. One row more: it alone is.
    assert_eq!(map(&world, 0, &["people.csv", "-o", "labelled.csv"])["calls"]["sent"], 0);
    world.write("people.csv", table(51));
    assert_eq!(map(&world, 0, &["people.csv", "-o", "labelled.csv"])["calls"]["sent"], 1);
    assert_eq!(world.read("labelled.csv"), labelled(51));
    // The output is an input, and lines of JSON become a table and back.
    world.write("back.toml", "[[step]]\nremove = [\"label\"]\n");
    let back = |from: &str, to: &str| world.run(&["map", "back.toml", from, "-o", to]).ended(0);
    back("labelled.csv", "back.jsonl");
    let first = world.read("back.jsonl").lines().next().unwrap().to_owned();
    assert_eq!(first, r#"{"zip":"00000","text":"row 0","score":"0.0"}"#);
    back("back.jsonl", "back.tsv.gz");
    back("back.tsv.gz", "back.csv.zst");
    assert_eq!(unpacked(&world, "back.csv.zst"), table(51));
    back("back.csv.zst", "back.csv");
    assert_eq!(world.read("back.csv"), table(51));
    // Through Parquet, where text stays text.
    back("labelled.csv", "back.parquet");
    back("back.parquet", "again.csv");
    assert_eq!(world.read("again.csv"), table(51));
    let planned = world.run(&["plan", "job.toml", "people.csv", "--json"]).ended(0).json();
    assert_eq!(planned["rows"]["total"], 51, "{planned}");
    // Standard input and output.
    job(&world, &model.url(), &format!("[input]\nformat = \"csv\"\n[output]\nformat = \"csv\"\n{LABEL}"));
    let ran = world.run_with_input(&["map", "job.toml", "-", "-o", "-"], table(51).as_bytes()).ended(0);
    assert_eq!(ran.out, labelled(51));
    assert_eq!(model.seen().len(), 51);
}

#[test]
fn what_columns_hold_is_said_and_not_guessed() {
    let world = World::new();
    let typed = "[input]\nid = \"id\"\ndelimiter = \";\"\ncontext = [\"id\"]\n\
        [input.types]\nage = \"integer\"\nscore = \"number\"\nactive = \"boolean\"\n\
        [[step]]\nfilter = \".age == null or .age >= 18\"\nset = { next = \".age // 0 | . + 1\" }\n";
    world.write("job.toml", typed);
    world.write(
        "people.csv",
        "id;zip;age;score;active\na;01234;18;1.50;TRUE\nb;;;;\nc;1;x;1;true\nd;1;17;1;no\n\"e\n\";1;17;1;false\n",
    );
    assert_eq!(map(&world, 3, &["people.csv", "-o", "out.jsonl"])["records"]["quarantined"], 2);
    assert_eq!(
        world.read("out.jsonl"),
        "{\"id\":\"a\",\"zip\":\"01234\",\"age\":18,\"score\":1.50,\"active\":true,\"next\":19}\n\
         {\"id\":\"b\",\"zip\":\"\",\"age\":null,\"score\":null,\"active\":null,\"next\":1}\n"
    );
    let list = world.run(&["quarantine", "list", "--json"]).ended(0).json().to_string();
    for words in ["people.csv#:L4", "line 4 at byte 51", r#"column \"age\" holds \"x\""#, "not true or false"]
    {
        assert!(list.contains(words), "{words} is missing: {list}");
    }
    // The same by another name, and what is asked shown without asking.
    job(
        &world,
        "http://127.0.0.1:9",
        &format!("[input]\nformat = \"tsv\"\nheader = false\n{LABEL}").replace("text", "column_2"),
    );
    world.write("rows.dat", "1\tthe second\n");
    let shown = world.run(&["map", "job.toml", "rows.dat", "--dry-run"]).ended(0).out;
    assert!(shown.contains("rows.dat#L1") && shown.contains("About: the second"), "{shown}");
}

#[test]
fn tables_come_from_folders_and_globs_and_keep_their_order() {
    let world = World::new();
    let model = echo();
    job(&world, &model.url(), LABEL);
    world.write("data/b.csv", "text,b\nrow 3,x\n");
    world.write("data/a.CSV", "text\nrow 1\nrow 2\n");
    world.write("data/readme.txt", "no rows");
    let rows = "text,label,b\nrow 1,\"label, \"\"1\"\"\",\nrow 2,\"label, \"\"2\"\"\",\n";
    for (at, input) in ["data", "data/*.[cC]*"].into_iter().enumerate() {
        let out = format!("out{at}.csv");
        // The second file has a column more than the first, and the table none for it.
        assert_eq!(map(&world, 3, &[input, "-o", &out])["records"]["quarantined"], 1);
        assert_eq!(world.read(&out), rows.replace(",b\n", "\n").replace("\"\"\",\n", "\"\"\"\n"));
    }
    let list = world.run(&["quarantine", "list"]).ended(0);
    assert!(list.out.contains("output") && list.out.contains("b.csv#L2"), "{}", list.out);
    job(&world, &model.url(), &format!("[output]\ncolumns = [\"text\", \"label\", \"b\"]\n{LABEL}"));
    world.run(&["map", "job.toml", "data", "-o", "out0.csv"]).ended(2).says("before it was changed");
    map(&world, 0, &["data", "-o", "out0.csv", "--overwrite"]);
    assert_eq!(world.read("out0.csv"), rows.to_owned() + "row 3,\"label, \"\"3\"\"\",x\n");
    world.write("data/c.jsonl", "{}\n");
    world.run(&["map", "job.toml", "data", "-o", "-"]).ended(2).says("inputs of two formats").says("[input]");
}

#[test]
fn mistakes_about_tables_are_told_before_anything_is_sent() {
    let world = World::new();
    world.write("in.csv", "a,b\n1,2\n");
    world.write("bad.csv", "a,a\n1,2\n");
    world.write("in.jsonl", "{}\n");
    let step = "[[step]]\nset = { c = \".a\" }\n";
    for (job, input, output, said) in [
        ("", "bad.csv", "out.csv", &["columns 1 and 2 of", "bad.csv", "columns = "][..]),
        ("[input]\nid = \"x\"\n", "in.csv", "out.csv", &["no column \"x\"", "\"a\", \"b\""]),
        ("[input]\ntypes = { z = \"integer\" }\n", "in.csv", "out.csv", &["no column \"z\""]),
        ("[input]\ntypes = { a = \"int\" }\n", "in.csv", "out.csv", &["job.toml:2:11", "no type \"int\""]),
        ("[input]\nheader = false\n", "in.jsonl", "out.csv", &["job.toml:2:1", "header is for tables"]),
        ("[input]\ndelimiter = \"ab\"\n", "in.csv", "out.csv", &["job.toml:2:1", "one ASCII character"]),
        ("[input]\ncolumns = [\"a\", \"a\"]\n", "in.csv", "out.csv", &["job.toml:2:1", "stands there twice"]),
        ("[output]\nformat = \"xlsx\"\n", "in.csv", "out.csv", &["job.toml:2:1", "\"csv\" or \"tsv\""]),
        (
            "[output]\ncolumns = [\"a\"]\n",
            "in.csv",
            "out.jsonl",
            &["job.toml:2:1", "the output is JSON Lines"],
        ),
        ("[output]\nformt = \"csv\"\n", "in.csv", "out.csv", &["job.toml:2:1", "did you mean `format`?"]),
        (
            "[output]\nformat = \"csv\"\n",
            "in.csv",
            "s3://bucket/out/",
            &["job.toml:1:2", "bucket is JSON Lines"],
        ),
        ("", "in.csv", "s3://bucket/out.csv.gz", &["bucket is JSON Lines"]),
    ] {
        world.write("job.toml", format!("{job}{step}"));
        let mut ran = world.run(&["map", "job.toml", input, "-o", output]).ended(2);
        for words in said {
            ran = ran.says(words);
        }
        assert!(!world.path(output).exists(), "{job}");
    }
}
