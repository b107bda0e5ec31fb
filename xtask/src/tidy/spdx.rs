//! Decides whether a licence expression is satisfied by a list of allowed licences.

/// Whether `expression` can be satisfied: `OR` and the old `/` need one side, `AND` needs both, `WITH` names a
/// licence of its own (`Apache-2.0 WITH LLVM-exception`).
pub(super) fn allowed(expression: &str, allow: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let result = any(&words, &mut at, allow);
    result && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut result = all(words, at, allow);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        // Both sides are read, whatever the first says: the position must move.
        let next = all(words, at, allow);
        result |= next;
    }
    result
}

fn all(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut result = one(words, at, allow);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        let next = one(words, at, allow);
        result &= next;
    }
    result
}

fn one(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    if words.get(*at) == Some(&"(") {
        *at += 1;
        let inner = any(words, at, allow);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return inner && closed;
    }
    let Some(name) = words.get(*at) else { return false };
    *at += 1;
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allow.contains(&format!("{name} WITH {exception}"));
    }
    allow.iter().any(|licence| licence == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_does() {
        let allow: Vec<String> = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"]
            .map(str::to_owned)
            .to_vec();
        for fine in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0 OR MIT",
            "Unlicense/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Zlib",
            "(GPL-2.0 AND MIT) OR Apache-2.0",
        ] {
            assert!(allowed(fine, &allow), "{fine}");
        }
        for wrong in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-2.0 WITH Classpath-exception-2.0",
            "(MIT",
            "MIT)",
            "MIT MIT",
        ] {
            assert!(!allowed(wrong, &allow), "{wrong}");
        }
    }
}
