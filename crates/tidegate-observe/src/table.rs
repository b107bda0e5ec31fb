//! Columns aligned by hand: a dependency for this would be larger than all the tables.

use crate::clean::{fit, fit_end, width};
use crate::color::Paint;

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Text, to the left.
    Left,
    /// Numbers, to the right.
    Right,
    /// Paths, to the left; the end is kept when there is no room.
    Path,
    /// Free text; takes what room there is left. The last column.
    Rest,
}

/// Rows under a dimmed header, at most `columns` wide where the last column can give way. Cells must be clean.
pub(crate) fn table(header: &[(&str, Column)], rows: &[Vec<String>], columns: usize, paint: Paint) -> String {
    const GAP: usize = 2;
    let mut widths: Vec<usize> = header.iter().map(|(title, _)| width(title)).collect();
    for row in rows {
        for (cell, most) in row.iter().zip(&mut widths) {
            *most = (*most).max(width(cell));
        }
    }
    let paths = (columns / 2).max(12);
    for ((_, column), most) in header.iter().zip(&mut widths) {
        if *column == Column::Path {
            *most = (*most).min(paths);
        }
    }
    let fixed: usize =
        header.iter().zip(&widths).filter(|((_, c), _)| *c != Column::Rest).map(|(_, w)| w + GAP).sum();
    let rest = columns.saturating_sub(fixed).max(16);
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut out = String::new();
        for (cell, ((_, column), most)) in cells.zip(header.iter().zip(&widths)) {
            let cell = match column {
                Column::Path => fit_end(cell, *most),
                Column::Rest => fit(cell, rest),
                Column::Left | Column::Right => cell.into(),
            };
            let pad = " ".repeat(most.saturating_sub(width(&cell)));
            match column {
                Column::Right => out.extend([&pad, &*cell, "  "]),
                Column::Rest => out.push_str(&cell),
                Column::Left | Column::Path => out.extend([&*cell, &pad, "  "]),
            }
        }
        out.truncate(out.trim_end().len());
        out
    };
    let mut out = paint.dim(line(&mut header.iter().map(|(title, _)| *title)));
    for row in rows {
        out.push('\n');
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out.push('\n');
    out
}
