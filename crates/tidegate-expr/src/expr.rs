//! An expression over a record.

use std::fmt;

use tidegate_core::Fault;

use crate::jq::Filter;
use crate::quick::Quick;
use crate::record::Record;

/// A compiled jq expression. Its value is the first that it yields.
///
/// Nothing but the record goes in: `env`, `now`, `input` and what acts on the process (`halt`, `debug`) are not there.
///
/// ```
/// use tidegate_expr::{Expr, Record};
/// let expr = Expr::new("when", r#".lang == "en" and (.tags | length) > 1"#)?;
/// let record = Record::parse(br#"{"lang": "en", "tags": ["a", "b"]}"#)?;
/// assert!(expr.holds(&record)?);
/// assert_eq!(Expr::new("set.first", ".tags[0]")?.json(&record)?.as_deref(), Some("\"a\""));
/// # Ok::<(), tidegate_core::Fault>(())
/// ```
pub struct Expr {
    source: String,
    quick: Option<Quick>,
    filter: Filter,
}

impl Expr {
    /// Compiles `source`; `place` says in errors where it stands.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`] with line and column of what does not read.
    pub fn new(place: &str, source: &str) -> Result<Self, Fault> {
        let filter = Filter::compile(place, source)?;
        Ok(Self { source: source.to_owned(), quick: Quick::compile(source), filter })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A field of the record that the expression names and that is none of `known`: a mistyped one, where it is known
    /// which fields there are. Only expressions that are compiled tell; of others nothing is said.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.quick.as_ref()?.unknown(known)
    }

    /// Whether the value may depend on the field `name` of a record. It is said of some that does not.
    #[must_use]
    pub fn sees(&self, name: &str) -> bool {
        self.quick.as_ref().is_none_or(|quick| quick.sees(name))
    }

    /// Whether the value is neither null nor false, and there is one.
    ///
    /// # Errors
    /// The record's own, [`tidegate_core::FaultKind::Validation`]: what jq calls an error.
    pub fn holds(&self, record: &Record<'_>) -> Result<bool, Fault> {
        if let Some(value) = self.quick.as_ref().and_then(|quick| quick.value(record).ok()) {
            return Ok(value.is_true());
        }
        let value = self.filter.first(record)?;
        Ok(!matches!(value.as_deref(), None | Some("null" | "false")))
    }

