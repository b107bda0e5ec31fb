//! Fonts: from the bytes of a string to text and widths.

use std::borrow::Cow;

use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use tidegate_core::Fault;

use super::cmap::Cmap;
use super::names::{Base, text_of};
use super::program;
use super::stream::decode;
use super::widths::Widths;
use crate::budget::Budget;

/// A font as far as text needs it.
pub(super) struct Font {
    codes: Codes,
    widths: Widths,
    /// From a width to a share of the font size.
    scale: f32,
    pub(super) bold: bool,
}

enum Codes {
    /// One byte a glyph: the text of each.
    Simple(Vec<Option<String>>),
    Composite(Box<Composite>),
}

struct Composite {
    to_text: Cmap,
    encoding: Encoding,
    /// Text by glyph id, of the embedded font.
    glyphs: std::collections::HashMap<u16, String>,
}

/// How the bytes of a composite font's string are codes.
enum Encoding {
    /// Two bytes, which are the glyph id.
    Identity,
    /// Big-endian UTF-16.
    Utf16,
    /// An encoding of its own, in the file.
    Own(Cmap),
    /// A legacy encoding of one and two bytes.
    Legacy(&'static encoding_rs::Encoding),
}

/// A glyph of a string.
pub(super) struct Shown<'f> {
    /// Its text; `None` if nobody knows.
    pub(super) text: Option<Cow<'f, str>>,
    /// Its width as a share of the font size.
    pub(super) width: f32,
    /// Whether it is the single byte 32, which word spacing widens.
    pub(super) is_blank: bool,
}

impl Font {
    pub(super) fn read(dict: &Dict<'_>, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        let name = dict.get::<Name<'_>>("BaseFont").map(|name| name.as_str().to_owned()).unwrap_or_default();
        let subtype =
            dict.get::<Name<'_>>("Subtype").map(|name| name.as_str().to_owned()).unwrap_or_default();
        let to_text = match dict.get::<Stream<'_>>("ToUnicode") {
            Some(stream) => decode(&stream, budget)?.map(|data| Cmap::parse(&data)).unwrap_or_default(),
            None => Cmap::default(),
        };
        let lower = name.to_ascii_lowercase();
        let bold = ["bold", "black", "heavy", "-bd", "cmbx"].iter().any(|word| lower.contains(word));
        if subtype == "Type0" {
            return Self::composite(dict, to_text, bold, budget);
        }
        let scale = if subtype == "Type3" { type_3_scale(dict) } else { 0.001 };
        let codes = Codes::Simple(simple_codes(dict, &name, &subtype, &to_text, budget)?);
        Ok(Self { codes, widths: Widths::simple(dict, &name), scale, bold })
    }

    fn composite(dict: &Dict<'_>, to_text: Cmap, bold: bool, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        let descendant = dict
            .get::<Array<'_>>("DescendantFonts")
            .and_then(|fonts| fonts.iter::<Dict<'_>>().next())
            .unwrap_or_default();
        let encoding = match dict.get::<Object<'_>>("Encoding") {
            Some(Object::Stream(stream)) => {
                Encoding::Own(decode(&stream, budget)?.map(|data| Cmap::parse(&data)).unwrap_or_default())
            }
            Some(Object::Name(name)) => predefined(name.as_str()),
            _ => Encoding::Identity,
        };
        let mut glyphs = std::collections::HashMap::new();
        if to_text.is_empty() && matches!(encoding, Encoding::Identity | Encoding::Own(_)) {
            let descriptor = descendant.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
            if let Some(data) = embedded(&descriptor, "FontFile2", budget)? {
                glyphs = program::glyphs(&data);
            } else if let Some(data) = embedded(&descriptor, "FontFile3", budget)? {
                glyphs = program::cff_glyphs(&data);
                if glyphs.is_empty() {
                    glyphs = program::glyphs(&data);
                }
            }
        }
        let widths = Widths::composite(&descendant);
        Ok(Self {
            codes: Codes::Composite(Box::new(Composite { to_text, encoding, glyphs })),
            widths,
            scale: 0.001,
            bold,
        })
    }

    /// The glyphs of a string, one after the other.
    pub(super) fn show<'f>(&'f self, bytes: &[u8], mut each: impl FnMut(Shown<'f>)) {
        match &self.codes {
            Codes::Simple(codes) => {
                for byte in bytes {
                    let text = codes[usize::from(*byte)].as_deref().map(Into::into);
                    each(Shown {
                        text,
                        width: self.widths.get(u32::from(*byte)) * self.scale,
                        is_blank: *byte == 32,
                    });
                }
            }
            Codes::Composite(composite) => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let length = composite.code_length(rest).clamp(1, rest.len());
                    let (code, tail) = rest.split_at(length);
                    rest = tail;
                    let (number, cid) = composite.numbers(code);
                    let text = composite.text(code, number, cid);
                    each(Shown { text, width: self.widths.get(cid) * self.scale, is_blank: code == [32] });
                }
            }
        }
    }
}

