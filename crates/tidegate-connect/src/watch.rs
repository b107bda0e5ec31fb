//! Folders that are followed: everything once, and from then on what changes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tidegate_core::Stop;
use tidegate_core::{Cx, Fault, FaultKind, Fetch, Listing, Source};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::changes::{Changes, Progress};
use crate::fetch::FileFetch;
use crate::files::FIRST;
use crate::plan::{FilesOptions, FilesStats, Plan};

/// Changes that may wait before everything is listed again instead.
const WAITING: usize = 4096;
/// A stream of changes without a pause is listed after this many times [`WatchOptions::settle`].
const PATIENCE: u32 = 10;

/// How folders are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchOptions {
    /// What of them is listed. Copies of a file that are listed through links to it are only refreshed by a
    /// complete listing.
    pub files: FilesOptions,
    /// How long nothing may change before changes are listed: programs save a file in several steps.
    pub settle: Duration,
    /// How long to wait for changes before saying that there are none now.
    pub idle: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        let (settle, idle) = (Duration::from_millis(300), Duration::from_secs(1));
        Self { files: FilesOptions::default(), settle, idle }
    }
}

/// Follows folders from the moment it is opened.
///
/// Each run takes a [`Watch::source`], and goes on without end but for this: whenever something may be gone that
/// cannot be named (a folder was moved or removed, an ignore file changed, changes came faster than they could be
/// told, and at the very beginning), the run ends, and the next one lists that part of the keys anew, speaks for it,
/// and ends as well. The caller starts the next run on the next source; nothing that changes in between is missed.
pub struct Watch {
    plan: Arc<Plan>,
    options: WatchOptions,
    /// The state between two runs.
    between: Arc<Mutex<Option<State>>>,
}

/// What is known of the folders and of what changed.
struct State {
    watcher: RecommendedWatcher,
    /// Changed paths, from the thread that watches.
    changed: mpsc::Receiver<PathBuf>,
    /// Set by that thread when it had to drop a change.
    missed: Arc<AtomicBool>,
    /// Away while a step runs on the compute pool.
    changes: Option<Changes>,
}

/// One run's share of a [`Watch`].
pub struct WatchSource {
    plan: Arc<Plan>,
    options: WatchOptions,
    between: Arc<Mutex<Option<State>>>,
    state: Option<State>,
    /// Whether this run listed anything.
    listed: bool,
}

impl Watch {
    /// Begins to watch, before anything is listed.
    ///
    /// # Errors
    /// [`FaultKind::Config`] as [`crate::Files::open`], and when the system refuses to watch that many folders.
    pub fn open(paths: &[PathBuf], options: WatchOptions) -> Result<Self, Fault> {
        let plan = Arc::new(Plan::new(paths, options.files.clone())?);
        let (send, changed) = mpsc::channel(WAITING);
        let missed = Arc::new(AtomicBool::new(false));
        let tell = teller(send, missed.clone());
        // Links are not followed by the watcher: it would follow those that leave the roots as well.
        let config = notify::Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(tell, config).map_err(refused)?;
        watch_roots(&mut watcher, &plan)?;
        let changes = Some(Changes::new(plan.clone()));
        let between = Arc::new(Mutex::new(Some(State { watcher, changed, missed, changes })));
        Ok(Self { plan, options, between })
    }

    /// What was passed over so far.
    #[must_use]
    pub fn stats(&self) -> Arc<FilesStats> {
        self.plan.stats.clone()
    }

    /// The source for the next run. The one before must have been dropped.
    ///
    /// # Errors
    /// [`FaultKind::Internal`] while another one is there.
    pub fn source(&self) -> Result<WatchSource, Fault> {
        let state = self.between.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(taken)?;
        Ok(WatchSource {
            plan: self.plan.clone(),
            options: self.options.clone(),
            between: self.between.clone(),
            state: Some(state),
            listed: false,
        })
    }
}

fn taken() -> Fault {
    Fault::new(FaultKind::Internal, "the folders are already being followed by another run")
}

impl Drop for WatchSource {
    fn drop(&mut self) {
        if let Some(mut state) = self.state.take() {
            // A step that never came back took the list of what is to do with it.
            state.changes.get_or_insert_with(|| Changes::new(self.plan.clone()));
            *self.between.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        }
    }
}

/// Hands changes over without ever waiting: the thread that watches must keep up with the system.
fn teller(send: mpsc::Sender<PathBuf>, missed: Arc<AtomicBool>) -> impl FnMut(notify::Result<Event>) {
    move |event| {
        let paths = match event {
            Ok(event) if event.need_rescan() => None,
            Ok(event) => match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(event.paths),
                EventKind::Access(_) => return, // our own reading, most of it
                _ => Some(event.paths),
            },
            Err(_) => None,
        };
        // An empty path changes nothing and wakes who waits.
        let all_told = match paths {
            Some(paths) => paths.into_iter().all(|path| send.try_send(path).is_ok()),
            None => false,
        };
        if !all_told {
            missed.store(true, Ordering::Release);
            let _ = send.try_send(PathBuf::new());
        }
    }
}

