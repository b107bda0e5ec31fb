//! The fields of an object as they stand.

use serde_json::value::RawValue;
use tidegate_core::each_field;

/// The names and values of an object on its top level, in their order; values as they are written.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn pairs(object: &str) -> Result<Vec<(String, &RawValue)>, String> {
    let mut pairs = Vec::new();
    each_field(object, |name, value| pairs.push((name.into_owned(), value)))
        .map_err(|error| error.to_string())?;
    Ok(pairs)
}
