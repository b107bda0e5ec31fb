//! ZIP files: archives, and the packages that Office, OpenDocument and EPUB files are.

use std::collections::HashMap;
use std::io::Cursor;

use tidegate_core::{Fault, FaultKind};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::budget::Budget;
use crate::unpack::unpack;

/// An open ZIP file. Members are unpacked one at a time, into memory that the budget counts.
pub(crate) struct Package<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    /// Members by their name in lower case with plain slashes: some programs write others than they refer to.
    names: HashMap<String, usize>,
}

/// What a member is, before it is unpacked.
pub(crate) struct Member {
    pub(crate) name: String,
    /// Folders and links hold nothing to read.
    pub(crate) is_file: bool,
    pub(crate) encrypted: bool,
}

impl<'b> Package<'b> {
    pub(crate) fn open(bytes: &'b [u8]) -> Result<Self, Fault> {
        /// The directory is held in memory; this many entries take some 30 MB.
        const MOST_ENTRIES: usize = 100_000;
        if memchr::memmem::find_iter(bytes, b"PK\x01\x02").take(MOST_ENTRIES + 1).count() > MOST_ENTRIES {
            let message = format!("more than {MOST_ENTRIES} members");
            return Err(Fault::new(FaultKind::TooLarge, message).hint("unpack the archive"));
        }
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| fault("no ZIP archive", error))?;
        let names = (0..archive.len()).filter_map(|index| {
            let name = archive.name_for_index(index)?.ok()?;
            Some((normal(&name), index))
        });
        let names = names.collect();
        Ok(Self { archive, names })
    }

    pub(crate) fn len(&self) -> usize {
        self.archive.len()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains_key(&normal(name))
    }

    pub(crate) fn member(&mut self, index: usize) -> Result<Member, Fault> {
        let file = self.archive.by_index_raw(index).map_err(|error| fault("a damaged member", error))?;
        Ok(Member {
            name: String::from_utf8_lossy(file.name_raw()).into_owned(),
            is_file: file.is_file() && !file.is_symlink(),
            encrypted: file.encrypted(),
        })
    }

    pub(crate) fn unpack(&mut self, index: usize, budget: &mut Budget<'_>) -> Result<Vec<u8>, Fault> {
        let file = self.archive.by_index(index).map_err(|error| fault("a damaged member", error))?;
        let packed = file.compressed_size();
        unpack(file, packed, budget)
    }

    /// The member of this name, if there is one. Packages name their parts with and without a slash in front.
    pub(crate) fn read(&mut self, name: &str, budget: &mut Budget<'_>) -> Result<Option<Vec<u8>>, Fault> {
        let Some(index) = self.names.get(&normal(name)).copied() else { return Ok(None) };
        self.unpack(index, budget).map(Some).map_err(|fault| fault.during(format!("unpacking {name}")))
    }

    /// The member of this name, without which the document is none.
    pub(crate) fn require(&mut self, name: &str, budget: &mut Budget<'_>) -> Result<Vec<u8>, Fault> {
        let missing = || Fault::new(FaultKind::Malformed, format!("there is no {name} in the file"));
        self.read(name, budget)?.ok_or_else(missing)
    }

    /// Names of members, for the search of those whose names are not known for certain.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }
}

fn normal(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_ascii_lowercase()
}

fn fault(what: &str, error: ZipError) -> Fault {
    match error {
        ZipError::UnsupportedArchive(reason) if reason == ZipError::PASSWORD_REQUIRED => needs_password(),
        ZipError::UnsupportedArchive(reason) => {
            Fault::new(FaultKind::Unsupported, format!("{what}: {reason}"))
        }
        error => Fault::new(FaultKind::Malformed, what).cause(error),
    }
}

/// The fault of everything that is encrypted.
pub(crate) fn needs_password() -> Fault {
    Fault::new(FaultKind::Unreadable, "needs a password").hint("save a copy without a password")
}
