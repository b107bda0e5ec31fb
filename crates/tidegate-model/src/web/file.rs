//! A file is posted, and its text comes back.
//!
//! Three shapes are spoken: that of docling-serve, that of the unstructured API, and plain bytes for plain text, which
//! any service of one's own can speak. What is answered is brought into one form, an object with `pages` or `text`, which
//! is also what is kept: elements and layouts that nobody reads would fill the journal.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tidegate_core::wire::{Answer, HttpRequest};
use tidegate_core::{Charge, Codec, ContentHash, Fault, FaultKind, Refusal, Reply, Shape};

use super::site::Site;
use crate::journal_key::reply_key;

/// What a service that reads files speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileApi {
    /// docling-serve: `POST /v1/convert/file`, Markdown in JSON.
    Docling,
    /// The unstructured API: `POST /general/v0/general`, a list of elements.
    Unstructured,
    /// The bytes as they are; the answer is text, Markdown, or JSON with `text` or `pages`.
    Text,
}

impl FileApi {
    fn name(self) -> &'static str {
        match self {
            Self::Docling => "docling",
            Self::Unstructured => "unstructured",
            Self::Text => "text",
        }
    }

    /// Where the service listens, unless its address says more than its host.
    fn path(self) -> &'static str {
        match self {
            Self::Docling => "/v1/convert/file",
            Self::Unstructured => "/general/v0/general",
            Self::Text => "/",
        }
    }

    /// What is asked for beside the file.
    fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Docling => &[("to_formats", "md"), ("image_export_mode", "placeholder")],
            Self::Unstructured => &[("output_format", "application/json")],
            Self::Text => &[],
        }
    }
}

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCall {
    /// Its name, for its extension; only letters, digits, `-`, `_` and `.` of it are sent.
    pub name: Arc<str>,
    /// What is in it.
    pub bytes: Bytes,
}

/// Posts files to a service, one in each request. The answer is an object with `text` or `pages`, and perhaps `title`
/// and `metadata`.
#[derive(Debug, Clone)]
pub struct WebFile {
    site: Site,
    api: FileApi,
    url: Arc<str>,
    headers: Arc<[(HeaderName, HeaderValue)]>,
}

impl WebFile {
    /// Posts to `url`, which may be no more than a host, with `headers` beside the secrets of `site`.
    #[must_use]
    pub fn new((site, api): (Site, FileApi), url: &str, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        let bare = url.trim_end_matches('/');
        let host_only = bare.split_once("://").is_some_and(|(_, rest)| !rest.contains(['/', '?']));
        let url = if host_only { format!("{bare}{}", api.path()) } else { url.to_owned() };
        Self { site, api, url: url.into(), headers: headers.into() }
    }

    fn told(&self, body: &[u8]) -> Result<Result<Value, Fault>, String> {
        let json = || {
            serde_json::from_slice::<Value>(body).map_err(|error| format!("the answer is no JSON: {error}"))
        };
        match self.api {
            FileApi::Docling => docling(&json()?),
            FileApi::Unstructured => unstructured(&json()?).map(Ok),
            FileApi::Text => text(body),
        }
    }
}

/// What docling-serve says of a document.
fn docling(answer: &Value) -> Result<Result<Value, Fault>, String> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    let mut words: Vec<&str> = errors.filter_map(|error| error["error_message"].as_str()).collect();
    words.truncate(3);
    let failed = |kind, what: &str| {
        let message =
            if words.is_empty() { what.to_owned() } else { format!("{what}: {}", words.join("; ")) };
        Ok(Err(Fault::new(kind, message)))
    };
    match answer["status"].as_str() {
        Some("failure" | "skipped") => return failed(FaultKind::Malformed, "the service could not read it"),
        Some("partial_success") => {
            return failed(FaultKind::Incomplete, "the service read only a part of it");
        }
        _ => {}
    }
    let document = &answer["document"];
    let text = document["md_content"].as_str().or_else(|| document["text_content"].as_str());
    let text = text.ok_or("the answer has no document.md_content")?;
    Ok(Ok(json!({ "text": text })))
}

