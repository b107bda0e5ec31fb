//! Lines of a block that a table has no place for: each is put aside by itself, and the others are written.

use tidegate_core::item::{Aside, Failure};
use tidegate_core::{Body, Fault, Record, Unit};

/// Lines of one block that are put aside one by one; what is beyond them is put aside together.
const ASIDES: u64 = 1_000;
/// The field of a block's record that says on which lines of its file those stood that are in it: how far each is behind
/// the one before it, the first behind the block's own.
const KEPT: &str = "kept";
/// The field that says how many of its lines a table had no place for.
const UNFIT: &str = "unfit";

/// What is put aside of a block.
#[derive(Default)]
pub struct UnfitLines {
    asides: Vec<Aside>,
    count: u64,
    /// The first and the last line beyond those that are put aside one by one, and what was wrong with the first.
    more: Option<(u64, u64, Fault)>,
    /// The numbers of the block's lines, once one is wanted.
    numbers: Option<Vec<u64>>,
}

impl UnfitLines {
    /// Notes that a line of `record` is at fault, the `nth` from 0, in `stage`.
    pub fn note(&mut self, record: &Record, nth: usize, (stage, fault): (&str, Fault)) {
        let numbers = self.numbers.get_or_insert_with(|| numbers_of(record));
        let number = numbers.get(nth).copied().unwrap_or(first_of(record) + nth as u64);
        self.count += 1;
        if self.count > ASIDES {
            let (first, first_fault) = match self.more.take() {
                Some((first, _, fault)) => (first, fault),
                None => (number, fault),
            };
            self.more = Some((first, number, first_fault));
            return;
        }
        let place = if record.fields.contains_key("row") { "row" } else { "the row of line" };
        let fault = fault.during(format!("writing {place} {number}"));
        self.put(record, &format!("L{number}"), (stage, fault));
    }

    fn put(&mut self, record: &Record, name: &str, (stage, fault): (&str, Fault)) {
        let file = record.key.rsplit_once('#').map_or(&*record.key, |(file, _)| file);
        let key = format!("{file}#{name}").into();
        let failure = Failure { stage: stage.into(), fault, exhibit: Body::Empty };
        self.asides.push(Aside { key, failure });
    }

    /// Puts what was noted into the unit that the block is, whose record then says how many lines those are.
    pub fn settle(mut self, unit: &mut Unit, stage: &str) {
        let told = |record: &&mut Record| record.fields.contains_key(UNFIT);
        // A commit that failed is made again with the same units.
        let Some(record) = unit.records.first_mut().filter(|record| self.count > 0 && !told(record)) else {
            return;
        };
        if let Some((first, last, fault)) = self.more.take() {
            let count = self.count - ASIDES;
            let fault =
                fault.during(format!("{count} rows between lines {first} and {last}, the first because of"));
            self.put(record, &format!("L{first}-L{last}"), (stage, fault));
        }
        std::sync::Arc::make_mut(&mut record.fields).insert(UNFIT.to_owned(), self.count.into());
        if let Some(item) = unit.items.first_mut() {
            item.asides.append(&mut self.asides);
        }
    }

    /// How many lines of a block were put aside by whoever wrote the others.
    #[must_use]
    pub fn count_of(record: &Record) -> u64 {
        record.fields.get(UNFIT).and_then(serde_json::Value::as_u64).unwrap_or(0)
    }

    /// Says in the record of a block on which lines those stood that are in it, in their order.
    pub fn tell(record: &mut Record, numbers: &[u64]) {
        let mut before = first_of(record);
        let mut text = String::with_capacity(2 * numbers.len());
        for number in numbers {
            text.push_str(&(number - before).to_string());
            text.push(' ');
            before = *number;
        }
        std::sync::Arc::make_mut(&mut record.fields).insert(KEPT.to_owned(), text.into());
    }
}

fn first_of(record: &Record) -> u64 {
    let number = |name: &str| record.fields.get(name).and_then(serde_json::Value::as_u64);
    number("line").or(number("row")).unwrap_or(0)
}

fn numbers_of(record: &Record) -> Vec<u64> {
    let kept = record.fields.get(KEPT).and_then(serde_json::Value::as_str).unwrap_or_default();
    let mut number = first_of(record);
    let steps = kept.split_ascii_whitespace().map(|step| step.parse::<u64>().unwrap_or(0));
    steps
        .map(|step| {
            number += step;
            number
        })
        .collect()
}
