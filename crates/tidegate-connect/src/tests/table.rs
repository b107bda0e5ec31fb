//! Tables read as rows.

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_core::{FaultKind, Listing, Position, Source as _, SourceItem};

use super::doubles::{block_on, cx, list_all};
use crate::cells::Cells;
use crate::{CellType, Jsonl, RowFormat, RowOptions, StdinRows, TableOptions, TableShape, peek_rows};

fn table(options: TableOptions) -> RowOptions {
    RowOptions { format: RowFormat::Table(options), stream: true, ..RowOptions::default() }
}

fn plain() -> RowOptions {
    table(TableOptions::default())
}

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// What an item is, in a line: its row, then its object, or its fault and what is said.
fn show(item: &SourceItem) -> String {
    let row = item.key.rsplit_once('#').unwrap().1;
    match (&item.fault, item.body.as_ref().and_then(|body| body.as_text())) {
        (Some(fault), _) => format!("{row} {}: {fault}", fault.kind().name()),
        (None, Some(text)) => format!("{row}={text}"),
        other => panic!("{other:?}"),
    }
}

fn shown(bytes: impl AsRef<[u8]>, options: RowOptions) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "in.csv", bytes);
    let (items, _) = block_on(list_all(&mut Jsonl::open(&[path], options).unwrap(), 7));
    items.iter().map(show).collect()
}

/// Why the file is not read at all.
fn refused(bytes: impl AsRef<[u8]>, options: RowOptions) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "in.csv", bytes);
    let fault = Jsonl::open(&[path], options).err().expect("it is refused");
    assert_eq!(fault.kind(), FaultKind::Config, "{fault}");
    format!("{fault}; {}", fault.hint_text().unwrap_or_default())
}

