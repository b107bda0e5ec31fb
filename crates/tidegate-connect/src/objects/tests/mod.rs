//! Buckets in memory, and services that misbehave.

mod listing;
mod reading;
mod services;
mod writing;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tidegate_core::{
    Fault, Fetched, Source as _, SourceItem, SweepPolicy, Transport, WireFault, WireFaultKind,
};

use super::bucket::Bucket;
use super::{Objects, ObjectsOptions, Place, Storage};
use crate::guard::Policy;
use crate::tests::doubles::{cx, list_all};

/// Called before an object is read, with the number of the request.
type Meanwhile = dyn Fn(&Path, usize) -> Option<Vec<u8>> + Send + Sync;

/// An object, and which part of it.
type Part = (String, Option<Range<u64>>);

/// A bucket in memory. Pages are short, so that there are several.
#[derive(Clone)]
pub(super) struct Shop {
    memory: Arc<InMemory>,
    /// What was asked for: the object, and which part of it.
    pub(super) asked: Arc<Mutex<Vec<Part>>>,
    /// What somebody else puts in the place of an object meanwhile.
    meanwhile: Arc<Mutex<Option<Arc<Meanwhile>>>>,
    page: usize,
    /// The change that fails, counted down, and whether it is made all the same.
    pub(super) dies: Arc<Mutex<Option<(usize, bool)>>>,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shop")
    }
}

impl fmt::Display for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shop")
    }
}

impl Shop {
    pub(super) async fn of(objects: &[(&str, &str)]) -> Self {
        let shop = Self {
            memory: Arc::default(),
            asked: Arc::default(),
            meanwhile: Arc::default(),
            page: 3,
            dies: Arc::default(),
        };
        for (name, text) in objects {
            shop.put(name, text.as_bytes()).await;
        }
        shop
    }

    pub(super) async fn put(&self, name: &str, bytes: &[u8]) {
        self.memory.put(&Path::parse(name).unwrap(), bytes.to_vec().into()).await.unwrap();
    }

    pub(super) async fn delete(&self, name: &str) {
        ObjectStoreExt::delete(&*self.memory, &Path::parse(name).unwrap()).await.unwrap();
    }

    pub(super) fn meanwhile(&self, does: impl Fn(&Path, usize) -> Option<Vec<u8>> + Send + Sync + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Arc::new(does));
    }

    pub(super) fn source(&self, place: &str, options: ObjectsOptions) -> Objects {
        let place = Place::parse(place).unwrap();
        let bucket = Bucket::of(&place, Arc::new(self.clone()), Arc::new(self.clone()));
        Objects::over(vec![(place, Arc::new(bucket))], options).unwrap()
    }

    /// The keys of what is listed.
    pub(super) async fn keys(&self, place: &str, options: ObjectsOptions) -> Vec<String> {
        let (items, _) = list_all(&mut self.source(place, options), 2).await;
        items.into_iter().map(|item| item.key.to_string()).collect()
    }

    /// Lists one object and reads it.
    pub(super) async fn read(&self, options: ObjectsOptions) -> (SourceItem, Result<Fetched, Fault>) {
        let mut source = self.source("s3://b", options);
        let (mut items, _) = list_all(&mut source, 2).await;
        let item = items.remove(0);
        let fetched = source.fetcher().fetch(&cx(), &item).await;
        (item, fetched)
    }
}

#[async_trait]
impl PaginatedListStore for Shop {
    async fn list_paginated(
        &self,
        prefix: Option<&str>,
        opts: PaginatedListOptions,
    ) -> object_store::Result<PaginatedListResult> {
        let mut all: Vec<ObjectMeta> = self.memory.list(None).map(Result::unwrap).collect::<Vec<_>>().await;
        all.sort_by(|a, b| a.location.cmp(&b.location));
        all.retain(|meta| meta.location.as_ref().starts_with(prefix.unwrap_or_default()));
        let from: usize = opts.page_token.as_deref().map_or(0, |token| token.parse().unwrap());
        let count = opts.max_keys.unwrap_or(self.page);
        let token = (from + count < all.len()).then(|| (from + count).to_string());
        let objects = all.into_iter().skip(from).take(count).collect();
        let result =
            ListResult { objects, common_prefixes: Vec::new(), extensions: object_store::Extensions::new() };
        Ok(PaginatedListResult { result, page_token: token })
    }
}

#[async_trait]
impl ObjectStore for Shop {
    async fn put_opts(
        &self,
        to: &Path,
        what: PutPayload,
        how: PutOptions,
    ) -> object_store::Result<PutResult> {
        let dies = self.dies.lock().unwrap().as_mut().and_then(|(left, after)| {
            *left = left.checked_sub(1).unwrap_or(usize::MAX);
            (*left == usize::MAX).then_some(*after)
        });
        let lost = || object_store::Error::Generic { store: "Shop", source: "nobody answers".into() };
        match dies {
            None => self.memory.put_opts(to, what, how).await,
            Some(after) => {
                if after {
                    self.memory.put_opts(to, what, how).await?;
                }
                Err(lost())
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        how: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.memory.put_multipart_opts(to, how).await
    }

    async fn get_opts(&self, of: &Path, how: GetOptions) -> object_store::Result<GetResult> {
        let part = match &how.range {
            Some(object_store::GetRange::Bounded(part)) => Some(part.clone()),
            _ => None,
        };
        let number = {
            let mut asked = self.asked.lock().unwrap();
            if !how.head {
                asked.push((of.to_string(), part));
            }
            asked.len()
        };
        let meanwhile = self.meanwhile.lock().unwrap().clone();
        if !how.head
            && let Some(bytes) = meanwhile.and_then(|does| does(of, number))
        {
            self.memory.put(of, bytes.into()).await?;
        }
        self.memory.get_opts(of, how).await
    }

    async fn get_ranges(&self, of: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.memory.get_ranges(of, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.memory.delete_stream(paths)
    }

    fn list(&self, below: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.memory.list(below)
    }

    async fn list_with_delimiter(&self, below: Option<&Path>) -> object_store::Result<ListResult> {
        self.memory.list_with_delimiter(below).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> object_store::Result<()> {
        self.memory.copy_opts(from, to, how).await
    }
}

/// Carries nothing.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: tidegate_core::HttpRequest) -> Result<tidegate_core::Incoming, WireFault> {
        Err(WireFault::new(WireFaultKind::ConnectRefused, "nobody is there"))
    }
}

pub(super) fn options() -> ObjectsOptions {
    ObjectsOptions {
        storage: Storage {
            endpoint: None,
            region: None,
            account: None,
            anonymous: true,
            allow_http: false,
            policy: Policy::default(),
            timeout: Duration::from_secs(5),
            storage: Arc::new(Nowhere),
            keys: Arc::new(Nowhere),
        },
        include: Vec::new(),
        exclude: Vec::new(),
        hidden: false,
        max_file_size: 10_000,
        sweep: SweepPolicy { allow_delete: false, max_share: 0.1, max_count: 2 },
    }
}

/// The bytes of content, and the version if it is another than the listed one.
#[track_caller]
pub(super) fn content(fetched: Result<Fetched, Fault>) -> (Vec<u8>, Option<tidegate_core::Version>) {
    match fetched {
        Ok(Fetched::Content { body: tidegate_core::Body::Bytes(bytes), version, .. }) => {
            (bytes.to_vec(), version)
        }
        other => panic!("no content: {other:?}"),
    }
}