    /// The value as JSON; `None` if there is none, as of `empty`.
    ///
    /// # Errors
    /// As [`Expr::holds`].
    pub fn json(&self, record: &Record<'_>) -> Result<Option<String>, Fault> {
        if let Some(value) = self.quick.as_ref().and_then(|quick| quick.value(record).ok()) {
            return Ok(Some(value.into_json().into_owned()));
        }
        self.filter.first(record)
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn fault(source: &str) -> String {
        Expr::new("step.when", source).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_found_before_anything_runs_and_where_they_are() {
        assert!(
            fault(".a ==").starts_with("step.when, line 1, column 6: it ends where"),
            "{}",
            fault(".a ==")
        );
        assert!(
            fault(".a\n| foo(1)").starts_with("step.when, line 2, column 3: there is no "),
            "{}",
            fault(".a\n| foo(1)")
        );
        assert!(fault("(.a").contains("line 1"), "{}", fault("(.a"));
        assert!(fault("\"").contains("line 1"), "{}", fault("\""));
        assert!(fault("$x").contains("$x"), "{}", fault("$x"));
        assert!(fault("import \"x\" as x; .").contains("line 1"), "{}", fault("import \"x\" as x; ."));
    }

    #[test]
    fn nothing_but_the_record_goes_in() {
        for source in
            ["env", "$ENV", "now", "input", "inputs", "halt", "halt_error", "debug", "stderr", "localtime"]
        {
            Expr::new("when", source).unwrap_err();
        }
        assert!(fault("now").contains("depends on the record alone"), "{}", fault("now"));
    }

    #[test]
    fn an_error_of_jq_is_the_records_own() {
        let record = Record::parse(br#"{"a":"x"}"#).unwrap();
        for source in [".a.b", ".a.b == 1", ".a | has(\"x\")", "error(\"no\")", "nan", ".a + 1"] {
            let result = Expr::new("when", source).unwrap().json(&record);
            assert_eq!(result.unwrap_err().kind(), tidegate_core::FaultKind::Validation, "{source}");
        }
        assert!(!Expr::new("when", "empty").unwrap().holds(&record).unwrap());
    }

    #[test]
    fn text_that_is_json_nested_too_deep_is_the_records_own_fault() {
        let line = format!("{{\"a\":\"{}{}\"}}", "[".repeat(200_000), "]".repeat(200_000));
        let record = Record::parse(line.as_bytes()).unwrap();
        Expr::new("set", ".a | fromjson").unwrap().json(&record).unwrap_err();
        let record = Record::parse(br#"{"a":"[1, {\"b\": 2.0}]"}"#).unwrap();
        let json = Expr::new("set", ".a | fromjson | .[1].b").unwrap().json(&record).unwrap().unwrap();
        assert_eq!(json, "2.0");
    }

    #[test]
    fn a_mistyped_field_is_found() {
        let check = |source: &str, expect: Option<&str>| {
            let expr = Expr::new("when", source).unwrap();
            assert_eq!(expr.unknown(&["text", "fields"]), expect, "{source}");
        };
        check(".lang == \"en\"", Some("lang"));
        check(".fields.lang == \"en\" and (.text | length) > 3", None);
        check("(.fields.a // .b) != null or .c", Some("b"));
        check("(.txt | length) > 3", Some("txt"));
        check("true", None);
        check(". == null", None);
        check("[.lang] | length > 0", None); // is not among what is compiled
    }

    #[test]
    fn numbers_stay_as_they_are_written() {
        let record = Record::parse(br#"{"a":1.50,"b":[12345678901234567890123,1e3]}"#).unwrap();
        let json = |source| Expr::new("set", source).unwrap().json(&record).unwrap().unwrap();
        assert_eq!(json(".a"), "1.50");
        assert_eq!(json(".b"), "[12345678901234567890123,1e3]");
        assert_eq!(json(".b[0]"), "12345678901234567890123");
        assert_eq!(json("{a, c: .b[1]}"), r#"{"a":1.50,"c":1e3}"#);
    }

    /// Values that stand in records.
    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![Just(""), Just("a"), Just("ab"), Just("é\n\"x\\"), Just("10"), Just("tide")];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3i64..12).prop_map(Value::from),
            Just(Value::from(i64::MAX)),
            Just(Value::from(u64::MAX)),
            prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(1.5), Just(-2.5e300), Just(9.3e18)]
                .prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec((prop_oneof![Just("a"), Just("b")], inner), 0..3)
                    .prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            ]
        })
    }

    /// Expressions of the part that is compiled.
    fn expressions() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            3 => prop_oneof![Just(".a"), Just(".b"), Just(".a.b"), Just(".\"b\".a"), Just(".c")].prop_map(str::to_owned),
            1 => prop_oneof![
                Just("null"), Just("true"), Just("false"), Just("1"), Just("-2"), Just("1.5"), Just("0"), Just("1e0"),
                Just("9223372036854775807"), Just("\"\""), Just("\"a\""), Just("\"\\u00e9\\n\""), Just("\"tide\""),
            ].prop_map(str::to_owned),
        ];
        leaf.prop_recursive(3, 12, 2, |inner| {
            let sign = prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")];
            let word = prop_oneof![Just("and"), Just("or"), Just("//")];
            let call = prop_oneof![
                Just("not"),
                Just("length"),
                Just("startswith(\"a\")"),
                Just("endswith(\"e\")"),
                Just("contains(\"i\")"),
                Just("has(\"a\")"),
            ];
            prop_oneof![
                (inner.clone(), sign, inner.clone()).prop_map(|(l, s, r)| format!("({l}) {s} ({r})")),
                (inner.clone(), word, inner.clone()).prop_map(|(l, w, r)| format!("({l}) {w} ({r})")),
                (inner, call).prop_map(|(i, c)| format!("({i}|{c})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Where the compiled form is sure, it says what the full language says.
        #[test]
        fn compiled_is_full(a in values(), b in values(), source in expressions()) {
            let line = serde_json::json!({ "a": a, "b": b }).to_string();
            let record = Record::parse(line.as_bytes()).unwrap();
            let expr = Expr::new("e", &source).unwrap();
            let quick = expr.quick.as_ref().expect("belongs to the compiled part");
            if let Ok(value) = quick.value(&record) {
                let full = expr.filter.first(&record).unwrap().unwrap();
                let parse = |json: &str| serde_json::from_str::<Value>(json).unwrap();
                prop_assert_eq!(parse(&value.into_json()), parse(&full), "{} of {}", source, line);
            }
        }
    }
}
