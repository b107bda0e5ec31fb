//! CSV and TSV: each row becomes one line `header: value; header: value`.
//!
//! Names beside values make a row findable and embeddable on its own; a bare row of values is neither. Empty cells
//! are left out.

use csv::{ReaderBuilder, StringRecord};
use tidegate_core::{BlockKind, Document, Fault, FaultKind};

use crate::page::{Page, Room};

/// Longest header name and longest cell kept, in bytes. A longer cell is cut: it is data in a column, not prose.
const MAX_NAME: usize = 64;
const MAX_CELL: usize = 64 << 10;
/// Most cells of a line: each takes memory of its own. Spreadsheets end at 16,384 columns.
const MAX_CELLS: usize = 200_000;

/// Parses rows; without a `separator` the one that the first line uses most.
pub(crate) fn parse(text: &str, separator: Option<u8>, room: Room) -> Result<Document, Fault> {
    let separator = separator.unwrap_or_else(|| guess_separator(text));
    check_width(text, separator)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut page = Page::for_input(text, room);
    let mut names: Option<Vec<String>> = None;
    let mut row = StringRecord::new();
    let mut first = None;
    while reader.read_record(&mut row).map_err(malformed)? {
        match &names {
            None if looks_like_header(&row) => names = Some(row.iter().map(name).collect()),
            None => {
                names = Some(Vec::new());
                write_row(&mut page, &[], &row)?;
            }
            Some(names) => write_row(&mut page, names, &row)?,
        }
        first.get_or_insert_with(|| row.clone());
    }
    if let (true, Some(header)) = (page.blocks.is_empty(), first) {
        write_row(&mut page, &[], &header)?; // a lone header is all there is to find
    }
    Ok(page.into_document())
}

/// Refuses lines of more cells than anybody has columns, before the first is read. What is quoted counts too.
fn check_width(text: &str, separator: u8) -> Result<(), Fault> {
    for line in text.as_bytes().split(|byte| *byte == b'\n').filter(|line| line.len() > MAX_CELLS) {
        let cells = line.iter().filter(|byte| **byte == separator).count() + 1;
        if cells > MAX_CELLS {
            let message = format!("a line of {cells} cells, the limit is {MAX_CELLS}");
            return Err(
                Fault::new(FaultKind::TooLarge, message).hint("write each record on a line of its own")
            );
        }
    }
    Ok(())
}

fn malformed(error: csv::Error) -> Fault {
    let place = error.position().map_or_else(String::new, |at| format!(" on line {}", at.line()));
    Fault::new(FaultKind::Malformed, format!("malformed row{place}")).cause(error)
}

/// The separator that is most frequent outside quotes on the first line.
fn guess_separator(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut counts = [(b',', 0_u32), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in line.bytes() {
        quoted ^= byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| !quoted && *separator == byte) {
            *count += 1;
        }
    }
    // The first of equals wins, so that a single column counts as comma-separated.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| *separator)
}

/// Names are short, not empty, different, and not numbers.
fn looks_like_header(row: &StringRecord) -> bool {
    let plausible =
        |cell: &str| !cell.trim().is_empty() && cell.len() <= 200 && cell.trim().parse::<f64>().is_err();
    let filled = row.iter().filter(|cell| plausible(cell)).count();
    let numbers = row.iter().filter(|cell| cell.trim().parse::<f64>().is_ok()).count();
    filled > 0 && numbers == 0 && filled * 2 > row.len()
}

fn name(cell: &str) -> String {
    cut(cell.trim(), MAX_NAME).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write_row(page: &mut Page, names: &[String], row: &StringRecord) -> Result<(), Fault> {
    page.block(BlockKind::Row, "\n", |text| {
        let start = text.len();
        for (column, cell) in row.iter().enumerate() {
            let cell = cut(cell.trim(), MAX_CELL);
            if cell.is_empty() {
                continue;
            }
            if text.len() > start {
                text.push_str("; ");
            }
            if let Some(name) = names.get(column).filter(|name| !name.is_empty()) {
                text.push_str(name);
                text.push_str(": ");
            }
            push_flat(text, cell);
        }
        Ok(())
    })
}

/// Appends a cell with line breaks made spaces, so that a row stays a line.
fn push_flat(text: &mut String, cell: &str) {
    for (number, line) in cell.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        if number > 0 {
            text.push(' ');
        }
        text.push_str(line);
    }
}

fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, separator: Option<u8>, expect: &str) {
        let doc = parse(text, separator, Room::default()).unwrap();
        assert_eq!(doc.text, expect);
        assert_eq!(doc.blocks.len(), expect.lines().count());
    }

    #[test]
    fn rows_carry_their_names() {
        check("name,age\nAnn,41\nBob,\n", None, "name: Ann; age: 41\nname: Bob");
        check("name;note\nAnn;\"a; b\nc\"\n", None, "name: Ann; note: a; b c");
        check("a\tb\n1\t2\n", Some(b'\t'), "a: 1; b: 2");
        check("1,2\n3,4\n", None, "1; 2\n3; 4");
    }

    #[test]
    fn ragged_rows_and_lone_headers_are_kept() {
        check("a,b\n1\n1,2,3\n\n,,\n", None, "a: 1\na: 1; b: 2; 3");
        check("only,header", None, "only; header");
        check("a,b\n\"never closed, 2\n3,4", None, "a: never closed, 2 3,4");
    }

    #[test]
    fn lines_of_endless_cells_are_refused() {
        let refused = |text: &str| parse(text, None, Room::default()).unwrap_err().to_string();
        assert_eq!(refused(&"a,".repeat(200_000)), "a line of 200001 cells, the limit is 200000");
    }

    #[test]
    fn a_small_file_cannot_unfold_without_bound() {
        let wide: String = (0..4_000).map(|n| format!("{}{n},", "n".repeat(70))).collect();
        let rows = "1,".repeat(4_000) + "\n";
        let parse = |text: &str| parse(text, None, Room::default());
        let fault = parse(&format!("{wide}\n{}", rows.repeat(200))).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::TooLarge);
        let cell = format!("a,b\n{},x", "y".repeat(1 << 20));
        assert!(parse(&cell).unwrap().text.len() < 70_000);
    }
}
