//! Settings from the environment.

use tidegate_core::Fault;
use toml::Value;

use super::check::refuse;
use super::origin::Origin;
use super::raw::Raw;

/// Every variable that sets something: its name, the section and the key. Few on purpose: what describes a pipeline
/// belongs in its file; what describes a machine may come from its environment.
pub const VARIABLES: [(&str, &str, &str); 5] = [
    ("TIDEGATE_STORE", "store", "url"),
    ("TIDEGATE_MEMORY", "limits", "memory"),
    ("TIDEGATE_MAX_HOLD", "limits", "max_hold"),
    ("TIDEGATE_CORES", "limits", "cores"),
    ("TIDEGATE_PRICES", "limits", "prices"),
];

/// Reads the variables through `lookup`; an empty one counts as unset.
///
/// # Errors
/// A number that is none.
pub(super) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Raw, Fault> {
    let mut raw = Raw::default();
    for (name, section, key) in VARIABLES {
        let Some(text) = lookup(name).filter(|text| !text.is_empty()) else { continue };
        let origin = Origin::Env(name);
        let value =
            match key {
                "cores" => Value::Integer(text.trim().parse().map_err(|_| {
                    refuse(&origin, format!("`{}` is not a whole number", text.escape_debug()))
                })?),
                _ => Value::String(text),
            };
        raw.set(section, key, value, origin);
    }
    Ok(raw)
}
