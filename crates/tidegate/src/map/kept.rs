//! What earlier runs left, for whoever only looks: the store is opened to be read, and not made where it is not.

use std::sync::Arc;

use tidegate_core::{Fault, Replies};
use tidegate_store::{OpenMode, Store};

use super::nothing::Nothing;
use crate::config::Config;

/// The store of the job that `config` is, if there is one.
///
/// # Errors
/// A store that cannot be read.
pub(crate) fn store_of(config: &Config) -> Result<Option<Store>, Fault> {
    let url = &config.store.url;
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    match std::fs::metadata(path.strip_prefix("//").unwrap_or(path)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => Store::open(url, OpenMode::Read).map(Some),
    }
}

/// The answers that it keeps.
pub(crate) fn journal_of(store: Option<&Store>) -> Arc<dyn Replies> {
    match store {
        Some(store) => Arc::new(store.clone()),
        None => Arc::new(Nothing),
    }
}
