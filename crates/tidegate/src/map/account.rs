//! The account of a map job in the store: what an earlier run came to, and retries of what was put aside.
//!
//! A retry writes the whole output anew beside the old one, with the answers that are there, and then takes its place by
//! rename: a row that was mended stands where it belongs, and whoever reads meanwhile sees the old output or the new one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_connect::{
    Committed, OUTPUT, OUTPUT_NEXT, OUTPUT_NEXT_TAIL, OUTPUT_TAIL, discard, holds, settled,
};
use tidegate_core::{Fault, FaultKind, killpoint};
use tidegate_store::{PipelineLedger, PipelineRun, RetrySelection, Store};

use super::left::Left;
use super::start::{Earlier, Start, hinted, is_held, start};
use crate::config::{Config, Sink};
use crate::parquet;

/// The name under which the settings of a job are remembered.
pub(crate) const SETTINGS: &str = "map";
/// What the account of a retry is called behind its job's name.
const RETRY: &str = ".retry";

/// Decides how a job begins, and clears its account where that is from the first row.
///
/// # Errors
/// As [`start`]; storage faults.
pub(crate) async fn begin(
    config: &Config,
    (store, ledger): (&Store, &PipelineLedger),
    retries: bool,
) -> Result<Start, Fault> {
    let name = &config.pipeline.name;
    if !name.ends_with(RETRY) {
        settle(config, (store, ledger)).await?;
    }
    let remembered = store.settings()?.into_iter().find(|one| one.pipeline == *name && one.name == SETTINGS);
    let earlier = Earlier {
        config: remembered.and_then(|settings| serde_json::from_str(&settings.value).ok()),
        committed: committed(store, name, output(config))?,
    };
    let decided = start(config, &earlier, retries)?;
    if decided == Start::Over {
        ledger.start_over().await?;
    }
    Ok(decided)
}

/// Finishes what a retry left when it was killed: its output took the old one's place, or it did not.
async fn settle(config: &Config, (store, ledger): (&Store, &PipelineLedger)) -> Result<(), Fault> {
    let (Some(output), name) = (output(config), &config.pipeline.name) else { return Ok(()) };
    let other = format!("{name}{RETRY}");
    match committed(store, &other, Some(output))? {
        Some(made) if took_place(config, output, made)? => {
            ledger.adopt(&other, Left::remembered(store, &other)?.keys()).await?;
        }
        made => {
            if made.is_some() {
                clear(config, &scratch(output));
            }
            ledger.forget(&other).await?;
        }
    }
    if config.table().is_some() {
        parquet::taken(output);
    }
    Ok(())
}

/// Takes away what a retry wrote that did not come to its end. What stays is written over by the next one.
fn clear(config: &Config, scratch: &Path) {
    discard(scratch);
    if config.table().is_some() {
        parquet::remove(scratch);
    }
}

/// Whether what a retry made is the output now.
fn took_place(config: &Config, output: &Path, made: Committed) -> Result<bool, Fault> {
    if config.table().is_some() {
        return parquet::settled(output, &scratch(output), made);
    }
    Ok(!scratch(output).exists() && holds(output, made)?)
}

fn output(config: &Config) -> Option<&Path> {
    match &config.sink {
        Sink::Jsonl(sink) if sink.path != "-" => Some(Path::new(&sink.path)),
        _ => None,
    }
}

/// What the ledger of `pipeline` knows of the file at `output`.
fn committed(store: &Store, pipeline: &str, output: Option<&Path>) -> Result<Option<Committed>, Fault> {
    let known = |name: &str, tail: &str| -> Result<Option<Committed>, Fault> {
        let tail = store.output_length(pipeline, tail)?;
        Ok(store.output_length(pipeline, name)?.map(|length| Committed { length, tail }))
    };
    let now = known(OUTPUT, OUTPUT_TAIL)?;
    match output {
        // Parts are never written anew.
        Some(output) if !parquet::is_table(&output.to_string_lossy()) => {
            settled(output, now, known(OUTPUT_NEXT, OUTPUT_NEXT_TAIL)?)
        }
        _ => Ok(now),
    }
}

/// Where a retry writes.
fn scratch(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.retry"))
}

