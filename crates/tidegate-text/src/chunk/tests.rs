//! Documents and the chunks they become.

use tidegate_core::{Block, BlockKind, Document, Tokenizer};

use super::{ByteEstimate, ChunkOptions, chunk, chunk_estimated, embed_text};
use crate::parse::{ParseOptions, parse};

/// A token is a run of letters and digits, or any other character that is not white space.
struct Words;

impl Tokenizer for Words {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        let mut in_word = false;
        for (at, c) in text.char_indices() {
            let word = c.is_alphanumeric();
            if (word && !in_word) || (!word && !c.is_whitespace()) {
                starts.push(u32::try_from(at).unwrap());
            }
            in_word = word;
        }
    }
}

fn texts(doc: &Document, max_tokens: usize, overlap_tokens: usize, min_tokens: usize) -> Vec<String> {
    let options = ChunkOptions { max_tokens, overlap_tokens, min_tokens };
    let plans: Vec<_> = chunk(doc, &Words, &options).collect();
    plans
        .iter()
        .enumerate()
        .map(|(ordinal, plan)| {
            let text = embed_text(doc, &plan.place);
            assert_eq!(plan.place.ordinal as usize, ordinal);
            assert_eq!(plan.tokens as usize, Words.count(&text));
            text
        })
        .collect()
}

fn markdown(text: &str) -> Document {
    parse("a.md", text.as_bytes(), &ParseOptions::default()).unwrap()
}

fn words(count: usize) -> String {
    (0..count).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_small_document_is_one_chunk_under_its_title() {
    let doc = markdown("# Pumps\n\nThe primer.\n\n## Start\n\nOpen it.\n");
    assert_eq!(texts(&doc, 100, 0, 20), ["Pumps\nThe primer.\n\n## Start\n\nOpen it."]);
}

#[test]
fn an_underlined_heading_is_said_once_without_its_line() {
    assert_eq!(texts(&markdown("Pumps\n=====\n\nThe primer.\n"), 100, 0, 20), ["Pumps\nThe primer."]);
    assert_eq!(texts(&markdown("Pumps\n-----\n"), 100, 0, 20), ["Pumps"]);
}

#[test]
fn sections_of_a_decent_size_stay_apart_and_know_their_path() {
    let body = words(25);
    let doc = markdown(&format!("# A\n\n## B\n\n{body}\n\n## C\n\n{body}\n\n# D\n\n{body}\n"));
    let found = texts(&doc, 60, 0, 20);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("A\n## B\n\nw0") || found[0].starts_with("A > B\nw0"), "{}", found[0]);
    assert!(found[1].starts_with("A > C\nw0"), "{}", found[1]);
    assert!(found[2].starts_with("A > D\nw0") || found[2].starts_with("D\nw0"), "{}", found[2]);
}

#[test]
fn a_small_section_is_not_merged_with_what_follows_a_higher_heading() {
    let body = words(50);
    let doc = markdown(&format!("# A\n\n{body}\n\n### small\n\nx\n\n## Next\n\ny\n"));
    let found = texts(&doc, 60, 0, 20);
    assert!(found.iter().all(|text| !(text.contains("small") && text.contains("Next"))), "{found:?}");
}

#[test]
fn paragraphs_are_kept_whole_where_they_fit_and_cut_at_sentences_where_not() {
    let paragraph = format!("{}.", words(30));
    let doc = markdown(&format!("{paragraph}\n\n{paragraph}\n\n{paragraph}\n"));
    assert_eq!(texts(&doc, 40, 0, 0), [paragraph.clone(), paragraph.clone(), paragraph]);
    let sentences = (0..10).map(|n| format!("Sentence {n} has six words.")).collect::<Vec<_>>().join(" ");
    for text in texts(&markdown(&sentences), 32, 0, 0) {
        assert!(text.starts_with("Sentence") && text.ends_with("words."), "{text}");
    }
}

#[test]
fn code_is_kept_whole_where_it_fits() {
    let code = format!("```\n{}\n```", words(20));
    let doc = markdown(&format!("short intro.\n\n{code}\n\n{code}\n"));
    let found = texts(&doc, 40, 0, 0);
    assert!(found.iter().any(|text| text.ends_with(&code)), "{found:?}");
    assert_eq!(found.iter().filter(|text| text.contains("w19")).count(), 2);
}

#[test]
fn overlap_repeats_whole_sentences() {
    let sentences = (0..12).map(|n| format!("Sentence {n} has six words.")).collect::<Vec<_>>().join(" ");
    let found = texts(&markdown(&sentences), 32, 8, 0);
    for pair in found.windows(2) {
        let last = pair[0].rfind("Sentence").map(|at| &pair[0][at..]).unwrap();
        assert!(pair[1].starts_with(last), "{pair:?}");
    }
    assert!(found.len() > 2);
}

#[test]
fn rows_are_gathered_only_until_they_stand_alone() {
    let table: String = (0..10).map(|n| format!("{n},{}\n", words(8))).collect();
    let doc = parse("a.csv", format!("id,text\n{table}").as_bytes(), &ParseOptions::default()).unwrap();
    let found = texts(&doc, 100, 10, 20);
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(found.iter().all(|text| text.lines().count() == 2), "{found:?}");
}

