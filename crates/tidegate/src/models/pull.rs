//! Fetching a model: once, when asked to, whole or not at all.
//!
//! What comes is kept in a file of its own until it is all there and is what it should be; then it is unpacked into a
//! folder that gets its name last. What was cut short goes on from there the next time. It is not repeated here: whoever
//! asked is sitting there, and sees what happened.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tidegate_core::{Fault, FaultKind, HttpRequest, Incoming, Transport, WireFault};

use super::folder::folder;
use super::known::{Known, known};
use super::unpack::{checked, unpack};
use crate::services::http_up_to;

/// How long a server may keep silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Redirects that are followed. What comes is known by its hash, so it does not matter from where.
const MOST_REDIRECTS: usize = 5;

/// Is told how many bytes are here, and how many there are.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// How a model is fetched.
#[derive(Default)]
pub struct PullOptions<'a> {
    /// From where instead of the usual place: the URL of the archive, the URL of a mirror of the usual server (which ends
    /// with `/`), or the path of the archive.
    pub from: Option<&'a str>,
    /// Is told how many bytes are here, and how many there are.
    pub progress: Option<Progress<'a>>,
}

/// A model that is here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its folder.
    pub path: PathBuf,
    /// Bytes that were fetched; zero if it was here already, or came from a file.
    pub fetched: u64,
}

/// Fetches the model of this name, unless it is here.
///
/// # Errors
/// [`FaultKind::Config`]: a name that is not known, an archive that is another; [`FaultKind::Unavailable`] where it
/// cannot be reached, or was cut short; storage faults.
///
/// # Cancel safety
/// What has come stays, and the next call goes on from there.
pub async fn pull(name: &str, options: PullOptions<'_>) -> Result<Pulled, Fault> {
    let known = known(name)?;
    let http = http_up_to(known.size);
    pull_into(&folder()?, known, (&http, options)).await
}

/// The same, into a folder.
pub(super) async fn pull_into(
    folder: &Path,
    known: &Known,
    (http, options): (&dyn Transport, PullOptions<'_>),
) -> Result<Pulled, Fault> {
    let target = folder.join(known.name);
    if target.is_dir() {
        return Ok(Pulled { path: target, fetched: 0 });
    }
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    let fetched = match Source::of(known, options.from) {
        Source::File(path) => {
            let unread = |error| {
                Fault::new(FaultKind::Config, format!("cannot read {}", path.display()))
                    .hint("name the archive, or its URL")
                    .cause(error)
            };
            let whole = checked(known, File::open(&path).map_err(unread)?, &path.display().to_string())?;
            unpack(known, whole, folder)?;
            0
        }
        Source::Url(url) => {
            let part = folder.join(format!(".{}-{}.part", known.name, &known.sha256[..12]));
            let mut file = claim(&part)?;
            let fetched = rest(http, (known, &url), (&mut file, options.progress)).await?;
            let whole = checked(known, file, &url).inspect_err(|_| drop(fs::remove_file(&part)))?;
            unpack(known, whole, folder)?;
            let _ = fs::remove_file(&part); // unpacked, so nobody needs it; that it stays is no failure
            fetched
        }
    };
    Ok(Pulled { path: target, fetched })
}

/// Where an archive comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Url(String),
    File(PathBuf),
}

impl Source {
    fn of(known: &Known, from: Option<&str>) -> Self {
        match from {
            None => Self::Url(format!("{}{}", known.server, known.place)),
            Some(url) if url.contains("://") && url.ends_with('/') => {
                Self::Url(format!("{url}{}", known.place))
            }
            Some(url) if url.contains("://") => Self::Url(url.to_owned()),
            Some(path) => Self::File(path.into()),
        }
    }
}

/// Opens the file that holds what has come so far; only one process may write it.
fn claim(part: &Path) -> Result<File, Fault> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(part);
    let file = file.map_err(|error| unwritten(part, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Fault::new(FaultKind::Guarded, "another process fetches this model")
                .hint("wait until it is done"))
        }
        Err(TryLockError::Error(error)) => Err(unwritten(part, error)),
    }
}

