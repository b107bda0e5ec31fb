//! Writes the token ids of texts, one text on a line.
//!
//! `cargo run --release -p tidegate-model --example wordpiece_ids -- uncased|cased VOCABULARY TEXTS OUT`, where TEXTS
//! holds one JSON string on each line. Prints one line of JSON with the megabytes that it split in a second.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::time::Instant;

use tidegate_model::WordPiece;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [kind, vocabulary, texts, out] = words.as_slice() else {
        return Err("usage: wordpiece_ids uncased|cased VOCABULARY TEXTS OUT".into());
    };
    let vocabulary = fs::read_to_string(vocabulary)?;
    let wordpiece = match kind.as_str() {
        "cased" => WordPiece::cased(&vocabulary)?,
        _ => WordPiece::new(&vocabulary)?,
    };
    let texts = fs::read_to_string(texts)?;
    let texts: Vec<String> = texts.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let begun = Instant::now();
    let ids = |text: &String| {
        let mut ids = Vec::with_capacity(text.len() / 3);
        wordpiece.encode(text, &mut ids);
        ids
    };
    let found: Vec<Vec<u32>> = texts.iter().map(ids).collect();
    let seconds = begun.elapsed().as_secs_f64();
    let mut lines = String::new();
    for ids in &found {
        for (at, id) in ids.iter().enumerate() {
            write!(lines, "{}{id}", if at > 0 { " " } else { "" })?;
        }
        lines.push('\n');
    }
    fs::write(out, lines)?;
    let size: usize = texts.iter().map(String::len).sum();
    let rate = size as f64 / seconds / 1e6;
    writeln!(std::io::stdout(), r#"{{"texts":{},"mb_per_s":{rate:.1}}}"#, texts.len())?;
    Ok(())
}
