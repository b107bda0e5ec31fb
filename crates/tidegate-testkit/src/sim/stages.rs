//! The stages between: one line becomes one chunk, some are dropped, some refused, some cost money.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tidegate_core::{
    Batch, Body, ContentHash, Cpu, Cx, Each, Embedded, Emit, Emitted, Fault, FaultKind, Grouping, Place,
    Record, Stop,
};

use super::expect::tag;
use super::gauge::{Sim, planned_panic};
use super::plan::Target;

fn text_of(record: &Record) -> String {
    record.body.as_text().unwrap_or_default().to_owned()
}

/// Makes one chunk of every line.
pub(crate) struct Split(pub(crate) Arc<Sim>);

impl Cpu for Split {
    fn run(&self, _cx: &Cx, record: Record) -> Result<Emit, Fault> {
        let text = text_of(&record);
        let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let first = lines.first().map_or('w', |line| tag(line));
        if first == 'q' {
            self.0.tally("split panic");
            planned_panic("split");
        }
        let kept = lines.iter().filter(|line| tag(line) != 'd').count();
        if kept < lines.len() {
            self.0.tally("split drop");
        }
        if kept == 0 {
            return Ok(Emit::None);
        }
        let sim = self.0.clone();
        let mut made = 0;
        let chunks = lines.into_iter().filter(|line| tag(line) != 'd').map(move |line| {
            let chunk = chunk(&sim, &record, (&line, made));
            made += 1;
            chunk
        });
        if kept == 1 {
            return chunks.into_iter().next().unwrap_or_else(|| planned_panic("no chunk")).map(Emit::One);
        }
        Ok(Emit::Many(Box::new(chunks)))
    }
}

fn chunk(sim: &Sim, record: &Record, (line, ordinal): (&str, u32)) -> Result<Record, Fault> {
    match tag(line) {
        'q' => {
            sim.tally("split panic");
            planned_panic("split, later")
        }
        'x' => {
            sim.tally("split error");
            return Err(Fault::new(FaultKind::Malformed, "sim: not splittable"));
        }
        _ => {}
    }
    let mut chunk = record.child(Body::Text(line.into()));
    chunk.place = Some(Place { ordinal, heading: Arc::new([]), span: 0..line.len() as u64, page: None });
    chunk.tokens = 1 + line.len() as u32 / 200;
    Ok(chunk)
}

/// Looks at each chunk.
pub(crate) struct Look(pub(crate) Arc<Sim>);

#[async_trait]
impl Each for Look {
    async fn run(&self, _cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        let _call = self.0.begin(&self.0.eaching, ("each", self.0.plan.each.unwrap_or(0)));
        self.0.nap().await;
        let outage = self.0.outage(Target::Each, "each outage");
        self.0.answered("each", outage.is_none());
        if let Some(fault) = outage {
            return Err(fault);
        }
        match record.body.as_text().map_or('w', tag) {
            'e' => {
                self.0.tally("each error");
                Err(Fault::new(FaultKind::Validation, "sim: not valid"))
            }
            'E' => {
                self.0.tally("each panic");
                planned_panic("each")
            }
            'D' => {
                self.0.tally("each drop");
                Ok(Emitted::Drop)
            }
            _ => Ok(Emitted::Keep),
        }
    }
}

/// Makes the body of a window: a line per member, with its key in front.
pub(crate) fn merge(sim: &Sim, members: &[Record]) -> Result<Body, Fault> {
    // Unless it must be closed early: for want of memory, or because it lingered.
    let patient = sim.plan.window == Some(None) && sim.plan.options.memory >= 1 << 20;
    if members.len() < 3 && patient && sim.stop.level() >= Stop::Drain {
        sim.violation("a drain closed a window early".to_owned());
    }
    if members.len() > 3 {
        sim.violation(format!("a window of {} members; three are allowed", members.len()));
    }
    let mut last = None;
    for member in members {
        let now = (member.ordinal, member.place.as_ref().map_or(0, |place| place.ordinal));
        if last.is_some_and(|last| last >= now) {
            sim.violation(format!("a window has {} out of order", member.key));
        }
        last = Some(now);
    }
    sim.tally("window merged");
    let lines: Vec<String> =
        members.iter().map(|member| format!("{}|{}", text_of(member), member.key)).collect();
    Ok(Body::Text(lines.join("\n").into()))
}

