//! Which records a stage is for.

use std::sync::Arc;

use tidegate_core::{Cx, Fault, Record};
use tidegate_expr::{Expr, Record as Row};

use super::values::Sight;

/// The condition of a stage; without one it is for all records.
pub(crate) struct When(Option<Arc<Expr>>);

impl When {
    /// The condition `source` of the stage `name`.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: an expression that does not compile.
    pub(crate) fn new(name: &str, source: Option<&str>) -> Result<Self, Fault> {
        let place = format!("stage.{name}.when");
        Ok(Self(source.map(|source| Expr::new(&place, source).map(Arc::new)).transpose()?))
    }

    /// Whether the stage is for `record`. Long texts are looked at on the compute pool.
    ///
    /// # Errors
    /// The record's own: what jq calls an error.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping the future.
    pub(crate) async fn holds(&self, cx: &Cx, record: &Record) -> Result<bool, Fault> {
        let Some(expr) = &self.0 else { return Ok(true) };
        let sight = Sight::of(record);
        if !sight.is_long() || !expr.sees("text") {
            return holds(expr, &sight);
        }
        let expr = expr.clone();
        cx.compute(record.ordinal, move || holds(&expr, &sight)).await?
    }
}

/// Whether `expr` holds for what is seen.
fn holds(expr: &Expr, sight: &Sight) -> Result<bool, Fault> {
    let object = sight.object(expr.sees("text"))?;
    let held = Row::parse(object.as_bytes()).and_then(|row| expr.holds(&row));
    held.map_err(|fault| fault.during("evaluating `when`"))
}
