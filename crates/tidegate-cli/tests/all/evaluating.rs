//! Measuring searches against judgements.

use crate::world::World;

fn judged() -> World {
    let world = World::new();
    world.write("docs/ships.md", "# Ships\n\nAn anchor holds a ship in the harbour.\n");
    world.write("docs/music.md", "# Music\n\nA violin has four strings.\n");
    world.write("docs/bread.md", "# Bread\n\nDough is left to rise overnight.\n");
    world.write(
        "questions.jsonl",
        "{\"id\": 1, \"text\": \"anchor\"}\n\n{\"id\": \"m\", \"text\": \"violin strings\"}\n{\"id\": 3, \"text\": \"x\"}\n",
    );
    world.index(&["docs"]);
    world
}

#[test]
fn every_way_to_search_is_measured() {
    let world = judged();
    // One question is answered by what is found first, one by a document that is not there as well.
    world.write(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\n1\tdocs/ships.md\t1\nm\tmusic.md\t1\nm\tlost.md\t1\n",
    );
    let ran = world.run(&["eval", "questions.jsonl", "qrels.tsv", "--json"]).ended(0);
    let found = ran.json();
    assert_eq!(
        (&found["questions"], &found["without_judgement"], &found["relevant"]),
        (&2.into(), &1.into(), &3.into())
    );
    let modes: Vec<&str> =
        found["modes"].as_array().unwrap().iter().map(|way| way["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["text", "vector", "hybrid"]);
    for way in found["modes"].as_array().unwrap() {
        assert_eq!((&way["mrr"]["mean"], &way["recall_10"]["mean"]), (&1.0.into(), &0.75.into()), "{way}");
        let ndcg = (1.0 + 1.0 / (1.0 + 1.0 / 3.0_f64.log2())) / 2.0;
        assert!((way["ndcg_10"]["mean"].as_f64().unwrap() - ndcg).abs() < 1e-9, "{way}");
        assert!(way["ndcg_10"]["low"].as_f64() < way["ndcg_10"]["high"].as_f64(), "{way}");
    }
    let ran = world
        .run(&["eval", "questions.jsonl", "qrels.tsv", "--mode", "text", "--path", "**/music.md"])
        .ended(0);
    assert!(ran.out.contains("MODE  nDCG@10"), "{}", ran.out);
    assert!(ran.out.contains("text  0.307 (0.000 to 0.613)"), "{}", ran.out);
    assert!(ran.out.contains("2 questions, 3 documents judged relevant to them"), "{}", ran.out);
}

#[test]
fn what_cannot_be_measured_is_said() {
    let world = judged();
    world.write("other.tsv", "9 docs/ships.md 1\n");
    world.write("zero.tsv", "1 docs/ships.md 0\n");
    world.write("bad.tsv", "1 docs/ships.md 1\n1 docs/ships.md\n");
    world.write("bad.jsonl", "{\"id\": 1}\n");
    let fails = |words: &[&str], said: &str| {
        let words: Vec<&str> = ["eval"].iter().chain(words).copied().collect();
        world.run(&words).ended(2).says(said);
    };
    fails(&["questions.jsonl", "other.tsv"], "no question has a document that was judged relevant");
    fails(&["questions.jsonl", "zero.tsv"], "no question has a document that was judged relevant");
    fails(&["questions.jsonl", "bad.tsv"], "bad.tsv:2");
    fails(&["bad.jsonl", "other.tsv"], "bad.jsonl:1");
    fails(&["questions.jsonl", "questions.jsonl"], "two files");
    fails(&["questions.jsonl", "none.tsv"], "none.tsv cannot be opened");
    fails(&["questions.jsonl"], "<QRELS>");
}
