//! What models are asked and what they answer, whoever they are: the words all wire families share.

mod chat;
mod completion;
mod ranking;
mod text;

pub use chat::{Chat, ChatParams, Message, Role, Schema};
pub use completion::{Completion, Finish};
pub use ranking::{Ranked, Ranking};
pub use text::Text;