/// What the unstructured API says of a document: elements, page by page.
fn unstructured(answer: &Value) -> Result<Value, String> {
    let elements = answer.as_array().ok_or("the answer is no list of elements")?;
    let mut pages: Vec<(Option<u64>, String)> = Vec::new();
    for element in elements {
        let text = element["text"].as_str().ok_or("an element of the answer has no text")?.trim();
        let kind = element["type"].as_str().unwrap_or_default();
        if text.is_empty() || matches!(kind, "Header" | "Footer" | "PageNumber" | "PageBreak") {
            continue;
        }
        let number = element["metadata"]["page_number"].as_u64();
        if pages.last().is_none_or(|(last, _)| *last != number) {
            pages.push((number, String::new()));
        }
        let Some((_, page)) = pages.last_mut() else { continue };
        let (gap, mark) = match kind {
            "Title" => ("\n\n", "# "),
            "ListItem" => ("\n", "- "),
            _ => ("\n\n", ""),
        };
        page.push_str(if page.is_empty() { "" } else { gap });
        page.push_str(mark);
        page.push_str(text);
    }
    let numbered = pages.iter().any(|(number, _)| number.is_some());
    if !numbered {
        let all: Vec<String> = pages.into_iter().map(|(_, text)| text).collect();
        return Ok(json!({ "text": all.join("\n\n") }));
    }
    let pages: Vec<Value> =
        pages.into_iter().map(|(number, text)| json!({ "text": text, "number": number })).collect();
    Ok(json!({ "pages": pages }))
}

/// What a service of one's own says.
fn text(body: &[u8]) -> Result<Result<Value, Fault>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let told = serde_json::from_str::<Value>(text).ok();
    let told = told.filter(|told| told.get("text").is_some() || told.get("pages").is_some());
    Ok(Ok(told.unwrap_or_else(|| json!({ "text": text }))))
}

/// The part of a name that no form misreads.
fn plain(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let from = file.char_indices().rev().nth(99).map_or(0, |(at, _)| at);
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let plain: String = file[from..].chars().map(|c| if kept(c) { c } else { '_' }).collect();
    if plain.is_empty() { "document".to_owned() } else { plain }
}

impl Codec for WebFile {
    type Item = FileCall;
    type Answer = Arc<Value>;

    fn key(&self, item: &FileCall) -> Option<ContentHash> {
        // The name tells some services the format.
        let name = plain(&item.name);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let headers =
            self.headers.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        let parts: Vec<&[u8]> =
            [self.url.as_bytes(), extension.as_bytes(), &item.bytes].into_iter().chain(headers).collect();
        Some(reply_key("file", self.api.name(), &parts))
    }

    fn estimate(&self, items: &[FileCall]) -> Charge {
        Charge { inputs: items.len() as u64, ..Charge::default() }
    }

    fn shape(&self) -> Shape {
        Shape { items: 1, ..Shape::default() }
    }

    fn encode(&self, items: &[FileCall]) -> Result<HttpRequest, Fault> {
        let [item] = items else {
            return Err(Fault::new(FaultKind::Internal, format!("{} files in one request", items.len())));
        };
        let (kind, body) = match self.api {
            FileApi::Text => ("application/octet-stream".to_owned(), item.bytes.clone()),
            api => form(api.fields(), item),
        };
        let mut request = self.site.request((Method::POST, &self.url), &self.headers, body);
        let kind = HeaderValue::try_from(kind)
            .map_err(|error| Fault::new(FaultKind::Internal, "a content type").cause(error))?;
        request.headers.insert(CONTENT_TYPE, kind);
        Ok(request)
    }

    fn decode(&self, items: &[FileCall], answer: &Answer) -> Result<Reply<Arc<Value>>, Refusal> {
        if !answer.head.status.is_success() {
            return Err(self.site.refusal(answer, None));
        }
        let told = self.told(&answer.body).map_err(|wrong| self.site.refusal(answer, Some(&wrong)))?;
        let told = told.map(Arc::new);
        Ok(Reply { answers: items.iter().map(|_| told.clone()).collect(), usage: None, model: None })
    }
}

