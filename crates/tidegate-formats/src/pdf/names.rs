//! Names of glyphs, and the encodings that simple fonts start from.

use unicode_normalization::char::compose;

/// The text of a glyph name: `A`, `eacute`, `f_f_i`, `uni20AC`, `alpha.sc`. `None` for names that mean nothing outside of
/// their font, such as `g17`.
pub(super) fn text_of(name: &str) -> Option<String> {
    let name = name.split_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
    if let Some(c) = single(name) {
        return Some(c);
    }
    if name.contains('_') {
        return name.split('_').map(single).collect();
    }
    None
}

fn single(name: &str) -> Option<String> {
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return c.is_ascii_alphabetic().then(|| c.to_string());
    }
    if let Ok(at) = NAMES.binary_search_by(|(known, _)| (*known).cmp(name)) {
        return Some(NAMES[at].1.to_owned());
    }
    by_number(name).or_else(|| accented(name)).or_else(|| {
        // Names of TeX's sizes of one sign, and of figures and capitals drawn in another style.
        let endings =
            ["big", "bigg", "Big", "Bigg", "display", "text", "oldstyle", "small", "inferior", "superior"];
        endings.iter().find_map(|ending| name.strip_suffix(ending)).and_then(single)
    })
}

fn by_number(name: &str) -> Option<String> {
    if let Some(digits) = name.strip_prefix("uni")
        && digits.len() >= 4
        && digits.len() % 4 == 0
    {
        let unit = |chunk: &[u8]| u16::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok();
        let units: Option<Vec<u16>> = digits.as_bytes().chunks(4).map(unit).collect();
        return String::from_utf16(&units?).ok();
    }
    let digits = name.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len()))?;
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).map(String::from)
}

/// A letter with a mark: `Aacute`, `zcaron`, `alphatonos`.
fn accented(name: &str) -> Option<String> {
    const MARKS: &[(&str, char)] = &[
        ("acute", '\u{301}'),
        ("grave", '\u{300}'),
        ("circumflex", '\u{302}'),
        ("dieresis", '\u{308}'),
        ("tilde", '\u{303}'),
        ("ring", '\u{30a}'),
        ("cedilla", '\u{327}'),
        ("caron", '\u{30c}'),
        ("breve", '\u{306}'),
        ("ogonek", '\u{328}'),
        ("macron", '\u{304}'),
        ("dotaccent", '\u{307}'),
        ("dotbelow", '\u{323}'),
        ("hungarumlaut", '\u{30b}'),
        ("commaaccent", '\u{327}'),
        ("tonos", '\u{301}'),
    ];
    let (stem, mark) = MARKS.iter().find_map(|(ending, mark)| Some((name.strip_suffix(ending)?, *mark)))?;
    let base = single(stem)?;
    let mut chars = base.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => compose(c, mark).map(String::from),
        _ => None,
    }
}

