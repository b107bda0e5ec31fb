//! Fitting tables to teachers that are known.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::loss::{Batch, Loss};
use super::matrix::{Symmetric, dot};
use super::*;

/// Numbers that look random, evenly between -1 and 1.
struct Noise(Draws);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(Draws::new(seed))
    }

    fn next(&mut self) -> f32 {
        ((self.0.draw() >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
    }

    fn vector(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| self.next()).collect()
    }

    fn below(&mut self, limit: usize) -> u32 {
        self.0.below(limit) as u32
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    crate::pool::normalise(&mut vector);
    vector
}

/// A teacher that is itself a table of `tokens` rows, `width` wide, and lessons of it.
fn taught(noise: &mut Noise, tokens: usize, width: usize, count: usize) -> Lessons {
    let teacher = Rows::new(width, noise.vector(tokens * width));
    let mut lessons = Lessons::new(width);
    for _ in 0..count {
        let ids: Vec<u32> = (0..6).map(|_| noise.below(tokens)).collect();
        assert!(lessons.push(&ids, &teacher.sum(&ids)));
    }
    lessons
}

fn quality(rows: &Rows, lessons: &Lessons, projection: &Projection) -> f32 {
    let cosine = |at| {
        let mut wanted = Vec::new();
        projection.unit(lessons.target(at), &mut wanted);
        dot(&unit(rows.sum(lessons.ids(at))), &wanted)
    };
    (0..lessons.len()).map(cosine).sum::<f32>() / lessons.len() as f32
}

#[test]
fn a_table_learns_what_its_teacher_knows() {
    let mut noise = Noise::new(1);
    let mut lessons = taught(&mut noise, 120, 16, 1_600);
    let others = {
        // The same teacher, other texts: the second half.
        let mut seen = Lessons::new(16);
        let mut kept = Lessons::new(16);
        for at in 0..lessons.len() {
            let into = if at < 1_200 { &mut seen } else { &mut kept };
            assert!(into.push(lessons.ids(at), lessons.target(at)));
        }
        lessons = seen;
        kept
    };
    let projection = Projection::principal(&lessons, 16);
    let mut rows = Rows::begin(&noise.vector(120 * 16), &lessons, &projection);
    let before = quality(&rows, &others, &projection);
    let plan = Plan { passes: 30, batch: 64, rate: 3e-3, ..Plan::NEW };
    assert!(fit(&mut rows, &lessons, &projection, &plan, &mut |_| ControlFlow::Continue(())));
    let after = quality(&rows, &others, &projection);
    assert!(before < 0.3 && after > 0.95, "{before} {after}");
}

#[test]
fn fitting_goes_on_from_a_table_that_exists() {
    let mut noise = Noise::new(2);
    let lessons = taught(&mut noise, 80, 12, 600);
    let projection = Projection::principal(&lessons, 8);
    let mut rows = Rows::begin(&noise.vector(80 * 12), &lessons, &projection);
    let plan = Plan { passes: 20, batch: 32, rate: 5e-3, ..Plan::ADAPT };
    fit(&mut rows, &lessons, &projection, &plan, &mut |_| ControlFlow::Continue(()));
    // Whoever has the table alone finds a projection under which it is as good as under the one it was made with.
    let found = Projection::towards(&rows, &lessons);
    let (made, refound) = (quality(&rows, &lessons, &projection), quality(&rows, &lessons, &found));
    assert!(refound > made - 0.02, "{made} {refound}");
}

#[test]
fn the_projection_towards_a_turned_table_turns_back() {
    let mut noise = Noise::new(3);
    let rows = Rows::new(6, noise.vector(40 * 6));
    // The teacher's vectors are the table's in other order and with other signs, beside two numbers that are zero.
    let mut lessons = Lessons::new(8);
    for _ in 0..200 {
        let ids: Vec<u32> = (0..4).map(|_| noise.below(40)).collect();
        let v = rows.sum(&ids);
        lessons.push(&ids, &[0.0, -v[3], v[0], v[5], -v[1], 0.0, v[2], v[4]]);
    }
    let projection = Projection::towards(&rows, &lessons);
    assert!(quality(&rows, &lessons, &projection) > 0.9999);
}

#[test]
fn the_slopes_are_those_of_the_loss() {
    let mut noise = Noise::new(4);
    let (count, width, full_width) = (5, 4, 7);
    let units = |noise: &mut Noise, width| -> Vec<f32> {
        (0..count).flat_map(|_| unit(noise.vector(width))).collect()
    };
    let vectors = units(&mut noise, width);
    let (wanted, full) = (units(&mut noise, width), units(&mut noise, full_width));
    let between = 3.0;
    let loss = |vectors: &[f32]| -> f64 {
        let rows: Vec<&[f32]> = vectors.chunks_exact(width).collect();
        let (wanted, full): (Vec<&[f32]>, Vec<&[f32]>) =
            (wanted.chunks_exact(width).collect(), full.chunks_exact(full_width).collect());
        let product =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let mut sum = 0.0;
        for a in 0..count {
            sum += (1.0 - product(rows[a], wanted[a])) / count as f64;
            for b in 0..count {
                let apart = product(rows[a], rows[b]) - product(full[a], full[b]);
                // The cosine of a vector with itself is one by definition: it moves only along the vector, which a
                // step does not.
                if a != b {
                    sum += f64::from(between) * apart * apart / (count * count) as f64;
                }
            }
        }
        sum
    };
    let mut slopes = Vec::new();
    let batch = Batch { vectors: &vectors, width, wanted: &wanted, full: &full, full_width };
    Loss::default().slopes(&batch, between, &mut slopes);
    for at in 0..vectors.len() {
        let step = 1e-3;
        let (mut up, mut down) = (vectors.clone(), vectors.clone());
        up[at] += step;
        down[at] -= step;
        let expected = (loss(&up) - loss(&down)) / f64::from(2.0 * step);
        assert!((expected - f64::from(slopes[at])).abs() < 1e-4, "{at}: {expected} {}", slopes[at]);
    }
}

#[test]
fn a_fit_that_is_stopped_leaves_what_it_reached() {
    let mut noise = Noise::new(5);
    let lessons = taught(&mut noise, 20, 4, 50);
    let projection = Projection::principal(&lessons, 4);
    let start = Rows::begin(&noise.vector(80), &lessons, &projection);
    let plan = Plan { passes: 10, batch: 10, ..Plan::NEW };
    let run = |stop: usize| {
        let mut rows = start.clone();
        let mut told = Vec::new();
        let ended = fit(&mut rows, &lessons, &projection, &plan, &mut |progress: Progress| {
            told.push(progress.step);
            assert_eq!(progress.steps, 50);
            if progress.step == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((ended, told), (stop > 50, (1..=stop.min(50)).collect()));
        rows
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
    assert_eq!(run(100), run(51));
}

#[test]
fn lessons_that_teach_nothing_are_left_out_and_unknown_tokens_change_nothing() {
    let mut lessons = Lessons::new(2);
    assert!(!lessons.push(&[], &[1.0, 0.0]));
    for target in [&[0.0, 0.0][..], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0], &[1.0], &[1.0, 2.0, 3.0]] {
        assert!(!lessons.push(&[1], target), "{target:?}");
    }
    assert!(lessons.is_empty());
    assert!(lessons.push(&[1, u32::MAX], &[3e38, 3e38]));
    assert!(lessons.push(&[900, 901], &[1.0, 0.0]));
    let projection = Projection::principal(&lessons, 2);
    let mut rows = Rows::new(2, vec![0.0, 0.0, 1.0, 0.5, 0.25, 0.0]);
    fit(&mut rows, &lessons, &projection, &Plan::ADAPT, &mut |_| ControlFlow::Continue(()));
    assert!(rows.values.iter().all(|x| x.is_finite()));
    assert_eq!((&rows.values[..2], &rows.values[4..]), (&[0.0, 0.0][..], &[0.25, 0.0][..]));
    fit(&mut rows, &Lessons::new(2), &projection, &Plan::NEW, &mut |_| panic!("there is nothing to learn"));
}

#[test]
fn eigenvectors_of_a_matrix_with_a_known_answer() {
    let mut matrix = Symmetric::zero(3);
    matrix.values = vec![2.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 4.0, 9.0];
    let found = matrix.eigen();
    let values: Vec<f64> = found.iter().map(|(value, _)| (value * 1e9).round() / 1e9).collect();
    assert_eq!(values, [11.0, 2.0, 1.0]);
    assert!((found[0].1[2] / found[0].1[1] - 2.0).abs() < 1e-9);
    assert!(Symmetric::zero(0).eigen().is_empty());
    assert!(Symmetric::zero(4).eigen().iter().all(|(value, _)| *value == 0.0));
}

proptest! {
    #[test]
    fn eigenvectors_are_unit_and_apart_and_give_the_matrix_back(vectors in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 6), 1..12)) {
        let mut matrix = Symmetric::zero(6);
        vectors.iter().for_each(|vector| matrix.add_square(vector));
        let values = matrix.values.clone();
        let found = matrix.eigen();
        for (a, (_, left)) in found.iter().enumerate() {
            for (b, (_, right)) in found.iter().enumerate() {
                let product: f64 = left.iter().zip(right).map(|(x, y)| x * y).sum();
                prop_assert!((product - f64::from(a == b)).abs() < 1e-9);
            }
        }
        for (at, value) in values.iter().enumerate() {
            let back: f64 = found.iter().map(|(size, axis)| size * axis[at / 6] * axis[at % 6]).sum();
            prop_assert!((back - value).abs() < 1e-9);
        }
        prop_assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
    }

    #[test]
    fn a_packed_table_is_within_half_a_step(values in prop::collection::vec(-4.0_f32..4.0, 3..60)) {
        let width = 3;
        let values = values[..values.len() / width * width].to_vec();
        let rows = Rows::new(width, values);
        let packed = rows.pack();
        let back = Rows::unpack(width, &packed.rows, &packed.scales);
        for (row, other) in rows.values.chunks_exact(width).zip(back.values.chunks_exact(width)) {
            let largest = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            for (a, b) in row.iter().zip(other) {
                // The scale itself is rounded to eleven bits.
                prop_assert!((a - b).abs() <= largest * (0.5 / 127.0 + 1e-3) + 1e-6, "{a} {b}");
            }
        }
        prop_assert_eq!(Rows::unpack(width, &back.pack().rows, &back.pack().scales).len(), rows.len());
    }
}

#[test]
fn agreement_rises_as_a_table_learns_and_is_whole_with_the_teacher_itself() {
    let mut noise = Noise::new(7);
    let lessons = taught(&mut noise, 60, 8, 300);
    let projection = Projection::principal(&lessons, 8);
    let mut rows = Rows::begin(&noise.vector(60 * 8), &lessons, &projection);
    let before = Agreement::measure(&rows, &lessons, &projection);
    let plan = Plan { passes: 30, batch: 32, rate: 5e-3, ..Plan::NEW };
    fit(&mut rows, &lessons, &projection, &plan, &mut |_| ControlFlow::Continue(()));
    let after = Agreement::measure(&rows, &lessons, &projection);
    assert!(after.is_better_than(&before) && !before.is_better_than(&after), "{before:?} {after:?}");
    assert!(!after.is_better_than(&after));
    assert!((after.cosine - quality(&rows, &lessons, &projection)).abs() < 1e-5);
    // A table whose texts are the rows themselves, and a teacher that says the same.
    let same = Rows::new(4, noise.vector(30 * 4));
    let mut own = Lessons::new(4);
    (0..30).for_each(|id| assert!(own.push(&[id], &same.sum(&[id]))));
    let found = Agreement::measure(&same, &own, &Projection::towards(&same, &own));
    assert!(found.cosine > 0.9999 && found.neighbours > 0.9999, "{found:?}");
    let none = Agreement::measure(&same, &Lessons::new(4), &Projection::towards(&same, &own));
    assert_eq!(none, Agreement { cosine: 0.0, neighbours: 0.0 });
}
