//! Search in a warm process at 200,000 and a million vectors; the program is an example of the store.

use serde_json::{Value, json};

use super::Setting;
use crate::shell::{cargo, output, root, target};
use crate::tool::require;

pub(super) fn measure(_: &Setting) -> Result<Value, String> {
    require("tidegate-store")?;
    if !root().join("crates/tidegate-store/examples/search_speed.rs").exists() {
        return Err("tidegate-store has no example search_speed".to_owned());
    }
    let mut all = serde_json::Map::new();
    for size in ["200000", "1000000"] {
        // Building the store takes longer than searching it, so it is kept for the next time.
        let store = target().join(format!("bench-search-{size}.db"));
        let mut command = cargo();
        command.args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "tidegate-store",
            "--example",
            "search_speed",
            "--",
        ]);
        let printed = output(command.arg(size).arg(&store))?;
        println!("{size} vectors\n{printed}");
        all.insert(size.to_owned(), json!(printed.lines().map(str::trim_end).collect::<Vec<_>>()));
    }
    Ok(Value::Object(all))
}
