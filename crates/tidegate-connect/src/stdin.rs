//! Standard input as a source: one document, or rows.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_core::Stop;
use tidegate_core::{Body, ContentHash, Cx, Fault, FaultKind, Fetch, Listing, Source, SourceItem, Version};

use crate::files::FIRST;
use crate::jsonl::{InHand, RowOptions};
use crate::key::{encode_key, row_prefix};
use crate::lines::{HEAD, Lines};
use crate::open::read_fault;
use crate::pump::{Came, Pump};
use crate::rows::{Listed, Rows};
use crate::walk::too_large;

/// What keys are called where the user gives no name.
pub const STDIN: &str = "stdin";
/// How long a source waits for input before it says that there is none now.
const IDLE: Duration = Duration::from_secs(1);

/// Everything that comes in, as one document.
pub struct StdinDocument {
    pump: Pump,
    key: String,
    max_size: u64,
    /// What came so far; never more than `max_size` and a piece.
    bytes: Vec<u8>,
    /// Bytes that came, kept or not.
    size: u64,
    listed: bool,
}

impl StdinDocument {
    /// Reads `input` (standard input, as a rule) as the document called `id`; up to `max_size` bytes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(input: impl Read + Send + 'static, id: &str, max_size: u64) -> Result<Self, Fault> {
        let key = encode_key(Path::new(id));
        Ok(Self {
            pump: Pump::start(input, false)?,
            key,
            max_size,
            bytes: Vec::new(),
            size: 0,
            listed: false,
        })
    }

    fn take(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        if self.size <= self.max_size {
            self.bytes.extend_from_slice(piece);
        } else {
            self.bytes.truncate(HEAD); // only shown from now on
            self.bytes.shrink_to_fit();
        }
    }

    fn item(&mut self) -> SourceItem {
        self.listed = true;
        let bytes = std::mem::take(&mut self.bytes);
        let content = ContentHash::of(&bytes);
        let mut item = SourceItem::new(&*self.key, Version(content.to_hex()), bytes.len() as u64);
        if self.size > self.max_size {
            item.version = Version::default();
            item.fault = Some(too_large(self.size, self.max_size));
        } else {
            item.content = Some(content);
        }
        item.body = Some(Body::Bytes(Bytes::from(bytes)));
        item
    }
}

#[async_trait]
impl Source for StdinDocument {
    async fn list(&mut self, cx: &Cx, _max: usize) -> Result<Listing, Fault> {
        if self.listed {
            return Ok(Listing::End(None));
        }
        loop {
            match self.pump.next(cx, IDLE).await {
                Came::Piece(piece) => self.take(&piece),
                Came::End => return Ok(Listing::Items(vec![self.item()])),
                Came::Failed(error) => return Err(input_fault(error)),
                Came::Nothing => return Ok(Listing::Quiet),
            }
        }
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(InHand)
    }
}

/// Each line that comes in, as an item.
pub struct StdinRows {
    pump: Pump,
    /// Away while lines are parsed on the compute pool.
    parsing: Option<(Rows, Lines)>,
    /// Input that no line was made of yet, and where in it to go on.
    ended: bool,
    /// Rows that may still be listed.
    left: u64,
}

impl StdinRows {
    /// Reads `input` (standard input, as a rule) as rows; compressed input is unpacked. Keys begin with
    /// [`RowOptions::prefix`], or [`STDIN`].
    ///
    /// # Errors
    /// When no thread can be started; [`FaultKind::Config`] for `stream`, because input that has gone by cannot be
    /// read again.
    pub fn new(input: impl Read + Send + 'static, options: RowOptions) -> Result<Self, Fault> {
        if options.stream {
            return Err(Fault::new(FaultKind::Config, "standard input cannot be resumed")
                .hint("write it to a file and give the path of that"));
        }
        let prefix = row_prefix(options.prefix.as_deref().unwrap_or(STDIN));
        let left = if options.limit > 0 { options.limit } else { u64::MAX };
        let rows = Rows::new(prefix, options.format, options.max_line);
        let lines = rows.lines((0, 0));
        Ok(Self { pump: Pump::start(input, true)?, parsing: Some((rows, lines)), ended: false, left })
    }

    /// Parses what is in the buffer; whether the input is at its end.
    async fn parse(&mut self, cx: &Cx, max: usize) -> Result<(Vec<SourceItem>, bool), Fault> {
        let (mut rows, mut lines) = self.take_parsing()?;
        let (parsing, items, ended) = cx
            .compute(FIRST, move || {
                let mut listed = Listed::new(max);
                let ended = rows.take(&mut lines, &mut listed, |_, _| None);
                ((rows, lines), listed.items, ended)
            })
            .await?;
        self.parsing = Some(parsing);
        Ok((items, ended?))
    }

    fn take_parsing(&mut self) -> Result<(Rows, Lines), Fault> {
        self.parsing.take().ok_or_else(|| {
            Fault::new(FaultKind::Internal, "the input was lost when an earlier step failed")
                .hint("run again")
        })
    }

    fn feed(&mut self, mut piece: &[u8]) -> Result<(), Fault> {
        let (rows, mut lines) = self.take_parsing()?;
        while !piece.is_empty() {
            lines.feed(&mut piece).map_err(input_fault)?;
        }
        self.parsing = Some((rows, lines));
        Ok(())
    }
}

#[async_trait]
impl Source for StdinRows {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        while cx.stop() == Stop::Go {
            if self.left == 0 {
                return Ok(Listing::End(None));
            }
            let (items, done) = self.parse(cx, max.min(usize::try_from(self.left).unwrap_or(max))).await?;
            if !items.is_empty() {
                self.left -= (items.len() as u64).min(self.left);
                return Ok(Listing::Items(items));
            }
            if done {
                return Ok(Listing::End(None));
            }
            if self.ended {
                continue;
            }
            match self.pump.next(cx, IDLE).await {
                Came::Piece(piece) => self.feed(&piece)?,
                Came::Failed(error) => return Err(input_fault(error)),
                Came::Nothing => return Ok(Listing::Quiet),
                Came::End => {
                    self.ended = true;
                    let (rows, mut lines) = self.take_parsing()?;
                    lines.end();
                    self.parsing = Some((rows, lines));
                }
            }
        }
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(InHand)
    }
}

/// The first `max` rows of an input, for whoever wants to see what there is without a run. What is read is gone.
///
/// # Errors
/// As reading them in a run.
pub fn peek_rows(input: impl Read, options: RowOptions, max: usize) -> Result<Vec<SourceItem>, Fault> {
    let prefix = row_prefix(options.prefix.as_deref().unwrap_or(STDIN));
    let mut rows = Rows::new(prefix, options.format, options.max_line);
    let (mut lines, mut input, mut listed) = (rows.lines((0, 0)), input, Listed::new(max));
    while !rows.take(&mut lines, &mut listed, |_, _| None)? && !listed.is_full() {
        lines.fill(&mut input).map_err(input_fault)?;
    }
    Ok(listed.items)
}

/// Input that breaks off stops the run: what came cannot be told from what should have come.
fn input_fault(error: std::io::Error) -> Fault {
    let kind = FaultKind::Config;
    Fault::new(kind, "the input breaks off").hint("check what is piped into it").cause(read_fault(error))
}
