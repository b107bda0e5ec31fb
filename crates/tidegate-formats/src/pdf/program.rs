//! What an embedded font program says of its codes and glyphs.

use std::collections::HashMap;

use ttf_parser::GlyphId;

use super::names::text_of;

/// Text by code, as the built-in encoding of a Type 1 font has it.
pub(super) fn type_1(data: &[u8]) -> HashMap<u8, String> {
    let mut out = HashMap::new();
    // The encoding stands in the clear part, before what is encrypted.
    let clear = memchr::memmem::find(data, b"eexec").map_or(data, |end| &data[..end]);
    let Some(start) = memchr::memmem::find(clear, b"/Encoding") else { return out };
    let words: Vec<&[u8]> =
        clear[start..].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(4096).collect();
    for window in words.windows(4) {
        let [b"dup", code, name, b"put"] = window else { continue };
        let code = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok());
        let name = name.strip_prefix(b"/").and_then(|name| std::str::from_utf8(name).ok());
        if let (Some(code), Some(text)) = (code, name.and_then(text_of)) {
            out.insert(code, text);
        }
    }
    out
}

/// Text by code, as the built-in encoding of a CFF font has it.
pub(super) fn cff(data: &[u8]) -> HashMap<u8, String> {
    let Some(table) = ttf_parser::cff::Table::parse(data) else { return HashMap::new() };
    let text = |code: u8| text_of(table.glyph_name(table.glyph_index(code)?)?);
    (0..=255).filter_map(|code| Some((code, text(code)?))).collect()
}

/// Text by code of a TrueType font without an encoding: codes are looked up in the font's own map, and the glyphs found
/// there have names or Unicode values elsewhere in the font.
pub(super) fn true_type_codes(data: &[u8]) -> HashMap<u8, String> {
    let glyphs = glyphs(data);
    let Ok(face) = ttf_parser::Face::parse(data, 0) else { return HashMap::new() };
    let Some(cmap) = face.tables().cmap else { return HashMap::new() };
    let glyph_of = |code: u8| {
        cmap.subtables.into_iter().filter(|table| !table.is_unicode()).find_map(|table| {
            // Symbol fonts keep their codes in a private area.
            [0, 0xf000, 0xf100].iter().find_map(|base| table.glyph_index(base + u32::from(code)))
        })
    };
    (0..=255).filter_map(|code| Some((code, glyphs.get(&glyph_of(code)?.0)?.clone()))).collect()
}

/// Text by glyph of a TrueType or OpenType font.
pub(super) fn glyphs(data: &[u8]) -> HashMap<u16, String> {
    let mut out = HashMap::new();
    let Ok(face) = ttf_parser::Face::parse(data, 0) else { return out };
    if let Some(cmap) = face.tables().cmap {
        for table in cmap.subtables.into_iter().filter(ttf_parser::cmap::Subtable::is_unicode) {
            table.codepoints(|code| {
                let c = char::from_u32(code).filter(|c| !is_private(*c));
                if let (Some(c), Some(glyph)) = (c, table.glyph_index(code)) {
                    out.entry(glyph.0).or_insert_with(|| c.to_string());
                }
            });
        }
    }
    for glyph in 0..face.number_of_glyphs() {
        if let Some(text) = face.glyph_name(GlyphId(glyph)).and_then(text_of) {
            out.entry(glyph).or_insert(text);
        }
    }
    out
}

/// Text by glyph of a CFF font in which glyphs have names.
pub(super) fn cff_glyphs(data: &[u8]) -> HashMap<u16, String> {
    let Some(table) = ttf_parser::cff::Table::parse(data) else { return HashMap::new() };
    let text = |glyph| text_of(table.glyph_name(GlyphId(glyph))?);
    (0..table.number_of_glyphs()).filter_map(|glyph| Some((glyph, text(glyph)?))).collect()
}

/// Characters that each font uses as it likes.
pub(super) fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}
