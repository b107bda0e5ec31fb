//! Expressions over records, in the language of jq.
//!
//! What reaches outside of the record (the environment, further input, standard error, ending the program) is not
//! there, and neither is the time: a run that is resumed must make of a record what it would have made before.

use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, compile, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::value::RawValue;
use tidegate_core::{Fault, FaultKind};

/// Functions that are left out, and what is defined by them.
const OUTSIDE: [&str; 10] =
    ["env", "now", "halt", "halt_error", "input", "inputs", "stderr", "stderr_empty", "debug", "debug_empty"];

/// An expression that was compiled.
pub(crate) struct Expression {
    source: String,
    filter: Filter<JustLut<Val>>,
}

/// A record as expressions see it.
pub(crate) struct Subject(Val);

impl Subject {
    /// The record that `object` is.
    ///
    /// # Errors
    /// [`FaultKind::Malformed`]: it is no JSON.
    pub(crate) fn new(object: &str) -> Result<Self, Fault> {
        let value = read::parse_single(object.as_bytes());
        value.map(Self).map_err(|error| Fault::new(FaultKind::Malformed, error.to_string()))
    }
}

impl Expression {
    /// Compiles `source`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: what does not read, and at which character.
    pub(crate) fn new(source: &str) -> Result<Self, Fault> {
        let refuse = |what: String| {
            Fault::new(FaultKind::Config, what)
                .hint("expressions are jq's, such as .lang == \"en\" or .date[:4]")
        };
        let outside = |name: &str| !OUTSIDE.contains(&name);
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs::<JustLut<Val>>().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let loaded =
            Loader::new(defs.filter(|def| outside(def.name))).load(&arena, File { code: source, path: () });
        let modules = loaded.map_err(|errors| refuse(unread(source, &errors)))?;
        let compiled = Compiler::default().with_funs(funs.filter(|fun| outside(fun.0))).compile(modules);
        let filter = compiled.map_err(|errors| refuse(unknown(&errors)))?;
        Ok(Self { source: source.to_owned(), filter })
    }

    /// The first value that it gives for a record; `None` if it gives none.
    ///
    /// # Errors
    /// [`FaultKind::Validation`]: it cannot be told of this record.
    fn value(&self, subject: &Subject) -> Result<Option<Val>, Fault> {
        let cx = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let first = self.filter.id.run((cx, subject.0.clone())).map(unwrap_valr).next();
        first.transpose().map_err(|error| {
            Fault::new(FaultKind::Validation, error.to_string())
                .during(format!("working out {}", self.source))
        })
    }

    /// Whether it holds: it gives something, and that is neither `false` nor `null`.
    ///
    /// # Errors
    /// As working it out.
    pub(crate) fn holds(&self, subject: &Subject) -> Result<bool, Fault> {
        Ok(self.value(subject)?.is_some_and(|value| !matches!(value, Val::Null | Val::Bool(false))))
    }

    /// The value it gives, as JSON on one line; `null` if it gives none.
    ///
    /// # Errors
    /// As working it out; a value that JSON has not, such as one of bytes.
    pub(crate) fn json(&self, subject: &Subject) -> Result<String, Fault> {
        let value = self.value(subject)?.unwrap_or_default().to_string();
        match serde_json::from_str::<&RawValue>(&value) {
            Ok(_) => Ok(value),
            Err(_) => {
                let what = format!("{} gives {value}, which is no JSON", self.source);
                Err(Fault::new(FaultKind::Validation, what))
            }
        }
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({})", self.source)
    }
}

/// What of an expression does not read.
fn unread(source: &str, errors: &load::Errors<&str, ()>) -> String {
    let at = |found: &str| {
        source.get(..load::span(source, found).start).map_or(1, |before| before.chars().count() + 1)
    };
    let expected = |what: &str, found: &str| match found {
        "" => format!("{source}: it ends where {what} is expected"),
        found => format!("{source}: {what} is expected at character {}", at(found)),
    };
    match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(wrong)) => wrong.first().map(|(what, found)| expected(what.as_str(), found)),
        Some(load::Error::Parse(wrong)) => wrong.first().map(|(what, found)| expected(what.as_str(), found)),
        Some(load::Error::Io(wrong)) => {
            wrong.first().map(|(module, _)| format!("{source}: there is no module {module}"))
        }
        None => None,
    }
    .unwrap_or_else(|| format!("{source}: it does not read"))
}

/// What an expression names that is not there.
fn unknown(errors: &compile::Errors<&str, ()>) -> String {
    let first = errors.first().and_then(|(file, wrong)| Some((file, wrong.first()?)));
    match first {
        Some((file, (name, kind))) => format!("{}: there is no {} {name}", file.code, kind.as_str()),
        None => "it does not compile".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(source: &str, object: &str) -> Result<String, Fault> {
        Expression::new(source)?.json(&Subject::new(object)?)
    }

    #[test]
    fn values_and_conditions_are_jqs() {
        let object = r#"{"date":"2024-05-01","n":3,"tags":["a","b"],"who":{"id":7}}"#;
        for (source, value) in [
            (".date[:4]", "\"2024\""),
            (".n + 1", "4"),
            (".tags | length", "2"),
            (".who.id", "7"),
            (".none", "null"),
            ("empty", "null"),
            ("{n, first: .tags[0]}", r#"{"n":3,"first":"a"}"#),
            (".date | test(\"^20\")", "true"),
            ("[.tags[] | ascii_upcase] | join(\"-\")", "\"A-B\""),
        ] {
            assert_eq!(json(source, object).unwrap(), value, "{source}");
        }
        let holds = |source: &str| Expression::new(source).unwrap().holds(&Subject::new(object).unwrap());
        assert!(holds(".n > 2 and .who.id == 7").unwrap() && holds(".n").unwrap());
        assert!(!holds(".none").unwrap() && !holds("empty").unwrap() && !holds(".n > 3").unwrap());
    }

    #[test]
    fn numbers_keep_their_digits() {
        let object = r#"{"a":12345678901234567890123,"b":1.10,"c":1e400}"#;
        for (source, value) in [(".a", "12345678901234567890123"), (".b", "1.10")] {
            assert_eq!(json(source, object).unwrap(), value);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (source, said) in [
            (".a ==", "ends where"),
            (".a )", "character 4"),
            ("nosuch(.a)", "there is no filter nosuch"),
            ("$x", "there is no variable $x"),
            ("(", "closing parenthesis"),
        ] {
            let fault = Expression::new(source).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config);
            assert!(fault.to_string().contains(said), "{source}: {fault}");
        }
        let fault = json(".a + {}", r#"{"a":1}"#).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Validation);
    }

    #[test]
    fn nothing_outside_of_the_record_is_seen() {
        for source in
            ["env", "now", "halt", "input", "$ENV", "input_line_number", "0|halt_error", "stderr", "debug"]
        {
            Expression::new(source).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn no_expression_panics(source in "[.a-c|\\[\\](){}\"$ ,:0-9+=<>-]{0,24}") {
            let _ = Expression::new(&source);
        }
    }
}
