//! How the numbers of a workbook are shown.

use std::collections::HashMap;

use tidegate_core::Fault;

use super::dates;
use crate::budget::Budget;
use crate::xml::{Node, Xml};

/// What a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Meaning {
    #[default]
    Number,
    Percent,
    Date,
    Time,
    DateTime,
}

/// The meaning of each cell style.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    styles: Vec<Meaning>,
    from_1904: bool,
}

impl Numbers {
    pub(super) fn read(text: &str, from_1904: bool, budget: &Budget<'_>) -> Result<Self, Fault> {
        let mut own: HashMap<u32, Meaning> = HashMap::new();
        let mut styles = Vec::new();
        let mut in_cells = false;
        let mut xml = Xml::new(text, budget.limits.max_nesting);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) => match tag.name() {
                    "numFmt" => {
                        let code = tag.attr("formatCode").unwrap_or_default();
                        own.extend(tag.number("numFmtId").map(|id| (id, meaning(&code))));
                    }
                    "cellXfs" => in_cells = true,
                    "xf" if in_cells => {
                        let id = tag.number("numFmtId").unwrap_or(0);
                        styles.push(own.get(&id).copied().unwrap_or_else(|| built_in(id)));
                    }
                    _ => {}
                },
                Node::Close(name) if name.name() == "cellXfs" => in_cells = false,
                _ => {}
            }
        }
        Ok(Self { styles, from_1904 })
    }

    /// A stored number as its cell shows it, or nearly so: days as dates, hundredths as percents, and no digits that
    /// are there only because computers count in twos.
    pub(super) fn show(&self, value: &str, style: usize) -> String {
        let Some(number) = value.parse::<f64>().ok().filter(|number| number.is_finite()) else {
            return value.to_owned();
        };
        let shown = match self.styles.get(style).copied().unwrap_or_default() {
            Meaning::Number => None,
            Meaning::Percent => Some(format!("{}%", plain(number * 100.0))),
            Meaning::Date => dates::date(number, self.from_1904),
            Meaning::Time => dates::time(number),
            Meaning::DateTime => dates::date_time(number, self.from_1904),
        };
        shown.unwrap_or_else(|| plain(number))
    }
}

/// Fifteen digits are what Excel itself shows of a number.
fn plain(number: f64) -> String {
    // The shortest text that is this number has no more digits than that as a rule, and rounding changes nothing.
    let shortest = number.to_string();
    if shortest.len() <= 15 && (number == 0.0 || f64::abs(number) >= 1e-7) {
        return shortest;
    }
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    if rounded != 0.0 && !(1e-7..1e21).contains(&f64::abs(rounded)) {
        format!("{rounded:e}")
    } else {
        rounded.to_string()
    }
}

fn built_in(id: u32) -> Meaning {
    match id {
        9 | 10 => Meaning::Percent,
        14..=17 | 27..=31 | 36 | 50..=54 | 57..=58 => Meaning::Date,
        18..=21 | 32..=35 | 45..=47 | 55..=56 => Meaning::Time,
        22 => Meaning::DateTime,
        _ => Meaning::Number,
    }
}

/// Reads the letters of a format that are neither quoted nor a colour or locale in brackets.
fn meaning(code: &str) -> Meaning {
    let (mut date, mut time, mut percent) = (false, false, false);
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => drop(chars.by_ref().find(|c| *c == '"')),
            '\\' | '_' | '*' => drop(chars.next()),
            '[' => {
                // `[h]` counts hours beyond a day; anything else in brackets says nothing about the meaning.
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                time |= matches!(inside.to_ascii_lowercase().as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss");
            }
            ';' => break,
            'y' | 'Y' | 'd' | 'D' => date = true,
            'h' | 'H' | 's' | 'S' => time = true,
            'G' | 'g' => break, // "General"
            '%' => percent = true,
            _ => {}
        }
    }
    match (date, time, percent) {
        (true, true, _) => Meaning::DateTime,
        (true, false, _) => Meaning::Date,
        (false, true, _) => Meaning::Time,
        (false, false, true) => Meaning::Percent,
        (false, false, false) => Meaning::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_say_what_numbers_mean() {
        assert_eq!(meaning("0.00"), Meaning::Number);
        assert_eq!(meaning("0.0%"), Meaning::Percent);
        assert_eq!(meaning("[$-409]d-mmm-yyyy;@"), Meaning::Date);
        assert_eq!(meaning("yyyy\\-mm\\-dd hh:mm"), Meaning::DateTime);
        assert_eq!(meaning("[h]:mm:ss"), Meaning::Time);
        assert_eq!(meaning("\"days\" 0"), Meaning::Number);
        assert_eq!(meaning("General"), Meaning::Number);
        assert_eq!(meaning("[Red]#,##0"), Meaning::Number);
    }

    #[test]
    fn numbers_are_shown_without_the_noise_of_binary() {
        let numbers =
            Numbers { styles: vec![Meaning::Number, Meaning::Percent, Meaning::Date], from_1904: false };
        let check = |value: &str, style: usize, expect: &str| assert_eq!(numbers.show(value, style), expect);
        check("0.30000000000000004", 0, "0.3");
        check("42", 0, "42");
        check("-1234.5", 0, "-1234.5");
        check("0.0000001", 0, "0.0000001");
        check("0.00000001", 0, "1e-8");
        check("123456789012345", 0, "123456789012345");
        check("1234567890123456789", 0, "1234567890123460000");
        check("1E+300", 0, "1e300");
        check("0.285", 1, "28.5%");
        check("45000", 2, "2023-03-15");
        check("-5", 2, "-5");
        check("n/a", 0, "n/a");
        check("inf", 0, "inf");
    }
}
