//! Reads one object: in parts, all of them in one state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::{Attribute, Attributes, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStoreExt as _};
use tidegate_core::{
    Advice, Body, ContentHash, Cx, Fault, FaultKind, Fetch, Fetched, Fields, SourceItem, SweepPolicy, advise,
};

use super::bucket::Bucket;
use super::errors::{Told, told};
use super::mark;
use crate::files::FIRST;
use crate::manifest::{kind_name, unpack};
use crate::walk::too_large;

/// An object is asked for in parts of so many bytes, so that little is read twice when a connection breaks.
const PART: u64 = if cfg!(test) { 1_000 } else { 8 << 20 };
/// States in which an object that keeps changing is tried.
const STATES: u32 = 3;
/// An object is not blamed for what happened to it before it was tried so often.
const TRIES: u32 = 3;

/// An object as it was listed.
pub(super) struct Entry {
    bucket: Arc<Bucket>,
    meta: ObjectMeta,
    /// Tries that failed through nobody's fault.
    tries: AtomicU32,
    /// How many objects had been read at the first of these.
    since: AtomicU64,
}

impl Entry {
    pub(super) fn new(bucket: Arc<Bucket>, meta: ObjectMeta) -> Self {
        Self { bucket, meta, tries: AtomicU32::new(0), since: AtomicU64::new(0) }
    }
}

/// Reads listed objects.
pub(super) struct ObjectFetch {
    max_file_size: u64,
    sweep: SweepPolicy,
    /// Objects asked for.
    asked: AtomicU64,
    /// Objects read.
    read: AtomicU64,
    /// Stored objects that went between listing and reading.
    gone: AtomicU64,
}

/// An object in one state.
struct Whole {
    bytes: Vec<u8>,
    meta: ObjectMeta,
    attributes: Attributes,
}

enum Miss {
    Gone,
    /// It is in another state than the one that was asked for.
    Changed,
    Fault(Fault),
}

