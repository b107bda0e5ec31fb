//! Rich Text Format, read here: what text needs of it is small, and the libraries for it are young.

use encoding_rs::Encoding;
use tidegate_core::{BlockKind, Document, Fault, FaultKind};

use crate::budget::Budget;
use crate::docx::one_line;
use crate::flow::Flow;
use crate::kind::Kind;

/// Reads a document: paragraphs, headings by outline level, tables.
pub(crate) fn read(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Document, Fault> {
    budget.doing("the text");
    let mut reader = Reader {
        rest: bytes,
        flow: Flow::new(budget.output_left()),
        group: Group { encoding: encoding_rs::WINDOWS_1252, skipped: false, fallback: 1, about: None },
        groups: Vec::new(),
        max_nesting: budget.limits.max_nesting as usize,
        text: String::new(),
        bytes: Vec::new(),
        surrogate: None,
        pending_fallback: 0,
        fonts: std::collections::HashMap::new(),
        font: 0,
        in_fonts: false,
        outline: None,
        in_table: false,
        row: Vec::new(),
        rows: Vec::new(),
        title: String::new(),
        author: String::new(),
    };
    reader.read()?;
    let Reader { mut flow, title, author, .. } = reader;
    flow.draft.title = Some(title).filter(|title| crate::props::is_a_title(title));
    flow.draft.set("author", &author);
    flow.draft.finish(Kind::Rtf)
}

/// What a group inherits and may change for itself.
#[derive(Clone)]
struct Group {
    encoding: &'static Encoding,
    /// Whether what is in it is not text.
    skipped: bool,
    /// Characters that stand for a Unicode one in older programs.
    fallback: usize,
    about: Option<About>,
}

/// A field of what the document says of itself.
#[derive(Clone, Copy)]
enum About {
    Title,
    Author,
}

struct Reader<'b> {
    rest: &'b [u8],
    flow: Flow,
    group: Group,
    groups: Vec<Group>,
    max_nesting: usize,
    text: String,
    /// Bytes in the legacy encoding, not decoded yet: a character may have two.
    bytes: Vec<u8>,
    surrogate: Option<u16>,
    pending_fallback: usize,
    fonts: std::collections::HashMap<i32, &'static Encoding>,
    font: i32,
    in_fonts: bool,
    outline: Option<u8>,
    /// Whether the paragraph belongs to a table.
    in_table: bool,
    row: Vec<String>,
    rows: Vec<Vec<String>>,
    title: String,
    author: String,
}

