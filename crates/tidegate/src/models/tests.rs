use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};
use tidegate_core::{
    Fault, FaultKind, Head, HttpRequest, Incoming, Pieces, Transport, WireFault, WireFaultKind,
};

use super::folder::folder_of;
use super::known::Known;
use super::pull::{PullOptions, Pulled, pull_into};

fn folder(set: &[(&str, &str)]) -> Option<PathBuf> {
    let set: BTreeMap<&str, PathBuf> = set.iter().map(|(name, path)| (*name, PathBuf::from(path))).collect();
    folder_of(&|name| set.get(name).cloned()).ok()
}

#[test]
fn models_are_kept_where_the_environment_says() {
    let check = |set: &[(&str, &str)], expected: Option<&str>| {
        assert_eq!(folder(set), expected.map(PathBuf::from), "{set:?}");
    };
    check(&[("TIDEGATE_MODELS", "/m"), ("XDG_CACHE_HOME", "/c"), ("HOME", "/h")], Some("/m"));
    check(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")], Some("/c/tidegate/models"));
    check(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")], Some("/h/.cache/tidegate/models"));
    check(&[("TIDEGATE_MODELS", ""), ("HOME", "/h")], Some("/h/.cache/tidegate/models"));
    check(&[], None);
}

/// An archive with two files that are needed, one that is not, and a folder beside.
fn archive(files: &[&str]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(name.repeat(500).as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn whole() -> Vec<u8> {
    archive(&["in/side/config.json", "in/side/1/config.json", "in/side/unneeded", "other/config.json"])
}

fn known(archive: &[u8]) -> Known {
    let hash: String = Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    Known {
        name: "tiny",
        about: "for tests",
        licence: "Apache-2.0",
        server: "https://usual.example/",
        place: "at/tiny.zip",
        size: archive.len() as u64,
        sha256: hash.leak(),
        inside: "in/side/",
        files: &["config.json", "1/config.json"],
    }
}

/// What a server does with a request.
enum Does {
    /// Sends so many bytes of what is asked for, and then no more.
    Sends(Vec<u8>, usize),
    /// Knows no parts: sends all.
    SendsAll(Vec<u8>),
    Answers(u16),
    LeadsTo(&'static str),
}

/// A server that does one thing after another.
struct Server {
    does: Mutex<VecDeque<Does>>,
    /// The URL and the range of each request.
    asked: Mutex<Vec<(String, String)>>,
}

impl Server {
    fn that(does: impl IntoIterator<Item = Does>) -> Self {
        Self { does: Mutex::new(does.into_iter().collect()), asked: Mutex::default() }
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

struct Body(VecDeque<Result<Bytes, WireFault>>);

#[async_trait::async_trait]
impl Pieces for Body {
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>> {
        self.0.pop_front()
    }
}

fn body(bytes: &[u8], most: usize) -> Body {
    let mut pieces: VecDeque<_> =
        bytes[..most.min(bytes.len())].chunks(100).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    if most < bytes.len() {
        pieces.push_back(Err(WireFault::new(WireFaultKind::Cut, "the connection was closed")));
    }
    Body(pieces)
}

#[async_trait::async_trait]
impl Transport for Server {
    async fn send(&self, request: HttpRequest) -> Result<Incoming, WireFault> {
        let range = request.headers.get(RANGE).map_or("", |range| range.to_str().unwrap()).to_owned();
        self.asked.lock().unwrap().push((request.url.clone(), range.clone()));
        let refused = || WireFault::new(WireFaultKind::Connect, "refused");
        let does = self.does.lock().unwrap().pop_front().ok_or_else(refused)?;
        let mut headers = HeaderMap::new();
        let (status, body) = match does {
            Does::SendsAll(bytes) => (200, body(&bytes, usize::MAX)),
            Does::Sends(bytes, most) => {
                let from = range
                    .strip_prefix("bytes=")
                    .map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
                let told = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
                headers.insert(CONTENT_RANGE, HeaderValue::try_from(told).unwrap());
                (if from > 0 { 206 } else { 200 }, body(&bytes[from..], most))
            }
            Does::Answers(status) => (status, body(b"", 0)),
            Does::LeadsTo(place) => {
                headers.insert(LOCATION, HeaderValue::from_static(place));
                (302, body(b"", 0))
            }
        };
        let status = StatusCode::from_u16(status).unwrap();
        Ok(Incoming { head: Head { status, headers, at: SystemTime::UNIX_EPOCH }, body: Box::new(body) })
    }
}

/// A folder of models.
struct Models(tempfile::TempDir);

impl Models {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn pull(&self, known: &Known, server: &Server, from: Option<&str>) -> Result<Pulled, Fault> {
        let mut told = Vec::new();
        let mut progress = |here: u64, all: u64| told.push((here, all));
        let options = PullOptions { from, progress: Some(&mut progress) };
        let pulled = pull_into(self.0.path(), known, (server, options)).await;
        assert!(told.is_sorted() && told.iter().all(|(here, all)| here <= all), "{told:?}");
        pulled
    }

    /// What is there, in the model and beside it.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => {
                        found.push(path.strip_prefix(self.0.path()).unwrap().to_string_lossy().into_owned());
                    }
                }
            }
        }
        found.sort();
        found
    }
}

const WHOLE: [&str; 2] = ["tiny/1/config.json", "tiny/config.json"];

#[tokio::test]
async fn a_model_is_fetched_once_and_holds_what_is_needed() {
    let (models, archive) = (Models::new(), whole());
    let known = known(&archive);
    let server = Server::that([Does::Sends(archive.clone(), usize::MAX)]);
    let pulled = models.pull(&known, &server, None).await.unwrap();
    assert_eq!((pulled.fetched, &pulled.path), (known.size, &models.path("tiny")));
    assert_eq!(models.files(), WHOLE);
    assert_eq!(
        fs::read_to_string(pulled.path.join("config.json")).unwrap(),
        "in/side/config.json".repeat(500)
    );
    assert_eq!(models.pull(&known, &server, None).await.unwrap().fetched, 0);
    assert_eq!(server.asked(), [("https://usual.example/at/tiny.zip".to_owned(), String::new())]);
}

#[tokio::test]
async fn what_was_cut_short_is_not_used_and_goes_on_from_there() {
    let (models, archive) = (Models::new(), whole());
    let known = known(&archive);
    let server = Server::that([
        Does::Sends(archive.clone(), 250),
        Does::Sends(archive.clone(), 100),
        Does::Sends(archive.clone(), usize::MAX),
    ]);
    for (here, cut) in [(0, "250 of"), (250, "350 of")] {
        let fault = models.pull(&known, &server, None).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Unavailable);
        assert!(fault.message().starts_with(cut), "{here}: {fault}");
        assert!(!models.path("tiny").exists());
    }
    assert_eq!(models.pull(&known, &server, None).await.unwrap().fetched, known.size - 350);
    let ranges: Vec<String> = server.asked().into_iter().map(|(_, range)| range).collect();
    assert_eq!(ranges, ["", "bytes=250-", "bytes=350-"]);
    assert_eq!(models.files(), WHOLE);
}

#[tokio::test]
async fn a_server_without_parts_begins_again() {
    let (models, archive) = (Models::new(), whole());
    let known = known(&archive);
    let server = Server::that([Does::Sends(archive.clone(), 250), Does::SendsAll(archive.clone())]);
    models.pull(&known, &server, None).await.unwrap_err();
    assert_eq!(models.pull(&known, &server, None).await.unwrap().fetched, known.size);
    assert_eq!(models.files(), WHOLE);
}

#[tokio::test]
async fn another_archive_is_never_unpacked_and_not_kept() {
    let (models, archive) = (Models::new(), whole());
    let known = known(&archive);
    let mut other = archive.clone();
    other[40] ^= 1;
    let server = Server::that([Does::SendsAll(other.clone()), Does::SendsAll(archive)]);
    let fault = models.pull(&known, &server, None).await.unwrap_err();
    assert!(fault.message().contains(known.sha256) && fault.message().contains("is not tiny"), "{fault}");
    assert_eq!(models.files(), Vec::<String>::new());
    fs::write(models.path("other.zip"), other).unwrap();
    let file = models.path("other.zip");
    let fault = models.pull(&known, &server, file.to_str()).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Config);
    assert_eq!(models.files(), ["other.zip"]);
    // From the usual place it is whole.
    models.pull(&known, &server, None).await.unwrap();
}

