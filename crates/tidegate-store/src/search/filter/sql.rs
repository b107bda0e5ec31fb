//! From a filter to SQL. Values, field names and patterns are bound parameters: no text of the filter ever becomes
//! part of a statement.

use globset::{GlobBuilder, GlobMatcher};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value as Bound;

use super::{Field, Filter, Op, Value};

/// A condition on rows of `source`, and the values of its parameters in order.
pub(crate) struct Clause {
    pub(crate) sql: String,
    pub(crate) values: Vec<Bound>,
}

pub(super) fn clause(filter: &Filter) -> Clause {
    let mut clause = Clause { sql: String::new(), values: Vec::new() };
    clause.push(filter);
    clause
}

impl Clause {
    fn push(&mut self, filter: &Filter) {
        match filter {
            Filter::Path(pattern) => self.add("path_matches(?, source.uri)", [text(pattern)]),
            Filter::Compare(field, Op::Ne, value) => {
                self.sql += "NOT ";
                self.any_value(field, |clause| clause.compare(field, Op::Eq, value));
            }
            Filter::Compare(field, op, value) => {
                self.any_value(field, |clause| clause.compare(field, *op, value));
            }
            Filter::In(field, values) => self.any_value(field, |clause| {
                clause.list(values, " OR ", |clause, value| clause.compare(field, Op::Eq, value));
            }),
            Filter::Exists(field) => {
                self.any_value(field, |clause| clause.sql += column(field, " IS NOT NULL"));
            }
            Filter::And(filters) => self.list(filters, " AND ", Self::push),
            Filter::Or(filters) => self.list(filters, " OR ", Self::push),
            Filter::Not(filter) => {
                self.sql += "NOT (";
                self.push(filter);
                self.sql += ")";
            }
        }
    }

    fn add<const N: usize>(&mut self, sql: &str, values: [Bound; N]) {
        self.sql += sql;
        self.values.extend(values);
    }

    /// A list of nothing is false for alternatives and true otherwise.
    fn list<T>(&mut self, items: &[T], between: &str, each: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            self.sql += if between == " OR " { "(0)" } else { "(1)" };
            return;
        }
        self.sql += "(";
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.sql += between;
            }
            each(self, item);
        }
        self.sql += ")";
    }

    /// Applies `condition` to every value the field has: one for a plain field, each of a list, none if it is not
    /// there.
    fn any_value(&mut self, field: &Field, condition: impl Fn(&mut Self)) {
        if let Field::Meta(names) = field {
            let path = names.iter().fold("$".to_owned(), |path, name| path + ".\"" + name + "\"");
            self.add("EXISTS (SELECT 1 FROM json_each(source.meta, ?) AS field WHERE ", [text(&path)]);
        } else {
            // Unknown (no title) is false, also under a negation.
            self.sql += "ifnull((";
        }
        condition(self);
        self.sql += if matches!(field, Field::Meta(_)) { ")" } else { "), 0)" };
    }

    fn compare(&mut self, field: &Field, op: Op, value: &Value) {
        let op = symbol(op);
        let meta = matches!(field, Field::Meta(_));
        match value {
            Value::Text(value) => {
                let sql = if meta { "(field.type = 'text' AND field.value" } else { column(field, "") };
                self.sql += sql;
                self.add(op, [text(value)]);
                self.sql += if meta { ")" } else { "" };
            }
            Value::Number(number, written) if meta => {
                self.add("CASE field.type WHEN 'text' THEN field.value", []);
                self.add(op, [text(written)]);
                self.add(" WHEN 'integer' THEN field.value", []);
                self.add(op, [Bound::Real(*number)]);
                self.add(" WHEN 'real' THEN field.value", []);
                self.add(op, [Bound::Real(*number)]);
                self.sql += " END";
            }
            Value::Number(_, written) => {
                self.sql += column(field, "");
                self.add(op, [text(written)]);
            }
            Value::Bool(value) if meta => {
                let (lower, name) = (i64::from(*value), if *value { "true" } else { "false" });
                self.add("CASE field.type WHEN 'true' THEN 1", []);
                self.add(op, [Bound::Integer(lower)]);
                self.add(" WHEN 'false' THEN 0", []);
                self.add(op, [Bound::Integer(lower)]);
                self.add(" WHEN 'text' THEN field.value", []);
                self.add(op, [text(name)]);
                self.sql += " END";
            }
            Value::Bool(value) => {
                self.sql += column(field, "");
                self.add(op, [text(if *value { "true" } else { "false" })]);
            }
        }
    }
}

fn text(text: &str) -> Bound {
    Bound::Text(text.to_owned())
}

fn column(field: &Field, suffix: &str) -> &'static str {
    match (field, suffix.is_empty()) {
        (Field::Path, true) => "source.uri",
        (Field::Path, false) => "source.uri IS NOT NULL",
        (Field::Title, true) => "source.title",
        (Field::Title, false) => "source.title IS NOT NULL",
        (Field::Meta(_), true) => "field.value",
        (Field::Meta(_), false) => "field.value IS NOT NULL",
    }
}

fn symbol(op: Op) -> &'static str {
    match op {
        Op::Eq => " = ?",
        Op::Ne => " <> ?",
        Op::Lt => " < ?",
        Op::Le => " <= ?",
        Op::Gt => " > ?",
        Op::Ge => " >= ?",
    }
}

/// A matcher of document keys.
pub(super) fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    let anywhere = !pattern.starts_with(['/', '*']);
    let pattern = if anywhere { format!("{{**/,}}{pattern}") } else { pattern.to_owned() };
    GlobBuilder::new(&pattern).literal_separator(true).build().map(|glob| glob.compile_matcher())
}

/// Makes `path_matches(pattern, key)` known to a connection.
pub(crate) fn register(conn: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function("path_matches", 2, flags, |context: &Context<'_>| {
        let glob = context.get_or_create_aux(0, |value| {
            let pattern = value
                .as_str()
                .map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)?;
            matcher(pattern).map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)
        })?;
        let key =
            context.get_raw(1).as_str().map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
        Ok(glob.is_match(key))
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
