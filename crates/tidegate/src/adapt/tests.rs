//! When a fitted table is taken, and that fitting is repeatable.

use std::sync::Arc;

use tidegate_core::Embedder as _;
use tidegate_model::fit::Agreement;

use super::*;

fn current() -> Current {
    Current { identity: Builtin::IDENTITY.to_owned(), rows: None }
}

fn learned(before: (f32, f32), after: (f32, f32)) -> Learned {
    let agreement = |(cosine, neighbours)| Agreement { cosine, neighbours };
    let table = TokenTable::new(Builtin::rows().pack()).unwrap();
    Learned { table, before: agreement(before), after: agreement(after) }
}

#[test]
fn a_table_that_is_no_nearer_in_both_ways_is_refused() {
    for (before, after, taken) in [
        ((0.8, 0.4), (0.9, 0.5), true),
        ((0.8, 0.4), (0.9, 0.4), false),
        ((0.8, 0.4), (0.8, 0.5), false),
        ((0.8, 0.4), (0.7, 0.5), false),
        ((0.8, 0.4), (f32::NAN, 0.5), false),
    ] {
        let judged = better(&learned(before, after), &current());
        assert_eq!(judged.is_ok(), taken, "{before:?} {after:?}");
        if let Err(fault) = judged {
            assert_eq!(fault.kind(), FaultKind::Guarded);
            assert!(fault.to_string().contains("no better than builtin/"), "{fault}");
        }
    }
}

#[test]
fn too_little_text_is_told_with_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("t.db").to_str().unwrap(), OpenMode::Write).unwrap();
    let sample = |lessons, held| Sample {
        chunks: lessons,
        lessons: vec!["text".to_owned(); lessons],
        held: vec!["text".to_owned(); held],
    };
    enough(&sample(200, 20), &store).unwrap();
    for (lessons, held) in [(199, 21), (400, 19), (0, 0)] {
        let fault = enough(&sample(lessons, held), &store).unwrap_err();
        assert!(fault.to_string().contains(&format!("{} segments", lessons + held)), "{fault}");
    }
}

#[tokio::test]
async fn equal_lessons_give_an_equal_table_and_every_step_may_be_watched() {
    let texts: Vec<String> =
        (0..300).map(|at| format!("water holds the gate number {at} until tide {}", at % 7)).collect();
    let target = |at: usize| -> Arc<[f32]> { (0..6).map(|x| ((at * 7 + x) as f32).sin()).collect() };
    let targets: Vec<Arc<[f32]>> = (0..texts.len()).map(target).collect();
    let stop = StopHandle::new();
    let cx = Cx::new("test".into(), Arc::new(Pool::new(1).unwrap()), stop.subscribe());
    let mut names = Vec::new();
    for seed in [1, 1, 2] {
        let learning = Learning {
            lessons: learn::lessons(texts.iter().zip(&targets), 6),
            held: learn::lessons(texts.iter().zip(&targets).take(20), 6),
            current: None,
            seed,
        };
        assert_eq!(learning.lessons.len(), texts.len());
        let mut last = (0, 0);
        let learned = learning.learn(&cx, &mut |done, all| last = (done, all)).await.unwrap();
        assert_eq!(last, (20, 20));
        assert!(learned.after.cosine > learned.before.cosine);
        names.push(learned.table.identity().to_owned());
    }
    assert!(names[0] == names[1] && names[1] != names[2], "{names:?}");
}
