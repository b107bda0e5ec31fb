//! For tests: requests compared byte for byte with files under `golden/`, and answers made of text.
//!
//! With `TIDEGATE_BLESS=1` in the environment the files are written anew; read the difference before keeping it.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tidegate_core::wire::{Answer, Head, HttpRequest};

use crate::{Endpoint, Profiles, Secret, Service};

/// When all answers arrive: 2026-11-21T00:00:00Z.
pub(crate) const NOW: u64 = 1_795_219_200;

/// Read once: tests make thousands of services.
pub(crate) static PROFILES: LazyLock<Profiles> = LazyLock::new(Profiles::builtin);

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

/// `model` of the provider named `provider`, with the key `sk-test-canary-0123456789` where the provider wants one.
pub(crate) fn service(provider: &str, model: &str) -> Service {
    let profile = PROFILES.get(provider).unwrap().clone();
    let base = profile.base_url.clone().unwrap_or("http://localhost:9/v1".to_owned());
    let key = profile.key_env.as_ref().map(|_| Secret::new("sk-test-canary-0123456789").unwrap());
    let endpoint = Endpoint::new(&base, model).unwrap().with_key(key, profile.auth.clone());
    Service::new(profile, endpoint, None)
}

pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Head {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect();
    Head { status: StatusCode::from_u16(status).unwrap(), headers, at: now() }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    Answer { head: head(status, headers), body: body.into() }
}

/// Compares `request` with `golden/NAME.http`.
pub(crate) fn request(name: &str, request: &HttpRequest) {
    let mut text = format!("{} {}\n", request.method, request.url);
    let mut headers: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    text.extend(headers);
    text.push('\n');
    text.push_str(std::str::from_utf8(&request.body).unwrap());
    text.push('\n');
    file(&format!("{name}.http"), &text);
}

/// Compares `text` with the file `golden/NAME`.
pub(crate) fn file(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, kept, "golden/{name} differs");
}
