//! What a Parquet file claims of itself, measured before anything is made of it.
//!
//! Whoever reads Parquet makes room for what the footer and the heads of pages announce. A file of a hundred bytes may
//! announce terabytes, columns within columns without end, or pages that unpack to a thousand times their size; and a
//! file that was cut or damaged announces whatever its bytes happen to say. So both are walked first ([`crate::thrift`])
//! and held against bounds that honest files keep.
//!
//! The layout: <https://parquet.apache.org/docs/file-format/metadata/>.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use tidegate_core::{Fault, FaultKind};

use crate::thrift::{Broken, Met, Walk};

/// The largest footer, in bytes.
const FOOTER: u64 = 64 << 20;
/// The most columns, those within structures counted.
const COLUMNS: usize = 4_096;
/// Structures and lists within each other, at most.
const DEEPEST: usize = 64;
/// The longest value of a column whose values are all of one length, in bytes: rows of it are unpacked by the thousand.
const WIDEST: i64 = 64 << 10;
/// The largest page when unpacked, in bytes.
const PAGE: u64 = 256 << 20;
/// The most memory that the pages of a row group may take that are unpacked at once: one of each column, and its
/// dictionary.
const UNPACKED: u64 = 1 << 30;
/// The most values of a page of a column of lists: they may belong to a single row.
const VALUES: i64 = 16 << 20;
/// The largest head of a page, in bytes; it holds the least and the largest value.
const HEAD: usize = 16 << 20;
/// What is read of a head at first.
const GLANCE: usize = 4 << 10;

const MAGIC: &[u8; 4] = b"PAR1";
const ENCRYPTED: &[u8; 4] = b"PARE";

/// A fault of the file itself.
pub(crate) fn damaged(what: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Malformed, what.into())
        .hint("fetch or write the file again; rows that were read from it are kept")
}

fn beyond(what: String) -> Fault {
    Fault::new(FaultKind::TooLarge, what)
        .hint("write the file anew with smaller pages and row groups, and only the columns that are needed")
}

/// Whether the footer may be built: what it announces is there and within bounds.
///
/// # Errors
/// The file's fault; [`std::io::Error`] where it cannot be read.
pub(crate) fn footer(file: &File) -> io::Result<Result<(), Fault>> {
    let size = file.metadata()?.len();
    let mut head = [0; 4];
    let mut end = [0; 8];
    if size < 12 {
        return Ok(Err(no_parquet(size)));
    }
    file.read_exact_at(&mut head, 0)?;
    file.read_exact_at(&mut end, size - 8)?;
    let [length @ .., _, _, _, _] = end;
    if end[4..] == *ENCRYPTED || head == *ENCRYPTED {
        let fault = Fault::new(FaultKind::Unsupported, "the file is encrypted");
        return Ok(Err(fault.hint("write it anew without encryption")));
    }
    if end[4..] != *MAGIC {
        let cut = head == *MAGIC;
        return Ok(Err(if cut {
            damaged("the file ends early, before its footer")
        } else {
            no_parquet(size)
        }));
    }
    let length = u64::from(u32::from_le_bytes(length));
    if length > size - 12 {
        return Ok(Err(damaged(format!("the footer claims {length} bytes of a file of {size}"))));
    }
    if length > FOOTER {
        return Ok(Err(beyond(format!("a footer of {length} bytes, more than the limit of {FOOTER}"))));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, size - 8 - length)?;
    Ok(schema(&bytes))
}

fn no_parquet(size: u64) -> Fault {
    Fault::new(FaultKind::Malformed, format!("no Parquet file: its {size} bytes do not end with PAR1"))
        .hint("name files of other formats in a run of their own")
}

/// What the schema in a footer comes to.
#[derive(Default)]
struct Tree {
    elements: usize,
    /// For each open group, how many of its members are still to come.
    open: Vec<i64>,
    deepest: usize,
    widest: i64,
}

impl Tree {
    /// A member of the schema begins: it counts as one of its group.
    fn element(&mut self) -> bool {
        self.elements += 1;
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
        if let Some(left) = self.open.last_mut() {
            *left -= 1;
        }
        self.elements <= 2 * COLUMNS
    }

    fn group(&mut self, members: i64) {
        self.open.push(members);
        self.deepest = self.deepest.max(self.open.len());
    }
}

/// The fields of a footer that are looked at: the schema, its members' lengths and members, and a row group's columns.
const SCHEMA: &[i16] = &[2];
const WIDTH: &[i16] = &[2, 2];
const MEMBERS: &[i16] = &[2, 5];
const CHUNKS: &[i16] = &[4, 1];

fn schema(footer: &[u8]) -> Result<(), Fault> {
    let mut tree = Tree::default();
    let walked = Walk::new(footer).structure(&mut |path, met| {
        match (path, met) {
            (SCHEMA, Met::Structure) => return tree.element(),
            (CHUNKS, Met::List(size)) => return size <= 4 * COLUMNS as u64,
            (MEMBERS, Met::Number(0)) => {}
            (MEMBERS, Met::Number(members)) => {
                tree.group(members);
                return members > 0 && members <= 4 * COLUMNS as i64 && tree.open.len() <= DEEPEST;
            }
            (WIDTH, Met::Number(width)) => tree.widest = tree.widest.max(width),
            _ => {}
        }
        true
    });
    if tree.deepest > DEEPEST {
        return Err(Fault::new(
            FaultKind::TooDeep,
            format!("columns within each other more than {DEEPEST} deep"),
        )
        .hint("write the file anew with what is nested as text"));
    }
    if tree.elements > 2 * COLUMNS {
        return Err(beyond(format!("more than {COLUMNS} columns")));
    }
    if tree.widest > WIDEST {
        return Err(beyond(format!("values of {} bytes each, more than {WIDEST}", tree.widest)));
    }
    match walked {
        Ok(_) if tree.elements > 1 => Ok(()),
        Ok(_) => Err(damaged("the file has no columns")),
        Err(_) => Err(damaged("the footer is damaged")),
    }
}

