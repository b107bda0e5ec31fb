//! A growing file as an endless source: its lines as they are written, across rotation and truncation.
//!
//! The file is looked at at intervals rather than watched: that works on every file system, in virtual time too,
//! and a log that is written a thousand times a second wakes nobody a thousand times.

use std::fs::{File, Metadata};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tidegate_core::Stop;
use tidegate_core::{Cx, Fault, FaultKind, Fetch, Listing, Position, Source};

use crate::files::FIRST;
use crate::head::{Headed, Mark};
use crate::jsonl::{InHand, RowOptions, begins_a_line, other_input};
use crate::key::{encode_key, row_prefix};
use crate::lines::Lines;
use crate::nearest::no_such_path;
use crate::open;
use crate::rotated::{self, Left};
use crate::rows::{Listed, Naming, RowFormat, Rows};

/// How a growing file is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailOptions {
    /// How its lines are read. Positions are always given; the file must not be compressed.
    pub rows: RowOptions,
    /// How often to look for more.
    pub poll: Duration,
    /// How long to wait for more before saying that there is none now.
    pub idle: Duration,
    /// Ends when what is there is read, instead of waiting for more.
    pub once: bool,
}

impl Default for TailOptions {
    fn default() -> Self {
        Self {
            rows: RowOptions::default(),
            poll: Duration::from_millis(250),
            idle: Duration::from_secs(1),
            once: false,
        }
    }
}

/// Lists the lines of a growing file, without end unless told otherwise. A last line without its line feed is not a line yet, unless the
/// file is rotated away. Keys are `PATH#GENERATION@OFFSET`; the generation counts how often the file began anew.
pub struct Tail {
    /// Away while a step runs on the compute pool.
    follower: Option<Follower>,
    poll: Duration,
    idle: Duration,
    once: bool,
}

/// Where a file was left.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    #[serde(rename = "g")]
    generation: u64,
    #[serde(rename = "o")]
    pub(crate) offset: u64,
    #[serde(rename = "l")]
    line: u64,
    #[serde(rename = "i")]
    pub(crate) inode: u64,
    #[serde(flatten)]
    pub(crate) mark: Mark,
}

struct Follower {
    path: PathBuf,
    rows: Rows,
    max_line: usize,
    generation: u64,
    resume: Option<Place>,
    open: Option<Following>,
}

/// The file being read.
pub(crate) struct Following {
    id: (u64, u64),
    reader: Headed<File>,
    lines: Lines,
    /// How often its end was seen since another file took its name: a writer may go on for a while.
    ends_after_rotation: u32,
}

/// How often the end of a file that was rotated away must be seen before it is left.
const ENDS: u32 = 2;
/// Reads in one go on the compute pool.
const READS: usize = 64;
/// Bytes at the beginning that are compared whenever there is more to read.
const COMPARED: usize = 64;

impl Tail {
    /// Follows the file at `path`. It may come into being later, but the folder must be there.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a path in no folder, or of something that is not a file.
    pub fn open(path: &Path, options: TailOptions) -> Result<Self, Fault> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::fs::canonicalize(parent).map_err(|_| no_such_path(parent))?;
        let name = path.file_name().ok_or_else(|| no_such_path(path))?;
        let path = folder.join(name);
        if std::fs::metadata(&path).is_ok_and(|meta| !meta.is_file()) {
            return Err(Fault::new(FaultKind::Config, format!("{} is not a regular file", path.display()))
                .hint("give the path of a file that grows"));
        }
        let RowOptions { format, max_line, prefix, .. } = options.rows;
        if matches!(format, RowFormat::Table(_)) {
            return Err(Fault::new(FaultKind::Config, "a table cannot be followed").hint("follow lines"));
        }
        let mut rows = Rows::new(row_prefix(&prefix.unwrap_or_else(|| encode_key(&path))), format, max_line);
        rows.set_naming(Naming::Offset(0));
        let follower = Follower { path, rows, max_line, generation: 0, resume: None, open: None };
        Ok(Self { follower: Some(follower), poll: options.poll, idle: options.idle, once: options.once })
    }

    /// Goes on after `position`. If the file was rotated away meanwhile, the rest of the old one is read first, as
    /// long as it lies in the same folder under a name that begins with the old name.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] for a position that is not one of a followed file.
    pub fn resume(&mut self, position: &Position) -> Result<(), Fault> {
        let place: Place = serde_json::from_str(&position.0).map_err(|error| other_input().cause(error))?;
        let follower = self.follower.as_mut().ok_or_else(other_input)?;
        follower.begin(place.generation);
        follower.resume = Some(place);
        Ok(())
    }

    /// Whether the file being read was rotated away, so that its successor is still to be read.
    fn is_at_a_rotation(&self) -> bool {
        let open = self.follower.as_ref().and_then(|follower| follower.open.as_ref());
        open.is_some_and(|open| open.ends_after_rotation > 0)
    }
}

