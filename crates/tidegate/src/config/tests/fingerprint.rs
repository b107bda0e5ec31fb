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
        "stage.embed.batch",
        "stage.embed.concurrency",
        "sink.path",
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
        "ask.model",
        "ask.passages",
        "ask.max_tokens",
        "ask.temperature",
        "ask.system",
        "ask.prompt",
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
        ("stage", Some("embed")) if key.name == "dimensions" => {
            format!("{stages}model = \"a:b\"\nKEY\n") // a length to choose belongs to a provider's model
        }
        ("stage", Some(kind)) => stages.replace(&format!("\"{kind}\"\n"), &format!("\"{kind}\"\nKEY\n")),
        (_, Some(kind @ ("stdin" | "tail"))) if rows => {
            format!("[{section}]\ntype = \"{kind}\"\nformat = \"jsonl\"\nKEY\nPATHS\n")
        }
        (_, Some(kind)) => format!("[{section}]\ntype = \"{kind}\"\nKEY\nPATHS\n"),
        ("providers", None) => "[providers.p]\nKEY\n".to_owned(),
        (_, None) => format!("[{section}]\nKEY\n"),
    };
    let needs_paths = section == "source" && key.name != "paths" && variant.key("paths").is_some();
    let base = base.replace("PATHS", if needs_paths { "paths = [\"p\"]" } else { "" });
    let values: [String; 2] = match &key.kind {
        Kind::Text if key.name == "url" => ["\"a.db\"".into(), "\"b.db\"".into()],
        Kind::Text => ["\"a\"".into(), "\"b\"".into()],
        Kind::Texts => ["[\"a\"]".into(), "[\"b\"]".into()],
        Kind::Integer if section == "stage" => ["40".into(), "41".into()],
        Kind::Integer => ["1".into(), "2".into()],
        Kind::Number => ["0.1".into(), "0.2".into()],
        Kind::Bool => ["true".into(), "false".into()],
        Kind::Size => ["\"5MB\"".into(), "\"6MB\"".into()],
        Kind::Period => ["\"5s\"".into(), "\"6s\"".into()],
        Kind::Model => ["\"a:b\"".into(), "\"a:c\"".into()],
        Kind::Secret => ["{ env = \"A\" }".into(), "{ env = \"B\" }".into()],
        Kind::Choice(names) => [format!("\"{}\"", names[0]), format!("\"{}\"", names[1])],
    };
    let [before, after] = values.map(|value| {
        let text = base.replace("KEY", &format!("{} = {value}", key.name));
        read(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}")).config.fingerprint()
    });
    (before, after)
}

#[test]
fn the_fingerprint_of_the_defaults_is_known() {
    // Changing it makes every stored document stale: do so only together with TEXT_VERSION.
    assert_eq!(Config::default().fingerprint().len(), 64);
    assert_eq!(
        Config::default().fingerprint(),
        "ae11b6e75ad1a9d421d523d284ae4ec55c8aa54ea03d68f5407d56c24a174956"
    );
}
