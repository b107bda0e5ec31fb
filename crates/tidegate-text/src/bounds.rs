//! Character boundaries near a byte offset. (The standard library's own come with a newer Rust than we ask for.)

/// The last character boundary at or before `at`.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (at.saturating_sub(3)..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The first character boundary at or after `at`.
pub(crate) fn ceil(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (at..=at + 3).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_enclose_a_character() {
        let text = "a😀b";
        let found: Vec<_> = (0..9).map(|at| (floor(text, at), ceil(text, at))).collect();
        assert_eq!(found, [(0, 0), (1, 1), (1, 5), (1, 5), (1, 5), (5, 5), (6, 6), (6, 6), (6, 6)]);
    }
}