/// Names that cannot be taken apart, sorted.
#[rustfmt::skip]
const NAMES: &[(&str, &str)] = &[
    ("AE", "Æ"), ("Alpha", "Α"), ("Beta", "Β"), ("Chi", "Χ"), ("Dcroat", "Đ"), ("Delta", "Δ"),
    ("Epsilon", "Ε"), ("Eta", "Η"), ("Eth", "Ð"), ("Euro", "€"), ("Gamma", "Γ"), ("Ifraktur", "ℑ"),
    ("Iota", "Ι"), ("Kappa", "Κ"), ("Lambda", "Λ"), ("Lslash", "Ł"), ("Mu", "Μ"), ("Nu", "Ν"), ("OE", "Œ"),
    ("Omega", "Ω"), ("Omicron", "Ο"), ("Oslash", "Ø"), ("Phi", "Φ"), ("Pi", "Π"), ("Psi", "Ψ"),
    ("Rfraktur", "ℜ"), ("Rho", "Ρ"), ("Sigma", "Σ"), ("Tau", "Τ"), ("Theta", "Θ"), ("Thorn", "Þ"),
    ("Upsilon", "Υ"), ("Xi", "Ξ"), ("Zeta", "Ζ"), ("acute", "´"), ("ae", "æ"), ("aleph", "ℵ"),
    ("alpha", "α"), ("ampersand", "&"), ("angbracketleft", "⟨"), ("angbracketright", "⟩"), ("angle", "∠"),
    ("angleleft", "⟨"), ("angleright", "⟩"), ("apostrophe", "'"), ("approxequal", "≈"), ("arrowboth", "↔"),
    ("arrowdblboth", "⇔"), ("arrowdblleft", "⇐"), ("arrowdblright", "⇒"), ("arrowdown", "↓"),
    ("arrowleft", "←"), ("arrowright", "→"), ("arrowup", "↑"), ("asciicircum", "^"), ("asciitilde", "~"),
    ("asterisk", "*"), ("asteriskmath", "∗"), ("at", "@"), ("backslash", "\\"), ("bar", "|"), ("beta", "β"),
    ("blank", " "), ("braceleft", "{"), ("braceright", "}"), ("bracketleft", "["), ("bracketright", "]"),
    ("breve", "˘"), ("brokenbar", "¦"), ("bullet", "•"), ("caron", "ˇ"), ("cedilla", "¸"), ("cent", "¢"),
    ("checkmark", "✓"), ("chi", "χ"), ("circledot", "⊙"), ("circlemultiply", "⊗"), ("circleplus", "⊕"),
    ("circumflex", "ˆ"), ("club", "♣"), ("colon", ":"), ("comma", ","), ("congruent", "≅"),
    ("coproduct", "∐"), ("copyright", "©"), ("currency", "¤"), ("dagger", "†"), ("daggerdbl", "‡"),
    ("dcroat", "đ"), ("degree", "°"), ("delta", "δ"), ("diamond", "♦"), ("dieresis", "¨"), ("divide", "÷"),
    ("dollar", "$"), ("dotaccent", "˙"), ("dotlessi", "ı"), ("dotlessj", "ȷ"), ("dotmath", "⋅"),
    ("eight", "8"), ("element", "∈"), ("ellipsis", "…"), ("emdash", "—"), ("emptyset", "∅"),
    ("endash", "–"), ("epsilon", "ε"), ("epsilon1", "ϵ"), ("equal", "="), ("equivalence", "≡"),
    ("eta", "η"), ("eth", "ð"), ("exclam", "!"), ("exclamdown", "¡"), ("existential", "∃"), ("f", "f"),
    ("ff", "ff"), ("ffi", "ffi"), ("ffl", "ffl"), ("fi", "fi"), ("five", "5"), ("fl", "fl"),
    ("florin", "ƒ"), ("four", "4"), ("fraction", "⁄"), ("gamma", "γ"), ("germandbls", "ß"),
    ("gradient", "∇"), ("grave", "`"), ("greater", ">"), ("greaterequal", "≥"), ("guillemotleft", "«"),
    ("guillemotright", "»"), ("guilsinglleft", "‹"), ("guilsinglright", "›"), ("heart", "♥"),
    ("hungarumlaut", "˝"), ("hyphen", "-"), ("hyphenchar", "-"), ("infinity", "∞"), ("integral", "∫"),
    ("intersection", "∩"), ("iota", "ι"), ("kappa", "κ"), ("lambda", "λ"), ("less", "<"),
    ("lessequal", "≤"), ("logicaland", "∧"), ("logicalnot", "¬"), ("logicalor", "∨"), ("lozenge", "◊"),
    ("lslash", "ł"), ("macron", "¯"), ("middot", "·"), ("minus", "−"), ("minute", "′"), ("mu", "µ"),
    ("multiply", "×"), ("musicalnote", "♪"), ("nbspace", " "), ("nine", "9"), ("nonbreakingspace", " "),
    ("notelement", "∉"), ("notequal", "≠"), ("notsubset", "⊄"), ("nu", "ν"), ("numbersign", "#"),
    ("oe", "œ"), ("ogonek", "˛"), ("omega", "ω"), ("omicron", "ο"), ("one", "1"), ("onehalf", "½"),
    ("onequarter", "¼"), ("onesuperior", "¹"), ("openbullet", "◦"), ("ordfeminine", "ª"),
    ("ordmasculine", "º"), ("oslash", "ø"), ("paragraph", "¶"), ("parenleft", "("), ("parenright", ")"),
    ("partialdiff", "∂"), ("percent", "%"), ("period", "."), ("periodcentered", "·"),
    ("perpendicular", "⊥"), ("perthousand", "‰"), ("phi", "φ"), ("phi1", "ϕ"), ("pi", "π"), ("plus", "+"),
    ("plusminus", "±"), ("prime", "′"), ("product", "∏"), ("propersubset", "⊂"), ("propersuperset", "⊃"),
    ("proportional", "∝"), ("psi", "ψ"), ("question", "?"), ("questiondown", "¿"), ("quotedbl", "\""),
    ("quotedblbase", "„"), ("quotedblleft", "“"), ("quotedblright", "”"), ("quoteleft", "‘"),
    ("quoteright", "’"), ("quotesinglbase", "‚"), ("quotesingle", "'"), ("radical", "√"),
    ("reflexsubset", "⊆"), ("reflexsuperset", "⊇"), ("registered", "®"), ("rho", "ρ"), ("ring", "˚"),
    ("second", "″"), ("section", "§"), ("semicolon", ";"), ("seven", "7"), ("sfthyphen", "-"),
    ("sigma", "σ"), ("sigma1", "ς"), ("similar", "∼"), ("six", "6"), ("slash", "/"), ("space", " "),
    ("spade", "♠"), ("sterling", "£"), ("suchthat", "∋"), ("summation", "∑"), ("tau", "τ"),
    ("therefore", "∴"), ("theta", "θ"), ("theta1", "ϑ"), ("thorn", "þ"), ("three", "3"),
    ("threequarters", "¾"), ("threesuperior", "³"), ("tilde", "˜"), ("trademark", "™"), ("two", "2"),
    ("twosuperior", "²"), ("underscore", "_"), ("union", "∪"), ("universal", "∀"), ("upsilon", "υ"),
    ("visiblespace", "␣"), ("weierstrass", "℘"), ("xi", "ξ"), ("yen", "¥"), ("zero", "0"), ("zeta", "ζ"),
];

