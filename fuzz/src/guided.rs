//! How an input is changed when libFuzzer asks: inside of what is packed, where its own changes would only be found by
//! checksums.

use std::path::PathBuf;

use crate::damage::damage;
use crate::dice::Dice;
use crate::target::find;
use crate::zipped::Members;
use crate::{json, pdf, seed};

/// libFuzzer's own way to change `size` of the bytes in place, to no more than the third argument; the new size.
pub type Own = fn(&mut [u8], usize, usize) -> usize;

/// Inputs do not become longer than this: what is reached by more is reached by less, and takes longer.
pub const MOST: usize = 256 << 10;

/// Writes what to begin with into the folder that `TIDEGATE_FUZZ_SEEDS` names, and ends the process; without one nothing
/// is done. Further folders to take files from follow it, as in `PATH`. Files that libFuzzer would cut are left out.
///
/// # Panics
/// If there is no such target, or the files cannot be read or written.
pub fn begin(name: &str) {
    let Some(folders) = std::env::var_os("TIDEGATE_FUZZ_SEEDS") else { return };
    let target = find(name).expect("the name of a target");
    let mut folders = std::env::split_paths(&folders);
    let place = folders.next().expect("a folder to write to");
    let more: Vec<PathBuf> = folders.collect();
    let seeds = seed::all(target, &more).expect("files to begin with");
    for (index, seed) in seeds.iter().enumerate().filter(|(_, seed)| seed.bytes().len() <= MOST) {
        let file = place.join(format!("{index:05}.{}", target.extensions[0]));
        std::fs::write(file, seed.bytes()).expect("the folder can be written to");
    }
    std::process::exit(0);
}

/// Changes the first `size` bytes of `data` to no more than `most`; the new size.
///
/// # Panics
/// If there is no such target.
#[must_use]
pub fn mutate(name: &str, data: &mut [u8], size: usize, most: usize, seed: u32, own: Own) -> usize {
    let target = find(name).expect("the name of a target");
    let mut dice = Dice::of(target.name, u64::from(seed), 0);
    let guided = Guided { name: target.name, most, own };
    if let Some(new) = guided.inside(&data[..size], &mut dice)
        && !new.is_empty()
        && new.len() <= most
    {
        data[..new.len()].copy_from_slice(&new);
        return new.len();
    }
    own(data, size, most)
}

struct Guided {
    name: &'static str,
    most: usize,
    own: Own,
}

impl Guided {
    /// An input that is changed where its format hides something; `None` where libFuzzer had better do it.
    fn inside(&self, input: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
        if dice.one_in(4) {
            return None;
        }
        match self.name {
            "docx" | "pptx" | "xlsx" | "odf" | "epub" | "zip" => self.member(input, dice),
            "pdf" => self.stream(input, dice),
            "json" | "lines" if dice.one_in(2) => json::damage(input, dice),
            _ if dice.one_in(2) => Some(damage(input, input, self.name, dice)),
            _ => None,
        }
    }

    fn member(&self, input: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
        let members = Members::of(input)?;
        let markup = members.of_markup();
        let at = if markup.is_empty() || dice.one_in(10) {
            dice.below(members.0.len())
        } else {
            *dice.pick(&markup)
        };
        let other = &dice.pick(&members.0).1;
        let content = self.changed(&members.0[at].1, other, dice);
        // Mostly packed: what stays small leaves room for more of its kind.
        Some(members.packed(at, &content, !dice.one_in(4)))
    }

    fn stream(&self, input: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
        let streams = pdf::streams(input);
        if streams.is_empty() || dice.one_in(3) {
            return dice.one_in(2).then(|| damage(input, input, self.name, dice));
        }
        let (place, content) = dice.pick(&streams);
        let other = &dice.pick(&streams).1;
        let content = self.changed(content, other, dice);
        Some(pdf::with_stream(input, place, &content, dice))
    }

    /// What was unpacked, changed as libFuzzer would, which knows what the program compared it with, or as we do.
    fn changed(&self, content: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
        if dice.one_in(3) || content.is_empty() {
            return damage(content, other, self.name, dice);
        }
        let most = (content.len() + 4096).min(self.most.max(content.len()));
        let mut new = content.to_vec();
        new.resize(most, 0);
        let size = (self.own)(&mut new, content.len(), most);
        new.truncate(size);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_a_byte(data: &mut [u8], size: usize, most: usize) -> usize {
        if size == most {
            return size;
        }
        data[size] = b'!';
        size + 1
    }

    #[test]
    fn a_member_is_changed_and_the_file_stays_one_that_can_be_unpacked() {
        let members = Members(vec![("a.xml".to_owned(), b"<a>some words that stand here</a>".to_vec())]);
        let file = members.packed(usize::MAX, &[], false);
        let changed = (0..200).filter(|seed| {
            let mut data = file.clone();
            data.resize(MOST, 0);
            let size = mutate("docx", &mut data, file.len(), MOST, *seed, add_a_byte);
            Members::of(&data[..size]).is_some_and(|new| new.0 != members.0)
        });
        assert!(changed.count() > 100, "most changes are to be inside");
    }

    #[test]
    fn no_change_is_longer_than_may_be() {
        let input = b"%PDF-1.4 stream\nBT (words) Tj ET endstream".repeat(20);
        for name in crate::target::ALL.iter().map(|target| target.name) {
            for seed in 0..200 {
                let mut data = input.clone();
                let size = mutate(name, &mut data, input.len(), input.len(), seed, add_a_byte);
                assert!((1..=input.len()).contains(&size), "{name}, {seed}");
            }
        }
    }
}
