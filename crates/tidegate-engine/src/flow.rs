//! A flow: a source, stages, a sink, and the ledger they are accounted in.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::{Batch, Budget, Cpu, Each, Ledger, Sink, Source, SweepPolicy, Window};

use crate::monitor::{Monitor, StageView};
use crate::queue::Bounds;

/// Limits of a run that are not a stage's own.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of records in flight.
    pub memory: u64,
    /// Most records waiting before a stage.
    pub queue_items: usize,
    /// Most bytes waiting before a stage.
    pub queue_bytes: u64,
    /// Most items admitted and not yet committed.
    pub in_flight: usize,
    /// Items read at once.
    pub fetches: usize,
    /// How long a held stage may hold the run before it stops resumable.
    pub max_hold: Duration,
    /// How long a drain may take before it becomes an abort: a service manager's patience is commonly 30 s.
    pub drain_deadline: Duration,
    /// Records of one item beyond which they are handed to the sink before the item is whole.
    pub stage_at: usize,
    /// How removal of vanished items is guarded.
    pub sweep: SweepPolicy,
    /// Threads the compute pool has; the default concurrency of CPU stages.
    pub cores: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            queue_items: 256,
            queue_bytes: 16 << 20,
            in_flight: 2_048,
            fetches: 4,
            max_hold: Duration::from_secs(30 * 60),
            drain_deadline: Duration::from_secs(25),
            stage_at: 5_000,
            sweep: SweepPolicy::default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// A stage as the engine runs it.
pub(crate) enum Kind {
    Cpu(Arc<dyn Cpu>),
    Each(Arc<dyn Each>),
    Batch(Arc<dyn Batch>),
    Window(Box<dyn Window>),
}

pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) view: StageView,
}

/// What is to be run. Built once, run once.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use tidegate_core::*;
/// # use tidegate_engine::{Flow, Options};
/// # fn demo(source: Box<dyn Source>, sink: Box<dyn Sink>, ledger: Arc<dyn Ledger>, parse: Arc<dyn Cpu>, embed: Arc<dyn Batch>) {
/// let flow = Flow::new(source, sink, ledger, Options::default()).cpu("parse", parse).batch("embed", 2, embed);
/// # }
/// ```
pub struct Flow {
    pub(crate) source: Box<dyn Source>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) options: Options,
    pub(crate) fetch_view: StageView,
    pub(crate) sink_view: StageView,
    budget: Budget,
}

impl Flow {
    /// A flow without stages yet.
    #[must_use]
    pub fn new(
        source: Box<dyn Source>,
        sink: Box<dyn Sink>,
        ledger: Arc<dyn Ledger>,
        options: Options,
    ) -> Self {
        Self {
            source,
            stages: Vec::new(),
            sink,
            ledger,
            fetch_view: view("fetch", options.fetches),
            sink_view: view("store", 1),
            budget: Budget::new(options.memory),
            options,
        }
    }

    /// Adds CPU work, one record per core at a time.
    #[must_use]
    pub fn cpu(self, name: &str, stage: Arc<dyn Cpu>) -> Self {
        let width = self.options.cores;
        self.add(name, width, Kind::Cpu(stage))
    }

    /// Adds asynchronous work on up to `concurrency` records at once.
    #[must_use]
    pub fn each(self, name: &str, concurrency: usize, stage: Arc<dyn Each>) -> Self {
        self.add(name, concurrency, Kind::Each(stage))
    }

    /// Adds grouped work, up to `concurrency` groups at once.
    #[must_use]
    pub fn batch(self, name: &str, concurrency: usize, stage: Arc<dyn Batch>) -> Self {
        self.add(name, concurrency, Kind::Batch(stage))
    }

    /// Adds a window. Only the first window of a flow sees its records in listing order; a later one sees them in
    /// the order in which the first closes its windows.
    #[must_use]
    pub fn window(self, name: &str, stage: Box<dyn Window>) -> Self {
        self.add(name, 1, Kind::Window(stage))
    }

    /// The live view of the run to come.
    #[must_use]
    pub fn monitor(&self) -> Arc<Monitor> {
        let stages = std::iter::once(&self.fetch_view)
            .chain(self.stages.iter().map(|stage| &stage.view))
            .chain(std::iter::once(&self.sink_view));
        Arc::new(Monitor::new(stages.cloned().collect(), self.budget.clone()))
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { items: self.options.queue_items.max(1), bytes: self.options.queue_bytes }
    }

    fn add(mut self, name: &str, width: usize, kind: Kind) -> Self {
        self.stages.push(Stage { kind, view: view(name, width.max(1)) });
        self
    }
}

fn view(name: &str, width: usize) -> StageView {
    StageView { name: name.into(), width, counters: Arc::default() }
}
