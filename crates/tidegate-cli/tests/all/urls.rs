//! Documents behind URLs, from servers that are slow, broken, hostile or gone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::pages::{Asked, Length, Page, Pages, tagged};
use crate::world::{World, paragraph, until};

/// How many URLs there are of each kind.
const KINDS: [(&str, usize); 12] = [
    ("tagged", 100),
    ("dated", 20),
    ("plain", 10),
    ("slow", 10),
    ("flaky", 10),
    ("cut", 10),
    ("moved", 10),
    ("home", 5),
    ("large", 5),
    ("endless", 5),
    ("closed", 5),
    ("broken", 10),
];

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// What the server keeps, beside what a path says.
#[derive(Default)]
struct Site {
    /// Paths of documents that were changed.
    changed: Mutex<BTreeSet<String>>,
    /// Paths of documents that are gone.
    gone: Mutex<BTreeSet<String>>,
}

impl Site {
    fn respond(&self, asked: &Asked, before: usize) -> Page {
        let path = asked.path.as_str();
        let kind = path.split('/').nth(1).unwrap_or_default();
        if self.gone.lock().unwrap().contains(path) {
            return Page::new(404, "not here");
        }
        let changed = self.changed.lock().unwrap().contains(path);
        let words = paragraph(&path.replace('/', "q"), 60) + if changed { " and newer" } else { "" };
        let (tag, body) = (if changed { "\"2\"" } else { "\"1\"" }, words.as_bytes());
        match (kind, before) {
            ("slow", _) => {
                std::thread::park_timeout(Duration::from_millis(150));
                tagged(asked, tag, body)
            }
            ("dated", _)
                if !changed && asked.headers.get("if-modified-since").is_some_and(|have| have == DATE) =>
            {
                Page::new(304, "")
            }
            ("dated", _) => {
                Page::new(200, body).with("Last-Modified", DATE).with("Content-Type", "text/markdown")
            }
            ("plain", _) => Page::new(200, body).with("Content-Type", "text/plain"),
            ("flaky", 0) => Page::new(0, ""),
            ("flaky", 1) => Page::new(503, "busy").with("Retry-After", "0"),
            ("cut", 0) => {
                let mut page = tagged(asked, tag, body);
                page.length = Length::Longer(page.body.len());
                page.body.truncate(100);
                page
            }
            ("moved", _) => Page::new(301, "").with("Location", path.replace("moved", "there")),
            ("home", _) => Page::new(302, "").with("Location", "http://169.254.169.254/latest/meta-data/"),
            ("large", _) => Page::new(200, vec![b'x'; 300_000]),
            ("endless", _) => Page { length: Length::Unsaid, ..Page::new(200, vec![b'x'; 300_000]) },
            ("closed", _) => Page::new(403, "no"),
            ("broken", _) => Page::new(500, "no"),
            _ => tagged(asked, tag, body),
        }
    }
}

struct Web {
    world: World,
    site: Arc<Site>,
    servers: [Pages; 2],
}

impl Web {
    fn new() -> Self {
        let site = Arc::<Site>::default();
        let start = || {
            let site = site.clone();
            Pages::start(move |asked, before| site.respond(asked, before))
        };
        let web = Self { world: World::new(), servers: [start(), start()], site };
        web.list(|_, _| true);
        let source = "[source]\ntype = \"urls\"\npaths = [\"urls.jsonl\"]\nallow_private = true\n\
                      max_file_size = \"200KB\"\npatience = \"3s\"\n";
        web.world.write("pipeline.toml", source);
        web
    }

    /// Lists the documents that are wanted, by kind and number.
    fn list(&self, wanted: impl Fn(&str, usize) -> bool) {
        let mut lines = String::new();
        for (kind, count) in KINDS {
            for at in (0..count).filter(|at| wanted(kind, *at)) {
                let url = self.servers[at % 2].url(&format!("/{kind}/{at}"));
                lines +=
                    &(json!({ "id": format!("{kind}{at}"), "url": url, "kind": kind }).to_string() + "\n");
            }
        }
        self.world.write("urls.jsonl", lines);
    }

