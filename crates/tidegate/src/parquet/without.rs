//! What a build without Parquet says of it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_connect::Committed;
use tidegate_core::{Cx, Fault, FaultKind, Fetch, Ledger, Listing, Position, Sink, Source, SourceItem};

use crate::config::{Config, Jsonl, JsonlSink};

fn unknown() -> Fault {
    Fault::new(FaultKind::Config, "this build of tidegate knows no Parquet")
        .hint("build it with `--features parquet`")
}

/// What stands in the place of rows: nothing, ever.
pub(crate) enum Rows {}

impl Rows {
    pub(crate) fn peek(self, _: usize) -> Result<Vec<SourceItem>, Fault> {
        match self {}
    }

    pub(crate) fn resume(&mut self, _: &Position) -> Result<(), Fault> {
        match *self {}
    }
}

#[async_trait]
impl Source for Rows {
    async fn list(&mut self, _: &Cx, _: usize) -> Result<Listing, Fault> {
        match *self {}
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        match *self {}
    }
}

pub(crate) fn open(_: &Jsonl, _: (&Config, bool)) -> Result<Rows, Fault> {
    Err(unknown())
}

pub(crate) fn open_sink(
    _: &Config,
    _: &JsonlSink,
    _: (Option<Committed>, Arc<dyn Ledger>),
    _: (bool, bool),
) -> Result<Box<dyn Sink>, Fault> {
    Err(unknown())
}

pub(crate) fn check_type(_: &str) -> Result<(), Fault> {
    Err(unknown())
}

pub(crate) fn holds(_: &Path, _: Committed) -> Result<bool, Fault> {
    Err(unknown())
}

pub(crate) fn is_empty(output: &Path) -> bool {
    !output.exists()
}

pub(crate) fn settled(_: &Path, _: &Path, _: Committed) -> Result<bool, Fault> {
    Err(unknown())
}

pub(crate) fn replace(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn remove(_: &Path) {}

pub(crate) fn taken(_: &Path) {}
