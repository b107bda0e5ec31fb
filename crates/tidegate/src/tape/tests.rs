use proptest::prelude::*;
use tidegate_core::{FaultKind, Usage};
use tidegate_model::Finish;

use super::*;

fn steps() -> Vec<(String, String)> {
    vec![("label".to_owned(), "toy:m".to_owned())]
}

fn answer(text: &str) -> Result<Reply, Fault> {
    let usage = Usage { input_tokens: 7, cached_tokens: 0, output_tokens: 2 };
    let answer = Completion { text: text.into(), finish: Finish::Stop, model: "m-1".into(), usage };
    Ok(Reply::Text(Arc::new(answer)))
}

fn question(prompt: &str, ordinal: u64) -> Question<'_> {
    let key = ContentHash::of(prompt.as_bytes());
    Question { step: "label", record: "in.jsonl#L3", place: (ordinal, (0, 0)), prompt, key }
}

/// A record's place, its prompt, and what came of that.
type Came<'a> = (u64, &'a str, Result<Reply, Fault>);

/// Records in this order.
fn recorded(folder: &Path, said: &[Came<'_>]) -> String {
    let recorder = Recorder::new(folder, steps()).unwrap();
    for (ordinal, prompt, answer) in said {
        recorder.record(&question(prompt, *ordinal), answer).unwrap();
    }
    recorder.finish().unwrap();
    drop(recorder);
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["label.jsonl"]);
    std::fs::read_to_string(folder.join("label.jsonl")).unwrap()
}

#[test]
fn what_was_recorded_is_answered_and_stands_in_the_order_of_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let refused = || Err(Fault::new(FaultKind::Refused, "the model refused: no"));
    let outage = || Err(Fault::new(FaultKind::Unavailable, "503"));
    let said = [
        (3, "c", refused()),
        (1, "a", answer("A")),
        (9, "d", outage()),
        (2, "b", answer("B")),
        (0, "b", answer("B")),
    ];
    let text = recorded(folder.path(), &said);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], r#"{"cassette":1,"step":"label","model":"toy:m"}"#);
    let begins = |line: &str, with: &str| assert!(line.starts_with(with), "{line}");
    begins(lines[1], r#"{"prompt":"b","answer":"B","model":"m-1","usage":{"input_tokens":7,"#);
    begins(lines[2], r#"{"prompt":"a","answer":"A""#);
    begins(lines[3], r#"{"prompt":"c","fault":"refused","message":"the model refused: no","key":""#);
    assert_eq!(lines.len(), 4);
    let mut other = said.to_vec();
    other.reverse();
    assert_eq!(recorded(folder.path(), &other), text, "whatever came first");

    let cassette = Cassette::open(folder.path(), steps()).unwrap();
    assert_eq!(cassette.answer(&question("a", 0)).unwrap(), answer("A").unwrap());
    let fault = cassette.answer(&question("c", 0)).unwrap_err();
    assert_eq!((fault.kind(), fault.message()), (FaultKind::Refused, "the model refused: no"));
}

#[test]
fn an_answer_counts_more_than_a_refusal_of_the_same_question() {
    let refused = || Err(Fault::new(FaultKind::Refused, "no"));
    for (first, second) in [(refused(), answer("A")), (answer("A"), refused())] {
        let folder = tempfile::tempdir().unwrap();
        recorded(folder.path(), &[(4, "a", first), (7, "a", second), (5, "b", answer("B"))]);
        let cassette = Cassette::open(folder.path(), steps()).unwrap();
        assert_eq!(cassette.answer(&question("a", 0)).unwrap(), answer("A").unwrap());
        let text = std::fs::read_to_string(folder.path().join("label.jsonl")).unwrap();
        assert!(text.lines().nth(1).unwrap().contains("\"a\""), "it stands where it was asked first: {text}");
    }
}

#[test]
fn two_runs_do_not_record_to_one_cassette_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Recorder::new(folder.path(), steps()).unwrap();
    first.record(&question("a", 0), &answer("A")).unwrap();
    let fault = Recorder::new(folder.path(), steps()).err().unwrap();
    assert!(fault.kind() == FaultKind::Config && fault.hint_text().is_some(), "{fault}");
    assert!(fault.to_string().contains("another run is recording to"), "{fault}");
    first.finish().unwrap();
    drop(first);
    let cassette = Cassette::open(folder.path(), steps()).unwrap();
    assert_eq!(cassette.answer(&question("a", 0)).unwrap(), answer("A").unwrap());
    Recorder::new(folder.path(), steps()).unwrap();
}

#[test]
fn what_is_not_there_is_said_with_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let missing = |prompt: &str, key: &str, steps: Vec<(String, String)>| {
        let asked = Question { key: ContentHash::of(key.as_bytes()), ..question(prompt, 0) };
        let fault = Cassette::open(folder.path(), steps).unwrap().answer(&asked).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Config);
        assert!(fault.hint_text().unwrap().contains("--record"));
        fault.to_string()
    };
    assert!(missing("About: a", "x", steps()).contains("there is no "));
    recorded(folder.path(), &[(0, "About: the tide", answer("A"))]);
    let said = missing("About: the gulls", "x", steps());
    assert!(said.starts_with("step label asking about in.jsonl#L3: "), "{said}");
    assert!(said.contains("from character 12 on it was “tide”, and is “gulls”"), "{said}");
    assert!(missing("About: the tide", "x", steps()).contains("the system prompt, the examples"));
    let other = vec![("label".to_owned(), "toy:n".to_owned())];
    assert!(missing("About: the tide", "x", other).contains("toy:m was asked, and toy:n is to be"));
}

