//! Real files cut off and with flipped bits: any fault will do, a panic or a document that is none will not.
//!
//! `TIDEGATE_VARIANTS` says how many variants of each file are tried; the usual few are a smoke test.

use std::io::Read;

use tidegate_formats::Limits;

use crate::kit::{files, read_with};
use crate::made::zip;

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        match self.roll(4) {
            0 => out.truncate(self.roll(out.len())),
            1 => {
                let (from, to) = (self.roll(out.len()), self.roll(out.len()));
                let chunk = out[from..(from + 1 + self.roll(200)).min(out.len())].to_vec();
                out.splice(to..to, chunk);
            }
            _ => {
                for _ in 0..=self.roll(20) {
                    let at = self.roll(out.len());
                    if let Some(byte) = out.get_mut(at) {
                        *byte ^= 1 << self.roll(8);
                    }
                }
            }
        }
        out
    }
}

fn variants() -> usize {
    std::env::var("TIDEGATE_VARIANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(40)
}

/// Limits that keep a variant that is a bomb by accident from taking long.
fn limits() -> Limits {
    Limits { max_unpacked_bytes: 64 << 20, max_output_bytes: 16 << 20, ..Limits::default() }
}

#[test]
fn damaged_files_are_faults_or_documents() {
    let (mut good, mut bad) = (0, 0);
    for (index, (name, bytes)) in files().iter().enumerate() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 + index as u64);
        for _ in 0..variants() {
            let damaged = dice.damage(bytes);
            let (_, result) = read_with(name, &damaged, &limits());
            if result.is_ok() { good += 1 } else { bad += 1 }
        }
    }
    assert!(
        good > 0 && bad > 0,
        "{good} read, {bad} refused: the damage is too small or too large to show anything"
    );
}

/// Damage to a ZIP file is found by its checksums. Here the parts are damaged, and packed again.
#[test]
fn damaged_parts_of_packages_are_faults_or_documents() {
    for (index, (name, bytes)) in
        files().iter().enumerate().filter(|(_, (_, bytes))| bytes.starts_with(b"PK"))
    {
        let mut dice = Dice(0x2545_f491_4f6c_dd1d + index as u64);
        let parts = unzip(bytes);
        for _ in 0..variants() {
            let hit = dice.roll(parts.len());
            let damaged: Vec<(&str, Vec<u8>)> = parts
                .iter()
                .enumerate()
                .map(|(at, (part, content))| {
                    let content = if at == hit { dice.damage(content) } else { content.clone() };
                    (part.as_str(), content)
                })
                .collect();
            let members: Vec<(&str, &[u8])> =
                damaged.iter().map(|(part, content)| (*part, content.as_slice())).collect();
            let _ = read_with(name, &zip(&members), &limits());
        }
    }
}

/// The objects of a PDF are packed as well: here the content of streams is damaged where it is plain.
#[test]
fn damaged_content_of_pages_is_a_fault_or_a_document() {
    let content = b"BT /F 12 Tf 1 0 0 1 50 700 Tm [(Some) -300 (text) 20 <776f726473>] TJ T* (more) ' ET q 1 0 0 1 5 5 cm \
        /X Do Q BT /F 9 Tf 10 TL 0 -20 Td (end) Tj 2 0 (and) \" ET BI /W 1 /H 1 ID x EI /Span << /ActualText (instead) >> \
        BDC BT (x) Tj ET EMC";
    let form =
        crate::made::stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"BT /F 5 Tf (inside) Tj ET");
    let whole = crate::made::page(content, "/XObject << /X 5 0 R >>", &[form]);
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for _ in 0..variants() * 10 {
        let _ = read_with("a.pdf", &dice.damage(&whole), &limits());
    }
}

fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (String::from_utf8_lossy(file.name_raw()).into_owned(), content)
        })
        .filter(|(name, _)| !name.ends_with('/'))
        .collect()
}
