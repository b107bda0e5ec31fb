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
