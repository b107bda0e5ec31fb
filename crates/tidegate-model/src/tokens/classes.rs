//! What kind of character a character is, as far as tokenizers care.

use std::sync::LazyLock;

/// The starts of ranges of characters, each with the class of its characters in the lowest three bits, as
/// little-endian 32-bit numbers.
static RANGES: &[u8] = include_bytes!("../../assets/classes.bin");
/// Characters below this have a table; those above are rare, and searched.
const TABLE: usize = 0x2_0000;

/// General categories of Unicode, joined where tokenizers make no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// None of the others: signs, spaces, what is not assigned.
    Other,
    /// Capital and title-case letters.
    Upper,
    /// Small letters.
    Lower,
    /// Letters without case.
    Letter,
    /// Marks that combine with letters.
    Mark,
    /// Numbers.
    Number,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);

/// The classes of all characters.
pub(super) struct Classes {
    table: Vec<Class>,
    ranges: Vec<u32>,
}

impl Classes {
    /// Those compiled in.
    pub(super) fn get() -> &'static Self {
        &CLASSES
    }

    fn new() -> Self {
        let ranges: Vec<u32> = RANGES.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
        let mut table = vec![Class::Other; TABLE];
        for (i, range) in ranges.iter().enumerate() {
            let end = ranges.get(i + 1).map_or(TABLE, |next| (next >> 3) as usize).min(TABLE);
            let start = ((range >> 3) as usize).min(end);
            table[start..end].fill(class(*range));
        }
        Self { table, ranges }
    }

    #[inline]
    pub(super) fn of(&self, character: char) -> Class {
        let code = character as u32;
        match self.table.get(code as usize) {
            Some(&class) => class,
            None => self.search(code),
        }
    }

    fn search(&self, code: u32) -> Class {
        let after = self.ranges.partition_point(|range| range >> 3 <= code);
        after.checked_sub(1).map_or(Class::Other, |at| class(self.ranges[at]))
    }
}

fn class(range: u32) -> Class {
    match range & 7 {
        1 => Class::Upper,
        2 => Class::Lower,
        3 => Class::Letter,
        4 => Class::Mark,
        5 => Class::Number,
        _ => Class::Other,
    }
}

impl Class {
    pub(super) fn is_letter(self) -> bool {
        matches!(self, Self::Upper | Self::Lower | Self::Letter)
    }

    /// Neither letter nor number.
    pub(super) fn is_sign(self) -> bool {
        matches!(self, Self::Other | Self::Mark)
    }

    /// What may stand in the first part of a word that ends in small letters.
    pub(super) fn may_lead(self) -> bool {
        matches!(self, Self::Upper | Self::Letter | Self::Mark)
    }

    /// What may stand in the second part.
    pub(super) fn may_follow(self) -> bool {
        matches!(self, Self::Lower | Self::Letter | Self::Mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_of_their_class() {
        let classes = Classes::get();
        for character in '\0'..='\x7f' {
            let class = classes.of(character);
            assert_eq!(class == Class::Number, character.is_ascii_digit(), "{character:?}");
            assert_eq!(class == Class::Upper, character.is_ascii_uppercase(), "{character:?}");
            assert_eq!(class == Class::Lower, character.is_ascii_lowercase(), "{character:?}");
        }
        for (character, class) in [
            ('A', Class::Upper),
            ('ǅ', Class::Upper),
            ('ß', Class::Lower),
            ('漢', Class::Letter),
            ('\u{301}', Class::Mark),
            ('\u{20000}', Class::Letter),
            ('\u{e0100}', Class::Mark),
            (' ', Class::Other),
        ] {
            assert_eq!(classes.of(character), class, "{character:?}");
        }
    }
}
