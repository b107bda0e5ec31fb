//! The rows and cells of a table, as separators between words.

/// A cell longer than this that goes on with a paragraph is layout, not data.
const LAYOUT_CELL: usize = 200;

/// An open table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Cells hold headings, lists or long prose: they are written as ordinary blocks.
    pub(crate) layout: bool,
    row_pending: bool,
    /// Separators to write before the next word.
    cells_pending: usize,
    /// Whether the current row has a cell already.
    row_has_cell: bool,
    /// Where the current cell starts in the text.
    cell_start: usize,
}

impl Table {
    /// A row begins.
    pub(crate) fn row(&mut self) {
        (self.row_pending, self.cells_pending, self.row_has_cell) = (true, 0, false);
    }

    /// A cell begins at `start` in the text.
    pub(crate) fn cell(&mut self, start: usize) {
        self.cells_pending += usize::from(std::mem::replace(&mut self.row_has_cell, true));
        self.cell_start = start;
    }

    /// Writes what separates the next word from the last, if a row or cell began between them.
    pub(crate) fn separate(&mut self, out: &mut String) -> bool {
        let (row, cells) = (self.row_pending, self.cells_pending);
        self.forget_pending();
        if self.layout || (!row && cells == 0) {
            return false;
        }
        if row {
            out.push('\n');
        }
        (0..cells).for_each(|_| out.push_str(" | "));
        self.cell_start = out.len();
        true
    }

    /// The next word starts a block of its own.
    pub(crate) fn forget_pending(&mut self) {
        self.row_pending = false;
        self.cells_pending = 0;
    }

    /// Whether the current cell, with text up to `end`, is too long to be data.
    pub(crate) fn is_long_cell(&self, end: usize) -> bool {
        end > self.cell_start + LAYOUT_CELL
    }
}
