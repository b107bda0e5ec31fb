//! What the teacher makes of the texts: on all cores, and kept in the journal, so that no text is worked on twice, even
//! if the process is killed.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tidegate_bert::Bert;
use tidegate_core::{ContentHash, Cx, Embedder as _, Fault, FaultKind, Journal as _, Task};
use tidegate_store::Store;

/// Texts that a core takes at once: some tenths of a second of work.
const SHARE: usize = 16;
/// Keys looked up at once.
const LOOKUP: usize = 1_000;

/// The vectors of texts.
#[derive(Debug, Default)]
pub(super) struct Taught {
    /// One for each text, in order.
    pub(super) vectors: Vec<Arc<[f32]>>,
    /// How many were made now.
    pub(super) made: usize,
    /// How many were in the journal.
    pub(super) from_journal: usize,
}

/// Finds or makes the vector of every text; `watch` is told how many are there.
///
/// # Errors
/// Storage faults; a teacher that makes no vectors.
///
/// # Cancel safety
/// What was made is kept and will be found.
pub(super) async fn teach(
    cx: &Cx,
    (store, teacher): (&Store, &Arc<Bert>),
    texts: &[String],
    watch: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Taught, Fault> {
    let key = |text: &String| {
        tidegate_model::embedding_key(teacher.identity(), teacher.dimensions(), Task::Document, text)
    };
    let keys: Vec<ContentHash> = texts.iter().map(key).collect();
    let mut found: Vec<Option<Arc<[f32]>>> = Vec::with_capacity(texts.len());
    for keys in keys.chunks(LOOKUP) {
        found.extend(store.lookup(keys).await?);
    }
    let missing: Vec<usize> = (0..texts.len()).filter(|at| found[*at].is_none()).collect();
    let (from_journal, made) = (texts.len() - missing.len(), missing.len());
    watch(from_journal, texts.len());
    let work = |share: Vec<usize>| {
        let chosen: Vec<String> = share.iter().map(|at| texts[*at].clone()).collect();
        let teacher = teacher.clone();
        async move { cx.compute(0, move || embedded(&teacher, &chosen)).await?.map(|made| (share, made)) }
    };
    // One share more than cores waits, so that none is ever idle while vectors are being kept.
    let shares: Vec<Vec<usize>> = missing.chunks(SHARE).map(<[usize]>::to_vec).collect();
    let mut shares = stream::iter(shares).map(work).buffer_unordered(cx.compute.width() + 1);
    let mut done = from_journal;
    while let Some(share) = shares.next().await {
        let (places, made) = share?;
        let entries =
            places.iter().zip(&made).map(|(at, made)| (keys[*at], made.vector.clone(), made.tokens));
        store.append(teacher.identity(), entries.collect()).await?;
        done += places.len();
        for (at, made) in places.into_iter().zip(made) {
            found[at] = Some(made.vector);
        }
        watch(done, texts.len());
    }
    let vectors: Option<Vec<Arc<[f32]>>> = found.into_iter().collect();
    let vectors = vectors.ok_or_else(|| Fault::new(FaultKind::Internal, "a text without its vector"))?;
    Ok(Taught { vectors, made, from_journal })
}

/// What the teacher made of a text.
struct Made {
    vector: Arc<[f32]>,
    /// Tokens of the text.
    tokens: u32,
}

fn embedded(teacher: &Bert, texts: &[String]) -> Result<Vec<Made>, Fault> {
    let views: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = teacher.embed(&views, Task::Document)?;
    let made = |(vector, text): (Vec<f32>, &str)| {
        let tokens = u32::try_from(teacher.tokens(text)).unwrap_or(u32::MAX);
        Made { vector: Arc::from(vector), tokens }
    };
    Ok(vectors.into_iter().zip(views).map(made).collect())
}
