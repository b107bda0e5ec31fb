//! Answers of a model of a provider.

use std::sync::Arc;

use tidegate_call::{CallCx, Caller, Paid, Replied, Streamed, Unpaid};
use tidegate_core::{Fault, Replies};
use tidegate_model::{AnyChat, Chat, Completion, chat_codec};

use super::{Kind, Services};
use crate::config::ModelRef;

/// A model of a provider that answers conversations.
pub(crate) struct RemoteChat {
    caller: Caller<AnyChat>,
}

impl RemoteChat {
    /// What `model` names; its answers are kept in `journal`.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: a provider or key that is not there, a provider that does not chat.
    pub(crate) fn open(
        services: &Services,
        model: &ModelRef,
        journal: Option<Arc<dyn Replies>>,
    ) -> Result<Self, Fault> {
        let reached = services.reach(model)?;
        let codec = chat_codec(reached.service.clone(), reached.tokenizer())?;
        let paid: Arc<dyn Paid<Arc<Completion>>> = match journal {
            Some(journal) => Arc::new(Replied(journal)),
            None => Arc::new(Unpaid),
        };
        let parts = services.parts::<AnyChat>(&reached, paid, (reached.service.identity(), Kind::Answers));
        Ok(Self { caller: Caller::new(Arc::new(codec), parts) })
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
