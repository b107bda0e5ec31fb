//! JSON is damaged as a tree: nearly any other damage to it is found by its first wrong character.

use serde_json::Value;

use crate::dice::Dice;
use crate::words::NUMBERS;

/// Changes one value of a line, or of the whole text; `None` where there is none.
#[must_use]
pub fn damage(bytes: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(['{', '['])).collect();
    let chosen = if dice.one_in(2) && !lines.is_empty() { dice.pick(&lines) } else { text };
    let mut tree: Value = serde_json::from_str(chosen).ok()?;
    let other = somewhere(&mut tree.clone(), dice).clone();
    let place = somewhere(&mut tree, dice);
    *place = changed(place.take(), other, dice);
    let new = serde_json::to_string(&tree).ok()?;
    Some(text.replacen(chosen, &new, 1).into_bytes())
}

/// Some value of a tree, the deeper the rarer.
fn somewhere<'v>(tree: &'v mut Value, dice: &mut Dice) -> &'v mut Value {
    let many = match tree {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if many == 0 || dice.one_in(6) {
        return tree;
    }
    let at = dice.below(many);
    let inner = match tree {
        Value::Array(items) => items.get_mut(at),
        Value::Object(fields) => fields.values_mut().nth(at),
        _ => None,
    };
    somewhere(inner.expect("a number below how many there are"), dice)
}

fn changed(value: Value, other: Value, dice: &mut Dice) -> Value {
    match dice.below(8) {
        0 => other,
        1 => Value::Null,
        2 => Value::Bool(true),
        3 => serde_json::from_str::<Value>(&**dice.pick(NUMBERS)).unwrap_or_default(),
        4 => (0..dice.size(200)).fold(value, |inner, _| Value::Array(vec![inner])),
        5 => (0..dice.size(200)).fold(value, |inner, _| serde_json::json!({"a": inner})),
        6 => Value::Array(vec![value; dice.size(500)]),
        _ => Value::String(
            ["\u{0}\n", "\u{10ffff}", "| # ```\n", " "][dice.below(4)].repeat(dice.size(20_000)),
        ),
    }
}
