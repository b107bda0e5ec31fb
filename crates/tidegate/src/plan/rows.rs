//! The records that a plan looks at: all of them, or those of some items that are spread evenly over the inputs.

use std::sync::Arc;

use tidegate_core::{Body, Compute, Cx, Fault, Listing, Replies, Source, SourceItem};
use tidegate_engine::StopHandle;
use tidegate_sandbox::Program;

use crate::config::{self, Config};
use crate::map::Parsed;
use crate::services::Services;
use crate::source::Opened;

/// Items that are listed at once.
const LISTED: usize = 256;
/// The same of documents, whose texts may be long.
const DOCUMENTS: usize = 32;
/// Bytes of records that are held for a sample; beyond them it is thinned out.
const MOST: usize = 64 << 20;

/// A record as a plan sees it.
pub(super) struct Row {
    pub(super) key: Arc<str>,
    /// Where it stands in its file: line and byte.
    pub(super) place: Option<(u64, u64)>,
    /// The object, as text.
    pub(super) object: String,
    /// Whether it is still on its way.
    pub(super) alive: bool,
    /// Whether an answer in it is made up.
    pub(super) guessed: bool,
    /// Tokens that are sent for it.
    pub(super) tokens: f64,
    /// The number of the item that it is from: an archive holds several documents.
    pub(super) item: u64,
}

/// A record, or what is wrong with it.
pub(super) type Read = Result<Row, (Row, Fault)>;

impl Row {
    fn new(key: Arc<str>, item: u64) -> Self {
        Self { key, place: None, object: String::new(), alive: true, guessed: false, tokens: 0.0, item }
    }

    /// Goes on as another object, or goes no further; how many were left out by that.
    pub(super) fn becomes(&mut self, object: Option<String>) -> u64 {
        match object {
            Some(object) => self.object = object,
            None => self.alive = false,
        }
        u64::from(!self.alive)
    }

    /// Says of a fault where the record stands.
    pub(super) fn placed(&self, fault: Fault) -> Fault {
        match self.place {
            Some((line, offset)) => fault.during(format!("line {line} at byte {offset}")),
            None => fault,
        }
    }
}

/// Reads records one after another.
pub(super) struct Reading {
    source: Box<dyn Source>,
    cx: Cx,
    /// What makes records of documents, where these are read.
    documents: Option<Parsed>,
    /// Items so far, those at fault among them.
    pub(super) seen: u64,
    /// Items that were read.
    read: u64,
}

/// Works where it is called: a plan has nothing else to do meanwhile.
struct Here;

impl Compute for Here {
    fn submit(&self, _: u64, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    fn width(&self) -> usize {
        1
    }
}

impl Reading {
    /// Opens the inputs of a map job. Documents are parsed by `parser`, and what services read of them is taken from
    /// `journal`.
    ///
    /// # Errors
    /// Inputs that are not there.
    pub(super) fn new(
        config: &Config,
        (services, journal): (&Arc<Services>, &Arc<dyn Replies>),
        parser: Option<&Program>,
    ) -> Result<Self, Fault> {
        let mut config = config.clone();
        if let Some(map) = &mut config.map {
            map.unordered = true; // in order, a job that asks nobody is read by the block
        }
        let source = Opened::new(&config, services, (None, true))?.source.whole();
        let cx = Cx::new("plan".into(), Arc::new(Here), StopHandle::new().subscribe());
        let documents = match &config.source {
            config::Source::Files(files) => Some(Parsed::new((&config, files), (services, journal), parser)?),
            _ => None,
        };
        Ok(Self { source, cx, documents, seen: 0, read: 0 })
    }

    /// The next items; nothing at the end.
    ///
    /// # Errors
    /// A fault of the inputs as a whole.
    pub(super) async fn list(&mut self) -> Result<Option<Vec<SourceItem>>, Fault> {
        let most = if self.documents.is_some() { DOCUMENTS } else { LISTED };
        loop {
            match self.source.list(&self.cx, most).await? {
                Listing::Items(items) => {
                    self.seen += items.len() as u64;
                    return Ok(Some(items));
                }
                Listing::End(_) => return Ok(None),
                Listing::Quiet | Listing::Covered(_) => {}
            }
        }
    }

