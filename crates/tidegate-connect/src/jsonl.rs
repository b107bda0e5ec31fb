//! Rows of JSON Lines files as a source: each line is an item, with its content in hand.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tidegate_core::Stop;
use tidegate_core::{Coverage, Cx, Fault, FaultKind, Fetch, Fetched, Listing, Position, Source, SourceItem};

use crate::decode::decoded;
use crate::gathered::{gathered, peeked, place_of};
use crate::head::{Headed, Mark};
use crate::key::{encode_key, row_prefix};
use crate::lines::Lines;
use crate::nearest::no_such_path;
use crate::open;
use crate::pack::Packing;
use crate::rows::{Listed, MAX_LINE, RowFormat, Rows};
use crate::table::Columns;

/// Reads in one go on the compute pool, so that a stop is noticed while an endless line goes by.
const READS: usize = 64;

/// How files of rows are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOptions {
    /// What a line is.
    pub format: RowFormat,
    /// Longer lines are put aside without being held in memory, in bytes.
    pub max_line: usize,
    /// What keys begin with instead of the file's path; for one file only.
    pub prefix: Option<String>,
    /// Whether items carry positions to resume from. The listing then speaks for no keys.
    pub stream: bool,
    /// Ends after so many rows, those before a resumed position counted; zero means no limit.
    pub limit: u64,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self {
            format: RowFormat::Json(Default::default()),
            max_line: MAX_LINE,
            prefix: None,
            stream: false,
            limit: 0,
        }
    }
}

/// Lists the rows of files, in order. Files may be compressed with gzip or Zstandard.
pub struct Jsonl {
    /// What is read; away while a step runs on the compute pool.
    reader: Option<Reader>,
}

/// Where a stream of rows was left. Offsets are of the decompressed bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    #[serde(rename = "f")]
    pub(crate) file: usize,
    #[serde(rename = "o")]
    pub(crate) offset: u64,
    #[serde(rename = "l")]
    pub(crate) line: u64,
    /// Rows up to here, of this file and those before it.
    #[serde(rename = "r", default)]
    pub(crate) rows: u64,
    #[serde(flatten)]
    pub(crate) mark: Mark,
}

struct Reader {
    paths: Vec<PathBuf>,
    options: RowOptions,
    /// The file to read next.
    next: usize,
    resume: Option<Place>,
    resumed: bool,
    /// Rows listed so far, those before a resumed position included.
    rows: u64,
    open: Option<OpenFile>,
    /// Prefixes of files that could not be read to their end.
    unknown: Vec<String>,
}

/// A file being read.
struct OpenFile {
    index: usize,
    rows: Rows,
    lines: Lines,
    reader: Opened,
}

impl Jsonl {
    /// Looks whether the files are there.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a path that is not a regular file.
    pub fn open(paths: &[PathBuf], options: RowOptions) -> Result<Self, Fault> {
        let config = |message: String| Fault::new(FaultKind::Config, message);
        if paths.is_empty() || (paths.len() > 1 && options.prefix.is_some()) {
            return Err(
                config("a key prefix needs exactly one file".into()).hint("give one file, or no prefix")
            );
        }
        let found = regular_files(paths)?;
        if matches!(options.format, RowFormat::Table(_)) {
            // What is wrong with a header is said before anything else is done.
            found.iter().try_for_each(|path| columns_of(path, &options).map(drop))?;
        }
        let reader = Reader {
            paths: found,
            options,
            next: 0,
            resume: None,
            resumed: false,
            rows: 0,
            open: None,
            unknown: Vec::new(),
        };
        Ok(Self { reader: Some(reader) })
    }

    /// The first `max` rows, or fewer where there are no more, for whoever wants to see what there is without a run.
    /// They are listed again by a run.
    ///
    /// # Errors
    /// As listing them.
    pub fn peek(mut self, max: usize) -> Result<Vec<SourceItem>, Fault> {
        let reader = self.reader.as_mut().ok_or_else(other_input)?;
        peeked(reader, max, Reader::is_over, Reader::gather)
    }

    /// Goes on after `position`. That the file is still the same is seen when it is opened: it must be at least as
    /// long, and its first bytes (up to 64 KiB) must hash to what they did.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] for a position that is not one of these files.
    pub fn resume(&mut self, position: &Position) -> Result<(), Fault> {
        let reader = self.reader.as_mut().ok_or_else(other_input)?;
        let place = place_of(position, reader.paths.len(), |place: &Place| place.file)?;
        reader.next = place.file;
        reader.rows = place.rows;
        reader.resume = Some(place);
        reader.resumed = true;
        Ok(())
    }
}

