//! Lists the URLs of files, and those that were named directly.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tidegate_core::Stop;
use tidegate_core::{Coverage, Cx, Fault, FaultKind, Fetch, Fields, Listing, Source, SourceItem, Version};

use super::entry::{self, Entry, Wrong};
use super::fetch::UrlFetch;
use super::mark::Mark;
use super::options::ManifestOptions;
use crate::decode::decoded;
use crate::files::FIRST;
use crate::jsonl::damaged;
use crate::key::{encode_key, row_prefix};
use crate::lines::{Line, Lines, Next};
use crate::nearest::no_such_path;
use crate::open;

/// Reads in one go on the compute pool, so that a stop is noticed in an endless list.
const READS: usize = 64;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Documents behind URLs. Ends, and speaks for the lists it was given.
pub struct Manifest {
    /// What is read; away while a step runs on the compute pool.
    reader: Option<Reader>,
    fetch: Arc<UrlFetch>,
}

struct Reader {
    options: ManifestOptions,
    urls: std::vec::IntoIter<String>,
    paths: Vec<PathBuf>,
    /// The list to open next.
    next: usize,
    open: Option<OpenList>,
    /// Prefixes of lists that could not be read in full.
    unknown: Vec<String>,
}

/// A list being read.
struct OpenList {
    prefix: String,
    lines: Lines,
    reader: Box<dyn Read + Send>,
}

impl Manifest {
    /// The documents at `urls`, and those that the files at `paths` list; these may be packed with gzip or Zstandard.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a path that is not a regular file.
    pub fn open(paths: &[PathBuf], urls: Vec<String>, options: ManifestOptions) -> Result<Self, Fault> {
        let mut found: Vec<PathBuf> = Vec::new();
        for path in paths {
            let real = std::fs::canonicalize(path).map_err(|error| {
                if open::is_gone(&error) { no_such_path(path) } else { open::read_fault(error) }
            })?;
            if !real.is_file() {
                let message = format!("{} is not a regular file", path.display());
                return Err(
                    Fault::new(FaultKind::Config, message).hint("name a file with a URL on each line")
                );
            }
            if !found.contains(&real) {
                found.push(real);
            }
        }
        let fetch = Arc::new(UrlFetch::new(options.clone()));
        let urls = urls.into_iter();
        let reader = Reader { options, urls, paths: found, next: 0, open: None, unknown: Vec::new() };
        Ok(Self { reader: Some(reader), fetch })
    }

    #[cfg(test)]
    pub(super) fn hosts_known(&self) -> usize {
        self.fetch.hosts_known()
    }
}

#[async_trait]
impl Source for Manifest {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        while cx.stop() == Stop::Go {
            let mut reader = self.reader.take().ok_or_else(|| {
                Fault::new(FaultKind::Internal, "the list was lost when an earlier step of it failed")
                    .hint("run again; what is done is kept")
            })?;
            let (reader, items) = cx
                .compute(FIRST, move || {
                    let items = reader.gather(max.max(1));
                    (reader, items)
                })
                .await?;
            let reader = self.reader.insert(reader);
            if !items.is_empty() {
                return Ok(Listing::Items(by_turns(items)));
            }
            if reader.open.is_none() && reader.next == reader.paths.len() && reader.urls.len() == 0 {
                return Ok(Listing::End(reader.coverage()));
            }
        }
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        self.fetch.clone()
    }
}

impl Reader {
    /// Reads on until there are `max` items, or enough was read.
    fn gather(&mut self, max: usize) -> Vec<SourceItem> {
        let policy = self.options.policy;
        let direct = |url: String| match entry::of_url(&url, policy) {
            Ok(entry) => item(entry.id.clone(), entry),
            Err(fault) => faulty(format!("url {}", entry_name(&url)), Fields::new(), fault),
        };
        let mut items: Vec<SourceItem> = self.urls.by_ref().take(max).map(direct).collect();
        for _ in 0..READS {
            if items.len() >= max || (self.open.is_none() && !self.open_next(&mut items)) {
                break;
            }
            let Some(mut list) = self.open.take() else { continue };
            match self.take_lines(&mut list, (max, &mut items)) {
                Progress::Full => self.open = Some(list),
                Progress::End => {}
                Progress::More => match list.lines.fill(&mut list.reader) {
                    Ok(()) => self.open = Some(list),
                    Err(error) => {
                        let (offset, number) = list.lines.position();
                        let line = Line { bytes: &[], too_long: None, offset, number: number + 1 };
                        items.push(bad_line(&list.prefix, &line, damaged(error)));
                        self.unknown.push(list.prefix);
                    }
                },
            }
        }
        items
    }

