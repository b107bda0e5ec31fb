//! Which language a text is in.
//!
//! Told from sequences of three letters, which needs no model to be loaded and no time to speak of. A text that is too
//! short or too mixed to tell is let through: a rule that refuses what it does not know would refuse good documents.

use whatlang::Lang;

/// Bytes that are looked at; the beginning of a text says which language it is in.
const LOOKED_AT: usize = 16 << 10;

/// The languages that can be told apart, as they are called in a configuration.
const KNOWN: [(&str, Lang); 70] = [
    ("af", Lang::Afr),
    ("ak", Lang::Aka),
    ("am", Lang::Amh),
    ("ar", Lang::Ara),
    ("az", Lang::Aze),
    ("be", Lang::Bel),
    ("bg", Lang::Bul),
    ("bn", Lang::Ben),
    ("ca", Lang::Cat),
    ("cs", Lang::Ces),
    ("cy", Lang::Cym),
    ("da", Lang::Dan),
    ("de", Lang::Deu),
    ("el", Lang::Ell),
    ("en", Lang::Eng),
    ("eo", Lang::Epo),
    ("es", Lang::Spa),
    ("et", Lang::Est),
    ("fa", Lang::Pes),
    ("fi", Lang::Fin),
    ("fr", Lang::Fra),
    ("gu", Lang::Guj),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("hr", Lang::Hrv),
    ("hu", Lang::Hun),
    ("hy", Lang::Hye),
    ("id", Lang::Ind),
    ("it", Lang::Ita),
    ("ja", Lang::Jpn),
    ("jv", Lang::Jav),
    ("ka", Lang::Kat),
    ("km", Lang::Khm),
    ("kn", Lang::Kan),
    ("ko", Lang::Kor),
    ("la", Lang::Lat),
    ("lt", Lang::Lit),
    ("lv", Lang::Lav),
    ("mk", Lang::Mkd),
    ("ml", Lang::Mal),
    ("mr", Lang::Mar),
    ("my", Lang::Mya),
    ("nb", Lang::Nob),
    ("ne", Lang::Nep),
    ("nl", Lang::Nld),
    ("or", Lang::Ori),
    ("pa", Lang::Pan),
    ("pl", Lang::Pol),
    ("pt", Lang::Por),
    ("ro", Lang::Ron),
    ("ru", Lang::Rus),
    ("si", Lang::Sin),
    ("sk", Lang::Slk),
    ("sl", Lang::Slv),
    ("sn", Lang::Sna),
    ("sr", Lang::Srp),
    ("sv", Lang::Swe),
    ("ta", Lang::Tam),
    ("te", Lang::Tel),
    ("th", Lang::Tha),
    ("tk", Lang::Tuk),
    ("tl", Lang::Tgl),
    ("tr", Lang::Tur),
    ("uk", Lang::Ukr),
    ("ur", Lang::Urd),
    ("uz", Lang::Uzb),
    ("vi", Lang::Vie),
    ("yi", Lang::Yid),
    ("zh", Lang::Cmn),
    ("zu", Lang::Zul),
];

/// Whether texts in the language `code` (ISO 639-1) can be told from others.
///
/// ```
/// assert!(tidegate_text::is_language("de") && !tidegate_text::is_language("german"));
/// ```
#[must_use]
pub fn is_language(code: &str) -> bool {
    KNOWN.iter().any(|(known, _)| *known == code)
}

/// The codes of all languages that can be told apart, in order.
#[must_use]
pub fn languages() -> Vec<&'static str> {
    KNOWN.iter().map(|(code, _)| *code).collect()
}

/// Whether `text` is in one of `languages`; any text is where there are none.
pub(super) fn check(text: &str, languages: &[String]) -> Result<(), String> {
    if languages.is_empty() {
        return Ok(());
    }
    let end = text.floor_char_boundary(LOOKED_AT);
    let Some(told) = whatlang::detect(&text[..end]).filter(whatlang::Info::is_reliable) else {
        return Ok(());
    };
    let code = KNOWN.iter().find(|(_, lang)| *lang == told.lang()).map_or("", |(code, _)| code);
    if languages.iter().any(|wanted| wanted == code) {
        return Ok(());
    }
    let name = told.lang().eng_name();
    Err(format!("languages: the text is in {name} ({code}), and it may be in {}", languages.join(", ")))
}
