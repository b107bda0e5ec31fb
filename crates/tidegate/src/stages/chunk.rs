//! A document becomes chunks.

use std::sync::Arc;

use tidegate_core::{Body, Cpu, Cx, Document, Emit, Fault, FaultKind, Record, Tokenizer};
use tidegate_text::{ChunkOptions, ChunkPlan};

/// Cuts documents along their structure, measured by the tokenizer of whatever embeds the chunks.
pub struct ChunkStage {
    tokenizer: Arc<dyn Tokenizer>,
    options: ChunkOptions,
}

impl ChunkStage {
    /// A stage that measures with `tokenizer`.
    #[must_use]
    pub fn new(tokenizer: Arc<dyn Tokenizer>, options: ChunkOptions) -> Self {
        Self { tokenizer, options }
    }
}

impl Cpu for ChunkStage {
    fn run(&self, _: &Cx, record: Record) -> Result<Emit, Fault> {
        let Body::Document(document) = &record.body else {
            return Err(Fault::new(FaultKind::Internal, "what reached the chunker is not a document"));
        };
        let document = document.clone();
        // Planned and copied one by one, as there is room: a document of tiny sections has more to plan than text.
        let plans = tidegate_text::chunk_shared(document.clone(), self.tokenizer.clone(), &self.options);
        Ok(Emit::Many(Box::new(plans.map(move |plan| cut(&record, &document, plan)))))
    }
}

fn cut(parent: &Record, document: &Document, plan: ChunkPlan) -> Result<Record, Fault> {
    let span = plan.place.span.start as usize..plan.place.span.end as usize;
    let text = document.text.get(span).ok_or_else(|| {
        Fault::new(FaultKind::Internal, format!("chunk {:?} is not within its document", plan.place.span))
    })?;
    let mut chunk = parent.child(Body::Text(text.into()));
    chunk.tokens = plan.tokens;
    chunk.place = Some(plan.place);
    Ok(chunk)
}
