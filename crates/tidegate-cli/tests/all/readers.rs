//! Programs that read documents in the place of the parsers inside.

use std::os::unix::fs::PermissionsExt as _;

use crate::world::{Live, Ran, World};

/// Where shells and the usual tools are.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn script(world: &World, name: &str, body: &str) {
    world.write(name, format!("#!/bin/sh\n{body}\n"));
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path(name), mode).unwrap();
}

fn pipeline(world: &World, formats: &str) {
    world.write("p.toml", format!("[source]\ntype = \"files\"\npaths = [\"docs\"]\n{formats}\n"));
}

/// Runs the pipeline with the usual programs within reach, and those in `bin` before them.
fn run(world: &World) -> Ran {
    with_path(world, &["run", "p.toml", "--json"], &format!("{}:{PATH}", world.path("bin").display()))
}

fn with_path(world: &World, args: &[&str], path: &str) -> Ran {
    Live::of(world.command(args).env("PATH", path)).end()
}

fn message(world: &World) -> String {
    let list = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    let messages: Vec<_> = list.as_array().unwrap().iter().map(|row| row["message"].to_string()).collect();
    messages.join("\n")
}

#[test]
fn a_format_that_nobody_knows_is_read_by_a_program() {
    let world = World::new();
    world.write("docs/plan.dwg", b"\x00\x01granite\xff");
    world.write("docs/other.md", "Granite in plain words.");
    script(&world, "tools/read it.sh", "test -f \"$1\" && echo '# Plan' && echo && tr -cd 'a-z' < \"$1\"");
    pipeline(&world, "[formats.dwg]\nparser = \"cmd:sh 'tools/read it.sh' {file}\"");
    // A program without a path is looked for; a script beside the pipeline is given with its path.
    pipeline(&world, "[formats.dwg]\nparser = \"cmd:./tools/read.sh {file}\"");
    std::fs::rename(world.path("tools/read it.sh"), world.path("tools/read.sh")).unwrap();
    run(&world).ended(0);
    assert_eq!(world.holders("granite"), ["docs/other.md", "docs/plan.dwg"]);
    assert_eq!(world.hits(&["--filter", "format = \"dwg\"", "granite"]).len(), 1);

    // Another parser reads again what was read.
    pipeline(&world, "[formats.dwg]\nparser = \"cmd:sh -c \\\"cat > /dev/null; echo basalt\\\"\"");
    let report = run(&world).ended(0).json();
    assert_eq!(report["records"]["stored"], 2);
    assert_eq!(world.holders("basalt"), ["docs/plan.dwg"]);
    assert_eq!(run(&world).ended(0).json()["records"]["unchanged"], 2);
}

#[test]
fn a_program_takes_the_place_of_a_parser_and_says_more_in_json() {
    let world = World::new();
    world.write("docs/a.pdf", "%PDF-1.4\nthis is none, but the program does not mind");
    world.write("docs/a.tsx", "not told by content");
    let json =
        r#"{"title": "Quarry", "metadata": {"author": "Ann"}, "pages": ["granite one", "granite two"]}"#;
    script(&world, "bin/readpdf", &format!("cat > /dev/null; echo '{json}'"));
    pipeline(&world, "[formats.pdf]\nparser = \"cmd:readpdf\"");
    run(&world).ended(0);
    let hits = world.hits(&["--filter", "author = \"Ann\" and title = \"Quarry\"", "granite"]);
    assert!(hits.iter().any(|hit| hit["page"] == 2 || hit["page"] == 1), "{hits:?}");
}

#[test]
fn what_goes_wrong_costs_the_document_and_is_told_in_its_words() {
    let world = World::new();
    world.write("docs/a.dwg", "granite");
    world.write("docs/b.md", "Granite.");
    for (parser, said) in [
        ("sh -c 'echo drawing is locked >&2; exit 9'", "drawing is locked"),
        ("sh -c 'sleep 7310 & sleep 7310'", "took longer than 300 ms"),
        ("cat /dev/zero", "wrote more than 64 kB"),
        ("true", "found no text"),
    ] {
        let limits = "timeout = \"300ms\"\nmax_output_bytes = \"64kB\"";
        let limits = if said.contains("longer") { limits } else { "max_output_bytes = \"64kB\"" };
        pipeline(&world, &format!("[formats.dwg]\nparser = \"cmd:{parser}\"\n{limits}"));
        run(&world).ended(3);
        assert!(message(&world).contains(said), "{parser}: {}", message(&world));
        assert_eq!(world.holders("granite"), ["docs/b.md"]);
    }
    pipeline(&world, "[formats.dwg]\nparser = \"cmd:no-such-program {file}\"");
    run(&world).ended(2).says("there is no program \"no-such-program\"");
    let path = world.path("bin").display().to_string();
    with_path(&world, &["doctor", "--config", "p.toml"], &path).says("");
}