/// Groups that hold no text of the document.
const SKIPPED: &[&str] = &[
    "colortbl",
    "stylesheet",
    "pict",
    "object",
    "themedata",
    "colorschememapping",
    "latentstyles",
    "datastore",
    "header",
    "footer",
    "headerl",
    "headerr",
    "headerf",
    "footerl",
    "footerr",
    "footerf",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "xmlnstbl",
    "fldinst",
    "filetbl",
    "revtbl",
    "operator",
    "company",
    "manager",
    "category",
    "keywords",
    "comment",
    "doccomm",
    "subject",
    "creatim",
    "revtim",
    "printim",
    "buptim",
    "pgptbl",
    "bkmkstart",
    "bkmkend",
    "nonshppict",
    "annotation",
    "atnid",
    "atnauthor",
    "wgrffmtfilter",
    "mmathPr",
    "userprops",
];

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Fault> {
        while let Some((byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'{' => self.open()?,
                b'}' => self.close(),
                b'\\' => self.control()?,
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(*byte),
            }
        }
        self.in_table = false;
        self.end_paragraph()?;
        self.end_table()
    }

    fn open(&mut self) -> Result<(), Fault> {
        if self.groups.len() >= self.max_nesting {
            let message = format!("groups within each other, more than {} deep", self.max_nesting);
            return Err(Fault::new(FaultKind::TooDeep, message).hint("raise max_nesting"));
        }
        self.decode();
        self.groups.push(self.group.clone());
        self.pending_fallback = 0;
        Ok(())
    }

    fn close(&mut self) {
        self.decode();
        self.pending_fallback = 0;
        if self.group.about.is_some() && self.groups.last().is_none_or(|outer| outer.about.is_none()) {
            self.text.clear();
        }
        if let Some(outer) = self.groups.pop() {
            self.group = outer;
        }
        if self.groups.len() <= 1 {
            self.in_fonts = false;
        }
    }

    /// A byte of text, in the encoding of the group.
    fn byte(&mut self, byte: u8) {
        if self.pending_fallback > 0 {
            self.pending_fallback -= 1;
        } else if !self.group.skipped && !self.in_fonts {
            self.bytes.push(byte);
        }
    }

    fn decode(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let text = self.group.encoding.decode_without_bom_handling(&bytes).0;
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        match self.group.about {
            Some(About::Title) => self.title.push_str(text),
            Some(About::Author) => self.author.push_str(text),
            None if self.group.skipped || self.in_fonts => {}
            None => self.text.push_str(text),
        }
    }

    fn control(&mut self) -> Result<(), Fault> {
        let letters = self.rest.iter().take_while(|b| b.is_ascii_alphabetic()).take(32).count();
        if letters == 0 {
            return self.symbol();
        }
        let (word, rest) = self.rest.split_at(letters);
        let digits = usize::from(rest.first() == Some(&b'-'));
        let length = digits + rest[digits..].iter().take_while(|b| b.is_ascii_digit()).take(10).count();
        let number = std::str::from_utf8(&rest[..length]).ok().and_then(|digits| digits.parse::<i32>().ok());
        self.rest = &rest[if number.is_some() { length } else { 0 }..];
        if self.rest.first() == Some(&b' ') {
            self.rest = &self.rest[1..];
        }
        let word = std::str::from_utf8(word).unwrap_or_default();
        // A fallback may be a control word of its own.
        if self.pending_fallback > 0 && !matches!(word, "u" | "bin") {
            self.pending_fallback -= 1;
            return Ok(());
        }
        self.word(word, number)
    }

    fn symbol(&mut self) -> Result<(), Fault> {
        let Some((symbol, rest)) = self.rest.split_first() else { return Ok(()) };
        self.rest = rest;
        match symbol {
            b'\'' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.rest = &rest[2..];
                    self.byte(byte);
                }
            }
            // What older programs do not know is not text, unless a word says so.
            b'*' => self.group.skipped = true,
            b'~' => self.byte(b' '),
            b'_' => self.byte(b'-'),
            b'\n' | b'\r' => self.end_paragraph()?,
            b'\\' | b'{' | b'}' => self.byte(*symbol),
            _ => {}
        }
        Ok(())
    }

    fn word(&mut self, word: &str, number: Option<i32>) -> Result<(), Fault> {
        if word != "u" {
            self.decode();
        }
        match word {
            "par" | "sect" | "page" => self.end_paragraph()?,
            "pard" => (self.outline, self.in_table) = (None, false),
            "intbl" => self.in_table = true,
            "cell" | "nestcell" => self.row.push(std::mem::take(&mut self.text)),
            "row" => self.rows.push(std::mem::take(&mut self.row)),
            "line" => self.write("\n"),
            "tab" => self.write(" "),
            "emdash" => self.write("—"),
            "endash" => self.write("–"),
            "lquote" => self.write("‘"),
            "rquote" => self.write("’"),
            "ldblquote" => self.write("“"),
            "rdblquote" => self.write("”"),
            "bullet" => self.write("•"),
            "emspace" | "enspace" | "qmspace" => self.write(" "),
            "u" => self.unicode(number.unwrap_or(0)),
            "uc" => self.group.fallback = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(16),
            "outlinelevel" => {
                self.outline = number.and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 9);
            }
            "bin" => {
                let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(self.rest.len());
                self.rest = &self.rest[length..];
            }
            "title" => self.group.about = Some(About::Title),
            "author" => self.group.about = Some(About::Author),
            "fonttbl" => self.in_fonts = true,
            "shptxt" | "footnote" | "shppict" | "fldrslt" => {}
            word if SKIPPED.contains(&word) => self.group.skipped = true,
            _ => self.setting(word, number),
        }
        Ok(())
    }

    fn setting(&mut self, word: &str, number: Option<i32>) {
        match word {
            "ansicpg" => self.group.encoding = number.and_then(code_page).unwrap_or(self.group.encoding),
            "mac" => self.group.encoding = encoding_rs::MACINTOSH,
            "f" => {
                self.font = number.unwrap_or(0);
                if !self.in_fonts
                    && let Some(encoding) = self.fonts.get(&self.font)
                {
                    self.group.encoding = encoding;
                }
            }
            "fcharset" if self.in_fonts => {
                if let Some(encoding) = number.and_then(charset) {
                    self.fonts.insert(self.font, encoding);
                }
            }
            _ => {}
        }
    }

    /// A UTF-16 unit, written as a signed number, with characters after it that stand for it in older programs.
    fn unicode(&mut self, number: i32) {
        self.decode();
        self.pending_fallback = self.group.fallback;
        let unit = (number & 0xffff) as u16;
        let units: Vec<u16> = self.surrogate.take().into_iter().chain([unit]).collect();
        if (0xd800..0xdc00).contains(&unit) {
            self.surrogate = Some(unit);
            return;
        }
        let text = String::from_utf16_lossy(&units);
        self.write(&text);
    }

    fn end_paragraph(&mut self) -> Result<(), Fault> {
        self.decode();
        if self.group.about.is_some() {
            return Ok(());
        }
        if self.in_table {
            self.text.push(' ');
            return Ok(());
        }
        self.end_table()?;
        let text = std::mem::take(&mut self.text);
        match self.outline {
            Some(level) if text.len() < 400 => {
                self.flow.paragraph(BlockKind::Heading((level + 1).min(6)), &one_line(&text))
            }
            _ => self.flow.paragraph(BlockKind::Paragraph, &text),
        }
    }

    /// Writes the rows that were gathered.
    fn end_table(&mut self) -> Result<(), Fault> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.extend(Some(std::mem::take(&mut self.row)).filter(|row| !row.is_empty()));
        if rows.is_empty() {
            return Ok(());
        }
        self.flow.enter_table();
        for row in rows {
            self.flow.row();
            for cell in row {
                self.flow.cell()?;
                self.flow.paragraph(BlockKind::Paragraph, &cell)?;
            }
        }
        self.flow.leave_table()
    }
}

