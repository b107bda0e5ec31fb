//! Excel workbooks: sheet by sheet.

mod dates;
mod numbers;

use tidegate_core::{BlockKind, Document, Fault};

use self::numbers::Numbers;
use crate::budget::Budget;
use crate::draft::Draft;
use crate::grid::Grid;
use crate::package::Package;
use crate::xml::{Node, Tag, Xml, text_of};
use crate::{props, rels};

/// Reads a workbook. Each sheet is a heading with a table for each range of cells; formulas are read as the values they
/// had when the workbook was saved.
pub(crate) fn read(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Document, Fault> {
    let mut package = Package::open(bytes)?;
    let root = rels::links(&mut package, "", budget)?;
    let main = rels::first(&root, "officeDocument").unwrap_or("xl/workbook.xml").to_owned();
    let links = rels::links(&mut package, &main, budget)?;
    let book = Book::read(&text_of(&package.require(&main, budget)?), budget)?;
    budget.pages(book.sheets.len(), "sheets")?;
    let mut draft = Draft::new(budget.output_left());
    props::read(&mut package, "docProps/core.xml", &mut draft, budget)?;
    let part = |kind: &str| rels::first(&links, kind).map(str::to_owned);
    budget.doing("shared strings");
    let strings = match part("sharedStrings") {
        Some(name) => strings(&text_of(&package.read(&name, budget)?.unwrap_or_default()), budget)?,
        None => Vec::new(),
    };
    let numbers = match part("styles") {
        Some(name) => Numbers::read(
            &text_of(&package.read(&name, budget)?.unwrap_or_default()),
            book.from_1904,
            budget,
        )?,
        None => Numbers::default(),
    };
    let count = book.sheets.len();
    for (number, (name, id)) in (1_u32..).zip(&book.sheets) {
        budget.doing(&format!("sheet {number} of {count}, {name}"));
        let Some(part) = links.get(id) else { continue };
        let Some(bytes) = package.read(&part.target, budget)? else { continue };
        let text = text_of(&bytes);
        let before = draft.len();
        draft.page(number, Some(name));
        draft.block(BlockKind::Heading(2), name)?;
        let limit = budget.output_left();
        let mut sheet = Sheet {
            grid: Grid::new(&mut draft, limit),
            strings: &strings,
            numbers: &numbers,
            row: 0,
            column: 0,
        };
        sheet.read(&text, budget.limits.max_nesting)?;
        draft.drop_lone_heading(before);
    }
    draft.finish(crate::kind::Kind::Xlsx)
}

/// What the workbook says of its sheets.
struct Book {
    /// Names, and ids of links.
    sheets: Vec<(String, String)>,
    /// Whether days are counted from 1904, as on old Macintoshes.
    from_1904: bool,
}

impl Book {
    fn read(text: &str, budget: &Budget<'_>) -> Result<Self, Fault> {
        let mut book = Self { sheets: Vec::new(), from_1904: false };
        let mut xml = Xml::new(text, budget.limits.max_nesting);
        while let Some(node) = xml.next()? {
            let Node::Open(tag) = node else { continue };
            match tag.name() {
                "sheet" => {
                    let id = tag.full_attr("r:id").or_else(|| tag.attr("id")).unwrap_or_default();
                    book.sheets.push((tag.attr("name").unwrap_or_default(), id));
                }
                "workbookPr" => {
                    book.from_1904 = matches!(tag.attr("date1904").as_deref(), Some("1" | "true" | "on"));
                }
                _ => {}
            }
        }
        Ok(book)
    }
}

/// The strings that cells point to.
fn strings(text: &str, budget: &Budget<'_>) -> Result<Vec<String>, Fault> {
    let mut out = Vec::new();
    let mut xml = Xml::new(text, budget.limits.max_nesting);
    while let Some(node) = xml.next()? {
        if let Node::Open(tag) = node
            && tag.name() == "si"
        {
            out.push(rich_text(&mut xml, "si")?);
        }
    }
    Ok(out)
}

/// The text of an element, without the reading aids of East Asian scripts.
fn rich_text(xml: &mut Xml<'_>, end: &str) -> Result<String, Fault> {
    let mut out = String::new();
    while let Some(node) = xml.next()? {
        match node {
            Node::Open(tag) if tag.name() == "t" => out.push_str(&xml.text()?),
            Node::Open(tag) if tag.name() == "rPh" => xml.skip()?,
            Node::Close(name) if name.name() == end => break,
            _ => {}
        }
    }
    Ok(out)
}

struct Sheet<'s> {
    grid: Grid<'s>,
    strings: &'s [String],
    numbers: &'s Numbers,
    row: u64,
    column: u32,
}

impl Sheet<'_> {
    fn read(&mut self, text: &str, max_nesting: u32) -> Result<(), Fault> {
        let mut xml = Xml::new(text, max_nesting);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) if tag.name() == "row" => {
                    self.row = tag.number("r").unwrap_or_else(|| self.row.saturating_add(1));
                    self.column = 0;
                }
                Node::Open(tag) if tag.name() == "c" => self.cell(&tag, &mut xml)?,
                Node::Close(name) if name.name() == "row" => self.grid.end_row(self.row)?,
                _ => {}
            }
        }
        self.grid.flush()
    }

    fn cell(&mut self, tag: &Tag<'_>, xml: &mut Xml<'_>) -> Result<(), Fault> {
        let (mut place, mut kind, mut style) = (None, Kind::Number, 0);
        tag.each_attr(|name, value| match name {
            "r" => place = column(value),
            "t" => kind = Kind::of(value),
            "s" => style = value.trim().parse().unwrap_or(0),
            _ => {}
        });
        let column = place.unwrap_or(self.column);
        self.column = column.saturating_add(1);
        let mut value = String::new();
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) if tag.name() == "v" => value = xml.text()?,
                Node::Open(tag) if tag.name() == "is" => value = rich_text(xml, "is")?,
                Node::Open(tag) if tag.name() == "f" => xml.skip()?,
                Node::Close(name) if name.name() == "c" => break,
                _ => {}
            }
        }
        match kind {
            Kind::Shared => {
                let text = value.trim().parse::<usize>().ok().and_then(|index| self.strings.get(index));
                self.grid.cell(column, text.map_or("", String::as_str))
            }
            Kind::Truth => self.grid.cell(column, if value.trim() == "0" { "FALSE" } else { "TRUE" }),
            Kind::Text => self.grid.cell(column, &value),
            Kind::Number => self.grid.cell(column, &self.numbers.show(value.trim(), style)),
        }
    }
}

/// What the value of a cell is.
#[derive(Clone, Copy)]
enum Kind {
    /// The number of a shared string.
    Shared,
    Truth,
    /// Text, an error, or a date as it is written.
    Text,
    Number,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "s" => Self::Shared,
            "b" => Self::Truth,
            "str" | "inlineStr" | "e" | "d" => Self::Text,
            _ => Self::Number,
        }
    }
}

/// The column of a cell's place: 0 for `A1`, 28 for `AC7`.
fn column(place: &str) -> Option<u32> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let mut column = 0_u32;
    for letter in letters {
        column = column.checked_mul(26)?.checked_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)?;
    }
    column.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::column;

    #[test]
    fn columns_are_counted_in_letters() {
        let found: Vec<_> =
            ["A1", "Z9", "AA1", "XFD1", "1", "", "AAAAAAAAAAAA1"].iter().map(|at| column(at)).collect();
        assert_eq!(found, [Some(0), Some(25), Some(26), Some(16383), None, None, None]);
    }
}
