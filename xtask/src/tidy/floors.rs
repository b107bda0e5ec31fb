//! No dependency below the version in which its last known hole was closed, and none that is refused altogether.

use std::cmp::Ordering;

use super::lock::{Locked, compare, packages};
use super::verdict;
use crate::shell::read;

/// The check.
pub(super) fn check() -> Result<String, String> {
    let table: toml::Table = read("xtask/floors.toml")?
        .parse()
        .map_err(|error| format!("xtask/floors.toml is no TOML: {error}"))?;
    let packages = packages()?;
    let (known, complaints) = judge(&table, &packages)?;
    verdict(&format!("{known} floors, {} locked packages", packages.len()), &complaints)
}

fn judge(table: &toml::Table, packages: &[Locked]) -> Result<(usize, Vec<String>), String> {
    let section = |name: &str| {
        table.get(name).and_then(toml::Value::as_table).ok_or(format!("xtask/floors.toml has no [{name}]"))
    };
    let (floors, refused) = (section("floors")?, section("refused")?);
    let mut complaints = Vec::new();
    for package in packages {
        let text = |value: &toml::Value| value.as_str().map(str::to_owned);
        if let Some(floor) = floors.get(&package.name).and_then(text)
            && compare(&package.version, &floor) == Ordering::Less
        {
            complaints.push(format!(
                "{} {} is below its floor {floor}; hint: cargo update -p {}",
                package.name, package.version, package.name
            ));
        }
        if let Some(reason) = refused.get(&package.name).and_then(text) {
            complaints.push(format!("{} is refused: {reason}", package.name));
        }
    }
    Ok((floors.len(), complaints))
}

#[cfg(test)]
mod tests {
    use super::super::lock::parse;
    use super::*;

    #[test]
    fn a_version_below_the_floor_and_a_refused_crate_are_found() {
        let table = "[floors]\nbytes = '1.11.1'\ntime = '0.3.47'\n[refused]\nserde_yml = 'unsound'"
            .parse()
            .expect("toml");
        let lock = "[[package]]\nname = 'bytes'\nversion = '1.11.0'\n[[package]]\nname = 'time'\nversion = '0.3.47'\n\
                    [[package]]\nname = 'serde_yml'\nversion = '1.0.0'";
        let (_, complaints) = judge(&table, &parse(lock).expect("lock")).expect("judged");
        assert_eq!(complaints.len(), 2, "{complaints:?}");
    }
}
