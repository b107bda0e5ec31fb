//! Searching: what is found, in which shape, and what a query may not do.

use crate::world::{World, paragraph};

fn indexed() -> World {
    let world = World::new();
    world.write(
        "docs/ships.md",
        "---\nlang: en\nyear: 2021\n---\n# Ships\n\n## Anchors\n\nAn anchor holds a ship in the harbour.\n",
    );
    world.write(
        "docs/sub/music.md",
        "---\nlang: de\nyear: 2019\n---\n# Music\n\nA violin has four strings.\n",
    );
    world.write("docs/plain.txt", "The anchor of the argument is elsewhere.\n");
    world.index(&["docs"]);
    world
}

fn sources(world: &World, args: &[&str]) -> Vec<String> {
    world.hits(args).iter().map(|hit| world.relative(hit["source"].as_str().unwrap())).collect()
}

#[test]
fn every_mode_finds_and_every_limit_limits() {
    let world = indexed();
    for mode in ["hybrid", "vector", "text"] {
        let found = sources(&world, &["--mode", mode, "violin", "strings"]);
        assert_eq!(found[0], "docs/sub/music.md", "{mode}");
    }
    assert_eq!(sources(&world, &["--mode", "vector", "-n", "2", "anchor"]).len(), 2);
    assert_eq!(sources(&world, &["--mode", "text", "anchor"]).len(), 2);
    assert_eq!(sources(&world, &["--mode", "text", "-n", "1", "anchor"]).len(), 1);
    assert_eq!(sources(&world, &["--mode", "text", "absentword"]).len(), 0);
}