#[test]
fn what_does_not_read_is_refused_with_file_and_line() {
    const HEAD: &str = "{\"cassette\":1,\"step\":\"label\",\"model\":\"m\"}\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label.jsonl");
    let key = "0".repeat(64);
    let twice = format!("{{\"prompt\":\"a\",\"answer\":\"b\",\"key\":\"{key}\"}}\n");
    for (text, at, said) in [
        (String::new(), 1, "the file is empty"),
        ("{\"id\":1}\n".to_owned(), 1, "no cassette: unknown field `id`"),
        ("\u{0}\u{1}\n".to_owned(), 1, "no cassette"),
        (HEAD.replace('1', "2"), 1, "version 2"),
        (HEAD.replace("label", "other"), 1, "step `other`"),
        (HEAD.trim_end().to_owned(), 1, "cut short"),
        (format!("{HEAD}{}", &twice[..20]), 2, "cut short"),
        (format!("{HEAD}{{\"prompt\":\n"), 2, "no answer: EOF"),
        (format!("{HEAD}{twice}{twice}"), 3, "an earlier line"),
        (format!("{HEAD}{}", twice.replace(&key, "xyz")), 2, "64 hexadecimal digits"),
        (format!("{HEAD}{}", twice.replace("\"b\"", "null")), 2, "neither an answer nor a fault"),
        (format!("{HEAD}{}", twice.replace("answer", "fault")), 2, "no fault \"b\""),
        (format!("{HEAD}{}", twice.replace("answer", "vector")), 2, "not base64"),
        (
            format!("{HEAD}{}", twice.replace("\"answer\":\"b\"", "\"vector\":\"AAAA\"")),
            2,
            "no list of numbers",
        ),
        (
            format!("{HEAD}{}", twice.replace("\"answer\":\"b\"", "\"vector\":\"AADAfw==\"")),
            2,
            "what is no number",
        ),
    ] {
        std::fs::write(&path, &text).unwrap();
        let fault = Cassette::open(folder.path(), steps()).err().unwrap_or_else(|| panic!("{text} is taken"));
        assert_eq!(fault.kind(), FaultKind::Config);
        let told = fault.to_string();
        assert!(told.starts_with(&format!("{}:{at}: ", path.display())) && told.contains(said), "{told}");
    }
    let none = Cassette::open(&folder.path().join("none"), steps()).err().unwrap();
    assert!(none.to_string().contains("no folder"));
    // What is no cassette is not written over.
    std::fs::write(&path, "my rows\n").unwrap();
    let fault = Recorder::new(folder.path(), steps()).err().unwrap();
    assert!(fault.to_string().contains("is no cassette"), "{fault}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "my rows\n");
}

#[test]
fn vectors_are_played_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let vector = |numbers: &[f32]| Ok(Reply::Vector(numbers.into()));
    let numbers = [1.0, -0.0, f32::MIN_POSITIVE, 0.1, -3.4e38];
    recorded(folder.path(), &[(1, "a", vector(&numbers)), (0, "b", vector(&[0.5; 5]))]);
    let cassette = Cassette::open(folder.path(), steps()).unwrap();
    assert_eq!(cassette.length("label"), Some(5));
    let Ok(Reply::Vector(played)) = cassette.answer(&question("a", 0)) else { panic!("no vector") };
    assert!(played.iter().zip(numbers).all(|(played, number)| played.to_bits() == number.to_bits()));
    let deck = Deck::Playing(cassette);
    assert!(deck.vectors(&[question("a", 0), question("c", 0)]).is_err());
    let vectors = deck.vectors(&[question("b", 0)]).unwrap().unwrap();
    assert_eq!(vectors[0].as_deref().unwrap(), [0.5; 5]);
}

proptest! {
    #[test]
    fn any_text_is_recorded_and_answered(prompts in proptest::collection::btree_set("\\PC{0,20}", 1..8), text in ".{0,30}") {
        let folder = tempfile::tempdir().unwrap();
        let said: Vec<_> = prompts.iter().map(|prompt| (0, prompt.as_str(), answer(&text))).collect();
        recorded(folder.path(), &said);
        let cassette = Cassette::open(folder.path(), steps()).unwrap();
        for prompt in &prompts {
            prop_assert_eq!(cassette.answer(&question(prompt, 0)).unwrap(), answer(&text).unwrap());
        }
    }

    #[test]
    fn no_line_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let folder = tempfile::tempdir().unwrap();
        let head = b"{\"cassette\":1,\"step\":\"label\",\"model\":\"m\"}\n".to_vec();
        for text in [bytes.clone(), [head, bytes].concat()] {
            std::fs::write(folder.path().join("label.jsonl"), text).unwrap();
            let _ = Cassette::open(folder.path(), steps());
        }
    }
}
