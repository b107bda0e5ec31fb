//! Replies of services under content-addressed keys, kept from the moment they were paid for.

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Row, params};
use tidegate_core::{ContentHash, Fault, Kept, Replies};

use crate::error::Doing;
use crate::process::now_ms;
use crate::store::Store;
use crate::writer::Kind;

/// Two who ask the same at the same time both bring a reply, and the first stays. Who brings one later than that asked
/// again because the first was too old for them: theirs takes its place.
const RACE_MS: i64 = 60_000;

#[async_trait]
impl Replies for Store {
    async fn lookup_replies(&self, keys: &[ContentHash]) -> Result<Vec<Option<(Kept, u64)>>, Fault> {
        let keys = keys.to_vec();
        let doing = "reading the journal";
        self.lookups()?
            .call(move |conn| {
                let mut select = conn
                    .prepare_cached(
                        "SELECT reply, input_tokens, output_tokens, cost, created FROM reply WHERE key = ?1",
                    )
                    .doing(doing)?;
                let mut find =
                    |key: &ContentHash| select.query_row([key.as_ref()], kept).optional().doing(doing);
                keys.iter().map(&mut find).collect()
            })
            .await
    }

    async fn append_replies(&self, model: &str, entries: Vec<(ContentHash, Kept)>) -> Result<(), Fault> {
        let model = model.to_owned();
        let doing = "writing to the journal";
        self.writer()?
            .call(Kind::Append, move |conn| {
                let mut insert = conn
                    .prepare_cached(
                        "INSERT INTO reply(key, model, input_tokens, output_tokens, cost, created, reply)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT(key) DO UPDATE SET model = ?2, input_tokens = ?3, output_tokens = ?4,
                           cost = ?5, created = ?6, reply = ?7
                         WHERE created < ?6 - ?8",
                    )
                    .doing(doing)?;
                for (key, kept) in &entries {
                    let (sent, had, cost) = (kept.input_tokens, kept.output_tokens, kept.cost);
                    let (now, reply) = (now_ms(), &kept.reply[..]);
                    insert
                        .execute(params![key.as_ref(), model, sent, had, cost, now, reply, RACE_MS])
                        .doing(doing)?;
                }
                Ok(())
            })
            .await
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<(Kept, u64)> {
    let kept = Kept {
        reply: Bytes::copy_from_slice(row.get_ref(0)?.as_blob()?),
        input_tokens: row.get(1)?,
        output_tokens: row.get(2)?,
        cost: row.get(3)?,
    };
    Ok((kept, row.get(4)?))
}
