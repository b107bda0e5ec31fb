//! Documents as the records of a map job: listed as `tidegate index` lists them, parsed as it parses them, and each made
//! an object of its text and of what is known about it.
//!
//! A job goes on behind the documents that are in its output, if those are still what they were: their names, sizes and
//! times are summed up in one hash for each position, so that nothing needs to be kept of each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize, Serializer as _};
use serde_json::{Value, json};
use tidegate_connect::encode_key;
use tidegate_core::{
    Body, ContentHash, Cpu, Cx, Emit, Fault, FaultKind, Fetch, Listing, Position, Record, Source, SourceItem,
};

use super::left::Left;
use crate::config::Files;

/// Where a list of documents was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Documents up to here.
    #[serde(rename = "n")]
    count: u64,
    /// What they were.
    #[serde(rename = "h")]
    hash: String,
}

/// A list of documents that is gone on with at a position.
pub(crate) struct Documents {
    source: Box<dyn Source>,
    at: Place,
    /// What was done before, until it has been passed.
    resume: Option<Place>,
    /// Ends after so many documents; 0 means no limit.
    limit: u64,
    /// Whether positions are told.
    stream: bool,
}

impl Documents {
    /// The documents that `source` lists, at most `limit` of them; with positions, if it is a `stream`.
    pub(crate) fn new(source: Box<dyn Source>, (limit, stream): (u64, bool)) -> Self {
        Self { source, at: Place { count: 0, hash: String::new() }, resume: None, limit, stream }
    }

    /// Goes on behind `position`. That the documents before it are as they were is seen when they are listed.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`]: it is no position in a list of documents.
    pub(crate) fn resume(&mut self, position: &Position) -> Result<(), Fault> {
        self.resume = Some(serde_json::from_str(&position.0).map_err(|error| changed().cause(error))?);
        Ok(())
    }

    fn is_enough(&self) -> bool {
        self.limit > 0 && self.at.count >= self.limit
    }

    /// Counts an item; `None` if it was done before.
    fn pass(&mut self, mut item: SourceItem) -> Result<Option<SourceItem>, Fault> {
        // Size and time of the last change: what moves or copies a file leaves them alone.
        let stamp = item.version.0.rsplitn(3, '-').nth(2).unwrap_or_default();
        let parts = [self.at.hash.as_bytes(), item.key.as_bytes(), stamp.as_bytes()];
        let hash = ContentHash::of_parts(&parts).to_hex()[..32].to_owned();
        self.at = Place { count: self.at.count + 1, hash };
        match &self.resume {
            Some(before) if self.at.count < before.count => Ok(None),
            Some(before) if self.at == *before => {
                self.resume = None;
                Ok(None)
            }
            Some(_) => Err(changed()),
            None => {
                item.position =
                    self.stream.then(|| serde_json::to_string(&self.at).ok()).flatten().map(Position);
                Ok(Some(item))
            }
        }
    }
}

fn changed() -> Fault {
    Fault::new(
        FaultKind::Guarded,
        "documents that were done before are not as they were: some were added before them, changed or removed",
    )
}

#[async_trait]
impl Source for Documents {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        if self.is_enough() {
            return Ok(Listing::End(None));
        }
        match self.source.list(cx, max).await? {
            Listing::Items(items) => {
                let mut left = Vec::with_capacity(items.len());
                for item in items {
                    if self.is_enough() {
                        break;
                    }
                    left.extend(self.pass(item)?);
                }
                Ok(if left.is_empty() { Listing::Quiet } else { Listing::Items(left) })
            }
            Listing::End(_) if self.resume.is_some() => Err(changed()),
            other => Ok(other),
        }
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        self.source.fetcher()
    }
}

/// Makes the object of a document.
pub(super) struct DocumentStage {
    roots: Vec<Root>,
    /// Documents within others that are not tried.
    left: Arc<Left>,
}

/// A file or folder that was named.
#[derive(Debug, PartialEq, Eq)]
struct Root {
    /// What keys of documents in it begin with.
    key: String,
    /// What their names begin with instead.
    name: String,
}

impl DocumentStage {
    /// The documents of `files`, but for those of `left`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: two inputs whose documents would have the same names.
    pub(super) fn new(files: &Files, left: &Arc<Left>) -> Result<Self, Fault> {
        let mut roots: Vec<Root> = Vec::new();
        for path in &files.paths {
            let root = Root::of(Path::new(path));
            if let Some(other) = roots.iter().find(|other| other.name == root.name && other.key != root.key) {
                let message = format!("documents of two inputs would both be called {}", other.name);
                return Err(Fault::new(FaultKind::Config, message)
                    .hint("give the folder that both are in, or run a job for each"));
            }
            roots.push(root);
        }
        // Of two that hold a document, the inner one lists it.
        roots.sort_by_key(|root| std::cmp::Reverse(root.key.len()));
        Ok(Self { roots, left: left.clone() })
    }

    /// The name of the document with this key: its path from the folder that was named, with the name of that.
    fn name(&self, key: &str) -> String {
        let found = self.roots.iter().find_map(|root| Some((root, key.strip_prefix(&root.key)?)));
        found.map_or_else(|| key.to_owned(), |(root, rest)| format!("{}{rest}", root.name))
    }

    pub(super) fn object(&self, record: &Record) -> Result<String, Fault> {
        let Body::Document(document) = &record.body else {
            return Err(Fault::new(FaultKind::Internal, "a record that is no document"));
        };
        // A map of values would sort the names, and columns of tables follow them.
        let mut object: Vec<(&str, Value)> = vec![
            ("id", self.name(&record.key).into()),
            ("title", document.title.as_deref().map_or(Value::Null, Value::from)),
            ("text", document.text.as_str().into()),
        ];
        if let Some(last) = document.pages.last() {
            object.push(("pages", json!(last.number)));
        }
        for (name, value) in record.fields.iter() {
            if object.iter().all(|(known, _)| known != name) {
                object.push((name, value.clone()));
            }
        }
        let mut line = Vec::new();
        let written = serde_json::Serializer::new(&mut line).collect_map(object);
        written
            .and_then(|()| String::from_utf8(line).map_err(serde::ser::Error::custom))
            .map_err(|error| Fault::new(FaultKind::Internal, "a document is no JSON").cause(error))
    }
}

impl Root {
    fn of(path: &Path) -> Self {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        let last = |path: &Path| path.file_name().map(|name| encode_key(Path::new(name)));
        let (key, own) = (encode_key(&real), last(&real).unwrap_or_default());
        if real.is_dir() {
            let within = |text: String| if text.is_empty() { text } else { format!("{text}/") };
            return Self { key: within(key.trim_end_matches('/').to_owned()), name: within(own) };
        }
        let name = match real.parent().and_then(last) {
            Some(folder) => format!("{folder}/{own}"),
            None => own,
        };
        Self { key, name }
    }
}

impl Cpu for DocumentStage {
    fn run(&self, _: &Cx, mut record: Record) -> Result<Emit, Fault> {
        if let Some(fault) = self.left.fault(&record.key) {
            return Err(fault);
        }
        let object = self.object(&record)?;
        record.set_body(Body::Text(object.into()));
        Ok(Emit::One(record))
    }
}

#[cfg(test)]
mod tests;
