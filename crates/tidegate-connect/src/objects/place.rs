//! Where objects are: `s3://bucket/prefix`, as it is typed.

use std::fmt;
use std::path::Path;

use tidegate_core::{Fault, FaultKind};

use crate::key::encode_key;

/// What a bucket is kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon S3, or what speaks as it does.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

/// How each service is written; the first of each is the one that keys are written with.
const SCHEMES: [(&str, Service); 8] = [
    ("s3", Service::S3),
    ("s3a", Service::S3),
    ("gs", Service::Gs),
    ("gcs", Service::Gs),
    ("az", Service::Az),
    ("azure", Service::Az),
    ("abfs", Service::Az),
    ("abfss", Service::Az),
];

impl Service {
    fn scheme(self) -> &'static str {
        SCHEMES.iter().find(|(_, service)| *service == self).map_or("", |(scheme, _)| scheme)
    }
}

/// A bucket, and what in it is meant: everything below a prefix, or the one object of that name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// What keeps it.
    pub service: Service,
    /// The bucket; Azure calls it a container.
    pub bucket: String,
    /// Without a slash at its ends; empty for the whole bucket.
    pub prefix: String,
    /// Whether only what is below the prefix is meant, and not an object of its very name.
    pub below: bool,
}

/// A bucket's name is no longer anywhere.
const LONGEST_BUCKET: usize = 222;
/// Nor an object's, in bytes.
const LONGEST_NAME: usize = 1_024;

impl Place {
    /// Whether `text` is meant to be such a place.
    ///
    /// ```
    /// use tidegate_connect::Place;
    /// assert!(Place::is_one("s3://bucket/docs") && Place::is_one("AZ://c"));
    /// assert!(!Place::is_one("https://example.org/") && !Place::is_one("s3/docs"));
    /// ```
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        service(text).is_some()
    }

    /// Reads it as typed. Nothing in it is decoded: `%20` in a name is those three characters.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: another scheme, no bucket, or a prefix that no object can be asked for with.
    ///
    /// ```
    /// use tidegate_connect::Place;
    /// let place = Place::parse("s3://bucket/docs/").unwrap();
    /// assert_eq!((&*place.bucket, &*place.prefix, place.below), ("bucket", "docs", true));
    /// ```
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |what: &str, hint: &str| {
            let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
            Err(Fault::new(FaultKind::Config, format!("{text} {what}")).hint(hint))
        };
        let hint = "write it as s3://bucket/prefix, gs://bucket/prefix or az://container/prefix";
        let Some((service, rest)) = service(text) else { return wrong("is no place in a bucket", hint) };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            return wrong("names an account", "set AZURE_STORAGE_ACCOUNT_NAME, or `account` in [source]");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '$');
        if bucket.is_empty() || bucket.len() > LONGEST_BUCKET || !bucket.chars().all(plain) {
            return wrong("names no bucket", hint);
        }
        let below = prefix.is_empty() || prefix.ends_with('/');
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let odd = |segment: &str| {
            matches!(segment, "" | "." | "..") || segment.bytes().any(|byte| byte.is_ascii_control())
        };
        if prefix.len() > LONGEST_NAME || (!prefix.is_empty() && prefix.split('/').any(odd)) {
            return wrong("holds an empty step, `.`, `..` or a control character", "name a prefix without");
        }
        Ok(Self { service, bucket: bucket.to_owned(), prefix: prefix.to_owned(), below })
    }

    /// The bucket alone, such as `s3://bucket`.
    #[must_use]
    pub fn root(&self) -> String {
        format!("{}://{}", self.service.scheme(), self.bucket)
    }

    /// The key of an object of the bucket.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}/{}", self.root(), encode_key(Path::new(name)))
    }

    /// What the names of objects below it begin with.
    pub(super) fn folder(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    /// The prefix of the keys of everything below it.
    pub(super) fn covered(&self) -> String {
        self.key(&self.folder())
    }

    /// Whether listing this lists all of `other`.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let same = (self.service, &self.bucket) == (other.service, &other.bucket);
        let equal = self.prefix == other.prefix && (!self.below || other.below || self.prefix.is_empty());
        same && (equal || (self.prefix != other.prefix && other.prefix.starts_with(&self.folder())))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.below && !self.prefix.is_empty() { "/" } else { "" };
        write!(f, "{}/{}{slash}", self.root(), self.prefix)
    }
}

fn service(text: &str) -> Option<(Service, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    SCHEMES.iter().find(|(known, _)| scheme.eq_ignore_ascii_case(known)).map(|(_, service)| (*service, rest))
}
