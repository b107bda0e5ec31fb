//! Search in a warm process at 200,000 and a million vectors; the program is an example of the store.

use serde_json::{Value, json};

use super::{Setting, peers};

pub(super) fn measure(_: &Setting) -> Result<Value, String> {
    let mut all = Vec::new();
    for size in ["200000", "1000000"] {
        all.extend(peers::example("tidegate-store", "search_speed", &[size], None)?);
    }
    for line in &all {
        println!("{line}");
    }
    Ok(json!(all))
}
