//! HTML to text on one core, beside selectolax on the same pages.

use serde_json::Value;

use super::{Setting, chunk, peers};

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let corpus = setting.corpus()?;
    let ours = chunk::ours(corpus, &["html"], &["html"])?;
    let theirs = peers::script("html.py", corpus)?;
    chunk::compare(&ours, &theirs)
}
