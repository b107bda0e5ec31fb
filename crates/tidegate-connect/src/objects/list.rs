//! Lists the objects of buckets, a page at a time.

use std::collections::VecDeque;
use std::path::Path as FilePath;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::ObjectMeta;
use object_store::list::PaginatedListOptions;
use tidegate_core::{Coverage, Cx, Fault, FaultKind, Fetch, Listing, Source, SourceItem, Stop, Version};

use super::bucket::Bucket;
use super::errors::{Told, told};
use super::fetch::{Entry, ObjectFetch};
use super::mark;
use super::names;
use super::options::ObjectsOptions;
use super::place::Place;
use crate::plan::FilesStats;
use crate::rules::Globs;
use crate::skip;
use crate::walk::too_large;

/// Objects in buckets. Ends, and speaks for the prefixes it was given.
pub struct Objects {
    shelves: Vec<Shelf>,
    /// The shelf that is listed.
    at: usize,
    step: Step,
    /// Listed and not handed on.
    ready: VecDeque<SourceItem>,
    options: ObjectsOptions,
    globs: Globs,
    stats: Arc<FilesStats>,
    fetch: Arc<ObjectFetch>,
}

/// A place, and the bucket it is in.
struct Shelf {
    place: Place,
    bucket: Arc<Bucket>,
}

/// What is asked next.
#[derive(Clone)]
enum Step {
    /// Whether there is an object of the very name.
    Named,
    /// The page behind this mark.
    Page(Option<String>),
}

impl Objects {
    /// What is in `places`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: no places, a bad glob, an endpoint that is none or that may not be asked.
    pub fn open(places: &[Place], options: ObjectsOptions) -> Result<Self, Fault> {
        let shelves = distinct(places).into_iter().map(|place| {
            let bucket = Arc::new(Bucket::open(&place, &options.storage)?);
            Ok(Shelf { place, bucket })
        });
        let shelves: Vec<Shelf> = shelves.collect::<Result<_, Fault>>()?;
        Self::over(shelves.into_iter().map(|shelf| (shelf.place, shelf.bucket)).collect(), options)
    }

    /// The same over buckets that are open.
    pub(super) fn over(shelves: Vec<(Place, Arc<Bucket>)>, options: ObjectsOptions) -> Result<Self, Fault> {
        let shelves: Vec<Shelf> =
            shelves.into_iter().map(|(place, bucket)| Shelf { place, bucket }).collect();
        let Some(first) = shelves.first() else {
            return Err(
                Fault::new(FaultKind::Config, "no buckets given").hint("name one: s3://bucket/prefix")
            );
        };
        Ok(Self {
            step: first.begin(),
            shelves,
            at: 0,
            ready: VecDeque::new(),
            globs: Globs::new(&options.include, &options.exclude)?,
            stats: Arc::default(),
            fetch: Arc::new(ObjectFetch::new(options.max_file_size, options.sweep)),
            options,
        })
    }

    /// What was passed over so far.
    #[must_use]
    pub fn stats(&self) -> Arc<FilesStats> {
        self.stats.clone()
    }

