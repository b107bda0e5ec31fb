//! `parser = "https://…"`: a service that is posted a document and answers its text.

use async_trait::async_trait;
use tidegate_call::{CallCx, Caller, Priority};
use tidegate_core::{Cx, Document, Fault, FaultKind};
use tidegate_model::web::{FileCall, WebFile};

use super::output::{self, Told};
use super::{Asked, Reader};

/// A service, called as all services are: paced, repeated, waited for, and its answers kept.
pub(super) struct Service {
    caller: Caller<WebFile>,
    /// Most bytes of text of one document.
    most: u64,
    /// Whether only answers that are there already are taken.
    offline: bool,
}

impl Service {
    pub(super) fn new(caller: Caller<WebFile>, (most, offline): (u64, bool)) -> Self {
        Self { caller, most, offline }
    }
}

#[async_trait]
impl Reader for Service {
    async fn read(&self, cx: &Cx, asked: &Asked<'_>) -> Result<Document, Fault> {
        let item = FileCall { name: asked.name.into(), bytes: asked.bytes.clone() };
        let call = CallCx::new(Priority::Bulk, asked.trace).stopping(cx.stop_signal());
        let answers = self.caller.call(std::slice::from_ref(&item), &call).await;
        let mut answers = match answers {
            Err(_) if self.offline => return Err(not_called(asked.format)),
            answers => answers?,
        };
        cx.note_wait(answers.told.waited);
        let none = || Fault::new(FaultKind::Internal, "a file without an answer");
        let value = answers.results.pop().ok_or_else(none)??;
        let told = <Told as serde::Deserialize>::deserialize(&*value).map_err(|error| {
            Fault::new(FaultKind::BadResponse, "the parser's answer has another form").cause(error)
        })?;
        if told.bytes() > self.most {
            let message = format!("the parser answered more than {} bytes of text", self.most);
            return Err(
                Fault::new(FaultKind::TooLarge, message).hint("raise max_output_bytes, then retry it")
            );
        }
        let (options, format) = (asked.options.clone(), asked.format.to_owned());
        cx.compute(u64::MAX, move || output::of(told, &format, &options)).await?
    }
}

/// Why a document has no text where nothing is called.
fn not_called(format: &str) -> Fault {
    let message = format!("a service reads {format} files, and nothing is sent to it here");
    Fault::new(FaultKind::Config, message).hint(
        "run the job over these documents first, such as with --limit 3: the texts that it answers are kept",
    )
}
