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
            "write [[stage]] and below it type = \"parse\", \"chunk\", \"embed\", \"enrich\", \"http\", \"filter\", \"set\" or \"exec\"",
        ),
        (
            "[stage]\ntype = \"chunk\"",
            "pipeline.toml:1:2: a stage is written [[stage]]",
            "write [[stage]] and below it type = \"parse\", \"chunk\", \"embed\", \"enrich\", \"http\", \"filter\", \"set\" or \"exec\"",
        ),
        (
            "name = \"x\"",
            "pipeline.toml:1:1: `name` stands outside any section",
            "the sections are pipeline, source, stage, validate, sink, providers, search, ask, store, limits, sandbox, formats, sweep",
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
        (
            "[sandbox]\nmemory = 0",
            "pipeline.toml:2:1: sandbox.memory (0B) must be from 16MiB to 1TiB",
            "512MiB is usual",
        ),
        (
            "[sandbox]\ncpu = \"200ms\"",
            "pipeline.toml:2:1: sandbox.cpu (200ms) must be from 1s to 1d",
            "30s is usual; seconds count whole",
        ),
        (
            "[sandbox]\nmax_depth = 400",
            "pipeline.toml:2:1: sandbox.max_depth (400) must be from 1 to 32",
            "4 is usual",
        ),
        ("[sandbox]\nmax_pages = -5", "pipeline.toml:2:1: sandbox.max_pages: cannot be negative", ""),
        (
            "[formats.pdf]\ntimeout = \"30d\"",
            "pipeline.toml:2:1: formats.pdf.timeout (30d) must be from 50ms to 1d",
            "60s is usual",
        ),
        (
            "[formats.zip]\nmax_output_bytes = \"2TB\"",
            "pipeline.toml:2:1: formats.zip.max_output_bytes (2TB) must be from 1B to 1GiB",
            "leave it out for the usual",
        ),
        (
            "[formats.zip]\nmax_entries = 0",
            "pipeline.toml:2:1: formats.zip.max_entries (0) must be from 1 to 10000000",
            "leave it out for the usual",
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
            "it is one of parse, chunk, embed, enrich, http, filter, set, exec",
        ),
        (
            "[[stage]]\nmax_tokens = 5",
            "pipeline.toml:1:1: this stage has no type",
            "write [[stage]] and below it type = \"parse\", \"chunk\", \"embed\", \"enrich\", \"http\", \"filter\", \"set\" or \"exec\"",
        ),
        (
            "[[stage]]\ntype = \"embed\"\nmodel = \"built-in\"",
            "pipeline.toml:3:1: stage.embed.model: `built-in` names no provider; write PROVIDER:MODEL, minilm, ./FOLDER, \
             builtin or none",
            "",
        ),
        (
            "[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"chunk\"\n[[stage]]\ntype = \"embed\"\nprecision = \"f32\"",
            "pipeline.toml:7:1: stage.embed.precision belongs to a model whose files are on this machine",
            "leave it out, or name a model such as minilm or ./FOLDER",
        ),
        (
            "[search]\ntext_weight = 101",
            "pipeline.toml:2:1: search.text_weight (101) must be from 0 to 100",
            "1 counts each score alike",
        ),
        (
            "[search]\ntext_weight = 0\nvector_weight = 0.0",
            "pipeline.toml:3:1: search.vector_weight and search.text_weight are both 0, so that nothing would count",
            "to search for words alone or meaning alone, use --mode",
        ),
        (
            "[search]\nrescore_weight = -1",
            "pipeline.toml:2:1: search.rescore_weight (-1) must be from 0 to 100",
            "1 counts each score alike",
        ),
        (
            "[search]\nrescore_query_prefix = \"query: \"",
            "pipeline.toml:2:1: search.rescore_query_prefix belongs to a model that was trained with words",
            "set rescore too, or leave it out",
        ),
        (
            "[search]\nrescore_top = 1001",
            "pipeline.toml:2:1: search.rescore_top (1001) must be from 1 to 1000",
            "",
        ),
        (
            "[search]\nrescore = \"mini\"",
            "pipeline.toml:2:1: search.rescore: `mini` names no provider; write PROVIDER:MODEL, minilm, ./FOLDER, \
             builtin or none",
            "",
        ),
        (
            "[ask]\nmodel = \"minilm\"",
            "pipeline.toml:2:1: ask.model is minilm, which makes vectors and no answers",
            "name a model of a provider, such as openai:gpt-4o-mini or ollama:llama3.2",
        ),
        (
            "[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"parse\"",
            "pipeline.toml:3:1: a second parse stage; the first is at pipeline.toml:1",
            "each type of stage may appear once",
        ),
        (
            "[[stage]]\ntype = \"chunk\"\n[[stage]]\ntype = \"parse\"",
            "pipeline.toml:4:1: stage.parse.type must come before chunk",
            "the order of stages is parse, chunk, embed; all others stand anywhere after parse",
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
            "pipeline.toml:2:1: limits.budget (-1) must be an amount of money",
            "leave it out for no limit; 0 lets nothing be paid",
        ),
        (
            "[sweep]\nmax_share = 10",
            "pipeline.toml:2:1: sweep.max_share (10) must be from 0 to 1",
            "0.1 is one in ten",
        ),
        (
            "[formats.png]\ntimeout = \"1s\"",
            "pipeline.toml:1:10: `png` is no format that is parsed inside",
            "the formats are pdf, docx, pptx, xlsx, odt, odp, ods, epub, mail, rtf, zip, tar, gzip, zstd, image; any other needs a parser",
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

/// A pipeline with a stage that asks a service, whose keys are `keys`, before or after chunk.
fn asking(kind: &str, keys: &str) -> String {
    let stage = |kind: &str| format!("[[stage]]\ntype = \"{kind}\"\n");
    format!("{}{}{keys}\n{}", stage("parse"), stage(kind), stage("chunk"))
}

#[test]
fn mistakes_in_stages_that_ask_services_are_named_before_anything_is_sent() {
    let enrich = "model = \"a:b\"\nprompt = \"{{ text }}\"\n";
    for (text, message, hint) in [
        (
            asking("enrich", "model = \"builtin\""),
            "5:1: stage.enrich.model names no model of a provider",
            "ollama",
        ),
        (asking("enrich", "model = \"a:b\""), "stage.enrich.prompt is empty", "{{ text }}"),
        (
            asking("enrich", "model = \"a:b\"\nprompt = \"{% if %}\""),
            "6:1: the template does not read (stage.enrich.prompt, line 1)",
            "",
        ),
        (
            asking("enrich", "model = \"a:b\"\nprompt = \"label this\""),
            "6:1: stage.enrich.prompt says nothing of the record",
            "{{ text }}",
        ),
        (
            asking("enrich", "model = \"a:b\"\nprompt = \"{{ txet }}\""),
            "6:1: stage.enrich.prompt names `txet`, which there is not",
            "there are text, heading, title, source, fields",
        ),
        (
            asking("enrich", &format!("{enrich}schema = '{{ \"pattern\": 1 }}'")),
            "7:1: stage.enrich.schema: $: `pattern` is not checked",
            "enum",
        ),
        (
            asking("enrich", &format!("{enrich}schema = \"nowhere.json\"")),
            "7:1: stage.enrich.schema: nowhere.json cannot be read",
            "JSON Schema",
        ),
        (
            asking("enrich", &format!("{enrich}into = \"context\"")),
            "7:1: stage.enrich.into is context, which belongs to chunks",
            "between chunk and embed",
        ),
        (
            asking("enrich", &format!("{enrich}when = '.title =='")),
            "7:1: stage.enrich.when, line 1, column 10: it ends where",
            "",
        ),
        (
            asking("enrich", &format!("{enrich}when = '.lang == \"en\"'")),
            "7:1: stage.enrich.when names .lang, which there is not",
            "there are .text, .heading, .title, .source, .fields; a field is written .fields.lang",
        ),
        (asking("enrich", &format!("{enrich}when = ' '")), "7:1: stage.enrich.when is empty", "leave it out"),
        (asking("enrich", &format!("name = \"chunk\"\n{enrich}")), "a second chunk stage", "appear once"),
        (
            asking("enrich", &format!("name = \"store\"\n{enrich}")),
            "5:1: stage.store.name must be letters",
            "",
        ),
        (
            asking("enrich", &format!("{enrich}[[stage]]\ntype = \"enrich\"\n{enrich}")),
            "7:1: a second enrich stage; the first is at pipeline.toml:3",
            "give it another name",
        ),
        (
            asking("enrich", &format!("{enrich}[[stage]]\ntype = \"enrich\"\nname = \"two\"\n{enrich}")),
            "stage.two.field (enrich) is written by enrich already",
            "name another field",
        ),
        (
            format!(
                "{}[[stage]]\ntype = \"enrich\"\n{enrich}field = \"label\"",
                asking("chunk", "").replacen("[[stage]]\ntype = \"chunk\"\n", "", 1)
            ),
            "10:1: stage.enrich.field (label) would be of a chunk, and the store keeps fields by document",
            "before chunk",
        ),
        (
            "[ask]\nstale_for = \"1h\"".to_owned(),
            "2:1: ask.stale_for (1h) must be more than ask.fresh_for (0s)",
            "set fresh_for too",
        ),
    ] {
        let fault = read(&text).expect_err(&text);
        let said = fault.to_string();
        assert!(said.contains(message), "{said}\n{text}");
        assert!(fault.hint_text().unwrap_or_default().contains(hint), "{fault:?} {:?}", fault.hint_text());
        assert_eq!(fault.kind(), FaultKind::Config);
    }
}

#[test]
fn several_stages_of_a_type_are_told_apart_by_name() {
    let stage = |name: &str| {
        format!(
            "[[stage]]\ntype = \"enrich\"\nname = \"{name}\"\nfield = \"{name}\"\nmodel = \"a:b\"\nprompt = \"{{{{ text }}}}\"\n"
        )
    };
    let text = format!("[[stage]]\ntype = \"parse\"\n{}{}", stage("one"), stage("two"));
    let resolved = read(&text).unwrap();
    let names: Vec<&str> = resolved.config.stages.iter().map(Stage::name).collect();
    assert_eq!(names, ["parse", "one", "two"]);
    assert_eq!(resolved.origins.of("stage.two.field").to_string(), "pipeline.toml:12");
    assert_eq!(read(&resolved.effective()).unwrap().config, resolved.config);
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

#[test]
fn mistakes_in_requests_are_named_before_anything_is_sent() {
    let http = "url = \"http://h/{{ source }}\"\n";
    let hook = |keys: &str| format!("[sink]\ntype = \"webhook\"\n{keys}");
    for (text, message) in [
        (asking("http", ""), "stage.http.url does not begin with http"),
        (asking("http", "url = \"http://{{ text }}/\""), "5:1: stage.http.url has a host that is filled in"),
        (asking("http", "url = \"http://h/{{ txt }}\""), "5:1: stage.http.url names `txt`"),
        (asking("http", "url = \"http://h/{{ vector }}\""), "5:1: stage.http.url names `vector`"),
        (
            asking("http", &format!("{http}body = \"{{{{ text }}}}\"")),
            "6:1: stage.http.body is sent with GET",
        ),
        (asking("http", &format!("{http}answer = \"a..b\"")), "6:1: stage.http.answer `a..b` is no path"),
        (asking("http", &format!("{http}method = \"get\"")), "6:1: stage.http.method: there is no \"get\""),
        (asking("http", &format!("{http}headers = {{ Host = \"x\" }}")), "`Host` is set by tidegate itself"),
        (asking("http", &format!("{http}headers = {{ \"a b\" = \"x\" }}")), "`a b` cannot name a header"),
        (
            asking("http", &format!("{http}headers = {{ A = \"{{% if\" }}")),
            "6:1: the template does not read (stage.http.headers.A",
        ),
        (asking("http", &format!("{http}headers = {{ A = 5 }}")), "`A`: must be { env = \"NAME\" }"),
        (asking("http", &format!("{http}headers = \"A\"")), "must be a table"),
        (
            asking("http", &format!("{http}when = 'now'")),
            "6:1: stage.http.when, line 1, column 1: `now` is not here",
        ),
        (asking("http", &format!("{http}when = true")), "6:1: stage.http.when must be text in quotes"),
        (hook(""), "sink.url is empty"),
        (hook("url = \"http://h/{{ text }}\""), "3:1: sink.url has places to fill in"),
        (
            hook("url = \"http://h/\"\nheaders = { idempotency-key = \"x\" }"),
            "4:1: sink.headers brings an Idempotency-Key",
        ),
        (
            hook("url = \"http://h/\"\nheaders = { A = \"é\" }"),
            "4:1: sink.headers has a A that no header may hold",
        ),
        (hook("url = \"http://h/\"\nbatch = 0"), "4:1: sink.batch (0) must be from 1"),
    ] {
        let fault = read(&text).expect_err(&text);
        assert!(fault.to_string().contains(message), "{fault}\n{text}");
        assert_eq!(fault.kind(), FaultKind::Config);
    }
}

#[test]
fn every_pipeline_of_the_guide_is_one() {
    let pages = [include_str!("../../../../../docs/guide.md"), include_str!("../../../../../docs/models.md")];
    let blocks = pages.iter().flat_map(|page| page.split("```toml\n").skip(1));
    let mut read_whole = 0;
    for block in blocks {
        let text = block.split("```").next().unwrap();
        if text.starts_with("[source]") || text.starts_with("[ask]") {
            read(text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
            read_whole += 1;
        }
    }
    assert!(read_whole >= 5, "{read_whole}");
}
