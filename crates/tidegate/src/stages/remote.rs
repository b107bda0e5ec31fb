//! Chunks get their vectors from a model of a provider. Everything that can go wrong on the way is the call layer's:
//! what was paid for is found again, what is refused is halved until the culprit is alone, an outage is waited out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_call::{CallCx, Priority};
use tidegate_core::{Batch, Cx, Embedded, Fault, Grouping, Record, TraceId};
use tidegate_model::Text;

use super::embed::{EmbedCounts, text_of};
use crate::config::EMBED;
use crate::services::RemoteEmbedding;
use crate::tape::{Deck, Question, Vectors};

/// Embeds with a model of a provider.
pub(crate) struct RemoteEmbedStage {
    model: Arc<RemoteEmbedding>,
    counts: Arc<EmbedCounts>,
    batch: usize,
    /// What records the vectors, or has them.
    deck: Option<Arc<Deck>>,
}

impl RemoteEmbedStage {
    /// A stage that asks for up to `batch` texts at once, and never for more than the provider takes; `deck` records
    /// what it is answered, or has it.
    pub(crate) fn new(model: Arc<RemoteEmbedding>, batch: usize, deck: Option<Arc<Deck>>) -> Self {
        Self { model, counts: Arc::default(), batch: batch.max(1), deck }
    }

    /// What it did, readable while it runs.
    pub(crate) fn counts(&self) -> Arc<EmbedCounts> {
        self.counts.clone()
    }

    fn text(&self, record: &Record) -> Result<Text, Fault> {
        let text = text_of(record)?;
        // The heading that goes before a chunk is no part of its count; a chunk that begins with its heading is not
        // given it twice, and may even be shorter.
        let heading = text.len().saturating_sub(record.body.as_text().map_or(0, str::len));
        let tokens = record.tokens.saturating_add(u32::try_from(heading / 3).unwrap_or(u32::MAX));
        Ok(Text::new(text, tokens))
    }
}

#[async_trait]
impl Batch for RemoteEmbedStage {
    fn grouping(&self) -> Grouping {
        let shape = self.model.shape();
        let items = if shape.items == 0 { self.batch } else { self.batch.min(shape.items) };
        let bytes = if shape.bytes == 0 { 4 << 20 } else { shape.bytes };
        Grouping { items, bytes, tokens: shape.tokens, linger: Duration::from_millis(20) }
    }

    async fn run(&self, cx: &Cx, records: &mut [Record]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let texts = records.iter().map(|record| self.text(record)).collect::<Result<Vec<Text>, Fault>>()?;
        let vectors = match &self.deck {
            Some(deck) => self.taped(deck, cx, (records, &texts)).await?,
            None => self.ask(cx, (records, &texts)).await?,
        };
        let mut done = Vec::with_capacity(records.len());
        for ((record, text), result) in records.iter_mut().zip(&texts).zip(vectors) {
            done.push(match result {
                Ok(vector) => {
                    record.set_embedded(Embedded { vector, key: self.model.key(text)? });
                    Ok(())
                }
                Err(fault) => Err(fault),
            });
        }
        Ok(done)
    }
}

impl RemoteEmbedStage {
    async fn ask(&self, cx: &Cx, (records, texts): (&[Record], &[Text])) -> Result<Vectors, Fault> {
        let trace = records.first().map_or(TraceId(0), |record| record.trace);
        let call = CallCx::new(Priority::Bulk, trace).stopping(cx.stop_signal());
        let answers = self.model.embed(texts, &call).await?;
        cx.note_wait(answers.told.waited);
        let known = answers.told.from_journal + answers.told.shared;
        self.counts.from_journal.add(known);
        self.counts.tokens.add(answers.told.usage.input_tokens);
        let answered = answers.results.iter().filter(|result| result.is_ok()).count() as u64;
        self.counts.texts.add(answered.saturating_sub(known));
        Ok(answers.results)
    }

    /// The same from what was recorded, or recorded.
    async fn taped(
        &self,
        deck: &Deck,
        cx: &Cx,
        (records, texts): (&[Record], &[Text]),
    ) -> Result<Vectors, Fault> {
        let keys = texts.iter().map(|text| self.model.key(text)).collect::<Result<Vec<_>, Fault>>()?;
        let asked = records.iter().zip(texts).zip(keys);
        let questions: Vec<Question<'_>> =
            asked.map(|((record, text), key)| Question::new(EMBED, record, (&text.text, key))).collect();
        if let Some(played) = deck.vectors(&questions)? {
            self.counts.from_journal.add(played.iter().filter(|vector| vector.is_ok()).count() as u64);
            return Ok(played);
        }
        let vectors = self.ask(cx, (records, texts)).await?;
        questions.iter().zip(&vectors).try_for_each(|(question, vector)| deck.record(question, vector))?;
        Ok(vectors)
    }
}