#[tokio::test]
async fn an_archive_that_lacks_a_file_leaves_no_model() {
    let models = Models::new();
    let archive = archive(&["in/side/config.json"]);
    let known = known(&archive);
    let fault = models.pull(&known, &Server::that([Does::SendsAll(archive)]), None).await.unwrap_err();
    assert!(fault.message().contains("cannot be unpacked"), "{fault}");
    assert!(!models.path("tiny").exists());
}

#[tokio::test]
async fn it_may_come_from_elsewhere() {
    let archive = whole();
    let known = known(&archive);
    for (from, url) in [
        ("http://mirror.example/files/", "http://mirror.example/files/at/tiny.zip"),
        ("http://mirror.example/a.zip", "http://mirror.example/a.zip"),
    ] {
        let (models, server) = (Models::new(), Server::that([Does::SendsAll(archive.clone())]));
        models.pull(&known, &server, Some(from)).await.unwrap();
        assert_eq!(server.asked()[0].0, url);
    }
    let models = Models::new();
    let elsewhere = Models::new();
    let file = elsewhere.path("a.zip");
    fs::write(&file, &archive).unwrap();
    let pulled = models.pull(&known, &Server::that([]), file.to_str()).await;
    assert_eq!(pulled.unwrap().fetched, 0);
    assert_eq!(models.files(), WHOLE);
}

#[tokio::test]
async fn redirects_are_followed_but_not_out_of_an_encrypted_connection() {
    let archive = whole();
    let known = known(&archive);
    let models = Models::new();
    let leads = ["/x", "https://else.example/y"].map(Does::LeadsTo);
    let server = Server::that(leads.into_iter().chain([Does::SendsAll(archive)]));
    models.pull(&known, &server, None).await.unwrap();
    let urls: Vec<String> = server.asked().into_iter().map(|(url, _)| url).collect();
    assert_eq!(urls[1..], ["https://usual.example/x", "https://else.example/y"]);
    for (does, words) in [
        (vec![Does::LeadsTo("http://else.example/y")], "leads to"),
        (vec![Does::LeadsTo("//else.example/y")], "leads to"),
        ((0..9).map(|_| Does::LeadsTo("/x")).collect(), "leads on and on"),
        (vec![Does::Answers(404)], "answered 404"),
        (Vec::new(), "cannot fetch"),
    ] {
        let models = Models::new();
        let fault = models.pull(&known, &Server::that(does), None).await.unwrap_err();
        assert!(fault.message().contains(words) && fault.hint_text().is_some(), "{fault}");
        assert_eq!(fault.kind(), FaultKind::Unavailable);
    }
}

#[tokio::test]
async fn two_do_not_fetch_the_same_model_at_once() {
    let (models, archive) = (Models::new(), whole());
    let known = known(&archive);
    models.pull(&known, &Server::that([Does::Sends(archive.clone(), 250)]), None).await.unwrap_err();
    let part = fs::File::open(models.path(&models.files()[0])).unwrap();
    part.lock().unwrap();
    let fault = models.pull(&known, &Server::that([]), None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Guarded);
}
