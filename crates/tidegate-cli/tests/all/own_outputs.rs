//! Outputs that are something the run reads, and outputs that lie among what it reads.

use std::os::unix::fs::symlink;

use crate::world::World;

const SET: &str = "[[step]]\nset = { n = \"1\" }\n";

fn rows(n: usize) -> String {
    (0..n).map(|i| format!("{{\"id\":{i},\"text\":\"row {i}\"}}\n")).collect()
}

/// Runs the job over `inputs` into `output`, which must be refused before anything is opened.
#[track_caller]
fn refused(world: &World, (inputs, output): (&[&str], &str), more: &[&str], why: &str) {
    let store = world.path("tidegate.db").exists();
    let mut args = vec!["map", "job.toml"];
    args.extend(inputs);
    args.extend(["-o", output, "--overwrite"]);
    args.extend(more);
    world.run(&args).ended(2).says(why).says("hint:");
    assert_eq!(world.path("tidegate.db").exists(), store, "a store was made for {output}");
}

#[test]
fn an_output_that_is_an_input_is_refused_before_it_is_emptied() {
    let world = World::new();
    world.write("job.toml", SET);
    world.write("in.jsonl", rows(30));
    world.write("other.jsonl", rows(3));
    world.write("sub/note", "");
    symlink("in.jsonl", world.path("link.jsonl")).unwrap();
    std::fs::hard_link(world.path("in.jsonl"), world.path("second.jsonl")).unwrap();
    for output in ["in.jsonl", "./in.jsonl", "sub/../in.jsonl", "link.jsonl", "second.jsonl"] {
        refused(&world, (&["other.jsonl", "in.jsonl"], output), &[], "what is to be read");
        refused(&world, (&["link.jsonl"], output), &[], "what is to be read");
        assert_eq!(world.read("in.jsonl"), rows(30), "{output}");
    }
    // The same without --overwrite, and of a file that is compressed.
    world.run(&["map", "job.toml", "in.jsonl", "-o", "in.jsonl"]).ended(2).says("in.jsonl");
    world.run(&["map", "job.toml", "in.jsonl", "-o", "packed.jsonl.gz"]).ended(0);
    let packed = std::fs::read(world.path("packed.jsonl.gz")).unwrap();
    refused(&world, (&["packed.jsonl.gz"], "packed.jsonl.gz"), &[], "what is to be read");
    assert_eq!(std::fs::read(world.path("packed.jsonl.gz")).unwrap(), packed);
    // What is piped in may be the file as well.
    let file = std::fs::File::open(world.path("in.jsonl")).unwrap();
    let mut command = world.command(&["map", "job.toml", "-", "-o", "in.jsonl", "--overwrite"]);
    let ran = command.stdin(file).output().unwrap();
    assert_eq!(ran.status.code(), Some(2));
    assert_eq!(world.read("in.jsonl"), rows(30));
    // And a pipeline's output.
    world.write(
        "p.toml",
        "[source]\ntype = \"jsonl\"\npaths = [\"in.jsonl\"]\n[sink]\ntype = \"jsonl\"\npath = \"link.jsonl\"\noverwrite = true\n",
    );
    world.run(&["run", "p.toml"]).ended(2).says("what is to be read").says("[sink]");
    assert_eq!(world.read("in.jsonl"), rows(30));
}

#[test]
fn a_table_that_is_an_input_or_holds_one_is_refused() {
    let world = World::new();
    world.write("job.toml", SET);
    world.write("in.jsonl", rows(30));
    world.run(&["map", "job.toml", "in.jsonl", "-o", "t.parquet"]).ended(0);
    let part = std::fs::read(world.path("t.parquet/part-00000.parquet")).unwrap();
    for inputs in [&["t.parquet"][..], &["t.parquet/part-00000.parquet"], &["t.parquet/*.parquet"]] {
        world
            .run(&["map", "job.toml", inputs[0], "-o", "t.parquet", "--overwrite"])
            .ended(2)
            .says("t.parquet");
        assert_eq!(std::fs::read(world.path("t.parquet/part-00000.parquet")).unwrap(), part, "{inputs:?}");
    }
}

