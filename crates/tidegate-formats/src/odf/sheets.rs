//! OpenDocument spreadsheets.

use tidegate_core::{BlockKind, Fault};

use crate::budget::Budget;
use crate::draft::Draft;
use crate::grid::Grid;
use crate::xml::{Node, Tag, Xml};

/// A cell or row that holds something and repeats is written this often at most; more is a formatted column.
const MOST_REPEATS: u32 = 100;

/// Reads the tables of a spreadsheet. Cells are read as they are shown.
pub(super) fn read(text: &str, draft: &mut Draft, budget: &mut Budget<'_>) -> Result<(), Fault> {
    let max_nesting = budget.limits.max_nesting;
    let mut xml = Xml::new(text, max_nesting);
    let mut number = 0_u32;
    while let Some(node) = xml.next()? {
        let Node::Open(tag) = node else { continue };
        match tag.name() {
            "table" => {
                number += 1;
                budget.pages(number as usize, "sheets")?;
                let name = tag.attr("name").unwrap_or_default();
                budget.doing(&format!("sheet {number}, {name}"));
                let before = draft.len();
                draft.page(number, Some(&name));
                draft.block(BlockKind::Heading(2), &name)?;
                let limit = budget.output_left();
                let mut sheet = Sheet { grid: Grid::new(draft, limit), row: 0, column: 0 };
                sheet.read(&mut xml)?;
                draft.drop_lone_heading(before);
            }
            "automatic-styles" | "font-face-decls" | "tracked-changes" => xml.skip()?,
            _ => {}
        }
    }
    Ok(())
}

struct Sheet<'d> {
    grid: Grid<'d>,
    row: u64,
    column: u32,
}

impl Sheet<'_> {
    fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Fault> {
        let mut cells: Vec<(u32, String)> = Vec::new();
        let mut repeat = 1;
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) => match tag.name() {
                    "table-row" => {
                        repeat = tag.number::<u32>("number-rows-repeated").unwrap_or(1).max(1);
                        self.column = 0;
                        cells.clear();
                    }
                    "table-cell" | "covered-table-cell" => self.cell(&tag, xml, &mut cells)?,
                    "shapes" | "annotation" | "forms" => xml.skip()?,
                    _ => {}
                },
                Node::Close(name) => match name.name() {
                    "table-row" => self.end_row(&cells, repeat)?,
                    "table" => break,
                    _ => {}
                },
                Node::Text(_) => {}
            }
        }
        self.grid.flush()
    }

    fn end_row(&mut self, cells: &[(u32, String)], repeat: u32) -> Result<(), Fault> {
        for step in 0..repeat.min(MOST_REPEATS) {
            for (column, text) in cells {
                self.grid.cell(*column, text)?;
            }
            self.grid.end_row(self.row.saturating_add(u64::from(step) + 1))?;
            if cells.is_empty() {
                break;
            }
        }
        self.row = self.row.saturating_add(u64::from(repeat));
        Ok(())
    }

    fn cell(
        &mut self,
        tag: &Tag<'_>,
        xml: &mut Xml<'_>,
        cells: &mut Vec<(u32, String)>,
    ) -> Result<(), Fault> {
        let repeat = tag.number::<u32>("number-columns-repeated").unwrap_or(1).max(1);
        let text = shown(xml)?;
        if !text.trim().is_empty() {
            for step in 0..repeat.min(MOST_REPEATS) {
                cells.push((self.column.saturating_add(step), text.clone()));
            }
        }
        self.column = self.column.saturating_add(repeat);
        Ok(())
    }
}

/// The paragraphs of a cell, without remarks.
fn shown(xml: &mut Xml<'_>) -> Result<String, Fault> {
    let mut out = String::new();
    while let Some(node) = xml.next()? {
        match node {
            Node::Open(tag) => match tag.name() {
                "annotation" | "desc" => xml.skip()?,
                "p" if !out.is_empty() => out.push(' '),
                "s" | "tab" | "line-break" => out.push(' '),
                _ => {}
            },
            Node::Close(name) if matches!(name.name(), "table-cell" | "covered-table-cell") => break,
            Node::Close(_) => {}
            Node::Text(text) => out.push_str(&text),
        }
    }
    Ok(out)
}
