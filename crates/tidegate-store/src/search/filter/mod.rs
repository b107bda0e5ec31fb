//! Filters: which documents count. A typed expression, parsed from text or built in code, that becomes SQL in which
//! every value is a bound parameter.
//!
//! ```
//! use tidegate_store::Filter;
//! let filter = Filter::parse(r#"path:docs/** and lang = "en" and not (draft exists or year < 2020)"#)?;
//! # let _ = filter;
//! let wrong = Filter::parse("lang == ").unwrap_err();
//! assert!(wrong.to_string().contains("column 9"));
//! # Ok::<(), tidegate_core::Fault>(())
//! ```

mod parse;
mod sql;

use tidegate_core::{Fault, FaultKind};

pub(crate) use sql::{Clause, register};

/// Which documents count.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// The document's key matches a glob: `*` within a path component, `**` across. A pattern that does not begin
    /// with `/` or `*` may begin at any component.
    Path(String),
    /// A field compares with a value. A list field compares if any of its values does; a field that is not there
    /// never does.
    Compare(Field, Op, Value),
    /// A field equals one of several values.
    In(Field, Vec<Value>),
    /// A field is there and not null.
    Exists(Field),
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not it.
    Not(Box<Filter>),
}

/// What a comparison looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The document's key.
    Path,
    /// The document's title.
    Title,
    /// A metadata field; more than one name leads into nested values.
    Meta(Vec<String>),
}

/// How a field compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal, or not there.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// What a field compares with. Numbers compare with numbers, text with text by its bytes; text that was written
/// where a number is asked for compares as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A number, and how it was written.
    Number(f64, String),
    /// True or false.
    Bool(bool),
}

impl Filter {
    /// Parses a filter expression.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`] with the column (from 1, in characters) of what is wrong.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        parse::parse(text)
    }

    /// A filter on the document's key, checked before it meets a query.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`] for a glob that does not read.
    pub fn path(glob: &str) -> Result<Self, Fault> {
        sql::matcher(glob).map_err(|error| {
            Fault::new(FaultKind::Config, format!("the glob {glob:?} does not read"))
                .hint("put [ and { in a class of their own to mean them: [[]")
                .cause(error)
        })?;
        Ok(Self::Path(glob.to_owned()))
    }

    /// The filter as a condition on rows of `source`.
    pub(crate) fn clause(&self) -> Clause {
        sql::clause(self)
    }
}
