//! The configuration as a whole: layers, messages, printing and reading back, fingerprints, hostile files.

mod fingerprint;
mod layers;
mod messages;
mod round_trip;

use std::path::PathBuf;

use super::*;

fn file(text: &str) -> Option<ConfigFile> {
    Some(ConfigFile { path: PathBuf::from("pipeline.toml"), text: text.to_owned() })
}

fn read(text: &str) -> Result<Resolved, tidegate_core::Fault> {
    resolve(Layers { file: file(text), ..Layers::default() })
}
