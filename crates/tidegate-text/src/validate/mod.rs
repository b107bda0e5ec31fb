//! Whether what was read of a document is worth going on with: simple limits of its text, and a JSON Schema for what
//! is known about it.
//!
//! All rules of a validator are looked at in a fixed order, cheapest first, and the first that is broken is named with
//! what was found and what is allowed. None takes longer than in proportion to the document, whatever the schema says.

mod language;
mod schema;
#[cfg(test)]
mod tests;
mod work;

use tidegate_core::{Document, Fault, FaultKind, Fields};

pub use language::{is_language, languages};
pub use schema::Schema;

/// What documents must be like. Zero and empty mean that there is no such rule.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The least characters of text, spaces around it left out.
    pub min_text: usize,
    /// The most.
    pub max_text: usize,
    /// The least words: what stands between spaces.
    pub min_words: usize,
    /// The most pages, slides or sheets; documents without any have none.
    pub max_pages: usize,
    /// The languages that texts may be in, as [`is_language`] knows them.
    pub languages: Vec<String>,
    /// Fields that must be there and hold something; `a.b` is field `b` of `a`.
    pub require: Vec<String>,
    /// What the row or the metadata must follow.
    pub schema: Option<Schema>,
}

/// A document, as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its text.
    pub text: &'a str,
    /// How many pages it has.
    pub pages: usize,
    /// What is known about it.
    pub fields: &'a Fields,
    /// The field that the text came from, for a row.
    pub text_field: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// A parsed document with what is known about it.
    #[must_use]
    pub fn document(document: &'a Document, fields: &'a Fields) -> Self {
        Self { text: &document.text, pages: document.pages.len(), fields, text_field: None }
    }
}

impl Rules {
    /// Whether there is any rule at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let numbers = [self.min_text, self.max_text, self.min_words, self.max_pages];
        numbers == [0; 4] && self.languages.is_empty() && self.require.is_empty() && self.schema.is_none()
    }

    /// Checks a document.
    ///
    /// # Errors
    /// [`FaultKind::Validation`]: the first rule that is broken, what was found, and what is allowed.
    pub fn check(&self, subject: &Subject<'_>) -> Result<(), Fault> {
        self.pages(subject)
            .and_then(|()| self.required(subject))
            .and_then(|()| self.length(subject.text))
            .and_then(|()| self.words(subject.text))
            .and_then(|()| language::check(subject.text, &self.languages))
            .and_then(|()| self.schema.as_ref().map_or(Ok(()), |schema| schema.check(subject)))
            .map_err(|message| Fault::new(FaultKind::Validation, message))
    }

    fn pages(&self, subject: &Subject<'_>) -> Result<(), String> {
        if self.max_pages == 0 || subject.pages <= self.max_pages {
            return Ok(());
        }
        Err(format!("max_pages: it has {} pages, and the most is {}", subject.pages, self.max_pages))
    }

    fn required(&self, subject: &Subject<'_>) -> Result<(), String> {
        for name in &self.require {
            let holds = match subject.text_field {
                Some(text) if text == name => !subject.text.trim().is_empty(),
                _ => found(subject.fields, name).is_some_and(says_something),
            };
            if !holds {
                return Err(format!("require: there is no {name}"));
            }
        }
        Ok(())
    }

    fn length(&self, text: &str) -> Result<(), String> {
        if self.min_text == 0 && self.max_text == 0 {
            return Ok(());
        }
        let length = text.trim().chars().count();
        if length < self.min_text {
            return Err(format!(
                "min_text: the text has {length} characters, and the least is {}",
                self.min_text
            ));
        }
        if self.max_text > 0 && length > self.max_text {
            return Err(format!(
                "max_text: the text has {length} characters, and the most is {}",
                self.max_text
            ));
        }
        Ok(())
    }

    fn words(&self, text: &str) -> Result<(), String> {
        let words = text.split_whitespace().take(self.min_words).count();
        if words == self.min_words {
            return Ok(());
        }
        Err(format!("min_words: the text has {words} words, and the least is {}", self.min_words))
    }
}

/// The field called `name`, or what its parts between dots lead to.
fn found<'a>(fields: &'a Fields, name: &str) -> Option<&'a serde_json::Value> {
    fields.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        found(fields.get(first)?.as_object()?, rest)
    })
}

fn says_something(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
