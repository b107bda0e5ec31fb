//! HTML to text on one core, beside selectolax on the same bytes.
//!
//! Compared: the bytes of a page become its text, scripts and styles left out. Everybody is given the same files, read
//! beforehand, and is charged the CPU seconds of its own process, one thread, the median of five rounds. We detect the
//! encoding; selectolax is left to do what it does with bytes.
//!
//! Not compared: what the text is good for. Ours keeps headings, lists, tables and code as blocks that chunks are made
//! of; selectolax joins text nodes with line ends. `main content` also leaves out navigation and sidebars, as a run
//! does unless told otherwise; `all text` is nearer to what selectolax is asked for, and what the ratios are taken of.

use serde_json::Value;

use super::{Setting, peers, versus};

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let pages = peers::files(setting.corpus()?, &["html"])?;
    let list = peers::list(&folder.path().join("pages"), &pages)?;
    let mut lines = peers::example("tidegate-text", "text_speed", &["html", &list])?;
    lines.extend(peers::script("pages.py", &[&list])?);
    versus::shown(vec![("all pages", lines)])
}
