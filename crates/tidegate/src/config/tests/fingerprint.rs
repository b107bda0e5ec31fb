//! Which settings make stored documents stale.

use super::super::*;
use super::read;

#[test]
fn every_key_either_changes_the_fingerprint_or_is_known_not_to() {
    const SILENT: &[&str] = &[
        "pipeline.name",
        "source.paths",
        "source.include",
        "source.exclude",
        "source.hidden",
        "source.gitignore",
        "source.links",
        "source.max_file_size",
        "source.watch",
        "source.max_line",
        "source.urls",
        "source.allow_private",
        "source.any_port",
        "source.secrets",
        "source.downloads",
        "source.concurrency",
        "source.requests_per_minute",
        "source.timeout",
        "source.patience",
        "source.endpoint",
        "source.region",
        "source.account",
        "source.anonymous",
        "source.allow_http",
        "stage.embed.batch",
        // It goes before questions, which nobody stores.
        "stage.embed.query_prefix",
        "stage.embed.concurrency",
        "sink.path",
        "sink.endpoint",
        "sink.region",
        "sink.account",
        "sink.allow_http",
        "sink.allow_private",
        "sink.ordered",
        "sink.overwrite",
        "store.url",
        "store.durable",
        "limits.memory",
        "limits.max_hold",
        "limits.drain",
        "limits.fetches",
        "limits.in_flight",
        "limits.queue_items",
        "limits.queue_bytes",
        "limits.cores",
        "limits.budget",
        "limits.prices",
        "search.text_weight",
        "search.vector_weight",
        "search.rescore",
        "search.rescore_top",
        "search.rescore_weight",
        "search.rescore_document_prefix",
        "search.rescore_query_prefix",
        "ask.model",
        "ask.passages",
        "ask.max_tokens",
        "ask.temperature",
        "ask.system",
        "ask.prompt",
        "ask.fallback",
        "ask.fresh_for",
        "ask.stale_for",
        "stage.enrich.name",
        "stage.enrich.concurrency",
        "stage.filter.name",
        "stage.set.name",
        "stage.exec.name",
        // How a program is run says nothing of what it makes.
        "stage.exec.processes",
        "stage.exec.timeout",
        "stage.exec.start_timeout",
        "stage.exec.folder",
        "stage.http.name",
        "stage.http.requests_per_minute",
        "stage.http.concurrency",
        "stage.http.timeout",
        "stage.http.fresh_for",
        "stage.http.idempotency_key",
        "sink.headers",
        "sink.batch",
        "sink.requests_per_minute",
        "sink.concurrency",
        "sink.timeout",
        "limits.max_tokens",
        // Where a service is and how fast it may be called says nothing of what it answers.
        "providers.profile",
        "providers.base_url",
        "providers.key",
        "providers.requests_per_minute",
        "providers.tokens_per_minute",
        "providers.input_tokens_per_minute",
        "providers.output_tokens_per_minute",
        "providers.inputs_per_minute",
        "providers.concurrency",
        "providers.max_concurrency",
        "providers.timeout",
        "providers.hedge",
        "providers.context_tokens",
        // Limits decide whether a file is read, and never what is read of it.
        "sandbox.enabled",
        "sandbox.children",
        "sandbox.documents",
        "sandbox.timeout",
        "sandbox.cpu",
        "sandbox.memory",
        "sandbox.max_output_bytes",
        "sandbox.max_unpacked_bytes",
        "sandbox.max_ratio",
        "sandbox.max_pages",
        "sandbox.max_entries",
        "sandbox.max_depth",
        "sandbox.max_nesting",
        "formats.headers",
        "formats.allow_private",
        "formats.requests_per_minute",
        "formats.concurrency",
        "formats.timeout",
        "formats.cpu",
        "formats.memory",
        "formats.max_output_bytes",
        "formats.max_unpacked_bytes",
        "formats.max_ratio",
        "formats.max_pages",
        "formats.max_entries",
        "sweep.allow_delete",
        "sweep.max_share",
        "sweep.max_count",
    ];
    for section in catalogue::Catalogue::new().sections {
        for variant in &section.variants {
            for key in &variant.keys {
                let path = match (&variant.kind, section.name.as_str()) {
                    (Some(kind), "stage") => format!("stage.{kind}.{}", key.name),
                    (_, section) => format!("{section}.{}", key.name),
                };
                let (before, after) = one_key_apart(&section.name, variant, key);
                assert_eq!(before == after, SILENT.contains(&path.as_str()), "{path} of {:?}", variant.kind);
            }
        }
    }
}

