//! Printing and reading back, and files that mean harm.

use proptest::prelude::*;
use tidegate_core::FaultKind;

use super::super::*;
use super::read;

#[test]
fn hostile_files_are_refused() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let dotted = format!("{} = 1", vec!["a"; 50_000].join("."));
    let long_key = format!("[limits]\n{} = 1", "k".repeat(200_000));
    for text in [
        deep.as_str(),
        &dotted,
        &long_key,
        "\0",
        "[limits]\nmemory = 1\nmemory = 2",
        "[[source]]\ntype=\"files\"",
    ] {
        assert_eq!(read(text).expect_err("hostile").kind(), FaultKind::Config);
    }
    let fault = read("[\"\\u001b[2J\"]\na = 1").unwrap_err();
    assert!(!fault.to_string().contains('\u{1b}'), "{fault}");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "[ -~]{1,12}", ".{1,6}"].prop_filter("a path", |text| !text.contains('\0'))
}

prop_compose! {
    fn limits()(memory in 1_000_000u64..1 << 40, hold in 0u64..1 << 40, fetches in 1usize..9, cores in 0usize..64) -> Limits {
        Limits { memory: Size::from_bytes(memory), max_hold: Period::from_millis(hold), fetches, cores, ..Limits::default() }
    }
}

fn source() -> impl Strategy<Value = Source> {
    let texts = || proptest::collection::vec(text(), 1..4);
    prop_oneof![
        (texts(), texts(), any::<bool>()).prop_map(|(paths, exclude, hidden)| {
            Source::Files(Files { paths, exclude, hidden, ..Files::default() })
        }),
        (texts(), text(), proptest::option::of(text())).prop_map(|(paths, text_field, id_field)| {
            Source::Jsonl(Jsonl { paths, text_field, id_field, ..Jsonl::default() })
        }),
        text().prop_map(|text_field| Source::Stdin(Stdin { text_field, ..Stdin::default() })),
        texts().prop_map(|paths| Source::Tail(Tail { paths, format: RowFormat::Jsonl, ..Tail::default() })),
    ]
}

fn providers() -> impl Strategy<Value = std::collections::BTreeMap<String, Provider>> {
    let key = prop_oneof![
        Just(None),
        "[A-Z]{1,8}".prop_map(|name| Some(SecretRef::Env(name))),
        "[a-z./]{1,8}".prop_map(|path| Some(SecretRef::File(path))),
    ];
    let provider = (key, proptest::option::of(text()), 0u64..1 << 40).prop_map(|(key, base_url, limit)| {
        Provider { key, base_url, tokens_per_minute: limit, ..Provider::default() }
    });
    proptest::collection::btree_map("[a-zA-Z0-9_-]{1,8}", provider, 0..3)
}

fn config() -> impl Strategy<Value = Config> {
    let stages = (any::<bool>(), 34usize..5_000, 0usize..33, any::<bool>(), 0usize..4).prop_map(
        |(boilerplate, max_tokens, overlap_tokens, none, keep)| {
            let model = match none {
                true => ModelRef::None,
                false => ModelRef::remote("openai", "a:b\"c"),
            };
            let mut stages = vec![
                Stage::Parse(Parse { boilerplate, ..Parse::default() }),
                Stage::Chunk(Chunk { max_tokens, overlap_tokens, ..Chunk::default() }),
                Stage::Embed(Embed { model, ..Embed::default() }),
            ];
            stages.truncate(keep);
            stages
        },
    );
    let sink = prop_oneof![
        Just(Sink::Store),
        (text(), any::<bool>()).prop_map(|(path, ordered)| Sink::Jsonl(JsonlSink {
            path,
            ordered,
            ..JsonlSink::default()
        })),
    ];
    (source(), stages, sink, limits(), (0.0f64..1.0, 1usize..1_000, providers())).prop_map(
        |(source, mut stages, sink, limits, (max_share, rescore_top, providers))| {
            if stages.is_empty() && matches!(source, Source::Files(_)) {
                stages = Stage::defaults(); // files must be parsed
            }
            Config {
                source,
                stages,
                sink,
                limits,
                providers,
                search: Search { text_weight: max_share, rescore_top, ..Search::default() },
                sweep: Sweep { max_share, ..Sweep::default() },
                ..Config::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_printed_resolves_to_the_same(config in config()) {
        let resolved = Resolved { config: config.clone(), origins: Origins::default() };
        let printed = resolved.effective();
        let again = read(&printed).map_err(|fault| TestCaseError::fail(format!("{fault}\n{printed}")))?;
        prop_assert_eq!(&again.config, &config);
        prop_assert_eq!(again.config.fingerprint(), config.fingerprint());
    }

    #[test]
    fn no_file_panics_and_every_refusal_is_of_kind_config(text in "([a-z\\[\\]=\".0-9 \n_]|stage|source|type|limits|memory){0,60}") {
        if let Err(fault) = read(&text) {
            prop_assert_eq!(fault.kind(), FaultKind::Config);
        }
    }
}
