use tidegate_core::FaultKind;

use super::*;

const ALL: [&str; 16] = [
    "anthropic",
    "azure",
    "cohere",
    "compatible",
    "gemini",
    "groq",
    "infinity",
    "jina",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "tei",
    "together",
    "vllm",
    "voyage",
];

#[test]
fn the_built_in_profiles_are_all_there() {
    let profiles = Profiles::builtin();
    assert_eq!(profiles.names().collect::<Vec<_>>(), ALL);
    for name in ALL {
        let profile = profiles.get(name).unwrap();
        assert!(profile.embeddings.is_some() || profile.chat.is_some(), "{name}");
        assert_eq!(profile.base_url.is_none(), name == "compatible");
        let base = profile.base_url.as_deref().unwrap_or("http://localhost");
        assert!(crate::Endpoint::new(base, "m").is_ok(), "{name}");
        // A service in the cloud wants a key; one of the user's own need not.
        assert_eq!(profile.key_env.is_some(), base.starts_with("https"), "{name}");
        let paths = [
            profile.embeddings.as_ref().map(|api| &api.path),
            profile.chat.as_ref().map(|api| &api.path),
            profile.rerank.as_ref().map(|api| &api.path),
            profile.models_path.as_ref(),
        ];
        assert!(paths.into_iter().flatten().all(|path| path.starts_with('/')), "{name}");
        for headers in
            profile.quotas.iter().flat_map(|quota| [&quota.limit, &quota.remaining, &quota.reset]).flatten()
        {
            // Headers are looked up in small letters.
            assert_eq!(*headers, headers.to_ascii_lowercase());
        }
    }
}

#[test]
fn facts_are_those_of_the_first_pattern_that_matches() {
    let profiles = Profiles::builtin();
    let dimensions = |provider: &str, model: &str| {
        profiles.get(provider).unwrap().facts(model).and_then(|facts| facts.dimensions)
    };
    assert_eq!(dimensions("openai", "text-embedding-3-large"), Some(3072));
    assert_eq!(dimensions("azure", "text-embedding-3-small"), Some(1536));
    assert_eq!(dimensions("voyage", "voyage-4-lite"), Some(1024));
    assert_eq!(dimensions("tei", "BAAI/bge-small-en-v1.5"), Some(384));
    assert_eq!(dimensions("vllm", "intfloat/multilingual-e5-base"), Some(768));
    assert_eq!(dimensions("openai", "my-own"), None);
    let tokens = |model: &str| profiles.get("voyage").unwrap().caps(model).tokens;
    assert_eq!(
        (tokens("voyage-3.5-lite"), tokens("voyage-3.5"), tokens("voyage-3-large")),
        (1_000_000, 320_000, 120_000)
    );
}

#[test]
fn a_users_file_adds_and_changes() {
    let own = r#"
        [providers.mine]
        like = "compatible"
        base_url = "https://models.example.org/v1"
        auth = "header:x-token"
        models = [{ name = "bge-m3", dimensions = 1 }, { name = "house", dimensions = 7, caps = { items = 3 } }]
        [providers.mine.embeddings]
        caps = { items = 8 }
        extra = { pool = "mean" }
        [providers.openai.embeddings.caps]
        items = 100
    "#;
    let profiles = Profiles::load(Some(own)).unwrap();
    let mine = profiles.get("mine").unwrap();
    assert_eq!(mine.family, Family::Openai);
    assert_eq!(mine.auth, AuthStyle::Header("x-token".parse().unwrap()));
    assert_eq!(mine.caps("x"), Caps { items: 8, bytes: 1_000_000, ..Caps::default() });
    assert_eq!(mine.caps("house").items, 3);
    assert_eq!(mine.facts("bge-m3").unwrap().dimensions, Some(1), "the user's models come first");
    assert_eq!(mine.facts("e5-base").unwrap().dimensions, Some(768), "the others stay");
    let caps = profiles.get("openai").unwrap().caps("text-embedding-3-small");
    assert_eq!((caps.items, caps.tokens), (100, 300_000));
}

#[test]
fn mistakes_are_told_with_the_provider() {
    for (own, told) in [
        ("[providers", "provider profiles"),
        ("[provider.x]\nfamily = \"openai\"", "provider"),
        ("[providers.x]\nbase_url = \"http://h\"", "provider x: missing field `family`"),
        ("[providers.x]\nfamily = \"opnai\"", "provider x: unknown variant `opnai`"),
        ("[providers.openai]\nbase_ur = \"x\"", "provider openai: unknown field `base_ur`"),
        ("[providers.openai.embeddings]\nbatch = 7", "provider openai: unknown field `batch`"),
        ("[providers.openai.embeddings.caps]\nitem = 7", "provider openai: unknown field `item`"),
        ("[providers.x]\nlike = \"y\"", "like y, which does not exist"),
        ("[providers.x]\nlike = 7", "not the name"),
        ("[providers.x]\nlike = \"y\"\n[providers.y]\nlike = \"x\"", "circle"),
        ("[providers.openai]\nauth = \"basic\"", "`auth` is \"basic\""),
        ("[providers.openai]\nauth = \"header:a b\"", "`auth` is"),
        ("[providers.openai.headers]\n\"a b\" = \"x\"", "no header"),
        (
            "[providers.openai]\nlimits = [{ unit = \"requests\", amount = 5, window = \"0s\" }]",
            "`window` is \"0s\"",
        ),
        (
            "[providers.openai]\nlimits = [{ unit = \"requests\", amount = 5, window = \"\u{fc}\" }]",
            "`window` is",
        ),
        ("[providers.openai]\nlimits = [{ unit = \"requests\", amount = 5, window = \"\" }]", "`window` is"),
        (
            "[providers.openai]\nlimits = [{ unit = \"calls\", amount = 5, window = \"1s\" }]",
            "unknown variant `calls`",
        ),
    ] {
        let fault = Profiles::load(Some(own)).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Config);
        assert!(fault.to_string().contains(told), "{own}: {fault}");
    }
    let fault = Profiles::builtin().get("opnai").unwrap_err();
    assert!(fault.hint_text().unwrap().contains("openai"));
}