impl Composite {
    fn code_length(&self, bytes: &[u8]) -> usize {
        match &self.encoding {
            Encoding::Identity => 2,
            Encoding::Utf16 => {
                if matches!(bytes, [0xd8..=0xdb, ..]) {
                    4
                } else {
                    2
                }
            }
            Encoding::Own(cmap) => {
                cmap.code_length(bytes).or_else(|| self.to_text.code_length(bytes)).unwrap_or(2)
            }
            Encoding::Legacy(encoding) => {
                let half_width = *encoding == encoding_rs::SHIFT_JIS && matches!(bytes[0], 0xa0..=0xdf);
                if bytes[0] < 0x80 || half_width { 1 } else { 2 }
            }
        }
    }

    /// A code as a number, and its glyph id.
    fn numbers(&self, code: &[u8]) -> (u32, u32) {
        let number = code.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
        match &self.encoding {
            Encoding::Own(cmap) => (number, cmap.cid(number).unwrap_or(number)),
            _ => (number, number),
        }
    }

    fn text(&self, code: &[u8], number: u32, cid: u32) -> Option<Cow<'_, str>> {
        if let Some(text) = self.to_text.text(number).filter(|text| is_text(text)) {
            return Some(plain(text));
        }
        match &self.encoding {
            Encoding::Utf16 => {
                let units: Vec<u16> =
                    code.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                String::from_utf16(&units).ok().map(Cow::Owned)
            }
            Encoding::Legacy(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(code)
                .map(|text| Cow::Owned(text.into_owned())),
            _ => self.glyphs.get(&u16::try_from(cid).ok()?).map(|text| plain(Cow::Borrowed(text))),
        }
    }
}

/// The encodings that readers know by name. Widths of the legacy ones are by glyph id, which only large tables could
/// tell; full width is right for nearly all of their characters.
fn predefined(name: &str) -> Encoding {
    let has = |word: &str| name.contains(word);
    if has("UTF16") || has("UCS2") {
        Encoding::Utf16
    } else if has("RKSJ") {
        Encoding::Legacy(encoding_rs::SHIFT_JIS)
    } else if has("GBK") || has("GB-EUC") || has("GBpc") {
        Encoding::Legacy(encoding_rs::GB18030)
    } else if has("B5") {
        Encoding::Legacy(encoding_rs::BIG5)
    } else if has("KSC") {
        Encoding::Legacy(encoding_rs::EUC_KR)
    } else if name == "EUC-H" || name == "EUC-V" {
        Encoding::Legacy(encoding_rs::EUC_JP)
    } else {
        Encoding::Identity
    }
}

fn type_3_scale(dict: &Dict<'_>) -> f32 {
    let matrix = dict.get::<Array<'_>>("FontMatrix");
    matrix
        .and_then(|matrix| matrix.iter::<f32>().next())
        .filter(|scale| *scale != 0.0)
        .map_or(0.001, f32::abs)
}