/// Whether a row group may be read: every page of it is there and within bounds, and holds as many rows as announced.
///
/// # Errors
/// The file's fault; [`std::io::Error`] where it cannot be read.
pub(crate) fn row_group(file: &File, group: &RowGroupMetaData) -> io::Result<Result<(), Fault>> {
    let size = file.metadata()?.len();
    let mut unpacked = 0_u64;
    for column in group.columns() {
        let pages = match chunk(column, size).map(|range| pages(file, column, range)) {
            Ok(pages) => pages?,
            Err(fault) => Err(fault),
        };
        let pages = match pages {
            Ok(pages) => pages,
            Err(fault) => {
                return Ok(Err(fault.during(format!("column {:?}", column.column_path().string()))));
            }
        };
        if column.column_descr().max_rep_level() == 0 && pages.values != group.num_rows() {
            let (has, rows) = (pages.values, group.num_rows());
            let name = column.column_path().string();
            return Ok(Err(damaged(format!(
                "column {name:?} has {has} values where {rows} rows are announced"
            ))));
        }
        unpacked = unpacked.saturating_add(pages.largest + pages.dictionary);
        if unpacked > UNPACKED {
            return Ok(Err(beyond(format!(
                "a row group whose pages take more than {UNPACKED} bytes at once"
            ))));
        }
    }
    Ok(Ok(()))
}

/// Where the pages of a column lie.
fn chunk(column: &ColumnChunkMetaData, size: u64) -> Result<(u64, u64), Fault> {
    if column.file_path().is_some() {
        return Err(Fault::new(FaultKind::Unsupported, "its values lie in another file")
            .hint("name that file, or write one file anew"));
    }
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let (Ok(start), Ok(length)) = (u64::try_from(start), u64::try_from(column.compressed_size())) else {
        return Err(damaged("its pages lie before the file"));
    };
    match start.checked_add(length) {
        Some(end) if end <= size => Ok((start, length)),
        _ => Err(damaged("its pages lie beyond the end of the file")),
    }
}

/// What the pages of a column come to.
#[derive(Default)]
struct Pages {
    values: i64,
    /// The largest page, and the dictionary, in bytes when unpacked.
    largest: u64,
    dictionary: u64,
}

fn pages(
    file: &File,
    column: &ColumnChunkMetaData,
    (start, length): (u64, u64),
) -> io::Result<Result<Pages, Fault>> {
    let repeats = column.column_descr().max_rep_level() > 0;
    let (mut at, end) = (start, start + length);
    let mut pages = Pages::default();
    while at < end {
        let page = match page(file, (at, end))? {
            Ok(page) => page,
            Err(fault) => return Ok(Err(fault)),
        };
        let body = at + page.head;
        let within = u64::try_from(page.packed).ok().filter(|packed| *packed <= end - body);
        let (Some(packed), Ok(unpacked)) = (within, u64::try_from(page.unpacked)) else {
            return Ok(Err(damaged(format!("the page at byte {at} claims more than its column has"))));
        };
        if unpacked > PAGE || (repeats && page.values > VALUES) {
            let values = page.values;
            return Ok(Err(beyond(format!("a page of {unpacked} bytes and {values} values when unpacked"))));
        }
        if page.dictionary {
            pages.dictionary = pages.dictionary.max(unpacked);
        } else {
            pages.largest = pages.largest.max(unpacked);
            pages.values = pages.values.saturating_add(page.values);
        }
        at = body + packed;
    }
    Ok(Ok(pages))
}

/// The head of a page.
#[derive(Default)]
struct Page {
    head: u64,
    packed: i64,
    unpacked: i64,
    values: i64,
    dictionary: bool,
}

fn page(file: &File, (at, end): (u64, u64)) -> io::Result<Result<Page, Fault>> {
    let left = usize::try_from(end - at).unwrap_or(usize::MAX);
    let mut glance = GLANCE.min(left);
    loop {
        let mut bytes = vec![0; glance];
        file.read_exact_at(&mut bytes, at)?;
        match head(&bytes) {
            Ok(page) => return Ok(Ok(page)),
            Err(Broken::Short) if glance < left.min(HEAD) => glance = (glance * 16).min(left).min(HEAD),
            Err(_) => return Ok(Err(damaged(format!("the page at byte {at} has no head that can be read")))),
        }
    }
}

fn head(bytes: &[u8]) -> Result<Page, Broken> {
    let mut page = Page { packed: -1, unpacked: -1, ..Page::default() };
    let length = Walk::new(bytes).structure(&mut |path, met| {
        match (path, met) {
            ([2], Met::Number(number)) => page.unpacked = number,
            ([3], Met::Number(number)) => page.packed = number,
            // The values of a data page of either version; those of a dictionary are counted by its pages.
            ([5 | 8, 1], Met::Number(number)) => page.values = number,
            ([7], Met::Structure) => page.dictionary = true,
            _ => {}
        }
        page.values >= 0
    })?;
    page.head = length as u64;
    Ok(page)
}
