//! What stands in an output at any moment, as others would read it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::prove::crash::unwritable;
use crate::tool::{Tool, tail};

/// Passes every row on as it is.
const READ: &str = "[[step]]\nfilter = \"true\"\n";

/// The lines of an output, with the header of a table of text; none where there is no output yet.
///
/// # Errors
/// An output that is damaged.
pub(super) fn lines(tool: &Tool, dir: &Path, out: &str) -> Result<Vec<String>, String> {
    let text = if out.ends_with(".parquet") { rows(tool, dir, out)? } else { unpacked(&dir.join(out))? };
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(format!("{out} ends within a row"));
    }
    Ok(text.lines().map(str::to_owned).collect())
}

fn unpacked(path: &Path) -> Result<String, String> {
    let Ok(packed) = std::fs::read(path) else { return Ok(String::new()) };
    let mut text = String::new();
    let read = match path.extension().is_some_and(|ending| ending == "gz") {
        true => MultiGzDecoder::new(&packed[..]).read_to_string(&mut text),
        false => zstd::stream::read::Decoder::new(&packed[..])
            .and_then(|mut frames| frames.read_to_string(&mut text)),
    };
    read.map_err(|error| format!("{} does not unpack: {error}", path.display()))?;
    Ok(text)
}

/// The rows of all parts of a table. Only `tidegate` itself reads tables here; others do in the proof with labels.
fn rows(tool: &Tool, dir: &Path, out: &str) -> Result<String, String> {
    if files(dir, out)?.is_empty() {
        return Ok(String::new());
    }
    std::fs::write(dir.join("read.toml"), READ).map_err(|error| unwritable(&error))?;
    let ran = tool.run(dir, &["map", "read.toml", out, "-o", "-", "--store", "read.db"])?;
    if ran.code != Some(0) {
        return Err(format!("{out} does not read: {}", tail(&ran.stderr)));
    }
    Ok(ran.stdout)
}

/// The bytes of an output: of each part of a table, or of the one file.
///
/// # Errors
/// A folder that holds anything but parts.
pub(super) fn files(dir: &Path, out: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let path = dir.join(out);
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    if path.is_file() {
        return Ok(BTreeMap::from([(String::new(), read(&path)?)]));
    }
    let Ok(entries) = std::fs::read_dir(&path) else { return Ok(BTreeMap::new()) };
    let mut files = BTreeMap::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("part-") || !name.ends_with(".parquet") {
            return Err(format!("{out} holds {name}, which is no part"));
        }
        files.insert(name, read(&entry.path())?);
    }
    Ok(files)
}

/// What a run leaves beside an output only while it is at work.
pub(super) fn left_behind(dir: &Path, out: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let passing = [".retry", ".whole", ".tmp", ".old"];
    names.filter(|name| name.contains(out) && passing.iter().any(|ending| name.contains(ending))).collect()
}
