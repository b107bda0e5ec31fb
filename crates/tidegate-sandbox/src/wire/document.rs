//! Documents on the wire. The text comes last, so that it is taken over without a second copy.

use tidegate_core::{Block, BlockKind, Document, Page};

use super::Garbled;
use super::cursor::{Cursor, put_maybe, put_number, put_text};
use super::fault;
use crate::part::Part;

const PATH: usize = 4 << 10;
const TITLE: usize = 4 << 10;
const META: usize = 256 << 10;
const FORMAT: usize = 64;

pub(crate) fn encode(part: &Part) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, &part.path, PATH);
    put_text(&mut out, &part.format, FORMAT);
    match &part.result {
        Err(fault) => {
            out.push(0);
            fault::encode(&mut out, fault);
        }
        Ok(document) => {
            out.push(1);
            encode_document(&mut out, document);
        }
    }
    out
}

fn encode_document(out: &mut Vec<u8>, document: &Document) {
    out.reserve(document.text.len() + 4 * document.blocks.len() + 256);
    put_maybe(out, document.title.as_deref(), TITLE);
    let meta = serde_json::to_string(&document.meta).unwrap_or_default();
    // Half of a value is none.
    put_text(out, if meta.len() > META { "{}" } else { &meta }, META);
    put_number(out, document.blocks.len() as u64);
    let mut at = 0;
    for block in &document.blocks {
        out.push(code(block.kind));
        // Distances are small where positions are not; what is out of order is refused on the other side.
        put_number(out, block.span.start.wrapping_sub(at) as u64);
        put_number(out, block.span.end.wrapping_sub(block.span.start) as u64);
        at = block.span.end;
    }
    put_number(out, document.pages.len() as u64);
    let mut at = 0;
    for page in &document.pages {
        put_number(out, page.start.wrapping_sub(at));
        put_number(out, page.number.into());
        put_maybe(out, page.name.as_deref(), TITLE);
        at = page.start;
    }
    out.extend_from_slice(document.text.as_bytes());
}

/// Reads a part. The buffer becomes the document's text.
pub(crate) fn decode(mut buffer: Vec<u8>) -> Result<Part, Garbled> {
    let mut cursor = Cursor::new(&buffer);
    let path = cursor.text(PATH)?.to_owned();
    let format = cursor.text(FORMAT)?.to_owned();
    if cursor.byte()? == 0 {
        let fault = fault::read(&mut cursor)?;
        cursor.end()?;
        return Ok(Part { path, format, result: Err(fault) });
    }
    let title = cursor.maybe(TITLE)?.map(str::to_owned);
    let meta = serde_json::from_str(cursor.text(META)?)
        .map_err(|_| Garbled::new("a document whose metadata is no JSON object"))?;
    let blocks = read_blocks(&mut cursor)?;
    let pages = read_pages(&mut cursor)?;
    let text_at = buffer.len() - cursor.left();
    buffer.drain(..text_at);
    let text = String::from_utf8(buffer).map_err(|_| Garbled::new("a document that is not UTF-8"))?;
    check_blocks(&blocks, &text)?;
    if pages.last().is_some_and(|page| page.start > text.len() as u64) {
        return Err(Garbled::new("a page outside of its text"));
    }
    Ok(Part { path, format, result: Ok(Document { text, blocks, pages, title, meta }) })
}

fn read_pages(cursor: &mut Cursor<'_>) -> Result<Vec<Page>, Garbled> {
    let count = cursor.count()?;
    let mut pages = Vec::with_capacity(count.min(4 << 10));
    let mut at = 0u64;
    for _ in 0..count {
        let outside = || Garbled::new("a page outside of its text");
        at = at.checked_add(cursor.number()?).ok_or_else(outside)?;
        let number = u32::try_from(cursor.number()?).map_err(|_| outside())?;
        pages.push(Page { start: at, number, name: cursor.maybe(TITLE)?.map(str::to_owned) });
    }
    Ok(pages)
}

fn read_blocks(cursor: &mut Cursor<'_>) -> Result<Vec<Block>, Garbled> {
    let count = cursor.count()?;
    let mut blocks = Vec::with_capacity(count.min(64 << 10));
    let mut at = 0usize;
    for _ in 0..count {
        let kind = kind(cursor.byte()?)?;
        let (gap, length) = (cursor.number()?, cursor.number()?);
        let place = |from: usize, by: u64| {
            let moved = usize::try_from(by).ok().and_then(|by| from.checked_add(by));
            moved.ok_or_else(|| Garbled::new("a block outside of its text"))
        };
        let start = place(at, gap)?;
        let end = place(start, length)?;
        blocks.push(Block { kind, span: start..end });
        at = end;
    }
    Ok(blocks)
}

/// Chunks are slices: what does not lie on the text's own boundaries must not get further than this. Order follows from
/// how blocks are written.
fn check_blocks(blocks: &[Block], text: &str) -> Result<(), Garbled> {
    let fits = |at: usize| text.is_char_boundary(at);
    if blocks.iter().all(|block| fits(block.span.start) && fits(block.span.end)) {
        return Ok(());
    }
    Err(Garbled::new("a block outside of its text"))
}

fn code(kind: BlockKind) -> u8 {
    match kind {
        BlockKind::Heading(level) => level.clamp(1, 6),
        BlockKind::Paragraph => 10,
        BlockKind::List => 11,
        BlockKind::Code => 12,
        BlockKind::Table => 13,
        BlockKind::Row => 14,
    }
}

fn kind(code: u8) -> Result<BlockKind, Garbled> {
    Ok(match code {
        level @ 1..=6 => BlockKind::Heading(level),
        10 => BlockKind::Paragraph,
        11 => BlockKind::List,
        12 => BlockKind::Code,
        13 => BlockKind::Table,
        14 => BlockKind::Row,
        _ => return Err(Garbled::new("a block of no kind")),
    })
}
