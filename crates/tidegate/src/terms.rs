//! What a run is opened with: its id, its store, and the limits of its engine.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_core::Fault;
use tidegate_engine::Options;
use tidegate_store::{Durability, OpenMode, OpenOptions, Store};

use crate::config::{self, Config};
use crate::sweep;

/// Run ids sort by time: milliseconds since 1970 and the process id, in hexadecimal.
pub(crate) fn run_id() -> Arc<str> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    format!("{:012x}-{:x}", now.as_millis(), std::process::id()).into()
}

pub(crate) fn open_store(config: &Config) -> Result<Store, Fault> {
    let durability = match config.store.durable {
        config::Durability::Normal => Durability::Normal,
        config::Durability::Full => Durability::Full,
    };
    Store::open_with(&config.store.url, &OpenOptions { durability, ..OpenOptions::new(OpenMode::Write) })
}

pub(crate) fn engine_options(config: &Config) -> Options {
    let limits = &config.limits;
    let defaults = Options::default();
    Options {
        memory: if config.sweeps() {
            limits.memory.bytes().min(sweep::MEMORY)
        } else {
            limits.memory.bytes()
        },
        queue_items: limits.queue_items,
        queue_bytes: limits.queue_bytes.bytes(),
        in_flight: limits.in_flight,
        fetches: match &config.source {
            config::Source::Urls(urls) => urls.downloads,
            config::Source::Objects(objects) => objects.downloads,
            _ => limits.fetches,
        },
        max_hold: limits.max_hold.duration(),
        drain_deadline: limits.drain.duration(),
        sweep: config.sweep.policy(),
        cores: if limits.cores == 0 { defaults.cores } else { limits.cores },
        ..defaults
    }
}
