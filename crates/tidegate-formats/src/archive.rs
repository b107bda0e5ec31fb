//! Archives: each member is a document of its own.
//!
//! Nothing is ever written to disk, and links and devices are passed over: a name in an archive is a label here, never
//! a path.

use tidegate_core::{Fault, FaultKind};

use crate::budget::{Budget, End};
use crate::kind::{Kind, recognise};
use crate::package::{Package, needs_password};
use crate::parse::{item, member};
use crate::unpack::{gunzip, unpack, unzstd};

/// Reads what is in an archive, `depth` containers deep.
pub(crate) fn read(
    kind: Kind,
    name: &str,
    bytes: &[u8],
    depth: u32,
    budget: &mut Budget<'_>,
) -> Result<(), End> {
    match kind {
        Kind::Zip => zip(bytes, depth, budget),
        Kind::Tar => tar(bytes, depth, budget),
        _ => compressed(kind, name, bytes, depth, budget),
    }
}

fn compressed(kind: Kind, name: &str, bytes: &[u8], depth: u32, budget: &mut Budget<'_>) -> Result<(), End> {
    budget.doing("unpacking");
    let inner = if kind == Kind::Gzip { gunzip(bytes, budget)? } else { unzstd(bytes, budget)? };
    let name = inner_name(name);
    match recognise(&name, &inner) {
        Some(Kind::Tar) => tar(&inner, depth, budget),
        _ if inner.is_empty() => Err(Fault::new(FaultKind::Empty, "nothing was compressed").into()),
        _ => item(&name, &inner, depth + 1, budget),
    }
}

/// The name of what is in a compressed file.
fn inner_name(name: &str) -> String {
    let Some((stem, extension)) = name.rsplit_once('.') else { return name.to_owned() };
    match extension.to_ascii_lowercase().as_str() {
        "gz" | "zst" | "z" => stem.to_owned(),
        "tgz" | "tzst" => format!("{stem}.tar"),
        "svgz" => format!("{stem}.svg"),
        _ => name.to_owned(),
    }
}

fn zip(bytes: &[u8], depth: u32, budget: &mut Budget<'_>) -> Result<(), End> {
    let mut package = Package::open(bytes)?;
    // What only looked like an archive of files may be a document with its parts in an unusual order.
    if let Some(kind) = document_kind(&mut package, budget)? {
        drop(package);
        return crate::parse::document(kind, bytes, budget);
    }
    let count = package.len();
    for index in 0..count {
        let (name, ready) = match package.member(index) {
            Ok(entry) if !entry.is_file || is_litter(&entry.name) => continue,
            Ok(entry) if entry.encrypted => (entry.name, Err(needs_password())),
            Ok(entry) => (entry.name, Ok(())),
            Err(fault) => (format!("member {}", index + 1), Err(fault)),
        };
        if budget.begin(&name, &format!("member {} of {count}, {name}", index + 1))? {
            let content = ready.and_then(|()| package.unpack(index, budget));
            member(&name, content, depth, budget)?;
        }
    }
    Ok(())
}

fn document_kind(package: &mut Package<'_>, budget: &mut Budget<'_>) -> Result<Option<Kind>, Fault> {
    for (name, kind) in [
        ("word/document.xml", Kind::Docx),
        ("ppt/presentation.xml", Kind::Pptx),
        ("xl/workbook.xml", Kind::Xlsx),
    ] {
        if package.has(name) && package.has("[Content_Types].xml") {
            return Ok(Some(kind));
        }
    }
    let Some(mimetype) = package.read("mimetype", budget)? else {
        return Ok(package.has("META-INF/container.xml").then_some(Kind::Epub));
    };
    let mimetype = String::from_utf8_lossy(&mimetype);
    Ok(match mimetype.trim() {
        "application/epub+zip" => Some(Kind::Epub),
        name if name.starts_with("application/vnd.oasis.opendocument.text") => Some(Kind::Odt),
        name if name.starts_with("application/vnd.oasis.opendocument.presentation") => Some(Kind::Odp),
        name if name.starts_with("application/vnd.oasis.opendocument.spreadsheet") => Some(Kind::Ods),
        _ => None,
    })
}

fn tar(bytes: &[u8], depth: u32, budget: &mut Budget<'_>) -> Result<(), End> {
    let damaged = |error| Fault::new(FaultKind::Malformed, "a damaged tar archive").cause(error);
    let mut archive = tar::Archive::new(bytes);
    for (index, entry) in archive.entries().map_err(damaged)?.enumerate() {
        let entry = entry.map_err(damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()) || is_litter(&name) {
            continue;
        }
        if !budget.begin(&name, &format!("member {}, {name}", index + 1))? {
            continue;
        }
        let packed = entry.header().entry_size().unwrap_or(0).min(bytes.len() as u64);
        let size = entry.size();
        let content = unpack(entry, packed, budget).and_then(|content| whole(content, size));
        member(&name, content, depth, budget)?;
    }
    Ok(())
}

/// An archive that ends in the middle of a member gives what is there, as if it were all.
fn whole(content: Vec<u8>, size: u64) -> Result<Vec<u8>, Fault> {
    if content.len() as u64 >= size {
        return Ok(content);
    }
    let message = format!("cut off after {} of {size} bytes", content.len());
    Err(Fault::new(FaultKind::Malformed, message).hint("the archive is not whole: get it once more"))
}

/// What programs leave in archives without anybody having put it there.
fn is_litter(name: &str) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.starts_with("__MACOSX/")
        || file.starts_with("._")
        || matches!(file, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}
