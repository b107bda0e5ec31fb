//! What goes wrong with single records of a map job: it costs their own row, and a retry puts it where it belongs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};
use tidegate_testkit::provider::{Script, Server};

use crate::loopback::{Answer, Loopback, said};
use crate::world::{World, until};

fn job(world: &World, base: &str, text: &str) {
    world.write("job.toml", format!("{text}\n[providers.toy]\nbase_url = \"{base}\"\nconcurrency = 8\n"));
}

const LABEL: &str = "[[step]]\nname = \"label\"\nmodel = \"toy:m\"\nprompt = \"About: {{ text }}\"\n";

fn rows(n: usize) -> String {
    (0..n).map(|i| format!("{{\"id\":\"r{i}\",\"text\":\"row {i}\"}}\n")).collect()
}

fn map(world: &World, code: i32) -> Value {
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"]).ended(code).json()
}

fn lines(world: &World) -> Vec<Value> {
    world.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An answer that ended for this reason.
fn ended(text: &str, reason: &str) -> Answer {
    let message = match reason {
        "refusal" => json!({ "role": "assistant", "content": null, "refusal": text }),
        _ => json!({ "role": "assistant", "content": text }),
    };
    let reason = if reason == "refusal" { "stop" } else { reason };
    let choice = json!({ "index": 0, "message": message, "finish_reason": reason });
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 });
    (200, json!({ "model": "toy", "choices": [choice], "usage": usage }).to_string())
}

#[test]
fn rows_at_fault_are_put_aside_and_merged_in_when_they_are_mended() {
    let world = World::new();
    let model = Loopback::start(|request| said(&format!("label of {}", request.prompt())));
    job(&world, &model.url(), &format!("[input]\nid = \"id\"\ncontext = [\"user\"]\n{LABEL}"));
    let good = rows(20);
    let mut bad: Vec<String> = good.lines().map(str::to_owned).collect();
    bad[3] = "{\"id\":\"r3\",\"text\":".into();
    bad[7] = "{\"id\":\"r7\",\"user\":\"u1\",\"txet\":\"row 7\"}".into();
    bad[11] = "[]".into();
    bad[19] = "{\"text\":\"no id\"}".into();
    world.write("in.jsonl", bad.join("\n") + "\n");
    let report = map(&world, 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&16.into(), &4.into()));
    let list = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    let said_of = |row: &str| -> (String, String) {
        let item =
            list.as_array().unwrap().iter().find(|item| item["source"].as_str().unwrap().ends_with(row));
        let item = item.unwrap_or_else(|| panic!("{row} is not there: {list}"));
        (
            item["class"].as_str().unwrap().to_owned(),
            item["message"].as_str().unwrap().to_owned() + &item["chain"].to_string(),
        )
    };
    for (row, class, words) in [
        ("#:L4", "malformed", &["line 4 at byte 81", "column 18"][..]),
        ("#r7", "validation", &["line 8 at byte", "`text`", "user=\\\"u1\\\""]),
        ("#:L12", "malformed", &["line 12"]),
        ("#:L20", "malformed", &["no field \\\"id\\\""]),
    ] {
        let (found, said) = said_of(row);
        assert_eq!(found, class, "{row}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{row}: {said}");
    }
    // Again: nothing new, and what is missing is still told.
    assert_eq!(map(&world, 3)["calls"]["sent"], 0);
    // Mended but for one: only those are asked about, and stand in their places.
    bad[3] = "{\"id\":\"r3\",\"text\":\"row 3\"}".into();
    bad[7] = "{\"id\":\"r7\",\"user\":\"u1\",\"text\":\"row 7\"}".into();
    bad[11] = "{\"id\":\"r11\",\"text\":\"row 11\"}".into();
    world.write("in.jsonl", bad.join("\n") + "\n");
    let asked = model.seen().len();
    world.run(&["quarantine", "retry"]).ended(3);
    assert_eq!(model.seen().len() - asked, 3);
    let names: Vec<Value> = lines(&world).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(names, (0..19).map(|i| json!(format!("r{i}"))).collect::<Vec<_>>());
    assert_eq!(world.quarantine().len(), 1);
    // The last one too; then the job goes on as if nothing had been.
    world.write("in.jsonl", good.replace("\"r7\",", "\"r7\",\"user\":\"u1\","));
    world.run(&["quarantine", "retry"]).ended(0);
    assert_eq!((lines(&world).len(), world.quarantine().len()), (20, 0));
    let before = world.read("out.jsonl");
    assert_eq!(map(&world, 0)["calls"]["sent"], 0);
    assert_eq!(world.read("out.jsonl"), before);
    let left: Vec<_> =
        std::fs::read_dir(world.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".retry")), "{left:?}");
}

/// Labels with a form, of which every nth answer is wrong.
fn schema_job(world: &World, base: &str) {
    let schema = "response = { type = \"object\", properties = { label = { enum = [\"a\", \"b\"] }, why = { type = \"string\" } }, \
                  required = [\"label\", \"why\"], additionalProperties = false }\nmerge = true\nmax_tokens = 50\n";
    job(world, base, &format!("{LABEL}{schema}"));
}

