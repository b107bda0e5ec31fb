//! Questions answered by a model of a provider that plays by a script.

use tidegate_testkit::provider::{Script, Server};

use crate::world::{World, paragraph};

/// A model of each wire format, and the path that its base URL ends with.
const MODELS: [(&str, &str); 5] = [
    ("openai:gpt-4o-mini", "/v1"),
    ("anthropic:claude-sonnet", ""),
    ("gemini:gemini-2.0-flash", "/v1beta"),
    ("cohere:command-r", ""),
    ("ollama:llama3.2", ""),
];

fn provider(script: &str) -> Server {
    Server::start(Script::from_toml(script).unwrap()).unwrap()
}

fn indexed() -> World {
    let world = World::new();
    world.write("docs/tides.md", format!("# Tides\n\n## Spring\n\n{}", paragraph("springword", 40)));
    world.write("docs/other.md", paragraph("otherword", 40));
    world.index(&["docs"]);
    world
}

#[test]
fn an_answer_comes_with_the_passages_it_was_made_from() {
    let world = indexed();
    let server = provider("chat = { reply = \"Twice a month [1].\" }");
    let base = format!("{}/v1", server.url());
    let args = ["ask", "springword", "--model", "openai:gpt-4o-mini", "--base-url", &base];
    let told = world.run(&args).ended(0);
    assert_eq!(told.out, "Twice a month [1].\n\n[1] docs/tides.md  Tides\n");
    // The same question over the same passages was paid for.
    let again = world.run(&[&args[..], &["--json"]].concat()).ended(0).json();
    assert_eq!((&again["from_journal"], &again["complete"]), (&true.into(), &true.into()));
    assert_eq!(again["answer"], "Twice a month [1].");
    assert_eq!((&again["stale"], &again["elsewhere"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(server.log().entries().len(), 1);
    // The question and its passages reached the model, and nothing of other documents that were left out.
    let narrow = [&args[..], &["--path", "docs/other*", "--json"]].concat();
    let narrow = world.run(&narrow).ended(0).json();
    assert_eq!(narrow["passages"].as_array().unwrap().len(), 1);
}

#[test]
fn every_wire_format_streams() {
    let world = indexed();
    for (model, path) in MODELS {
        let server = provider("chat = { reply = \"One two three four five.\" }");
        let base = format!("{}{path}", server.url());
        let told = world.run(&["ask", "springword", "--model", model, "--base-url", &base]).ended(0);
        assert!(told.out.starts_with("One two three four five.\n"), "{model}: {}", told.out);
    }
}

#[test]
fn an_answer_that_is_cut_is_shown_as_far_as_it_came_and_marked() {
    let world = indexed();
    for (model, path) in MODELS {
        let server = provider(
            "chat = { reply = \"One two three four five six seven eight nine ten.\" }\n\
             [[faults]]\nact = \"no_end_marker\"",
        );
        let base = format!("{}{path}", server.url());
        let told = world.run(&["ask", "springword", "--model", model, "--base-url", &base]).ended(1);
        assert!(told.out.starts_with("One two"), "{model}: {}", told.out);
        assert!(told.err.contains("the answer is incomplete"), "{model}: {}", told.err);
        // It was no answer: the next time it is asked anew.
        let requests = server.log().entries().len();
        world.run(&["ask", "springword", "--model", model, "--base-url", &base]).ended(1);
        assert!(server.log().entries().len() > requests, "{model}");
    }
}

#[test]
fn a_question_that_cannot_be_answered_costs_nothing() {
    let world = indexed();
    let server = provider("");
    let base = format!("{}/v1", server.url());
    let asked = ["--model", "openai:gpt-4o-mini", "--base-url", &base];
    let none = world.run(&["ask", "springword"]).ended(2);
    assert!(none.err.contains("--model"), "{}", none.err);
    let nothing = [&["ask", "springword", "--path", "nowhere/**"][..], &asked].concat();
    assert!(world.run(&nothing).ended(1).err.contains("nothing was found"));
    let builtin = world.run(&["ask", "springword", "--model", "builtin"]).ended(2);
    assert!(builtin.err.contains("ask.model"), "{}", builtin.err);
    assert!(server.log().entries().is_empty());
}

#[test]
fn another_model_answers_where_one_is_down_and_is_named() {
    let world = indexed();
    let down = provider("[[outages]]\nfrom = \"0s\"\nto = \"1h\"\n");
    let up = provider("chat = { reply = \"From elsewhere.\" }");
    world.write(
        "ask.toml",
        format!(
            "[ask]\nmodel = \"one:m\"\nfallback = \"two:n\"\n[providers.one]\nbase_url = \"{}/v1\"\n\
             [providers.two]\nbase_url = \"{}/v1\"\n",
            down.url(),
            up.url()
        ),
    );
    let told = world.run(&["ask", "springword", "--config", "ask.toml"]).ended(0);
    assert!(told.out.starts_with("From elsewhere.\n"), "{}", told.out);
    assert!(told.err.contains("two:n answered, because one:m could not be reached"), "{}", told.err);
    let shape = world.run(&["ask", "springword", "--config", "ask.toml", "--json"]).ended(0).json();
    assert_eq!((&shape["elsewhere"], &shape["stale"]), (&"two:n".into(), &false.into()));
}

#[test]
fn an_old_answer_is_given_where_the_model_is_down_and_marked() {
    let world = indexed();
    let server = provider("chat = { reply = \"Twice a month.\" }");
    world.write(
        "ask.toml",
        format!(
            "[ask]\nmodel = \"one:m\"\nfresh_for = \"1ms\"\nstale_for = \"1h\"\n\
             [providers.one]\nbase_url = \"{}/v1\"\n",
            server.url()
        ),
    );
    let ask = ["ask", "springword", "--config", "ask.toml"];
    world.run(&ask).ended(0);
    server.stop();
    let told = world.run(&ask).ended(0);
    assert!(told.out.starts_with("Twice a month.\n"), "{}", told.out);
    assert!(told.err.contains("an old one, because one:m could not be reached"), "{}", told.err);
    let shape = world.run(&[&ask[..], &["--json"]].concat()).ended(0).json();
    assert_eq!((&shape["stale"], &shape["elsewhere"]), (&true.into(), &serde_json::Value::Null));
    // Another question has no old answer.
    world.run(&["ask", "otherword", "--config", "ask.toml"]).ended(75);
}
