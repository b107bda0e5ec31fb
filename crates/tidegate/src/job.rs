//! A pipeline ready to run: what a configuration names, opened and connected.

use std::sync::Arc;

use tidegate_connect::{FilesStats, Watch};
use tidegate_core::report::{Beside, Chunks, EmbeddedCounts, Report, RunState, Taken};
use tidegate_core::{Fault, FaultKind, Sink, Source, Sweep, Task};
use tidegate_engine::{Ended, Flow, Monitor, Pool, StopHandle};
use tidegate_sandbox::Program;
use tidegate_store::{PipelineLedger, PipelineRun, RetrySelection, Store};

use crate::apart;
use crate::config::{self, Config};
use crate::embedding::{Embedding, Local, unmixed};
use crate::map::{self, Merge, Start, Trying};
use crate::output::{Begin, open_sink};
use crate::pipeline;
use crate::remembered::{follow_moves, gone_folders, remembered};
use crate::row_count::RowCount;
use crate::services::Services;
use crate::source::Opened;
use crate::stages::EmbedCounts;
use crate::sweep::{self, Tallied, Tally};
use crate::takeover::{StoredDocuments, Takeover};
use crate::tape::{self, Tape};
use crate::terms::{engine_options, open_store, run_id};
use crate::unswept::Unswept;

/// A pipeline that is ready to run, and holds its lease.
///
/// ```no_run
/// use tidegate::config::Config;
/// use tidegate::{Job, StopHandle};
/// # async fn demo() -> Result<(), tidegate::core::Fault> {
/// let job = Job::open(&Config::default(), Default::default()).await?;
/// let finished = job.run(StopHandle::new()).await;
/// println!("{} documents stored", finished.report.records.stored);
/// # Ok(()) }
/// ```
pub struct Job {
    flow: Flow,
    monitor: Arc<Monitor>,
    embedded: Option<Arc<EmbedCounts>>,
    services: Arc<Services>,
    files: Option<Arc<FilesStats>>,
    ledger: Arc<PipelineLedger>,
    store: Store,
    pool: Arc<Pool>,
    run: Arc<str>,
    pipeline: String,
    peak_memory: Option<fn() -> u64>,
    /// Folders the pipeline was run on before that are not there any more.
    gone: Vec<String>,
    /// What a retry of a map job still has to do at its end.
    merge: Option<Merge>,
    /// What it was said to take.
    planned: Option<Taken>,
    /// Whether it is a map job.
    maps: bool,
    /// Whether it begins at the first row.
    from_first: bool,
    /// What counts lines, where the engine counts blocks of them.
    tally: Option<Arc<Tally>>,
}

/// How a job ended.
#[derive(Debug)]
pub struct Finished {
    /// The report, as it is kept in the store's list of runs.
    pub report: Report,
    /// What it could not go on from, if it did not simply finish.
    pub fault: Option<Fault>,
    /// What removal of vanished documents did.
    pub sweep: Sweep,
    /// Files passed over because they hold no text or were left out by a rule, and links not followed.
    pub skipped: u64,
    /// How many of `skipped` are links that lead out of the given paths.
    pub leaving: u64,
    /// Items of the pipeline that are in the quarantine now, those of earlier runs included.
    pub aside: u64,
    /// Bytes read from the source.
    pub read_bytes: u64,
    /// Whether it began at the first row, where it is a map job.
    pub from_first: bool,
}

/// What a run is asked to do beyond its configuration.
#[derive(Default)]
pub struct JobOptions<'a> {
    /// Quarantined items to try again although nothing about them changed.
    pub retry: RetrySelection,
    /// Folders being followed ([`crate::watch`]), instead of a source of its own.
    pub watch: Option<&'a Watch>,
    /// Ends when what is there is read, also where the source is a growing file.
    pub once: bool,
    /// Tells the most memory that this process ever used, in bytes, for the report. It is the process's figure, which
    /// whoever owns the process can vouch for; without it the report says 0.
    pub peak_memory: Option<fn() -> u64>,
    /// The program that parses what cannot be trusted (PDF, Office, mail, archives): one that calls
    /// [`crate::parser_child`] and nothing else. Without it such files are put aside unread.
    pub parser: Option<Program>,
    /// What a [`plan`](crate::plan) said that the run will take, for its report.
    pub planned: Option<Taken>,
    /// Whether the answers of models are recorded, or taken from what was. Such a run works on all there is, a map job
    /// from the first row.
    pub tape: Tape,
}

/// What is special about a run that builds a generation.
#[derive(Default)]
pub(crate) struct Target {
    /// The generation it writes into, where that is not the active one.
    pub(crate) into: Option<i64>,
    /// Documents of another generation to take over, instead of a source of its own.
    pub(crate) takeover: Option<Takeover>,
    /// What embeds on this machine, where no setting names it.
    pub(crate) embedder: Option<Local>,
}

