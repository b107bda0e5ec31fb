//! What may be spent: nothing, or no more than can be known.

use serde_json::Value;

use crate::loopback::{Loopback, said};
use crate::world::World;

fn job(world: &World, model: &str, base: &str) {
    let (provider, _) = model.split_once(':').unwrap();
    world.write(
        "job.toml",
        format!(
            "[[step]]\nname = \"a\"\nmodel = \"{model}\"\nprompt = \"About {{{{ text }}}}\"\n\
             [providers.{provider}]\nbase_url = \"{base}\"\nconcurrency = 1\n"
        ),
    );
}

fn rows(n: usize) -> String {
    (0..n).map(|i| format!("{{\"text\":\"row {i}\"}}\n")).collect()
}

fn map(world: &World, code: i32, more: &[&str]) -> Value {
    let args = [&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"][..], more].concat();
    world.run(&args).ended(code).json()
}

#[test]
fn where_nothing_may_be_spent_only_what_is_kept_is_used() {
    let model = Loopback::start(|_| said("yes"));
    for limit in [["--budget", "0"], ["--max-tokens", "0"]] {
        let world = World::new();
        let before = model.seen().len();
        job(&world, "openai:gpt-4o-mini", &model.url());
        world.write("in.jsonl", rows(5));
        let report = map(&world, 4, &limit);
        assert_eq!((&report["calls"]["sent"], &report["state"]), (&0.into(), &"budget".into()), "{report}");
        assert_eq!(model.seen().len(), before, "{limit:?}");
        // What was answered before needs no money.
        map(&world, 0, &[]);
        let report = map(&world, 0, &[&limit[..], &["--overwrite"]].concat());
        assert_eq!(report["records"]["stored"], 5, "{report}");
        assert_eq!(model.seen().len(), before + 5);
        world.write("in.jsonl", rows(6));
        world
            .run(&[&["map", "job.toml", "in.jsonl", "-o", "out.jsonl"], &limit[..]].concat())
            .ended(4)
            .says("may be spent");
        // In a file it means the same.
        let key = limit[0].trim_start_matches("--").replace('-', "_");
        world.write("job.toml", world.read("job.toml") + &format!("[limits]\n{key} = 0\n"));
        assert_eq!(map(&world, 4, &[])["calls"]["sent"], 0);
        assert_eq!(model.seen().len(), before + 5);
    }
}

#[test]
fn what_costs_nothing_is_asked_where_nothing_may_be_paid() {
    let world = World::new();
    let model = Loopback::start(|_| said("yes"));
    job(&world, "vllm:house", &model.url());
    world.write("in.jsonl", rows(3));
    assert_eq!(map(&world, 0, &["--budget", "0"])["records"]["stored"], 3);
    assert_eq!(map(&world, 0, &["--budget", "1", "--overwrite"])["records"]["stored"], 3);
}

#[test]
fn a_plan_says_that_no_budget_suffices_for_nothing() {
    let world = World::new();
    for (model, rows_of) in [("openai:gpt-4o-mini", 3), ("openai:gpt-9000", 3)] {
        job(&world, model, "http://127.0.0.1:9/v1");
        world.write("in.jsonl", rows(rows_of));
        let shown = world.run(&["plan", "job.toml", "in.jsonl", "--budget", "0"]).ended(4);
        assert!(shown.out.contains("does not suffice"), "{model}: {}", shown.out);
    }
    job(&world, "vllm:house", "http://127.0.0.1:9/v1");
    let shown = world.run(&["plan", "job.toml", "in.jsonl", "--budget", "0"]).ended(0);
    assert!(shown.out.contains("suffices"), "{}", shown.out);
}

#[test]
fn a_budget_for_a_model_without_a_price_is_refused() {
    let world = World::new();
    let model = Loopback::start(|_| said("yes"));
    job(&world, "openai:gpt-9000", &model.url());
    world.write("in.jsonl", rows(3));
    let args = ["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--budget", "1"];
    let refused = world.run(&args).ended(2).says("openai:gpt-9000").says("[[prices]]");
    assert!(refused.err.contains("prices in [limits]"), "{}", refused.err);
    assert!(!world.path("tidegate.db").exists() && !world.path("out.jsonl").exists());
    // Bounded by tokens, or by nothing, it runs.
    map(&world, 0, &["--max-tokens", "100000"]);
    // With its price it runs as well.
    world.write(
        "prices.toml",
        "[[prices]]\nprovider = \"openai\"\nmodel = \"gpt-9000\"\ninput = 0.5\noutput = 1.5\n",
    );
    world.write("job.toml", world.read("job.toml") + "[limits]\nprices = \"prices.toml\"\n");
    map(&world, 0, &["--budget", "1", "--overwrite"]);
    assert_eq!(model.seen().len(), 3);
    // Of vectors and of answers to questions the same is true.
    world.write("docs/a.md", "A text about tides.");
    world
        .run(&["index", "docs", "--embed", "openai:house", "--base-url", &model.url(), "--budget", "1"])
        .ended(2)
        .says("openai:house")
        .says("[[prices]]");
    let limits = format!("[limits]\nbudget = 1.0\n[providers.openai]\nbase_url = \"{}\"\n", model.url());
    world.write(
        "p.toml",
        format!(
            "{limits}[source]\ntype = \"files\"\npaths = [\"docs\"]\n[[stage]]\ntype = \"parse\"\n\
             [[stage]]\ntype = \"chunk\"\n[[stage]]\ntype = \"embed\"\nmodel = \"openai:house\"\n"
        ),
    );
    world.run(&["run", "p.toml"]).ended(2).says("openai:house");
    world.index(&["docs", "--store", "s.db"]);
    world.write("ask.toml", format!("{limits}[ask]\nmodel = \"openai:gpt-9000\"\n"));
    world.run(&["ask", "tides?", "--store", "s.db", "--config", "ask.toml"]).ended(2).says("openai:gpt-9000");
}
