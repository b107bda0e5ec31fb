//! The records that a plan looks at: all of them, or some that are spread evenly over the inputs.

use std::sync::Arc;

use tidegate_core::{Body, Compute, Cx, Fault, Fetched, Listing, Source, SourceItem};
use tidegate_engine::StopHandle;

use crate::config::Config;
use crate::services::Services;
use crate::source::Opened;

/// Items that are listed at once.
const LISTED: usize = 256;
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
}

impl Row {
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
    /// Records so far, those at fault among them.
    pub(super) seen: u64,
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
    /// Opens the inputs of a map job.
    ///
    /// # Errors
    /// Inputs that are not there.
    pub(super) fn new(config: &Config, services: &Arc<Services>) -> Result<Self, Fault> {
        let mut config = config.clone();
        if let Some(map) = &mut config.map {
            map.unordered = true; // in order, a job that asks nobody is read by the block
        }
        let source = Opened::new(&config, services, (None, true))?.source.whole();
        let cx = Cx::new("plan".into(), Arc::new(Here), StopHandle::new().subscribe());
        Ok(Self { source, cx, seen: 0 })
    }

    /// The next records, each as it is or with what is wrong with it; nothing at the end.
    ///
    /// # Errors
    /// A fault of the inputs as a whole.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Result<Row, (Row, Fault)>>>, Fault> {
        loop {
            match self.source.list(&self.cx, LISTED).await? {
                Listing::Items(items) => {
                    let mut rows = Vec::with_capacity(items.len());
                    for item in items {
                        rows.extend(self.row(item).await);
                    }
                    self.seen += rows.len() as u64;
                    return Ok(Some(rows));
                }
                Listing::End(_) => return Ok(None),
                Listing::Quiet | Listing::Covered(_) => {}
            }
        }
    }

    async fn row(&self, item: SourceItem) -> Option<Result<Row, (Row, Fault)>> {
        let number = |name: &str| item.fields.get(name).and_then(serde_json::Value::as_u64);
        let mut row = Row {
            key: item.key.clone(),
            place: number("line").zip(number("offset")),
            object: String::new(),
            alive: true,
            guessed: false,
            tokens: 0.0,
        };
        if let Some(fault) = item.fault {
            return Some(Err((row, fault)));
        }
        let body = match &item.body {
            Some(body) => body.clone(),
            None => match self.source.fetcher().fetch(&self.cx, &item).await {
                Ok(Fetched::Content { body, .. }) => body,
                Ok(Fetched::Unchanged | Fetched::Gone) => return None,
                Err(fault) => return Some(Err((row, fault))),
            },
        };
        row.object = text_of(&body);
        Some(Ok(row))
    }
}

fn text_of(body: &Body) -> String {
    body.as_text().unwrap_or_default().to_owned()
}

/// Every so many-th record, so many that they are spread evenly over all there are, however many that is: when there
/// are twice as many as wanted, every other one is let go.
pub(super) struct Sample {
    want: usize,
    every: u64,
    bytes: usize,
    rows: Vec<Row>,
}

impl Sample {
    /// At least `want` of them, if there are as many.
    pub(super) fn new(want: u64) -> Self {
        let want = usize::try_from(want).unwrap_or(usize::MAX).clamp(1, 1 << 24);
        Self { want, every: 1, bytes: 0, rows: Vec::new() }
    }

    /// Offers the record with this number, from 0, in the order of numbers.
    pub(super) fn offer(&mut self, number: u64, row: Row) {
        if !number.is_multiple_of(self.every) {
            return;
        }
        self.bytes += row.object.len();
        self.rows.push(row);
        while self.rows.len() >= self.want.saturating_mul(2) || (self.bytes > MOST && self.rows.len() > 1) {
            let mut keep = false;
            self.rows.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
            self.bytes = self.rows.iter().map(|row| row.object.len()).sum();
        }
    }

    /// Those that were kept.
    pub(super) fn rows(self) -> Vec<Row> {
        self.rows
    }
}

#[cfg(test)]
pub(super) fn row(object: &str) -> Row {
    let (key, object) = ("in.jsonl#L1".into(), object.to_owned());
    Row { key, place: None, object, alive: true, guessed: false, tokens: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_evenly_whatever_there_is() {
        for (want, all) in [(1, 1), (1, 1_000), (10, 7), (10, 19), (10, 20), (10, 100_001)] {
            let mut sample = Sample::new(want);
            (0..all).for_each(|n| sample.offer(n, row(&n.to_string())));
            let numbers: Vec<u64> = sample.rows().iter().map(|row| row.object.parse().unwrap()).collect();
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
        (0..300).for_each(|n| sample.offer(n, row(&"x".repeat(1 << 20))));
        let rows = sample.rows();
        assert!(rows.iter().map(|row| row.object.len()).sum::<usize>() <= MOST && rows.len() > 16);
    }
}