    /// The records of items, each as it is or with what is wrong with it.
    pub(super) async fn read(&mut self, items: Vec<SourceItem>) -> Vec<Read> {
        let first = self.read;
        self.read += items.len() as u64;
        let Some(documents) = &self.documents else {
            return items.into_iter().zip(first..).map(|(item, number)| of_row(item, number)).collect();
        };
        let found = documents.of_all(items, &*self.source.fetcher()).await;
        let read = found.into_iter().zip(first..).flat_map(|(found, number)| {
            found.into_iter().map(move |(key, object)| {
                let row = Row::new(key, number);
                match object {
                    Ok(object) => Ok(Row { object, ..row }),
                    Err(fault) => Err((row, fault)),
                }
            })
        });
        read.collect()
    }

    /// What is wrong with an item, where its listing knows.
    pub(super) fn at_fault(item: &mut SourceItem) -> Option<(Row, Fault)> {
        item.fault.take().map(|fault| (Row::new(item.key.clone(), 0), fault))
    }
}

/// A row, which its listing has read.
fn of_row(mut item: SourceItem, number: u64) -> Read {
    if let Some(faulty) = Reading::at_fault(&mut item) {
        return Err(faulty);
    }
    let place = |name: &str| item.fields.get(name).and_then(serde_json::Value::as_u64);
    let object = item.body.as_ref().and_then(Body::as_text).unwrap_or_default().to_owned();
    Ok(Row { place: place("line").zip(place("offset")), object, ..Row::new(item.key.clone(), number) })
}

/// Every so many-th item, so many that they are spread evenly over all there are, however many that is: when there are
/// twice as many as wanted, every other one is let go.
pub(super) struct Sample<T> {
    want: usize,
    every: u64,
    bytes: usize,
    /// With the bytes that they hold.
    items: Vec<(usize, T)>,
}

impl<T> Sample<T> {
    /// At least `want` of them, if there are as many.
    pub(super) fn new(want: u64) -> Self {
        let want = usize::try_from(want).unwrap_or(usize::MAX).clamp(1, 1 << 24);
        Self { want, every: 1, bytes: 0, items: Vec::new() }
    }

    /// Offers the item with this number, from 0, in the order of numbers, which holds so many bytes.
    pub(super) fn offer(&mut self, number: u64, (bytes, item): (usize, T)) {
        if !number.is_multiple_of(self.every) {
            return;
        }
        self.bytes += bytes;
        self.items.push((bytes, item));
        while self.items.len() >= self.want.saturating_mul(2) || (self.bytes > MOST && self.items.len() > 1) {
            let mut keep = false;
            self.items.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
            self.bytes = self.items.iter().map(|(bytes, _)| bytes).sum();
        }
    }

    /// Those that were kept.
    pub(super) fn items(self) -> Vec<T> {
        self.items.into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_evenly_whatever_there_is() {
        for (want, all) in [(1, 1), (1, 1_000), (10, 7), (10, 19), (10, 20), (10, 100_001)] {
            let mut sample = Sample::new(want);
            (0..all).for_each(|n| sample.offer(n, (1, n)));
            let numbers: Vec<u64> = sample.items();
            let most = (2 * want).min(all);
            assert!((want.min(all)..=most).contains(&(numbers.len() as u64)), "{want} of {all}: {numbers:?}");
            let gaps: Vec<u64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.windows(2).all(|pair| pair[0] == pair[1]), "{gaps:?}");
            assert_eq!(numbers[0], 0);
        }
    }

    #[test]
    fn a_sample_holds_no_more_than_it_may() {
        let mut sample = Sample::new(1_000);
        (0..300).for_each(|n| sample.offer(n, (1 << 20, n)));
        let kept = sample.items().len();
        assert!(kept << 20 <= MOST && kept > 16, "{kept}");
    }
}
