//! The jobs under `examples/map`, run as they are.

use std::path::Path;

use serde_json::{Value, json};

use crate::loopback::{Loopback, said};
use crate::world::{Live, World};

/// Runs a recipe against a model that answers `answer` of the prompt; the rows, and what was asked.
fn recipe(job: &str, input: &str, answer: fn(&str) -> Value) -> (Vec<Value>, Vec<Value>) {
    let world = World::new();
    let asked = run(&world, [job, input, "out.jsonl"], answer);
    let rows = world.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (rows, asked)
}

/// Runs a recipe into a file; what was asked.
fn run(world: &World, [job, input, output]: [&str; 3], answer: fn(&str) -> Value) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/map");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let model = Loopback::start(move |request| {
        said(&match answer(&request.prompt()) {
            Value::String(text) => text,
            json => json.to_string(),
        })
    });
    let (job, input, url) = (path(job), path(input), model.url());
    let args = ["map", &job, &input, "-o", output, "--base-url", &url];
    Live::of(world.command(&args).env("OPENAI_API_KEY", "sk-toy")).end().ended(0);
    model.seen().iter().map(|request| request.json()).collect()
}

#[test]
fn tickets_are_labelled() {
    let (rows, asked) =
        recipe("label.toml", "tickets.jsonl", |_| json!({ "topic": "billing", "urgency": 3 }));
    assert_eq!((rows.len(), asked.len()), (4, 4));
    assert!(rows.iter().all(|row| row["label"]["topic"] == "billing" && row["subject"].is_string()));
    let messages = asked[0]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1 + 2 * 2 + 1, "the system, two examples, the question");
    assert_eq!(messages[2]["content"], "{\"topic\":\"billing\",\"urgency\":2}");
    assert_eq!(asked[0]["response_format"]["type"], "json_schema");
}

#[test]
fn fields_are_extracted() {
    let (rows, asked) = recipe("extract.toml", "offers.jsonl", |prompt| {
        let price = if prompt.contains("420 EUR") { json!(420) } else { Value::Null };
        json!({ "product": "x", "price": price, "currency": "EUR", "delivery_days": null })
    });
    assert_eq!((rows[0]["price"].clone(), rows[2]["price"].clone()), (json!(420), Value::Null));
    let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert!(!names.contains(&&"text".to_owned()) && names.contains(&&"sender".to_owned()), "{names:?}");
    let prompts: Vec<String> =
        asked.iter().map(|asked| asked["messages"][0]["content"].to_string()).collect();
    assert!(prompts.iter().all(|prompt| prompt.contains("Write null for") && prompt.contains("From: ")));
}

#[test]
fn fields_are_extracted_from_documents() {
    let (rows, asked) = recipe("documents.toml", "letters", |prompt| {
        let price = ["420 EUR", "185.50 EUR", "139 GBP"].iter().position(|price| prompt.contains(price));
        json!({ "product": "x", "price": price, "currency": null, "delivery_days": null })
    });
    let row = |id: &str, title: &str, price: u64| (json!(id), json!(title), json!(price));
    let found: Vec<_> =
        rows.iter().map(|row| (row["id"].clone(), row["title"].clone(), row["price"].clone())).collect();
    assert_eq!(
        found,
        [
            row("letters/halvorsen.pdf", "Halvorsen Marine: rope", 2),
            row("letters/kestrel.md", "Offer 2291", 0),
            row("letters/moreau.html", "Your enquiry about shelving", 1)
        ]
    );
    assert!(rows.iter().all(|row| row.get("text").is_none()) && rows[1]["author"] == "Kestrel Tools");
    assert_eq!(asked.len(), 3);
}

#[test]
fn long_notes_are_summed_up() {
    let (rows, asked) = recipe("summarise.toml", "notes.txt", |_| json!("A note."));
    let summaries: Vec<Option<&str>> = rows.iter().map(|row| row["summary"].as_str()).collect();
    assert_eq!(summaries, [None, Some("A note."), Some("A note.")]);
    assert_eq!((rows[0]["words"].clone(), asked.len()), (json!(6), 2));
}