#[async_trait]
impl Source for Tail {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        let mut waited = Duration::ZERO;
        while cx.stop() == Stop::Go {
            let mut follower = self.follower.take().ok_or_else(|| {
                Fault::new(FaultKind::Internal, "the input was lost when an earlier step failed")
                    .hint("run again")
            })?;
            let (follower, step) = cx
                .compute(FIRST, move || {
                    let mut listed = Listed::new(max);
                    let more = match follower.step(&mut listed) {
                        // What was read before the error must not be lost; the error will come again.
                        Err(_) if !listed.items.is_empty() => Ok(true),
                        more => more,
                    };
                    (follower, more.map(|more| (listed.items, more)))
                })
                .await?;
            self.follower = Some(follower);
            let (items, more) = step.map_err(open::read_fault)?;
            if !items.is_empty() {
                return Ok(Listing::Items(items));
            }
            if more || (self.once && self.is_at_a_rotation()) {
                continue;
            }
            if self.once {
                return Ok(Listing::End(None));
            }
            if waited >= self.idle {
                break;
            }
            waited += self.poll;
            tokio::select! {
                biased;
                () = cx.stopped(Stop::Drain) => {}
                () = tokio::time::sleep(self.poll) => {}
            }
        }
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(InHand)
    }
}

impl Follower {
    fn begin(&mut self, generation: u64) {
        self.generation = generation;
        self.rows.set_naming(Naming::Offset(generation));
    }

    /// Reads what there is; whether there may be more at once.
    fn step(&mut self, listed: &mut Listed) -> io::Result<bool> {
        for _ in 0..READS {
            if self.open.is_none() && !self.open_file(listed)? {
                return Ok(false);
            }
            let ended = self.take_lines(listed)?;
            if listed.is_full() {
                return Ok(true);
            }
            if ended {
                // A rotated file is read to its last line; its successor begins anew.
                self.open = None;
                self.begin(self.generation + 1);
                continue;
            }
            let Some(open) = &mut self.open else { continue };
            if open.began_anew()? {
                let file = open.reader.inner.try_clone()?;
                self.open = Some(Following::new(file, self.max_line)?);
                self.begin(self.generation + 1);
                continue;
            }
            if open.lines.feed(&mut open.reader)? {
                open.ends_after_rotation = 0;
                continue;
            }
            if open.is_still_at(&self.path)? {
                open.ends_after_rotation = 0;
                return Ok(false);
            }
            open.ends_after_rotation += 1;
            if open.ends_after_rotation < ENDS {
                return Ok(false);
            }
            open.lines.end();
        }
        Ok(true)
    }

    /// Takes lines out of the buffer; whether the file is at its last end.
    fn take_lines(&mut self, listed: &mut Listed) -> io::Result<bool> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let (generation, inode) = (self.generation, open.id.1);
        let reader = &mut open.reader;
        let taken = self.rows.take(&mut open.lines, listed, |offset, line| {
            let place = Place { generation, offset, line, inode, mark: reader.mark(offset) };
            serde_json::to_string(&place).ok().map(Position)
        });
        // Only headers of tables are at fault here, and no table is followed.
        taken.map_err(io::Error::other)
    }

    /// Opens the file, or the one that was left when it was rotated away; `false` if there is none now.
    fn open_file(&mut self, listed: &mut Listed) -> io::Result<bool> {
        if let Some(place) = self.resume.take() {
            match rotated::find(&self.path, &place, self.max_line)? {
                Left::There(open) => {
                    self.open = Some(*open);
                    return Ok(true);
                }
                Left::AllRead => {}
                Left::Lost => listed.items.push(self.rows.broken(place.line + 1, place.offset, lost())),
            }
            self.begin(self.generation + 1);
        }
        match open::regular(&self.path) {
            Ok(file) => self.open = Some(Following::new(file, self.max_line)?),
            Err(error) if open::is_gone(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

fn lost() -> Fault {
    Fault::new(FaultKind::Unreadable, "the file was rotated or cut, and what may have followed is gone")
        .hint("keep rotated files uncompressed beside the file until they are read")
}

fn id_of(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

impl Following {
    /// Reads a file from its beginning.
    fn new(mut file: File, max_line: usize) -> io::Result<Self> {
        let id = id_of(&file.metadata()?);
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { id, reader: Headed::new(file), lines: Lines::new(max_line), ends_after_rotation: 0 })
    }

    /// Reads a file from a place on; `None` if it is another file, or cut shorter.
    pub(crate) fn resumed(file: File, place: &Place, max_line: usize) -> io::Result<Option<Self>> {
        let mut open = Self::new(file, max_line)?;
        open.reader.read_head(place.offset)?;
        let begins = begins_a_line(&open.reader.inner, place.offset, b"\n")?;
        let Some(begins) = begins.filter(|_| open.reader.carries(&place.mark)) else { return Ok(None) };
        open.reader.inner.seek(SeekFrom::Start(begins))?;
        open.lines = Lines::at(max_line, begins, place.line);
        Ok(Some(open))
    }

    /// Whether the file was cut and written anew in place: it is shorter than what was read, or begins differently.
    fn began_anew(&mut self) -> io::Result<bool> {
        let read = self.reader.inner.stream_position()?;
        let size = self.reader.inner.metadata()?.len();
        if size <= read {
            return Ok(size < read);
        }
        let head = self.reader.head();
        let mut now = vec![0; head.len().min(COMPARED)];
        self.reader.inner.read_exact_at(&mut now, 0)?;
        Ok(now != head[..now.len()])
    }

    fn is_still_at(&self, path: &Path) -> io::Result<bool> {
        match std::fs::metadata(path) {
            Ok(meta) => Ok(id_of(&meta) == self.id),
            // Between moving the old file away and making a new one there is none; the old one is read meanwhile.
            Err(error) if open::is_gone(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