impl From<Told> for Miss {
    fn from(told: Told) -> Self {
        match told {
            Told::Gone => Self::Gone,
            Told::Otherwise => Self::Changed,
            Told::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl ObjectFetch {
    pub(super) fn new(max_file_size: u64, sweep: SweepPolicy) -> Self {
        let none = || AtomicU64::new(0);
        Self { max_file_size, sweep, asked: none(), read: none(), gone: none() }
    }

    /// The object in the state in which it was listed, or in a newer one.
    async fn any_state(&self, entry: &Entry) -> Result<Whole, Miss> {
        let mut meta = entry.meta.clone();
        for _ in 0..STATES {
            match self.state(entry, &meta).await {
                Err(Miss::Changed) => {}
                other => return other,
            }
            let now = entry.bucket.objects.head(&entry.meta.location).await;
            meta = now.map_err(|error| Miss::from(told(&error, &entry.bucket, true)))?;
        }
        let changing = Fault::new(FaultKind::Changing, "the object changed each time while it was read");
        Err(Miss::Fault(changing.hint("the next run takes it up")))
    }

    /// The object in the state that `meta` tells of.
    async fn state(&self, entry: &Entry, meta: &ObjectMeta) -> Result<Whole, Miss> {
        if meta.size > self.max_file_size {
            return Err(Miss::Fault(too_large(meta.size, self.max_file_size)));
        }
        let mut whole = Whole {
            bytes: Vec::with_capacity(usize::try_from(meta.size).unwrap_or(0)),
            meta: meta.clone(),
            attributes: Attributes::new(),
        };
        loop {
            let from = whole.bytes.len() as u64;
            let options = GetOptions {
                if_match: whole.meta.e_tag.as_deref().map(mark::quoted),
                // An empty object has no parts to ask for.
                range: (meta.size > 0).then(|| GetRange::Bounded(from..meta.size.min(from + PART))),
                ..GetOptions::default()
            };
            let got = entry.bucket.objects.get_opts(&meta.location, options).await;
            let got = got.map_err(|error| Miss::from(told(&error, &entry.bucket, true)))?;
            take(&mut whole, got, entry).await?;
            if whole.bytes.len() as u64 >= meta.size {
                return Ok(whole);
            }
        }
    }

    /// What was read, as content.
    async fn content(&self, cx: &Cx, item: &SourceItem, whole: Whole) -> Result<Fetched, Fault> {
        let Whole { bytes, meta, attributes } = whole;
        let text = |attribute| attributes.get(&attribute).map(|value| value.to_string());
        let codings = text(Attribute::ContentEncoding).unwrap_or_default();
        let kind = text(Attribute::ContentType);
        let limit = self.max_file_size;
        let work = move || {
            let bytes = unpack(bytes, &codings, limit)?;
            let hash = ContentHash::of(&bytes);
            Ok::<_, Fault>((bytes, hash))
        };
        let (bytes, hash) = cx.compute(FIRST, work).await.flatten()?;
        let version = mark::version(&meta);
        let mut fields = Fields::from_iter([(
            "file_name".to_owned(),
            kind_name(meta.location.as_ref(), kind.as_deref()).into(),
        )]);
        if let Some(kind) = kind {
            fields.insert("content_type".to_owned(), kind.into());
        }
        Ok(Fetched::Content {
            body: Body::Bytes(Bytes::from(bytes)),
            hash,
            version: (version != item.version).then_some(version),
            fields,
        })
    }

    /// What it means that a listed object is not there. Stored ones are removed, but not all at once: a service that
    /// lists objects and finds none of them is out of order.
    fn missing(&self, item: &SourceItem) -> Result<Fetched, Fault> {
        if item.stored.is_none() {
            return Ok(Fetched::Gone);
        }
        let gone = self.gone.fetch_add(1, Ordering::Relaxed) + 1;
        let share = self.sweep.max_share * self.asked.load(Ordering::Relaxed) as f64;
        if self.sweep.allow_delete || gone <= self.sweep.max_count || gone as f64 <= share {
            return Ok(Fetched::Gone);
        }
        let message = "the object is gone, as are too many others to remove them all; it is kept";
        Err(Fault::new(FaultKind::Unreadable, message).hint("--allow-delete removes however many are gone"))
    }

    /// A fault that is waited out belongs to the object once others were read meanwhile, more than once.
    fn blamed(&self, entry: &Entry, fault: Fault) -> Fault {
        let waits = matches!(advise(&fault), Advice::Hold(_)) && fault.kind() != FaultKind::RateLimited;
        if !waits {
            return fault;
        }
        let read = self.read.load(Ordering::Relaxed);
        if entry.tries.fetch_add(1, Ordering::Relaxed) == 0 {
            entry.since.store(read, Ordering::Relaxed);
        }
        let others = read > entry.since.load(Ordering::Relaxed);
        if entry.tries.load(Ordering::Relaxed) < TRIES || !others {
            return fault;
        }
        let message = "the service answers for other objects, and not for this one";
        Fault::new(FaultKind::Unreadable, message).cause(fault).hint("the next run asks again")
    }
}

/// Appends what an answer brings, if it is of the right state.
async fn take(whole: &mut Whole, got: GetResult, entry: &Entry) -> Result<(), Miss> {
    let from = whole.bytes.len() as u64;
    // Not every service heeds the condition that was sent.
    let other = match (&whole.meta.e_tag, &got.meta.e_tag) {
        (Some(wanted), Some(tag)) => !mark::same(wanted, tag),
        _ => false,
    };
    if other || got.meta.size != whole.meta.size || got.range.start != from {
        return Err(Miss::Changed);
    }
    if whole.meta.e_tag.is_none() {
        whole.meta.e_tag.clone_from(&got.meta.e_tag);
    }
    let end = got.range.end;
    whole.attributes = got.attributes.clone();
    let mut pieces = got.into_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Miss::from(told(&error, &entry.bucket, true)))?;
        if whole.bytes.len() as u64 + piece.len() as u64 > end {
            return Err(Miss::Changed);
        }
        whole.bytes.extend_from_slice(&piece);
    }
    if whole.bytes.len() as u64 != end {
        let short = format!("{} of {end} bytes came", whole.bytes.len());
        return Err(Miss::Fault(Fault::new(FaultKind::Unavailable, short)));
    }
    Ok(())
}

#[async_trait]
impl Fetch for ObjectFetch {
    async fn fetch(&self, cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        let entry = item.how.clone().and_then(|how| how.downcast::<Entry>().ok());
        let entry = entry
            .ok_or_else(|| Fault::new(FaultKind::Internal, format!("nobody knows where {} is", item.key)))?;
        let during = |fault: Fault| fault.during(format!("reading {}", item.key));
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.any_state(&entry).await {
            Ok(whole) => {
                self.read.fetch_add(1, Ordering::Relaxed);
                self.content(cx, item, whole).await.map_err(during)
            }
            Err(Miss::Gone) => self.missing(item).map_err(during),
            Err(Miss::Fault(fault)) => Err(during(self.blamed(&entry, fault))),
            Err(Miss::Changed) => Err(Fault::new(FaultKind::Internal, "a change that nobody looked into")),
        }
    }
}