fn watch_roots(watcher: &mut RecommendedWatcher, plan: &Plan) -> Result<(), Fault> {
    for root in &plan.roots {
        // A file is watched by way of its folder, because programs save by renaming over it.
        let (path, mode) = match root.path.parent() {
            Some(parent) if !root.folder => (parent, RecursiveMode::NonRecursive),
            _ => (&*root.path, RecursiveMode::Recursive),
        };
        let _ = watcher.unwatch(path); // the first time it is not watched yet
        watcher.watch(path, mode).map_err(refused)?;
    }
    Ok(())
}

fn refused(error: notify::Error) -> Fault {
    let hint = match error.kind {
        notify::ErrorKind::MaxFilesWatch => "raise fs.inotify.max_user_watches, or watch fewer folders",
        _ => "run without --watch, at intervals",
    };
    Fault::new(FaultKind::Config, "the folders cannot be watched").hint(hint).cause(error)
}

impl State {
    /// Lists on, on the compute pool.
    async fn step(&mut self, cx: &Cx, max: usize, fresh: bool) -> Result<Progress, Fault> {
        let mut changes = self.changes.take().ok_or_else(|| {
            Fault::new(FaultKind::Internal, "the listing was lost when an earlier step of it failed")
                .hint("run again")
        })?;
        let (changes, progress) = cx
            .compute(FIRST, move || {
                let progress = changes.step(max.max(1), fresh);
                (changes, progress)
            })
            .await?;
        self.changes = Some(changes);
        progress
    }

    /// Takes what changed, until nothing did for `settle`; `false` if nothing did until `deadline`.
    async fn wait(&mut self, cx: &Cx, settle: Duration, deadline: Instant) -> bool {
        let mut until = deadline;
        let mut latest = None;
        loop {
            let path = tokio::select! {
                biased;
                () = cx.stopped(Stop::Drain) => return latest.is_some(),
                path = self.changed.recv() => path,
                () = tokio::time::sleep_until(until) => return latest.is_some(),
            };
            let (Some(path), Some(changes)) = (path, &mut self.changes) else { return latest.is_some() };
            changes.note(path);
            let latest = *latest.get_or_insert(Instant::now() + settle * PATIENCE);
            until = latest.min(Instant::now() + settle);
        }
    }

    /// Watches the roots anew, and lists everything anew, where that became necessary.
    fn recover(&mut self, plan: &Plan) -> Result<(), Fault> {
        let Some(changes) = &mut self.changes else { return Ok(()) };
        if changes.rewatch {
            watch_roots(&mut self.watcher, plan)?;
            changes.rewatch = false;
            changes.list_all();
        }
        if self.missed.swap(false, Ordering::AcqRel) {
            changes.list_all();
        }
        Ok(())
    }
}

#[async_trait]
impl Source for WatchSource {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        let state = self.state.as_mut().ok_or_else(taken)?;
        let deadline = Instant::now() + self.options.idle;
        while cx.stop() == Stop::Go {
            state.recover(&self.plan)?;
            match state.step(cx, max, !self.listed).await? {
                Progress::Items(items) => {
                    self.listed = true;
                    return Ok(Listing::Items(items));
                }
                Progress::Busy => {}
                Progress::NeedsOwnRun => return Ok(Listing::End(None)),
                Progress::Compared(coverage) => {
                    self.listed = true;
                    return Ok(Listing::End(Some(coverage)));
                }
                Progress::Idle => {
                    if !state.wait(cx, self.options.settle, deadline).await {
                        break;
                    }
                }
            }
        }
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(FileFetch::new(self.plan.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_that_could_not_be_told_lead_to_a_new_listing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().canonicalize().unwrap().join("a.md");
        std::fs::write(&file, "x").unwrap();
        let (cx, _stop) = crate::tests::doubles::stoppable();
        let changed = || Ok(Event::new(EventKind::Any).add_path(file.clone()));
        let overflow = || Ok(Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan));
        type Told = Vec<notify::Result<Event>>;
        let cases: [(Told, bool); 4] = [
            (vec![changed()], false),
            (vec![changed(), changed(), changed()], true),
            (vec![overflow()], true),
            (vec![Err(notify::Error::generic("lost"))], true),
        ];
        for (events, all) in cases {
            let options = WatchOptions { settle: Duration::ZERO, ..WatchOptions::default() };
            let mut source = Watch::open(&[dir.path().to_path_buf()], options).unwrap().source().unwrap();
            while !matches!(source.list(&cx, 10).await.unwrap(), Listing::End(_)) {}
            let (send, receive) = mpsc::channel(2);
            let state = source.state.as_mut().unwrap();
            state.changed = receive;
            let mut tell = teller(send, state.missed.clone());
            events.into_iter().for_each(&mut tell);
            let listing = source.list(&cx, 10).await.unwrap();
            // Listing everything anew takes a run of its own.
            assert_eq!(matches!(listing, Listing::End(None)), all, "{listing:?}");
            assert_eq!(matches!(&listing, Listing::Items(items) if items.len() == 1), !all, "{listing:?}");
        }
    }
}
