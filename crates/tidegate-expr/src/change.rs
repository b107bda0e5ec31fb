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

impl Step {
    /// Applies the step.
    ///
    /// # Errors
    /// The record's own. The record may then have been changed in part.
    pub fn apply(&self, record: &mut Record<'_>) -> Result<Verdict, Fault> {
        if let Some(when) = &self.when
            && !when.holds(record).map_err(|fault| fault.during("evaluating `when`"))?
        {
            return Ok(Verdict::Kept);
        }
        if let Some(filter) = &self.filter
            && !filter.holds(record).map_err(|fault| fault.during("evaluating `filter`"))?
        {
            return Ok(Verdict::Dropped);
        }
        let value = |(name, change): &(String, Change)| {
            change.json(record).map_err(|fault| fault.during(format!("setting field {name:?}")))
        };
        let values = self.set.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        for ((name, _), value) in self.set.iter().zip(values) {
            record.set(name, value);
        }
        if !self.keep.is_empty() {
            record.retain(|name| self.keep.iter().any(|kept| kept == name));
        }
        if !self.remove.is_empty() {
            record.retain(|name| self.remove.iter().all(|gone| gone != name));
        }
        Ok(Verdict::Kept)
    }
}

impl Change {
    fn json(&self, record: &Record<'_>) -> Result<String, Fault> {
        match self {
            Self::Value(expr) => Ok(expr.json(record)?.unwrap_or_else(|| "null".to_owned())),
            Self::Text(text) => text.fill_json(record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
