//! Where in a JSON answer the wanted value is.

use std::fmt;

use serde_json::Value;

/// A way into a JSON value: `results[0].name`, `["a key"].x`; empty for the whole value.
///
/// ```
/// use tidegate_model::web::AnswerPath;
/// let path: AnswerPath = "results[0].name".parse()?;
/// let answer = serde_json::json!({ "results": [{ "name": "tide" }] });
/// assert_eq!(path.find(&answer)?, "tide");
/// assert_eq!(path.find(&serde_json::json!({})).unwrap_err(), "the answer has no results");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

impl AnswerPath {
    /// Whether it is the whole value.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// What it leads to.
    ///
    /// # Errors
    /// A fragment that says how far it leads.
    pub fn find<'a>(&self, value: &'a Value) -> Result<&'a Value, String> {
        let mut here = value;
        for (at, step) in self.0.iter().enumerate() {
            let next = match step {
                Step::Name(name) => here.get(name),
                Step::Index(index) => here.get(index),
            };
            here = next.ok_or_else(|| format!("the answer has no {}", Self(self.0[..=at].to_vec())))?;
        }
        Ok(here)
    }
}

impl std::str::FromStr for AnswerPath {
    type Err = String;

    /// # Errors
    /// A fragment that says what is wrong and how a path is written.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no path; write it as results[0].name", text.escape_debug());
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix("[\"") {
                let (name, after) = inner.split_once("\"]").ok_or_else(wrong)?;
                steps.push(Step::Name(name.to_owned()));
                rest = after;
            } else if let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']').ok_or_else(wrong)?;
                steps.push(Step::Index(index.parse().map_err(|_| wrong())?));
                rest = after;
            } else {
                let name = match rest.strip_prefix('.') {
                    Some(name) if !steps.is_empty() => name,
                    None if steps.is_empty() => rest,
                    _ => return Err(wrong()),
                };
                let end = name.find(['.', '[']).unwrap_or(name.len());
                if end == 0 || name[..end].contains(']') {
                    return Err(wrong());
                }
                steps.push(Step::Name(name[..end].to_owned()));
                rest = &name[end..];
            }
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for AnswerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) if name.is_empty() || name.contains(['.', '[', ']']) => {
                    write!(f, "[\"{name}\"]")?;
                }
                Step::Name(name) if at == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}
