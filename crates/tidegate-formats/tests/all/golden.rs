//! What is read of real files stays what it is. `TIDEGATE_BLESS=1` writes down what is read now, to be looked at.

use crate::kit::{account, files, folder};

#[test]
fn real_files_are_read_as_they_were() {
    let bless = std::env::var_os("TIDEGATE_BLESS").is_some();
    let mut wrong = Vec::new();
    let files = files();
    assert!(files.len() >= 18, "files are missing");
    for (name, bytes) in files {
        let place = folder().join(format!("{name}.txt"));
        let found = account(&name, &bytes);
        if bless {
            std::fs::write(&place, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&place).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{name}:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "read differently:\n{}", wrong.join("\n"));
}
