//! A door for whoever wants to feed the readers of lines with bytes of their own.

use std::collections::BTreeMap;
use std::path::Path;

use tidegate_core::{FaultKind, SourceItem};

use crate::ends::{Ends, is_blank};
use crate::guard::Policy;
use crate::key::{decode_key, encode_key};
use crate::manifest::fuzz_line;
use crate::row::{self, RowFields};
use crate::rows::{Listed, RowFormat, Rows};
use crate::table::{CellType, TableOptions};
use crate::table_text::{TableObject, TableText};

/// Reads each line of `bytes` as a line of a list of URLs and as a row, and returns how many of both were read.
///
/// # Panics
/// If a line was read as something that the rest of the program could not rely on.
#[must_use]
pub fn fuzz_lines(bytes: &[u8]) -> usize {
    let secrets = BTreeMap::new();
    let closed = Policy { private: false, any_port: false };
    let open = Policy { private: true, any_port: true };
    let named = RowFields { text: "text".to_owned(), id: Some("id".to_owned()) };
    let mut read = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        let (strict, lenient) = (fuzz_line(line, closed, &secrets), fuzz_line(line, open, &secrets));
        assert!(lenient || !strict, "what the public may fetch is refused where more is allowed");
        let rows = [row::parse(line, &RowFields::default()), row::parse(line, &named), row::parse_text(line)];
        for row in rows.iter().flatten() {
            let id = Path::new(row.id.as_deref().unwrap_or_default());
            assert_eq!(decode_key(&encode_key(id)), id, "a key stands for another row");
        }
        read += rows.iter().flatten().count() + usize::from(strict);
    }
    read
}

/// The longest row of a table that is fuzzed, in bytes.
const LONGEST: usize = 256;

/// Reads `bytes`, the first two of which say how, as a table: row by row, and by the block; how many rows were read.
///
/// # Panics
/// If both do not read the same.
#[must_use]
pub fn fuzz_table(bytes: &[u8]) -> usize {
    let [how, piece, table @ ..] = bytes else { return 0 };
    let types = vec![("b".to_owned(), CellType::Integer), ("c".to_owned(), CellType::Number)];
    let named = how & 4 != 0;
    let options = TableOptions {
        delimiter: [b',', b'\t', b';', b'|'][usize::from(how >> 6)],
        quotes: how & 1 == 0,
        header: how & 2 == 0,
        columns: if named { ["a", "b", "c"].map(str::to_owned).to_vec() } else { Vec::new() },
        types: if named { types } else { Vec::new() },
        id: None,
    };
    let Some((rows, columns)) = row_by_row(table, &options, usize::from(*piece) + 1) else { return 0 };
    let blocks = block_by_block(table, (&options, &columns), usize::from(*piece) + 1);
    assert_eq!(rows, blocks, "rows are others where they are read by the block");
    rows.iter().filter(|(.., row)| row.is_ok()).count()
}

/// A row: its line, where it begins, and what it is or why it is none.
type Read = (u64, u64, Result<String, FaultKind>);

/// The rows of a table, and its columns; `None` where those cannot be told.
fn row_by_row(table: &[u8], options: &TableOptions, piece: usize) -> Option<(Vec<Read>, Vec<String>)> {
    let mut rows = Rows::new("t#".to_owned(), RowFormat::Table(options.clone()), LONGEST);
    let (mut lines, mut listed) = (rows.lines((0, 0)), Listed::new(usize::MAX));
    let mut left = table;
    while !rows.take(&mut lines, &mut listed, |_, _| None).ok()? {
        let (now, then) = left.split_at(left.len().min(piece));
        left = then;
        if !lines.feed(&mut &now[..]).unwrap_or(false) {
            lines.end();
        }
    }
    let columns = rows.columns()?.names().into_iter().map(str::to_owned).collect();
    let number = |item: &SourceItem, name: &str| item.fields[name].as_u64().unwrap_or(u64::MAX);
    let read = |item: &SourceItem| {
        let row = match (&item.fault, &item.body) {
            (Some(fault), _) => Err(fault.kind()),
            (None, Some(body)) => Ok(body.as_text().unwrap_or_default().to_owned()),
            (None, None) => Err(FaultKind::Internal),
        };
        (number(item, "line"), number(item, "offset"), row)
    };
    Some((listed.items.iter().map(read).collect(), columns))
}

fn block_by_block(table: &[u8], (options, columns): (&TableOptions, &[String]), piece: usize) -> Vec<Read> {
    let ends = Ends::of(&RowFormat::Table(options.clone()));
    let text = TableText::new(options, columns, "t").expect("columns that were read before");
    let (mut read, mut at, mut line, mut header) = (Vec::new(), 0, 1, options.header);
    while at < table.len() {
        let (mut search, mut most) = (ends.search(), piece);
        let end = loop {
            let part = &table[at..table.len().min(at + most)];
            match search.last(part, at == 0) {
                _ if part.len() < most => break table.len(),
                Some(end) => break at + end,
                None => most += piece,
            }
        };
        let block = &table[at..end];
        for row in text.rows(block, (at == 0, header)) {
            let offset = (at + row.at) as u64;
            let mut object = TableObject::default();
            let made = match row.bytes.len() > LONGEST {
                true => Err(FaultKind::TooLarge),
                false => text.object(row.bytes, offset, &mut object).map_err(|fault| fault.kind()),
            };
            let object = made.map(|()| {
                for (name, place) in text.fields(&object) {
                    let key = format!("{}:", serde_json::json!(name));
                    assert!(object.json[..place.start].ends_with(key.as_bytes()), "{name} stands elsewhere");
                    let value = serde_json::from_slice::<serde_json::Value>(&object.json[place]);
                    assert!(value.is_ok(), "{name} is no value");
                }
                String::from_utf8(object.json).expect("text of text")
            });
            read.push((line + row.lines, offset, object));
        }
        header &= is_blank(block, at == 0);
        line += ends.lines_in(block);
        at = end;
    }
    read
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn tables_read_the_same_by_the_row_and_by_the_block(
            how in any::<[u8; 2]>(),
            table in prop::collection::vec(prop::sample::select(&b"\"\"\"\",,,\t;|\n\n\r abc1.-e\xc3\xa4\xef\xbb\xbf"[..]), 0..120),
        ) {
            let bytes = [&how[..], &table].concat();
            let _ = super::fuzz_table(&bytes);
        }

        #[test]
        fn well_formed_tables_are_read(
            how in 0_u8..4, piece in any::<u8>(),
            cells in prop::collection::vec("[a-z\"\n]{0,6}", 1..30),
        ) {
            let quoted: Vec<String> =
                cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let table = format!("a,b\n{}", quoted.iter().map(|cell| format!("{cell},x\n")).collect::<String>());
            let read = super::fuzz_table(&[&[how & 2, piece][..], table.as_bytes()].concat());
            // Without a header the names are a row.
            prop_assert_eq!(read, cells.len() + usize::from(how & 2 != 0));
        }
    }

    #[test]
    fn lines_are_counted_each_way_they_can_be_read() {
        let lines = "https://example.org/a\n{\"url\": \"https://example.org/b\", \"text\": \"a\", \"id\": 1}\nnothing";
        // Each is a row of text; the object is also a row, with and without an id; two are documents.
        assert_eq!(super::fuzz_lines(lines.as_bytes()), 3 + 2 + 2);
        assert_eq!(super::fuzz_lines(b"\xff\xfe\n{"), 1);
    }
}
