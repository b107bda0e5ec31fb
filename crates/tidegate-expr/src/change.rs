//! What becomes of a record, step by step, without asking anybody.

use tidegate_core::Fault;

use crate::expr::Expr;
use crate::record::Record;
use crate::text::Text;

/// One step: which records go on, and what changes in them.
#[derive(Debug, Default)]
pub struct Step {
    /// Records for which it does not hold pass by unchanged.
    pub when: Option<Expr>,
    /// Records for which it does not hold are dropped.
    pub filter: Option<Expr>,
    /// Fields to set. All of them see the record as it came.
    pub set: Vec<(String, Change)>,
    /// The only fields that stay; all, if there are none.
    pub keep: Vec<String>,
    /// Fields that go.
    pub remove: Vec<String>,
}

/// Where the value of a field comes from.
#[derive(Debug)]
pub enum Change {
    /// The value of an expression; null where it has none.
    Value(Box<Expr>),
    /// A text.
    Text(Box<Text>),
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Kept,
    /// A `filter` does not hold for it.
    Dropped,
}

/// What a step makes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'a> {
    /// The step is not for it: it stays as it is.
    Passed,
    /// A `filter` does not hold for it.
    Dropped,
    /// Fields and their values as JSON; those that [`Step::keeps`] does not name go.
    Set(Vec<(&'a str, String)>),
}

impl Step {
    /// Applies the step.
    ///
    /// # Errors
    /// The record's own. The record is then as it was.
    pub fn apply(&self, record: &mut Record<'_>) -> Result<Verdict, Fault> {
        let values = match self.decide(record)? {
            Decision::Passed => return Ok(Verdict::Kept),
            Decision::Dropped => return Ok(Verdict::Dropped),
            Decision::Set(values) => values,
        };
        for (name, value) in values {
            record.set(name, value);
        }
        if !self.keep.is_empty() || !self.remove.is_empty() {
            record.retain(|name| self.keeps(name));
        }
        Ok(Verdict::Kept)
    }

    /// What the step makes of a record, which it leaves as it is.
    ///
    /// # Errors
    /// The record's own.
    pub fn decide(&self, record: &Record<'_>) -> Result<Decision<'_>, Fault> {
        if let Some(when) = &self.when
            && !when.holds(record).map_err(|fault| fault.during("evaluating `when`"))?
        {
            return Ok(Decision::Passed);
        }
        if let Some(filter) = &self.filter
            && !filter.holds(record).map_err(|fault| fault.during("evaluating `filter`"))?
        {
            return Ok(Decision::Dropped);
        }
        let value = |(name, change): &'_ (String, Change)| {
            change.json(record).map_err(|fault| fault.during(format!("setting field {name:?}")))
        };
        let values = self.set.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        Ok(Decision::Set(self.set.iter().map(|(name, _)| &**name).zip(values).collect()))
    }

    /// Whether a field of this name stays.
    #[must_use]
    pub fn keeps(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|other| other == name);
        (self.keep.is_empty() || named(&self.keep)) && !named(&self.remove)
    }

    /// Whether what the step does may depend on the field `name` of a record. It is said of some that do not.
    #[must_use]
    pub fn sees(&self, name: &str) -> bool {
        let conditions = self.when.iter().chain(&self.filter);
        conditions.into_iter().any(|expr| expr.sees(name))
            || self.set.iter().any(|(_, change)| change.sees(name))
    }
}

impl Change {
    fn json(&self, record: &Record<'_>) -> Result<String, Fault> {
        match self {
            Self::Value(expr) => Ok(expr.json(record)?.unwrap_or_else(|| "null".to_owned())),
            Self::Text(text) => text.fill_json(record),
        }
    }

    fn sees(&self, name: &str) -> bool {
        match self {
            Self::Value(expr) => expr.sees(name),
            Self::Text(text) => text.sees(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_does_not_see_does_not_matter_to_it() {
        let check = |step: Step, expect: bool| assert_eq!(step.sees("text"), expect, "{step:?}");
        let when = |source: &str| Step { when: Some(Expr::new("when", source).unwrap()), ..Step::default() };
        check(when(".fields.lang == \"en\" and (.title | length) > 3"), false);
        check(when(".fields.lang == \"en\" and (.text | length) > 3"), true);
        check(when("has(\"text\")"), true);
        check(when("[.title] | length > 0"), true); // nothing is said of what is not compiled
        let set = |change: Change| Step { set: vec![("a".to_owned(), change)], ..Step::default() };
        let text = |source: &str| Change::Text(Box::new(Text::new("a", source).unwrap()));
        check(set(text("{{ title }} {% if a %}b{% endif %}")), false);
        check(set(text("{% if text %}b{% endif %}")), true);
        check(set(value("a", ".title")), false);
        check(Step { remove: vec!["text".to_owned()], ..Step::default() }, false);
    }

    fn value(place: &str, source: &str) -> Change {
        Change::Value(Box::new(Expr::new(place, source).unwrap()))
    }

    #[test]
    fn a_step_filters_sets_and_leaves_out() {
        let step = Step {
            when: Some(Expr::new("when", ".kind == \"a\"").unwrap()),
            filter: Some(Expr::new("filter", ".score >= 0.5").unwrap()),
            set: vec![
                ("year".to_owned(), value("set.year", ".date[:4] | tonumber")),
                (
                    "prompt".to_owned(),
                    Change::Text(Box::new(Text::new("set.prompt", "{{ date }}: {{ text }}").unwrap())),
                ),
                ("none".to_owned(), value("set.none", "empty")),
            ],
            keep: Vec::new(),
            remove: vec!["date".to_owned(), "text".to_owned()],
        };
        let line = br#"{"kind": "a", "score": 0.5, "date": "2026-11-21", "text": "\"tide\""}"#;
        let mut record = Record::parse(line).unwrap();
        assert_eq!(step.apply(&mut record).unwrap(), Verdict::Kept);
        let mut out = Vec::new();
        record.write(&mut out);
        let expected = r#"{"kind":"a","score":0.5,"year":2026,"prompt":"2026-11-21: \"tide\"","none":null}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);

        let mut low = Record::parse(br#"{"kind": "a", "score": 0.4}"#).unwrap();
        assert_eq!(step.apply(&mut low).unwrap(), Verdict::Dropped);
        let mut other = Record::parse(br#"{"score": 0.4}"#).unwrap();
        assert_eq!(step.apply(&mut other).unwrap(), Verdict::Kept);
        assert_eq!(other.get("year"), None);
        let mut none = Record::parse(br#"{"kind": "a", "score": 1}"#).unwrap();
        let fault = step.apply(&mut none).unwrap_err().to_string();
        assert!(fault.contains("setting field \"year\""), "{fault}");
        assert_eq!(none.text(), r#"{"kind": "a", "score": 1}"#);
        assert!(step.keeps("year") && !step.keeps("text"));
        assert!(Step { keep: vec!["a".to_owned()], ..Step::default() }.keeps("a"));
        assert!(!Step { keep: vec!["a".to_owned()], ..Step::default() }.keeps("b"));
    }
}