#[test]
fn what_is_urgent_is_answered_by_another_model() {
    let (rows, asked) = recipe("two-steps.toml", "tickets.jsonl", |prompt| match prompt {
        prompt if prompt.starts_with("Is this") => {
            json!({ "urgent": prompt.contains("twice"), "why": "money" })
        }
        prompt => json!(format!("Dear {prompt}")),
    });
    assert_eq!(rows.len(), 3, "older tickets are left out");
    assert_eq!(rows[0]["month"], "2024-03");
    assert!(
        rows[0]["reply"].as_str().unwrap().ends_with("Why it is urgent: money") && rows[1]["reply"].is_null()
    );
    let large = asked.iter().filter(|asked| asked["model"] == "gpt-4o").count();
    assert_eq!((large, asked.len()), (1, 4));
}

/// What the model of the recorded runs says to a prompt.
fn as_recorded(prompt: &str) -> String {
    let label = |topic: &str, urgency: u8| json!({ "topic": topic, "urgency": urgency }).to_string();
    match prompt {
        _ if prompt.starts_with("Charged twice") => label("billing", 4),
        _ if prompt.starts_with("Password") => label("login", 4),
        _ if prompt.starts_with("Parcel") => label("shipping", 3),
        _ if prompt.starts_with("Thanks") => label("other", 1),
        _ if prompt.starts_with("Is this") && prompt.contains("twice") => {
            json!({ "urgent": true, "why": "money was taken twice" }).to_string()
        }
        _ if prompt.starts_with("Is this") => {
            json!({ "urgent": false, "why": "it can wait a day" }).to_string()
        }
        _ => "We are sorry that your card was charged twice. The second amount is on its way back to you."
            .to_owned(),
    }
}

/// The jobs run from their cassettes, without a network or a key. `TIDEGATE_BLESS=1` records these anew, after a job
/// was changed.
#[test]
fn recorded_recipes_run_without_a_network() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/map");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for (job, expected) in [
        (
            "label",
            r#""subject":"Parcel","text":"The parcel has been in the same depot for nine days.","label":{"topic":"shipping","urgency":3}}"#,
        ),
        (
            "two-steps",
            r#""month":"2024-03","urgent":true,"reply":"We are sorry that your card was charged twice."#,
        ),
    ] {
        let world = World::new();
        let (job_file, cassette) = (path(&format!("{job}.toml")), path(&format!("cassettes/{job}")));
        let args = ["map", &job_file, &path("tickets.jsonl"), "-o", "out.jsonl"].map(str::to_owned);
        let run = |more: &[&str]| {
            let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
            Live::of(world.command(&args).env("OPENAI_API_KEY", "sk-toy")).end().ended(0);
            world.read("out.jsonl")
        };
        if std::env::var_os("TIDEGATE_BLESS").is_some() {
            let model = Loopback::start(|request| said(&as_recorded(&request.prompt())));
            run(&["--record", &cassette, "--base-url", &model.url()]);
        }
        let replay: Vec<&str> = args.iter().map(String::as_str).chain(["--replay", &cassette]).collect();
        world.run(&replay).ended(0);
        assert!(world.read("out.jsonl").contains(expected), "{}", world.read("out.jsonl"));
        assert!(!run(&["--replay", &cassette]).is_empty());
    }
}

#[test]
fn people_who_want_to_buy_are_found_in_a_table() {
    let world = World::new();
    let asked = run(&world, ["people.toml", "people.csv", "buyers.csv.gz"], |prompt| {
        json!(if prompt.contains("Wants it") || prompt.contains("can pay") { "yes" } else { "no" })
    });
    assert_eq!(asked.len(), 4, "nobody is asked about rows that are left out");
    let table = "id;name;postcode;age;newsletter;remark;intent\n\
        1;\"Larsen; Åsa\";01067;41;true;\"Called twice about the blue boat.\r\nWants it by June.\";yes\n\
        2;Otto Brandt;00184;;false;Moved to the coast.;no\n\
        3;\"Rosa \"\"Rosie\"\" Lind\";04103;67;true;=2+2 is what her mail says;no\n\
        5;Nils Vik;05006;29;true;\"Asks whether the \"\"Möwe\"\" is still for sale, and\r\nfor how much; he can pay at once.\";yes\n";
    assert_eq!(crate::tables::unpacked(&world, "buyers.csv.gz"), table);
}

#[test]
fn a_dump_is_cleaned_up_without_a_model() {
    let (rows, asked) = recipe("clean.toml", "tickets.jsonl", |_| Value::Null);
    assert_eq!((rows.len(), asked.len()), (3, 0), "{rows:?}");
    let first = json!({
        "id": "t1", "customer": "C17", "prompt": "Charged twice (2024)\n\nMy card was charged twice for the same order."
    });
    assert_eq!(rows[0], first);
}
