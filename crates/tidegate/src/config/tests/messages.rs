//! What a user is told about a mistake.

use tidegate_core::FaultKind;

use super::super::*;
use super::{file, read};

/// Every message as a user sees it: the place, what is wrong, the hint.
#[test]
fn mistakes_are_named_with_their_place_and_the_way_out() {
    for (text, message, hint) in [
        (
            "[[stage]]\ntype = \"chunk\"\n  max_token = 5",
            "pipeline.toml:3:3: unknown key `max_token` in the chunk stage",
            "did you mean `max_tokens`?",
        ),
        ("[limit]\nmemory = 1", "pipeline.toml:1:2: unknown section [limit]", "did you mean [limits]?"),
        (
            "[chunk]\nmax_tokens = 1",
            "pipeline.toml:1:2: unknown section [chunk]",
            "write [[stage]] and below it type = \"parse\", \"chunk\" or \"embed\"",
        ),
        (
            "[stage]\ntype = \"chunk\"",
            "pipeline.toml:1:2: a stage is written [[stage]]",
            "write [[stage]] and below it type = \"parse\", \"chunk\" or \"embed\"",
        ),
        (
            "name = \"x\"",
            "pipeline.toml:1:1: `name` stands outside any section",
            "the sections are pipeline, source, stage, sink, providers, ask, store, limits, sweep",
        ),
        (
            "[limits]\nmemory = \"10 potatoes\"",
            "pipeline.toml:2:1: limits.memory: `10 potatoes` is not a size: the unit `potatoes` is unknown; write it as 256MB or 64KiB",
            "",
        ),
        (
            "[limits]\nmemory = true",
            "pipeline.toml:2:1: limits.memory must be a size such as \"256MB\", not true or false",
            "",
        ),
        (
            "[limits]\nmax_hold = 30",
            "pipeline.toml:2:1: limits.max_hold must be a length of time such as \"30s\", not a whole number",
            "",
        ),
        ("[limits]\nfetches = -1", "pipeline.toml:2:1: limits.fetches: cannot be negative", ""),
        ("[source]\npaths = [\".\"]", "pipeline.toml:1:2: [source] has no type", "add type = \"files\""),
        (
            "[source]\ntype = \"file\"",
            "pipeline.toml:2:1: type of source: there is no \"file\"",
            "did you mean \"files\"?",
        ),
        (
            "[source]\ntype = \"files\"\ntext_field = \"a\"",
            "pipeline.toml:3:1: unknown key `text_field` in [source] of type files",
            "`text_field` is a key of [source] with type = \"jsonl\"",
        ),
        (
            "[source]\ntype = \"files\"\npaths = \"docs\"",
            "pipeline.toml:3:1: source.paths must be a list such as [\"a\", \"b\"], not text",
            "",
        ),
        (
            "[[stage]]\ntype = \"map\"",
            "pipeline.toml:1:1: type of stage: there is no \"map\"",
            "it is one of parse, chunk, embed",
        ),
        (
            "[[stage]]\nmax_tokens = 5",
            "pipeline.toml:1:1: this stage has no type",
            "write [[stage]] and below it type = \"parse\", \"chunk\" or \"embed\"",
        ),
        (
            "[[stage]]\ntype = \"embed\"\nmodel = \"built-in\"",
            "pipeline.toml:3:1: stage.embed.model: `built-in` names no provider; write PROVIDER:MODEL, builtin or none",
            "",
        ),
        (
            "[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"parse\"",
            "pipeline.toml:3:1: a second parse stage; the first is at pipeline.toml:1",
            "each type of stage may appear once",
        ),
        (
            "[[stage]]\ntype = \"chunk\"\n[[stage]]\ntype = \"parse\"",
            "pipeline.toml:4:1: stage.parse.type must come before chunk",
            "the order of stages is parse, chunk, embed",
        ),
        (
            "[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"chunk\"\nmax_tokens = 64\noverlap_tokens = 64",
            "pipeline.toml:6:1: stage.chunk.overlap_tokens (64) must be less than stage.chunk.max_tokens (64, pipeline.toml:5)",
            "an eighth of max_tokens is usual",
        ),
        (
            "[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"chunk\"\nmax_tokens = 16",
            "pipeline.toml:5:1: stage.chunk.max_tokens (16) must be more than stage.chunk.overlap_tokens (32, default)",
            "lower stage.chunk.overlap_tokens too; an eighth of max_tokens is usual",
        ),
        (
            "[[stage]]\ntype = \"embed\"",
            "source.type is files, whose text must be parsed",
            "add [[stage]] with type = \"parse\" as the first stage",
        ),
        (
            "[sink]\ntype = \"jsonl\"\nvectors = \"float\"\n[[stage]]\ntype = \"parse\"",
            "pipeline.toml:3:1: sink.vectors asks for vectors, but no stage makes any",
            "add [[stage]] with type = \"embed\", or set vectors = \"none\"",
        ),
        (
            "[store]\nurl = \"postgres://u:secret@h/db\"",
            "pipeline.toml:2:1: store.url has the scheme `postgres`, for which there is no store",
            "write sqlite:PATH, such as sqlite:tidegate.db",
        ),
        (
            "[source]\ntype = \"jsonl\"",
            "source.paths is empty",
            "name the files to read, such as paths = [\"docs\"]",
        ),
        (
            "[providers.openai]\nkey = \"sk-verysecret\"",
            "pipeline.toml:2:1: providers.openai.key: a key does not stand in a configuration; write { env = \"NAME\" } or { file = \"PATH\" }",
            "",
        ),
        (
            "[providers.openai]\ntokens_per_minut = 5",
            "pipeline.toml:2:1: unknown key `tokens_per_minut` in [providers.openai]",
            "did you mean `tokens_per_minute`?",
        ),
        (
            "[providers]\nopenai = 5",
            "pipeline.toml:2:1: a provider is written [providers.NAME]",
            "write [providers.openai], for instance, above its keys",
        ),
        (
            "[limits]\nbudget = -1.0",
            "pipeline.toml:2:1: limits.budget (-1) cannot be negative",
            "0 means no limit",
        ),
        (
            "[sweep]\nmax_share = 10",
            "pipeline.toml:2:1: sweep.max_share (10) must be from 0 to 1",
            "0.1 is one in ten",
        ),
        (
            "[pipeline]\nname = \"a b\"",
            "pipeline.toml:2:1: pipeline.name must be 1 to 64 letters, digits, `-`, `_` or `.`",
            "",
        ),
    ] {
        let fault = read(text).expect_err(text);
        assert_eq!(
            (fault.to_string().as_str(), fault.hint_text().unwrap_or_default()),
            (message, hint),
            "{text}"
        );
        assert_eq!(fault.kind(), FaultKind::Config);
    }
}

#[test]
fn mistakes_of_flags_and_variables_name_them() {
    let overrides = Overrides {
        source: Some(SourceType::Stdin),
        include: Some(vec!["*.md".to_owned()]),
        ..Overrides::default()
    };
    let fault = resolve(Layers { overrides, ..Layers::default() }).unwrap_err();
    assert_eq!(fault.to_string(), "--include: does not apply to a source of type stdin");

    let env = |name: &str| (name == "TIDEGATE_MEMORY").then(|| "lots".to_owned());
    let fault = resolve(Layers { env: &env, ..Layers::default() }).unwrap_err();
    assert!(fault.to_string().starts_with("TIDEGATE_MEMORY: limits.memory: `lots` is not a size"), "{fault}");

    let overrides = Overrides { max_tokens: Some(99), ..Overrides::default() };
    let text = "[[stage]]\ntype = \"parse\"";
    let fault = resolve(Layers { file: file(text), overrides, ..Layers::default() }).unwrap_err();
    assert_eq!(fault.to_string(), "--chunk-tokens: the pipeline has no chunk stage");
}