/// The files at `paths`, each once.
///
/// # Errors
/// [`FaultKind::Config`] for a path that is not a regular file.
pub fn regular_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let config = |message: String| Fault::new(FaultKind::Config, message);
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        let real = std::fs::canonicalize(path).map_err(|error| {
            if open::is_gone(&error) { no_such_path(path) } else { open::read_fault(error) }
        })?;
        if !real.is_file() {
            return Err(config(format!("{} is not a regular file", path.display()))
                .hint("give the path of a file; pipe anything else into standard input (-)"));
        }
        if !found.contains(&real) {
            found.push(real);
        }
    }
    Ok(found)
}

/// The fault of an input that is not the one that a run stopped in.
#[must_use]
pub fn other_input() -> Fault {
    Fault::new(
        FaultKind::Guarded,
        "the input is not the one that was read before: going on would mix the two",
    )
    .hint("put the old input back, or give this one to a pipeline with another `name`")
}

#[async_trait]
impl Source for Jsonl {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        while cx.stop() == Stop::Go {
            let items = gathered(&mut self.reader, cx, move |reader| reader.gather(max)).await?;
            if !items.is_empty() {
                return Ok(Listing::Items(items));
            }
            if let Some(reader) = self.reader.as_mut().filter(|reader| reader.is_over()) {
                return Ok(Listing::End(reader.coverage()));
            }
        }
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(InHand)
    }
}

impl Reader {
    /// Whether nothing is left to be listed.
    fn is_over(&self) -> bool {
        self.is_enough() || (self.open.is_none() && self.next == self.paths.len())
    }

    fn is_enough(&self) -> bool {
        self.options.limit > 0 && self.rows >= self.options.limit
    }

    /// Reads on until there are `max` items, enough bytes of them, or enough was read.
    fn gather(&mut self, max: usize) -> Result<Vec<SourceItem>, Fault> {
        if self.is_enough() {
            return Ok(Vec::new());
        }
        let left = if self.options.limit > 0 { self.options.limit - self.rows } else { u64::MAX };
        let mut listed = Listed::new(max.min(usize::try_from(left).unwrap_or(usize::MAX)));
        for _ in 0..READS {
            if self.open.is_none() && !self.open_next(&mut listed.items)? {
                break;
            }
            let Some(file) = &mut self.open else { continue };
            let before = listed.items.len();
            let done = file.take_lines((self.options.stream, self.rows), &mut listed)?;
            self.rows += (listed.items.len() - before) as u64;
            if listed.is_full() {
                break;
            }
            let read = if done { Ok(()) } else { file.lines.fill(&mut file.reader) };
            if let Err(error) = read {
                let (offset, number) = file.lines.position();
                listed.items.push(file.rows.broken(number + 1, offset, damaged(error)));
                self.unknown.push(file.rows.prefix().to_owned());
                self.open = None;
            } else if done {
                self.open = None;
            }
        }
        Ok(listed.items)
    }

    /// Opens the next file; `false` if there is none. One that cannot be opened is listed as such and passed over.
    fn open_next(&mut self, items: &mut Vec<SourceItem>) -> Result<bool, Fault> {
        let Some(path) = self.paths.get(self.next) else { return Ok(false) };
        let index = self.next;
        let prefix = row_prefix(&self.options.prefix.clone().unwrap_or_else(|| encode_key(path)));
        let mut rows = Rows::new(prefix, self.options.format.clone(), self.options.max_line);
        let place = self.resume.as_ref().map_or((0, 0), |place| (place.offset, place.line));
        if place.0 > 0
            && let Some(columns) = columns_of(path, &self.options)?
        {
            rows.know(columns);
        }
        match open_at(path, self.resume.as_ref(), rows.feeds()) {
            Ok(Some((reader, offset))) => {
                let lines = rows.lines((offset, place.1));
                self.open = Some(OpenFile { index, rows, lines, reader });
            }
            Ok(None) => return Err(other_input().during(format!("resuming {}", path.display()))),
            Err(error) if self.resume.is_some() => {
                return Err(other_input().cause(error).during(format!("resuming {}", path.display())));
            }
            Err(error) => {
                items.push(rows.broken(1, 0, open::read_fault(error)));
                self.unknown.push(rows.prefix().to_owned());
            }
        }
        self.next += 1;
        self.resume = None;
        Ok(true)
    }

