//! What an interactive call gets when the service answers nobody: an old answer, or another service's.
//!
//! Bulk work gets neither. It waits, because an index that is half another model's is worth less than a late one.

use async_trait::async_trait;
use tidegate_core::{Codec, ContentHash, Fault, FaultKind};
use tracing::warn;

use crate::caller::{Caller, younger};
use crate::lane::{CallCx, Priority};
use crate::told::{Answers, Told};

/// A caller whose codec does not matter, only what it is asked and answers.
#[async_trait]
pub trait AnyCaller<I, A>: Send + Sync {
    /// As [`Caller::call`].
    ///
    /// # Errors
    /// As [`Caller::call`].
    ///
    /// # Cancel safety
    /// As [`Caller::call`].
    async fn call(&self, items: &[I], cx: &CallCx) -> Result<Answers<A>, Fault>;
}

#[async_trait]
impl<C: Codec> AnyCaller<C::Item, C::Answer> for Caller<C> {
    async fn call(&self, items: &[C::Item], cx: &CallCx) -> Result<Answers<C::Answer>, Fault> {
        Caller::call(self, items, cx).await
    }
}

impl<C: Codec> Caller<C> {
    pub(crate) async fn ask_or_fall_back(
        &self,
        items: &[C::Item],
        cx: &CallCx,
    ) -> Result<Answers<C::Answer>, Fault> {
        match self.ask(items, cx).await {
            Ok(answers) => Ok(answers),
            Err(halt) => self.fall_back(items, cx, halt.fault).await,
        }
    }

    /// Answers from elsewhere, where somebody waits and `fault` is the service's.
    ///
    /// # Errors
    /// `fault`, where there are none.
    pub(crate) async fn fall_back(
        &self,
        items: &[C::Item],
        cx: &CallCx,
        fault: Fault,
    ) -> Result<Answers<C::Answer>, Fault> {
        let unwell = matches!(
            fault.kind(),
            FaultKind::Unavailable | FaultKind::RateLimited | FaultKind::Timeout | FaultKind::Blocked
        );
        if cx.priority != Priority::Interactive || !unwell {
            return Err(fault);
        }
        let name = self.lane.name();
        if let Some(answers) = self.stale(items).await {
            warn!(provider = %name.provider, model = %name.model, trace = %cx.trace, why = %fault, "stale answer given");
            return Ok(answers);
        }
        let Some(other) = &self.fallback else { return Err(fault) };
        warn!(provider = %name.provider, model = %name.model, trace = %cx.trace, why = %fault, "asking elsewhere");
        let mut answers = other.call(items, cx).await.map_err(|other| fault.cause(other))?;
        answers.told.elsewhere += items.len() as u64;
        Ok(answers)
    }

    /// Old answers, if there is one to every item. A storage that fails here has none.
    async fn stale(&self, items: &[C::Item]) -> Option<Answers<C::Answer>> {
        let oldest = self.settings.stale_for?;
        let keys = items.iter().map(|item| self.codec.key(item)).collect::<Option<Vec<ContentHash>>>()?;
        let found = self.paid.lookup(&keys).await.ok()?;
        let usable = |found: Option<_>| found.filter(|found| younger(found, Some(oldest)));
        let results = found
            .into_iter()
            .map(|found| usable(found).map(|found| Ok(found.answer)))
            .collect::<Option<Vec<_>>>()?;
        let told = Told { stale: results.len() as u64, ..Told::default() };
        Some(Answers { results, told })
    }
}
