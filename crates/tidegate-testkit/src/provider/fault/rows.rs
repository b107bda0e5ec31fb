//! Vectors that are not what they should be.

use crate::provider::rng::Rng;
use crate::provider::script::Act;
use crate::provider::wire::Row;

/// Does to the rows what `acts` say. `indexed`: the wire format tells each row's index. Returns whether they are
/// still right.
pub(in crate::provider) fn spoil_rows(
    rows: &mut Vec<Row>,
    acts: &[&Act],
    indexed: bool,
    rng: &mut Rng,
) -> bool {
    let mut right = recount(rows, acts);
    for act in acts {
        let victim = rng.below(rows.len());
        right &= match act {
            Act::Permuted => {
                permute(rows, rng);
                indexed || rows.len() < 2
            }
            Act::DuplicateIndex => duplicate(rows, indexed, victim),
            Act::MissingIndex => lose_index(rows, indexed, victim),
            Act::WrongDimensions { to } => edit(rows, victim, |row| row.values.resize(*to, 0.1)),
            Act::Nan => edit(rows, victim, |row| spoil_component(row, f32::NAN)),
            Act::Null => edit(rows, victim, |row| row.null_at = Some(row.values.len() / 2)),
            Act::Zeros => edit(rows, victim, |row| row.values.fill(0.0)),
            _ => true,
        };
    }
    right
}

/// Changes one row, after which the answer is wrong.
fn edit(rows: &mut [Row], victim: usize, change: impl FnOnce(&mut Row)) -> bool {
    if let Some(row) = rows.get_mut(victim) {
        change(row);
    }
    rows.is_empty()
}

fn spoil_component(row: &mut Row, value: f32) {
    let middle = row.values.len() / 2;
    if let Some(component) = row.values.get_mut(middle) {
        *component = value;
    }
}

/// Makes it so many rows more or fewer as all `acts` together say. One after another they could put a copy in the place
/// of a row, which nobody who reads the answer can see.
fn recount(rows: &mut Vec<Row>, acts: &[&Act]) -> bool {
    let by = acts
        .iter()
        .map(|act| if let Act::WrongCount { by } = act { *by } else { 0 })
        .fold(0_i64, i64::saturating_add);
    resize(rows, by);
    by == 0
}

fn resize(rows: &mut Vec<Row>, by: i64) {
    let wanted = (rows.len() as i64).saturating_add(by).clamp(0, 100_000) as usize;
    let Some(last) = rows.last().cloned() else { return };
    while rows.len() < wanted {
        rows.push(Row { index: Some(rows.len()), ..last.clone() });
    }
    rows.truncate(wanted);
}

/// Another order, never the same one if there are two.
fn permute(rows: &mut [Row], rng: &mut Rng) {
    for n in (1..rows.len()).rev() {
        rows.swap(n, rng.below(n));
    }
}

fn duplicate(rows: &mut [Row], indexed: bool, victim: usize) -> bool {
    let count = rows.len();
    if count < 2 {
        return true;
    }
    let other = (victim + 1) % count;
    if indexed {
        rows[other].index = rows[victim].index;
    } else {
        rows[other] = rows[victim].clone();
    }
    false
}

fn lose_index(rows: &mut Vec<Row>, indexed: bool, victim: usize) -> bool {
    if rows.is_empty() {
        return true;
    }
    if indexed {
        rows[victim].index = None;
    } else {
        rows.remove(victim);
    }
    false
}
