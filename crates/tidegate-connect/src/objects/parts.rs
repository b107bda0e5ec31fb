//! An output of parts: lines in objects that never change, and a manifest that names those that count.
//!
//! A part is written under a name that follows from everything written before it and from its content, and only if
//! nothing has that name. Then the manifest says which parts come next, then the ledger takes the outcomes, and the next
//! writing of the manifest makes the parts count. So whenever a process dies, the ledger tells which of the parts that
//! come next are true, and readers never see a line that is taken back. The manifest is replaced only in the state in
//! which it was last seen: of two writers, one stops.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};
use tidegate_core::{ContentHash, Fault, FaultKind};

use super::bucket::Bucket;
use super::errors::{Told, told};

/// The name of the manifest below the prefix.
const MANIFEST: &str = "manifest.json";
/// What the names of parts begin with.
pub(super) const PART: &str = "part-";
const FORMAT: &str = "tidegate-parts/1";
/// What to do about an output that is not what was committed.
const HINT: &str = "put back what was there, or give the pipeline another `name` to start over";

/// A part that counts, or will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// Parts that count once the ledger knows the number they end with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Next {
    pub(super) chain: u64,
    pub(super) parts: Vec<Part>,
}

/// What readers read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    /// Tells whoever wrote this from everybody else.
    writer: u64,
    /// Follows from every part that counts, in order.
    pub(super) chain: u64,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) parts: Vec<Part>,
    /// Not for readers: what a writer is about to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) next: Vec<Next>,
}

impl Manifest {
    pub(super) fn new(writer: u64, chain: u64) -> Self {
        let (parts, next) = (Vec::new(), Vec::new());
        Self { format: FORMAT.to_owned(), writer, chain, lines: 0, bytes: 0, parts, next }
    }

    /// Whether this writer wrote it.
    pub(super) fn is_by(&self, writer: u64) -> bool {
        self.writer == writer
    }

    /// Makes the parts count that end with `chain`; nothing else comes next any more. `false` if `chain` is neither
    /// where it stands nor where it may go.
    pub(super) fn settle(&mut self, chain: u64) -> bool {
        let next = std::mem::take(&mut self.next);
        if self.chain == chain {
            return true;
        }
        let Some(taken) = next.into_iter().find(|next| next.chain == chain) else { return false };
        self.chain = chain;
        self.lines += taken.parts.iter().map(|part| part.lines).sum::<u64>();
        self.bytes += taken.parts.iter().map(|part| part.bytes).sum::<u64>();
        self.parts.extend(taken.parts);
        true
    }
}

/// The number that follows `chain` when `content` is appended; 63 bits, because databases count with signs.
pub(super) fn follow(chain: u64, content: &[u8]) -> u64 {
    crate::output::number_of(&ContentHash::of_parts(&[&chain.to_le_bytes(), content]).0)
}

/// The folder of an output.
#[derive(Clone)]
pub(super) struct Folder {
    pub(super) bucket: Arc<Bucket>,
    /// The names of everything in it begin with this; ends with a slash unless it is empty.
    pub(super) prefix: String,
}

/// A manifest as it is in the bucket.
pub(super) struct Kept {
    pub(super) manifest: Manifest,
    version: UpdateVersion,
}

impl Folder {
    fn path(&self, name: &str) -> Path {
        // Both halves were looked at when they were read or made.
        Path::from_iter(format!("{}{name}", self.prefix).split('/').filter(|step| !step.is_empty()))
    }

    /// The manifest, if there is one.
    pub(super) async fn read(&self) -> Result<Option<Kept>, Fault> {
        let path = self.path(MANIFEST);
        let during = |fault: Fault| fault.during(format!("reading {}/{path}", self.bucket.root()));
        let got = self.bucket.objects.get_opts(&path, GetOptions::default()).await;
        let read = match got {
            Ok(got) => {
                let version =
                    UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
                got.bytes().await.map(|bytes| (bytes, version))
            }
            Err(error) => Err(error),
        };
        let (bytes, version) = match read.map_err(|error| told(&error, &self.bucket, true)) {
            Ok(read) => read,
            Err(Told::Gone) => return Ok(None),
            Err(Told::Otherwise) => return Err(during(changed())),
            Err(Told::Fault(fault)) => return Err(during(writing(fault))),
        };
        let manifest: Manifest =
            serde_json::from_slice(&bytes).ok().filter(|m: &Manifest| m.format == FORMAT).ok_or_else(
                || during(refuse("it holds a manifest of something else", "write to another prefix")),
            )?;
        Ok(Some(Kept { manifest, version }))
    }

