//! Inputs to begin with: files that this repository ships, and what is made of them.

use std::io::Write as _;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use tidegate_formats::{Limits, Listener, Part};

use crate::damage::damage;
use crate::dice::Dice;
use crate::target::Target;
use crate::zipped::Members;
use crate::{json, pdf};

/// An input to begin with, taken apart as far as its format allows.
pub struct Seed {
    bytes: Vec<u8>,
    members: Option<Members>,
    streams: Vec<(Range<usize>, Vec<u8>)>,
}

/// Larger ones would make every try slow, and hold nothing that smaller ones do not.
const MOST: usize = 2 << 20;

/// What a target begins with: the shipped files, and those below `more`.
///
/// # Errors
/// Folders that cannot be read, or none that holds anything for this target.
pub fn all(target: &Target, more: &[PathBuf]) -> std::io::Result<Vec<Seed>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![
        root.join("crates/tidegate-formats/tests/files"),
        root.join("examples/corpus"),
        root.join("fuzz/seeds"),
    ];
    folders.extend_from_slice(more);
    let mut files = Vec::new();
    for folder in &folders {
        walk(folder, &mut files)?;
    }
    files.sort();
    let mut inputs = match target.name {
        "zip" | "tar" | "frames" => made(target.name, &files)?,
        "parquet" => tables()?,
        _ => Vec::new(),
    };
    for file in files.iter().filter(|file| is_wanted(target, file)) {
        inputs.push(std::fs::read(file)?);
    }
    inputs.retain(|bytes| !bytes.is_empty() && bytes.len() <= MOST);
    if inputs.is_empty() {
        return Err(std::io::Error::other(format!("nothing to begin {} with", target.name)));
    }
    Ok(inputs.into_iter().map(|bytes| Seed::new(target, bytes)).collect())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn is_wanted(target: &Target, file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    // What the tests expect of a file stands beside it.
    let expected = file.with_extension("").extension().is_some() && extension == "txt";
    target.extensions.contains(&extension) && !expected
}

/// Inputs that are made of files.
fn made(target: &str, files: &[PathBuf]) -> std::io::Result<Vec<Vec<u8>>> {
    let mut members = Vec::new();
    for file in files {
        let bytes = std::fs::read(file)?;
        if bytes.len() < 20 << 10 {
            members.push((file.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes));
        }
    }
    Ok(match target {
        "frames" => members.iter().map(|(name, bytes)| frames(name, bytes)).collect(),
        "zip" => members.chunks(6).map(|six| Members(six.to_vec()).packed(usize::MAX, &[], true)).collect(),
        _ => members
            .chunks(6)
            .flat_map(|six| {
                let plain = tar(six);
                let packed = gzip(&plain);
                [plain, packed]
            })
            .collect(),
    })
}

/// Files of columns: of few rows with every kind of value, and of many.
fn tables() -> std::io::Result<Vec<Vec<u8>>> {
    let path = std::env::temp_dir().join(format!("tidegate-fuzz-{}-seed.parquet", std::process::id()));
    let typed = |(name, of): (&str, &str)| tidegate_table::Type::named(of).map(|of| (name.to_owned(), of));
    let names =
        [("d", "decimal(12,3)"), ("t", "timestamp"), ("y", "date"), ("b", "bytes"), ("i", "[integer]")];
    let columns: tidegate_table::Columns = names.into_iter().filter_map(typed).collect();
    let mut files = Vec::new();
    for rows in [1, 40, 3_000] {
        let row = |n: i32| {
            format!(
                "{{\"d\":{n}.125,\"t\":\"2024-02-29T00:00:{:02}Z\",\"y\":\"2024-02-29\",\"b\":\"AAE=\",\"i\":[{n},null],\
                 \"s\":\"text {}\",\"n\":null,\"o\":{{\"a\":{n}.5,\"b\":[[\"x\"]]}}}}\n",
                n % 60,
                n % 7
            )
        };
        let lines: String = (0..rows).map(row).collect();
        let written = tidegate_table::write_table(&path, &columns, &lines);
        written.map_err(|fault| std::io::Error::other(fault.to_string()))?;
        files.push(std::fs::read(&path)?);
    }
    std::fs::remove_file(&path)?;
    Ok(files)
}

/// What a child would answer.
fn frames(name: &str, bytes: &[u8]) -> Vec<u8> {
    struct Gather(Vec<tidegate_sandbox::Part>);
    impl Listener for Gather {
        fn doing(&mut self, _what: &str) {}
        fn part(&mut self, part: Part) -> ControlFlow<()> {
            let Part { path, format, result } = part;
            self.0.push(tidegate_sandbox::Part { path, format: format.to_owned(), result });
            ControlFlow::Continue(())
        }
    }
    let mut gather = Gather(Vec::new());
    let result = tidegate_formats::parse(name, bytes, &Limits::default(), &mut gather);
    tidegate_sandbox::fuzz_seed(&gather.0, result.err().as_ref())
}

fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members {
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, &name[..name.floor_char_boundary(99)]);
        put(100, "0000644\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).and_then(|()| writer.finish()).expect("memory takes what is written")
}

impl Seed {
    fn new(target: &Target, bytes: Vec<u8>) -> Self {
        let streams = if target.name == "pdf" { pdf::streams(&bytes) } else { Vec::new() };
        Self { members: Members::of(&bytes), streams, bytes }
    }

    /// All of it, as it is.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A piece of it that pieces of others may be taken from.
    fn inside(&self, dice: &mut Dice) -> &[u8] {
        if let Some(members) = &self.members {
            return &dice.pick(&members.0).1;
        }
        if self.streams.is_empty() { &self.bytes } else { &dice.pick(&self.streams).1 }
    }
}

/// The `index`-th input of a target.
#[must_use]
pub fn input(target: &Target, seeds: &[Seed], seed: u64, index: u64) -> Vec<u8> {
    let mut dice = Dice::of(target.name, seed, index);
    let dice = &mut dice;
    let chosen = dice.pick(seeds);
    let other = dice.pick(seeds).inside(dice);
    // What holds other files is damaged outside as well: its own tables are its format.
    let outside = if matches!(target.name, "zip" | "tar") { 2 } else { 5 };
    if let (Some(members), false) = (&chosen.members, dice.one_in(outside)) {
        let markup = members.of_markup();
        let at = if markup.is_empty() || dice.one_in(10) {
            dice.below(members.0.len())
        } else {
            *dice.pick(&markup)
        };
        let content = damage(&members.0[at].1, other, target.name, dice);
        return members.packed(at, &content, dice.one_in(20));
    }
    if matches!(target.name, "json" | "lines")
        && dice.one_in(2)
        && let Some(content) = json::damage(&chosen.bytes, dice)
    {
        return content;
    }
    if !chosen.streams.is_empty() && !dice.one_in(3) {
        let (place, content) = dice.pick(&chosen.streams);
        let content = damage(content, other, target.name, dice);
        return pdf::with_stream(&chosen.bytes, place, &content, dice);
    }
    damage(&chosen.bytes, other, target.name, dice)
}