    fn run(&self, code: i32) -> Value {
        self.world.run(&["run", "pipeline.toml", "--json"]).ended(code).json()["records"].clone()
    }

    /// Paths of the documents whose bytes were sent since the log had `from` entries, of both servers.
    fn sent(&self, from: [usize; 2]) -> Vec<String> {
        let logs = self.servers.iter().zip(from).flat_map(|(server, from)| server.log()[from..].to_vec());
        // A HEAD asks whether a server is alive, and is sent no bytes.
        let sent = logs.filter(|asked| asked.method == "GET" && matches!(asked.status, 200 | 206));
        sent.map(|asked| asked.path).collect()
    }

    fn logged(&self) -> [usize; 2] {
        [0, 1].map(|at| self.servers[at].log().len())
    }
}

fn counts(records: &Value) -> [u64; 6] {
    ["seen", "stored", "unchanged", "quarantined", "deleted", "pending"]
        .map(|name| records[name].as_u64().unwrap())
}

#[test]
fn two_hundred_urls_are_all_accounted_for_and_fetched_again_only_where_they_changed() {
    let web = Web::new();
    // Killed while it fetches, and run again: what is stored is asked for, and not sent again.
    let mut live = web.world.start(&["run", "pipeline.toml"]);
    until("some documents", || (web.logged().iter().sum::<usize>() > 80).then_some(()));
    live.signal(Signal::KILL);
    live.end();
    let counted = counts(&web.run(3));
    let aside = web.world.run(&["quarantine", "list"]).out;
    assert_eq!((counted[0], counted[3], counted[4], counted[5]), (200, 30, 0, 0), "{counted:?}\n{aside}");
    assert_eq!(counted[1] + counted[2], 170);
    let classes = |class: &str| web.world.quarantine().iter().filter(|(_, _, known)| known == class).count();
    // Whether a server failed for one document alone or was seen to be well only afterwards, it is put aside.
    let failed = classes("unreadable") + classes("refused");
    assert_eq!([classes("forbidden"), classes("too_large"), failed], [5, 10, 15]);
    assert!(web.world.quarantine().iter().all(|(_, stage, _)| stage == "fetch"));
    // What broke off was asked for from there on.
    let rests = web.servers.iter().flat_map(Pages::log).filter(|asked| asked.status == 206).count();
    assert!(rests > 0);

    // Nothing changed but what did. What has no tag and no date must be read to know.
    let changed: BTreeSet<String> = [3, 4, 60]
        .iter()
        .map(|at| format!("/tagged/{at}"))
        .chain(["/dated/1".into(), "/there/2".into()])
        .collect();
    web.site.changed.lock().unwrap().extend(changed.iter().cloned());
    web.site.gone.lock().unwrap().extend(["/tagged/7".to_owned(), "/slow/1".to_owned()]);
    web.list(|kind, at| (kind, at) != ("tagged", 8));
    let from = web.logged();
    let counted = counts(&web.run(3));
    assert_eq!(counted, [200, 5, 162, 30, 3, 0]);
    let unmarked =
        |path: &String| ["plain", "large", "endless"].iter().any(|kind| path[1..].starts_with(kind));
    let sent: Vec<String> = web.sent(from).into_iter().filter(|path| !unmarked(path)).collect();
    assert_eq!(sent.iter().cloned().collect::<BTreeSet<_>>(), changed);
    assert_eq!(sent.len(), changed.len(), "each once");
    assert_eq!(web.world.holders("newer").len(), 5);
    let hits = web.world.hits(&["--mode", "text", "qdatedq1"]);
    assert!(hits[0]["source"].as_str().unwrap().ends_with("urls.jsonl#dated1"), "{hits:?}");
}

