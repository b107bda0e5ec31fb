//! Lays out the tables that would cost time at start-up: the vocabulary's trie and the normaliser's pages.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

#[allow(dead_code, reason = "the build script lays the trie out; only the crate walks it")]
#[path = "src/trie.rs"]
mod trie;

/// One page of the normaliser's table covers this many code points.
const PAGE: usize = 256;
const CODE_POINTS: usize = 0x11_0000;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/trie.rs");
    println!("cargo::rerun-if-changed=assets/vocab.txt");
    println!("cargo::rerun-if-changed=assets/normalise.txt");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let nodes = trie::build(&fs::read_to_string("assets/vocab.txt")?)
        .ok_or_else(|| io::Error::other("the vocabulary is too large"))?;
    let mut code = String::new();
    array(&mut code, "NODES", "u64", &nodes);
    fs::write(Path::new(&out).join("trie_table.rs"), &code)?;
    let code = normaliser(&fs::read_to_string("assets/normalise.txt")?)
        .ok_or_else(|| io::Error::other("assets/normalise.txt has a line of unknown form"))?;
    fs::write(Path::new(&out).join("normalise_table.rs"), code)
}

/// Turns `normalise.txt` into a table of pages, equal pages stored once. An entry is 0 to keep the code point,
/// 1 to drop it, 2 for white space, 3 for a word of its own, and from 4 on an index into the replacements.
fn normaliser(text: &str) -> Option<String> {
    let mut table = vec![0_u16; CODE_POINTS];
    let mut replacements: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (kind, range) = (words.next()?, words.next()?);
        let (first, last) = range.split_once("..").unwrap_or((range, range));
        let entry = match kind {
            "drop" => 1,
            "space" => 2,
            "alone" => 3,
            "map" => {
                replacements.push(words.map(hex).collect::<Option<Vec<_>>>()?.into_iter().collect());
                u16::try_from(replacements.len() + 3).ok()?
            }
            _ => return None,
        };
        table[hex(first)? as usize..=hex(last)? as usize].fill(entry);
    }
    let mut pages: Vec<&[u16]> = Vec::new();
    let mut index = Vec::new();
    for page in table.chunks(PAGE) {
        let known = pages.iter().position(|known| *known == page);
        index.push(known.unwrap_or_else(|| {
            pages.push(page);
            pages.len() - 1
        }));
    }
    let mut code = String::new();
    array(&mut code, "PAGES", "u16", &index);
    array(&mut code, "ENTRIES", "u16", &pages.concat());
    let replacements: Vec<String> = replacements.iter().map(|r| format!("{r:?}")).collect();
    array(&mut code, "REPLACEMENTS", "&str", &replacements);
    Some(code)
}

fn hex(digits: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

fn array<T: std::fmt::Display>(code: &mut String, name: &str, kind: &str, values: &[T]) {
    let _ = write!(code, "static {name}: [{kind}; {}] = [", values.len());
    for value in values {
        let _ = write!(code, "{value},");
    }
    code.push_str("];\n");
}
