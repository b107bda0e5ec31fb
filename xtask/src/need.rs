//! Finds the programs a task needs; installs them by name where that is possible, and says what to type where not.

use std::process::Command;

use crate::emulators;
use crate::shell::{exists, output, run};

/// A program a task needs, the argument that makes it answer, and the Debian package that brings it.
struct Need {
    program: &'static str,
    probe: &'static str,
    package: &'static str,
    why: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        program: "cc",
        probe: "--version",
        package: "gcc libc6-dev",
        why: "SQLite is compiled from source",
    },
    Need { program: "git", probe: "--version", package: "git", why: "tidy reads the list of files from git" },
    Need {
        program: "python3",
        probe: "--version",
        package: "python3-minimal libpython3-stdlib",
        why: "the crash checker is written in Python",
    },
    Need {
        program: "tesseract",
        probe: "--version",
        package: "tesseract-ocr tesseract-ocr-eng",
        why: "a test reads a scanned page",
    },
    Need { program: "pdftoppm", probe: "-v", package: "poppler-utils", why: "a test reads a scanned page" },
    Need {
        program: "npm",
        probe: "--version",
        package: "npm",
        why: "the stand-in for Azure Blob Storage runs on Node.js",
    },
];

/// Makes sure that everything is there; returns what was found.
pub(crate) fn everything() -> Result<String, String> {
    let mut found = vec!["cargo".to_owned()];
    for need in NEEDS {
        if !exists(need.program, need.probe) {
            install(need)?;
        }
        found.push(need.program.to_owned());
    }
    for component in ["rustfmt", "clippy"] {
        component_present(component)?;
        found.push(component.to_owned());
    }
    python_has_sqlite()?;
    python_has_venv()?;
    emulators::installed()?;
    found.extend(["moto".to_owned(), "azurite".to_owned()]);
    Ok(format!("found {}", found.join(", ")))
}

fn install(need: &Need) -> Result<(), String> {
    let missing = format!("{} is missing ({})", need.program, need.why);
    let hint = format!("hint: apt-get install {}", need.package);
    if !rustix::process::geteuid().is_root() || !exists("apt-get", "--version") {
        return Err(format!("{missing}\n{hint}"));
    }
    println!("{missing}; installing {}", need.package);
    let apt = |words: &[&str]| {
        run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-y"]).args(words))
    };
    apt(&["update"])?;
    let mut words = vec!["install", "--no-install-recommends"];
    words.extend(need.package.split(' '));
    apt(&words).map_err(|error| format!("{missing}; {error}\n{hint}"))
}

/// rustfmt and clippy are parts of the toolchain; rustup can add them, a distribution's cargo cannot.
fn component_present(component: &str) -> Result<(), String> {
    let (program, sub) = if component == "rustfmt" { ("rustfmt", "fmt") } else { ("cargo-clippy", "clippy") };
    if exists(program, "--version") {
        return Ok(());
    }
    let missing = format!("`cargo {sub}` is missing");
    if !exists("rustup", "--version") {
        return Err(format!(
            "{missing}\nhint: apt-get install {component}, or rustup component add {component}"
        ));
    }
    println!("{missing}; adding it");
    run(Command::new("rustup").args(["component", "add", component]))
}

fn python_has_sqlite() -> Result<(), String> {
    let mut probe = Command::new("python3");
    probe.args(["-c", "import sqlite3; print(sqlite3.sqlite_version)"]);
    let missing = "this python3 has no sqlite3 module\nhint: apt-get install libpython3-stdlib";
    output(&mut probe).map(drop).map_err(|_| missing.to_owned())
}

/// Distributions ship the module that makes environments apart from Python itself.
fn python_has_venv() -> Result<(), String> {
    let mut probe = Command::new("python3");
    if output(probe.args(["-c", "import ensurepip, venv"])).is_ok() {
        return Ok(());
    }
    let package = "python3-venv";
    let why = "the stand-in for S3 gets a Python environment of its own";
    install(&Need { program: "python3's venv", probe: "", package, why })
}
