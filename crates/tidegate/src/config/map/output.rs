//! `[output]`: what rows become.

use tidegate_core::Fault;
use toml::Value;

use super::section::Section;
use crate::config::check::placed;

const HINT: &str = "write [output.types] above lines such as score = \"number\"";

/// The types that `[output.types]` names, in their order.
///
/// # Errors
/// A type that there is not, or an output that has none, and where it stands.
pub(super) fn types(whole: &Section<'_>, path: &str) -> Result<Vec<(String, String)>, Fault> {
    let Some(section) = whole.table("output", "a section: write [output.types]")? else {
        return Ok(Vec::new());
    };
    let named = match section.value("types") {
        None => return Ok(Vec::new()),
        Some(_) if !crate::parquet::is_table(path) => {
            let fault = section.refuse("types", "types are for Parquet, and the output is something else");
            return Err(fault.hint("give it a name that ends in .parquet, or leave them out"));
        }
        Some(Value::Table(named)) => named,
        Some(_) => return Err(section.refuse("types", "types are no section").hint(HINT)),
    };
    let mut types = Vec::new();
    for (column, of) in named {
        let Value::String(of) = of else {
            let what = format!("the type of {column:?} is no text");
            return Err(section.refuse("types", what).hint(HINT));
        };
        crate::parquet::check_type(of)
            .map_err(|fault| placed(fault.during(format!("types.{column}")), &section.at("types")))?;
        types.push((column.clone(), of.clone()));
    }
    Ok(types)
}
