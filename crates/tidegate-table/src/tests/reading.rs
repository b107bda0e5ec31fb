//! Rows as a source lists them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::data_type::{Int64Type, Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tidegate_core::{FaultKind, Position, SourceItem};

use super::doubles::{block_on, list_all};
use crate::{TableRows, TableRowsOptions, Type, write_table};

fn options() -> TableRowsOptions {
    TableRowsOptions { id: None, max_row: 1 << 20, stream: true, limit: 0, blocks: false }
}

fn rows(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|i| format!("{{\"id\":{i},\"name\":\"n{i}\"}}\n")).collect()
}

fn listed(mut source: TableRows, max: usize) -> Vec<SourceItem> {
    block_on(list_all(&mut source, max)).0
}

fn text(item: &SourceItem) -> &str {
    item.body.as_ref().and_then(|body| body.as_text()).unwrap_or_default()
}

fn file(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(name);
    write_table(&path, &Vec::new(), lines).unwrap();
    path.canonicalize().unwrap()
}

#[test]
fn every_row_is_known_by_its_number_and_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let paths =
        [file(folder.path(), "a.parquet", &rows(0..3)), file(folder.path(), "b.parquet", &rows(3..5))];
    let all = listed(TableRows::open(&paths, options()).unwrap(), 2);
    let keys: Vec<_> = all.iter().map(|item| item.key.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(keys, ["a.parquet#L1", "a.parquet#L2", "a.parquet#L3", "b.parquet#L1", "b.parquet#L2"]);
    assert_eq!(text(&all[3]), "{\"id\":3,\"name\":\"n3\"}");
    assert_eq!(all[3].fields["row"], 1);
    for (at, item) in all.iter().enumerate() {
        let mut source = TableRows::open(&paths, options()).unwrap();
        source.resume(item.position.as_ref().unwrap()).unwrap();
        let rest = listed(source, 100);
        let texts = |items: &[SourceItem]| items.iter().map(|item| text(item).to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&rest), texts(&all[at + 1..]), "{at}");
    }
}

#[test]
fn rows_in_the_middle_of_many_row_groups_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.parquet", &rows(0..300_000));
    let at = |row: u64| {
        let first = TableRows::open(std::slice::from_ref(&path), options()).unwrap().peek(1).unwrap();
        let place = first[0]
            .position
            .as_ref()
            .unwrap()
            .0
            .replace("\"l\":1,\"r\":1", &format!("\"l\":{row},\"r\":{row}"));
        let mut source = TableRows::open(std::slice::from_ref(&path), options()).unwrap();
        source.resume(&Position(place)).unwrap();
        source.peek(1).unwrap().first().map(|item| (item.key.to_string(), text(item).to_owned()))
    };
    for row in [0, 1, 131_071, 131_072, 131_073, 262_144, 299_999] {
        let (key, text) = at(row).unwrap();
        assert!(key.ends_with(&format!("#L{}", row + 1)), "{key}");
        assert_eq!(text, format!("{{\"id\":{row},\"name\":\"n{row}\"}}"));
    }
    assert_eq!(at(300_000), None);
}

#[test]
fn another_file_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.parquet", &rows(0..5));
    let place = TableRows::open(std::slice::from_ref(&path), options()).unwrap().peek(2).unwrap()[1]
        .position
        .clone()
        .unwrap();
    file(folder.path(), "a.parquet", &rows(1..6));
    let mut source = TableRows::open(&[path], options()).unwrap();
    source.resume(&place).unwrap();
    assert_eq!(source.peek(1).unwrap_err().kind(), FaultKind::Guarded);
}