/// What codes mean before a font's own differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Standard,
    WinAnsi,
    MacRoman,
    Symbol,
    /// Nothing is known of the codes.
    Unknown,
}

impl Base {
    pub(super) fn char_of(self, code: u8) -> Option<char> {
        let decoded = match self {
            Self::Standard => standard(code)?,
            Self::WinAnsi => single_byte(encoding_rs::WINDOWS_1252, code)?,
            Self::MacRoman => single_byte(encoding_rs::MACINTOSH, code)?,
            Self::Symbol => symbol(code)?,
            Self::Unknown => char::from(Some(code).filter(|code| (0x20..0x7f).contains(code))?),
        };
        (!decoded.is_control()).then_some(if decoded == '\u{a0}' { ' ' } else { decoded })
    }
}

fn single_byte(encoding: &'static encoding_rs::Encoding, code: u8) -> Option<char> {
    encoding.decode_without_bom_handling(&[code]).0.chars().next().filter(|c| *c != '\u{fffd}')
}

/// Adobe's standard encoding: ASCII with two other quotes, and these from 0xA1 on.
fn standard(code: u8) -> Option<char> {
    const UPPER: &str = "¡¢£⁄¥ƒ§¤'“«‹›\u{fb01}\u{fb02}?–†‡·?¶•‚„”»…‰?¿?`´ˆ˜¯˘˙¨?˚¸?˝˛ˇ—????????????????Æ?ª????ŁØŒº?????æ???ı??łøœß";
    match code {
        b'\'' => Some('’'),
        b'`' => Some('‘'),
        0x20..=0x7e => Some(char::from(code)),
        0xa1.. => UPPER.chars().nth(usize::from(code - 0xa1)).filter(|c| *c != '?'),
        _ => None,
    }
}

/// The Greek letters and the most used signs of the Symbol font.
fn symbol(code: u8) -> Option<char> {
    const CAPITAL: &str = "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_";
    const SMALL: &str = "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼";
    const UPPER: &str = "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊⟨®©™∑";
    let nth = |table: &str, at: u8| table.chars().nth(usize::from(at));
    match code {
        0x22 => Some('∀'),
        0x24 => Some('∃'),
        0x27 => Some('∋'),
        0x2a => Some('∗'),
        0x2d => Some('−'),
        0x20..=0x3f => Some(char::from(code)),
        0x40..=0x5f => nth(CAPITAL, code - 0x40),
        0x60..=0x7e => nth(SMALL, code - 0x60),
        0xa1.. => nth(UPPER, code - 0xa1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_mean_something() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn glyph_names_become_text() {
        let check = |name: &str, expect: Option<&str>| assert_eq!(text_of(name).as_deref(), expect, "{name}");
        check("A", Some("A"));
        check("eacute", Some("é"));
        check("Zcaron", Some("Ž"));
        check("Scommaaccent", Some("Ş"));
        check("alphatonos", Some("ά"));
        check("f_f_i", Some("ffi"));
        check("uni20AC", Some("€"));
        check("uni00660069", Some("fi"));
        check("u1F600", Some("😀"));
        check("a.sc", Some("a"));
        check("parenleftbig", Some("("));
        check("oneoldstyle", Some("1"));
        check(".notdef", None);
        check("g17", None);
        check("", None);
    }

    #[test]
    fn base_encodings_know_their_upper_half() {
        assert_eq!(Base::Standard.char_of(0x27), Some('’'));
        assert_eq!(Base::Standard.char_of(0xd0), Some('—'));
        assert_eq!(Base::Standard.char_of(0xe1), Some('Æ'));
        assert_eq!(Base::Standard.char_of(0xfb), Some('ß'));
        assert_eq!(Base::WinAnsi.char_of(0x93), Some('“'));
        assert_eq!(Base::MacRoman.char_of(0x8a), Some('ä'));
        assert_eq!(Base::Symbol.char_of(0x61), Some('α'));
        assert_eq!(Base::Symbol.char_of(0xce), Some('∈'));
        assert_eq!(Base::WinAnsi.char_of(0x07), None);
    }
}