#[test]
fn rows_become_objects_with_the_columns_in_their_order() {
    let input = "\u{feff}\"name\",zip,note\r\n\r\nÅsa,01234,\"a \"\"b\"\",\r\nc\"\r\n\n\"\",,\n x ,5\",{}";
    let expected = [
        r#"L3={"name":"Åsa","zip":"01234","note":"a \"b\",\r\nc"}"#,
        r#"L6={"name":"","zip":"","note":""}"#,
        r#"L7={"name":" x ","zip":"5\"","note":"{}"}"#,
    ];
    assert_eq!(shown(input, plain()), expected);
    // The line ends of other systems.
    assert_eq!(shown("a,b\r1,2\r\r3,4\r", plain()), [r#"L2={"a":"1","b":"2"}"#, r#"L4={"a":"3","b":"4"}"#]);
    // Without a header, and with tabs.
    let options = TableOptions { header: false, delimiter: b'\t', quotes: false, ..TableOptions::default() };
    let objects = [r#"L1={"column_1":"\"a","column_2":"1,0"}"#, r#"L2={"column_1":"","column_2":""}"#];
    assert_eq!(shown("\"a\t1,0\n\t\n", table(options)), objects);
    for empty in ["", "\n\r\n", "\u{feff}", "a,b", "a,b\n"] {
        assert_eq!(shown(empty, plain()), Vec::<String>::new(), "{empty:?}");
    }
}

#[test]
fn columns_can_be_named_whatever_the_header_says() {
    let columns = vec!["x".to_owned(), "y".to_owned()];
    let named = |header| table(TableOptions { columns: columns.clone(), header, ..TableOptions::default() });
    assert_eq!(shown(",a\n1,2\n", named(true)), [r#"L2={"x":"1","y":"2"}"#]);
    assert_eq!(shown("1,2\n", named(false)), [r#"L1={"x":"1","y":"2"}"#]);
    assert!(refused("1,2,3\n", named(false)).contains("in.csv has 3 columns, and 2 are named"));
}

#[test]
fn values_are_what_somebody_says_they_are() {
    let types = [("age", CellType::Integer), ("score", CellType::Number), ("on", CellType::Boolean)];
    let types = types.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
    let options =
        || table(TableOptions { types: types.clone(), id: Some("zip".into()), ..TableOptions::default() });
    let head = "zip,age,score,on\n";
    let rows = [
        "001, 12345678901234567890123 ,1.50e+300,TRUE",
        "002,-0,-1,false",
        "003,,  ,",
        "004,1.0,,",
        "005,007,,",
        "006,,.5,",
        "007,,1e999,",
        "008,,NaN,",
        "009,,,yes",
        ",,,",
    ];
    let shown = shown(head.to_owned() + &rows.join("\n"), options());
    let starts = [
        r#"001={"zip":"001","age":12345678901234567890123,"score":1.50e+300,"on":true}"#,
        r#"002={"zip":"002","age":-0,"score":-1,"on":false}"#,
        r#"003={"zip":"003","age":null,"score":null,"on":null}"#,
        ":L5 validation: reading line 5 at byte ",
        ":L6 validation: ",
        ":L7 validation: ",
        r#"007={"zip":"007","age":null,"score":1e999,"on":null}"#,
        ":L9 validation: ",
        ":L10 validation: ",
        ":L11 malformed: ",
    ];
    for (row, start) in shown.iter().zip(starts) {
        assert!(row.starts_with(start), "{row}\n{start}");
    }
    assert!(shown[3].contains(r#"column "age" holds "1.0", which is not a whole number"#), "{}", shown[3]);
    assert!(shown[8].contains(r#"column "on" holds "yes", which is not true or false"#), "{}", shown[8]);
    assert!(
        refused("zip,Age,score,on\n", options())
            .contains(r#"has no column "age"; its columns are "zip", "Age""#)
    );
    assert!(refused("age,score,on\n", options()).contains(r#"has no column "zip""#));
}

#[test]
fn rows_at_fault_are_listed_among_the_good() {
    let input = b"a,b\n1,2\n1\n1,2,3\n\xff,2\n1,\"x\xe9\n\"\n1,2\n1,\"2\n3,4\n";
    let rows = shown(input, plain());
    let starts = [
        r#"L2={"a":"1","b":"2"}"#,
        "L3 malformed: reading line 3 at byte 8: the row has 1 fields, and the table 2 columns",
        "L4 malformed: reading line 4 at byte 10: the row has 3 fields",
        "L5 encoding: reading line 5 at byte 16: not UTF-8 at byte 16",
        "L6 encoding: reading line 6 at byte 20: not UTF-8 at byte 24",
        r#"L8={"a":"1","b":"2"}"#,
        "L9 malformed: reading line 9 at byte 32: quotes that are never closed",
    ];
    assert_eq!(rows.len(), starts.len(), "{rows:#?}");
    for (row, start) in rows.iter().zip(starts) {
        assert!(row.starts_with(start), "{row}\n{start}");
    }
}

#[test]
fn headers_that_tell_no_columns_apart_are_refused() {
    for (input, said) in [
        ("a,,b\n1,2,3\n", "column 2 of "),
        ("a,b,a\n", "columns 1 and 3 of "),
        ("a,\"b\n1,2\n", "never closes its quotes"),
    ] {
        let refused = refused(input, plain());
        assert!(refused.contains(said) && refused.contains("[input]"), "{refused}");
    }
    let wide: Vec<u8> = "a,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refused([b"\xff\xfe", &wide[..]].concat(), plain()).contains("is not UTF-8; convert the file"));
    let limited = RowOptions { max_line: 5, ..plain() };
    assert!(refused("abc,def\n1,2\n", limited).contains("takes 7 bytes, more than the limit of 5"));
}

#[test]
fn hostile_tables_are_read_in_bounded_memory() {
    // Quotes that are never closed, over 64 MB: one row, put aside with its beginning.
    let limited = RowOptions { max_line: 1 << 16, ..plain() };
    let mut lines = crate::rows::Rows::new("x#".into(), limited.format, 1 << 16).lines((0, 0));
    let mut reader = io::Cursor::new("a,b\n1,\"").chain(io::repeat(b'\n').take(64 << 20));
    let mut seen = Vec::new();
    loop {
        match lines.next() {
            crate::lines::Next::Line(line) => seen.push((line.bytes.len(), line.too_long, line.number)),
            crate::lines::Next::More => lines.fill(&mut reader).unwrap(),
            crate::lines::Next::End => break,
        }
        assert!(lines.capacity() <= (1 << 16) + (512 << 10), "{}", lines.capacity());
    }
    seen.truncate(3);
    assert_eq!(seen, [(3, None, 1), (4096, Some((64 << 20) + 3), 2)]);
    assert_eq!(lines.position().1, 1 + (64 << 20));
    // A header of a megabyte, a hundred thousand columns, and bytes that are no text elsewhere.
    let name = "n".repeat(1 << 20);
    assert_eq!(shown(format!("{name}\nx\n"), plain()), [format!("L2={{\"{name}\":\"x\"}}")]);
    let header: Vec<String> = (0..100_000).map(|column| format!("c{column}")).collect();
    let input = format!("{}\n{}\n1\n", header.join(","), ",".repeat(99_999));
    let rows = shown(input, plain());
    assert!(
        rows[0].ends_with(r#","c99999":""}"#) && rows[1].contains("1 fields, and the table 100000 columns")
    );
    assert_eq!(
        shown("a\0,b\n\0\0,\x7f\n", plain()),
        ["L2={\"a\\u0000\":\"\\u0000\\u0000\",\"b\":\"\u{7f}\"}"]
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn resume(path: &Path, position: &Position) -> Result<Vec<String>, FaultKind> {
    let mut source = Jsonl::open(&[path.to_owned()], plain()).map_err(|fault| fault.kind())?;
    source.resume(position).map_err(|fault| fault.kind())?;
    let mut all = Vec::new();
    loop {
        match source.list(&cx(), 2).await.map_err(|fault| fault.kind())? {
            Listing::Items(items) => all.extend(items.iter().map(show)),
            Listing::End(_) => return Ok(all),
            Listing::Quiet | Listing::Covered(_) => {}
        }
    }
}

#[tokio::test]
async fn reading_goes_on_behind_any_row() {
    let input = "h,\"i\nj\"\n1,2\r\n\n\"3\n\",4\n5,6\r7,8\n9,10\n";
    for packed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let pack = |text: &str| if packed { gzip(text.as_bytes()) } else { text.as_bytes().to_vec() };
        let path = write(dir.path(), "in.csv", pack(input));
        let (items, _) = list_all(&mut Jsonl::open(std::slice::from_ref(&path), plain()).unwrap(), 3).await;
        assert_eq!(items.len(), 5);
        let appended = write(dir.path(), "in.csv", pack(&format!("{input}11,12\n")));
        let last = r#"L10={"h":"11","i\nj":"12"}"#.to_owned();
        for (at, item) in items.iter().enumerate() {
            let mut expected: Vec<String> = items[at + 1..].iter().map(show).collect();
            expected.push(last.clone());
            let position = item.position.as_ref().unwrap();
            assert_eq!(resume(&appended, position).await.unwrap(), expected, "from row {at}");
        }
        let other = write(dir.path(), "in.csv", pack(&input.replace("1,2", "1,3")));
        let position = items[2].position.as_ref().unwrap();
        assert_eq!(resume(&other, position).await.unwrap_err(), FaultKind::Guarded);
    }
    // A last row without its line end may not have been whole: what follows on it is no row of its own.
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "in.csv", "a\n1");
    let (items, _) = list_all(&mut Jsonl::open(std::slice::from_ref(&path), plain()).unwrap(), 3).await;
    write(dir.path(), "in.csv", "a\n1\n2\n");
    assert_eq!(resume(&path, items[0].position.as_ref().unwrap()).await.unwrap_err(), FaultKind::Guarded);
}

#[tokio::test]
async fn standard_input_is_a_table_too() {
    let options = || RowOptions { stream: false, ..plain() };
    let mut source = StdinRows::new(io::Cursor::new(gzip(b"a,b\n1,\"2\n3\"\n4,5")), options()).unwrap();
    let (items, _) = list_all(&mut source, 1).await;
    let rows: Vec<String> = items.iter().map(show).collect();
    assert_eq!(rows, [r#"L2={"a":"1","b":"2\n3"}"#, r#"L4={"a":"4","b":"5"}"#]);
    assert_eq!(peek_rows(&b"a,b\n1,2\n3,4\n"[..], options(), 1).unwrap().len(), 1);
    let fault = peek_rows(&b"a,a\n1,2\n"[..], options(), 1).unwrap_err();
    assert!(
        fault.kind() == FaultKind::Config && fault.to_string().contains("columns 1 and 2 of stdin"),
        "{fault}"
    );
}

/// Hands out bytes in pieces of given sizes.
struct Chunked<'a> {
    bytes: &'a [u8],
    plan: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl Read for Chunked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = *self.plan.next().unwrap();
        let size = size.min(into.len());
        self.bytes.read(&mut into[..size])
    }
}

/// The rows of a table as objects, wherever its bytes are cut.
fn objects(bytes: &[u8], sizes: &[usize], options: &TableOptions) -> Vec<Result<Value, FaultKind>> {
    let format = RowFormat::Table(options.clone());
    let input = Chunked { bytes, plan: sizes.iter().cycle() };
    let options = RowOptions { format, ..RowOptions::default() };
    let items = peek_rows(input, options, usize::MAX).unwrap_or_default();
    let object = |item: &SourceItem| match (&item.fault, item.body.as_ref().and_then(|body| body.as_text())) {
        (None, Some(text)) => Ok(serde_json::from_str(text).expect("rows are objects")),
        (fault, _) => Err(fault.as_ref().expect("a row or a fault").kind()),
    };
    items.iter().map(object).collect()
}

proptest! {
    #[test]
    fn a_table_reads_the_same_wherever_it_is_cut(
        bytes in proptest::collection::vec(
            prop_oneof![
                Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xef), Just(0xbb), Just(0xbf),
            ],
            0..60,
        ),
        sizes in proptest::collection::vec(1usize..9, 1..9),
    ) {
        let options = TableOptions { header: false, ..TableOptions::default() };
        let whole = objects(&bytes, &[1 << 20], &options);
        prop_assert_eq!(objects(&bytes, &sizes, &options), whole.clone());
        // As the library reads it, but for rows that are put aside here.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        if let Ok(text) = std::str::from_utf8(text)
            && whole.iter().all(Result::is_ok)
        {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> =
                reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
            let got: Vec<Vec<String>> = whole
                .iter()
                .map(|row| {
                    let row = row.as_ref().unwrap().as_object().unwrap();
                    (1..=row.len()).map(|at| row[&format!("column_{at}")].as_str().unwrap().to_owned()).collect()
                })
                .collect();
            prop_assert!(whole.is_empty() || got == expected, "{got:?} {expected:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again(
        names in proptest::collection::btree_set(".{1,6}", 1..5),
        rows in proptest::collection::vec(proptest::collection::vec(prop_oneof![".{0,8}", "[\",\r\n\t;]{0,4}"], 4), 1..6),
        delimiter in prop_oneof![Just(b','), Just(b'\t'), Just(b';')],
        sizes in proptest::collection::vec(1usize..40, 1..5),
    ) {
        // A byte order mark at the very beginning is one.
        prop_assume!(!names.iter().next().unwrap().starts_with('\u{feff}'));
        let objects_in: Vec<Value> = rows
            .iter()
            .map(|row| Value::Object(names.iter().cloned().zip(row.iter().map(|cell| json!(cell))).collect()))
            .collect();
        let shape = TableShape { delimiter, columns: Vec::new(), also: Vec::new() };
        let cells = Cells::beginning_with(&objects_in[0].to_string(), &shape).unwrap();
        let mut table = Vec::new();
        cells.header(&mut table);
        for object in &objects_in {
            cells.put(&object.to_string(), &mut table).unwrap();
        }
        let options = TableOptions { delimiter, ..TableOptions::default() };
        let read: Vec<Value> = objects(&table, &sizes, &options).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(read, objects_in);
    }
}
