//! What a job over documents will take, and what it would ask, before it is run.

use serde_json::Value;
use tidegate_testkit::provider::{Script, Server};

use crate::loopback::Loopback;
use crate::world::{Ran, World};

const JOB: &str = "[input]\nformat = \"documents\"\n\
    [[step]]\nname = \"about\"\nmodel = \"openai:gpt-4o-mini\"\nprompt = \"About: {{ title }}: {{ text }}\"\nmax_tokens = 40\n";

/// A letter that only the sandbox may parse.
const LETTER: &str = include_str!("../../../../examples/map/letters/halvorsen.pdf");
/// A mail with a text beside it, of which each is a document.
const MAIL: &str = "From: a@b.c\nSubject: Tides\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"x\"\n\n\
    --x\nContent-Type: text/plain\n\nThe tide is high.\n\
    --x\nContent-Type: text/markdown; name=\"low.md\"\nContent-Disposition: attachment; filename=\"low.md\"\n\n# Low\n\nIt is low.\n--x--\n";

fn plan(world: &World, args: &[&str], code: i32) -> Ran {
    world.run(&[&["plan", "job.toml", "papers"], args].concat()).ended(code)
}

fn number(json: &Value, path: &str) -> f64 {
    json.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {json}"))
}

fn papers(world: &World) {
    for i in 0..20 {
        world.write(
            &format!("papers/{i:02}.md"),
            format!("# Paper {i}\n\n{}", "some words ".repeat(30 + i % 7)),
        );
    }
    world.write("papers/letter.pdf", LETTER);
    world.write("papers/mail.eml", MAIL);
    world.write("papers/torn.pdf", "%PDF-1.7 and no more");
}

#[test]
fn documents_are_parsed_to_plan_and_nothing_is_sent_or_written() {
    let world = World::new();
    world.write("job.toml", JOB);
    papers(&world);
    let shown = plan(&world, &[], 3);
    for said in ["23 documents", "about       23", "1 document is at fault", "papers/torn.pdf"] {
        assert!(shown.out.contains(said), "{said} is missing:\n{}", shown.out);
    }
    let json = plan(&world, &["--json"], 3).json();
    assert_eq!((number(&json, "/rows/total"), number(&json, "/rows/read")), (23.0, 23.0));
    assert_eq!((number(&json, "/faults/count"), number(&json, "/steps/0/calls")), (1.0, 23.0), "{json}");
    assert_eq!(number(&plan(&world, &["--json", "--limit", "3"], 0).json(), "/rows/total"), 3.0);
    assert!(!world.path("tidegate.db").exists());

    // Whoever runs it with --plan reads both beside each other.
    let server = Server::start(Script::from_toml("chat = { words = 9 }").unwrap()).unwrap();
    world.write("job.toml", format!("{JOB}[providers.openai]\nbase_url = \"{}/v1\"\n", server.url()));
    world.run(&["map", "job.toml", "papers", "-o", "try.jsonl", "--limit", "5"]).ended(0);
    let report =
        world.run(&["map", "job.toml", "papers", "-o", "out.jsonl", "--plan", "--json"]).ended(3).json();
    for figure in ["calls", "input_tokens", "output_tokens"] {
        let of = |side: &str| number(&report, &format!("/plan/{side}/{figure}"));
        assert!(of("actual") > 0.0, "{report}");
        assert!((of("predicted") / of("actual") - 1.0).abs() < 0.03, "{figure}: {report}");
    }
}

#[test]
fn a_sample_of_documents_parses_no_others() {
    let world = World::new();
    world.write("job.toml", JOB);
    for i in 0..200 {
        world.write(&format!("papers/{i:03}.md"), format!("# Paper {i}\n\n{}", "some words ".repeat(i % 7)));
    }
    // Every eighth document cannot be read; who looks at every other one sees half of them, and says so of all.
    (0..200).step_by(8).for_each(|i| world.write(&format!("papers/{i:03}.json"), "{\"a\": "));
    let all = plan(&world, &["--json"], 3).json();
    let some = plan(&world, &["--json", "--sample", "60"], 3).json();
    assert_eq!((number(&some, "/rows/total"), number(&all, "/faults/count")), (225.0, 25.0));
    let read = number(&some, "/rows/read");
    assert!((60.0..120.0).contains(&read), "{some}");
    let named = some["faults"]["first"].as_array().unwrap().len() as f64;
    assert!(number(&some, "/faults/count") >= named && named > 0.0, "{some}");
    let off = number(&some, "/total/input_tokens") / number(&all, "/total/input_tokens") - 1.0;
    assert!(off.abs() < 2.0 * number(&some, "/margin"), "{off} {some}");
    assert!(some["notes"].to_string().contains("of 225 documents were looked at"), "{some}");
}

#[test]
fn the_first_document_is_shown_as_it_would_be_asked_about() {
    let world = World::new();
    world.write("job.toml", JOB);
    world.write("papers/a.eml", MAIL);
    world.write("papers/b.pdf", "%PDF-1.7 and no more");
    world.write("papers/c.md", "# Third\n\nText.");
    let shown = world.run(&["map", "job.toml", "papers", "--dry-run"]).ended(0).out;
    for said in
        ["papers/a.eml\n", "About: Tides: The tide is high.", "papers/a.eml!/low.md\n", "About: Low: "]
    {
        assert!(shown.contains(said), "{said} is missing:\n{shown}");
    }
    assert!(!shown.contains("Third"), "{shown}");
    let args = ["map", "job.toml", "papers", "--dry-run", "--limit", "3", "--json"];
    let shown = world.run(&args).ended(0).json();
    assert_eq!(shown.as_array().unwrap().len(), 4, "{shown}");
    assert!(shown[2]["stopped"].as_str().unwrap().contains("no page was found"), "{shown}");
    assert!(shown[3]["steps"][0]["messages"].to_string().contains("Third"), "{shown}");
    assert!(!world.path("tidegate.db").exists());
}

#[test]
fn a_service_that_reads_documents_is_not_called_by_a_plan() {
    let world = World::new();
    let service = Loopback::start(|_| (200, "a drawing".to_owned()));
    let format = format!(
        "[formats.dwg]\nparser = \"{}\"\napi = \"text\"\nallow_private = true\nheaders = {{ X-Key = {{ env = \"NOT_SET\" }} }}\n",
        service.url()
    );
    let step = "[[step]]\nset = { size = \".text | length\" }\n";
    world.write("job.toml", format!("[input]\nformat = \"documents\"\n{step}{format}"));
    world.write("papers/a.dwg", "drawing");
    plan(&world, &[], 2).says("a service reads dwg files, and nothing is sent to it here").says("--limit 3");
    world.run(&["map", "job.toml", "papers", "--dry-run"]).ended(2).says("nothing is sent");
    assert!(service.seen().is_empty());
    // What it has answered is known.
    let run = &["map", "job.toml", "papers", "-o", "out.jsonl"];
    let ran = crate::world::Live::of(world.command(run).env("NOT_SET", "secret")).end();
    ran.ended(0);
    let asked = service.seen().len();
    assert!(plan(&world, &[], 0).out.contains("1 document\n"));
    assert_eq!((service.seen().len(), asked > 0), (asked, true));
}
