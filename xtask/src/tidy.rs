//! The rules of the house, each of them checked: a rule nobody runs is a wish.

use crate::args::{Args, Spec};
use crate::shell::{cargo, run as shell_run};
use crate::steps::Steps;
use crate::{Done, shell};

mod arrows;
mod docs;
mod floors;
mod licences;
mod lock;
mod source;
mod spdx;

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask tidy [--quick]

Checks the rules of the house: dependencies point down only, code is formatted and free of lints, licences
are allowed, no dependency is below its security floor, files stay readable, links in documents resolve, and
the commands in README.md exist.

    --quick   without formatting and lints, which need a build
",
    values: &[],
    flags: &["quick"],
};

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    let mut steps = Steps::default();
    all(&mut steps, args.has("quick"));
    steps.finish("tidy")
}

/// Every check, as steps of a task.
pub(crate) fn all(steps: &mut Steps, quick: bool) {
    steps.step("crate arrows", arrows::check);
    steps.step("licences, bans and sources", licences::check);
    steps.step("security floors", floors::check);
    steps.step("source rules", source::check);
    steps.step("links and commands in documents", docs::check);
    if !quick {
        steps.step("formatting", formatting);
        steps.step("lints", lints);
    }
}

fn formatting() -> Result<String, String> {
    shell_run(cargo().args(["fmt", "--all", "--check"]))
        .map_err(|error| format!("{error}\nhint: cargo fmt --all"))?;
    // A workspace of its own, which `--all` does not reach.
    let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml"];
    shell_run(cargo().args(fuzz).args(["--", "--check"]))
        .map_err(|error| format!("{error}\nhint: cargo {}", fuzz.join(" ")))?;
    Ok(String::new())
}

fn lints() -> Result<String, String> {
    shell_run(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // What is left out with Parquet must not be missed by what stays; everything but these two is as it was.
    let without = ["--package", "tidegate", "--package", "tidegate-cli", "--no-default-features"];
    shell_run(cargo().args(["clippy", "--quiet"]).args(without).args(["--", "-D", "warnings"]))?;
    Ok(String::new())
}

/// What `cargo metadata` says, as JSON.
fn metadata(with_dependencies: bool) -> Result<serde_json::Value, String> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1"]);
    if !with_dependencies {
        command.arg("--no-deps");
    }
    let text = shell::output(&mut command)?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata printed no JSON: {error}"))
}

/// One error out of many complaints.
fn verdict(what: &str, complaints: &[String]) -> Result<String, String> {
    if complaints.is_empty() { Ok(what.to_owned()) } else { Err(format!("\n  {}", complaints.join("\n  "))) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        for (name, result) in [
            ("arrows", super::arrows::check()),
            ("floors", super::floors::check()),
            ("source", super::source::check()),
            ("docs", super::docs::check()),
        ] {
            assert!(result.is_ok(), "{name}: {}", result.unwrap_err());
        }
    }
}
