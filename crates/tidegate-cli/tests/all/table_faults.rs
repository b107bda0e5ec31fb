//! What goes wrong with tables and compressed outputs, and with runs that write them.

use rustix::process::Signal;
use tidegate_testkit::provider::{Script, Server};

use crate::loopback::{Loopback, said};
use crate::tables::{LABEL, job, labelled, map, table, unpacked};
use crate::world::{World, until};

#[test]
fn rows_at_fault_are_merged_in_where_they_belong() {
    let world = World::new();
    let model = Loopback::start(|request| said(&request.prompt().replace("About: ", "")));
    job(&world, &model.url(), LABEL);
    let row = |i: usize| format!("{i},row {i}\n");
    let good = "id,text\n".to_owned() + &(0..20).map(row).collect::<String>();
    let bad = good.replace("\n7,row 7\n", "\n7\n").replace("\n11,row 11\n", "\n11,\"row\n11,\",x\n");
    for out in ["out.csv", "out.csv.gz"] {
        let read = || if out.ends_with(".gz") { unpacked(&world, out) } else { world.read(out) };
        world.write("in.csv", &bad);
        let report = map(&world, 3, &["in.csv", "-o", out]);
        assert_eq!(report["records"]["quarantined"], 2);
        let aside = world.quarantine();
        assert!(aside.iter().any(|(key, _, class)| key == "in.csv#L9" && class == "malformed"), "{aside:?}");
        assert!(aside.iter().any(|(key, ..)| key == "in.csv#L13"), "{aside:?}");
        assert_eq!(read().lines().count(), 19);
        world.write("in.csv", &good);
        world.run(&["quarantine", "retry"]).ended(0);
        let whole: String = (0..20).map(|i| format!("{i},row {i},row {i}\n")).collect();
        assert_eq!(read(), format!("id,text,label\n{whole}"));
        assert!(world.quarantine().is_empty());
        // The job goes on as if nothing had been.
        world.write("in.csv", good.clone() + "20,row 20\n");
        assert_eq!(map(&world, 0, &["in.csv", "-o", out])["records"]["stored"], 1);
        assert_eq!(read(), format!("id,text,label\n{whole}20,row 20,row 20\n"));
    }
    let left: Vec<String> = std::fs::read_dir(world.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".retry") || name.ends_with(".whole"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn killed_at_any_time_a_table_is_the_same() {
    let n = 300;
    for out in ["out.csv", "out.csv.gz", "out.jsonl.zst"] {
        let run = |kills: usize| {
            let world = World::new();
            let script = "chat = { reply = \"a label\" }\nlatency = { base = { fixed = '8ms' } }";
            let server = Server::start(Script::from_toml(script).unwrap()).unwrap();
            // So few in flight that rows are committed by the dozen.
            let few = format!("{LABEL}[limits]\nin_flight = 12\n");
            job(&world, &format!("{}/v1", server.url()), &few);
            world.write("in.csv", table(n));
            for round in 1..=kills {
                let mut live = world.start(&["map", "job.toml", "in.csv", "-o", out]);
                let enough = round * n / (kills + 2);
                until("some answers", || {
                    (server.log().entries().len() > enough || !live.runs()).then_some(())
                });
                live.signal(Signal::KILL);
                assert_eq!(live.end().code(), None);
                // What is there reads at any time.
                if world.path(out).exists() && out != "out.csv" {
                    unpacked(&world, out);
                }
            }
            map(&world, 0, &["in.csv", "-o", out]);
            (std::fs::read(world.path(out)).unwrap(), server.log().entries().len())
        };
        let (whole, calls) = run(0);
        assert_eq!(calls, n);
        let (same, calls) = run(3);
        assert!(same == whole, "{out} is not the same after kills");
        assert!(calls <= n + 3 * 8, "{out}: {calls} calls of {n}");
    }
}

#[test]
fn a_compressed_output_grows_and_is_one_member_or_frame_at_the_end_of_a_run() {
    let world = World::new();
    let model = Loopback::start(|request| {
        let number = request.prompt().rsplit(' ').next().unwrap_or_default().to_owned();
        said(&format!("label, \"{number}\""))
    });
    job(&world, &model.url(), LABEL);
    for out in ["out.csv.gz", "out.csv.zst"] {
        for n in [20, 40, 41] {
            world.write("in.csv", table(n));
            map(&world, 0, &["in.csv", "-o", out]);
            assert_eq!(unpacked(&world, out), labelled(n));
            // Read as one piece by whoever knows of one only.
            let packed = std::fs::read(world.path(out)).unwrap();
            let mut text = String::new();
            let read = match out {
                "out.csv.gz" => {
                    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text)
                }
                _ => {
                    let frame = zstd::stream::read::Decoder::new(&packed[..]).unwrap().single_frame();
                    std::io::Read::read_to_string(&mut { frame }, &mut text)
                }
            };
            read.unwrap();
            assert_eq!(text, labelled(n), "{out}");
        }
        // Somebody else's change is seen, and an output cut short too.
        let whole = std::fs::read(world.path(out)).unwrap();
        world.write(out, &whole[..whole.len() - 1]);
        world.write("in.csv", table(42));
        world.run(&["map", "job.toml", "in.csv", "-o", out]).ended(2).says("--overwrite");
        world.write(out, &whole);
        map(&world, 0, &["in.csv", "-o", out]);
        assert_eq!(unpacked(&world, out), labelled(42));
    }
    assert_eq!(model.seen().len(), 42);
}

#[test]
fn jobs_without_a_model_compress_what_they_make() {
    let world = World::new();
    world.write("job.toml", "[[step]]\nfilter = \".n % 2 == 0\"\nset = { m = \".n + 1\" }\n");
    let rows: String = (0..30_000).map(|n| format!("{{\"n\":{n},\"text\":\"a tide of rows\"}}\n")).collect();
    world.write("in.jsonl", rows);
    let expected: String = (0..15_000)
        .map(|half| format!("{{\"n\":{},\"text\":\"a tide of rows\",\"m\":{}}}\n", 2 * half, 2 * half + 1))
        .collect();
    for out in ["out.jsonl.gz", "out.jsonl.zst"] {
        map(&world, 0, &["in.jsonl", "-o", out]);
        assert!(unpacked(&world, out) == expected, "{out} is not what it should be");
    }
    // As a table, row by row.
    map(&world, 0, &["in.jsonl", "-o", "out.csv"]);
    let table: String =
        (0..15_000).map(|half| format!("{},a tide of rows,{}\n", 2 * half, 2 * half + 1)).collect();
    assert!(world.read("out.csv") == format!("n,text,m\n{table}"), "the table is not what it should be");
}