#[test]
fn every_row_that_is_written_follows_the_schema_and_the_rest_is_put_aside_with_its_class() {
    let world = World::new();
    let model = Loopback::start(|request| {
        let prompt = request.prompt();
        let number: usize = prompt.split(' ').nth(2).unwrap().split('\n').next().unwrap().parse().unwrap();
        let again = prompt.contains("refused: ");
        let more = request.json()["max_tokens"].as_u64().or(request.json()["max_completion_tokens"].as_u64())
            > Some(50);
        match number % 100 {
            // Wrong, and mended when told what is wrong; wrong for good.
            0..=3 if !again => said("{\"label\": \"c\", \"why\": \"x\"}"),
            4 => said("no idea"),
            // Cut off, and whole with more room; cut for good.
            5 if !more => ended("{\"label\": \"a\", ", "length"),
            6 => ended("{\"label\": \"a\", ", "length"),
            7 => ended("I cannot help with that.", "refusal"),
            _ => said("```json\n{ \"why\": \"it \\\"is\\\"\", \"label\": \"b\" }\n```"),
        }
    });
    schema_job(&world, &model.url());
    world.write("in.jsonl", rows(200));
    let report = map(&world, 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&194.into(), &6.into()));
    // One more call for what was wrong once, for what was cut, and for what stays so.
    assert_eq!(report["calls"]["sent"], 200 + 2 * (4 + 1 + 1 + 1));
    assert!(lines(&world).iter().all(|line| line["label"] == "b" && line["why"] == "it \"is\""));
    let one = world.read("out.jsonl").lines().nth(20).unwrap().to_owned();
    assert!(one.ends_with(",\"why\":\"it \\\"is\\\"\",\"label\":\"b\"}"), "as the model ordered it: {one}");
    let mut classes = BTreeMap::new();
    for (_, stage, class) in world.quarantine() {
        assert_eq!(stage, "label");
        *classes.entry(class).or_insert(0) += 1;
    }
    assert_eq!(
        classes,
        [("incomplete", 2), ("refused", 2), ("validation", 2)].map(|(k, n)| (k.to_owned(), n)).into()
    );
    // The second answers are the answers: made anew, nothing but what failed is asked.
    let asked = model.seen().len();
    world.run(&["quarantine", "retry"]).ended(3);
    assert_eq!(model.seen().len() - asked, 2 * (2 + 2 + 1));
    // The schema goes out in the way of the service.
    let sent = model.seen()[0].json();
    assert_eq!(sent["response_format"]["json_schema"]["strict"], true);
}

#[test]
fn killed_at_any_time_the_output_is_the_same_and_nothing_is_asked_twice() {
    let n = 400;
    let run = |kills: usize| {
        let world = World::new();
        let script = "chat = { reply = \"a label\" }\nlatency = { base = { fixed = '8ms' } }";
        let server = Server::start(Script::from_toml(script).unwrap()).unwrap();
        job(&world, &format!("{}/v1", server.url()), LABEL);
        world.write("in.jsonl", rows(n));
        let mut killed = 0;
        for round in 1..=kills {
            let mut live = world.start(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl"]);
            let enough = round * n / (kills + 2);
            until("some answers", || (server.log().entries().len() > enough || !live.runs()).then_some(()));
            live.signal(Signal::KILL);
            killed += usize::from(live.end().code().is_none());
        }
        assert_eq!(killed, kills);
        map(&world, 0);
        (world.read("out.jsonl"), server.log().entries().len())
    };
    let (whole, calls) = run(0);
    assert_eq!((calls, whole.lines().count()), (n, n));
    let (same, calls) = run(4);
    assert_eq!(same, whole);
    assert!(calls <= n + 4 * 8, "{calls} calls of {n}");
}

#[test]
fn steps_follow_each_other_and_concern_what_they_are_meant_for() {
    let world = World::new();
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let model = Loopback::start(move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        match request.json()["model"].as_str().unwrap() {
            "lang" => said(if request.prompt().contains("bonjour") { "fr" } else { "en" }),
            _ => said(&format!("[{}]", request.prompt())),
        }
    });
    let steps = "[input]\nwhen = \".skip | not\"\n\
        [[step]]\nname = \"lang\"\nmodel = \"toy:lang\"\nprompt = \"{{ text }}\"\n\
        [[step]]\nset = { year = \".date[:4] | tonumber\", words = \".text | split(\\\" \\\") | length\" }\n\
        [[step]]\nfilter = \".year > 1999\"\n\
        [[step]]\nname = \"english\"\nwhen = \".lang != \\\"en\\\"\"\nmodel = \"toy:big\"\nprompt = \"{{ lang }} {{ year }}: {{ record['the text'] }}\"\n";
    job(&world, &model.url(), steps);
    let row = |text: &str, date: &str| {
        format!("{{\"text\":\"{text}\",\"the text\":\"{text}!\",\"date\":\"{date}\"}}\n")
    };
    let input = row("hello you", "2001-02-03")
        + &row("bonjour", "2002-01-01")
        + &row("old", "1999-12-31")
        + "{\"skip\":true}\n"
        + &row("nodate", "soon");
    world.write("in.jsonl", input);
    let report = map(&world, 3);
    assert_eq!(report["records"]["quarantined"], 1);
    assert_eq!(
        world.read("out.jsonl"),
        "{\"text\":\"hello you\",\"the text\":\"hello you!\",\"date\":\"2001-02-03\",\"lang\":\"en\",\"year\":2001,\"words\":2}\n\
         {\"text\":\"bonjour\",\"the text\":\"bonjour!\",\"date\":\"2002-01-01\",\"lang\":\"fr\",\"year\":2002,\"words\":1,\"english\":\"[fr 2002: bonjour!]\"}\n"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 4 + 1);
    assert_eq!(world.quarantine()[0].1, "step2");
    // One step is changed: it alone is asked again.
    job(&world, &model.url(), &steps.replace("{{ year }}:", "{{ year }} -"));
    let report = world
        .run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--overwrite", "--json"])
        .ended(3)
        .json();
    assert_eq!(report["calls"]["sent"], 1);
}

