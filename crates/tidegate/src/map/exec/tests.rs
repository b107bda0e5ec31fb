//! What is said to a program, and what its lines make of a record.

use tidegate_core::FaultKind;
use tidegate_sandbox::Talk as _;

use super::*;

fn lines(ids: bool, output: ExecOutput) -> Lines {
    Lines { ids, output }
}

fn said(lines: &Lines, record: &str) -> String {
    let mut out = b"before\n".to_vec();
    lines.write(7, record, &mut out).unwrap();
    String::from_utf8(out).unwrap().strip_prefix("before\n").unwrap().to_owned()
}

fn made(lines: &Lines, record: &str, line: &str) -> Result<Option<String>, Fault> {
    let seen = lines.read(line.as_bytes()).unwrap();
    assert_eq!(seen.number, lines.ids.then_some(7), "{line}");
    lines.take(record, seen.line)
}

#[test]
fn a_record_is_told_from_others_by_a_field_of_ours() {
    let told = lines(true, ExecOutput::Record);
    assert_eq!(said(&told, "{\"z\":1.0, \"a\":[]}"), "{\"z\":1.0, \"a\":[],\"_id\":7}\n");
    assert_eq!(said(&told, "{}"), "{\"_id\":7}\n");
    assert_eq!(said(&told, "{\"_id\":\"own\",\"b\":2}"), "{\"_id\":7,\"b\":2}\n");
    assert_eq!(said(&told, "{\"a\":\n1}"), "{\"a\": 1,\"_id\":7}\n");
    let in_order = lines(false, ExecOutput::Record);
    assert_eq!(said(&in_order, " {\"_id\":\"own\"}\r\n"), "{\"_id\":\"own\"}\n");
}

#[test]
fn an_answer_becomes_the_record_or_goes_into_it() {
    let check = |output: ExecOutput, record: &str, line: &str, expect: &str| {
        assert_eq!(made(&lines(true, output), record, line).unwrap().unwrap(), expect, "{line}");
    };
    let record = "{\"id\":1.0,\"text\":\"x\"}";
    check(ExecOutput::Record, record, "{\"_id\":7,\"n\":1e3}", "{\"n\":1e3}");
    check(ExecOutput::Record, record, "{\"n\":2,\"_id\":\"7\"}", "{\"n\":2}");
    check(ExecOutput::Record, record, "{\"_id\":7}", "{}");
    check(ExecOutput::Record, record, "{\"_id\":7,\"_skip\":false,\"_error\":null,\"n\":2}", "{\"n\":2}");
    check(
        ExecOutput::Fields,
        record,
        "{\"_id\":7,\"text\":\"y\",\"n\":2}",
        "{\"id\":1.0,\"text\":\"y\",\"n\":2}",
    );
    check(
        ExecOutput::Field("made".to_owned()),
        record,
        "{\"_id\":7,\"n\":2}",
        "{\"id\":1.0,\"text\":\"x\",\"made\":{\"n\":2}}",
    );
}

#[test]
fn an_id_of_the_records_own_comes_back() {
    let record = "{\"_id\":{\"$oid\":\"5f\"},\"a\":1}";
    let check = |output: ExecOutput, expect: &str| {
        assert_eq!(made(&lines(true, output), record, "{\"b\":2,\"_id\":7}").unwrap().unwrap(), expect);
    };
    check(ExecOutput::Record, "{\"b\":2,\"_id\":{\"$oid\":\"5f\"}}");
    check(ExecOutput::Fields, "{\"_id\":{\"$oid\":\"5f\"},\"a\":1,\"b\":2}");
    check(ExecOutput::Field("c".to_owned()), "{\"_id\":{\"$oid\":\"5f\"},\"a\":1,\"c\":{\"b\":2}}");
    let in_order = lines(false, ExecOutput::Record);
    assert_eq!(made(&in_order, record, record).unwrap().unwrap(), record);
}

#[test]
fn a_program_leaves_records_out_or_puts_them_aside() {
    for lines in [lines(true, ExecOutput::Record), lines(false, ExecOutput::Fields)] {
        assert_eq!(made(&lines, "{}", "{\"_id\":7,\"_skip\":true,\"n\":1}").unwrap(), None);
        let refused = made(&lines, "{}", "{\"_id\":7,\"_error\":\"no price\"}").unwrap_err();
        assert_eq!((refused.kind(), refused.message()), (FaultKind::Refused, "no price"));
        let refused = made(&lines, "{}", "{\"_id\":7,\"_error\":{\"code\":5}}").unwrap_err();
        assert_eq!(refused.message(), "{\"code\":5}");
        let long = format!("{{\"_id\":7,\"_error\":\"{}\"}}", "x".repeat(100_000));
        assert_eq!(made(&lines, "{}", &long).unwrap_err().message().len(), REASON);
    }
}

#[test]
fn what_is_no_answer_is_shown() {
    let check = |line: &[u8], expect: &[&str]| {
        let what = lines(true, ExecOutput::Record).read(line).unwrap_err();
        assert!(expect.iter().all(|part| what.contains(part)), "{what}");
    };
    check(b"loading the model...", &["no JSON object", "loading the model..."]);
    check(b"[1]", &["no JSON object"]);
    check(b"null", &["no JSON object"]);
    check(b"\xff\xfe", &["no JSON object"]);
    check(b"{\"a\":1}", &["without the _id", "ids = false", "{\\\"a\\\":1}"]);
    check(b"{\"_id\":\"x\"}", &["an _id that it was not given"]);
    check(b"{\"_id\":-1}", &["an _id that it was not given"]);
    let long = [b"\x1b[31m".repeat(100), b"{".repeat(100_000)].concat();
    let what = lines(true, ExecOutput::Record).read(&long).unwrap_err();
    assert!(what.len() < 1_000 && !what.contains('\x1b'), "{what}");
}
