//! An output that lies among the inputs: what is read is never written over, and nothing is read that was written.

use crate::world::World;

const JOB: &str = "[[step]]\nset = { n = \".n + 1\" }\n";

fn world() -> World {
    let world = World::new();
    world.write("job.toml", JOB);
    world.write("data/in.jsonl", "{\"n\":1}\n{\"n\":2}\n");
    world
}

#[test]
fn an_input_is_not_written_over() {
    let world = world();
    std::os::unix::fs::symlink("in.jsonl", world.path("data/link.jsonl")).unwrap();
    for output in ["data/in.jsonl", "data/./link.jsonl"] {
        for more in [&["--overwrite"][..], &[]] {
            let args = [&["map", "job.toml", "data/in.jsonl", "-o", output], more].concat();
            world.run(&args).ended(2).says("what is to be read").says("hint: ");
            assert_eq!(world.read("data/in.jsonl"), "{\"n\":1}\n{\"n\":2}\n");
        }
    }
    world.write(
        "p.toml",
        "[source]\ntype = \"jsonl\"\npaths = [\"data/in.jsonl\"]\ntext_field = \"n\"\n\n[sink]\ntype = \"jsonl\"\npath = \"data/in.jsonl\"\noverwrite = true\n",
    );
    world.run(&["run", "p.toml"]).ended(2).says("what is to be read");
    assert_eq!(world.read("data/in.jsonl"), "{\"n\":1}\n{\"n\":2}\n");
}

#[test]
fn an_output_among_the_inputs_is_passed_over() {
    for (input, output) in [
        ("data", "data/out.jsonl"),
        ("data/*.jsonl", "data/out.jsonl"),
        ("data", "data/out.csv"),
        ("data", "data/out.csv.gz"),
    ] {
        let world = world();
        world.run(&["map", "job.toml", input, "-o", output]).ended(0);
        let first = std::fs::read(world.path(output)).unwrap();
        for more in [&[][..], &["--overwrite"]] {
            let args = [&["map", "job.toml", input, "-o", output], more].concat();
            world.run(&args).ended(0);
            assert!(std::fs::read(world.path(output)).unwrap() == first, "{input} {output} {more:?}");
        }
    }
}
