//! Files become documents: texts in this process, everything else in children that may be killed.
//!
//! The stage waits for children without holding a thread of the compute pool: while some files hang until their time is
//! over, texts go on. A stage of CPU work that waits was refused for that reason.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_core::{Body, Cx, Document, Each, Emitted, Fault, FaultKind, Record};
use tidegate_formats::Kind;
use tidegate_sandbox::{Job, Part, Pool};
use tidegate_text::ParseOptions;
use tokio::sync::Semaphore;

use super::desk::Desk;
use super::found::Found;
use super::parse::{hold, name, read};
use crate::config::Config;
use crate::parser;
use crate::readers::{Asked, IMAGE, Readers};

/// Files worked on at once: more than there are children, so that texts pass those that wait for one.
pub(crate) const WIDTH: usize = 64;
/// Texts are parsed when the compute pool has nothing further along to do, in the order of their listing. The engine
/// ranks its own work on the pool the same way.
const LEAST_URGENT: u64 = 63 << 48;
/// What reading a text takes at first, for each byte of it and for any: prose stays below half of that.
const TIMES: u64 = 3;
const SMALL: u64 = 64 << 10;

/// Parses files of every kind.
pub struct ParseFiles {
    options: ParseOptions,
    /// Absent where nobody said which program parses, or the sandbox was turned off.
    children: Option<Arc<Pool>>,
    /// Documents that children may be busy with, or wait for one: what they hand out must be taken before they make more.
    seats: Semaphore,
    /// What reads in their place.
    readers: Readers,
    config: Config,
    /// Memory for what is made of texts, and of all else.
    texts: Desk,
    others: Desk,
}

impl ParseFiles {
    /// A stage that parses texts with `options` and leaves the rest to `children` and `readers`, under the limits of
    /// `config`.
    #[must_use]
    pub(crate) fn new(
        options: ParseOptions,
        (children, readers): (Option<Arc<Pool>>, Readers),
        config: Config,
    ) -> Self {
        let memory = config.limits.memory.bytes();
        // One waits while the others are worked on, so that no child is idle between documents.
        let seats = Semaphore::new(children.as_ref().map_or(1, |children| children.width() + 1));
        let (texts, others) = (Desk::of_texts(memory), Desk::of_children(memory));
        Self { options, children, seats, readers, config, texts, others }
    }

    async fn text(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        let (least, most) = (record.body.weight() * TIMES + SMALL, self.texts.whole());
        let mut permit = self.texts.take(least).await;
        let mut read = self.read(cx, record, permit.bytes()).await;
        // Of tiny things it takes more; then it has the desk for itself.
        if permit.bytes() < most && read.as_ref().is_err_and(|fault| fault.kind() == FaultKind::TooLarge) {
            drop(permit);
            permit = self.texts.take(most).await;
            read = self.read(cx, record, most).await;
        }
        hold(record, read?);
        permit.resize(record.body.weight());
        record.hold_desk(permit);
        Ok(Emitted::Keep)
    }

    async fn read(&self, cx: &Cx, record: &Record, memory: u64) -> Result<Document, Fault> {
        let (key, body) = (name(record).to_owned(), record.body.clone());
        let max_memory = usize::try_from(memory).unwrap_or(usize::MAX);
        let options = ParseOptions { max_memory, ..self.options.clone() };
        let urgency = LEAST_URGENT | (record.ordinal & ((1 << 48) - 1));
        cx.compute(urgency, move || read(&key, &body, &options)).await?
    }

    /// What a program or a service of the user's makes of the file, if one is to read it.
    async fn elsewhere(
        &self,
        cx: &Cx,
        record: &Record,
        (kind, bytes): (Option<Kind>, &Bytes),
    ) -> Option<Result<Document, Fault>> {
        let name = name(record);
        let format = self.readers.format_of(name).or(kind.map(Kind::name))?;
        let asked = Asked { name, format, bytes: bytes.clone(), options: &self.options, trace: record.trace };
        if let Some(reader) = self.readers.of(format) {
            return Some(reader.read(cx, &asked).await);
        }
        let ocr = self.readers.ocr().filter(|ocr| format == IMAGE && ocr.reads_images())?;
        Some(ocr.image(&asked).await)
    }

    async fn untrusted(&self, record: &mut Record, (kind, bytes): (Kind, Bytes)) -> Result<Emitted, Fault> {
        let Some(children) = &self.children else { return Err(no_sandbox(kind)) };
        let (limits, settings) = parser::limits(&self.config, kind.name());
        let scan = bytes.clone();
        let _seat = self.seats.acquire().await.ok(); // never closed
        let share = self.others.whole() / (children.width() as u64 + 1);
        let mut permit = self.others.take(share).await;
        let job =
            Job { name: name(record).to_owned(), format: kind.name().to_owned(), settings, bytes, limits };
        let mut reply = children.submit(job);
        let ocr = self.readers.ocr().filter(|ocr| kind == Kind::Pdf && ocr.reads_pdf());
        let mut found = Found::new(record);
        while let Some(answer) = reply.next().await {
            match (answer, ocr) {
                (Ok(Part { path, format, result: Ok(document) }), Some(ocr)) => {
                    let result = ocr.pdf(document, &scan).await;
                    found.take(Part { path, format, result });
                }
                (Ok(part), _) => found.take(part),
                (Err(fault), _) => found.end(fault),
            }
            permit.resize(share.max(found.weight()));
        }
        let mut settled = found.settle();
        if let Ok(Emitted::Replace(records)) = &mut settled {
            records.iter_mut().for_each(|record| record.hold_desk(self.others.force(record.weight())));
        }
        settled
    }
}

#[async_trait]
impl Each for ParseFiles {
    async fn run(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        let kind = match &record.body {
            Body::Document(_) => return Ok(Emitted::Keep),
            Body::Bytes(bytes) => {
                let bytes = bytes.clone();
                let kind = tidegate_formats::recognise(name(record), &bytes);
                if let Some(document) = self.elsewhere(cx, record, (kind, &bytes)).await {
                    hold(record, document?);
                    return Ok(Emitted::Keep);
                }
                kind.map(|kind| (kind, bytes))
            }
            _ => None,
        };
        match kind {
            Some(untrusted) => self.untrusted(record, untrusted).await,
            None => self.text(cx, record).await,
        }
    }
}

fn no_sandbox(kind: Kind) -> Fault {
    let message = format!("{} files are parsed in a sandbox only, and there is none", kind.name());
    Fault::new(FaultKind::Unsupported, message)
        .hint("set enabled = true in [sandbox]; a program that uses the library names its parser")
}
