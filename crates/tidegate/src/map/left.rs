//! What a retry of some rows leaves alone: the others that the job put aside.
//!
//! They are put aside again without being tried, so that all rows are accounted for and none of them is passed over by
//! a run that goes on; then their old entries take the place of the new ones. To leave them out of what is listed was
//! refused: rows at the end of the input would be tried by the next run.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{Cx, Fault, FaultKind, Fetch, Listing, Source, SourceItem};
use tidegate_store::{PipelineLedger, RetrySelection, Store};

/// The name under which a retry remembers what it leaves alone.
pub(crate) const LEFT: &str = "left";

/// Keys of rows and documents that are not tried.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left(BTreeSet<String>);

impl Left {
    /// What `pipeline` put aside and `retry` does not select.
    ///
    /// # Errors
    /// Storage faults.
    pub(crate) fn of(store: &Store, pipeline: &str, retry: &RetrySelection) -> Result<Self, Fault> {
        if *retry == RetrySelection::All {
            return Ok(Self::default());
        }
        let aside = store.quarantine_list()?.into_iter().filter(|item| item.pipeline == pipeline);
        let left = aside.filter(|item| !retry.selects(&item.source, &item.class));
        Ok(Self(left.map(|item| item.source).collect()))
    }

    /// What the retry called `pipeline` left alone; nothing, if it was no such retry.
    ///
    /// # Errors
    /// Storage faults.
    pub(crate) fn remembered(store: &Store, pipeline: &str) -> Result<Self, Fault> {
        let mut settings = store.settings()?.into_iter();
        let found = settings.find(|one| one.pipeline == pipeline && one.name == LEFT);
        Ok(Self(found.and_then(|one| serde_json::from_str(&one.value).ok()).unwrap_or_default()))
    }

    /// Remembers it in the account of the retry, which goes with that.
    ///
    /// # Errors
    /// Storage faults.
    pub(crate) async fn remember(&self, ledger: &PipelineLedger) -> Result<(), Fault> {
        let keys = serde_json::to_string(&self.0)
            .map_err(|error| Fault::new(FaultKind::Internal, "keys are no JSON").cause(error))?;
        ledger.remember_settings(LEFT, &keys).await
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn keys(&self) -> &BTreeSet<String> {
        &self.0
    }

    /// Under which key an item was put aside that is not tried. A line whose id could not be read is known by its number,
    /// and still meant when it has been mended.
    fn key_of(&self, item: &SourceItem) -> Option<Arc<str>> {
        if self.0.contains(&*item.key) {
            return Some(item.key.clone());
        }
        let (file, _) = item.key.split_once('#')?;
        let key = format!("{file}#:L{}", item.fields.get("line")?.as_u64()?);
        self.0.contains(&key).then(|| key.into())
    }

    /// Why the document called `key` is not tried, if it is not.
    pub(crate) fn fault(&self, key: &str) -> Option<Fault> {
        self.0.contains(key).then(untried)
    }

    /// The numbers of the lines among them, by file.
    pub(crate) fn lines(&self) -> HashMap<String, HashSet<u64>> {
        let mut lines: HashMap<String, HashSet<u64>> = HashMap::new();
        for key in &self.0 {
            let line = key.rsplit_once("#L").and_then(|(file, line)| Some((file, line.parse().ok()?)));
            if let Some((file, line)) = line {
                lines.entry(file.to_owned()).or_default().insert(line);
            }
        }
        lines
    }
}

/// Why a row is put aside that was not tried.
pub(crate) fn untried() -> Fault {
    Fault::new(FaultKind::Validation, "it was put aside before, and is not among those that are tried now")
}

/// A source of which some items are not tried.
pub(crate) struct Trying {
    pub(crate) source: Box<dyn Source>,
    pub(crate) left: Arc<Left>,
}

#[async_trait]
impl Source for Trying {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        let mut listing = self.source.list(cx, max).await?;
        if let Listing::Items(items) = &mut listing {
            for item in items {
                if let Some(key) = self.left.key_of(item) {
                    (item.key, item.fault) = (key, Some(untried()));
                }
            }
        }
        Ok(listing)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        self.source.fetcher()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_by_file_and_number() {
        let keys = ["a.jsonl#L7", "a.jsonl#L9", "b#L1", "b#L2000-L3000", "b#id", "c#Lx", "#L"];
        let left = Left(keys.map(str::to_owned).into());
        let lines = left.lines();
        assert_eq!((lines.len(), &lines["a.jsonl"], &lines["b"]), (2, &[7, 9].into(), &[1].into()));
        assert!(left.fault("b#id").is_some() && left.fault("a.jsonl#L8").is_none());
    }
}
