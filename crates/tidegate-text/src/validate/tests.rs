use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn fields(value: &Value) -> Fields {
    value.as_object().cloned().unwrap_or_default()
}

/// What is said of a document with `text` and `known` fields, nothing if it is let in.
#[expect(clippy::needless_pass_by_value, reason = "`json!` makes values where they are used")]
fn said(rules: &Rules, text: &str, known: Value) -> String {
    let fields = fields(&known);
    let subject = Subject { text, pages: 3, fields: &fields, text_field: None };
    rules.check(&subject).err().map(|fault| fault.to_string()).unwrap_or_default()
}

fn schema(value: &Value) -> Rules {
    Rules { schema: Some(Schema::new(&value.to_string()).unwrap()), ..Rules::default() }
}

#[test]
fn no_rule_lets_everything_in() {
    assert!(Rules::default().is_empty());
    assert_eq!(said(&Rules::default(), "", json!({})), "");
}

#[test]
fn each_limit_names_what_was_found_and_what_is_allowed() {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (rules, text, message) in [
        (
            Rules { min_text: 5, ..Rules::default() },
            " läng ",
            "min_text: the text has 4 characters, and the least is 5",
        ),
        (Rules { min_text: 4, ..Rules::default() }, " läng ", ""),
        (
            Rules { max_text: 3, ..Rules::default() },
            "läng",
            "max_text: the text has 4 characters, and the most is 3",
        ),
        (Rules { max_text: 4, ..Rules::default() }, "läng", ""),
        (
            Rules { min_words: 3, ..Rules::default() },
            "two words",
            "min_words: the text has 2 words, and the least is 3",
        ),
        (Rules { min_words: 2, ..Rules::default() }, "two words and more", ""),
        (Rules { max_pages: 2, ..Rules::default() }, "", "max_pages: it has 3 pages, and the most is 2"),
        (Rules { max_pages: 3, ..Rules::default() }, "", ""),
        (Rules { require: strings(&["author"]), ..Rules::default() }, "", "require: there is no author"),
        (Rules { require: strings(&["blank"]), ..Rules::default() }, "", "require: there is no blank"),
        (Rules { require: strings(&["title", "by.name", "a.b"]), ..Rules::default() }, "", ""),
    ] {
        let known = json!({"title": "T", "by": {"name": "N"}, "a.b": 0, "blank": " "});
        let said = said(&rules, text, known);
        assert!(
            if message.is_empty() { said.is_empty() } else { said.contains(message) },
            "{rules:?}: {said}"
        );
    }
}

#[test]
fn languages_are_told_apart_and_what_cannot_be_told_is_let_in() {
    let english =
        "The committee will meet again on Thursday to discuss whether the harbour needs a new wall.";
    let german = "Der Ausschuss trifft sich am Donnerstag wieder, um zu beraten, ob der Hafen eine neue Mauer braucht.";
    let russian = "Комитет соберётся в четверг, чтобы обсудить, нужна ли гавани новая стена.";
    let only = |codes: &[&str]| Rules {
        languages: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..Rules::default()
    };
    assert_eq!(said(&only(&["en"]), english, json!({})), "");
    assert_eq!(said(&only(&["de", "en"]), german, json!({})), "");
    let refused = said(&only(&["en", "de"]), russian, json!({}));
    assert!(refused.contains("languages: the text is in Russian (ru), and it may be in en, de"), "{refused}");
    assert!(said(&only(&["en"]), german, json!({})).contains("German (de)"));
    for unclear in ["", "42", "OK", "x = f(y)", "--- 12.5 % ---"] {
        assert_eq!(said(&only(&["de"]), unclear, json!({})), "", "{unclear}");
    }
    // Whatever it looks like, it ends: where the beginning is cut must not matter.
    said(&only(&["en"]), &"ä".repeat(20_000), json!({}));
    assert!(languages().iter().all(|code| is_language(code)) && !is_language("xx"));
    assert!(languages().is_sorted());
}

#[test]
fn a_schema_is_for_the_metadata_of_a_document_and_for_the_whole_of_a_row() {
    let rules = schema(&json!({
        "required": ["price"],
        "properties": {
            "price": {"type": "number", "minimum": 1},
            "tags": {"items": {"enum": ["a", "b"]}},
            "body": {"minLength": 3},
            "on": {"format": "date"},
        },
    }));
    let broken = |known: Value| said(&rules, "text", known);
    assert_eq!(broken(json!({"price": 3, "tags": ["a"], "on": "2026-11-21"})), "");
    assert!(
        broken(json!({})).contains(
            "schema: the metadata breaks \"required\" at /required: \"price\" is a required property"
        )
    );
    let refused = broken(json!({"price": "12"}));
    assert!(
        refused.contains(
            "schema: /price breaks \"type\" at /properties/price/type: \"12\" is not of type \"number\""
        ),
        "{refused}"
    );
    assert!(broken(json!({"price": 0.5})).contains("0.5 is less than the minimum of 1"));
    assert!(broken(json!({"price": 3, "tags": ["a", "c"]})).contains("/tags/1 breaks \"enum\""));
    assert!(broken(json!({"price": 3, "on": "today"})).contains("/on breaks \"format\""));
    let long = broken(json!({"price": "x".repeat(100_000)}));
    assert!(long.len() < 600 && long.contains("not of type \"number\""), "{}", long.len());

    let fields = fields(&json!({"price": 3}));
    let row = |text| Subject { text, pages: 0, fields: &fields, text_field: Some("body") };
    rules.check(&row("long")).unwrap();
    let refused = rules.check(&row("no")).unwrap_err().to_string();
    assert!(refused.contains("/body breaks \"minLength\""), "{refused}");
    let required = Rules { require: vec!["body".to_owned()], ..Rules::default() };
    required.check(&row("x")).unwrap();
    required.check(&row(" ")).unwrap_err();
}

