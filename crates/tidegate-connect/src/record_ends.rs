//! Where the rows of a table end: a line feed within quotes ends none.

/// Bytes of fields thrown away at a time, and fields: only the ends of rows are sought here.
const SCRATCH: usize = 1 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Finds where rows end, in pieces of any size.
pub(crate) struct RecordEnds {
    reader: csv_core::Reader,
    /// Whether part of the row that is looked for was seen.
    begun: bool,
    /// Whether a byte order mark may still come.
    fresh: bool,
    text: Box<[u8; SCRATCH]>,
    ends: Box<[usize; SCRATCH]>,
}

/// What was found in a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A row that ends here, without its line end, and where the next one begins.
    End(usize, usize),
    /// No end. So many bytes need not be seen again.
    More(usize),
}

impl RecordEnds {
    /// Looks for rows as `reader` sees them. `fresh` says that they stand at the beginning of the stream.
    pub(crate) fn new(mut reader: csv_core::Reader, fresh: bool) -> Self {
        prime(&mut reader);
        Self { reader, begun: false, fresh, text: Box::new([0; SCRATCH]), ends: Box::new([0; SCRATCH]) }
    }

    /// Goes on in `piece`, which begins where the last one was left; `last` says that nothing follows.
    pub(crate) fn find(&mut self, piece: &[u8], last: bool) -> Found {
        let mut at = 0;
        if !self.begun {
            match self.begin(piece, last) {
                Ok(begins) => at = begins,
                Err(found) => return found,
            }
        }
        // A carriage return may be half a line end.
        let whole = if !last && piece.ends_with(b"\r") { piece.len() - 1 } else { piece.len() };
        while at < whole {
            self.begun = true;
            let (result, read, ..) =
                self.reader.read_record(&piece[at..whole], &mut self.text[..], &mut self.ends[..]);
            at += read;
            if matches!(result, csv_core::ReadRecordResult::Record) {
                self.begun = false;
                let feed = piece[at - 1] == b'\r' && piece.get(at) == Some(&b'\n');
                return Found::End(at - 1, at + usize::from(feed));
            }
        }
        Found::More(at)
    }

    /// Where a row begins, past a byte order mark; or the end of a blank line.
    fn begin(&mut self, piece: &[u8], last: bool) -> Result<usize, Found> {
        let mut at = 0;
        if self.fresh {
            if piece.len() < BOM.len() && BOM.starts_with(piece) && !last {
                return Err(Found::More(0));
            }
            self.fresh = false;
            at = if piece.starts_with(BOM) { BOM.len() } else { 0 };
        }
        match piece.get(at..).unwrap_or_default() {
            [b'\r', b'\n', ..] => Err(Found::End(at, at + 2)),
            [b'\r'] if !last => {
                // The mark, if there was one, is part of what is seen again.
                self.fresh = at > 0;
                Err(Found::More(0))
            }
            [b'\r' | b'\n', ..] => Err(Found::End(at, at + 1)),
            _ => Ok(at),
        }
    }
}

/// Makes a reader take a byte order mark for what it is: only the first bytes of a stream are one, and those are dealt with
/// by whoever sees the stream.
pub(crate) fn prime(reader: &mut csv_core::Reader) {
    let _ = reader.read_record(b"\n", &mut [0], &mut [0]);
}
