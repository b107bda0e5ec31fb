//! Help texts, exit codes, and the commands that need no store.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `tidegate` in `folder` with a bare environment.
fn tidegate(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the binary was built for this test")
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("not ended by a signal")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// The help of every command, word for word. `TIDEGATE_BLESS=1 cargo test -p tidegate-cli` accepts what it says now.
#[test]
fn help_says_what_it_said() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let commands = [
        "",
        "index",
        "search",
        "ask",
        "adapt",
        "map",
        "plan",
        "run",
        "init",
        "status",
        "quarantine",
        "quarantine list",
        "quarantine show",
        "quarantine retry",
        "quarantine drop",
        "journal",
        "journal stats",
        "journal prune",
        "generations",
        "generations list",
        "generations switch",
        "generations drop",
        "model",
        "model pull",
        "model list",
        "model path",
        "doctor",
        "eval",
        "bench",
        "bench provider",
        "mock-provider",
        "schema",
        "config",
        "completions",
    ];
    for words in commands {
        let args: Vec<&str> = words.split_whitespace().chain(["--help"]).collect();
        let output = tidegate(&folder, &args);
        assert_eq!(code(&output), 0, "{words}");
        let name = if words.is_empty() { "tidegate".to_owned() } else { words.replace(' ', "-") };
        let path = folder.join(format!("{name}.txt"));
        let now = out(&output);
        if std::env::var_os("TIDEGATE_BLESS").is_some() {
            std::fs::write(&path, &now).expect("the folder can be written");
        }
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(now, before, "the help of `tidegate {words}` changed; TIDEGATE_BLESS=1 accepts it");
        assert!(now.lines().all(|line| line.chars().count() <= 100), "{words}: a line is too long");
    }
    let kept = std::fs::read_dir(&folder).expect("the folder is there").count();
    assert_eq!(kept, commands.len(), "a help text of a command that is gone");
}

#[test]
fn wrong_usage_ends_with_2_and_says_why_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    for (args, says) in [
        (&["serach", "x"][..], "'search'"),
        (&["index"], "PATH"),
        (&["index", ".", "--chunk-token", "5"], "'--chunk-tokens'"),
        (&["index", ".", "--memory", "lots"], "`lots` is not a size"),
        (&["index", ".", "--max-hold", "30"], "it needs a unit"),
        (&["search"], "QUERY"),
        (&["search", "x", "--limit", "0"], "1..=1000"),
        (&["search", "x", "--mode", "fuzzy"], "hybrid, vector, text"),
        (&["quarantine", "drop"], "--all"),
        (&["status", "-q", "-v"], "cannot be used with"),
        (&["completions", "cobol"], "bash"),
        (&["config", "--config", "missing.toml"], "missing.toml cannot be read"),
        (&["config", "--store", "redis://u:secret@host/0"], "the scheme `redis`"),
    ] {
        let output = tidegate(folder.path(), args);
        assert_eq!(code(&output), 2, "{args:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{args:?}");
        assert!(
            err(&output).starts_with("error: ") && err(&output).contains(says),
            "{args:?}: {}",
            err(&output)
        );
        assert!(!err(&output).contains("secret"));
    }
}

#[test]
fn a_mistake_in_a_file_is_shown_with_its_line_and_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.toml"), "[limits]\nmemroy = \"64MB\"\n").unwrap();
    let output = tidegate(folder.path(), &["config", "--config", "p.toml"]);
    assert_eq!(
        (code(&output), err(&output).as_str()),
        (2, "error: p.toml:2:1: unknown key `memroy` in [limits]\nhint: did you mean `memory`?\n")
    );
    let output = tidegate(folder.path(), &["config", "--config", "p.toml", "--color", "always"]);
    assert!(err(&output).starts_with("\u{1b}[1;31merror:\u{1b}[0m "), "{:?}", err(&output));
}

#[test]
fn init_writes_a_file_that_applies_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let output = tidegate(folder.path(), &["init"]);
    assert_eq!((code(&output), out(&output).as_str()), (0, ""));
    assert_eq!(err(&output), "wrote pipeline.toml; edit it, then `tidegate run pipeline.toml`\n");
    assert_eq!(code(&tidegate(folder.path(), &["config", "--config", "pipeline.toml"])), 0);

    std::fs::write(folder.path().join("pipeline.toml"), "mine").unwrap();
    let output = tidegate(folder.path(), &["init"]);
    assert_eq!(
        (code(&output), err(&output).as_str()),
        (2, "error: pipeline.toml exists already\nhint: --force replaces it\n")
    );
    assert_eq!(std::fs::read_to_string(folder.path().join("pipeline.toml")).unwrap(), "mine");
    let output = tidegate(folder.path(), &["init", "--force", "-q"]);
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    assert_eq!(
        std::fs::read_to_string(folder.path().join("pipeline.toml")).unwrap(),
        out(&tidegate(folder.path(), &["init", "-"]))
    );
}