/// A form with a file in it. What parts it is named after the file's content, so that no file can hold it.
fn form(fields: &[(&str, &str)], item: &FileCall) -> (String, Bytes) {
    let boundary = format!("tidegate-{}", &ContentHash::of(&item.bytes).to_hex()[..32]);
    let mut body = Vec::with_capacity(item.bytes.len() + 1_024);
    for (name, value) in fields {
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .as_bytes(),
        );
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n",
        plain(&item.name)
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&item.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::golden;

    fn codec(api: FileApi) -> WebFile {
        WebFile::new((Site::default(), api), "http://localhost:5001/", Vec::new())
    }

    fn call(name: &str, bytes: &[u8]) -> FileCall {
        FileCall { name: name.into(), bytes: bytes.to_vec().into() }
    }

    /// What is made of an answer: the value, the record's fault, or the refusal.
    fn read(api: FileApi, status: u16, body: &str) -> Result<Value, String> {
        let answer = golden::answer(status, &[], body.to_owned());
        let reply = codec(api).decode(&[call("a.pdf", b"x")], &answer);
        let reply = reply.map_err(|refusal| format!("{:?}: {}", refusal.kind, refusal.message))?;
        let value = reply.answers.into_iter().next().unwrap();
        value.map(|value| (*value).clone()).map_err(|fault| format!("{}: {fault}", fault.kind().name()))
    }

    #[test]
    fn files_are_posted_as_each_service_expects() {
        let form = codec(FileApi::Docling).encode(&[call("dir/a \"b\".pdf", b"%PDF\r\n--x")]).unwrap();
        assert_eq!(form.url, "http://localhost:5001/v1/convert/file");
        let kind = form.headers[CONTENT_TYPE].to_str().unwrap().to_owned();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let body = String::from_utf8(form.body.to_vec()).unwrap();
        assert!(body.contains("name=\"files\"; filename=\"a__b_.pdf\"\r\n"), "{body}");
        assert!(body.contains("name=\"to_formats\"\r\n\r\nmd\r\n"), "{body}");
        assert!(body.ends_with(&format!("\r\n%PDF\r\n--x\r\n--{boundary}--\r\n")), "{body}");
        let other = codec(FileApi::Unstructured).encode(&[call("a", b"x")]).unwrap();
        assert_eq!(other.url, "http://localhost:5001/general/v0/general");
        let plain = codec(FileApi::Text).encode(&[call("a", b"x")]).unwrap();
        assert_eq!(
            (plain.body.as_ref(), plain.headers[CONTENT_TYPE].as_bytes()),
            (&b"x"[..], &b"application/octet-stream"[..])
        );
        let own = WebFile::new((Site::default(), FileApi::Docling), "https://h/my/way?x=1", Vec::new());
        assert_eq!(own.encode(&[call("a", b"")]).unwrap().url, "https://h/my/way?x=1");
    }

    #[test]
    fn answers_of_each_service_become_one_form() {
        let good = r##"{"document": {"md_content": "# A"}, "status": "success", "errors": []}"##;
        assert_eq!(read(FileApi::Docling, 200, good).unwrap(), json!({ "text": "# A" }));
        let elements = json!([
            {"type": "Header", "text": "page head", "metadata": {"page_number": 1}},
            {"type": "Title", "text": "One", "metadata": {"page_number": 1}},
            {"type": "ListItem", "text": "item", "metadata": {"page_number": 1}},
            {"type": "NarrativeText", "text": "two", "metadata": {"page_number": 2}},
        ]);
        let pages =
            json!({ "pages": [{"text": "# One\n- item", "number": 1}, {"text": "two", "number": 2}] });
        assert_eq!(read(FileApi::Unstructured, 200, &elements.to_string()).unwrap(), pages);
        let bare = json!([{"type": "Title", "text": "One"}, {"text": "two"}]).to_string();
        assert_eq!(read(FileApi::Unstructured, 200, &bare).unwrap(), json!({ "text": "# One\n\ntwo" }));
        assert_eq!(read(FileApi::Text, 200, "# A").unwrap(), json!({ "text": "# A" }));
        assert_eq!(read(FileApi::Text, 200, "{\"pages\": [\"a\"]}").unwrap(), json!({ "pages": ["a"] }));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let failed = r#"{"document": {}, "status": "failure", "errors": [{"error_message": "bad xref"}]}"#;
        assert!(
            read(FileApi::Docling, 200, failed)
                .unwrap_err()
                .contains("malformed: the service could not read it: bad xref")
        );
        let partial = r#"{"document": {"md_content": "x"}, "status": "partial_success"}"#;
        assert!(read(FileApi::Docling, 200, partial).unwrap_err().starts_with("incomplete"));
        for (api, body) in [
            (FileApi::Docling, "{}"),
            (FileApi::Docling, "<html>"),
            (FileApi::Docling, "[]"),
            (FileApi::Unstructured, "{}"),
            (FileApi::Unstructured, "[1]"),
            (FileApi::Unstructured, ""),
        ] {
            assert!(read(api, 200, body).unwrap_err().starts_with("BadResponse"), "{body}");
        }
        assert!(read(FileApi::Text, 422, "no such format").unwrap_err().contains("no such format"));
        assert!(read(FileApi::Docling, 500, "boom").unwrap_err().starts_with("Unavailable"));
    }

    #[test]
    fn the_same_file_is_the_same_question() {
        let key = |api, name, bytes| codec(api).key(&call(name, bytes)).unwrap();
        let first = key(FileApi::Text, "a/b.pdf", b"x");
        assert_eq!(first, key(FileApi::Text, "c.pdf", b"x"));
        assert_ne!(first, key(FileApi::Text, "c.doc", b"x"));
        assert_ne!(first, key(FileApi::Text, "c.pdf", b"y"));
        assert_ne!(first, key(FileApi::Docling, "c.pdf", b"x"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in ".{0,80}", at in 0usize..3) {
            let api = [FileApi::Docling, FileApi::Unstructured, FileApi::Text][at];
            let _ = read(api, 200, &body);
        }

        #[test]
        fn names_are_plain(name in ".{0,120}") {
            prop_assert!(plain(&name).chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)));
        }
    }
}
