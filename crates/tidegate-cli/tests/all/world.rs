//! A folder of its own for each test, and the binary running in it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything here takes on a busy machine; a run that reaches it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Calls `look` until it gives something; panics with `what` if that takes too long.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A temporary folder in which everything happens.
pub(crate) struct World {
    dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The binary with a bare environment and no standard input.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(args).current_dir(self.root()).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.start(args).end()
    }

    /// Runs it with this on standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let file = self.path(".stdin");
        std::fs::write(&file, input).unwrap();
        Live::of(self.command(args).stdin(std::fs::File::open(file).unwrap())).end()
    }

    /// Starts it and lets it run.
    pub(crate) fn start(&self, args: &[&str]) -> Live {
        Live::of(&mut self.command(args))
    }

    /// Indexes, which must end with `code`; the report.
    pub(crate) fn index_to(&self, code: i32, args: &[&str]) -> Value {
        let args: Vec<&str> = ["index", "--json"].iter().chain(args).copied().collect();
        self.run(&args).ended(code).json()
    }

    /// Indexes without anything going wrong; the report.
    pub(crate) fn index(&self, args: &[&str]) -> Value {
        self.index_to(0, args)
    }

    /// The hits of a search.
    pub(crate) fn hits(&self, args: &[&str]) -> Vec<Value> {
        let args: Vec<&str> = ["search", "--json"].iter().chain(args).copied().collect();
        self.run(&args).ended(0).json()["hits"].as_array().expect("a list of hits").clone()
    }

    /// The names of the documents that hold a word, relative to this folder, each once and sorted.
    pub(crate) fn holders(&self, word: &str) -> Vec<String> {
        let hits = self.hits(&["--mode", "text", "--limit", "1000", word]);
        let mut names: Vec<String> =
            hits.iter().map(|hit| self.relative(hit["source"].as_str().unwrap())).collect();
        names.sort();
        names.dedup();
        names
    }

    /// A key without the path of this folder.
    pub(crate) fn relative(&self, key: &str) -> String {
        let root = self.root().canonicalize().unwrap();
        key.strip_prefix(&format!("{}/", root.display())).unwrap_or(key).to_owned()
    }

    /// What is in the quarantine: name, stage and class, sorted.
    pub(crate) fn quarantine(&self) -> Vec<(String, String, String)> {
        let list = self.run(&["quarantine", "list", "--json"]).ended(0).json();
        let text = |item: &Value, key: &str| item[key].as_str().expect("text").to_owned();
        let mut items: Vec<_> = list
            .as_array()
            .expect("a list")
            .iter()
            .map(|item| (self.relative(&text(item, "source")), text(item, "stage"), text(item, "class")))
            .collect();
        items.sort();
        items
    }
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The exit code; `None` if a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The same, if it ended with `code`; panics with all that was said otherwise.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{:?}\n{}\n{}", self.status, self.out, self.err);
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }

    /// Whether it said this on standard error; panics with what it said otherwise.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "not said: {text}\n{}", self.err);
        self
    }
}

/// What was read so far, and the thread that reads on.
type Reading = (Arc<Mutex<Vec<u8>>>, Option<JoinHandle<()>>);

/// A run that goes on.
pub(crate) struct Live {
    child: Child,
    /// Of standard output and of standard error.
    readers: [Reading; 2],
}

impl Live {
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let out = collect(child.stdout.take().expect("piped"));
        let err = collect(child.stderr.take().expect("piped"));
        Self { child, readers: [out, err] }
    }

    /// What it wrote to standard output so far.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.readers[0].0.lock().unwrap()).into_owned()
    }

    /// What it wrote to standard error so far.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.readers[1].0.lock().unwrap()).into_owned()
    }

    /// Whether it is still there.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says something on standard error.
    pub(crate) fn wait_for(&mut self, text: &str) {
        until(text, || {
            // What it said last may still have to be read when it is gone.
            let heard = |reader: &Reading| reader.1.as_ref().is_none_or(JoinHandle::is_finished);
            let gone = !self.runs() && self.readers.iter().all(heard);
            assert!(!gone || self.err().contains(text), "ended without saying {text}: {}", self.err());
            self.err().contains(text).then_some(())
        });
    }

    /// Sends it a signal; nothing happens if it ended already.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.runs() {
            let pid = Pid::from_child(&self.child);
            // It may end between the question and the signal; it is still unreaped then, so no other gets it.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ran {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > DEADLINE {
                let _ = self.child.kill();
                let said = format!("{}\n{}", self.out(), self.err());
                let _ = self.child.wait();
                panic!("it does not end\n{said}");
            }
            std::thread::park_timeout(Duration::from_millis(2));
        };
        for (_, reader) in &mut self.readers {
            reader.take().expect("joined once").join().unwrap();
        }
        Ran { status, out: self.out(), err: self.err() }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // A test that failed must not leave a process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut from: impl Read + Send + 'static) -> Reading {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let into = kept.clone();
    let reader = std::thread::spawn(move || {
        let mut part = [0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut part) {
            into.lock().unwrap().extend_from_slice(&part[..read]);
        }
    });
    (kept, Some(reader))
}

/// A paragraph of `words` words that begins with `marker`; different markers give different paragraphs.
pub(crate) fn paragraph(marker: &str, words: usize) -> String {
    const WORDS: [&str; 16] = [
        "harbour", "lantern", "granite", "meadow", "violin", "copper", "glacier", "orchard", "saddle",
        "thunder", "velvet", "walnut", "anchor", "basket", "canyon", "ember",
    ];
    let mut state = marker.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut text = marker.to_owned();
    for at in 1..words {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(WORDS[(state >> 60) as usize]);
        if at % 12 == 0 {
            text.push('.');
        }
    }
    text + "."
}
