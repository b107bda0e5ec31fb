//! The stages: a document becomes its texts, a text gets its vector, and an answer.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_call::{CallCx, Caller, Priority};
use tidegate_core::{
    Batch, Body, Codec, Cpu, Cx, Each, Embedded, Emit, Emitted, Fault, Grouping, Place, Record, TraceId,
};
use tidegate_model::{AnyChat, Chat, ChatParams, Text};

use super::books::{Asked, Books};
use super::codec::Embeds;
use super::journal::Shelf;
use super::texts::{hash, tokens};

/// Where a record keeps the answer to its text.
pub(crate) const ANSWER: &str = "answer";

fn text_of(record: &Record) -> String {
    record.body.as_text().unwrap_or_default().to_owned()
}

/// Makes one record of every text.
pub(crate) struct Split;

impl Cpu for Split {
    fn run(&self, _: &Cx, record: Record) -> Result<Emit, Fault> {
        let lines: Vec<String> = text_of(&record).split('\n').map(str::to_owned).collect();
        let one = move |(n, line): (usize, String)| {
            let mut one = record.child(Body::Text(line.clone().into()));
            let ordinal = u32::try_from(n).unwrap_or(u32::MAX);
            one.place = Some(Place { ordinal, heading: Arc::new([]), span: 0..1, page: None });
            one.tokens = tokens(&line);
            Ok(one)
        };
        Ok(Emit::Many(Box::new(lines.into_iter().enumerate().map(one))))
    }
}

/// Gets vectors.
pub(crate) struct Embed {
    pub(crate) caller: Arc<Caller<Embeds>>,
    pub(crate) grouping: Grouping,
    pub(crate) shelf: Shelf,
    pub(crate) books: Arc<Books>,
    pub(crate) lane: usize,
    pub(crate) life: u32,
}

#[async_trait]
impl Batch for Embed {
    fn grouping(&self) -> Grouping {
        self.grouping
    }

    async fn run(&self, cx: &Cx, records: &mut [Record]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let text = |record: &Record| Text::new(text_of(record), record.tokens);
        let texts: Vec<Text> = records.iter().map(text).collect();
        let trace = records.first().map_or(TraceId(0), |record| record.trace);
        let call = CallCx::new(Priority::Bulk, trace).stopping(cx.stop_signal());
        let begun = self.books.traffic.tick();
        let came = self.caller.call(&texts, &call).await;
        let hashes = texts.iter().map(|text| hash(&text.text)).collect();
        let over = self.books.traffic.tick();
        self.books.batch(Asked { lane: self.lane, life: self.life, texts: hashes, begun, over });
        let answers = came?;
        cx.note_wait(answers.told.waited);
        let mut done = Vec::with_capacity(records.len());
        for ((record, text), result) in records.iter_mut().zip(&texts).zip(answers.results) {
            done.push(result.map(|vector| {
                let key = self.caller.codec().key(text).expect("every text has a key");
                if !self.shelf.has(&key) {
                    self.books.violation(format!("{} was handed up before it was kept", text.text));
                }
                record.set_embedded(Embedded { vector, key });
            }));
        }
        Ok(done)
    }
}

/// What is asked about a text.
pub(crate) fn question(text: &str) -> Chat {
    let params = ChatParams { max_tokens: Some(64), ..ChatParams::default() };
    Chat::question(None, text, Arc::new(params))
}

/// Gets answers.
pub(crate) struct Ask {
    pub(crate) caller: Arc<Caller<AnyChat>>,
    pub(crate) shelf: Shelf,
    pub(crate) books: Arc<Books>,
}

#[async_trait]
impl Each for Ask {
    async fn run(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        let chat = question(&text_of(record));
        let call = CallCx::new(Priority::Bulk, record.trace).stopping(cx.stop_signal());
        let answers = self.caller.call(std::slice::from_ref(&chat), &call).await?;
        cx.note_wait(answers.told.waited);
        for result in answers.results {
            let completion = result?;
            let key = self.caller.codec().key(&chat).expect("every question has a key");
            if !self.shelf.has(&key) {
                self.books.violation(format!("{} was handed up before it was kept", text_of(record)));
            }
            let fields = Arc::make_mut(&mut record.fields);
            fields.insert(ANSWER.to_owned(), Value::from(completion.text.to_string()));
        }
        Ok(Emitted::Keep)
    }
}
