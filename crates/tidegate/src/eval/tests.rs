//! Judgements in every form, and figures worked out by hand.

use tidegate_core::FaultKind;

use super::*;

fn read(text: &str) -> Result<Judgements, Fault> {
    Judgements::read(text.as_bytes(), "qrels.tsv")
}

#[test]
fn judgements_are_read_in_the_forms_people_have() {
    let plain = read("1 a.md 2\n1 b.md 0\n\n2 c.md 1\n").unwrap();
    assert_eq!((plain.relevant("1"), plain.relevant("2"), plain.relevant("3")), (1, 1, 0));
    assert_eq!(read("query-id\tcorpus-id\tscore\n1\ta.md\t2\n1\tb.md\t0\n2\tc.md\t1\r\n").unwrap(), plain);
    assert_eq!(read("# TREC\n1 0 a.md 2\n1 0 b.md 0\n2 Q0 c.md 1").unwrap(), plain);
    assert_eq!(read("1\tmy notes/a b.md\t1").unwrap().ideal("1"), [1.0]);
}

#[test]
fn lines_that_are_no_judgement_are_named() {
    for (text, line) in
        [("1 a 1\n1 a\n", 2), ("x y z\n1 a b c d\n", 2), ("1 a 1\n1 a nan\n", 2), ("1\ta\t1\n\tb\t1", 2)]
    {
        let fault = read(text).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Config);
        assert!(format!("{fault:?}").contains(&format!("qrels.tsv:{line}")), "{fault:?}");
    }
    assert!(Judgements::read(&[0xFF, 0xFE, b'\n'][..], "x").is_err());
    // A line without an end is cut and refused, not gathered.
    assert!(read(&"x".repeat(1 << 20)).unwrap_err().kind() == FaultKind::Config);
}

#[test]
fn documents_are_named_in_full_by_the_end_of_a_path_or_by_their_row() {
    let judged = read("q docs/a.md 3\nq 17 2\nq ./b.md 1\nq never.md 1").unwrap();
    let grades = |found: &[&str]| judged.grades("q", found.iter().copied());
    assert_eq!(grades(&["docs/a.md", "/home/me/rows.jsonl#17", "x/b.md"]), [3.0, 2.0, 1.0]);
    assert_eq!(grades(&["/home/me/docs/a.md", "mydocs/a.md", "rows.jsonl#117"]), [3.0, 0.0, 0.0]);
    // One judgement is one document, however many a vague name fits.
    assert_eq!(grades(&["x/docs/a.md", "y/docs/a.md"]), [3.0, 0.0]);
    assert_eq!(judged.ideal("q"), [3.0, 2.0, 1.0, 1.0]);
    assert!(judged.grades("other", ["docs/a.md"].into_iter()) == [0.0]);
}

#[test]
fn figures_are_those_worked_out_by_hand() {
    // Found at ranks 1 and 3, of three relevant ones with grades 3, 2, 1.
    let scores = Scores::of(&[2.0, 0.0, 3.0], &[3.0, 2.0, 1.0]);
    let figures = figures(&[scores, scores]);
    let ndcg = (2.0 + 3.0 / 2.0) / (3.0 + 2.0 / 3.0_f64.log2() + 1.0 / 2.0);
    let near = |figure: Figure, expected: f64| {
        assert!(
            (figure.mean - expected).abs() < 1e-12 && (figure.low - figure.high).abs() < 1e-12,
            "{figure:?}"
        );
    };
    near(figures.ndcg_10, ndcg);
    near(figures.recall_10, 2.0 / 3.0);
    near(figures.recall_100, 2.0 / 3.0);
    near(figures.mrr, 1.0);
    let late: Vec<f64> = (0..100).map(|at| f64::from(u8::from(at == 19))).collect();
    let scores = Scores::of(&late, &[1.0]);
    assert_eq!(scores, Scores::of(&late, &[1.0]));
    let figures = super::figures(&[scores]);
    assert_eq!((figures.ndcg_10.mean, figures.recall_10.mean, figures.recall_100.mean), (0.0, 0.0, 1.0));
    assert_eq!(figures.mrr.mean, 0.05);
    assert_eq!(super::figures(&[Scores::of(&[], &[1.0])]).mrr.mean, 0.0);
}

#[test]
fn an_interval_holds_its_mean_and_narrows_with_more_questions() {
    let some = |count: usize| {
        let scores: Vec<Scores> =
            (0..count).map(|at| Scores::of(if at % 2 == 0 { &[1.0] } else { &[0.0] }, &[1.0])).collect();
        let figure = super::figures(&scores).mrr;
        assert!(figure.low <= figure.mean && figure.mean <= figure.high, "{figure:?}");
        figure.high - figure.low
    };
    // The standard error of a fair coin over n throws is 1/2 by the root of n; 95 % are within 1.96 of them.
    let width = some(400);
    assert!((width - 2.0 * 1.96 * 0.5 / 20.0).abs() < 0.01, "{width}");
    assert!(some(100) > width && width > some(1_600));
}