    fn coverage(&self) -> Option<Coverage> {
        if self.resumed || self.options.stream {
            return None;
        }
        let prefix =
            |path: &PathBuf| row_prefix(&self.options.prefix.clone().unwrap_or_else(|| encode_key(path)));
        Some(Coverage { covered: self.paths.iter().map(prefix).collect(), unknown: self.unknown.clone() })
    }
}

impl OpenFile {
    /// Takes lines, `so_far` rows having been listed before them.
    fn take_lines(&mut self, (stream, mut so_far): (bool, u64), listed: &mut Listed) -> Result<bool, Fault> {
        let Self { index, rows, lines, reader } = self;
        rows.take(lines, listed, |offset, line| {
            so_far += 1;
            let mark = stream.then(|| reader.mark(offset))?;
            let place = Place { file: *index, offset, line, rows: so_far, mark };
            serde_json::to_string(&place).ok().map(Position)
        })
    }
}

/// The columns of the table at `path`; `None` for other files, and for one without a row or that cannot be read, which
/// listing it tells.
pub(crate) fn columns_of(path: &Path, options: &RowOptions) -> Result<Option<Arc<Columns>>, Fault> {
    if !matches!(options.format, RowFormat::Table(_)) {
        return Ok(None);
    }
    let Ok((mut reader, _)) = open::regular(path).and_then(decoded) else { return Ok(None) };
    let mut rows = Rows::new(path.display().to_string(), options.format.clone(), options.max_line);
    let (mut lines, mut listed) = (rows.lines((0, 0)), Listed::new(1));
    while rows.columns().is_none() {
        if rows.take(&mut lines, &mut listed, |_, _| None)? || lines.fill(&mut reader).is_err() {
            break;
        }
    }
    Ok(rows.columns().cloned())
}

/// A file of rows that is being read, unpacked if it is compressed.
pub(crate) type Opened = Headed<Box<dyn Read + Send>>;

/// Opens a file and goes to `place`, or behind the end of the line that was the last there; and says at which offset
/// that is. `None` if it is not the file that the place was in. `feeds` can end a line.
pub(crate) fn open_at(path: &Path, place: Option<&Place>, feeds: &[u8]) -> io::Result<Option<(Opened, u64)>> {
    let file = open::regular(path)?;
    let raw = file.try_clone()?;
    let (reader, packing) = decoded(file)?;
    let mut reader = Headed::new(reader);
    let Some(Place { offset, mark, .. }) = place else { return Ok(Some((reader, 0))) };
    if packing != Packing::Plain {
        return Ok(reader.skip_to(*offset, mark)?.then_some((reader, *offset)));
    }
    reader.read_head(*offset)?;
    let begins = begins_a_line(&raw, *offset, feeds)?;
    let Some(begins) = begins.filter(|_| reader.carries(mark)) else { return Ok(None) };
    let mut raw = raw;
    raw.seek(SeekFrom::Start(begins))?;
    reader.inner = Box::new(raw);
    Ok(Some((reader, begins)))
}

/// Where a line can begin at `offset`: there, if the file reaches there and has one of `feeds` before it or nothing after
/// it; or behind the line feed that stands there, because the last line of a file may have got its end only when another
/// was appended. A row of a table may not: within quotes such an end is part of it.
pub(crate) fn begins_a_line(file: &File, offset: u64, feeds: &[u8]) -> io::Result<Option<u64>> {
    let size = file.metadata()?.len();
    if size <= offset || offset == 0 {
        return Ok((size >= offset).then_some(offset));
    }
    let mut around = [0; 3];
    let around = &mut around[..usize::try_from(size - offset).unwrap_or(2).min(2) + 1];
    file.read_exact_at(around, offset - 1)?;
    Ok(match around {
        [before, ..] if feeds.contains(before) => Some(offset),
        [_, b'\n', ..] if feeds == b"\n" => Some(offset + 1),
        [_, b'\r', b'\n'] if feeds == b"\n" => Some(offset + 2),
        _ => None,
    })
}

pub(crate) fn damaged(error: io::Error) -> Fault {
    let broken = error.raw_os_error().is_none();
    if broken {
        return Fault::new(FaultKind::Malformed, "the compressed data is damaged or ends early")
            .hint("fetch or compress the file again; what was indexed from it is kept")
            .cause(error);
    }
    open::read_fault(error)
}

/// For sources whose items are listed with their content.
pub(crate) struct InHand;

#[async_trait]
impl Fetch for InHand {
    async fn fetch(&self, _cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        Err(Fault::new(FaultKind::Internal, "an item listed with its content was fetched")
            .during(format!("reading {}", item.key)))
    }
}
