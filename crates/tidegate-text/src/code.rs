//! Source code and configuration: the text is the file, and blocks are its top-level items.
//!
//! No grammar per language: in nearly all of them an item begins at the left margin after an empty line, with its
//! comment directly above it. A parser per language would cost more than it finds.

use tidegate_core::{Block, BlockKind, Document, Fault};

use crate::page::{Room, push_trimmed};

pub(crate) fn parse(text: String, room: Room) -> Result<Document, Fault> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut start = 0;
    let mut after_blank = true;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        if after_blank && !blank && opens_item(line) {
            push_trimmed(&mut blocks, &text, BlockKind::Code, start..offset);
            room.check(text.len(), blocks.len())?;
            start = offset;
        }
        after_blank = blank;
        offset += line.len();
    }
    push_trimmed(&mut blocks, &text, BlockKind::Code, start..text.len());
    Ok(Document { text, blocks, ..Document::default() })
}

/// Whether a line after an empty one starts something new rather than going on with or closing the item above.
fn opens_item(line: &str) -> bool {
    let first = line.chars().next().unwrap_or(' ');
    !first.is_whitespace() && !matches!(first, '}' | ')' | ']') && !line.starts_with("end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_start_at_the_margin_after_an_empty_line() {
        let source =
            "use a;\nuse b;\n\n/// Adds.\nfn add() {\n    one();\n\n    two();\n}\n\nfn sub() {\n\n}\n";
        let doc = parse(source.to_owned(), Room::default()).unwrap();
        let items: Vec<&str> = doc.blocks.iter().map(|block| &doc.text[block.span.clone()]).collect();
        assert_eq!(
            items,
            ["use a;\nuse b;", "/// Adds.\nfn add() {\n    one();\n\n    two();\n}", "fn sub() {\n\n}"]
        );
        assert_eq!(doc.text, source);
    }
}
