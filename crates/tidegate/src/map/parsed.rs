//! Documents as records where there is no run: fetched and parsed as a run does it, for whoever only looks.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use tidegate_core::{
    Body, Book, Budget, Cx, Each as _, Emitted, Fault, FaultKind, Fetch, Fetched, Record, Replies,
    SourceItem, Tether, UNREAD, UnitId,
};
use tidegate_engine::{Pool, StopHandle};
use tidegate_sandbox::Program;

use super::documents::DocumentStage;
use crate::config::{self, Config, Files};
use crate::pipeline::parse_files;
use crate::services::Services;
use crate::stages::{FILES_AT_ONCE, ParseFiles};

/// Parses documents, and makes records of them.
pub(crate) struct Parsed {
    parse: ParseFiles,
    objects: DocumentStage,
    cx: Cx,
    /// Memory for what is read and not yet an object.
    budget: Budget,
}

/// What a file came to: each document in it with its key, as an object or as what is wrong with it.
pub(crate) type Found = Vec<(Arc<str>, Result<String, Fault>)>;

impl Parsed {
    /// The documents of `files`, which are the source of `config`: parsed by `parser`; what services read is taken
    /// from `journal`, unless `services` may be called.
    ///
    /// # Errors
    /// As making the stages of a run.
    pub(crate) fn new(
        (config, files): (&Config, &Files),
        (services, journal): (&Services, &Arc<dyn Replies>),
        parser: Option<&Program>,
    ) -> Result<Self, Fault> {
        let parse = (&config::Parse::default(), parser.cloned());
        Ok(Self {
            parse: parse_files(config, parse, (services, journal))?,
            objects: DocumentStage::new(files, &Arc::default())?,
            cx: context(config)?,
            budget: Budget::new(config.limits.memory.bytes()),
        })
    }

    /// For listing what it is to read.
    pub(crate) fn context(&self) -> &Cx {
        &self.cx
    }

    /// Reads the files that `items` are, several at once; what each came to, in their order.
    ///
    /// # Cancel safety
    /// What is parsed meanwhile is dropped.
    pub(crate) async fn of_all(&self, items: Vec<SourceItem>, fetcher: &dyn Fetch) -> Vec<Found> {
        let read = items.into_iter().enumerate().map(|(at, item)| self.of((at as u64, item), fetcher));
        iter(read).buffered(FILES_AT_ONCE).collect().await
    }

    async fn of(&self, (ordinal, item): (u64, SourceItem), fetcher: &dyn Fetch) -> Found {
        let key = item.key.clone();
        let notes = Arc::new(Notes::default());
        let tether = Tether::open(ordinal, notes.clone());
        let mut found = match self.records((ordinal, item), (tether, fetcher)).await {
            Ok(records) => {
                records.iter().map(|record| (record.key.clone(), self.objects.object(record))).collect()
            }
            Err(fault) => vec![(key, Err(fault))],
        };
        found.extend(notes.taken());
        found
    }

    /// The documents of a file; none if it is gone meanwhile.
    async fn records(
        &self,
        (ordinal, mut item): (u64, SourceItem),
        (tether, fetcher): (Tether, &dyn Fetch),
    ) -> Result<Vec<Record>, Fault> {
        if let Some(fault) = item.fault.take() {
            return Err(fault);
        }
        let permit = self.budget.acquire(item.size.saturating_mul(UNREAD)).await;
        let Fetched::Content { body, mut fields, .. } = fetcher.fetch(&self.cx, &item).await? else {
            return Ok(Vec::new());
        };
        let mut record = Record::new(item.key.clone(), ordinal, Body::Empty, (permit, tether));
        record.fields = item.fields.clone();
        record.set_body(body);
        if !fields.is_empty() {
            Arc::make_mut(&mut record.fields).append(&mut fields);
        }
        Ok(match self.parse.run(&self.cx, &mut record).await? {
            Emitted::Keep => vec![record],
            Emitted::Drop => Vec::new(),
            Emitted::Replace(records) => records,
        })
    }
}

/// What is computed is so on all cores.
fn context(config: &Config) -> Result<Cx, Fault> {
    let pool = match config.limits.cores {
        0 => Pool::per_core(),
        cores => Pool::new(cores),
    };
    let pool = pool.map_err(|error| {
        Fault::new(FaultKind::Config, "this system refuses to start threads").cause(error)
    })?;
    Ok(Cx::new("plan".into(), Arc::new(pool), StopHandle::new().subscribe()))
}

/// Takes note of documents within a file that cannot be read.
#[derive(Default)]
struct Notes(Mutex<Found>);

impl Notes {
    fn taken(&self) -> Found {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Book for Notes {
    fn released(&self, _: UnitId) {}

    /// The fault of a whole file is told by whoever parses it.
    fn failed(&self, _: UnitId, _: &str, _: &Fault) {}

    fn part_failed(&self, _: UnitId, part: &Arc<str>, (_, fault): (&str, &Fault)) -> bool {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push((part.clone(), Err(fault.clone())));
        false
    }

    fn joined(&self, _: &[UnitId]) {}

    fn pended(&self, _: UnitId) {}
}
