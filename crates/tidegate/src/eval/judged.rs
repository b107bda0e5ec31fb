//! What people judged: which documents answer which question, and how well.

use std::collections::HashMap;
use std::io::BufRead;

use tidegate_core::{Fault, FaultKind};

/// Lines of judgements are shorter than this.
const LONGEST: u64 = 1 << 16;

/// The grades of documents, by question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgements {
    questions: HashMap<String, Vec<(String, f64)>>,
}

impl Judgements {
    /// Reads lines of a question's id, a document and a grade, between tabs or blanks; zero and less is not relevant. A
    /// fourth column between the first two is left out (TREC's form), and so is a first line of titles (BEIR's). Where
    /// there are tabs, documents may contain blanks. `place` names the file in errors.
    ///
    /// # Errors
    /// [`FaultKind::Config`], with the line.
    pub fn read(mut lines: impl BufRead, place: &str) -> Result<Self, Fault> {
        let mut found = Self::default();
        let mut number = 0_u64;
        loop {
            let mut line = String::new();
            number += 1;
            let at = format!("{place}:{number}");
            let read = std::io::Read::take(&mut lines, LONGEST).read_line(&mut line).map_err(|error| {
                Fault::new(FaultKind::Config, "the line cannot be read").cause(error).during(&at)
            })?;
            if read == 0 {
                return Ok(found);
            }
            let line = line.trim_end_matches(['\n', '\r']);
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            match parts(line) {
                Some((question, document, grade)) => {
                    found
                        .questions
                        .entry(question.to_owned())
                        .or_default()
                        .push((document.to_owned(), grade));
                }
                // Titles have no number.
                None if number == 1 => {}
                None => {
                    return Err(Fault::new(FaultKind::Config, "the line is not a judgement")
                        .hint("write the question's id, the document and its grade, between tabs: 7\tdocs/a.md\t1")
                        .during(&at));
                }
            }
        }
    }

    /// How many documents were judged relevant to a question.
    #[must_use]
    pub fn relevant(&self, question: &str) -> usize {
        self.of(question).filter(|(_, grade)| *grade > 0.0).count()
    }

    /// The grades of the relevant documents of a question, best first.
    pub(super) fn ideal(&self, question: &str) -> Vec<f64> {
        let mut grades: Vec<f64> =
            self.of(question).map(|(_, grade)| *grade).filter(|grade| *grade > 0.0).collect();
        grades.sort_by(|a, b| b.total_cmp(a));
        grades
    }

    /// The grades of documents that were found; zero for those that nobody judged. A judgement counts once.
    pub(super) fn grades<'a>(&self, question: &str, found: impl Iterator<Item = &'a str>) -> Vec<f64> {
        let judged = self.questions.get(question).map_or(&[][..], Vec::as_slice);
        let mut used = vec![false; judged.len()];
        let mut grade = |source: &str| {
            let fits = judged.iter().enumerate().find(|(at, (name, _))| !used[*at] && names(name, source));
            fits.map_or(0.0, |(at, (_, grade))| {
                used[at] = true;
                grade.max(0.0)
            })
        };
        found.map(&mut grade).collect()
    }

    fn of(&self, question: &str) -> impl Iterator<Item = &(String, f64)> {
        self.questions.get(question).into_iter().flatten()
    }
}

/// Whether `name` names the document that a search calls `source`: in full, by the end of its path, or by the id of its
/// row.
fn names(name: &str, source: &str) -> bool {
    let ends = |source: &str| {
        source.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with(['/', '#']))
    };
    // A name that begins with the folder it was made in ("./docs/a.md") is the same without the dot.
    ends(source) || name.strip_prefix("./").is_some_and(|name| names(name, source))
}

fn parts(line: &str) -> Option<(&str, &str, f64)> {
    let columns: Vec<&str> = if line.contains('\t') {
        line.split('\t').map(str::trim).collect()
    } else {
        line.split_whitespace().collect()
    };
    let (question, document, grade) = match columns.as_slice() {
        [question, document, grade] | [question, _, document, grade] => (*question, *document, *grade),
        _ => return None,
    };
    let grade: f64 = grade.parse().ok()?;
    (grade.is_finite() && !question.is_empty() && !document.is_empty()).then_some((question, document, grade))
}