#[test]
fn mistakes_in_formats_are_told() {
    let world = World::new();
    world.write("docs/b.md", "Granite.");
    for (formats, said) in [
        ("[formats.dwg]\ntimeout = \"1s\"", "any other needs a parser"),
        ("[formats.dwg]\nparser = \"read\"", "write it as \"cmd:PROGRAM ARGUMENTS\""),
        ("[formats.dwg]\nparser = \"cmd:  \"", "names no program"),
        ("[formats.dwg]\nparser = \"cmd:a 'b\"", "not closed"),
        ("[formats.docx]\nocr = \"auto\"", "is for pdf and image"),
        ("[formats.pdf]\nocr = \"auto\"\nparser = \"cmd:a\"", "leave one of them out"),
        ("[formats.pdf]\nocr = \"sometimes\"", "ocr"),
        ("[formats.pdf]\nextensions = [\"x\"]", "name its parser"),
    ] {
        pipeline(&world, formats);
        run(&world).ended(2).says(said);
    }
    pipeline(&world, "[formats.pdf]\nocr = \"auto\"\nocr_languages = [\"eng\", \"deu\"]");
    let shown = world.run(&["config", "--effective", "--config", "p.toml"]).ended(0).out;
    assert!(shown.contains("ocr_languages = [\"eng\", \"deu\"]"), "{shown}");
}

/// A PDF whose pages have these texts; an empty one leaves its page blank.
fn pdf(pages: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|at| format!("{} 0 R", 4 + 2 * at)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for (at, text) in pages.iter().enumerate() {
        let content = match text.is_empty() {
            true => String::new(),
            false => format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET"),
        };
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + 2 * at
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    let mut out = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let table = out.len();
    out.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    places.iter().for_each(|place| out.push_str(&format!("{place:010} 00000 n \n")));
    out.push_str(&format!(
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    ));
    out.into_bytes()
}

/// Programs that do as `pdftoppm` and `tesseract` do, without looking at anything.
fn pretenders(world: &World) {
    script(world, "bin/pdftoppm", "echo \"page $2\"");
    script(
        world,
        "bin/tesseract",
        "grep -a -q 'page 4' \"$1\" && exit 1; echo basalt on $(cat \"$1\") \"$4\"",
    );
}

#[test]
fn pages_without_text_are_read_by_ocr() {
    let world = World::new();
    world.write("docs/mixed.pdf", pdf(&["Granite in the layer", "", "Granite again"]));
    world.write("docs/scan.pdf", pdf(&["", ""]));
    world.write("docs/text.pdf", pdf(&["Granite only"]));
    pretenders(&world);
    pipeline(&world, "");
    run(&world).ended(3);
    assert!(message(&world).contains("no text on any of 2 pages"), "{}", message(&world));

    pipeline(&world, "[formats.pdf]\nocr = \"auto\"\nocr_languages = [\"deu\", \"eng\"]");
    run(&world).ended(0);
    assert_eq!(world.holders("basalt"), ["docs/mixed.pdf", "docs/scan.pdf"]);
    assert_eq!(world.holders("deu+eng"), ["docs/mixed.pdf", "docs/scan.pdf"]);
    assert_eq!(world.holders("granite"), ["docs/mixed.pdf", "docs/text.pdf"]);
    let hits = world.hits(&["--filter", "ocr = true", "basalt"]);
    assert!(hits.iter().all(|hit| hit["page"].is_number()) && !hits.is_empty(), "{hits:?}");
    assert_eq!(world.hits(&["--filter", "ocr_pages = 1", "basalt"]).len(), 1);

    pipeline(&world, "[formats.pdf]\nocr = \"always\"");
    run(&world).ended(0);
    assert!(world.holders("granite").is_empty());
    assert_eq!(world.holders("basalt").len(), 3);
}

#[test]
fn without_the_programs_a_scan_is_put_aside_with_what_to_install() {
    let world = World::new();
    world.write("docs/scan.pdf", pdf(&["", ""]));
    world.write("docs/text.pdf", pdf(&["Granite only"]));
    pipeline(&world, "[formats.pdf]\nocr = \"auto\"");
    let nowhere = world.path("empty").display().to_string();
    with_path(&world, &["run", "p.toml", "--json"], &nowhere).ended(3);
    assert_eq!(world.holders("granite"), ["docs/text.pdf"]);
    let said = message(&world);
    assert!(said.contains("OCR needs pdftoppm, which is not on PATH"), "{said}");
    assert!(said.contains("apt install poppler-utils"), "{said}");
    let doctor = with_path(&world, &["doctor", "--config", "p.toml"], &nowhere);
    assert!(format!("{}{}", doctor.out, doctor.err).contains("not on PATH: tesseract, pdftoppm or mutool"));
}

#[test]
fn pictures_are_read_where_ocr_is_on_for_them() {
    let world = World::new();
    world.write("docs/photo.png", b"\x89PNG\r\n\x1a\npage 1");
    world.write("docs/b.md", "Granite.");
    pretenders(&world);
    pipeline(&world, "");
    run(&world).ended(0);
    assert!(world.holders("basalt").is_empty());
    pipeline(&world, "[formats.image]\nocr = \"auto\"");
    run(&world).ended(0);
    assert_eq!(world.holders("basalt"), ["docs/photo.png"]);
}

/// With the real programs, which `cargo xtask test` installs where they are missing.
#[test]
fn a_painted_page_is_read_by_tesseract() {
    let world = World::new();
    world.write("docs/page.pdf", pdf(&["Granite and basalt in the quarry"]));
    pipeline(&world, "[formats.pdf]\nocr = \"always\"");
    run(&world).ended(0);
    let hits = world.hits(&["--filter", "ocr = true and ocr_pages = 1", "granite quarry"]);
    let text = hits.first().map(|hit| hit["text"].to_string()).unwrap_or_default();
    assert!(text.contains("Granite") && text.contains("quarry"), "{text}");
}