#[test]
fn an_output_that_the_job_or_the_store_is_kept_in_is_refused() {
    let world = World::new();
    world.write(
        "job.toml",
        "[[step]]\nname = \"a\"\nmodel = \"openai:gpt-4o-mini\"\nprompt_file = \"prompt.txt\"\nresponse = \"schema.json\"\n\
         [[step]]\nexec = [\"python3\", \"score.py\"]\n[limits]\nprices = \"prices.toml\"\n",
    );
    world.write("prompt.txt", "{% include 'rules.md' %} {{ text }}");
    world.write("rules.md", "{% include 'deep.md' %}");
    world.write("deep.md", "Be brief.");
    world.write("schema.json", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}");
    world.write("score.py", "");
    world.write("prices.toml", "");
    world.write("in.jsonl", rows(3));
    symlink("deep.md", world.path("link.md")).unwrap();
    for (output, why) in [
        ("job.toml", "the job itself"),
        ("prompt.txt", "which the job reads"),
        ("rules.md", "which the job reads"),
        ("link.md", "which the job reads"),
        ("schema.json", "which the job reads"),
        ("score.py", "which the job reads"),
        ("prices.toml", "which the job reads"),
    ] {
        let before = world.read(output);
        refused(&world, (&["in.jsonl"], output), &[], why);
        assert_eq!(world.read(output), before, "{output}");
    }
    world.write("job.toml", SET);
    // The store is refused before it is made, and when it is there.
    refused(&world, (&["in.jsonl"], "tidegate.db"), &[], "is the store");
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl"]).ended(0);
    let store = std::fs::read(world.path("tidegate.db")).unwrap();
    symlink("tidegate.db", world.path("link.db")).unwrap();
    for output in ["tidegate.db", "link.db", "tidegate.db-wal"] {
        refused(&world, (&["in.jsonl"], output), &[], "is the store");
    }
    refused(&world, (&["in.jsonl"], "other.db"), &["--store", "other.db"], "is the store");
    assert_eq!(std::fs::read(world.path("tidegate.db")).unwrap(), store);
}

#[test]
fn a_cassette_does_not_take_the_place_of_an_input() {
    let world = World::new();
    world.write(
        "job.toml",
        "[[step]]\nname = \"in\"\nmodel = \"openai:gpt-4o-mini\"\nprompt = \"{{ text }}\"\n",
    );
    world.write("in.jsonl", rows(3));
    refused(&world, (&["in.jsonl"], "out.jsonl"), &["--record", "."], "would be written by --record");
    assert_eq!(world.read("in.jsonl"), rows(3));
}

#[test]
fn an_output_among_the_inputs_is_not_read() {
    let world = World::new();
    world.write("job.toml", SET);
    world.write("dir/in.jsonl", rows(30));
    for (input, output) in [
        ("dir", "dir/out.jsonl"),
        ("dir/*.jsonl", "dir/out.jsonl"),
        ("dir", "dir/sub/out.jsonl"),
        ("dir", "dir/table.parquet"),
        ("dir", "dir/out.csv"),
    ] {
        std::fs::create_dir_all(world.path("dir/sub")).unwrap();
        let args = ["map", "job.toml", input, "-o", output];
        let first = world.run(&args).ended(0);
        assert!(!first.err.contains("lies among"), "{}", first.err);
        world.run(&args).ended(0).says(&format!("{output} lies among the inputs")).says("nothing to do");
        // A row more is one row more.
        world.write("dir/in.jsonl", rows(31));
        let report = world.run(&["map", "job.toml", input, "-o", output, "--json"]).ended(0).json();
        assert_eq!(report["records"]["stored"], 1, "{input} {output}");
        let _ = std::fs::remove_file(world.path(output));
        let _ = std::fs::remove_dir_all(world.path(output));
        world.write("dir/in.jsonl", rows(30));
    }
    // Where it is all there is, there is nothing to read.
    world.write("alone/out.jsonl", rows(2));
    let args = ["map", "job.toml", "alone", "-o", "alone/out.jsonl", "--overwrite"];
    world.run(&args).ended(2).says("no file of rows");
    assert_eq!(world.read("alone/out.jsonl"), rows(2));
}

#[test]
fn an_output_among_documents_is_not_read() {
    let world = World::new();
    world.write("job.toml", "[input]\nformat = \"documents\"\n[[step]]\nset = { n = \"1\" }\n");
    world.write("dir/a.md", "A text.");
    let args = ["map", "job.toml", "dir", "-o", "dir/out.jsonl"];
    world.run(&args).ended(0);
    world.run(&args).ended(0).says("lies among the inputs").says("nothing to do");
    assert_eq!(world.read("dir/out.jsonl").lines().count(), 1);
}
