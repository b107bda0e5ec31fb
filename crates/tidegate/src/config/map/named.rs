//! The files that a job names: prompts and what these include, schemas, prices, scripts. None of them may be the output.
//!
//! Every text in the job that is the name of a file is taken for one, whatever key it stands at: a key that comes to
//! name files later is guarded without anybody thinking of it.

use std::path::{Path, PathBuf};

use toml::Value;

use super::includes;

/// Longer than any name of a file, in bytes.
const LONGEST: usize = 4_096;

/// The files in `folder` that `value` and what is in it name.
pub(super) fn files(value: &Value, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    gather(value, folder, &mut found);
    found
}

fn gather(value: &Value, folder: &Path, found: &mut Vec<PathBuf>) {
    match value {
        Value::String(text) => {
            let file = folder.join(text);
            if text.len() <= LONGEST && !text.is_empty() && file.is_file() {
                // It may be a prompt, which includes others.
                found.extend(includes::named_in_file(&file, folder));
                found.push(file);
            }
            found.extend(includes::named(text, folder));
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, folder, found)),
        Value::Table(values) => values.values().for_each(|value| gather(value, folder, found)),
        _ => {}
    }
}
