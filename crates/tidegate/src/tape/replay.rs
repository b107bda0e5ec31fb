//! Answers from what was recorded.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use tidegate_core::{ContentHash, Fault, FaultKind};

use super::entry::{Head, Line, Said, VERSION};
use super::near::{difference, nearest};
use super::{Question, Reply, file_of};

/// The longest line, in bytes.
const LONGEST: u64 = 64 << 20;

/// What was recorded of a run.
pub(crate) struct Cassette {
    steps: HashMap<String, Recorded>,
}

/// What was recorded of a step.
struct Recorded {
    /// The model that was asked; `None` if there is no file.
    model: Option<String>,
    /// The model that would be asked.
    now: String,
    path: PathBuf,
    said: HashMap<ContentHash, Said>,
    prompts: Vec<String>,
}

impl Cassette {
    /// Reads the cassette in `folder`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: there is none, or what does not read, with file and line.
    pub(super) fn open(folder: &Path, steps: Vec<(String, String)>) -> Result<Self, Fault> {
        if !folder.is_dir() {
            let message = format!("there is no cassette in {}: it is no folder", folder.display());
            return Err(Fault::new(FaultKind::Config, message)
                .hint("name the folder that --record wrote to, or record one with --record"));
        }
        let mut recorded = HashMap::new();
        for (step, model) in steps {
            recorded.insert(step.clone(), read(&file_of(folder, &step), (&step, model))?);
        }
        Ok(Self { steps: recorded })
    }

    /// What came of `question`.
    pub(super) fn answer(&self, question: &Question<'_>) -> Said {
        match self.steps.get(question.step).and_then(|step| step.said.get(&question.key)) {
            Some(said) => said.clone(),
            None => Err(self.missing(question)),
        }
    }

    /// The length of a step's vectors, if it has any.
    pub(super) fn length(&self, step: &str) -> Option<usize> {
        self.steps.get(step)?.said.values().find_map(|said| match said {
            Ok(Reply::Vector(vector)) => Some(vector.len()),
            _ => None,
        })
    }

    /// Why there is no answer to `question`: what is different from what was recorded.
    fn missing(&self, question: &Question<'_>) -> Fault {
        let changed = match self.steps.get(question.step) {
            Some(step) => step.changed(question),
            None => "this step asked nobody when it was recorded".to_owned(),
        };
        Fault::new(FaultKind::Config, format!("the cassette has no answer to this question: {changed}"))
            .during(format!("step {} asking about {}", question.step, question.record))
            .hint("record it again with --record, or put back what was changed")
    }
}

impl Recorded {
    fn changed(&self, question: &Question<'_>) -> String {
        let prompt = question.prompt;
        let Some(model) = &self.model else { return format!("there is no {}", self.path.display()) };
        if *model != self.now {
            return format!("{model} was asked, and {} is to be", self.now);
        }
        let prompts = || self.prompts.iter().map(String::as_str);
        if prompts().any(|then| then == prompt) {
            return "the prompt is the same, but the system prompt, the examples, the schema or a parameter of the \
                    step is another"
                .to_owned();
        }
        match nearest(prompts(), prompt) {
            Some(then) => format!("of the prompt that is most like it, {}", difference(then, prompt)),
            None => format!("{} has no questions", self.path.display()),
        }
    }
}

fn read(path: &Path, (step, now): (&str, String)) -> Result<Recorded, Fault> {
    let (said, prompts) = (HashMap::new(), Vec::new());
    let mut recorded = Recorded { model: None, now, path: path.to_owned(), said, prompts };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(recorded),
        Err(error) => {
            let message = format!("{} cannot be read", path.display());
            return Err(Fault::new(FaultKind::Config, message).cause(error));
        }
    };
    let mut reader = BufReader::new(file);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        number += 1;
        line.clear();
        let wrong = |what: String| {
            Fault::new(FaultKind::Config, what)
                .during(format!("{}:{number}", path.display()))
                .hint("record it again with --record")
        };
        let got = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        match got.map_err(|error| wrong(format!("it cannot be read: {error}")))? {
            0 if number == 1 => return Err(wrong("this is no cassette: the file is empty".to_owned())),
            0 => return Ok(recorded),
            _ if line.last() != Some(&b'\n') => {
                return Err(wrong("the line is cut short: it has no end".to_owned()));
            }
            _ if number == 1 => recorded.model = Some(head(&line, step).map_err(wrong)?),
            _ => recorded.take(&line).map_err(wrong)?,
        }
    }
}

/// The model that the first line of a step's file names.
fn head(line: &[u8], step: &str) -> Result<String, String> {
    let head: Head =
        serde_json::from_slice(line).map_err(|error| format!("this is no cassette: {}", column(&error)))?;
    match head {
        Head { cassette: VERSION, step: recorded, model } if recorded == step => Ok(model),
        Head { cassette: VERSION, step: recorded, .. } => {
            Err(format!("this was recorded of step `{}`", recorded.escape_debug()))
        }
        Head { cassette, .. } => {
            Err(format!("this is of version {cassette}, and only {VERSION} is understood"))
        }
    }
}

impl Recorded {
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let line: Line =
            serde_json::from_slice(line).map_err(|error| format!("this is no answer: {}", column(&error)))?;
        let (key, prompt, said) = line.read()?;
        if self.said.insert(key, said).is_some() {
            return Err("this question stands on an earlier line as well".to_owned());
        }
        self.prompts.push(prompt);
        Ok(())
    }
}

/// What is wrong with a line, without the number that it has by itself.
fn column(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("{what} at column {}", error.column())
}
