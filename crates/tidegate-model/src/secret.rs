//! A text that must never be printed, and how it is taken out of what others print.

use std::sync::Arc;

use http::HeaderValue;
use tidegate_core::{ContentHash, Fault, FaultKind};

/// What stands where a secret stood.
const REDACTED: &str = "[redacted]";
/// Secrets shorter than this are placeholders, such as the `x` that keyless servers are given; taking them out
/// would take words apart.
const LEAST: usize = 4;
/// This many characters in a row of a secret are as good as a secret: services echo keys cut and masked.
const RUN: usize = 12;

/// A key or password. It has no `Debug`, `Display` or `Serialize` that shows it; only headers get it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes `text`, without white space around it: keys come from files that end with a newline.
    ///
    /// # Errors
    /// It is empty, or holds what no header may hold. The error does not show it.
    pub fn new(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Fault::new(FaultKind::Config, "the key is empty"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(Fault::new(FaultKind::Config, "the key holds characters that no header may hold")
                .hint("copy the key again, without quotes or line breaks"));
        }
        Ok(Self(text.into()))
    }

    /// `prefix` and the secret as a header value that prints as `Sensitive`.
    pub fn header(&self, prefix: &str) -> HeaderValue {
        let mut value =
            HeaderValue::try_from(format!("{prefix}{}", self.0)).expect("a secret holds visible ASCII only");
        value.set_sensitive(true);
        value
    }

    /// The first digits of a hash of the secret: enough to tell lanes of two keys apart, useless to guess a key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        ContentHash::of_parts(&[b"tidegate key", self.0.as_bytes()]).to_hex()[..8].to_owned()
    }

    /// `text` without the secret, whole, masked or cut.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut hidden = vec![false; text.len()];
        let escaped = self.0.replace('/', "\\/");
        let forms: &[&str] = if escaped == *self.0 { &[&self.0] } else { &[&self.0, &escaped] };
        for form in forms.iter().filter(|form| form.len() >= LEAST) {
            for run in form.as_bytes().windows(form.len().min(RUN)) {
                for at in memchr::memmem::find_iter(text.as_bytes(), run) {
                    hidden[at..at + run.len()].fill(true);
                }
            }
        }
        cover(text, &hidden)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

/// `text` with one mark in place of each hidden run. Secrets are ASCII, so runs begin and end at characters.
fn cover(text: &str, hidden: &[bool]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = false;
    for (at, character) in text.char_indices() {
        match (hidden[at], before) {
            (true, false) => shown.push_str(REDACTED),
            (true, true) => {}
            (false, _) => shown.push(character),
        }
        before = hidden[at];
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new(" sk-proj-0123456789abcdef\n").unwrap();
        let header = secret.header("Bearer ");
        assert_eq!(header.as_bytes(), b"Bearer sk-proj-0123456789abcdef");
        assert!(!format!("{secret:?} {header:?}").contains("0123"));
    }

    #[test]
    fn what_a_service_echoes_of_a_key_is_taken_out() {
        let secret = Secret::new("sk-proj-0123456789abcdef").unwrap();
        for (said, shown) in [
            ("bad key sk-proj-0123456789abcdef.", "bad key [redacted]."),
            ("bad key sk-proj-01234567***", "bad key [redacted]***"),
            ("…456789abcdef", "…[redacted]"),
            ("sk-proj-0123456789abcdefsk-proj-0123456789abcdef", "[redacted]"),
            ("sk-proj is how keys begin", "sk-proj is how keys begin"),
            ("", ""),
        ] {
            assert_eq!(secret.redact(said), shown);
        }
        let slashed = Secret::new("ab/cd/ef").unwrap();
        assert_eq!(slashed.redact(r#"{"k":"ab\/cd\/ef"}"#), r#"{"k":"[redacted]"}"#);
        assert_eq!(Secret::new("x").unwrap().redact("x of y"), "x of y");
    }

    #[test]
    fn what_no_header_may_hold_is_refused_unseen() {
        for text in ["", "  \n", "a\nb-secret", "schlüssel-secret", "a\0secret"] {
            let fault = Secret::new(text).err().unwrap();
            assert_eq!(fault.kind(), FaultKind::Config);
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
    }
}