#[test]
fn config_shows_what_applies_and_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.toml"), "[limits]\nfetches = 9\n").unwrap();
    let args = ["config", "--effective", "--config", "p.toml", "--store", "x.db"];
    let output = command(folder.path(), &args).env("TIDEGATE_MEMORY", "64MB").output().unwrap();
    let shown = out(&output);
    for (setting, origin) in [
        ("fetches = 9", "p.toml:2"),
        ("memory = \"64MB\"", "TIDEGATE_MEMORY"),
        ("url = \"x.db\"", "--store"),
        ("in_flight = 2048", "default"),
    ] {
        let line = shown
            .lines()
            .find(|line| line.starts_with(setting))
            .unwrap_or_else(|| panic!("{setting}\n{shown}"));
        assert!(line.ends_with(&format!(" # {origin}")), "{line}");
    }
    // What it prints is a configuration again.
    std::fs::write(folder.path().join("q.toml"), &shown).unwrap();
    let again = tidegate(folder.path(), &["config", "--effective", "--json", "--config", "q.toml"]);
    let json: serde_json::Value = serde_json::from_str(&out(&again)).unwrap();
    assert_eq!(
        (code(&again), &json["limits"]["fetches"], &json["store"]["url"]),
        (0, &9.into(), &"x.db".into())
    );
}

#[test]
fn what_is_printed_for_programs_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(&out(&tidegate(folder.path(), &["schema"]))).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    let stages = schema["properties"]["stage"]["items"]["oneOf"].as_array().unwrap();
    let kinds: Vec<_> =
        stages.iter().filter_map(|stage| stage["properties"]["type"]["const"].as_str()).collect();
    assert_eq!(kinds, ["parse", "chunk", "embed", "enrich", "http", "filter", "set", "exec"]);
    let set = stages.iter().find(|stage| stage["properties"]["type"]["const"] == "set").unwrap();
    assert_eq!(set["properties"]["fields"]["additionalProperties"]["anyOf"][0]["type"], "string");
    let job: serde_json::Value =
        serde_json::from_str(&out(&tidegate(folder.path(), &["schema", "job"]))).unwrap();
    assert!(job["properties"]["step"].is_object() && schema["properties"]["step"].is_null());
    assert_eq!(
        out(&tidegate(folder.path(), &["schema", "pipeline"])),
        out(&tidegate(folder.path(), &["schema"]))
    );
    let script = out(&tidegate(folder.path(), &["completions", "bash"]));
    assert!(script.contains("quarantine") && script.contains("--allow-delete"));
    let points = out(&tidegate(folder.path(), &["debug", "killpoints"]));
    assert!(points.lines().any(|line| line == "engine.drain"), "{points}");
    let version = tidegate(folder.path(), &["--version"]);
    assert_eq!((code(&version), out(&version)), (0, format!("tidegate {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for args in
        [&["schema"][..], &["completions", "zsh"], &["init", "-"], &["config", "--effective"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(folder.path(), args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((code(&output), err(&output).as_str()), (0, ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(folder.path(), &["schema"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(code(&output), 75);
    assert!(
        err(&output).starts_with("error: standard output cannot be written\n  because: "),
        "{}",
        err(&output)
    );
}

#[test]
fn quarantined_documents_are_chosen_by_the_name_they_go_by() {
    let folder = tempfile::tempdir().unwrap();
    let docs = folder.path().join("docs");
    std::fs::create_dir(&docs).unwrap();
    std::fs::write(docs.join("good.md"), "# Tides\n\nThe water rises and falls twice a day.\n").unwrap();
    for bad in ["one.json", "two.json", "three.json"] {
        std::fs::write(docs.join(bad), format!("{{\"{bad}\": ")).unwrap();
    }
    let quarantined = || {
        let list = tidegate(folder.path(), &["quarantine", "list", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&out(&list)).unwrap();
        list.as_array().unwrap().len()
    };
    let output = tidegate(folder.path(), &["index", "docs", "-q"]);
    assert_eq!((code(&output), err(&output).as_str(), quarantined()), (3, "", 3));

    let output = tidegate(folder.path(), &["quarantine", "drop", "docs/one.json", "docs/good.md"]);
    assert_eq!((code(&output), quarantined()), (2, 3), "one of them is not there, so nothing is dropped");
    assert!(
        err(&output).starts_with("error: docs/good.md is not in the quarantine\nhint: "),
        "{}",
        err(&output)
    );

    let output = tidegate(folder.path(), &["quarantine", "drop", "docs/one.json"]);
    assert_eq!((code(&output), quarantined()), (0, 2), "{}", err(&output));
    std::fs::write(docs.join("two.json"), "{\"mended\": \"the gate holds\"}").unwrap();
    // The retry is a run: it stores the mended one and finds the forgotten one again.
    let output = tidegate(folder.path(), &["quarantine", "retry", "docs/two.json", "-q"]);
    assert_eq!((code(&output), quarantined()), (3, 2), "{}", err(&output));
    let output = tidegate(folder.path(), &["quarantine", "drop", "--all"]);
    assert_eq!((code(&output), quarantined()), (0, 0), "{}", err(&output));
}