fn embedded(descriptor: &Dict<'_>, key: &str, budget: &mut Budget<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(stream) = descriptor.get::<Stream<'_>>(key) else { return Ok(None) };
    Ok(decode(&stream, budget)?.map(Cow::into_owned))
}

/// The text of each code: the font's map to text first, then the names its differences give, then its base encoding.
fn simple_codes(
    dict: &Dict<'_>,
    name: &str,
    subtype: &str,
    to_text: &Cmap,
    budget: &mut Budget<'_>,
) -> Result<Vec<Option<String>>, Fault> {
    let descriptor = dict.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
    let (mut base, mut differences) = (None, vec![None; 256]);
    match dict.get::<Object<'_>>("Encoding") {
        Some(Object::Name(name)) => base = base_of(name.as_str()),
        Some(Object::Dict(encoding)) => {
            base = encoding.get::<Name<'_>>("BaseEncoding").and_then(|name| base_of(name.as_str()));
            if let Some(array) = encoding.get::<Array<'_>>("Differences") {
                read_differences(&array, &mut differences);
            }
        }
        _ => {}
    }
    let needs_program = base.is_none() && to_text.is_empty();
    let built_in =
        if needs_program { built_in(&descriptor, budget)? } else { std::collections::HashMap::new() };
    let symbolic = descriptor.get::<i32>("Flags").is_some_and(|flags| flags & 4 != 0);
    let base = base.unwrap_or_else(|| match subtype {
        _ if name.ends_with("Symbol") || name.contains("SymbolMT") => Base::Symbol,
        "TrueType" => Base::WinAnsi,
        "Type3" => Base::Unknown,
        _ if symbolic && !built_in.is_empty() => Base::Unknown,
        _ => Base::Standard,
    });
    let text = |code: u8| {
        let mapped = to_text.text(u32::from(code)).filter(|text| is_text(text));
        let named = || differences[usize::from(code)].clone().map(Cow::Owned);
        let inner = || built_in.get(&code).map(|text| Cow::Borrowed(text.as_str()));
        let based = || base.char_of(code).map(|c| Cow::Owned(String::from(c)));
        mapped.or_else(named).or_else(inner).or_else(based).map(|text| plain(text).into_owned())
    };
    Ok((0..=255).map(text).collect())
}

fn built_in(
    descriptor: &Dict<'_>,
    budget: &mut Budget<'_>,
) -> Result<std::collections::HashMap<u8, String>, Fault> {
    if let Some(data) = embedded(descriptor, "FontFile", budget)? {
        return Ok(program::type_1(&data));
    }
    if let Some(data) = embedded(descriptor, "FontFile3", budget)? {
        return Ok(program::cff(&data));
    }
    let data = embedded(descriptor, "FontFile2", budget)?;
    Ok(data.map(|data| program::true_type_codes(&data)).unwrap_or_default())
}

fn base_of(name: &str) -> Option<Base> {
    match name {
        "WinAnsiEncoding" | "PDFDocEncoding" => Some(Base::WinAnsi),
        "MacRomanEncoding" => Some(Base::MacRoman),
        "StandardEncoding" => Some(Base::Standard),
        _ => None,
    }
}

fn read_differences(array: &Array<'_>, out: &mut [Option<String>]) {
    let mut code = 0_usize;
    for item in array.iter::<Object<'_>>() {
        match item {
            Object::Number(number) => code = usize::try_from(number.as_i64()).unwrap_or(usize::MAX),
            Object::Name(name) => {
                if let Some(slot) = out.get_mut(code) {
                    *slot = text_of(name.as_str());
                }
                code = code.saturating_add(1);
            }
            _ => {}
        }
    }
}

/// Whether a map gave something to read. Some writers map what they do not know to zero or to the private area.
fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c != '\u{fffd}' && c != '\0' && !program::is_private(c))
}

/// Without ligatures, which no query contains, and with plain spaces.
fn plain(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
            '\u{a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' => out.push(' '),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}
