//! What a service refused and what was lost on the way, and whose fault that is.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use tidegate_core::{Fault, FaultKind, WireFault, WireFaultKind};

use super::bucket::Bucket;

/// An answer that is no good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    /// What the service calls it, such as `SlowDown`; empty where it does not say.
    pub(super) code: String,
    /// How long it asks to be left alone.
    pub(super) wait: Option<Duration>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if self.code.is_empty() { Ok(()) } else { write!(f, " {}", self.code) }
    }
}

impl StdError for Refused {}

/// A request that brought no whole answer.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    pub(super) fault: WireFault,
    /// Whether it was one for credentials.
    pub(super) keys: bool,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl StdError for Lost {}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Told {
    /// There is no such object.
    Gone,
    /// The object is not in the state that was asked for, or there is one where there should be none.
    Otherwise,
    /// It is wrong with the object alone, or with everything.
    Fault(Fault),
}

/// Makes of what the library says what it means. `alone` says that the request was about one object.
pub(super) fn told(error: &object_store::Error, bucket: &Bucket, alone: bool) -> Told {
    use object_store::Error as E;
    if let Some(refused) = find::<Refused>(error) {
        return refusal(refused, bucket, alone);
    }
    if let Some(lost) = find::<Lost>(error) {
        return Told::Fault(lost_fault(lost, bucket));
    }
    match error {
        E::NotFound { .. } => Told::Gone,
        E::Precondition { .. } | E::AlreadyExists { .. } => Told::Otherwise,
        // What is left is what the library itself does not understand: an answer that is none, or no credentials.
        _ => {
            let kind = if alone { FaultKind::BadResponse } else { FaultKind::Blocked };
            let message = format!("{} cannot be asked", bucket.root());
            Told::Fault(
                Fault::new(kind, message)
                    .hint(format!("credentials tried: {}", bucket.keys))
                    .cause(Words::of(error)),
            )
        }
    }
}

fn find<T: StdError + 'static>(error: &object_store::Error) -> Option<&T> {
    let mut at: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        at = error.source();
    }
    None
}

/// Codes of credentials that are no good, whatever is asked with them.
const BAD_KEYS: [&str; 10] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
    "AuthFailure",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "AuthorizationHeaderMalformed",
];
/// Codes of services that have too much to do.
const BUSY: [&str; 5] = ["SlowDown", "ServerBusy", "TooManyRequests", "RequestLimitExceeded", "Throttling"];
const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];

fn refusal(refused: &Refused, bucket: &Bucket, alone: bool) -> Told {
    let root = bucket.root();
    let code = refused.code.as_str();
    let fault = |kind, message: String, hint: String| {
        let mut fault = Fault::new(kind, format!("{refused}: {message}"));
        if !hint.is_empty() {
            fault = fault.hint(hint);
        }
        Told::Fault(match refused.wait {
            Some(wait) => fault.wait(wait),
            None => fault,
        })
    };
    let keys = || format!("credentials tried: {}", bucket.keys);
    match refused.status {
        404 if NO_BUCKET.contains(&code) || !alone => fault(
            FaultKind::Config,
            format!("there is no bucket {root}"),
            "correct its name, or its endpoint".into(),
        ),
        404 => Told::Gone,
        // 416: the object is shorter than the part that was asked for.
        409 | 412 | 416 => Told::Otherwise,
        429 => fault(FaultKind::RateLimited, format!("{root} asks for fewer requests"), String::new()),
        500.. if BUSY.contains(&code) => {
            fault(FaultKind::RateLimited, format!("{root} asks for fewer requests"), String::new())
        }
        408 | 500.. => fault(FaultKind::Unavailable, format!("{root} has trouble"), String::new()),
        301 | 302 | 307 | 308 | 400
            if matches!(code, "" | "PermanentRedirect" | "IllegalLocationConstraintException") && !alone =>
        {
            fault(
                FaultKind::Config,
                format!("{root} is in another region"),
                "give --region, or AWS_REGION".into(),
            )
        }
        _ if BAD_KEYS.contains(&code) => {
            fault(FaultKind::Blocked, format!("the credentials for {root} are not accepted"), keys())
        }
        401 | 403 if alone => {
            fault(FaultKind::Unreadable, format!("{root} does not let this object be read"), keys())
        }
        401 | 403 => {
            fault(FaultKind::Blocked, format!("{root} may not be used with these credentials"), keys())
        }
        _ if alone => fault(FaultKind::Refused, format!("{root} refuses the request"), String::new()),
        _ => fault(FaultKind::Blocked, format!("{root} refuses the request"), keys()),
    }
}

fn lost_fault(lost: &Lost, bucket: &Bucket) -> Fault {
    use WireFaultKind as K;
    let root = bucket.root();
    if lost.keys {
        return Fault::new(FaultKind::Blocked, format!("there are no credentials for {root}"))
            .hint(format!("tried: {}; for a public bucket, anonymous = true in [source]", bucket.keys))
            .cause(lost.clone());
    }
    let (kind, hint) = match lost.fault.kind {
        K::Forbidden => {
            (FaultKind::Config, "--allow-private also reads from this machine and private networks")
        }
        K::BadUrl => (FaultKind::Config, "correct the endpoint"),
        K::Tls => (FaultKind::Blocked, "the endpoint's certificate is not to be trusted; is its name right?"),
        K::Proxy => (FaultKind::Blocked, "look at the proxy"),
        kind if kind.is_timeout() => (FaultKind::Timeout, ""),
        _ => (FaultKind::Unavailable, ""),
    };
    let fault = Fault::new(kind, format!("{root} cannot be reached")).cause(lost.clone());
    if hint.is_empty() { fault } else { fault.hint(hint) }
}

/// The words of an error that cannot be kept itself, of bounded length and without what a terminal would obey.
#[derive(Debug)]
struct Words(String);

impl Words {
    fn of(error: &object_store::Error) -> Self {
        Self(error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Words {}
