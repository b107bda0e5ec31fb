//! Rules of what stages say in expressions: whether it reads, and names what records have.

use tidegate_core::{Fault, FaultKind};
use tidegate_expr::Expr;

use super::validate::Rules;
use crate::stages::NAMES;

impl Rules<'_> {
    /// Which records the stage `name` is for.
    pub(super) fn when(&self, name: &str, when: Option<&str>) -> Result<(), Fault> {
        match when {
            Some(source) => self.expression(&format!("stage.{name}.when"), source),
            None => Ok(()),
        }
    }

    /// An expression that compiles, and begins with nothing that records have not: `.lang` would be null of every
    /// record, where `.fields.lang` was meant.
    pub(super) fn expression(&self, key: &str, source: &str) -> Result<(), Fault> {
        let hint = "write an expression such as (.text | length) > 200, or leave it out";
        self.need(!source.trim().is_empty(), key, "is empty", hint)?;
        let expr = Expr::new(key, source).map_err(|fault| self.at(key, fault))?;
        let Some(name) = expr.unknown(&NAMES) else { return Ok(()) };
        let fault = Fault::new(FaultKind::Config, format!("{key} names .{name}, which there is not"));
        let known = NAMES.map(|name| format!(".{name}")).join(", ");
        Err(self.at(key, fault.hint(format!("there are {known}; a field is written .fields.{name}"))))
    }
}
