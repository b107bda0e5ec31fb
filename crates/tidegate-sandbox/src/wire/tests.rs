//! What goes over a pipe comes back the same; what was tampered with never does more than end an exchange.

use std::time::Duration;

use proptest::prelude::*;
use tidegate_core::{Advice, Block, BlockKind, Document, Fault, FaultKind, Page, advise};

use super::frame::send;
use super::{Answer, Garbled, Header, Inbox, Kind, encode_fault, encode_member, encode_part};
use crate::limits::Limits;
use crate::part::{Part, Resume};

fn kinds() -> impl Strategy<Value = BlockKind> {
    prop_oneof![
        (1u8..=6).prop_map(BlockKind::Heading),
        Just(BlockKind::Paragraph),
        Just(BlockKind::List),
        Just(BlockKind::Code),
        Just(BlockKind::Table),
        Just(BlockKind::Row),
    ]
}

fn documents() -> impl Strategy<Value = Document> {
    let words = proptest::collection::vec(("[a-zäß€😀 ]{0,12}", "[ \n]{0,3}", kinds()), 0..20);
    let title = proptest::option::of(".{0,20}");
    (words, title, "[a-z]{0,4}").prop_map(|(words, title, key)| {
        let mut document = Document { title, ..Document::default() };
        for (word, between, kind) in words {
            document.text.push_str(&between);
            let start = document.text.len();
            let (start_of_page, number) = (start as u64, document.pages.len() as u32 + 1);
            document.pages.push(Page { start: start_of_page, number, name: Some(between) });
            document.text.push_str(&word);
            document.blocks.push(Block { kind, span: start..document.text.len() });
        }
        document.meta.insert(key, serde_json::json!({ "n": [1, null, "x"] }));
        document
    })
}

fn answers(bytes: &[u8], piece: usize) -> Result<Vec<Answer>, Garbled> {
    let mut inbox = Inbox::new(64 << 20);
    let mut out = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        inbox.put(piece);
        while let Some(answer) = inbox.next()? {
            out.push(answer);
        }
    }
    Ok(out)
}

fn frame(kind: Kind, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    send(&mut out, kind, content).unwrap();
    out
}

proptest! {
    #[test]
    fn a_document_arrives_as_it_was_sent(document in documents(), path in ".{0,30}", piece in 1usize..200) {
        let part = Part { path: path.clone(), format: "pdf".to_owned(), result: Ok(document.clone()) };
        let bytes = [frame(Kind::Doing, b"page 1"), frame(Kind::Part, &encode_part(&part)), frame(Kind::Done, b"")].concat();
        let got = answers(&bytes, piece).unwrap();
        prop_assert!(matches!(&got[..], [Answer::Doing(_), Answer::Part(_), Answer::Done]));
        let Some(Answer::Part(got)) = got.into_iter().nth(1) else { panic!() };
        prop_assert_eq!(got.path, path);
        prop_assert_eq!(got.result.unwrap(), document);
    }

    #[test]
    fn a_header_arrives_as_it_was_sent(name in ".{0,40}", settings in ".{0,40}", n in any::<[u32; 5]>(), lost in any::<Vec<u64>>()) {
        let limits = Limits {
            memory: n[0].into(),
            cpu: Duration::from_millis(n[1].into()),
            wall: Duration::from_millis(n[2].into()),
            output: n[3].into(),
        };
        let from = Resume { done: n[0].into(), after: n[1] % 2 == 1, lost: lost.clone(), output: n[2].into() };
        let header = Header { name, settings, limits, length: n[4].into(), from };
        prop_assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    }

    #[test]
    fn nothing_else_than_frames_makes_sense(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1usize..50) {
        let _ = answers(&bytes, piece);
        let _ = Header::decode(&bytes);
    }
}

/// A small generator of our own: the same ten thousand mutations on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn conversation() -> Vec<u8> {
    let text = "# Ünits\n\nThe primer must be wet.\n\na;b;c";
    let span = |from: &str, to: &str| text.find(from).unwrap()..text.find(to).unwrap() + to.len();
    let block = |kind, span| Block { kind, span };
    let document = Document {
        text: text.to_owned(),
        blocks: vec![
            block(BlockKind::Heading(1), span("Ünits", "Ünits")),
            block(BlockKind::Paragraph, span("The", "wet.")),
            block(BlockKind::Row, span("a;", ";c")),
        ],
        title: Some("Units".to_owned()),
        pages: vec![
            Page { start: 3, number: 1, name: None },
            Page { start: 9, number: 2, name: Some("ii".to_owned()) },
        ],
        ..Document::default()
    };
    let fault =
        Fault::new(FaultKind::TooDeep, "512 levels").hint("flatten it").during("reading b").during("a.zip");
    let part =
        |path: &str, result| encode_part(&Part { path: path.to_owned(), format: "zip".to_owned(), result });
    let mut failed = Vec::new();
    encode_fault(&mut failed, &fault);
    [
        frame(Kind::Hello, &[1, 1]),
        frame(Kind::Read, b""),
        frame(Kind::Doing, "página 1".as_bytes()),
        frame(Kind::Member, &encode_member(300, "a/b.pdf", "member 300 of 301")),
        frame(Kind::Part, &part("a", Ok(document))),
        frame(Kind::Part, &part("b", Err(fault))),
        frame(Kind::Failed, &failed),
        frame(Kind::Last, &failed),
        frame(Kind::Done, b""),
    ]
    .concat()
}