#[test]
fn mistakes_in_a_job_are_told_with_their_place_before_anything_is_sent() {
    let world = World::new();
    let server = Server::start(Script::default()).unwrap();
    let base = format!("{}/v1", server.url());
    world.write("in.jsonl", rows(1));
    for (text, said) in [
        (
            "[[step]]\nmodle = \"toy:m\"\nprompt = \"x\"\n".to_owned(),
            &["job.toml:2:1", "did you mean `model`?"][..],
        ),
        (format!("{LABEL}temprature = 1\n"), &["job.toml:5:1", "did you mean `temperature`?"]),
        (format!("{LABEL}response = \"none.json\"\n"), &["job.toml:5:1", "none.json cannot be read"]),
        (format!("{LABEL}response = {{ type = \"objekt\" }}\n"), &["job.toml:5:1", "no type \"objekt\""]),
        (format!("{LABEL}merge = true\n"), &["job.toml:5:1", "schema"]),
        (format!("{LABEL}when = \".a ==\"\n"), &["job.toml:5:1", "it ends where"]),
        ("[[step]]\nmodel = \"toy:m\"\nprompt = \"a\\n{{ text\"\n".to_owned(), &["job.toml:3:1", "line 2"]),
        (
            "[[step]]\nmodel = \"toy:m\"\nprompt = \"{% include 'no.md' %}\"\n".to_owned(),
            &["job.toml:3:1", "no.md"],
        ),
        ("[[step]]\nset = { a = \"nosuch\" }\n".to_owned(), &["job.toml:2:9", "there is no filter nosuch"]),
        ("[[step]]\nname = \"x\"\n".to_owned(), &["job.toml:1:1", "does nothing", "a model and a prompt"]),
        (format!("{LABEL}{LABEL}"), &["job.toml:6:1", "a second step called label"]),
        ("[[step]]\nmodel = \"minilm\"\nprompt = \"x\"\n".to_owned(), &["job.toml:2:1", "does not answer"]),
        ("[input]\nformat = \"xml\"\n".to_owned(), &["job.toml:2:1", "one of \"jsonl\", \"csv\""]),
        ("[source]\ntype = \"jsonl\"\n".to_owned(), &["job.toml:1:2", "command line"]),
        ("[imput]\n".to_owned(), &["job.toml:1:2", "did you mean `input`?"]),
        ("[limits]\nmemroy = \"1GB\"\n".to_owned(), &["job.toml:2:1", "did you mean `memory`?"]),
        ("[[step]\n".to_owned(), &["job.toml:1:"]),
        ("[[step]]\nmodel = \"nobody:m\"\nprompt = \"x\"\n".to_owned(), &["nobody"]),
    ] {
        job(&world, &base, &text);
        let mut ran = world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl"]).ended(2);
        for said in said {
            ran = ran.says(said);
        }
        assert!(!world.path("out.jsonl").exists(), "{text}");
    }
    job(&world, &base, LABEL);
    for (args, said) in [
        (&["map", "job.toml", "none.jsonl", "-o", "out.jsonl"][..], "none.jsonl"),
        (&["map", "none.toml", "in.jsonl", "-o", "out.jsonl"], "none.toml cannot be read"),
        (&["map", "job.toml", "in.jsonl"], "--output"),
        (&["map", "job.toml", "-", "in.jsonl", "-o", "-"], "together with files"),
        (&["map", "job.toml", "*.csv", "-o", "-"], "no file of rows"),
        (&["map", "job.toml", "in.jsonl", "-o", "-", "--config", "p.toml"], "p.toml cannot be read"),
    ] {
        world.run(args).ended(2).says(said);
    }
    assert!(server.log().entries().is_empty());
}