#[test]
fn one_endless_word_is_cut() {
    let doc = parse("a.txt", "é".repeat(100_000).as_bytes(), &ParseOptions::default()).unwrap();
    let found: Vec<_> = chunk(&doc, &Words, &ChunkOptions::default()).collect();
    let longest = found.iter().map(|plan| plan.place.span.end - plan.place.span.start).max().unwrap();
    assert!(longest <= 256 * 16, "{longest}");
    assert_eq!(found.iter().map(|plan| plan.place.span.end - plan.place.span.start).sum::<u64>(), 200_000);
}

#[test]
fn a_long_heading_path_leaves_room_for_text() {
    let heading = words(30);
    let doc = markdown(&format!("# {heading}\n\n## {heading}\n\n### Last\n\nbody\n"));
    let plans: Vec<_> =
        chunk(&doc, &Words, &ChunkOptions { max_tokens: 32, overlap_tokens: 0, min_tokens: 0 }).collect();
    let last = plans.last().unwrap();
    assert_eq!(last.place.heading.iter().map(|h| &**h).collect::<Vec<_>>(), ["Last"]);
    assert_eq!(embed_text(&doc, &last.place), "Last\nbody");
}

#[test]
fn headings_without_text_are_chunks_too() {
    let doc = markdown("# A\n\n# B\n");
    let all = texts(&doc, 100, 0, 0).join("|");
    assert!(all.contains('A') && all.contains('B'), "{all}");
}

#[test]
fn a_document_without_blocks_has_no_chunks() {
    assert_eq!(chunk(&Document::default(), &Words, &ChunkOptions::default()).count(), 0);
    let foreign = Document { text: "x".to_owned(), ..Document::default() };
    assert_eq!(chunk_estimated(&foreign, &ChunkOptions::default()).count(), 0);
}

#[test]
fn the_estimate_is_the_same_with_and_without_visiting_the_text() {
    let text = (0..400).map(|n| format!("Line {n} of text. ")).collect::<String>();
    let doc = Document {
        blocks: vec![Block { kind: BlockKind::Paragraph, span: 0..text.trim_end().len() }],
        text,
        ..Document::default()
    };
    let estimated: Vec<_> = chunk_estimated(&doc, &ChunkOptions::default()).collect();
    assert!(estimated.len() > 4);
    for plan in &estimated {
        assert_eq!(plan.tokens as usize, ByteEstimate.count(&embed_text(&doc, &plan.place)));
    }
    assert!(chunk(&doc, &ByteEstimate, &ChunkOptions::default()).all(|plan| plan.tokens <= 257));
}

/// Counts the bytes it was asked to look at.
#[derive(Default)]
struct Metered(std::sync::atomic::AtomicUsize);

impl Tokenizer for Metered {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        self.0.fetch_add(text.len(), std::sync::atomic::Ordering::Relaxed);
        Words.token_starts(text, starts);
    }
}

#[test]
fn work_grows_with_the_text_and_not_with_its_square() {
    let work = |unit: &str, bytes: usize| {
        let text = unit.repeat(bytes / unit.len());
        let Ok(doc) = parse("a.md", text.as_bytes(), &ParseOptions::default()) else { return 0 };
        let metered = Metered::default();
        assert!(chunk(&doc, &metered, &ChunkOptions::default()).count() > 1, "{unit}");
        metered.0.into_inner()
    };
    for unit in [
        "a",
        "漢字",
        "。",
        "One two three. ",
        "# h\n\n",
        "# h\n\nx\n\n",
        "- item\n",
        "a-",
        "word\n\n",
        "\u{301}",
    ] {
        let (once, twice) = (work(unit, 100_000), work(unit, 200_000));
        assert!(twice <= once * 21 / 10 + 1_000, "{unit:?}: {once} then {twice}");
        assert!(once <= 700_000, "{unit:?}: {once}");
    }
}

#[test]
fn a_title_is_not_said_again_with_other_spaces() {
    let page = "<html><head><title>30.1. Reliability</title></head><body><h1>30.1.\u{a0}Reliability</h1><p>Text of it.</p></body></html>";
    let doc = crate::parse("a.html", page.as_bytes(), &crate::ParseOptions::default()).unwrap();
    let plans: Vec<_> = chunk(&doc, &Words, &ChunkOptions::default()).collect();
    assert_eq!(plans[0].place.heading.len(), 1, "{:?}", plans[0].place.heading);
}

#[test]
fn a_chunk_knows_the_page_that_it_begins_on() {
    use tidegate_core::Page;
    let mut doc = markdown(&format!("{}\n\n{}\n\n{}", words(30), words(30), words(30)));
    let starts: Vec<u64> = doc.blocks.iter().map(|block| block.span.start as u64).collect();
    let page = |at: usize, number| Page { start: starts[at], number, name: None };
    doc.pages = vec![page(0, 1), page(1, 2), page(2, 7)];
    let options = ChunkOptions { max_tokens: 40, overlap_tokens: 0, min_tokens: 10 };
    let pages: Vec<_> = chunk(&doc, &Words, &options).map(|plan| plan.place.page).collect();
    assert_eq!(pages, [Some(1), Some(2), Some(7)]);
}
