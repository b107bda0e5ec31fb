//! JSON and what is read from it.

use super::*;

fn check(text: &str, expect: &[&str]) {
    let doc = parse(text, &ParseOptions::default(), Room::default()).unwrap();
    let blocks: Vec<&str> = doc.blocks.iter().map(|block| &doc.text[block.span.clone()]).collect();
    assert_eq!(blocks, expect);
}

fn fault(text: &str, kind: FaultKind, message: &str) {
    let fault = parse(text, &ParseOptions::default(), Room::default()).unwrap_err();
    assert_eq!((fault.kind(), fault.message()), (kind, message));
}

#[test]
fn values_carry_their_paths() {
    check(r#"{"a": 1.10, "b": {"c": "x\ny", "d": [1, 2]}}"#, &["a: 1.10", "b.c: x\ny\nb.d: 1, 2"]);
    check(
        r#"[{"n": "Ann", "tags": ["x", null, "y"]}, {"n": 12345678901234567890}]"#,
        &["n: Ann\ntags: x, y", "n: 12345678901234567890"],
    );
    check(r#"{"items": [{"k": 1}, 7, 8, {"k": 2}]}"#, &["items[0].k: 1\nitems: 7, 8\nitems[3].k: 2"]);
    check(r#" "just text" "#, &["just text"]);
    check("[[1, 2], [], true]", &["1, 2", "true"]);
    check(r#"["\ud83d\ude00 \ud800 \u0000"]"#, &["😀 \u{fffd} \u{fffd}"]);
}

#[test]
fn faults_say_where() {
    use FaultKind::Malformed;
    fault("{\"a\": 1,\n \"b\" 2}", Malformed, "expected ':' on line 2, column 6");
    fault("[1, 2", Malformed, "the file ends inside a value on line 1, column 6");
    fault("[1,]", Malformed, "expected a value on line 1, column 4");
    fault("[01]", Malformed, "expected a value on line 1, column 2");
    fault("{} {}", Malformed, "something follows the end of the value on line 1, column 4");
    fault("[\"abc", Malformed, "a string without end on line 1, column 2");
    fault("", Malformed, "the file ends where a value should be on line 1, column 1");
    fault(&"[".repeat(10_000), FaultKind::TooDeep, "nested more than 128 levels deep on line 1, column 129");
    fault(
        &"{\"a\":".repeat(10_000),
        FaultKind::TooDeep,
        "nested more than 128 levels deep on line 1, column 641",
    );
}

#[test]
fn lines_are_rows() {
    let doc = parse_lines("{\"a\":1}\n\n{\"a\":2,\"b\":\"c\"}\n", &ParseOptions::default(), Room::default())
        .unwrap();
    assert_eq!(doc.text, "a: 1\n\na: 2\nb: c");
    let fault = parse_lines("{\"a\":1}\n{\"a\":\n", &ParseOptions::default(), Room::default()).unwrap_err();
    assert!(fault.message().ends_with("on line 3, column 1"), "{fault}");
}

#[test]
fn long_paths_cannot_unfold_without_bound() {
    let deep = "{\"abcdefghij\":".repeat(100) + "[[1],";
    let rows = "[1],".repeat(200_000);
    let text = format!("{deep}{rows}[2]]{}", "}".repeat(100));
    assert_eq!(
        parse(&text, &ParseOptions::default(), Room::default()).unwrap_err().kind(),
        FaultKind::TooLarge
    );
}
