//! Files of questions: a line of JSON each.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use serde::Deserialize;
use tidegate_core::{Fault, FaultKind};

/// Lines longer than this are a mistake.
const LONGEST: u64 = 1 << 20;

/// A question.
#[derive(Deserialize)]
pub struct Question {
    /// Whatever its file calls it.
    pub id: serde_json::Value,
    /// What to search for.
    pub text: String,
    /// Where it stands, for errors.
    #[serde(skip)]
    pub place: String,
}

impl Question {
    /// Its id as a text: that of a text is itself.
    pub fn name(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }
}

/// The questions of a file, one after the other.
pub struct Questions {
    file: String,
    lines: Box<dyn BufRead>,
    number: u64,
}

impl Questions {
    /// Opens `file`; `-` is standard input.
    pub fn open(file: &Path) -> Result<Self, Fault> {
        Ok(Self { file: file.display().to_string(), lines: open(file)?, number: 0 })
    }

    /// The next question; nothing at the end.
    pub fn next(&mut self) -> Result<Option<Question>, Fault> {
        loop {
            self.number += 1;
            let place = format!("{}:{}:1", self.file, self.number);
            let mut line = String::new();
            let read =
                std::io::Read::take(&mut self.lines, LONGEST).read_line(&mut line).map_err(|error| {
                    Fault::new(FaultKind::Config, "the line cannot be read").cause(error).during(&place)
                })?;
            if read == 0 {
                return Ok(None);
            }
            if line.trim().is_empty() {
                continue;
            }
            let question: Question = serde_json::from_str(&line).map_err(|error| {
                Fault::new(FaultKind::Config, "the line is not a query")
                    .hint(r#"write one object a line: {"id": 1, "text": "what to look for"}"#)
                    .cause(error)
                    .during(&place)
            })?;
            return Ok(Some(Question { place, ..question }));
        }
    }
}

/// Opens a file to be read line by line; `-` is standard input.
pub fn open(file: &Path) -> Result<Box<dyn BufRead>, Fault> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let opened = File::open(file).map_err(|error| {
        Fault::new(FaultKind::Config, format!("{} cannot be opened", file.display())).cause(error)
    })?;
    Ok(Box::new(BufReader::new(opened)))
}