/// The fingerprints of two configurations that differ in `key` alone.
fn one_key_apart(section: &str, variant: &catalogue::Variant, key: &catalogue::Key) -> (String, String) {
    use catalogue::Kind;
    let stages = "[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"chunk\"\n[[stage]]\ntype = \"embed\"\n";
    let rows = ["text_field", "id_field"].contains(&key.name.as_str());
    let base = match (section, variant.kind.as_deref()) {
        ("stage", Some(kind @ ("enrich" | "http" | "filter" | "set" | "exec"))) => asking(kind, &key.name),
        ("sink", Some("webhook")) => {
            let url = if key.name == "url" { "" } else { "url = \"http://h/\"\n" };
            format!("{stages}[sink]\ntype = \"webhook\"\n{url}KEY\n")
        }
        ("search", None) if key.name.ends_with("_prefix") => "[search]\nrescore = \"a:b\"\nKEY\n".to_owned(),
        ("ask", None) if key.name == "stale_for" => "[ask]\nfresh_for = \"1s\"\nKEY\n".to_owned(),
        ("stage", Some("embed")) if key.name == "precision" => {
            format!("{stages}model = \"minilm\"\nKEY\n") // is one of a model whose files are here
        }
        ("stage", Some("embed")) if !["model", "batch", "concurrency"].contains(&&*key.name) => {
            format!("{stages}model = \"a:b\"\nKEY\n") // a length or words to choose belong to a provider's model
        }
        ("stage", Some(kind)) => stages.replace(&format!("\"{kind}\"\n"), &format!("\"{kind}\"\nKEY\n")),
        (_, Some(kind @ ("stdin" | "tail"))) if rows => {
            format!("[{section}]\ntype = \"{kind}\"\nformat = \"jsonl\"\nKEY\nPATHS\n")
        }
        (_, Some("objects")) if key.name != "urls" => {
            "[source]\ntype = \"objects\"\nurls = [\"s3://b\"]\nKEY\n".to_owned()
        }
        (_, Some(kind)) => format!("[{section}]\ntype = \"{kind}\"\nKEY\nPATHS\n"),
        ("providers", None) => "[providers.p]\nKEY\n".to_owned(),
        ("validate", None) if key.name == "on_failure" => "[validate]\nmin_words = 1\nKEY\n".to_owned(),
        ("formats", None) if key.name == "api" => "[formats.pdf]\nparser = \"http://h/\"\nKEY\n".to_owned(),
        ("formats", None) if key.name == "extensions" => {
            "[formats.pdf]\nparser = \"cmd:a\"\nKEY\n".to_owned()
        }
        ("formats", None) if key.name == "ocr_languages" => "[formats.pdf]\nocr = \"auto\"\nKEY\n".to_owned(),
        ("formats", None) => "[formats.pdf]\nKEY\n".to_owned(),
        (_, None) => format!("[{section}]\nKEY\n"),
    };
    let needs_paths = section == "source" && key.name != "paths" && variant.key("paths").is_some();
    let base = base.replace("PATHS", if needs_paths { "paths = [\"p\"]" } else { "" });
    let values: [String; 2] = match &key.kind {
        Kind::Text if key.name == "url" && section == "store" => ["\"a.db\"".into(), "\"b.db\"".into()],
        Kind::Text if key.name == "url" => ["\"http://h/a\"".into(), "\"http://h/b\"".into()],
        Kind::Text if key.name == "prices" => ["", "/."].map(|way| {
            let known = concat!(env!("CARGO_MANIFEST_DIR"), "WAY/../tidegate-model/src/prices.toml");
            format!("'{}'", known.replace("WAY", way))
        }),
        Kind::Text if key.name == "prompt" && section == "stage" => {
            ["\"a {{ text }}\"".into(), "\"b {{ text }}\"".into()]
        }
        Kind::Text if key.name == "when" => ["\".text\"".into(), "\".title\"".into()],
        Kind::Text if key.name == "schema" => ["'{\"const\": 1}'".into(), "'{\"const\": 2}'".into()],
        Kind::Text if key.name == "parser" => ["\"cmd:a\"".into(), "\"cmd:b\"".into()],
        Kind::Text => ["\"a\"".into(), "\"b\"".into()],
        Kind::Texts if key.name == "urls" && variant.kind.as_deref() == Some("objects") => {
            ["[\"s3://b/a\"]".into(), "[\"gs://b/b\"]".into()]
        }
        Kind::Texts if key.name == "urls" => ["[\"http://h/a\"]".into(), "[\"http://h/b\"]".into()],
        Kind::Texts if key.name == "languages" => ["[\"en\"]".into(), "[\"de\"]".into()],
        Kind::Texts => ["[\"a\"]".into(), "[\"b\"]".into()],
        Kind::Integer if section == "stage" => ["40".into(), "41".into()],
        Kind::Integer => ["1".into(), "2".into()],
        Kind::Number => ["0.1".into(), "0.2".into()],
        Kind::Bool => ["true".into(), "false".into()],
        Kind::Size => ["\"50MB\"".into(), "\"60MB\"".into()],
        Kind::Period => ["\"5s\"".into(), "\"6s\"".into()],
        Kind::Model => ["\"a:b\"".into(), "\"a:c\"".into()],
        Kind::Secret => ["{ env = \"A\" }".into(), "{ env = \"B\" }".into()],
        Kind::Settings => ["{ a = '.text' }".into(), "{ a = { template = '.text' } }".into()],
        Kind::Headers => ["{ A = \"a\" }".into(), "{ A = \"b\" }".into()],
        Kind::Choice(names) => [format!("\"{}\"", names[0]), format!("\"{}\"", names[1])],
    };
    let [before, after] = values.map(|value| {
        let text = base.replace("KEY", &format!("{} = {value}", key.name));
        read(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}")).config.fingerprint()
    });
    (before, after)
}