    fn take_lines(&mut self, list: &mut OpenList, (max, items): (usize, &mut Vec<SourceItem>)) -> Progress {
        while items.len() < max {
            let line = match list.lines.next() {
                Next::Line(line) => line,
                Next::More => return Progress::More,
                Next::End => return Progress::End,
            };
            match self.read(&line) {
                Ok(None) => {}
                Ok(Some(entry)) => items.push(item(format!("{}{}", list.prefix, entry.id), entry)),
                Err(Wrong { id: Some(id), fault }) => {
                    let item = bad_line(&list.prefix, &line, fault);
                    items.push(SourceItem { key: format!("{}{id}", list.prefix).into(), ..item });
                }
                Err(Wrong { id: None, fault }) => {
                    items.push(bad_line(&list.prefix, &line, fault));
                    // Which document it named is not known, so none can be said to be gone from the list.
                    if !self.unknown.contains(&list.prefix) {
                        self.unknown.push(list.prefix.clone());
                    }
                }
            }
        }
        Progress::Full
    }

    fn read(&self, line: &Line<'_>) -> Result<Option<Entry>, Wrong> {
        if let Some(length) = line.too_long {
            let message =
                format!("a line of {length} bytes, more than the limit of {}", self.options.max_line);
            return Err(Fault::new(FaultKind::TooLarge, message).hint("raise max_line in [source]").into());
        }
        let bytes =
            if line.offset == 0 { line.bytes.strip_prefix(BOM).unwrap_or(line.bytes) } else { line.bytes };
        entry::read(bytes, self.options.policy, &self.options.secrets)
    }

    /// Opens the next list; `false` if there is none. One that cannot be opened is listed as such and passed over.
    fn open_next(&mut self, items: &mut Vec<SourceItem>) -> bool {
        let Some(path) = self.paths.get(self.next) else { return false };
        let prefix = row_prefix(&encode_key(path));
        match reader_of(path) {
            Ok(reader) => {
                self.open = Some(OpenList { prefix, lines: Lines::new(self.options.max_line), reader });
            }
            Err(error) => {
                let line = Line { bytes: &[], too_long: None, offset: 0, number: 1 };
                items.push(bad_line(&prefix, &line, open::read_fault(error)));
                self.unknown.push(prefix);
            }
        }
        self.next += 1;
        true
    }

    fn coverage(&self) -> Option<Coverage> {
        let covered: Vec<String> = self.paths.iter().map(|path| row_prefix(&encode_key(path))).collect();
        (!covered.is_empty()).then(|| Coverage { covered, unknown: self.unknown.clone() })
    }
}

enum Progress {
    Full,
    More,
    End,
}

fn reader_of(path: &Path) -> std::io::Result<Box<dyn Read + Send>> {
    Ok(decoded(open::regular(path)?)?.0)
}

fn item(key: String, entry: Entry) -> SourceItem {
    let given = entry.given.as_ref().map(|given| Mark::given(&entry.line, given));
    let mut item = SourceItem::new(key, given.unwrap_or_default(), 0);
    item.fields = Arc::new(entry.fields.clone());
    item.how = Some(Arc::new(entry));
    item
}

/// The item of a line at fault. The line itself is not kept: it may hold what its writer should not have put there.
fn bad_line(prefix: &str, line: &Line<'_>, fault: Fault) -> SourceItem {
    let fields = [("line".to_owned(), json!(line.number)), ("offset".to_owned(), json!(line.offset))];
    let fault = fault.during(format!("reading line {}", line.number));
    faulty(format!("{prefix}:L{}", line.number), Fields::from_iter(fields), fault)
}

fn faulty(key: String, fields: Fields, fault: Fault) -> SourceItem {
    let mut item = SourceItem::new(key, Version::default(), 1);
    item.fields = Arc::new(fields);
    item.fault = Some(fault);
    item
}

/// A name for what is no URL.
fn entry_name(typed: &str) -> String {
    typed.split('?').next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Orders items so that servers take turns: those of one server in a row would wait for each other, and all others for
/// them.
fn by_turns(items: Vec<SourceItem>) -> Vec<SourceItem> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut turns: Vec<(usize, SourceItem)> = items
        .into_iter()
        .map(|item| {
            let entry = item.how.as_ref().and_then(|how| how.downcast_ref::<Entry>());
            let count =
                counts.entry(entry.map(|entry| entry.url.site().to_owned()).unwrap_or_default()).or_default();
            *count += 1;
            (*count, item)
        })
        .collect();
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, item)| item).collect()
}
