//! What the store remembers of earlier runs: the settings of each pipeline and source.

use std::path::Path;

use tidegate_core::{ContentHash, Coverage, Fault, FaultKind, Ledger as _, SweepPolicy};
use tidegate_store::{PipelineLedger, Settings, Store};

use crate::config::{self, Config};
use crate::map;

/// What the store remembers of this run: its settings with absolute paths, one entry for each source.
pub(crate) fn remembered(config: &Config) -> Result<Settings, Fault> {
    let mut config = config.clone();
    config.source.make_absolute();
    config.sink.make_absolute();
    config.limits.make_absolute();
    config.stages.iter_mut().for_each(config::Stage::make_absolute);
    let internal = |error| Fault::new(FaultKind::Internal, "the settings are not JSON").cause(error);
    let source = serde_json::to_vec(&config.source.paths()).map_err(internal)?;
    let kind = config.source.kind().name();
    let name = match &config.map {
        // A job has one output, and that is made from one list of inputs.
        Some(_) => map::SETTINGS.to_owned(),
        None => format!("{kind} {}", &ContentHash::of(&source).to_hex()[..16]),
    };
    Ok(Settings {
        pipeline: config.pipeline.name.clone(),
        name,
        value: serde_json::to_string(&config).map_err(internal)?,
    })
}

/// The configurations that pipelines of a store were last run with, latest first: one for each pipeline and source.
/// Standard input is left out, because it cannot be read again.
///
/// # Errors
/// Storage faults; settings of another version that no longer read.
pub fn remembered_configs(store: &Store) -> Result<Vec<Config>, Fault> {
    let mut settings = store.settings()?;
    settings.retain(|one| one.name != map::LEFT); // of a retry that was killed
    let configs = configs_of(settings)?;
    Ok(configs.into_iter().filter(|config| !matches!(config.source, config::Source::Stdin(_))).collect())
}

/// The configurations that settings are, without those of another version that no longer read.
pub(crate) fn configs_that_read(settings: Vec<Settings>) -> Vec<Config> {
    settings.into_iter().filter_map(|settings| read(&settings).ok()).collect()
}

/// What a pipeline was run with. That nothing was to be paid, which some runs are told, is not how it is run always.
fn read(settings: &Settings) -> Result<Config, serde_json::Error> {
    let mut config: Config = serde_json::from_str(&settings.value)?;
    config.limits.budget = config.limits.budget.filter(|budget| *budget > 0.0);
    config.limits.max_tokens = config.limits.max_tokens.filter(|tokens| *tokens > 0);
    Ok(config)
}

/// The configurations that settings are.
///
/// # Errors
/// Settings of another version that no longer read.
pub(crate) fn configs_of(settings: Vec<Settings>) -> Result<Vec<Config>, Fault> {
    let known = |settings: Settings| {
        read(&settings).map_err(|error| {
            Fault::new(
                FaultKind::Config,
                format!("the remembered settings of {} do not read", settings.pipeline),
            )
            .hint("run `tidegate index` or `tidegate run` on the same sources once more")
            .cause(error)
        })
    };
    settings.into_iter().map(known).collect()
}

/// Folders a pipeline was run on earlier that are not there now: renamed, removed, or on a disk that is away.
pub(crate) fn gone_folders(store: &Store, pipeline: &str) -> Result<Vec<String>, Fault> {
    let mut gone = Vec::new();
    for settings in store.settings()?.into_iter().filter(|settings| settings.pipeline == pipeline) {
        // What another version remembered and this one cannot read is no reason not to run.
        let Ok(config) = serde_json::from_str::<Config>(&settings.value) else { continue };
        if let config::Source::Files(files) = &config.source {
            let missing =
                files.paths.iter().map(Path::new).filter(|path| path.is_absolute() && !path.exists());
            gone.extend(missing.map(tidegate_connect::encode_key));
        }
    }
    Ok(gone)
}

/// Removes documents of gone folders whose content this run met elsewhere: the folder was renamed. Everything else
/// there stays, because nobody said that it is to go.
pub(crate) async fn follow_moves(ledger: &PipelineLedger, gone: Vec<String>) -> Result<u64, Fault> {
    let coverage = Coverage { covered: gone, unknown: Vec::new() };
    let moved_only = SweepPolicy { allow_delete: false, max_share: 0.0, max_count: 0 };
    Ok(ledger.sweep(&coverage, moved_only).await?.deleted)
}