    /// Asks for one page and goes on to the next step; a fault leaves everything as it was, so that the page is asked
    /// for again.
    async fn turn(&mut self) -> Result<(), Fault> {
        let Some(shelf) = self.shelves.get(self.at) else { return Ok(()) };
        let folder = shelf.place.folder();
        let (prefix, options) = match &self.step {
            Step::Named => (
                shelf.place.prefix.as_str(),
                PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() },
            ),
            Step::Page(token) => (
                folder.as_str(),
                PaginatedListOptions { page_token: token.clone(), ..PaginatedListOptions::default() },
            ),
        };
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let page = shelf.bucket.pages.list_paginated(prefix, options).await;
        let page = page.map_err(|error| match told(&error, &shelf.bucket, false) {
            Told::Fault(fault) => fault.during(format!("listing {}", shelf.place)),
            Told::Gone | Told::Otherwise => {
                Fault::new(FaultKind::Config, format!("there is no bucket {}", shelf.bucket.root()))
                    .hint("correct its name, or its endpoint")
            }
        })?;
        let named = matches!(self.step, Step::Named);
        // The name itself sorts before everything that begins with it.
        let wanted = |meta: &ObjectMeta| !named || meta.location.as_ref() == shelf.place.prefix;
        let found: Vec<SourceItem> = page
            .result
            .objects
            .into_iter()
            .filter(wanted)
            .filter_map(|meta| self.item(shelf, meta))
            .collect();
        self.ready.extend(found);
        self.step = match (named, page.page_token.filter(|token| !token.is_empty())) {
            (true, _) => Step::Page(None),
            (false, Some(token)) => Step::Page(Some(token)),
            (false, None) => {
                self.at += 1;
                self.shelves.get(self.at).map_or(Step::Named, Shelf::begin)
            }
        };
        Ok(())
    }

    /// The item of an object; `None` for what is passed over.
    fn item(&self, shelf: &Shelf, meta: ObjectMeta) -> Option<SourceItem> {
        let odd = names::original(&meta.location);
        let name = odd.as_deref().unwrap_or(meta.location.as_ref());
        // What tools put there to show a folder that is empty.
        if name.ends_with('/') && meta.size == 0 || self.passes_over(&shelf.place, name) {
            return None;
        }
        let mut item = SourceItem::new(shelf.place.key(name), mark::version(&meta), meta.size);
        if odd.is_some() {
            let fault = Fault::new(FaultKind::Unsupported, "a name that cannot be asked for").hint(
                "rename the object: without empty steps, `.`, `..`, control characters or a slash at an end",
            );
            item = SourceItem { version: Version::default(), size: 1, fault: Some(fault), ..item };
        } else if meta.size > self.options.max_file_size {
            item.fault = Some(too_large(meta.size, self.options.max_file_size));
            item.size = 1; // it is not read, so it takes no memory
        } else {
            item.how = Some(Arc::new(Entry::new(shelf.bucket.clone(), meta)));
        }
        Some(item)
    }

    fn passes_over(&self, place: &Place, name: &str) -> bool {
        let relative = name.strip_prefix(&place.folder()).unwrap_or(name).trim_start_matches('/');
        let relative = if relative.is_empty() { name.trim_matches('/') } else { relative };
        let path = FilePath::new(relative);
        let last = path.file_name().unwrap_or_default();
        let hides = |step: &str| step.starts_with('.') && !matches!(step, "." | "..");
        let counter = if !self.options.hidden && relative.split('/').any(hides) {
            &self.stats.hidden
        } else if self.globs.excludes_below(path) || !self.globs.includes_file(path) {
            &self.stats.excluded
        } else if skip::holds_no_text(last) && !self.globs.names_file(path) {
            &self.stats.no_text
        } else {
            return false;
        };
        counter.add(1);
        true
    }

    fn coverage(&self) -> Coverage {
        let covered = self.shelves.iter().map(|shelf| shelf.place.covered()).collect();
        Coverage { covered, unknown: Vec::new() }
    }
}

impl Shelf {
    fn begin(&self) -> Step {
        if self.place.below { Step::Page(None) } else { Step::Named }
    }
}

/// Places without those that another one holds.
fn distinct(places: &[Place]) -> Vec<Place> {
    let mut kept: Vec<Place> = Vec::new();
    for place in places {
        if !kept.iter().any(|other| other.holds(place)) {
            kept.retain(|other| !place.holds(other));
            kept.push(place.clone());
        }
    }
    kept
}

#[async_trait]
impl Source for Objects {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        while cx.stop() == Stop::Go {
            if !self.ready.is_empty() {
                let count = max.max(1).min(self.ready.len());
                return Ok(Listing::Items(self.ready.drain(..count).collect()));
            }
            if self.at == self.shelves.len() {
                return Ok(Listing::End(Some(self.coverage())));
            }
            self.turn().await?;
        }
        Ok(Listing::Quiet)
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        self.fetch.clone()
    }
}
