//! What every document must be, whatever it was made of.

use tidegate_core::Document;

/// # Panics
/// If what later stages rely on does not hold.
pub fn check(document: &Document) {
    assert!(!document.blocks.is_empty(), "a success without text");
    let mut end = 0;
    for block in &document.blocks {
        assert!(end <= block.span.start && block.span.start < block.span.end, "{:?} after {end}", block.span);
        assert!(document.text.get(block.span.clone()).is_some(), "{:?} within characters", block.span);
        end = block.span.end;
    }
    assert!(
        document.pages.is_sorted_by(|a, b| a.start <= b.start && a.number <= b.number),
        "pages in disorder"
    );
    assert!(
        document.pages.last().is_none_or(|page| page.start <= document.text.len() as u64),
        "a page outside"
    );
}

/// Cuts a document as a run does. What chunks must be is a property that the crate that cuts tests itself; here they
/// must come to an end.
///
/// # Panics
/// If a chunk is outside of its text, or does not get further than the one before.
pub fn chunk(document: &Document) {
    let options = tidegate_text::ChunkOptions::default();
    let mut end = 0;
    for plan in tidegate_text::chunk(document, &tidegate_text::ByteEstimate, &options) {
        let span = plan.place.span.start as usize..plan.place.span.end as usize;
        assert!(document.text.get(span.clone()).is_some() && span.end > end, "{span:?} after {end}");
        end = span.end;
    }
}
