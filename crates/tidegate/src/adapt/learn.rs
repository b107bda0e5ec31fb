//! Fitting the table inside the program to what the teacher says, and measuring whether it became better.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidegate_core::{Cx, Fault};
use tidegate_model::fit::{Agreement, Lessons, Plan, Progress, Projection, Rows, fit};
use tidegate_model::{Builtin, TokenTable, WordPiece};
use tokio::sync::watch;

/// What a fit starts from.
pub(super) struct Learning {
    /// What it is fitted to.
    pub(super) lessons: Lessons,
    /// What it is measured with.
    pub(super) held: Lessons,
    /// The table whose vectors the store has now, if that is not the one inside the program.
    pub(super) current: Option<Rows>,
    /// From which the order of the lessons follows.
    pub(super) seed: u64,
}

/// A table that was fitted.
pub(super) struct Learned {
    pub(super) table: TokenTable,
    /// How nearly the current table agrees with the teacher about texts that none was fitted to.
    pub(super) before: Agreement,
    /// How nearly the fitted one does.
    pub(super) after: Agreement,
}

/// Texts with their vectors, as a fit wants them.
pub(super) fn lessons<'a>(
    texts: impl Iterator<Item = (&'a String, &'a Arc<[f32]>)>,
    width: usize,
) -> Lessons {
    let tokenizer = WordPiece::builtin();
    let mut lessons = Lessons::new(width);
    let mut ids = Vec::new();
    for (text, target) in texts {
        ids.clear();
        tokenizer.encode(text, &mut ids);
        lessons.push(&ids, target);
    }
    lessons
}

impl Learning {
    /// Fits the table inside the program on a core; `watch` is told of steps. It always begins with that table, so that
    /// the same texts give the same table, however often it was done before.
    ///
    /// # Errors
    /// As [`Cx::compute`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the fit at its next step.
    pub(super) async fn learn(
        self,
        cx: &Cx,
        watch: &mut (dyn FnMut(usize, usize) + Send),
    ) -> Result<Learned, Fault> {
        let (tell, mut told) = watch::channel((0, 1));
        let mut work = std::pin::pin!(cx.compute(0, move || self.run(&tell)));
        let learned = loop {
            tokio::select! {
                learned = &mut work => break learned,
                Ok(()) = told.changed() => {
                    let (step, steps) = *told.borrow_and_update();
                    watch(step, steps);
                }
            }
        };
        let (step, steps) = *told.borrow();
        watch(step, steps);
        learned?
    }

    fn run(self, tell: &watch::Sender<(usize, usize)>) -> Result<Learned, Fault> {
        let mut rows = Builtin::rows();
        let projection = Projection::towards(&rows, &self.lessons);
        let before = match &self.current {
            None => Agreement::measure(&rows, &self.held, &projection),
            Some(current) => {
                let towards = Projection::towards(current, &self.lessons);
                Agreement::measure(current, &self.held, &towards)
            }
        };
        let plan = Plan { seed: self.seed, ..Plan::ADAPT };
        fit(&mut rows, &self.lessons, &projection, &plan, &mut |progress: Progress| {
            let _ = tell.send((progress.step, progress.steps));
            if tell.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let table = TokenTable::new(rows.pack())?;
        // What is kept is measured, rounded as it is.
        let after = Agreement::measure(&table.rows(), &self.held, &projection);
        Ok(Learned { table, before, after })
    }
}
