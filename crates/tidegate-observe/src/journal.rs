//! What the journal holds.

use crate::clean::clean;
use crate::color::Paint;
use crate::table::{Column, table};
use crate::units::{ago, bytes, count};

/// What the journal holds of one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JournalRow {
    /// The model.
    pub model: String,
    /// What it makes: `vectors` or `replies`.
    pub holds: &'static str,
    /// Entries.
    pub entries: u64,
    /// Of these, entries that pruning may take.
    pub unused: u64,
    /// Bytes.
    pub bytes: u64,
    /// Tokens paid for them.
    pub tokens: u64,
    /// Money paid for them, where that is known.
    pub cost: Option<f64>,
    /// When the oldest was written, ms since 1970.
    pub oldest: i64,
}

/// Money with as many digits as it takes to see some: `0`, `0.0042`, `12.30`.
#[must_use]
pub fn money(amount: f64) -> String {
    match amount {
        0.0 => "0".to_owned(),
        small if small.abs() < 1.0 => {
            let decimals = (1 - small.abs().log10().floor() as i32).clamp(2, 9) as usize;
            format!("{small:.decimals$}")
        }
        other => format!("{other:.2}"),
    }
}

/// Renders the journal; `now` in milliseconds since 1970.
#[must_use]
pub fn journal(rows: &[JournalRow], now: i64, columns: usize, paint: Paint) -> String {
    if rows.is_empty() {
        return "the journal is empty: nothing was embedded or asked yet\n".to_owned();
    }
    let header = [
        ("MODEL", Column::Path),
        ("HOLDS", Column::Left),
        ("ENTRIES", Column::Right),
        ("UNUSED", Column::Right),
        ("SIZE", Column::Right),
        ("TOKENS", Column::Right),
        ("COST", Column::Right),
        ("OLDEST", Column::Rest),
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                clean(&row.model).into_owned(),
                row.holds.to_owned(),
                count(row.entries),
                count(row.unused),
                bytes(row.bytes),
                count(row.tokens),
                row.cost.map_or_else(|| "-".to_owned(), money),
                ago(row.oldest, now),
            ]
        })
        .collect();
    table(&header, &rows, columns, paint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_shows_its_first_digits() {
        for (amount, shown) in
            [(0.0, "0"), (0.5, "0.50"), (0.004_2, "0.0042"), (12.3, "12.30"), (0.000_000_35, "0.00000035")]
        {
            assert_eq!(money(amount), shown);
        }
    }

    #[test]
    fn every_model_has_a_line() {
        let row = JournalRow {
            model: "openai:small".to_owned(),
            holds: "vectors",
            entries: 1_200,
            unused: 3,
            bytes: 7_372_800,
            tokens: 400_000,
            cost: Some(0.008),
            oldest: 1_700_000_000_000,
        };
        assert_eq!(
            journal(&[row], 1_700_000_180_000, 100, Paint::default()),
            "MODEL         HOLDS    ENTRIES  UNUSED     SIZE   TOKENS    COST  OLDEST\n\
             openai:small  vectors    1,200       3  7.37 MB  400,000  0.0080  3 min ago\n"
        );
    }
}
