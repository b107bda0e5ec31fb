//! A program of the user's own works on each record: what it writes becomes fields, text, title or context.
//!
//! Of a document it may change all of these but the context, which chunks have. Of a chunk it may change what an enrich
//! stage may: its context while it is not embedded, and fields where the output keeps them by chunk. What it changes in
//! vain ends the run, because the place of the stage is at fault and no record is. To pass over it was refused: an
//! answer that is thrown away would look like one that was kept.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{Body, Cx, Document, Each, Emitted, Fault, FaultKind, Record};
use tidegate_sandbox::{Program, Workers};
use tidegate_text::ParseOptions;

use super::context::Context;
use super::told::Told;
use super::values::{LONG, Sight, change_fields};
use super::when::When;
use crate::config::{Config, OwnProgram};
use crate::map::{self, Lines};

/// Hands each record to a program.
pub(crate) struct ProgramStage {
    name: String,
    when: When,
    workers: Workers<Lines>,
    place: Standing,
    options: ParseOptions,
}

/// Where a program stands, which decides what it may change.
pub(crate) struct Standing {
    /// Whether records are chunks there.
    pub(crate) chunks: bool,
    /// What puts a context before a chunk, where that is embedded with it.
    pub(crate) context: Option<Context>,
    /// Whether fields of records are kept.
    pub(crate) fields: bool,
}

impl ProgramStage {
    /// What `settings` say; `name` is the stage's. The program is started by way of `launcher`, and texts that it writes
    /// are read with `options`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a program that is not there, an expression that does not compile.
    pub(crate) fn new(
        config: &Config,
        (name, settings): (&str, &OwnProgram),
        launcher: Option<&Program>,
        (place, options): (Standing, ParseOptions),
    ) -> Result<Self, Fault> {
        Ok(Self {
            name: name.to_owned(),
            when: When::new(name, settings.when.as_deref())?,
            workers: map::workers(config, &settings.program(), launcher)?,
            place,
            options,
        })
    }

    /// Records that it should be given at once.
    pub(crate) fn width(&self) -> usize {
        self.workers.width()
    }

    /// What the program changes of `record`; nothing if it leaves it out.
    async fn ask(&self, cx: &Cx, record: &Record) -> Result<Option<Told>, Fault> {
        let sight = Sight::of(record);
        let object = match sight.is_long() {
            true => cx.compute(record.ordinal, move || sight.object(true)).await??,
            false => sight.object(true)?,
        };
        let object: Arc<str> = object.into();
        let Some(answer) = self.workers.ask(object.clone()).await? else { return Ok(None) };
        let told = match object.len().max(answer.len()) > LONG {
            true => cx.compute(record.ordinal, move || Told::read(&answer, &object)).await?,
            false => Told::read(&answer, &object),
        };
        told.map(Some)
    }

    async fn put(&self, cx: &Cx, record: &mut Record, told: Told) -> Result<(), Fault> {
        self.place.allows(&told)?;
        let Told { text, title, context, fields } = told;
        if let Some(text) = text {
            self.replace(cx, record, text).await?;
        }
        if title.is_some() || !fields.is_empty() {
            change_fields(record, |own| {
                own.extend(fields);
                own.extend(title.map(|title| ("title".to_owned(), title.into())));
            });
        }
        if let (Some(text), Some(context)) = (context, &self.place.context) {
            context.put(record, &text);
        }
        Ok(())
    }

    /// Gives a record another text. Where headings stand in it is seen as in Markdown, which plain text is too.
    async fn replace(&self, cx: &Cx, record: &mut Record, text: String) -> Result<(), Fault> {
        if text.trim().is_empty() {
            let fault = Fault::new(FaultKind::Empty, "the program left no text");
            return Err(fault.hint("to leave a record out, answer with \"_skip\": true"));
        }
        let Body::Document(old) = &record.body else {
            record.set_body(Body::Text(text.into()));
            return Ok(());
        };
        let (old, options) = (old.clone(), self.options.clone());
        let read = move || tidegate_text::parse("document.md", text.as_bytes(), &options);
        let Document { text, blocks, .. } = cx.compute(record.ordinal, read).await??;
        // Where pages began in the old text says nothing of the new.
        let document = Document { text, blocks, title: old.title.clone(), ..Document::default() };
        record.set_body(Body::Document(Arc::new(document)));
        Ok(())
    }
}

impl Standing {
    fn allows(&self, told: &Told) -> Result<(), Fault> {
        let refuse = |what: &str, hint: &str| Err(Fault::new(FaultKind::Config, what).hint(hint));
        if self.chunks && (told.text.is_some() || told.title.is_some()) {
            let what = if told.text.is_some() { "text" } else { "title" };
            let what = format!("the program changes the {what} of chunks, which is their document's");
            return refuse(&what, "put the stage before chunk, or answer with `context`");
        }
        if told.context.is_some() && self.context.is_none() {
            let what = "the program answers with context, which is embedded with its chunk";
            return refuse(what, "put the stage between chunk and embed");
        }
        match told.fields.keys().next() {
            Some(field) if !self.fields => {
                let what =
                    format!("the program sets {field} of chunks, and the store keeps fields by document");
                refuse(&what, "put the stage before chunk, or write to a sink of type jsonl or webhook")
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Each for ProgramStage {
    async fn run(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        if !self.when.holds(cx, record).await? {
            return Ok(Emitted::Keep);
        }
        let Some(told) = self.ask(cx, record).await? else {
            tracing::info!(source = %record.key, stage = self.name, "dropped");
            return Ok(Emitted::Drop);
        };
        self.put(cx, record, told).await?;
        Ok(Emitted::Keep)
    }
}