#[test]
fn a_url_is_a_document_of_its_own() {
    let world = World::new();
    let server = Pages::start(|asked, _| match asked.path.as_str() {
        "/guide" => {
            Page::new(200, "<h1>Sluice</h1><p>The gate opens at noon.").with("Content-Type", "text/html")
        }
        _ => Page::new(404, ""),
    });
    let url = server.url("/guide");
    let refused = world.run(&["index", &url]).ended(2);
    assert!(refused.err.contains("--allow-private"), "{}", refused.err);
    assert!(server.log().is_empty());
    let report = world.index(&[&url, "--allow-private"]);
    assert_eq!(report["records"]["stored"], 1);
    let hits = world.hits(&["--mode", "text", "noon"]);
    assert_eq!((&hits[0]["source"], &hits[0]["title"]), (&url.clone().into(), &"Sluice".into()));
    let missing = server.url("/none");
    let report = world.index_to(3, &[&missing, "--allow-private"]);
    assert_eq!(report["records"]["quarantined"], 1);
    world.run(&["index", &url, "docs"]).ended(2).says("--urls");
}

#[test]
fn secrets_of_lines_are_named_sent_and_never_kept() {
    let world = World::new();
    let server = Pages::start(|asked, _| {
        match asked.headers.get("authorization").is_some_and(|told| told == "Bearer canary-0123") {
            true => Page::new(200, "a secret garden"),
            false => Page::new(401, "who are you"),
        }
    });
    let line =
        |headers: Value| json!({ "id": "a", "url": server.url("/a.txt"), "headers": headers }).to_string();
    let run = |flags: &[&str]| {
        let args = [&["index", "urls.jsonl", "--urls", "--allow-private", "--json"], flags].concat();
        let done = world.command(&args).env("DOCS_TOKEN", "canary-0123").output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        assert!(!said.contains("canary"), "{said}");
        done.status.code().unwrap()
    };
    world.write("urls.jsonl", line(json!({ "Authorization": { "env": "DOCS_TOKEN" } })));
    // Nobody let the list send it.
    assert_eq!(run(&[]), 3);
    assert!(server.log().is_empty());
    assert_eq!(run(&["--secret", "DOCS_TOKEN"]), 0);
    assert_eq!(run(&["--secret", "NO_SUCH_TOKEN"]), 2);
    assert_eq!(world.holders("garden"), ["urls.jsonl#a"]);
    // One that stands in the list is refused, and is not repeated anywhere.
    world.write("urls.jsonl", line(json!({ "Authorization": "Bearer canary-0123" })));
    assert_eq!(run(&[]), 3);
    for name in ["tidegate.db", "tidegate.db-wal"] {
        let bytes = std::fs::read(world.path(name)).unwrap_or_default();
        assert!(!bytes.windows(6).any(|bytes| bytes == b"canary"), "{name}");
    }
}

#[test]
fn a_server_that_is_down_holds_the_run_and_judges_nothing() {
    let world = World::new();
    let up = Arc::new(AtomicUsize::new(0));
    let state = up.clone();
    let server = Pages::start(move |asked, _| match state.load(Ordering::SeqCst) {
        0 => Page::new(503, ""),
        _ => tagged(asked, "\"1\"", b"some words"),
    });
    let lines: String = (0..20).map(|at| server.url(&format!("/{at}.txt")) + "\n").collect();
    world.write("urls.txt", lines);
    world.write(
        "pipeline.toml",
        "[source]\ntype = \"urls\"\npaths = [\"urls.txt\"]\nallow_private = true\npatience = \"500ms\"\n\
         [limits]\nmax_hold = \"1s\"\n",
    );
    let run = |code| counts(&world.run(&["run", "pipeline.toml", "--json"]).ended(code).json()["records"]);
    let held = run(75);
    assert_eq!((held[1], held[3], held[4]), (0, 0, 0), "{held:?}");
    up.store(1, Ordering::SeqCst);
    assert_eq!(run(0), [20, 20, 0, 0, 0, 0]);
    // Down again: what is stored stays, and a list that is cut short empties no store.
    up.store(0, Ordering::SeqCst);
    assert_eq!(run(75)[4], 0);
    up.store(1, Ordering::SeqCst);
    world.write("urls.txt", "");
    world.write("pipeline.toml", world.read("pipeline.toml") + "[sweep]\nmax_count = 5\n");
    run(1);
    assert_eq!(world.holders("words").len(), 20);
}