impl Job {
    /// Opens the store, takes the pipeline's lease, and connects source, stages and sink.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for paths that do not exist, [`FaultKind::Guarded`] while another run holds the
    /// pipeline or where an output would be overwritten, storage faults.
    pub async fn open(config: &Config, options: JobOptions<'_>) -> Result<Self, Fault> {
        Self::open_into(config, options, Target::default()).await
    }

    /// The same, into a generation that is being built.
    pub(crate) async fn open_into(
        config: &Config,
        options: JobOptions<'_>,
        target: Target,
    ) -> Result<Self, Fault> {
        // Sources and models first: a mistyped path must not leave an empty store behind.
        map::check(config)?;
        apart::check(config, &options.tape)?;
        let services = Arc::new(Services::taped(config, &options.tape)?);
        services.reach_all(config)?;
        let opened = match &target.takeover {
            Some(_) => None,
            None => Some(Opened::new(config, &services, (options.watch, options.once))?),
        };
        let local = match target.embedder {
            Some(embedder) => Some(embedder),
            None => Local::of(config)?,
        };
        let store = open_store(config)?;
        let run = run_id();
        let merge = match options.retry {
            RetrySelection::None => None,
            _ => Merge::new(config, &store, (&run, &options.retry)).await?,
        };
        let left = merge.as_ref().map(|merge| merge.left.clone()).unwrap_or_default();
        let config = merge.as_ref().map_or(config, |merge| &merge.config);
        let embedding = match local {
            // A generation that is being built has what it was begun with, whatever is in the active one.
            Some(local) if target.into.is_some() => Embedding::Local(local.kept_in(&store).await?),
            Some(local) => Embedding::Local(local.in_store(config, &store).await?),
            None => open_remote(config, (&services, &store)).await?,
        };
        unmixed(config, &embedding, (&store, target.into))?;
        let with = (&*services, &store, &embedding);
        let built = match &target.takeover {
            Some(_) => pipeline::build_takeover(config, with),
            None => pipeline::build(config, (options.parser.as_ref(), &left), with)?,
        };
        let fingerprint = match &target.takeover {
            Some(takeover) => takeover.fingerprint.clone(),
            None => config.fingerprint(),
        };
        let retries = options.retry != RetrySelection::None;
        let terms = PipelineRun {
            model: embedding.identity(),
            retry_quarantined: options.retry,
            relist: opened.as_ref().is_some_and(|opened| opened.relists),
            generation: target.into,
            outcomes_only: !matches!(config.sink, config::Sink::Store),
            // All of a run's answers are on its cassette, not only those to what changed.
            force: config.map.is_none() && services.deck().is_some(),
            ..PipelineRun::new(&config.pipeline.name, &fingerprint, &run)
        };
        let ledger = Arc::new(store.ledger(terms).await?);
        let (stream, files) =
            opened.as_ref().map_or((false, None), |opened| (opened.stream, opened.files.clone()));
        let mut begin = Begin { in_order: stream, over: false };
        if config.map.is_some() {
            begin.over = map::begin(config, (&store, &ledger), retries).await? == Start::Over;
            if services.deck().is_some() && !begin.over {
                ledger.start_over().await?; // all of its answers are on the cassette, not only those to come
                begin.over = true;
            }
        }
        if config.map.is_none() && services.deck().is_some() {
            tape::from_the_start(&ledger).await?;
        }
        let maps = config.map.is_some();
        let takes_over = target.takeover.is_some();
        let source: Box<dyn Source> = match (target.takeover, opened) {
            (Some(takeover), _) => {
                for settings in takeover.settings.iter().rev() {
                    ledger.remember_settings(&settings.name, &settings.value).await?;
                }
                Box::new(StoredDocuments::new(store.clone(), takeover))
            }
            (None, Some(opened)) => {
                if merge.is_some() {
                    left.remember(&ledger).await?;
                } else {
                    let remembered = remembered(config)?;
                    ledger.remember_settings(&remembered.name, &remembered.value).await?;
                }
                let source =
                    opened.source.resumed(&ledger).await.map_err(|fault| map::hinted(fault, maps))?;
                if left.is_empty() { source } else { Box::new(Trying { source, left }) }
            }
            (None, None) => return Err(Fault::new(FaultKind::Internal, "a run without a source")),
        };
        let sink =
            open_sink(config, (&ledger, &services), begin).await.map_err(|fault| map::hinted(fault, maps))?;
        let sink: Box<dyn Sink> = match &built.tally {
            Some(tally) => Box::new(Tallied { sink, tally: tally.clone() }),
            None => sink,
        };
        let limits = engine_options(config);
        let pool = Arc::new(Pool::new(limits.cores).map_err(|error| {
            Fault::new(FaultKind::Config, "this system refuses to start threads").cause(error)
        })?);
        let source =
            if matches!(config.sink, config::Sink::Store) { source } else { Box::new(Unswept(source)) };
        let flow = Flow::new(source, sink, ledger.clone(), limits);
        let tally = built.tally.clone();
        let (flow, embedded) = built.add_to(flow);
        let monitor = flow.monitor();
        let pipeline = config.pipeline.name.clone();
        // What is taken over is listed in several runs: one that did not see a document says nothing about it.
        let gone = if matches!(config.sink, config::Sink::Store) && !takes_over {
            gone_folders(&store, &pipeline)?
        } else {
            Vec::new()
        };
        let (peak_memory, planned) = (options.peak_memory, options.planned);
        Ok(Self {
            flow,
            monitor,
            embedded,
            services,
            files,
            ledger,
            store,
            pool,
            run,
            pipeline,
            peak_memory,
            gone,
            merge,
            planned,
            maps,
            from_first: begin.over,
            tally,
        })
    }