/// A retry under way.
pub(crate) struct Merge {
    /// What is run: the job, into another file and under an account of its own.
    pub(crate) config: Config,
    output: PathBuf,
    scratch: PathBuf,
    /// The job's own account, which nobody else may have meanwhile.
    held: PipelineLedger,
    /// What is not tried.
    pub(crate) left: Arc<Left>,
}

impl Merge {
    /// What a retry of what `retry` selects takes; `None` where `config` is no map job that writes its rows in order.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] while a run of the job goes on; an output that is not this job's.
    pub(crate) async fn new(
        config: &Config,
        store: &Store,
        (run, retry): (&str, &RetrySelection),
    ) -> Result<Option<Self>, Fault> {
        let Some(output) = output(config).filter(|_| config.resumes_rows()) else { return Ok(None) };
        let fingerprint = config.fingerprint();
        let terms =
            PipelineRun { outcomes_only: true, ..PipelineRun::new(&config.pipeline.name, &fingerprint, run) };
        let held = store.ledger(terms).await?;
        if begin(config, (store, &held), true).await? == Start::Over {
            // There is no output to merge into: an ordinary run makes it.
            held.close().await?;
            return Ok(None);
        }
        if let Some(known) = committed(store, &config.pipeline.name, Some(output))?
            && !is_held(config, output, known)?
        {
            let fault =
                Fault::new(FaultKind::Guarded, "the output is left alone: it was changed by somebody else");
            return Err(hinted(fault, true));
        }
        let left = Arc::new(Left::of(store, &config.pipeline.name, retry)?);
        let (output, scratch) = (output.to_owned(), scratch(output));
        let mut config = config.clone();
        config.pipeline.name.push_str(RETRY);
        if let Sink::Jsonl(sink) = &mut config.sink {
            sink.path = scratch.to_string_lossy().into_owned();
            sink.overwrite = true;
        }
        Ok(Some(Self { config, output, scratch, held, left }))
    }

    /// Puts what was made in the place of the old output if it is `whole`, else takes it away.
    ///
    /// # Errors
    /// Storage faults; an output that cannot be replaced.
    pub(crate) async fn finish(self, whole: bool) -> Result<(), Fault> {
        let during = |error: io::Error| {
            Fault::new(FaultKind::StorageBusy, "the retried output cannot take the place of the old one")
                .during(format!("replacing {}", self.output.display()))
                .cause(error)
        };
        if whole {
            killpoint::hit("retry.made");
            if self.config.table().is_some() {
                parquet::replace(&self.scratch, &self.output).map_err(during)?;
            } else {
                replace(&self.scratch, &self.output).map_err(during)?;
            }
            killpoint::hit("retry.replaced");
            self.held.adopt(&self.config.pipeline.name, self.left.keys()).await?;
            killpoint::hit("retry.adopted");
        } else {
            clear(&self.config, &self.scratch);
            self.held.forget(&self.config.pipeline.name).await?;
        }
        self.held.close().await
    }
}

/// Renames, and makes the new name durable.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Whether what was retried is whole: everything was read, and nothing is left to do.
pub(crate) fn is_whole(report: &tidegate_core::report::Report, fault: Option<&Fault>) -> bool {
    report.state == tidegate_core::report::RunState::Done && report.records.pending == 0 && fault.is_none()
}

#[cfg(test)]
mod tests {
    use tidegate_core::item::Failure;
    use tidegate_core::{
        Body, Commit, ItemOutcome, Ledger as _, Outcome, SourceItem, TraceId, Unit, Version,
    };
    use tidegate_store::OpenMode;

    use super::*;
    use crate::config::{Jsonl, JsonlSink, Map, Source};

    /// Opens the account `name`, and commits an output of so many bytes to it.
    async fn account(config: &Config, store: &Store, (name, length): (&str, u64)) -> PipelineLedger {
        let fingerprint = config.fingerprint();
        let terms = PipelineRun { outcomes_only: true, ..PipelineRun::new(name, &fingerprint, name) };
        let ledger = store.ledger(terms).await.unwrap();
        let lengths = vec![(OUTPUT.to_owned(), length)];
        ledger.commit(&Commit { lengths, ..Commit::default() }).await.unwrap();
        ledger
    }

