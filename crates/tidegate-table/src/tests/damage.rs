//! Files that are damaged, cut, or made to do harm.

use std::path::Path;

use tidegate_core::{Fault, FaultKind};

use crate::{Columns, Type, read_table, write_table};

/// Numbers without order that are the same each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

fn whole(path: &Path) -> Vec<u8> {
    let columns: Columns = vec![
        ("d".to_owned(), Type::named("decimal(12,3)").unwrap()),
        ("t".to_owned(), Type::named("timestamp").unwrap()),
    ];
    let lines: String = (0..200)
        .map(|i| format!("{{\"d\":{i}.125,\"t\":\"2024-01-01T00:00:{:02}Z\",\"s\":\"text {}\",\"l\":[{i},null],\"o\":{{\"a\":{i}.5,\"b\":[[\"x\"]]}}}}\n", i % 60, i % 7))
        .collect();
    write_table(path, &columns, &lines).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_thousand_flipped_bits_cost_rows_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let whole = whole(&path);
    let mut draws = Draws(7);
    let mut refused = 0;
    for _ in 0..1_000 {
        let mut bytes = whole.clone();
        let at = draws.below(bytes.len());
        bytes[at] ^= 1 << draws.below(8);
        std::fs::write(&path, &bytes).unwrap();
        match read_table(&path) {
            Ok(rows) => assert!(rows.len() <= 200, "{} rows at byte {at}", rows.len()),
            Err(fault) => {
                refused += 1;
                assert!(fault.hint_text().is_some(), "{fault}");
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

/// Stretches are taken out, written over, doubled and swapped; numbers become others.
#[test]
fn a_file_that_is_mangled_costs_rows_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let whole = whole(&path);
    let mut draws = Draws(13);
    let mut read = 0;
    for round in 0..600 {
        let mut bytes = whole.clone();
        for _ in 0..=draws.below(3) {
            let from = draws.below(bytes.len());
            let to = (from + draws.below(64)).min(bytes.len());
            match draws.below(4) {
                0 => drop(bytes.drain(from..to)),
                1 => bytes[from..to].fill([0, 0xff, 0x80, 0x7f][draws.below(4)]),
                2 => {
                    let other = whole[from.min(whole.len())..to.min(whole.len())].to_vec();
                    bytes.splice(from..from, other);
                }
                _ => bytes[from..to].reverse(),
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        match read_table(&path) {
            Ok(rows) => {
                read += 1;
                assert!(rows.len() <= 200, "{} rows in round {round}", rows.len());
                assert!(rows.iter().all(|row| serde_json::from_str::<serde_json::Value>(row).is_ok()));
            }
            Err(fault) => assert!(fault.hint_text().is_some(), "{fault}"),
        }
    }
    assert!((1..600).contains(&read), "{read}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let whole = whole(&path);
    let mut draws = Draws(11);
    for _ in 0..200 {
        std::fs::write(&path, &whole[..draws.below(whole.len())]).unwrap();
        let fault = read_table(&path).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Malformed, "{fault}");
    }
}

/// Fields of a structure in Thrift's compact protocol.
#[derive(Default, Clone)]
struct Fields {
    bytes: Vec<u8>,
    last: i16,
}

impl Fields {
    fn head(mut self, number: i16, kind: u8) -> Self {
        self.bytes.push(((number - self.last) as u8) << 4 | kind);
        self.last = number;
        self
    }

    fn varint(mut self, mut number: u64) -> Self {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
        self
    }

    fn number(self, field: i16, number: i64) -> Self {
        self.head(field, 6).varint(((number << 1) ^ (number >> 63)) as u64)
    }

    fn small(self, field: i16, number: i64) -> Self {
        self.head(field, 5).varint(((number << 1) ^ (number >> 63)) as u64)
    }

    fn text(self, field: i16, text: &str) -> Self {
        let mut text_of = self.head(field, 8).varint(text.len() as u64);
        text_of.bytes.extend_from_slice(text.as_bytes());
        text_of
    }

    fn structure(self, field: i16, of: Fields) -> Self {
        let mut all = self.head(field, 12);
        all.bytes.extend(of.end());
        all
    }

    fn list(self, field: i16, of: &[Fields]) -> Self {
        let mut all = self.head(field, 9);
        all.bytes.push(0xfc);
        all = all.varint(of.len() as u64);
        of.iter().for_each(|one| all.bytes.extend(one.clone().end()));
        all
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn group(name: &str, members: i64) -> Fields {
    Fields::default().small(3, 1).text(4, name).small(5, members)
}

/// A column of whole numbers of 64 bits, none of them missing.
fn leaf(name: &str) -> Fields {
    Fields::default().small(1, 2).small(3, 0).text(4, name)
}

/// A row group with one column of `rows` numbers, whose page lies at byte 4 and takes `packed` bytes.
fn row_group(rows: i64, packed: i64) -> Fields {
    let mut meta = Fields::default().small(1, 2);
    meta = meta.head(2, 9);
    meta.bytes.extend([0x15, 0]); // plain
    meta = meta.head(3, 9);
    meta.bytes.extend([0x18, 1, b'a']);
    let meta = meta.small(4, 0).number(5, rows).number(6, packed).number(7, packed).number(9, 4);
    let chunk = Fields::default().number(2, 4).structure(3, meta);
    Fields::default().list(1, &[chunk]).number(2, packed).number(3, rows)
}

fn page(unpacked: i64, packed: i64, values: i64) -> Vec<u8> {
    let data = Fields::default().small(1, values).small(2, 0).small(3, 3).small(4, 3);
    Fields::default().small(1, 0).small(2, unpacked).small(3, packed).structure(5, data).end()
}

fn made(pages: &[u8], footer: Fields) -> Vec<u8> {
    let footer = footer.end();
    let length = (footer.len() as u32).to_le_bytes();
    [b"PAR1", pages, &footer, &length, b"PAR1"].concat()
}

fn footer(schema: &[Fields], rows: i64, groups: &[Fields]) -> Fields {
    Fields::default().small(1, 1).list(2, schema).number(3, rows).list(4, groups)
}

fn refused(bytes: &[u8]) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    std::fs::write(&path, bytes).unwrap();
    let fault = read_table(&path).unwrap_err();
    assert!(fault.hint_text().is_some(), "{fault}");
    fault
}

#[test]
fn what_is_made_by_hand_is_read_where_it_is_true() {
    let numbers = [1_i64, 2, 3].iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let pages = [page(24, 24, 3), numbers].concat();
    let bytes = made(&pages, footer(&[group("root", 1), leaf("a")], 3, &[row_group(3, pages.len() as i64)]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(read_table(&path).unwrap(), ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
}

#[test]
fn claims_beyond_the_file_are_refused_before_room_is_made_for_them() {
    let plain = [group("root", 1), leaf("a")];
    // 2^40 rows of a page that holds three.
    let pages = [page(24, 24, 3), vec![0; 24]].concat();
    let many = made(&pages, footer(&plain, 1 << 40, &[row_group(1 << 40, pages.len() as i64)]));
    assert!(
        refused(&many).to_string().contains("has 3 values where 1099511627776 rows"),
        "{}",
        refused(&many)
    );
    // A page that says it unpacks to 2 GB.
    let bomb = [page(2_000_000_000, 24, 3), vec![0; 24]].concat();
    let bomb = made(&bomb, footer(&plain, 3, &[row_group(3, bomb.len() as i64)]));
    assert_eq!(refused(&bomb).kind(), FaultKind::TooLarge);
    // Pages beyond the end, before the beginning, and a page larger than its column.
    for (packed, page) in [(1 << 40, page(24, 24, 3)), (-1, page(24, 24, 3)), (30, page(24, 24_000, 3))] {
        let bytes = made(&[page, vec![0; 24]].concat(), footer(&plain, 3, &[row_group(3, packed)]));
        assert_eq!(refused(&bytes).kind(), FaultKind::Malformed);
    }
    // Lists that say they have two thousand million elements.
    for field in [2, 4, 5] {
        let mut lies = Fields::default().small(1, 1).head(field, 9);
        lies.bytes.push(0xfc);
        let bytes = made(&[], lies.varint(2_000_000_000));
        assert_eq!(refused(&bytes).kind(), FaultKind::Malformed);
    }
}

#[test]
fn columns_without_end_are_refused() {
    let wide: Vec<Fields> =
        std::iter::once(group("root", 10_000)).chain((0..10_000).map(|i| leaf(&format!("c{i}")))).collect();
    let fault = refused(&made(&[], footer(&wide, 0, &[])));
    assert!(fault.to_string().contains("more than 4096 columns"), "{fault}");
    let mut deep: Vec<Fields> = (0..100_000).map(|_| group("g", 1)).collect();
    deep.push(leaf("a"));
    let fault = refused(&made(&[], footer(&deep, 0, &[])));
    assert_eq!(fault.kind(), FaultKind::TooDeep, "{fault}");
    assert!(
        refused(&made(&[], footer(&[group("root", 0)], 1 << 40, &[]))).to_string().contains("no columns")
    );
    let twice = [group("root", 2), leaf("a"), leaf("a")];
    assert!(refused(&made(&[], footer(&twice, 0, &[]))).to_string().contains("two columns called"));
}