/// A pipeline with a stage that asks a service, all that it needs beside `key`, and a place for that.
fn asking(kind: &str, key: &str) -> String {
    let needed = match kind {
        "enrich" => ["model = \"a:b\"", "prompt = \"{{ text }}\""],
        "filter" => ["when = '.text'", ""],
        "exec" => ["exec = [\"cat\"]", ""],
        "set" => ["keep = [\"k\"]", ""],
        _ => ["url = \"http://h/\"", if key == "method" { "" } else { "method = \"POST\"" }],
    };
    let needed: Vec<&str> = needed.into_iter().filter(|line| !line.starts_with(key)).collect();
    let own = format!("[[stage]]\ntype = \"{kind}\"\n{}\nKEY\n", needed.join("\n"));
    let stages = ["parse", "chunk"].map(|kind| format!("[[stage]]\ntype = \"{kind}\"\n"));
    let sink = "[sink]\ntype = \"jsonl\"\n";
    format!("{sink}{}{}{own}", stages[0], stages[1])
}

#[test]
fn headers_that_hold_secrets_change_nothing() {
    let with = |header: &str| {
        let base = asking("http", "headers");
        read(&base.replace("KEY", &format!("headers = {{ A = {header} }}"))).unwrap().config.fingerprint()
    };
    assert_eq!(with("{ env = \"A\" }"), with("{ env = \"B\" }"));
    assert_ne!(with("\"a\""), with("\"b\""));
}

#[test]
fn the_fingerprint_of_the_defaults_is_known() {
    // Changing it makes every stored document stale: do so only together with TEXT_VERSION.
    assert_eq!(Config::default().fingerprint().len(), 64);
    assert_eq!(
        Config::default().fingerprint(),
        "26d045a08da9892b29bbe4b72554ce171447cec263b0887429584b17c7c0af1d"
    );
}

#[test]
fn a_job_that_reads_other_rows_is_another_job() {
    use crate::config::{Jsonl, Map, RowFormat, Source};
    let with = |format: RowFormat, field: &str| {
        let rows = Jsonl { format, text_field: field.to_owned(), ..Jsonl::default() };
        let map = Some(Box::new(Map::default()));
        Config { source: Source::Jsonl(rows), map, ..Config::default() }.fingerprint()
    };
    let formats = [RowFormat::Jsonl, RowFormat::Lines, RowFormat::Parquet];
    let prints: std::collections::BTreeSet<String> =
        formats.iter().flat_map(|format| ["text", "line"].map(|field| with(*format, field))).collect();
    assert_eq!(prints.len(), 6);
}
