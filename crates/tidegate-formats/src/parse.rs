//! The one door: bytes in, documents and faults out.

use tidegate_core::{Fault, FaultKind};
use tidegate_text::ParseOptions;

use crate::budget::{Budget, End};
use crate::kind::{Kind, recognise};
use crate::limits::Limits;
use crate::package::needs_password;
use crate::part::{Listener, Resume};
use crate::{archive, docx, epub, mail, odf, pdf, pptx, rtf, xlsx};

/// Reads all documents of a file. `name` is its file name or URL path, for its extension.
///
/// A file that is one document gives one part with an empty path. A mail gives one for itself, then one for each
/// attachment; an archive one for each member. A member's fault is that part's result and hides no other member. An
/// empty path is also used for text formats: any file may be given. After `Break` from the listener the result is `Ok`.
///
/// # Errors
/// The record's own faults, if the file as a whole cannot be read (further): [`FaultKind::TooLarge`],
/// [`FaultKind::TooDeep`], [`FaultKind::Empty`], [`FaultKind::Malformed`], [`FaultKind::Unsupported`],
/// [`FaultKind::Encoding`], [`FaultKind::Unreadable`] (needs a password). Parts that were handed out before stay good.
pub fn parse(name: &str, bytes: &[u8], limits: &Limits, listener: &mut dyn Listener) -> Result<(), Fault> {
    parse_from(name, bytes, (limits, &Resume::default()), listener)
}

/// Like [`parse`], and goes on where the reader of the same file under the same limits was killed: members that came
/// before are passed over, and so are those that killed it.
///
/// # Errors
/// As [`parse`].
pub fn parse_from(
    name: &str,
    bytes: &[u8],
    (limits, from): (&Limits, &Resume),
    listener: &mut dyn Listener,
) -> Result<(), Fault> {
    if bytes.len() as u64 > limits.max_bytes {
        let message = format!("{} bytes, the limit is {}", bytes.len(), limits.max_bytes);
        return Err(Fault::new(FaultKind::TooLarge, message).hint("split the file, or raise max_bytes"));
    }
    if bytes.is_empty() {
        return Err(Fault::new(FaultKind::Empty, "the document has no bytes"));
    }
    let mut budget = Budget::new(bytes.len() as u64, (limits, from), listener);
    match item(name, bytes, 0, &mut budget) {
        Ok(()) if !budget.has_parts() => Err(Fault::new(FaultKind::Empty, "nothing to read in the file")),
        Ok(()) | Err(End::Stopped) => Ok(()),
        Err(End::Fault(fault) | End::Spent(fault)) => Err(fault),
    }
}

/// Reads a file or a member, `depth` containers deep. Its faults are the caller's to place.
pub(crate) fn item(name: &str, bytes: &[u8], depth: u32, budget: &mut Budget<'_>) -> Result<(), End> {
    let kind = recognise(name, bytes);
    if budget.is_passed() && !kind.is_some_and(Kind::is_container) {
        return Ok(());
    }
    let Some(kind) = kind else { return text(name, bytes, budget) };
    if kind.is_container() && depth >= budget.limits.max_depth {
        return Err(End::Fault(too_deep(budget.limits.max_depth)));
    }
    match kind {
        Kind::Gzip | Kind::Zstd | Kind::Tar | Kind::Zip => archive::read(kind, name, bytes, depth, budget),
        Kind::Mail => mail::read(bytes, depth, budget),
        _ => document(kind, bytes, budget),
    }
}

/// How Office wraps what it encrypts: in the file format it used before ZIP.
pub(crate) const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Reads a file that is one document.
pub(crate) fn document(kind: Kind, bytes: &[u8], budget: &mut Budget<'_>) -> Result<(), End> {
    budget.doing("opening");
    if bytes.starts_with(OLE) {
        return Err(needs_password().during(format!("parsing {}", kind.name())).into());
    }
    let document = match kind {
        Kind::Pdf => pdf::read(bytes, budget),
        Kind::Docx => docx::read(bytes, budget),
        Kind::Pptx => pptx::read(bytes, budget),
        Kind::Xlsx => xlsx::read(bytes, budget),
        Kind::Odt | Kind::Odp | Kind::Ods => odf::read(kind, bytes, budget),
        Kind::Epub => epub::read(bytes, budget),
        Kind::Rtf => rtf::read(bytes, budget),
        Kind::Mail | Kind::Zip | Kind::Tar | Kind::Gzip | Kind::Zstd => {
            Err(Fault::new(FaultKind::Unsupported, "a container is no document"))
        }
    };
    let document = document.map_err(|fault: Fault| fault.during(format!("parsing {}", kind.name())))?;
    budget.part(kind.name(), Ok(document))
}

/// Reads a member of a container that is `depth` containers deep itself; `content` is what unpacking it gave. A fault
/// of the member is handed out as its part.
pub(crate) fn member(
    name: &str,
    content: Result<Vec<u8>, Fault>,
    depth: u32,
    budget: &mut Budget<'_>,
) -> Result<(), End> {
    let outer = budget.enter(name);
    let read = match content {
        Ok(bytes) => {
            let format = format_name(name, &bytes);
            let read = if bytes.is_empty() { Ok(()) } else { item(name, &bytes, depth + 1, budget) };
            read.or_else(|end| match end {
                End::Fault(fault) => budget.part(format, Err(fault)),
                end => Err(end),
            })
        }
        Err(fault) => budget.part("unknown", Err(fault)),
    };
    budget.leave(outer);
    read?;
    if budget.unpacked_left() == 0 {
        let message = "unpacks to more than it may altogether";
        let fault = Fault::new(FaultKind::TooLarge, message);
        return Err(End::Spent(
            fault.hint("this is how archive bombs look; unpack it yourself, or raise max_ratio"),
        ));
    }
    Ok(())
}

fn format_name(name: &str, bytes: &[u8]) -> &'static str {
    recognise(name, bytes).map_or_else(|| tidegate_text::sniff(name, bytes).name(), Kind::name)
}

fn too_deep(limit: u32) -> Fault {
    let message = format!("archives within each other, more than {limit} deep");
    Fault::new(FaultKind::TooDeep, message).hint("unpack the inner ones, or raise max_depth")
}

fn text(name: &str, bytes: &[u8], budget: &mut Budget<'_>) -> Result<(), End> {
    let usual = ParseOptions::default();
    let options = ParseOptions { max_bytes: usual.max_bytes.min(budget.output_left()), ..usual };
    let document = tidegate_text::parse(name, bytes, &options)?;
    budget.part(format_name(name, bytes), Ok(document))
}
