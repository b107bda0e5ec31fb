//! Which layer wins, and what is filled in.

use std::path::PathBuf;

use super::super::*;
use super::{file, read};

#[test]
fn an_empty_file_and_no_file_give_the_defaults() {
    assert_eq!(read("").unwrap().config, Config::default());
    assert_eq!(resolve(Layers::default()).unwrap().config, Config::default());
}

#[test]
fn the_template_reads_as_the_defaults_and_names_every_key() {
    let template = init_template();
    let resolved = read(&template).unwrap_or_else(|fault| panic!("{fault}\n{template}"));
    assert_eq!(resolved.config, Config::default());
    for section in catalogue::Catalogue::new().sections {
        for variant in section.variants {
            for key in variant.keys {
                assert!(template.contains(&key.name), "{}.{} is not in the template", section.name, key.name);
            }
        }
    }
    assert!(template.lines().all(|line| line.chars().count() <= 120), "{template}");
}

#[test]
fn flags_override_the_environment_and_that_the_file() {
    let text = "[store]\nurl = \"sqlite:a.db\"\n[limits]\nmemory = \"10MB\"\nmax_hold = \"1m\"\n";
    let env = |name: &str| match name {
        "TIDEGATE_MEMORY" => Some("20MB".to_owned()),
        "TIDEGATE_STORE" => Some("sqlite:b.db".to_owned()),
        "TIDEGATE_CORES" => Some(String::new()),
        _ => None,
    };
    let overrides = Overrides { store: Some("c.db".to_owned()), ..Overrides::default() };
    let Resolved { config, origins } = resolve(Layers { file: file(text), env: &env, overrides }).unwrap();
    assert_eq!(
        (config.store.url.as_str(), origins.of("store.url").to_string()),
        ("c.db", "--store".to_owned())
    );
    assert_eq!(
        (config.limits.memory, origins.of("limits.memory")),
        (Size::from_bytes(20_000_000), &Origin::Env("TIDEGATE_MEMORY"))
    );
    assert_eq!(origins.of("limits.max_hold").to_string(), "pipeline.toml:5");
    assert_eq!(origins.of("limits.cores"), &Origin::Default);
}

#[test]
fn another_type_of_source_replaces_the_section() {
    let text = "[source]\ntype = \"jsonl\"\npaths = [\"a.jsonl\"]\ntext_field = \"body\"\n";
    let overrides = Overrides {
        source: Some(SourceType::Files),
        paths: Some(vec!["docs".into()]),
        ..Overrides::default()
    };
    let config = resolve(Layers { file: file(text), overrides, ..Layers::default() }).unwrap().config;
    assert_eq!(config.source, Source::Files(Files { paths: vec!["docs".to_owned()], ..Files::default() }));

    let same = Overrides {
        source: Some(SourceType::Jsonl),
        paths: Some(vec!["b.jsonl".into()]),
        ..Overrides::default()
    };
    let config = resolve(Layers { file: file(text), overrides: same, ..Layers::default() }).unwrap().config;
    let Source::Jsonl(rows) = config.source else { panic!("{:?}", config.source) };
    assert_eq!((rows.text_field.as_str(), rows.paths), ("body", vec!["b.jsonl".to_owned()]));
}

#[test]
fn paths_in_a_file_are_relative_to_it_and_flags_are_not() {
    let text = "[source]\ntype = \"files\"\npaths = [\".\", \"docs\", \"/abs\"]\n";
    let at = |overrides| {
        let file = Some(ConfigFile { path: PathBuf::from("etc/jobs/pipeline.toml"), text: text.to_owned() });
        resolve(Layers { file, overrides, ..Layers::default() }).unwrap().config
    };
    let config = at(Overrides::default());
    assert_eq!(config.source.paths(), ["etc/jobs", "etc/jobs/docs", "/abs"]);
    assert_eq!(config.store.url, "sqlite:etc/jobs/tidegate.db");
    let config = at(Overrides { store: Some("sqlite:x.db".to_owned()), ..Overrides::default() });
    assert_eq!(config.store.url, "sqlite:x.db");
}

#[test]
fn naming_a_field_makes_rows_of_standard_input() {
    let overrides = Overrides {
        source: Some(SourceType::Stdin),
        text_field: Some("body".to_owned()),
        ..Overrides::default()
    };
    let config = resolve(Layers { overrides, ..Layers::default() }).unwrap().config;
    let Source::Stdin(stdin) = config.source else { panic!("{:?}", config.source) };
    assert_eq!(stdin.format, RowFormat::Jsonl);
}

#[test]
fn what_applies_is_printed_with_its_origin() {
    let text = "[limits]\n\nmemory = \"64MB\"\n";
    let overrides = Overrides { max_tokens: Some(128), ..Overrides::default() };
    let printed = resolve(Layers { file: file(text), overrides, ..Layers::default() }).unwrap().effective();
    for line in [
        "[pipeline]\nname = \"default\"                              # default\n",
        "type = \"chunk\"                                # default\nmax_tokens = 128                              # --chunk-tokens\n",
        "memory = \"64MB\"                               # pipeline.toml:3\n",
    ] {
        assert!(printed.contains(line), "{line}\n---\n{printed}");
    }
}

#[test]
fn an_empty_list_of_stages_is_none_at_all() {
    let text = "stage = []\n[source]\ntype = \"stdin\"\n";
    let resolved = read(text).unwrap();
    assert_eq!(resolved.config.stages, []);
    assert!(resolved.effective().starts_with("stage = []"));
    assert_eq!(resolved.origins.of("stage").to_string(), "pipeline.toml:1");
}
