//! Files and folders that are passed over unless somebody names them: they hold no text, and a quarantine full of
//! pictures hides the one document that matters.
//!
//! Formats that do hold text (PDF, Office, e-mail, e-books, archives of them) are never listed here, whether a parser for them exists
//! yet or not: their users must be told.

use std::ffi::OsStr;
use std::path::Path;

/// Extensions of files that hold no text, in lower case, sorted.
const NO_TEXT: &[&str] = &[
    "7z",
    "a",
    "aac",
    "aif",
    "aiff",
    "apk",
    "arrow",
    "avi",
    "avif",
    "bin",
    "blend",
    "bmp",
    "br",
    "bz2",
    "cab",
    "class",
    "cur",
    "db",
    "db-journal",
    "db-shm",
    "db-wal",
    "deb",
    "dex",
    "dll",
    "dmg",
    "dylib",
    "ear",
    "elc",
    "eot",
    "exe",
    "feather",
    "flac",
    "flv",
    "gguf",
    "gif",
    "gpg",
    "h5",
    "heic",
    "heif",
    "icns",
    "ico",
    "img",
    "iso",
    "jar",
    "jp2",
    "jpeg",
    "jpg",
    "jxl",
    "ko",
    "lance",
    "ldb",
    "lz",
    "lz4",
    "lzma",
    "lzo",
    "m4a",
    "m4v",
    "mdb",
    "midi",
    "mkv",
    "mmdb",
    "mo",
    "mov",
    "mp3",
    "mp4",
    "mpeg",
    "mpg",
    "msi",
    "npy",
    "npz",
    "o",
    "oga",
    "ogg",
    "ogv",
    "onnx",
    "opus",
    "orc",
    "otf",
    "pack",
    "parquet",
    "pcap",
    "pdb",
    "pickle",
    "pkl",
    "png",
    "psd",
    "pt",
    "pth",
    "pyc",
    "pyd",
    "pyo",
    "qcow2",
    "rar",
    "rlib",
    "rmeta",
    "rpm",
    "safetensors",
    "so",
    "sqlite",
    "sqlite-shm",
    "sqlite-wal",
    "sqlite3",
    "stl",
    "svg",
    "svgz",
    "swf",
    "swo",
    "swp",
    "tbz2",
    "tflite",
    "tga",
    "tif",
    "tiff",
    "ttc",
    "ttf",
    "txz",
    "vdi",
    "vmdk",
    "war",
    "wasm",
    "wav",
    "webm",
    "webp",
    "whl",
    "wim",
    "wma",
    "wmv",
    "woff",
    "woff2",
    "xcf",
    "xpi",
    "xz",
    "z",
];

/// Folders of tools, never of documents, sorted. Hidden ones stand here too, for `hidden: true`.
const TOOL_FOLDERS: &[&str] =
    &[".bzr", ".git", ".hg", ".jj", ".svn", ".tidegate", "CVS", "__pycache__", "_darcs", "node_modules"];

/// The file by which a program declares a folder to be its cache, and how that file begins
/// (<https://bford.info/cachedir/>).
const CACHE_TAG: &str = "CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Whether a file's name says that it holds no text.
#[must_use]
pub fn holds_no_text(name: &OsStr) -> bool {
    if name == "Thumbs.db" || name == "desktop.ini" {
        return true;
    }
    Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .is_some_and(|extension| NO_TEXT.binary_search(&extension.to_ascii_lowercase().as_str()).is_ok())
}

/// Whether a folder's name says that it belongs to a tool.
pub(crate) fn is_tool_folder(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| TOOL_FOLDERS.binary_search(&name).is_ok())
}

/// Whether a folder's entries say that it is a cache or a Python environment.
pub(crate) fn is_cache(folder: &Path, has: impl Fn(&str) -> bool) -> bool {
    has("pyvenv.cfg") || (has(CACHE_TAG) && is_signed(&folder.join(CACHE_TAG)))
}

fn is_signed(tag: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; CACHE_SIGNATURE.len()];
    crate::open::regular(tag).is_ok_and(|mut file| file.read_exact(&mut head).is_ok())
        && head == CACHE_SIGNATURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_searched() {
        assert!(NO_TEXT.is_sorted() && TOOL_FOLDERS.is_sorted());
    }

    #[test]
    fn documents_are_never_passed_over() {
        for name in [
            "a.pdf",
            "a.docx",
            "a.eml",
            "a.epub",
            "a.zip",
            "a.tar.gz",
            "a.ts",
            "a.md",
            "LICENSE",
            ".png",
            "a.csv",
            "Cargo.lock",
        ] {
            assert!(!holds_no_text(OsStr::new(name)), "{name}");
        }
        for name in ["a.PNG", "a.tar.xz", "tidegate.db-wal", "Thumbs.db"] {
            assert!(holds_no_text(OsStr::new(name)), "{name}");
        }
    }
}