#[test]
fn ten_thousand_mutations_do_no_harm() {
    let whole = conversation();
    assert_eq!(answers(&whole, 7).unwrap().len(), 9);
    let mut dice = Dice(0x7469_6465);
    let (mut refused, mut understood) = (0, 0);
    for _ in 0..10_000 {
        let mut bytes = whole.clone();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(bytes.len());
            match dice.roll(5) {
                0 => bytes[at] ^= 1 << dice.roll(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][dice.roll(5)],
                2 => bytes.truncate(at + 1),
                3 => bytes.insert(at, dice.roll(256) as u8),
                _ => {
                    let end = (at + dice.roll(20)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = dice.roll(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        match answers(&bytes, dice.roll(64)) {
            Err(_) => refused += 1,
            Ok(answers) => {
                understood += 1;
                answers.iter().for_each(check);
            }
        }
    }
    assert!(refused > 2_000 && understood > 2_000, "both happen: {refused} refused, {understood} understood");
}

/// What the rest of the program relies on, whatever a child said.
fn check(answer: &Answer) {
    match answer {
        Answer::Failed(fault) | Answer::Last(fault) => {
            assert_eq!(advise(fault), Advice::Quarantine, "a child judges its document and nothing else");
        }
        Answer::Part(Part { result: Err(fault), .. }) => assert_eq!(advise(fault), Advice::Quarantine),
        Answer::Part(Part { result: Ok(document), .. }) => {
            let mut at = 0;
            for block in &document.blocks {
                assert!(block.span.start >= at && document.text.get(block.span.clone()).is_some());
                at = block.span.end;
            }
            let mut at = 0;
            for page in &document.pages {
                assert!(page.start >= at && page.start <= document.text.len() as u64);
                at = page.start;
            }
        }
        Answer::Member(member) => assert!(!member.what.contains(char::is_control)),
        Answer::Hello(_) | Answer::Read | Answer::Doing(_) | Answer::Done => {}
    }
}

#[test]
fn a_claim_costs_no_memory() {
    let mut inbox = Inbox::new(u64::MAX);
    let mut header = vec![Kind::Part as u8];
    header.extend_from_slice(&u32::MAX.to_le_bytes());
    inbox.put(&header);
    assert!(inbox.next().unwrap().is_none() && inbox.is_midway());
    let mut inbox = Inbox::new(1_000);
    inbox.put(&header);
    assert_eq!(inbox.next().unwrap_err().0, Garbled::FLOOD);
}

#[test]
fn the_end_of_a_long_name_is_kept() {
    let name = format!("{}report.pdf", "ä/".repeat(20_000));
    let header = Header {
        name,
        settings: String::new(),
        limits: Limits::default(),
        length: 1,
        from: Resume::default(),
    };
    let got = Header::decode(&header.encode()).unwrap().name;
    assert!(got.ends_with("/report.pdf") && got.len() <= 8 << 10);
}

#[test]
fn what_fuzzing_begins_with_is_read_to_its_end() {
    let document = Document {
        text: "words".to_owned(),
        blocks: vec![Block { kind: BlockKind::Paragraph, span: 0..5 }],
        ..Document::default()
    };
    let part = |result| Part { path: "a".to_owned(), format: "test".to_owned(), result };
    let parts = [part(Ok(document)), part(Err(Fault::new(FaultKind::Empty, "nothing")))];
    for (end, frames) in [(None, 7), (Some(Fault::new(FaultKind::Malformed, "broken")), 7)] {
        let seed = super::fuzz_seed(&parts, end.as_ref());
        assert_eq!(super::fuzz_answers(&seed, 3), frames);
        assert_eq!(super::fuzz_answers(&seed[..seed.len() - 1], usize::MAX), frames - 1);
    }
    assert!(!super::fuzz_job(b"no header"));
}