fn code_page(number: i32) -> Option<&'static Encoding> {
    match number {
        932 => Some(encoding_rs::SHIFT_JIS),
        936 => Some(encoding_rs::GBK),
        949 => Some(encoding_rs::EUC_KR),
        950 => Some(encoding_rs::BIG5),
        10000 => Some(encoding_rs::MACINTOSH),
        65001 => Some(encoding_rs::UTF_8),
        _ => Encoding::for_label(format!("windows-{number}").as_bytes()),
    }
}

fn charset(number: i32) -> Option<&'static Encoding> {
    code_page(match number {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::part::{Listener, Part, Resume};

    struct Deaf;
    impl Listener for Deaf {
        fn doing(&mut self, _what: &str) {}
        fn part(&mut self, _part: Part) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Continue(())
        }
    }

    fn text(rtf: &[u8]) -> Result<String, Fault> {
        let limits = Limits::default();
        read(rtf, &mut Budget::new(rtf.len() as u64, (&limits, &Resume::default()), &mut Deaf))
            .map(|document| document.text)
    }

    #[test]
    fn characters_come_in_every_way_they_are_written() {
        let rtf = br"{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Cyr;}}caf\'e9 \u8364? \{x\}
\par {\f1 \'cf\'f0} \u-10179?\u-8704?\par{\*\generator Word;}{\pict 89504e47}end\tab here}";
        assert_eq!(text(rtf).unwrap(), "café € {x}\n\nПр 😀\n\nend here");
    }

    #[test]
    fn rows_become_tables_and_outline_levels_headings() {
        let rtf = br"{\rtf1\pard\outlinelevel0 Title\par\pard before\par\trowd\pard\intbl a\cell b\cell\row\trowd\pard\intbl c\par d\cell e\cell\row\pard after\par}";
        assert_eq!(text(rtf).unwrap(), "Title\n\nbefore\n\n| a | b |\n|---|---|\n| c d | e |\n\nafter");
    }

    #[test]
    fn hostile_files_end() {
        assert_eq!(text(&b"{".repeat(100_000)).unwrap_err().kind(), FaultKind::TooDeep);
        assert_eq!(text(b"{\\rtf1\\bin99999999 x").unwrap_err().kind(), FaultKind::Empty);
        assert_eq!(text(b"}}}}{\\rtf1 x}\\'").unwrap(), "x");
    }
}
