//! How well searches find, as a table.

use crate::color::Paint;
use crate::table::{Column, table};
use crate::units::count;

/// One way to search.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredView {
    /// The way.
    pub mode: &'static str,
    /// Whether a better model looked at the first hits once more.
    pub rescored: bool,
    /// nDCG@10, recall@10, recall@100 and the mean reciprocal rank: each the mean and the ends of its interval.
    pub figures: [(f64, f64, f64); 4],
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationView {
    /// Questions that count.
    pub questions: usize,
    /// Questions to which nothing was judged relevant.
    pub without_judgement: usize,
    /// Documents judged relevant.
    pub relevant: usize,
    /// Ways to search.
    pub modes: Vec<MeasuredView>,
}

/// Renders an evaluation.
#[must_use]
pub fn evaluation(view: &EvaluationView, columns: usize, paint: Paint) -> String {
    let header = [
        ("MODE", Column::Left),
        ("nDCG@10", Column::Left),
        ("RECALL@10", Column::Left),
        ("RECALL@100", Column::Left),
        ("MRR", Column::Left),
    ];
    let figure = |(mean, low, high): &(f64, f64, f64)| format!("{mean:.3} ({low:.3} to {high:.3})");
    let row = |measured: &MeasuredView| {
        let more = if measured.rescored { ", rescored" } else { "" };
        let mut row = vec![format!("{}{more}", measured.mode)];
        row.extend(measured.figures.iter().map(figure));
        row
    };
    let rows: Vec<Vec<String>> = view.modes.iter().map(row).collect();
    let mut out = table(&header, &rows, columns, paint);
    let many = |number: usize, one: &str, more: &str| {
        format!("{} {}", count(number as u64), if number == 1 { one } else { more })
    };
    let questions = many(view.questions, "question", "questions");
    let relevant = many(view.relevant, "document", "documents");
    out.push_str(&format!("\n{questions}, {relevant} judged relevant to them\n"));
    if view.without_judgement > 0 {
        let without = many(view.without_judgement, "question more does", "questions more do");
        out.push_str(&format!("{without} not count: nothing was judged relevant\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evaluation_is_a_table_and_what_it_rests_on() {
        let figures = [(0.5284, 0.49, 0.56), (0.4, 0.3, 0.5), (0.771, 0.7, 0.8), (1.0, 1.0, 1.0)];
        let view = EvaluationView {
            questions: 1_225,
            without_judgement: 3,
            relevant: 1_837,
            modes: [false, true].map(|rescored| MeasuredView { mode: "hybrid", rescored, figures }).to_vec(),
        };
        assert_eq!(
            evaluation(&view, 120, Paint::default()),
            "\
MODE              nDCG@10                 RECALL@10               RECALL@100              MRR
hybrid            0.528 (0.490 to 0.560)  0.400 (0.300 to 0.500)  0.771 (0.700 to 0.800)  1.000 (1.000 to 1.000)
hybrid, rescored  0.528 (0.490 to 0.560)  0.400 (0.300 to 0.500)  0.771 (0.700 to 0.800)  1.000 (1.000 to 1.000)

1,225 questions, 1,837 documents judged relevant to them
3 questions more do not count: nothing was judged relevant
"
        );
    }
}