/// Fetches what is missing; how many bytes came.
async fn rest(
    http: &dyn Transport,
    (known, url): (&Known, &str),
    (file, mut progress): (&mut File, Option<Progress<'_>>),
) -> Result<u64, Fault> {
    let unkept = |error| Fault::new(FaultKind::StorageFull, "what was fetched cannot be kept").cause(error);
    let mut here = file.seek(SeekFrom::End(0)).map_err(unkept)?;
    if here >= known.size {
        return Ok(0); // the hash says whether it is what it should be
    }
    let mut incoming = ask(http, url, here).await?;
    if incoming.head.status == StatusCode::OK {
        // The server knows no parts, and begins again.
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(unkept)?;
        here = 0;
    }
    let mut fetched = 0;
    while here < known.size {
        let cut = |why: &dyn std::fmt::Display| {
            Fault::new(
                FaultKind::Unavailable,
                format!("{} of {} bytes came from {url}: {why}", here, known.size),
            )
            .hint("run the same command again: it goes on from there")
        };
        let piece = match tokio::time::timeout(PATIENCE, incoming.body.next()).await {
            Err(_) => return Err(cut(&format!("nothing more for {} s", PATIENCE.as_secs()))),
            Ok(None) => return Err(cut(&"the answer ended")),
            Ok(Some(Err(fault))) => return Err(cut(&fault.message)),
            Ok(Some(Ok(piece))) => piece,
        };
        file.write_all(&piece).map_err(unkept)?;
        here += piece.len() as u64;
        fetched += piece.len() as u64;
        if let Some(progress) = &mut progress {
            progress(here, known.size);
        }
    }
    Ok(fetched)
}

/// Asks for the bytes from `here` on, following redirects.
async fn ask(http: &dyn Transport, url: &str, here: u64) -> Result<Incoming, Fault> {
    let mut url = url.to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let incoming = tokio::time::timeout(PATIENCE, http.send(request(&url, here))).await;
        let silent = || {
            Fault::new(FaultKind::Unavailable, format!("{url} did not answer for {} s", PATIENCE.as_secs()))
        };
        let incoming = incoming.map_err(|_| silent())?.map_err(|fault| unreached(&url, &fault))?;
        let head = &incoming.head;
        match head.status {
            StatusCode::OK => return Ok(incoming),
            StatusCode::PARTIAL_CONTENT if begins_at(&head.headers, here) => return Ok(incoming),
            status if status.is_redirection() => url = next(&url, &head.headers)?,
            status => {
                let message = format!("{url} answered {}", status.as_u16());
                return Err(Fault::new(FaultKind::Unavailable, message).hint(ELSEWHERE));
            }
        }
    }
    Err(Fault::new(FaultKind::Unavailable, format!("{url} leads on and on")).hint(ELSEWHERE))
}

const ELSEWHERE: &str = "name another place with --from: the URL of the same archive, of a mirror (with / at its end), or the path of a file";

fn request(url: &str, here: u64) -> HttpRequest {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if here > 0 {
        headers.extend(HeaderValue::try_from(format!("bytes={here}-")).ok().map(|range| (RANGE, range)));
    }
    HttpRequest { method: Method::GET, url: url.to_owned(), headers, body: bytes::Bytes::new() }
}

fn unreached(url: &str, fault: &WireFault) -> Fault {
    Fault::new(FaultKind::Unavailable, format!("cannot fetch {url}: {}", fault.message)).hint(ELSEWHERE)
}

/// Whether an answer's part begins where what is here ends.
fn begins_at(headers: &HeaderMap, here: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| range.trim().strip_prefix("bytes ")?.split_once('-'));
    from.and_then(|(from, _)| from.trim().parse::<u64>().ok()) == Some(here)
}

/// Where a redirect leads. Not from an encrypted connection to one that is not.
fn next(url: &str, headers: &HeaderMap) -> Result<String, Fault> {
    let told = headers.get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let server = rest.split('/').next().unwrap_or_default();
    let next = match told {
        absolute if absolute.starts_with("https://") => Some(absolute.to_owned()),
        absolute if absolute.starts_with("http://") && scheme == "http" => Some(absolute.to_owned()),
        path if path.starts_with('/') && !path.starts_with("//") => {
            Some(format!("{scheme}://{server}{path}"))
        }
        _ => None,
    };
    next.ok_or_else(|| {
        let message = format!("{url} leads to `{}`, where nothing is fetched from", told.escape_debug());
        Fault::new(FaultKind::Unavailable, message).hint(ELSEWHERE)
    })
}

pub(super) fn unwritten(path: &Path, error: std::io::Error) -> Fault {
    Fault::new(FaultKind::Config, format!("cannot write {}", path.display()))
        .hint(format!("set {} to a folder that can be written", super::VARIABLE))
        .cause(error)
}
