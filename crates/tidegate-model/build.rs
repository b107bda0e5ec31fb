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
/// Bits of the normaliser's entries; replacements stay far below.
const KEPT: u16 = 1 << 15;
const APART: u16 = 1 << 14;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/trie.rs");
    println!("cargo::rerun-if-changed=assets/vocab.txt");
    println!("cargo::rerun-if-changed=assets/normalise.txt");
    println!("cargo::rerun-if-changed=assets/cased.txt");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let nodes = trie::build(&fs::read_to_string("assets/vocab.txt")?)
        .ok_or_else(|| io::Error::other("the vocabulary is too large"))?;
    let mut code = String::new();
    array(&mut code, "NODES", "u64", &nodes);
    fs::write(Path::new(&out).join("trie_table.rs"), &code)?;
    let lines = fs::read_to_string("assets/normalise.txt")? + &fs::read_to_string("assets/cased.txt")?;
    let code =
        normaliser(&lines).ok_or_else(|| io::Error::other("the normaliser has a line of unknown form"))?;
    fs::write(Path::new(&out).join("normalise_table.rs"), code)
}

/// Turns `normalise.txt` and, after it, `cased.txt` into a table of pages, equal pages stored once. An entry is 0 to keep the code point,
/// 1 to drop it, 2 for white space, 3 for a word of its own, and from 4 on an index into the replacements. Two bits say
/// what cased models do otherwise: keep what the others drop, or take as a word what the others replace.
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
            "kept" | "apart" => {
                let bit = if kind == "kept" { KEPT } else { APART };
                let range = hex(first)? as usize..=hex(last)? as usize;
                table[range].iter_mut().for_each(|entry| *entry |= bit);
                continue;
            }
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
    let _ = writeln!(code, "const KEPT: u16 = {KEPT};\nconst APART: u16 = {APART};");
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