/// What a text's vector is.
pub(crate) fn vector_of(text: &str) -> f32 {
    f32::from(u16::from_le_bytes([
        ContentHash::of(text.as_bytes()).0[0],
        ContentHash::of(text.as_bytes()).0[1],
    ]))
}

/// Embeds groups of texts for money; what was paid for is journalled.
pub(crate) struct Embed {
    pub(crate) sim: Arc<Sim>,
    /// Texts being paid for now: a call for one of them waits for nothing and pays nothing.
    pub(crate) paying: Arc<Mutex<BTreeSet<String>>>,
}

/// Texts that are being paid for. Dropped before it is kept, the money is lost.
struct Payment {
    sim: Arc<Sim>,
    paying: Arc<Mutex<BTreeSet<String>>>,
    texts: BTreeSet<String>,
    kept: bool,
}

impl Drop for Payment {
    fn drop(&mut self) {
        let mut paying = self.paying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lasting = self.sim.lasting();
        for text in &self.texts {
            paying.remove(text);
            if self.kept {
                lasting.durable.journal.insert(text.clone());
            } else {
                *lasting.durable.interrupted.entry(text.clone()).or_default() += 1;
                lasting.durable.run.interrupted += 1;
            }
        }
    }
}

impl Embed {
    fn pay(&self, records: &[Record]) -> Payment {
        let mut paying = self.paying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lasting = self.sim.lasting();
        let mut texts = BTreeSet::new();
        for text in records.iter().map(text_of) {
            if !refuses(&text) && !lasting.durable.journal.contains(&text) && paying.insert(text.clone()) {
                *lasting.durable.payments.entry(text.clone()).or_default() += 1;
                texts.insert(text);
            }
        }
        Payment { sim: self.sim.clone(), paying: self.paying.clone(), texts, kept: false }
    }

    fn check_group(&self, records: &[Record]) {
        let (_, grouping) = self.sim.plan.embed.unwrap_or((0, Grouping::default()));
        let bytes: u64 = records.iter().map(Record::weight).sum();
        let tokens: u64 = records.iter().map(|record| u64::from(record.tokens)).sum();
        let over = (grouping.items > 0 && records.len() > grouping.items)
            || (grouping.bytes > 0 && bytes > grouping.bytes)
            || (grouping.tokens > 0 && tokens > grouping.tokens);
        if records.is_empty() || (over && records.len() > 1) {
            self.sim.violation(format!(
                "a group of {} records, {bytes} bytes, {tokens} tokens exceeds {grouping:?}",
                records.len()
            ));
        }
    }
}

fn has(text: &str, what: char) -> bool {
    text.split('\n').any(|line| tag(line) == what)
}

fn refuses(text: &str) -> bool {
    has(text, 'r') || has(text, 'R') || has(text, 'P')
}

#[async_trait]
impl Batch for Embed {
    fn grouping(&self) -> Grouping {
        self.sim.plan.embed.map_or_else(Grouping::default, |(_, grouping)| grouping)
    }

    async fn run(&self, _cx: &Cx, records: &mut [Record]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let width = self.sim.plan.embed.map_or(0, |(width, _)| width);
        let _call = self.sim.begin(&self.sim.embedding, ("embed", width));
        self.check_group(records);
        let outage = self.sim.outage(Target::Embed, "embed outage");
        if let Some(fault) = outage {
            self.sim.nap().await;
            self.sim.answered("embed", false);
            return Err(fault);
        }
        if records.iter().any(|record| has(&text_of(record), 'P')) {
            self.sim.answered("embed", true);
            self.sim.tally("embed panic");
            planned_panic("embed");
        }
        if records.iter().any(|record| has(&text_of(record), 'R')) {
            self.sim.tally("embed batch refusal");
            self.sim.nap().await;
            self.sim.answered("embed", true);
            return Err(Fault::new(FaultKind::Refused, "sim: one of these"));
        }
        let mut payment = self.pay(records);
        self.sim.nap().await;
        self.sim.answered("embed", true);
        payment.kept = true;
        drop(payment);
        Ok(records.iter_mut().map(|record| self.answer(record)).collect())
    }
}

impl Embed {
    fn answer(&self, record: &mut Record) -> Result<(), Fault> {
        let text = text_of(record);
        if has(&text, 'r') {
            self.sim.tally("embed refusal");
            return Err(Fault::new(FaultKind::Refused, "sim: this one"));
        }
        let vector = Arc::new([vector_of(&text)]);
        record.set_embedded(Embedded { vector, key: ContentHash::of(text.as_bytes()) });
        Ok(())
    }
}
