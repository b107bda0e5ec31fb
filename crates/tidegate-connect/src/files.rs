//! Files and folders as a source.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::Stop;
use tidegate_core::{Cx, Fault, FaultKind, Fetch, Listing, Source, SourceItem};

use crate::fetch::FileFetch;
use crate::plan::{FilesOptions, FilesStats, Plan};
use crate::walk::{Step, Walk};

/// Names visited in one go on the compute pool, so that a stop is noticed in a folder with nothing to list.
const VISITS: usize = 4096;
/// Listing goes before other work: it is short, and everything waits for it.
pub(crate) const FIRST: u64 = 0;

/// Lists files below roots in a stable order, in memory bounded by the widest folder. Ends, and speaks for the
/// folders it was given.
pub struct Files {
    plan: Arc<Plan>,
    /// The walk; away while a step of it runs on the compute pool.
    walk: Option<Walk>,
}

impl Files {
    /// Resolves the paths and compiles the globs.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a path that does not exist, with the nearest that does, and for a bad glob.
    pub fn open(paths: &[PathBuf], options: FilesOptions) -> Result<Self, Fault> {
        let plan = Arc::new(Plan::new(paths, options)?);
        Ok(Self { walk: Some(Walk::new(plan.clone())), plan })
    }

    /// What was passed over so far.
    #[must_use]
    pub fn stats(&self) -> Arc<FilesStats> {
        self.plan.stats.clone()
    }
}

/// Walks on until there are `max` items, the end is reached, or enough names were visited.
pub(crate) fn gather(walk: &mut Walk, max: usize) -> (Vec<SourceItem>, bool) {
    let mut items = Vec::new();
    for _ in 0..VISITS {
        match walk.step() {
            Step::Item(item) => items.push(item),
            Step::Passed => {}
            Step::End => return (items, true),
        }
        if items.len() >= max {
            break;
        }
    }
    (items, false)
}

/// Like [`gather`], on the compute pool. The walk is put back unless the run is being torn down.
pub(crate) async fn gather_on(
    cx: &Cx,
    place: &mut Option<Walk>,
    max: usize,
) -> Result<(Vec<SourceItem>, bool), Fault> {
    let mut walk = place.take().ok_or_else(|| {
        Fault::new(FaultKind::Internal, "the listing was lost when an earlier step of it failed")
            .hint("run again; what is done is kept")
    })?;
    let (walk, gathered) = cx
        .compute(FIRST, move || {
            let gathered = gather(&mut walk, max);
            (walk, gathered)
        })
        .await?;
    *place = Some(walk);
    Ok(gathered)
}

#[async_trait]
impl Source for Files {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        while cx.stop() == Stop::Go {
            let (items, ended) = gather_on(cx, &mut self.walk, max.max(1)).await?;
            if !items.is_empty() {
                return Ok(Listing::Items(items));
            }
            if ended {
                let unknown = self.walk.as_ref().map(|walk| walk.unknown.clone()).unwrap_or_default();
                return Ok(Listing::End(Some(self.plan.coverage(unknown))));
            }
        }
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(FileFetch::new(self.plan.clone()))
    }
}