#[test]
fn paths_and_filters_narrow() {
    let world = indexed();
    let text = |more: &[&str]| {
        let args: Vec<&str> = ["--mode", "vector", "anchor violin"].iter().chain(more).copied().collect();
        let mut found = sources(&world, &args);
        found.sort();
        found
    };
    assert_eq!(text(&[]), ["docs/plain.txt", "docs/ships.md", "docs/sub/music.md"]);
    assert_eq!(text(&["--path", "**/sub/*"]), ["docs/sub/music.md"]);
    assert_eq!(text(&["--path", "**/*.txt", "--path", "**/sub/*"]), ["docs/plain.txt", "docs/sub/music.md"]);
    assert_eq!(text(&["--path", "docs/*.md"]), ["docs/ships.md"]);
    assert_eq!(text(&["--filter", r#"lang = "en""#]), ["docs/ships.md"]);
    assert_eq!(text(&["--filter", "year < 2020"]), ["docs/sub/music.md"]);
    assert_eq!(text(&["--filter", "not (lang exists)"]), ["docs/plain.txt"]);
    assert_eq!(text(&["--filter", r#"lang in ("en", "de") and year >= 2020"#]), ["docs/ships.md"]);
    assert_eq!(text(&["--path", "**/*.md", "--filter", r#"lang != "en""#]), ["docs/sub/music.md"]);
    assert_eq!(text(&["--filter", r#"lang = "'; DROP TABLE chunk; --""#]), [""; 0]);
    for bad in ["lang =", "lang ~ 3", "(lang = \"en\"", "", "path:"] {
        world.run(&["search", "anchor", "--filter", bad]).ended(2).says("error: ");
    }
}

#[test]
fn an_answer_has_its_documented_shape() {
    let world = World::new();
    let (ropes, anchors) = (paragraph("Ropes", 100), paragraph("Anchors", 100));
    world.write("docs/ships.md", format!("# Ships\n\n## Ropes\n\n{ropes}\n\n## Anchors\n\n{anchors}\n"));
    world.index(&["docs"]);
    let ran = world.run(&["search", "--json", "what", "are", "Anchors"]).ended(0);
    assert_eq!(ran.out.lines().count(), 1);
    let answer = ran.json();
    assert!(answer["took_ms"].as_f64().unwrap() >= 0.0);
    let hit = &answer["hits"][0];
    assert_eq!(hit["rank"], 1);
    assert_eq!(world.relative(hit["source"].as_str().unwrap()), "docs/ships.md");
    assert_eq!(hit["heading"], serde_json::json!(["Ships", "Anchors"]));
    assert!(hit["text"].as_str().unwrap().contains(&anchors));
    assert!(hit["score"].is_number() && hit["id"].is_number() && hit["span"][1].is_number());
    assert!(hit["parts"]["vector"].is_number() && hit["parts"]["text"].is_number());
    assert!(hit.as_object().unwrap().contains_key("page"));
    // The span is the chunk's place in the document's text.
    let span = [0, 1].map(|i| usize::try_from(hit["span"][i].as_u64().unwrap()).unwrap());
    assert_eq!(span[1] - span[0], hit["text"].as_str().unwrap().len());
}

#[test]
fn a_file_of_queries_gets_a_line_each() {
    let world = indexed();
    world.write("q.jsonl", "{\"id\": 1, \"text\": \"anchor\"}\n\n{\"id\": \"b\", \"text\": \"violin\"}\n");
    let ran = world.run(&["search", "--queries", "q.jsonl", "-n", "1"]).ended(0);
    let lines: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["id"], &lines[1]["id"]), (2, &1.into(), &"b".into()));
    assert_eq!(lines[1]["hits"].as_array().unwrap().len(), 1);
    let piped =
        world.run_with_input(&["search", "--queries", "-"], world.read("q.jsonl").as_bytes()).ended(0);
    assert_eq!(piped.out.lines().count(), 2);
    world.write("bad.jsonl", "{\"id\": 1, \"text\": \"anchor\"}\nnot json\n");
    world.run(&["search", "--queries", "bad.jsonl"]).ended(2).says("bad.jsonl:2:1");
    world.run(&["search", "--queries", "none.jsonl"]).ended(2).says("none.jsonl cannot be opened");
}

#[test]
fn no_query_is_too_odd() {
    let world = indexed();
    for empty in ["", " ", "\t\n"] {
        world.run(&["search", empty]).ended(2).says("the query is empty");
    }
    let long = "anchor harbour \"ship ".repeat(500);
    for query in [
        "\"",
        "\"\"",
        "\"an anchor",
        "anchor OR",
        "NOT",
        "AND AND",
        "NEAR(anchor ship, 2)",
        "anchor*",
        "*",
        "^anchor",
        "-anchor",
        "text:anchor",
        "{text} : anchor",
        "(anchor",
        "anchor)",
        "anchor + ship",
        "'; DROP TABLE chunk; --",
        "⚓🚢",
        "\u{202e}anchor",
        "!!!",
        "a",
        "the of and",
        "\u{7}\u{1b}[2J",
        "%s%n",
        "日本語",
        "é\u{301}\u{301}",
        &long,
    ] {
        for mode in ["text", "vector", "hybrid"] {
            let ran = world.run(&["search", "--json", "--mode", mode, "--", query]);
            assert_eq!(ran.code(), Some(0), "{mode} {query:?}: {ran:?}");
            assert!(ran.json()["hits"].is_array(), "{mode} {query:?}");
        }
    }
    // Operators are words: the ones that are there are found.
    assert_eq!(sources(&world, &["--mode", "text", "anchor", "OR"]).len(), 2);
    assert_eq!(sources(&world, &["--mode", "text", "\"anchor holds\""]), ["docs/ships.md"]);
}

#[test]
fn colours_are_used_only_where_they_are_wanted() {
    let world = indexed();
    let escapes = |args: &[&str], variables: &[(&str, &str)]| {
        let ran = world.command(args).envs(variables.iter().copied()).output().unwrap();
        assert!(ran.status.success());
        ran.stdout.contains(&0x1b)
    };
    assert!(!escapes(&["search", "anchor"], &[]));
    assert!(escapes(&["search", "anchor", "--color", "always"], &[]));
    assert!(!escapes(&["search", "anchor", "--color", "never"], &[]));
    assert!(!escapes(&["search", "anchor", "--color", "auto"], &[("NO_COLOR", "1")]));
    assert!(!escapes(&["search", "anchor", "--json", "--color", "always"], &[]));
    let marked = world.run(&["search", "anchor"]).ended(0).out;
    assert!(marked.contains("**anchor**") && marked.contains("Ships"), "{marked}");
}

#[test]
fn nothing_in_a_document_reaches_the_terminal_as_a_command() {
    let world = World::new();
    world.write(
        "docs/evil.md",
        "# Evil \u{1b}]0;owned\u{7} title\n\nThe evilword \u{1b}[2J\u{1b}[31m clears \u{9b}31m the \u{202e}screen\u{8}\r.\n",
    );
    world.write("docs/bad\u{1b}[2Jname\n.json", "{\"evil\u{1b}[2J\": ");
    world.index_to(3, &["docs"]);
    for args in [
        &["search", "evilword"][..],
        &["search", "evilword", "--full"],
        &["quarantine", "list"],
        &["status"],
        &["index", "docs"],
    ] {
        let ran = world.run(args);
        let said = format!("{}{}", ran.out, ran.err);
        let bad: Vec<char> = said
            .chars()
            .filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}' || *c == '\u{9b}')
            .collect();
        assert!(bad.is_empty(), "{args:?}: {bad:?}\n{said:?}");
    }
    let name = world.run(&["quarantine", "list", "--json"]).ended(0).json()[0]["source"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = world.run(&["quarantine", "show", &name]).ended(0).out;
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn full_shows_whole_chunks() {
    let world = World::new();
    world.write("docs/long.txt", paragraph("longword", 150));
    world.index(&["docs"]);
    let short = world.run(&["search", "longword"]).ended(0).out;
    let full = world.run(&["search", "longword", "--full"]).ended(0).out;
    assert!(full.len() > 2 * short.len(), "{short}\n{full}");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert!(words(&full).contains(&paragraph("longword", 150)), "{full}");
}