    /// The live view of the run to come.
    #[must_use]
    pub fn monitor(&self) -> Arc<Monitor> {
        self.monitor.clone()
    }

    /// The services it calls, to be looked at while it runs.
    #[must_use]
    pub fn services(&self) -> Arc<Services> {
        self.services.clone()
    }

    /// What counts the rows of the run, if it is a map job's.
    #[must_use]
    pub fn rows(&self) -> Option<RowCount> {
        self.maps.then(|| RowCount::new(self.monitor.clone(), self.tally.clone()))
    }

    /// The id of the run to come.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// Runs to the end, or until `stop` says so. The report is kept in the store's list of runs.
    ///
    /// # Cancel safety
    /// Dropping the future is like a crash: what is committed stays, the rest is pending.
    pub async fn run(self, stop: StopHandle) -> Finished {
        let Self {
            flow,
            monitor,
            embedded,
            services,
            files,
            ledger,
            store,
            pool,
            run,
            pipeline,
            peak_memory,
            gone,
            merge,
            planned,
            maps,
            from_first,
            tally,
        } = self;
        let Ended { mut report, mut fault, mut sweep } =
            tidegate_engine::run(flow, run.clone(), (pool, stop, monitor.clone())).await;
        if report.state == RunState::Done && !gone.is_empty() {
            match follow_moves(&ledger, gone).await {
                Ok(moved) => {
                    report.records.seen += moved;
                    report.records.deleted += moved;
                    sweep.deleted += moved;
                    sweep.moved += moved;
                }
                Err(unswept) => fault = Some(unswept),
            }
        }
        match store.quarantined_parts(&pipeline, ledger.generation()) {
            Ok(parts) => report.parts_quarantined = parts,
            Err(uncounted) => drop(fault.get_or_insert(uncounted)),
        }
        report.calls = services.calls();
        report.lanes = services.lanes();
        report.chunks.written = monitor.committed();
        if let Some(tally) = tally {
            sweep::in_rows(&mut report, &tally);
        }
        if let Some(counts) = embedded {
            report.embedded = EmbeddedCounts {
                texts: counts.texts.get(),
                from_journal: counts.from_journal.get(),
                tokens: counts.tokens.get(),
            };
            report.chunks =
                Chunks { reused: counts.from_journal.get().min(report.chunks.written), ..report.chunks };
        }
        report.plan = planned.map(|predicted| Beside { predicted, actual: services.taken(report.seconds) });
        report.peak_memory_bytes = peak_memory.map_or(0, |peak| peak());
        if let Err(unrecorded) = close(&store, ledger, (&pipeline, &report)).await {
            fault.get_or_insert(unrecorded.during("closing the run"));
        }
        if let Some(deck) = services.deck()
            && map::is_whole(&report, fault.as_ref())
            && let Err(unrecorded) = deck.finish()
        {
            fault = Some(unrecorded);
        }
        if let Some(merge) = merge {
            let whole = map::is_whole(&report, fault.as_ref());
            if let Err(unmerged) = merge.finish(whole).await {
                fault.get_or_insert(unmerged);
            }
        }
        let aside = store.quarantined_items(pipeline.trim_end_matches(".retry")).unwrap_or_default();
        let (skipped, leaving) = files.map_or((0, 0), |stats| (stats.skipped(), stats.leaving.get()));
        let fault = fault.map(|fault| map::hinted(fault, maps));
        Finished {
            report,
            fault,
            sweep,
            skipped,
            leaving,
            aside,
            read_bytes: monitor.read_bytes(),
            from_first,
        }
    }
}

async fn close(
    store: &Store,
    ledger: Arc<PipelineLedger>,
    (pipeline, report): (&str, &Report),
) -> Result<(), Fault> {
    store.record_run(pipeline, report).await?;
    match Arc::into_inner(ledger) {
        Some(ledger) => ledger.close().await,
        None => Ok(()), // an aborted task still holds it; the lease goes with that
    }
}

async fn open_remote(config: &Config, (services, store): (&Services, &Store)) -> Result<Embedding, Fault> {
    let internal = || Fault::new(FaultKind::Internal, "nothing makes vectors, neither here nor elsewhere");
    let embed = config.embed().ok_or_else(internal)?;
    Embedding::open((Task::Document, embed), (services, store), Some(Arc::new(store.clone()))).await
}
