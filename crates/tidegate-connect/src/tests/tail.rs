use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use tidegate_core::{Body, FaultKind, Listing, Position, Source as _, SourceItem};

use super::doubles::{cx, stoppable};
use crate::{RowFormat, RowOptions, Tail, TailOptions};

fn options() -> TailOptions {
    let rows = RowOptions { format: RowFormat::Text, max_line: 100, ..RowOptions::default() };
    TailOptions { rows, ..TailOptions::default() }
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// What a source lists until it is quiet, and the last position.
async fn drain(tail: &mut Tail) -> (Vec<String>, Option<Position>) {
    let (mut all, mut last) = (Vec::new(), None);
    loop {
        match tail.list(&cx(), 2).await.unwrap() {
            Listing::Items(items) => {
                for item in items {
                    all.push(show(&item));
                    last = item.position.or(last);
                }
            }
            Listing::Quiet => return (all, last),
            Listing::Covered(_) | Listing::End(_) => panic!("it has no end"),
        }
    }
}

fn show(item: &SourceItem) -> String {
    let place = item.key.rsplit_once('#').unwrap().1;
    match (&item.fault, &item.body) {
        (Some(fault), _) => format!("{place} {}", fault.kind().name()),
        (None, Some(Body::Text(text))) => format!("{place} {text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn lines_come_as_they_are_finished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut tail = Tail::open(&path, options()).unwrap();
    assert_eq!(drain(&mut tail).await.0, [""; 0], "it may come into being later");
    append(&path, "a\nb\nc");
    assert_eq!(drain(&mut tail).await.0, ["0@0 a", "0@2 b"]);
    append(&path, "c\n\n");
    append(&path, &"x".repeat(2000));
    assert_eq!(drain(&mut tail).await.0, ["0@4 cc"]);
    append(&path, "\nd\n");
    assert_eq!(drain(&mut tail).await.0, ["0@8 too_large", "0@2009 d"]);
}

#[tokio::test(start_paused = true)]
async fn rotation_and_truncation_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
    append(&path, "a\nb");
    let mut tail = Tail::open(&path, options()).unwrap();
    assert_eq!(drain(&mut tail).await.0, ["0@0 a"]);
    fs::rename(&path, &old).unwrap();
    assert_eq!(drain(&mut tail).await.0, [""; 0]);
    append(&old, "b\nlast without end");
    append(&path, "new\n");
    assert_eq!(drain(&mut tail).await.0, ["0@2 bb", "0@5 last without end", "1@0 new"]);
    fs::write(&path, "x\n").unwrap();
    assert_eq!(drain(&mut tail).await.0, ["2@0 x"]);
    fs::write(&path, "longer than before\n").unwrap();
    assert_eq!(
        drain(&mut tail).await.0,
        ["3@0 longer than before"],
        "cut and written again between two looks"
    );
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    append(&path, "a\nb\n");
    let (_, last) = drain(&mut Tail::open(&path, options()).unwrap()).await;
    let last = last.unwrap();
    let resumed = async || {
        let mut tail = Tail::open(&path, options()).unwrap();
        tail.resume(&last).unwrap();
        drain(&mut tail).await.0
    };
    assert_eq!(resumed().await, [""; 0]);
    append(&path, "c\n");
    assert_eq!(resumed().await, ["0@4 c"]);
    fs::rename(&path, dir.path().join("log.1")).unwrap();
    append(&path, "new\n");
    assert_eq!(resumed().await, ["0@4 c", "1@0 new"], "rotated away meanwhile");
    fs::remove_file(dir.path().join("log.1")).unwrap();
    assert_eq!(resumed().await, ["0@4 unreadable", "1@0 new"], "gone, and said so");
    let fault = Tail::open(&path, options()).unwrap().resume(&Position("{}".into())).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Guarded);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_whole_is_not_missed_when_it_is_rotated_away() {
    let first: String = (0..20).map(|n| format!("a line of the first file, number {n}\n")).collect();
    let pack = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let more = first.clone() + "one more\n";
    let begun = "1@0 new";
    let end = first.len();
    let (read_on, lost) = (format!("0@{end} one more"), format!("0@{end} unreadable"));
    let other = first.replace("first", "other") + "one more\n";
    type Rotated<'a> = (&'a str, Vec<u8>, Vec<&'a str>);
    let cases: [Rotated<'_>; 6] = [
        ("log.1.gz", pack(&first), vec![begun]),
        ("log.1.zst", zstd::encode_all(first.as_bytes(), 1).unwrap(), vec![begun]),
        ("log.1.gz", pack(&more), vec![&lost, begun]), // lines followed, and are out of reach
        ("log.1.gz", pack(&first[..end - 40]), vec![&lost, begun]),
        ("log.1", more.clone().into_bytes(), vec![&read_on, begun]), // copied, then cut
        ("log.1", other.into_bytes(), vec![&lost, begun]),           // another one
    ];
    for (name, content, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        append(&path, &first);
        let (_, last) = drain(&mut Tail::open(&path, options()).unwrap()).await;
        fs::write(dir.path().join(name), content).unwrap();
        fs::write(&path, "new\n").unwrap();
        let mut tail = Tail::open(&path, options()).unwrap();
        tail.resume(&last.unwrap()).unwrap();
        assert_eq!(drain(&mut tail).await.0, expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn told_to_read_once_it_ends_with_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
    let once = TailOptions { once: true, ..options() };
    let all = async |tail: &mut Tail| {
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            match tail.list(&cx(), 2).await.unwrap() {
                Listing::Items(items) => {
                    last = items.last().unwrap().position.clone().or(last);
                    all.extend(items.iter().map(show));
                }
                Listing::End(None) => return (all, last),
                other => panic!("{other:?}"),
            }
        }
    };
    let start = tokio::time::Instant::now();
    assert_eq!(all(&mut Tail::open(&path, once.clone()).unwrap()).await.0, [""; 0], "not there yet");
    append(&path, "a\nb\nunfinished");
    let (lines, last) = all(&mut Tail::open(&path, once.clone()).unwrap()).await;
    assert_eq!(lines, ["0@0 a", "0@2 b"]);
    fs::rename(&path, &old).unwrap();
    append(&path, "new\n");
    let mut tail = Tail::open(&path, once).unwrap();
    tail.resume(&last.unwrap()).unwrap();
    assert_eq!(all(&mut tail).await.0, ["0@4 unfinished", "1@0 new"], "over a rotation");
    assert_eq!(start.elapsed(), std::time::Duration::ZERO, "it waited for more");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait() {
    let dir = tempfile::tempdir().unwrap();
    let slow = TailOptions { poll: std::time::Duration::from_secs(1 << 20), ..options() };
    let mut tail = Tail::open(&dir.path().join("log"), slow).unwrap();
    let (cx, stop) = stoppable();
    let start = tokio::time::Instant::now();
    let stopping = async { stop.drain() };
    let (listing, ()) = tokio::join!(tail.list(&cx, 1), stopping);
    assert!(matches!(listing.unwrap(), Listing::Quiet));
    assert_eq!(start.elapsed(), std::time::Duration::ZERO);
    assert_eq!(Tail::open(dir.path(), options()).err().unwrap().kind(), FaultKind::Config);
    assert_eq!(Tail::open(Path::new("no/such/log"), options()).err().unwrap().kind(), FaultKind::Config);
}
