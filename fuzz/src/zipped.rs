//! ZIP files are damaged inside of a member: damage to the file itself is found by its checksums and gets no further.

use std::io::{Cursor, Read as _, Write as _};

use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, ZipArchive};

/// A ZIP file, unpacked.
#[derive(Debug, Clone)]
pub struct Members(pub Vec<(String, Vec<u8>)>);

impl Members {
    /// The members of a ZIP file; `None` if it is none, or a large one.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        const MOST: u64 = 8 << 20;
        let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
        let mut members = Vec::new();
        for index in 0..archive.len().min(1000) {
            let mut file = archive.by_index(index).ok()?;
            let mut content = Vec::new();
            file.by_ref().take(MOST).read_to_end(&mut content).ok()?;
            let name = String::from_utf8_lossy(file.name_raw()).into_owned();
            if !name.ends_with('/') {
                members.push((name, content));
            }
        }
        (!members.is_empty()).then_some(Self(members))
    }

    /// Members that hold markup: the others are pictures as a rule.
    #[must_use]
    pub fn of_markup(&self) -> Vec<usize> {
        let markup = |(_, content): &(String, Vec<u8>)| {
            content.iter().take(200).any(|byte| *byte == b'<') || content.len() < 200
        };
        (0..self.0.len()).filter(|at| markup(&self.0[*at])).collect()
    }

    /// The ZIP file of these members, with the `at`-th replaced. Stored, but for a few: compression is not what is tried.
    #[must_use]
    pub fn packed(&self, at: usize, content: &[u8], deflate: bool) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let method = if deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        for (index, (name, own)) in self.0.iter().enumerate() {
            let content = if index == at { content } else { own };
            // Names twice, or too long, are refused by the writer; the rest of the file will do.
            if writer.start_file(name.as_str(), options).is_ok() && writer.write_all(content).is_err() {
                break;
            }
        }
        writer.finish().map(Cursor::into_inner).unwrap_or_default()
    }
}