#[test]
fn rows_have_ids_limits_and_a_longest() {
    let folder = tempfile::tempdir().unwrap();
    let lines = format!("{}{{\"id\":7,\"name\":\"{}\"}}\n{{\"id\":null}}\n", rows(0..2), "x".repeat(2_000));
    let path = file(folder.path(), "a.parquet", &lines);
    let open = |options| TableRows::open(std::slice::from_ref(&path), options).unwrap();
    let of = TableRowsOptions { id: Some("name".to_owned()), max_row: 1_000, ..options() };
    let all = listed(open(of), 10);
    let ends: Vec<_> = all.iter().map(|item| item.key.rsplit('#').next().unwrap().to_owned()).collect();
    assert_eq!(ends, ["n0", "n1", ":L3", ":L4"]);
    assert_eq!(all[2].fault.as_ref().unwrap().kind(), FaultKind::TooLarge);
    assert!(all[3].fault.as_ref().unwrap().to_string().contains("neither text nor a whole number"));
    assert_eq!(listed(open(TableRowsOptions { limit: 3, ..options() }), 2).len(), 3);
}

#[test]
fn a_file_that_is_none_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(folder.path(), "b.parquet", &rows(0..2));
    let whole = std::fs::read(&good).unwrap();
    let bad = folder.path().join("a.parquet");
    for (bytes, says) in [
        (&b"id,name\n1,a\n"[..], "do not end with PAR1"),
        (b"", "do not end with PAR1"),
        (&whole[..whole.len() - 20], "ends early"),
        (b"PAR1\xff\xff\xff\x7fPAR1", "claims 2147483647 bytes"),
        (b"PARE\x00\x00\x00\x00PARE", "encrypted"),
    ] {
        std::fs::write(&bad, bytes).unwrap();
        let all = listed(TableRows::open(&[bad.clone(), good.clone()], options()).unwrap(), 10);
        assert_eq!(all.len(), 3, "{says}");
        let fault = all[0].fault.as_ref().unwrap();
        assert!(fault.to_string().contains(says) && fault.hint_text().is_some(), "{fault}");
        assert!(all[0].key.ends_with("a.parquet#L1"));
    }
}

#[test]
fn columns_keep_their_types_and_zones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let zone = Some("Europe/Berlin".to_owned());
    let columns = vec![
        ("at".to_owned(), Type::Timestamp { clock: crate::Clock::MILLISECONDS, zone }),
        ("small".to_owned(), Type::Integer { bits: 16, signed: false }),
        ("many".to_owned(), Type::List(Box::new(Type::Float(32)))),
    ];
    write_table(&path, &columns, "{\"at\":\"2024-06-01T12:00:00+02:00\"}\n").unwrap();
    assert_eq!(crate::columns_of(std::slice::from_ref(&path)).unwrap(), columns);
    let rows = crate::read_table(&path).unwrap();
    assert_eq!(rows, ["{\"at\":\"2024-06-01T10:00:00Z\",\"small\":null,\"many\":null}"]);
}

/// A file whose column is of moments of 96 bits, as older writers have them.
fn of_96_bits(path: &Path, moments: &[Int96]) {
    let schema = "message m { required int64 n; optional group s { required int96 at; } }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let numbers: Vec<i64> = (0..moments.len() as i64).collect();
    column.typed::<Int64Type>().write_batch(&numbers, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let there = vec![1; moments.len()];
    column.typed::<Int96Type>().write_batch(moments, Some(&there), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn moments_of_96_bits_are_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let day = |days: i64, nanos: u64| {
        let mut moment = Int96::new();
        let days = u32::try_from(days + 2_440_588).unwrap();
        moment.set_data(nanos as u32, (nanos >> 32) as u32, days);
        moment
    };
    of_96_bits(&path, &[day(2_932_896, 86_399_999_999_000), day(0, 1_500), day(-719_528, 0)]);
    let rows = crate::read_table(&path).unwrap();
    assert_eq!(
        rows,
        [
            "{\"n\":0,\"s\":{\"at\":\"9999-12-31T23:59:59.999999\"}}",
            "{\"n\":1,\"s\":{\"at\":\"1970-01-01T00:00:00.000001\"}}",
            "{\"n\":2,\"s\":{\"at\":\"0000-01-01T00:00:00\"}}",
        ]
    );
    let (again, columns) = (folder.path().join("b.parquet"), crate::columns_of(&[path]).unwrap());
    write_table(&again, &columns, &format!("{}\n", rows.join("\n"))).unwrap();
    assert_eq!(crate::read_table(&again).unwrap(), rows);
}
