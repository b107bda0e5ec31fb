//! A job that is tried again from memory, and its file that may have been mended meanwhile.

use std::path::{Path, PathBuf};

use tidegate_core::{Fault, FaultKind};

use super::file::{MapOptions, load_map};
use crate::config::model::Config;
use crate::config::overrides::Overrides;
use crate::config::sink::Sink;

/// The job that `remembered` is, with what its file says now of providers, programs' times and the like. What is no map
/// job, and a job whose file is gone, is as it was remembered.
///
/// # Errors
/// [`FaultKind::Config`]: a file that does not read, or that is another job now, whose rows would stand among those of
/// the old.
pub fn renewed(remembered: Config) -> Result<Config, Fault> {
    let Some(map) = &remembered.map else { return Ok(remembered) };
    let (Some(file), Sink::Jsonl(sink)) = (&map.file, &remembered.sink) else { return Ok(remembered) };
    let gone =
        [Some(&file.path), file.base.as_ref()].into_iter().flatten().any(|path| !Path::new(path).exists());
    if gone {
        return Ok(remembered);
    }
    let options = MapOptions {
        inputs: remembered.source.paths().iter().map(PathBuf::from).collect(),
        output: sink.path.clone(),
        overwrite: sink.overwrite,
        unordered: map.unordered,
        limit: map.limit,
        base_url: file.base_url.clone(),
        base: file.base.as_ref().map(PathBuf::from),
        overrides: Overrides { store: Some(remembered.store.url.clone()), ..Overrides::default() },
    };
    let now = load_map(Path::new(&file.path), options)?;
    if now.fingerprint() != remembered.fingerprint() {
        let what = format!("{} was changed since {} was written", file.path, sink.path);
        return Err(Fault::new(FaultKind::Config, what).hint(format!(
            "run `tidegate map {} INPUT -o {} --overwrite`: it writes all rows anew by the job as it is now, with the \
             answers that are there and still fit",
            file.path, sink.path
        )));
    }
    // What was typed beside the job holds on; the file says the rest.
    let Config { pipeline, source, sink, limits, store, .. } = remembered;
    Ok(Config { pipeline, source, sink, limits, store, ..now })
}
