//! What filters and stages that set fields make of records.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_core::{Body, Budget, Document, Tether};

use super::*;
use crate::config::{FieldText, Filter, Set, Settings};

fn record(text: &str, fields: Value) -> Record {
    let permit = Budget::new(1 << 20).try_acquire(1).unwrap();
    let document = Document { text: text.to_owned(), title: Some("Old".to_owned()), ..Document::default() };
    let body = Body::Document(Arc::new(document));
    let mut record = Record::new("docs/a.md".into(), 0, body, (permit, Tether::none()));
    let Value::Object(fields) = fields else { panic!("fields") };
    record.fields = Arc::new(fields);
    record
}

fn set(fields: &[(&str, &str)]) -> Set {
    let value = |(name, source): &(&str, &str)| ((*name).to_owned(), FieldText::Value((*source).to_owned()));
    Set { fields: Settings(fields.iter().map(value).collect()), ..Set::default() }
}

fn title(record: &Record) -> Option<&str> {
    let Body::Document(document) = &record.body else { panic!("a document") };
    document.title.as_deref()
}

#[test]
fn only_records_for_which_a_filter_holds_go_on() {
    let check = |when: &str, expect: Result<bool, FaultKind>| {
        let filter = Filter { when: when.to_owned(), ..Filter::default() };
        let stage = ChangeStage::new("filter", &filter.step()).unwrap();
        let kept = stage.change(record("a long text", json!({ "title": "Old", "n": 7, "s": "x" })));
        assert_eq!(kept.map(|kept| kept.is_some()).map_err(|fault| fault.kind()), expect, "{when}");
    };
    check(".fields.n > 3", Ok(true));
    check(".fields.n > 7", Ok(false));
    check(".fields.missing", Ok(false));
    check(
        "(.text | length) == 11 and .title == \"Old\" and .source == \"docs/a.md\" and .heading == \"\"",
        Ok(true),
    );
    check(". | .text | test(\"long\")", Ok(true));
    check("[.[] | strings] | length == 4", Ok(true));
    check(".fields.s | tonumber > 3", Err(FaultKind::Validation));
}

#[test]
fn fields_are_set_from_the_record_as_it_came_and_others_go() {
    let filled = FieldText::Filled { template: "{{ title }}: {{ fields.n }}".to_owned() };
    let mut step =
        set(&[("n", ".fields.n + 1"), ("words", ".text | split(\" \") | length"), ("none", "empty")]);
    step.fields.0.insert("label".to_owned(), filled);
    step.remove = vec!["author".to_owned()];
    let stage = ChangeStage::new("set", &step.step()).unwrap();
    let made =
        stage.change(record("a b c", json!({ "title": "Old", "n": 7, "author": "x" }))).unwrap().unwrap();
    let expect = json!({ "title": "Old", "n": 8, "words": 3, "none": null, "label": "Old: 7" });
    assert_eq!(Value::Object((*made.fields).clone()), expect);
    assert_eq!((title(&made), made.body.as_text()), (Some("Old"), Some("a b c")));
    let fault = stage.change(record("a", json!({ "title": "Old" }))).unwrap_err();
    assert!(fault.to_string().contains("setting field \"label\""), "{fault}");
    step.keep = vec!["label".to_owned(), "n".to_owned()];
    step.when = Some(".fields.n == 7".to_owned());
    let stage = ChangeStage::new("set", &step.step()).unwrap();
    let made = stage.change(record("a", json!({ "n": 7, "x": 1 }))).unwrap().unwrap();
    assert_eq!(Value::Object((*made.fields).clone()), json!({ "label": ": 7", "n": 8 }));
    let other = stage.change(record("a", json!({ "n": 8, "x": 1 }))).unwrap().unwrap();
    assert_eq!(Value::Object((*other.fields).clone()), json!({ "n": 8, "x": 1 }));
}

#[test]
fn a_title_that_is_set_is_what_the_document_is_called() {
    let change = |step: &Set, fields: Value| {
        let stage = ChangeStage::new("set", &step.step()).unwrap();
        title(&stage.change(record("a", fields)).unwrap().unwrap()).map(str::to_owned)
    };
    let upper = set(&[("title", ".title | ascii_upcase")]);
    assert_eq!(change(&upper, json!({ "title": "New" })).as_deref(), Some("NEW"));
    let gone = Set { remove: vec!["title".to_owned()], ..Set::default() };
    assert_eq!(change(&gone, json!({ "title": "New" })), None);
    // A title that nobody set is left alone, also where a field of a row is called so.
    assert_eq!(change(&set(&[("a", "1")]), json!({ "title": "New" })).as_deref(), Some("Old"));
}

#[test]
fn what_is_nested_too_deep_is_the_records_own_fault() {
    let stage = ChangeStage::new("set", &set(&[("a", ".text | fromjson")]).step()).unwrap();
    let text = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let fault = stage.change(record(&text, json!({}))).unwrap_err();
    assert_eq!(tidegate_core::advise(&fault), tidegate_core::Advice::Quarantine, "{fault}");
}