#[test]
fn schemas_that_cannot_be_followed_are_refused() {
    let deep = (0..70).map(|n| (format!("s{n}"), json!({"$ref": format!("#/$defs/s{}", n + 1)})));
    let deep: Fields = deep.chain([("s70".to_owned(), json!(true))]).collect();
    let wide = (0..20).map(|n| {
        let next = json!({"$ref": format!("#/$defs/s{}", n + 1)});
        (format!("s{n}"), json!({"allOf": [next, next]}))
    });
    let wide: Fields = wide.chain([("s20".to_owned(), json!(true))]).collect();
    for (schema, said) in [
        (json!([1]), "no JSON object"),
        (json!({"type": "objekt"}), "/type"),
        (json!({"minimum": "1"}), "/minimum"),
        (json!({"properties": {"a": 5}}), "/properties/a"),
        (json!({"$ref": "other.json"}), "leads out of the file"),
        (json!({"properties": {"a": {"$ref": "https://example.org/s.json#/a"}}}), "leads out of the file"),
        (json!({"$ref": "file:///etc/hostname"}), "leads out of the file"),
        (json!({"$ref": "#/$defs/none"}), "leads nowhere"),
        (json!({"$ref": "#name"}), "not a path"),
        (json!({"$ref": "#"}), "in a circle"),
        (json!({"anyOf": [{"not": {"$ref": "#"}}]}), "in a circle"),
        (json!({"$dynamicRef": "#x"}), "$dynamicRef"),
        (json!({"properties": {"a": {"$id": "https://example.org/a"}}}), "$id"),
        (json!({"$schema": "https://example.org/my-dialect"}), "example.org"),
        (json!({"properties": {"a": {"pattern": "(?=x)y"}}}), "/properties/a/pattern"),
        (json!({"pattern": "(((a{100}){100}){100}){100}"}), "/pattern"),
        (json!({"format": "regex"}), "regex"),
        (json!({"format": "no-such-format"}), "no-such-format"),
        (json!({"$defs": deep, "$ref": "#/$defs/s0"}), "lead from one to the next"),
        (json!({"$defs": wide, "$ref": "#/$defs/s0"}), "applied to one value"),
    ] {
        let refused = Schema::new(&schema.to_string()).expect_err(&schema.to_string());
        assert!(refused.contains(said), "{schema}: {refused}");
    }
    Schema::new("{").unwrap_err();
    // What has a property called as a keyword has no such keyword.
    Schema::new(r##"{"properties": {"$ref": {"type": "string"}, "id": {"type": "string"}}}"##).unwrap();
    Schema::new(r##"{"const": {"$ref": "elsewhere"}}"##).unwrap();
}

#[test]
fn a_long_chain_of_schemas_is_understood_or_refused() {
    for length in [2_400, 30_000] {
        let link = |n: usize| {
            let next = json!({"properties": {"a": {"$ref": format!("#/$defs/s{}", n + 1)}}});
            (format!("s{n}"), if n == length { json!({"type": "number"}) } else { next })
        };
        let chain: Fields = (0..=length).map(link).collect();
        let schema = Schema::new(&json!({"$defs": chain, "$ref": "#/$defs/s0"}).to_string());
        assert_eq!(schema.is_ok(), length == 2_400, "{:?}", schema.err());
    }
}

#[test]
fn a_schema_that_doubles_its_work_with_each_level_is_not_followed_to_the_end() {
    let twice =
        json!({"allOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]});
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert_eq!(said(&schema(&twice), "", deep(5)), "");
    assert!(said(&schema(&twice), "", deep(100)).contains("schema: it asks for more work"));
    // A tree that is what it is applied to is followed, however large.
    let tree = json!({"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}, "additionalProperties": {"type": "number"}});
    let full = (0..14).fold(json!({"n": 1}), |inner, _| json!({"l": inner, "r": inner}));
    assert_eq!(said(&schema(&tree), "", full), "");
}

#[test]
fn expressions_that_backtrack_elsewhere_take_no_time() {
    let rules = schema(&json!({"properties": {"a": {"pattern": "^(a+)+$"}, "b": {"pattern": "(x+x+)+y"}}}));
    let refused =
        said(&rules, "", json!({"a": format!("{}!", "a".repeat(100_000)), "b": "x".repeat(100_000)}));
    assert!(refused.contains("breaks \"pattern\""), "{}", &refused[..refused.len().min(400)]);
}

proptest! {
    #[test]
    fn no_schema_and_no_value_panics(schema in "[\\[\\]{}\":,a-z$#/0-9]{0,60}", text in ".{0,60}") {
        if let Ok(schema) = Schema::new(&schema) {
            let rules = Rules { schema: Some(schema), languages: vec!["en".to_owned()], ..Rules::default() };
            let _ = said(&rules, &text, json!({"a": text}));
        }
    }

    #[test]
    fn lengths_are_those_of_characters(text in ".{0,40}", least in 1usize..20) {
        let rules = Rules { min_text: least, ..Rules::default() };
        prop_assert_eq!(said(&rules, &text, json!({})).is_empty(), text.trim().chars().count() >= least);
    }
}
