//! The type of a column that nobody named, from the values that stand in it.
//!
//! The type holds for every value that was seen: whole numbers become numbers where one has a point, and what has
//! nothing in common becomes [`Type::Json`]. So rows that were inferred from always fit; only later ones may not.

use serde_json::value::RawValue;

use crate::pairs::pairs;
use crate::types::Type;
use crate::value;

/// Lists and objects within each other, at most; what is deeper is kept as the text of its JSON.
const DEEPEST: usize = 16;
/// An object with more different names than this is no structure, but data under names.
const NAMES: usize = 256;

/// What the values of a column have in common so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing was there but `null`.
    #[default]
    Nothing,
    Boolean,
    Integer,
    Number,
    Text,
    List(Box<Shape>),
    Structure(Vec<(String, Shape)>),
    Mixed,
}

impl Shape {
    /// Takes a value in.
    pub(crate) fn see(&mut self, raw: &str) {
        self.see_at(raw, 0);
    }

    fn see_at(&mut self, raw: &str, deep: usize) {
        if raw == "null" || *self == Self::Mixed {
            return;
        }
        let seen = match raw.as_bytes().first() {
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"') => Self::Text,
            Some(b'[') if deep < DEEPEST => return self.list(raw, deep),
            Some(b'{') if deep < DEEPEST => return self.structure(raw, deep),
            Some(b'-' | b'0'..=b'9') => number(raw),
            _ => Self::Mixed,
        };
        *self = match (std::mem::take(self), seen) {
            (Self::Nothing, seen) => seen,
            (before, seen) if before == seen => before,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Mixed,
        };
    }

    fn list(&mut self, raw: &str, deep: usize) {
        if *self == Self::Nothing {
            *self = Self::List(Box::default());
        }
        match (&mut *self, serde_json::from_str::<Vec<&RawValue>>(raw)) {
            (Self::List(of), Ok(items)) => items.into_iter().for_each(|item| of.see_at(item.get(), deep + 1)),
            _ => *self = Self::Mixed,
        }
    }

    fn structure(&mut self, raw: &str, deep: usize) {
        if *self == Self::Nothing {
            *self = Self::Structure(Vec::new());
        }
        let (Self::Structure(members), Ok(fields)) = (&mut *self, pairs(raw)) else {
            *self = Self::Mixed;
            return;
        };
        for (name, item) in fields {
            let place = members.iter().position(|(member, _)| *member == name).unwrap_or_else(|| {
                members.push((name, Self::Nothing));
                members.len() - 1
            });
            members[place].1.see_at(item.get(), deep + 1);
        }
        if members.len() > NAMES {
            *self = Self::Mixed;
        }
    }

    /// The type that holds all that was seen.
    pub(crate) fn column(&self) -> Type {
        match self {
            Self::Nothing | Self::Text => Type::Text,
            Self::Boolean => Type::Boolean,
            Self::Integer => Type::INTEGER,
            Self::Number => Type::NUMBER,
            Self::List(of) => Type::List(Box::new(of.column())),
            // A structure without members has no place in a table.
            Self::Structure(members) if members.is_empty() => Type::Json,
            Self::Structure(members) => {
                Type::Structure(members.iter().map(|(name, shape)| (name.clone(), shape.column())).collect())
            }
            Self::Mixed => Type::Json,
        }
    }
}

/// What a number is. One that a column of numbers would round is neither: its digits are kept as text.
fn number(raw: &str) -> Shape {
    if !raw.contains(['.', 'e', 'E']) {
        return if raw.parse::<i64>().is_ok() { Shape::Integer } else { Shape::Mixed };
    }
    if value::number(raw).is_some() { Shape::Number } else { Shape::Mixed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Type {
        let mut shape = Shape::default();
        values.iter().for_each(|value| shape.see(value));
        shape.column()
    }

    #[test]
    fn the_type_holds_everything_that_was_seen() {
        assert_eq!(of(&["null", "1", "-3"]), Type::INTEGER);
        assert_eq!(of(&["1", "2.5"]), Type::NUMBER);
        assert_eq!(of(&["1", "12345678901234567890123"]), Type::Json);
        assert_eq!(of(&["true", "null"]), Type::Boolean);
        assert_eq!(of(&["\"a\"", "1"]), Type::Json);
        assert_eq!(of(&[]), Type::Text);
        assert_eq!(of(&["[]", "[null,1]", "[2.5]"]), Type::List(Box::new(Type::NUMBER)));
        let both = Type::Structure(vec![("a".to_owned(), Type::INTEGER), ("b".to_owned(), Type::Text)]);
        assert_eq!(of(&["{\"a\":1}", "{\"b\":\"x\",\"a\":null}"]), both);
        assert_eq!(of(&["{}"]), Type::Json);
        assert_eq!(of(&["{\"a\":1}", "[1]"]), Type::Json);
    }

    #[test]
    fn names_that_are_data_and_depths_without_end_stay_text() {
        let mut shape = Shape::default();
        (0..300).for_each(|i| shape.see(&format!("{{\"user {i}\":1}}")));
        assert_eq!(shape.column(), Type::Json);
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let mut shape = Shape::default();
        shape.see(&deep);
        let mut column = &shape.column();
        let mut depth = 0;
        while let Type::List(of) = column {
            (column, depth) = (of, depth + 1);
        }
        assert_eq!((column, depth), (&Type::Json, DEEPEST));
    }
}
