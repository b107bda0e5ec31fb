//! What a generation was made with, for whoever shows it.

use tidegate_store::{Generation, OpenMode, Store};

use crate::config::{Chunk, Config, Sink};
use crate::remembered::{configs_that_read, remembered};

/// How the source of `config` was cut when it was last indexed into its store, if that was otherwise than a run would cut
/// it now: then every document of it is worked on again, one by one, in the generation that answers searches.
#[must_use]
pub fn cut_before(config: &Config) -> Option<Chunk> {
    if config.sink != Sink::Store {
        return None;
    }
    let (name, now) = (remembered(config).ok()?.name, config.chunk()?);
    let known = Store::open(&config.store.url, OpenMode::Read).and_then(|store| store.settings()).ok()?;
    let same = known.into_iter().filter(|known| known.name == name && known.pipeline == config.pipeline.name);
    let before = configs_that_read(same.collect()).into_iter().next()?.chunk()?.clone();
    (before != *now).then_some(before)
}

/// How the sources of a generation are cut, each way once, as far as this version reads their settings.
#[must_use]
pub fn chunking(generation: &Generation) -> Vec<Chunk> {
    let mut found: Vec<Chunk> = Vec::new();
    for config in configs_that_read(generation.settings.clone()) {
        if let Some(chunk) = config.chunk().filter(|chunk| !found.contains(chunk)) {
            found.push(chunk.clone());
        }
    }
    found
}
