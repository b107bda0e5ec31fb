//! Plain text: paragraphs between empty lines, and headings where a line is underlined.

use tidegate_core::{Block, BlockKind, Document, Fault};

use crate::page::{Room, push_trimmed};

pub(crate) fn parse(text: String, room: Room) -> Result<Document, Fault> {
    let mut reader =
        Reader { text: &text, blocks: Vec::new(), start: 0, overlined: false, levels: Vec::new() };
    reader.read(room)?;
    let blocks = reader.blocks;
    Ok(Document { text, blocks, ..Document::default() })
}

struct Reader<'a> {
    text: &'a str,
    blocks: Vec<Block>,
    /// Where the paragraph being read starts.
    start: usize,
    /// Whether the line before the paragraph is a rule.
    overlined: bool,
    /// Underline characters, with and without a line above, in the order they were met: the first is level 1, as in
    /// reStructuredText.
    levels: Vec<(u8, bool)>,
}

impl Reader<'_> {
    fn read(&mut self, room: Room) -> Result<(), Fault> {
        let text = self.text;
        let mut offset = 0;
        // The line before the current one, if it stands first in its paragraph.
        let mut title: Option<std::ops::Range<usize>> = None;
        for line in text.split_inclusive('\n') {
            let end = offset + line.len();
            if line.trim().is_empty() {
                self.paragraph(offset);
                room.check(text.len(), self.blocks.len())?;
                self.start = end;
                self.overlined = false;
                title = None;
            } else if let Some(above) = title.take().filter(|above| underlines(line, &text[above.clone()])) {
                self.heading(above, line);
                self.start = end;
                self.overlined = false;
            } else if offset == self.start && !is_rule(line) {
                title = Some(offset..end);
            } else if offset == self.start {
                self.start = end; // a rule above a title, or between paragraphs, is decoration
                self.overlined = true;
            }
            offset = end;
        }
        self.paragraph(text.len());
        Ok(())
    }

    fn paragraph(&mut self, end: usize) {
        push_trimmed(&mut self.blocks, self.text, BlockKind::Paragraph, self.start..end);
    }

    fn heading(&mut self, span: std::ops::Range<usize>, underline: &str) {
        let style = (underline.trim().as_bytes()[0], self.overlined);
        let known = self.levels.iter().position(|known| *known == style);
        let level = known.unwrap_or_else(|| {
            self.levels.push(style);
            self.levels.len() - 1
        });
        let level = u8::try_from(level + 1).unwrap_or(6).min(6);
        push_trimmed(&mut self.blocks, self.text, BlockKind::Heading(level), span);
    }
}

/// A line of at least three of one character used for underlining.
fn is_rule(line: &str) -> bool {
    let line = line.trim().as_bytes();
    line.len() >= 3 && b"=-~^*#\"+_".contains(&line[0]) && line.iter().all(|b| *b == line[0])
}

/// Conservative: about as long as the title, and the title is one short line.
fn underlines(line: &str, title: &str) -> bool {
    let (rule, width) = (line.trim().len(), title.trim().chars().count());
    is_rule(line) && width <= 100 && rule + 2 >= width && rule <= width + 20 && !line.starts_with([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(BlockKind, &str)]) {
        let doc = parse(text.to_owned(), Room::default()).unwrap();
        let blocks: Vec<_> =
            doc.blocks.iter().map(|block| (block.kind, &doc.text[block.span.clone()])).collect();
        assert_eq!(blocks, expect);
    }

    #[test]
    fn finds_paragraphs_and_underlined_headings() {
        use BlockKind::{Heading, Paragraph};
        check("one\ntwo\n\n \nthree", &[(Paragraph, "one\ntwo"), (Paragraph, "three")]);
        check(
            "Guide\n=====\n\nWords.\n\nPart\n----\nmore\r\n\r\nend\n",
            &[
                (Heading(1), "Guide"),
                (Paragraph, "Words."),
                (Heading(2), "Part"),
                (Paragraph, "more"),
                (Paragraph, "end"),
            ],
        );
        check(
            "=====\nTitle\n=====\ntext\n\nPart\n====\n",
            &[(Heading(1), "Title"), (Paragraph, "text"), (Heading(2), "Part")],
        );
    }

    #[test]
    fn does_not_take_tables_and_rules_for_headings() {
        use BlockKind::Paragraph;
        check(
            "a long line of running text\n---\nmore",
            &[(Paragraph, "a long line of running text\n---\nmore")],
        );
        check("first\nsecond\n------\n", &[(Paragraph, "first\nsecond\n------")]);
        check("-----\n\ntext", &[(Paragraph, "text")]);
    }
}
