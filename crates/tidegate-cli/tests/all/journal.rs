//! What was paid for can be seen, and room can be made, without costing what is in use.

use serde_json::Value;

use crate::world::{World, paragraph};

fn entries(world: &World) -> (u64, u64) {
    let stats = world.run(&["journal", "stats", "--json"]).ended(0).json();
    let sum = |what: &str| {
        stats["vectors"].as_array().unwrap().iter().map(|model| model[what].as_u64().unwrap()).sum()
    };
    (sum("entries"), sum("unused"))
}

fn prune(world: &World, args: &[&str]) -> Value {
    let args: Vec<&str> = ["journal", "prune", "--json"].iter().chain(args).copied().collect();
    world.run(&args).ended(0).json()
}

#[test]
fn only_what_nothing_points_to_is_pruned() {
    let world = World::new();
    world.write("docs/keep.md", paragraph("keepword", 60));
    world.write("docs/go.md", paragraph("goword", 60));
    world.index(&["docs"]);
    std::fs::remove_file(world.path("docs/go.md")).unwrap();
    world.index(&["docs"]);
    let (kept, unused) = entries(&world);
    assert_eq!((kept, unused), (2, 1));
    // It was written just now.
    assert_eq!(prune(&world, &["--older-than", "1h"])["vectors"], 0);
    assert_eq!(prune(&world, &["--unused", "--dry-run"])["vectors"], 1);
    assert_eq!(entries(&world).0, 2);
    assert_eq!(prune(&world, &["--unused"])["vectors"], 1);
    assert_eq!(entries(&world), (1, 0));
    assert_eq!(prune(&world, &["--max-size", "0"])["vectors"], 0);
    assert_eq!(world.holders("keepword"), ["docs/keep.md"]);
}

#[test]
fn what_may_go_must_be_said() {
    let world = World::new();
    world.run(&["journal", "prune"]).ended(2);
    let none = world.run(&["journal", "prune", "--unused"]).ended(2);
    assert!(none.err.contains("there is no store"), "{}", none.err);
    assert!(!world.path("tidegate.db").exists());
}