    /// Writes the manifest: in the place of the one that was last seen, or where there is none.
    pub(super) async fn write(&self, manifest: &Manifest, last: Option<&Kept>) -> Result<Kept, Fault> {
        let bytes = Bytes::from(serde_json::to_vec(manifest).unwrap_or_default()); // plain structs are always JSON
        let path = self.path(MANIFEST);
        let mut version = last.map(|kept| kept.version.clone());
        for _ in 0..2 {
            let mode = version.clone().map_or(PutMode::Create, PutMode::Update);
            let payload = PutPayload::from_bytes(bytes.clone());
            let put = self.bucket.objects.put_opts(&path, payload, PutOptions::from(mode)).await;
            match put.map_err(|error| told(&error, &self.bucket, true)) {
                Ok(put) => return Ok(Kept { manifest: manifest.clone(), version: put.into() }),
                // The answer to an earlier try may have been lost: then what is there was written here.
                Err(Told::Otherwise | Told::Gone) => match self.read().await? {
                    Some(kept) if kept.manifest == *manifest => return Ok(kept),
                    Some(kept) if kept.manifest.writer == manifest.writer => version = Some(kept.version),
                    _ => return Err(changed()),
                },
                Err(Told::Fault(fault)) => {
                    return Err(writing(fault).during(format!("writing {}/{path}", self.bucket.root())));
                }
            }
        }
        Err(changed())
    }

    /// Writes a part, unless it is there: its name says what is in it.
    pub(super) async fn add(&self, part: &Part, bytes: Bytes) -> Result<(), Fault> {
        let path = self.path(&part.name);
        let during = |fault: Fault| writing(fault).during(format!("writing {}/{path}", self.bucket.root()));
        let options = PutOptions::from(PutMode::Create);
        let put = self.bucket.objects.put_opts(&path, PutPayload::from_bytes(bytes), options).await;
        match put.map_err(|error| told(&error, &self.bucket, true)) {
            Ok(_) | Err(Told::Otherwise) => Ok(()),
            Err(Told::Gone) => Err(during(Fault::new(FaultKind::Config, "there is no such bucket"))),
            Err(Told::Fault(fault)) => Err(during(fault)),
        }
    }

    /// Removes parts that no manifest names: a killed process left them. The manifest must be this writer's, so that
    /// nobody else is about to name them.
    pub(super) async fn sweep(&self, manifest: &Manifest) -> Result<(), Fault> {
        let named: HashSet<&str> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
        let prefix = format!("{}{PART}", self.prefix);
        let mut token = None;
        loop {
            let options = PaginatedListOptions { page_token: token, ..PaginatedListOptions::default() };
            let page = self.bucket.pages.list_paginated(Some(&prefix), options).await;
            let page = page.map_err(|error| match told(&error, &self.bucket, false) {
                Told::Fault(fault) => writing(fault).during(format!("listing {}", self.bucket.root())),
                Told::Gone | Told::Otherwise => lost(),
            })?;
            for meta in page.result.objects {
                let name = meta.location.as_ref().strip_prefix(&self.prefix);
                if name.is_some_and(|name| !name.contains('/') && !named.contains(name)) {
                    self.remove(name.unwrap_or_default()).await;
                }
            }
            token = page.page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// Removes a part that counts for nobody. What stays is in nobody's way.
    pub(super) async fn remove(&self, name: &str) {
        let _ = self.bucket.objects.delete(&self.path(name)).await;
    }
}

impl Kept {
    /// The same manifest for another writer, so that whoever wrote before cannot go on.
    pub(super) fn handed_to(&self, writer: u64) -> Manifest {
        Manifest { writer, ..self.manifest.clone() }
    }
}

/// A fault while writing is never a record's.
fn writing(fault: Fault) -> Fault {
    match tidegate_core::advise(&fault) {
        tidegate_core::Advice::Quarantine => {
            let hint = fault.hint_text().unwrap_or("look at who may write there").to_owned();
            Fault::new(FaultKind::Blocked, "the output cannot be written").cause(fault).hint(hint)
        }
        _ => fault,
    }
}

pub(super) fn changed() -> Fault {
    refuse("somebody else is writing to it", "let one pipeline write there, or give each its own prefix")
}

pub(super) fn lost() -> Fault {
    refuse("it was changed by somebody else, or is not what was committed", HINT)
}

pub(super) fn refuse(why: &str, hint: &str) -> Fault {
    Fault::new(FaultKind::Guarded, format!("the output is left alone: {why}")).hint(hint)
}