    /// A job whose output and store are in `folder`.
    fn job(folder: &Path) -> (Config, Store, PathBuf) {
        let output = folder.join("out.jsonl");
        let url = format!("sqlite:{}", folder.join("t.db").display());
        let store = Store::open(&url, OpenMode::Write).unwrap();
        let mut config = Config { map: Some(Box::new(Map::default())), ..Config::default() };
        config.pipeline.name = "map-out".to_owned();
        config.source = Source::Jsonl(Jsonl::default());
        config.sink = Sink::Jsonl(JsonlSink { path: output.display().to_string(), ..JsonlSink::default() });
        (config, store, output)
    }

    async fn killed(renamed: bool) -> (Option<u64>, Option<u64>) {
        let folder = tempfile::tempdir().unwrap();
        let (config, store, output) = job(folder.path());
        account(&config, &store, ("map-out.retry", 20)).await.close().await.unwrap();
        let ledger = account(&config, &store, ("map-out", 10)).await;
        ledger.remember_settings(SETTINGS, &serde_json::to_string(&config).unwrap()).await.unwrap();
        fs::write(&output, if renamed { [b'n'; 20].as_slice() } else { [b'o'; 10].as_slice() }).unwrap();
        if !renamed {
            fs::write(scratch(&output), [b'n'; 20]).unwrap();
        }
        assert_eq!(begin(&config, (&store, &ledger), false).await.unwrap(), Start::Resume);
        let length = |name: &str| committed(&store, name, None).unwrap().map(|committed| committed.length);
        (length("map-out"), length("map-out.retry"))
    }

    /// What puts these aside, and says that it wrote `length` bytes.
    fn aside(keys: &[&str], length: u64) -> Commit {
        let unit = |(ordinal, key): (u64, &&str)| {
            let fault = Fault::new(FaultKind::Malformed, "no good");
            let failure = Failure { stage: "label".into(), fault, exhibit: Body::Empty };
            let item = Arc::new(SourceItem::new(*key, Version::default(), 1));
            let (asides, trace) = (Vec::new(), TraceId(ordinal));
            let (outcome, failure) = (Outcome::Quarantined, Some(failure));
            let item = ItemOutcome { item, ordinal, content: None, outcome, failure, asides, trace };
            Unit { items: vec![item], records: Vec::new(), staged: 0 }
        };
        let lengths = vec![(OUTPUT.to_owned(), length)];
        Commit { units: (0..).zip(keys).map(unit).collect(), lengths, ..Commit::default() }
    }

    #[tokio::test]
    async fn a_retry_of_some_that_was_killed_once_it_was_done_leaves_the_others_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (config, store, output) = job(folder.path());
        let ledger = account(&config, &store, ("map-out", 10)).await;
        ledger.remember_settings(SETTINGS, &serde_json::to_string(&config).unwrap()).await.unwrap();
        ledger.commit(&aside(&["a", "b"], 10)).await.unwrap();
        let retry = account(&config, &store, ("map-out.retry", 20)).await;
        let named = RetrySelection::Keys(["a".to_owned()].into());
        Left::of(&store, "map-out", &named).unwrap().remember(&retry).await.unwrap();
        retry.commit(&aside(&["a", "b"], 20)).await.unwrap();
        retry.close().await.unwrap();
        fs::write(&output, [b'n'; 20]).unwrap(); // renamed, and killed
        assert_eq!(begin(&config, (&store, &ledger), false).await.unwrap(), Start::Resume);
        let list = store.quarantine_list().unwrap();
        let mut attempts: Vec<_> = list.iter().map(|entry| (entry.source.as_str(), entry.attempts)).collect();
        attempts.sort_unstable();
        assert_eq!(attempts, [("a", 2), ("b", 1)]);
        assert_eq!(crate::remembered_configs(&store).unwrap().len(), 1, "what was remembered of it is gone");
    }

    #[tokio::test]
    async fn a_retry_that_was_killed_took_the_old_ones_place_or_did_not() {
        assert_eq!(killed(true).await, (Some(20), None));
        assert_eq!(killed(false).await, (Some(10), None));
    }
}
