//! The cells of a sheet on their way to tables.
//!
//! Only cells that hold something take memory: a sheet may say that it has a million rows of sixteen thousand columns.

use tidegate_core::{BlockKind, Fault};

use crate::draft::{Draft, too_much_text};
use crate::flow::markdown;

/// Rows of one block of one table, at most; a table that goes on is cut here, so that no block is the whole file.
const BLOCK_ROWS: usize = 200;
/// Bytes of one block, about.
const BLOCK_BYTES: usize = 64 << 10;

/// Gathers cells row by row and writes a table for each range of rows without an empty row in it.
pub(crate) struct Grid<'d> {
    draft: &'d mut Draft,
    limit: usize,
    rows: Vec<Vec<(u32, String)>>,
    row: Vec<(u32, String)>,
    bytes: usize,
    /// The number of the last row that held something.
    last: u64,
}

impl<'d> Grid<'d> {
    pub(crate) fn new(draft: &'d mut Draft, limit: usize) -> Self {
        Self { draft, limit, rows: Vec::new(), row: Vec::new(), bytes: 0, last: 0 }
    }

    /// A cell of the current row.
    pub(crate) fn cell(&mut self, column: u32, text: &str) -> Result<(), Fault> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        self.bytes += text.len() + 3;
        if self.draft.text.len() + self.bytes > self.limit {
            return Err(too_much_text(self.limit));
        }
        self.row.push((column, text.to_owned()));
        Ok(())
    }

    /// The current row, which has this number, ends.
    pub(crate) fn end_row(&mut self, number: u64) -> Result<(), Fault> {
        if self.row.is_empty() {
            return Ok(());
        }
        let gap = number > self.last.saturating_add(1) || number <= self.last;
        if gap || self.rows.len() >= BLOCK_ROWS || self.bytes > BLOCK_BYTES {
            let row = std::mem::take(&mut self.row);
            self.flush()?;
            self.row = row;
            self.bytes = self.row.iter().map(|(_, text)| text.len() + 3).sum();
        }
        self.last = number;
        self.rows.push(std::mem::take(&mut self.row));
        Ok(())
    }

    /// Writes what is gathered.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let mut columns: Vec<u32> = rows.iter().flatten().map(|(column, _)| *column).collect();
        columns.sort_unstable();
        columns.dedup();
        if columns.len() == 1 {
            let lines: Vec<&str> = rows.iter().flatten().map(|(_, text)| text.as_str()).collect();
            return self.draft.block(BlockKind::Paragraph, &lines.join("\n"));
        }
        let text = if is_sparse(&rows, columns.len()) { lines(rows) } else { table(rows, &columns, self)? };
        self.draft.block(BlockKind::Table, &text)
    }
}

/// Whether most of a table would be empty cells: every row may have its own columns.
fn is_sparse(rows: &[Vec<(u32, String)>], columns: usize) -> bool {
    let cells: usize = rows.iter().map(Vec::len).sum();
    rows.len() * columns > 1000 + cells * 20
}

fn lines(rows: Vec<Vec<(u32, String)>>) -> String {
    let line = |row: Vec<(u32, String)>| {
        let cells: Vec<String> = row.into_iter().map(|(_, text)| text).collect();
        format!("| {} |", cells.join(" | ").replace('\n', " "))
    };
    rows.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn table(rows: Vec<Vec<(u32, String)>>, columns: &[u32], grid: &Grid<'_>) -> Result<String, Fault> {
    let full = rows.into_iter().map(|row| {
        let mut cells = vec![String::new(); columns.len()];
        for (column, text) in row {
            if let Ok(at) = columns.binary_search(&column) {
                cells[at] = text;
            }
        }
        cells
    });
    markdown(&full.collect::<Vec<_>>(), grid.draft.text.len(), grid.limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn sheet(cells: &[(u64, u32, &str)]) -> String {
        let mut draft = Draft::new(10_000);
        let mut grid = Grid::new(&mut draft, 10_000);
        for (index, (row, column, text)) in cells.iter().enumerate() {
            grid.cell(*column, text).unwrap();
            if cells.get(index + 1).is_none_or(|next| next.0 != *row) {
                grid.end_row(*row).unwrap();
            }
        }
        grid.flush().unwrap();
        draft.finish(Kind::Xlsx).unwrap().text
    }

    #[test]
    fn ranges_between_empty_rows_become_tables_without_empty_columns() {
        let text = sheet(&[(1, 0, "a"), (1, 9, "b"), (2, 9, "c"), (5, 2, "alone"), (u64::MAX, 16383, "end")]);
        assert_eq!(text, "| a | b |\n|---|---|\n|  | c |\n\nalone\n\nend");
    }

    #[test]
    fn a_diagonal_does_not_become_a_square() {
        let cells: Vec<(u64, u32, &str)> = (0..150).map(|n| (u64::from(n) + 1, n, "x")).collect();
        assert!(sheet(&cells).len() < 1000);
    }
}
