//! The flow of a text document: paragraphs, and tables that gather paragraphs in their cells.

use tidegate_core::{BlockKind, Fault};

use crate::draft::{Draft, too_much_text};

/// Appends paragraphs and tables to a draft. Tables may hold tables: those are flattened into the cell around them.
pub(crate) struct Flow {
    pub(crate) draft: Draft,
    tables: Vec<Table>,
    /// Bytes in open tables, which are not in the draft yet.
    held: usize,
    limit: usize,
}

#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
}

impl Flow {
    pub(crate) fn new(limit: usize) -> Self {
        Self { draft: Draft::new(limit), tables: Vec::new(), held: 0, limit }
    }

    pub(crate) fn paragraph(&mut self, kind: BlockKind, text: &str) -> Result<(), Fault> {
        let Some(cell) = self.tables.last_mut().and_then(|table| table.rows.last_mut()?.last_mut()) else {
            return self.draft.block(kind, text);
        };
        let text = text.trim();
        if !text.is_empty() {
            if !cell.is_empty() {
                cell.push(' ');
            }
            cell.push_str(text);
            self.held += text.len() + 1;
        }
        self.check()
    }

    /// A table begins; `leave_table` ends it.
    pub(crate) fn enter_table(&mut self) {
        self.tables.push(Table::default());
    }

    pub(crate) fn row(&mut self) {
        if let Some(table) = self.tables.last_mut() {
            table.rows.push(Vec::new());
        }
    }

    pub(crate) fn cell(&mut self) -> Result<(), Fault> {
        if let Some(row) = self.tables.last_mut().and_then(|table| table.rows.last_mut()) {
            row.push(String::new());
            self.held += 1;
        }
        self.check()
    }

    pub(crate) fn in_table(&self) -> bool {
        !self.tables.is_empty()
    }

    pub(crate) fn leave_table(&mut self) -> Result<(), Fault> {
        let Some(table) = self.tables.pop() else { return Ok(()) };
        if !self.tables.is_empty() {
            let rows: Vec<String> = table.rows.iter().map(|row| row.join(", ")).collect();
            return self.paragraph(BlockKind::Table, &rows.join("; "));
        }
        self.held = 0;
        if table.rows.iter().all(|row| row.len() <= 1) {
            // One column is a frame around text, no data.
            let mut cells = table.rows.iter().flatten();
            return cells.try_for_each(|cell| self.draft.block(BlockKind::Paragraph, cell));
        }
        let text = markdown(&table.rows, self.draft.text.len(), self.limit)?;
        self.draft.block(BlockKind::Table, &text)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.draft.text.len() + self.held > self.limit {
            return Err(too_much_text(self.limit));
        }
        Ok(())
    }
}

/// Rows as a Markdown table, the first row as its head. `used` bytes of `limit` are gone already.
pub(crate) fn markdown(rows: &[Vec<String>], used: usize, limit: usize) -> Result<String, Fault> {
    let mut out = String::new();
    let mut rule = true;
    for row in rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty())) {
        out.push('|');
        for cell in row {
            out.push(' ');
            write_cell(&mut out, cell);
            out.push_str(" |");
        }
        out.push('\n');
        if std::mem::take(&mut rule) {
            out.push('|');
            row.iter().for_each(|_| out.push_str("---|"));
            out.push('\n');
        }
        if used + out.len() > limit {
            return Err(too_much_text(limit));
        }
    }
    Ok(out)
}

/// A cell is one line, and a bar in it is no border.
fn write_cell(out: &mut String, cell: &str) {
    for (index, word) in cell.split_whitespace().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        if word.contains('|') {
            out.push_str(&word.replace('|', "\\|"));
        } else {
            out.push_str(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    #[test]
    fn tables_gather_paragraphs_and_flatten_inner_tables() {
        let mut flow = Flow::new(1000);
        flow.paragraph(BlockKind::Paragraph, "before").unwrap();
        flow.enter_table();
        flow.row();
        for text in ["a", "b|c"] {
            flow.cell().unwrap();
            flow.paragraph(BlockKind::Paragraph, text).unwrap();
        }
        flow.row();
        flow.cell().unwrap();
        flow.paragraph(BlockKind::Paragraph, "one\ntwo").unwrap();
        flow.paragraph(BlockKind::Paragraph, "three").unwrap();
        flow.cell().unwrap();
        flow.enter_table();
        flow.row();
        flow.cell().unwrap();
        flow.paragraph(BlockKind::Paragraph, "inner").unwrap();
        flow.leave_table().unwrap();
        flow.leave_table().unwrap();
        let document = flow.draft.finish(Kind::Docx).unwrap();
        assert_eq!(document.text, "before\n\n| a | b\\|c |\n|---|---|\n| one two three | inner |");
    }

    #[test]
    fn what_is_held_in_tables_counts() {
        let mut flow = Flow::new(100);
        flow.enter_table();
        flow.row();
        let refused = (0..200).find_map(|_| flow.cell().err()).unwrap();
        assert_eq!(refused.kind(), tidegate_core::FaultKind::TooLarge);
    }
}
