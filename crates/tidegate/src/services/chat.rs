//! Answers of a model of a provider.

use std::sync::Arc;

use tidegate_call::{CallCx, CallSettings, Caller, Paid, Replied, Streamed, Unpaid};
use tidegate_core::{Fault, Replies};
use tidegate_model::{AnyChat, Chat, Completion, chat_codec};

use super::{Kind, Services};
use crate::config::{Ask, ModelRef, Period};

/// A model of a provider that answers conversations.
pub(crate) struct RemoteChat {
    caller: Caller<AnyChat>,
}

impl RemoteChat {
    /// The model that answers as `ask` says, with what stands in for it; answers are kept in `journal`.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: a provider or key that is not there, a provider that does not chat.
    pub(crate) fn open(services: &Services, ask: &Ask, journal: Arc<dyn Replies>) -> Result<Self, Fault> {
        let some = |period: Period| Some(period.duration()).filter(|time| !time.is_zero());
        let paid: Arc<dyn Paid<Arc<Completion>>> = Arc::new(Replied(journal));
        let mut caller = Self::caller(services, &ask.model, paid.clone(), |settings| {
            settings.fresh_for = some(ask.fresh_for);
            settings.stale_for = some(ask.stale_for);
        })?;
        // A flag may have made the model that stands in the one that is asked.
        if ask.fallback != ModelRef::None && ask.fallback != ask.model {
            let other = Self::caller(services, &ask.fallback, paid, |_| {});
            caller = caller.or_else(Arc::new(other.map_err(|fault| fault.during("ask.fallback"))?));
        }
        Ok(Self { caller })
    }

    /// The model that `model` names, with nothing that stands in for it; its answers are not kept.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn unkept(services: &Services, model: &ModelRef) -> Result<Self, Fault> {
        Ok(Self { caller: Self::caller(services, model, Arc::new(Unpaid), |_| {})? })
    }

    fn caller(
        services: &Services,
        model: &ModelRef,
        paid: Arc<dyn Paid<Arc<Completion>>>,
        set: impl FnOnce(&mut CallSettings),
    ) -> Result<Caller<AnyChat>, Fault> {
        let reached = services.reach(model)?;
        let codec = chat_codec(reached.service.clone(), reached.tokenizer())?;
        let mut parts =
            services.parts::<AnyChat>(&reached, paid, (reached.service.identity(), Kind::Answers));
        set(&mut parts.settings);
        Ok(Caller::new(Arc::new(codec), parts))
    }

    /// Its answer to `chat`, whose text is handed to `on_text` as it comes.
    ///
    /// # Errors
    /// As [`Caller::stream`].
    pub(crate) async fn stream(
        &self,
        chat: &Chat,
        cx: &CallCx,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Streamed<Arc<Completion>>, Fault> {
        self.caller.stream(chat, cx, on_text).await
    }
}
