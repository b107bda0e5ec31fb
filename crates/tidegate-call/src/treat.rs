//! What a failed try means: for the lane, for the record, and for what is done next. The only place that decides.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tidegate_core::{Fault, FaultKind, Quota, Refusal, RefusalKind, WireFault, WireFaultKind};

use crate::lane::FailureKind;
use crate::settings::CallSettings;

/// Why a try brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The service answered so.
    Refused(RefusalKind),
    /// No whole answer came.
    Lost(WireFaultKind),
}

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Wait and send again. No record is to blame, however often.
    Wait,
    /// Send again. Blames the record only where the lane answered others meanwhile: an outage looks the same.
    Doubt,
    /// Send again twice at most. Blames the record unless the lane answers others as badly.
    Mistrust,
    /// Send again once, then stop: it does not pass by itself, but may be half of a change being made.
    Once,
    /// Fewer records at once; a single one is at fault.
    Part,
    /// Stop until somebody acts.
    Stop,
}

/// The table. Each row: what happened, what the lane is told, what is done next.
pub(crate) fn treat(cause: Cause) -> (FailureKind, Remedy) {
    use FailureKind as F;
    use RefusalKind as R;
    use WireFaultKind as W;
    match cause {
        Cause::Refused(kind) => match kind {
            R::RateLimited => (F::RateLimited, Remedy::Wait),
            R::Overloaded => (F::Overloaded, Remedy::Wait),
            R::BadResponse => (F::BadResponse, Remedy::Mistrust),
            R::BadRequest | R::TooLarge => (F::Refused, Remedy::Part),
            R::Unauthorised | R::NotFound | R::Exhausted => (F::Blocked, Remedy::Stop),
            // A kind not known here is a failure of the service: the record is kept until it is known.
            R::Unavailable | _ => (F::Unavailable, Remedy::Doubt),
        },
        Cause::Lost(kind) => match kind {
            W::Dns | W::ConnectRefused | W::Connect | W::ConnectTimeout => (F::Wire(kind), Remedy::Wait),
            W::Tls => (F::Wire(kind), Remedy::Once),
            W::NotHttp | W::TooLarge => (F::Wire(kind), Remedy::Mistrust),
            W::BadUrl | W::Proxy => (F::Blocked, Remedy::Stop),
            W::Forbidden => (F::Refused, Remedy::Part),
            W::Reset | W::Cut => (F::Wire(kind), Remedy::Doubt),
            // The timeouts, and kinds not known here.
            _ => (F::Wire(kind), Remedy::Doubt),
        },
    }
}

/// A failed try, with everything worth telling.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Why.
    pub(crate) cause: Cause,
    /// The service's words, or the system's.
    pub(crate) message: String,
    /// The status, where there was one.
    pub(crate) status: Option<u16>,
    /// How long the service asks to wait.
    pub(crate) wait: Option<Duration>,
    /// The service's name for the request.
    pub(crate) request_id: Option<String>,
    /// The first bytes of what came.
    pub(crate) excerpt: Bytes,
    /// What the head said of limits.
    pub(crate) quotas: Vec<Quota>,
}

impl Failure {
    /// A refusal, with what its head says.
    pub(crate) fn refused(refusal: Refusal, quotas: Vec<Quota>) -> Self {
        Self {
            cause: Cause::Refused(refusal.kind),
            message: refusal.message,
            status: Some(refusal.status),
            wait: refusal.wait,
            request_id: refusal.request_id,
            excerpt: refusal.excerpt,
            quotas,
        }
    }

    /// A loss on the way.
    pub(crate) fn lost(fault: WireFault) -> Self {
        Self {
            cause: Cause::Lost(fault.kind),
            message: fault.message,
            status: None,
            wait: None,
            request_id: None,
            excerpt: Bytes::new(),
            quotas: Vec::new(),
        }
    }

    /// Whether the service may have done what it was asked, although no answer says so.
    pub(crate) fn may_have_been_served(&self) -> bool {
        match self.cause {
            Cause::Refused(kind) => matches!(kind, RefusalKind::Unavailable | RefusalKind::BadResponse),
            Cause::Lost(kind) => kind.may_have_been_served(),
        }
    }

    /// The fault of the lane: nobody's record. `worked` says whether the lane was ever answered: a key, a model or an
    /// address that never worked is a wrong setting, and nothing that would pass.
    pub(crate) fn lane_fault(&self, settings: &CallSettings, worked: bool) -> Fault {
        let kind = match self.cause {
            Cause::Refused(RefusalKind::Unauthorised | RefusalKind::NotFound) if !worked => FaultKind::Config,
            Cause::Refused(RefusalKind::RateLimited) => FaultKind::RateLimited,
            Cause::Refused(RefusalKind::Unauthorised | RefusalKind::NotFound | RefusalKind::Exhausted)
            | Cause::Lost(WireFaultKind::Tls) => FaultKind::Blocked,
            Cause::Lost(WireFaultKind::BadUrl) => FaultKind::Config,
            Cause::Lost(WireFaultKind::Proxy) if !worked => FaultKind::Config,
            Cause::Lost(WireFaultKind::Proxy) => FaultKind::Blocked,
            Cause::Lost(kind) if kind.is_timeout() => FaultKind::Timeout,
            _ => FaultKind::Unavailable,
        };
        let mut fault = Fault::new(kind, self.words());
        if let Some(wait) = self.wait {
            fault = fault.wait(wait);
        }
        if let Some(hint) = self.hint(settings) {
            fault = fault.hint(hint);
        }
        fault
    }

    /// The fault of the one record that was sent, after `tries`.
    pub(crate) fn item_fault(&self, tries: u32) -> Fault {
        let kind = match self.cause {
            Cause::Refused(RefusalKind::TooLarge) => FaultKind::TooLarge,
            Cause::Lost(WireFaultKind::Forbidden) => FaultKind::Forbidden,
            Cause::Refused(RefusalKind::BadResponse)
            | Cause::Lost(WireFaultKind::NotHttp | WireFaultKind::TooLarge) => FaultKind::BadResponse,
            _ => FaultKind::Refused,
        };
        Fault::new(kind, self.words()).cause(Particulars {
            tries,
            request_id: self.request_id.clone(),
            excerpt: String::from_utf8_lossy(&self.excerpt).into_owned(),
        })
    }

    fn words(&self) -> String {
        match self.status {
            Some(status) => format!("{status}: {}", self.message),
            None => self.message.clone(),
        }
    }

    fn hint(&self, settings: &CallSettings) -> Option<String> {
        let fixed = match self.cause {
            Cause::Refused(RefusalKind::Unauthorised) => return settings.key_hint.clone(),
            Cause::Refused(RefusalKind::NotFound) => "check the model's name and the base URL",
            Cause::Refused(RefusalKind::Exhausted) => "raise the quota or add credit, then run again",
            Cause::Lost(WireFaultKind::Tls) => {
                "check the base URL; a private certificate authority must be among the system's or in SSL_CERT_FILE"
            }
            Cause::Lost(WireFaultKind::BadUrl) => "correct the base URL",
            Cause::Lost(WireFaultKind::Proxy) => {
                "set http_proxy or https_proxy as http://user:password@host:port, or list the host in no_proxy"
            }
            Cause::Lost(WireFaultKind::Dns) => "check the host in the base URL, and the network",
            Cause::Lost(WireFaultKind::ConnectRefused) => "check that the service runs there",
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}

/// What the quarantine keeps beside the words.
#[derive(Debug)]
struct Particulars {
    tries: u32,
    request_id: Option<String>,
    excerpt: String,
}

impl fmt::Display for Particulars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} {}", self.tries, if self.tries == 1 { "try" } else { "tries" })?;
        if let Some(id) = &self.request_id {
            write!(f, "; request id {id}")?;
        }
        if !self.excerpt.is_empty() {
            write!(f, "; the answer began: {}", self.excerpt)?;
        }
        Ok(())
    }
}

impl std::error::Error for Particulars {}

#[cfg(test)]
mod tests {
    use tidegate_core::{Advice, advise};

    use super::*;

    const REFUSALS: [(RefusalKind, Remedy); 9] = [
        (RefusalKind::RateLimited, Remedy::Wait),
        (RefusalKind::Overloaded, Remedy::Wait),
        (RefusalKind::Unavailable, Remedy::Doubt),
        (RefusalKind::BadResponse, Remedy::Mistrust),
        (RefusalKind::BadRequest, Remedy::Part),
        (RefusalKind::TooLarge, Remedy::Part),
        (RefusalKind::Unauthorised, Remedy::Stop),
        (RefusalKind::NotFound, Remedy::Stop),
        (RefusalKind::Exhausted, Remedy::Stop),
    ];

    const LOSSES: [(WireFaultKind, Remedy); 17] = [
        (WireFaultKind::Forbidden, Remedy::Part),
        (WireFaultKind::BadUrl, Remedy::Stop),
        (WireFaultKind::Proxy, Remedy::Stop),
        (WireFaultKind::Dns, Remedy::Wait),
        (WireFaultKind::ConnectRefused, Remedy::Wait),
        (WireFaultKind::Connect, Remedy::Wait),
        (WireFaultKind::ConnectTimeout, Remedy::Wait),
        (WireFaultKind::Tls, Remedy::Once),
        (WireFaultKind::Reset, Remedy::Doubt),
        (WireFaultKind::FirstByteTimeout, Remedy::Doubt),
        (WireFaultKind::FirstTokenTimeout, Remedy::Doubt),
        (WireFaultKind::IdleTimeout, Remedy::Doubt),
        (WireFaultKind::TokenTimeout, Remedy::Doubt),
        (WireFaultKind::TotalTimeout, Remedy::Doubt),
        (WireFaultKind::Cut, Remedy::Doubt),
        (WireFaultKind::NotHttp, Remedy::Mistrust),
        (WireFaultKind::TooLarge, Remedy::Mistrust),
    ];

    fn failure(cause: Cause) -> Failure {
        Failure {
            cause,
            message: "words".to_owned(),
            status: Some(400),
            wait: None,
            request_id: Some("req_1".to_owned()),
            excerpt: Bytes::from_static(b"{\"error\":"),
            quotas: Vec::new(),
        }
    }

    fn every_cause() -> impl Iterator<Item = (Cause, Remedy)> {
        let refused = REFUSALS.into_iter().map(|(kind, remedy)| (Cause::Refused(kind), remedy));
        refused.chain(LOSSES.into_iter().map(|(kind, remedy)| (Cause::Lost(kind), remedy)))
    }

    #[test]
    fn every_failure_has_its_remedy() {
        for (cause, remedy) in every_cause() {
            assert_eq!(treat(cause).1, remedy, "{cause:?}");
        }
    }

    #[test]
    fn the_lane_learns_what_happened() {
        for (cause, remedy) in every_cause() {
            let kind = treat(cause).0;
            assert_eq!(kind == FailureKind::Blocked, remedy == Remedy::Stop, "{cause:?}");
            assert_eq!(kind == FailureKind::Refused, remedy == Remedy::Part, "{cause:?}");
            if let (Cause::Lost(lost), FailureKind::Wire(told)) = (cause, kind) {
                assert_eq!(lost, told);
            }
        }
    }

    #[test]
    fn a_lane_fault_never_quarantines_and_a_record_fault_always_does() {
        let settings = CallSettings { key_hint: Some("set KEY".to_owned()), ..CallSettings::default() };
        for (cause, remedy) in every_cause() {
            let of_lane = failure(cause).lane_fault(&settings, true);
            let advice = advise(&of_lane);
            assert_ne!(advice, Advice::Quarantine, "{cause:?}");
            let stops = remedy == Remedy::Stop || remedy == Remedy::Once;
            assert_eq!(advice == Advice::StopRun, stops, "{cause:?}");
            assert_eq!(advise(&failure(cause).item_fault(1)), Advice::Quarantine, "{cause:?}");
        }
    }

    #[test]
    fn whoever_must_act_is_told_how() {
        let settings = CallSettings { key_hint: Some("set KEY".to_owned()), ..CallSettings::default() };
        for (cause, remedy) in every_cause() {
            if remedy == Remedy::Stop || remedy == Remedy::Once {
                assert!(failure(cause).lane_fault(&settings, true).hint_text().is_some(), "{cause:?}");
            }
        }
        let key = failure(Cause::Refused(RefusalKind::Unauthorised)).lane_fault(&settings, true);
        assert_eq!(key.hint_text(), Some("set KEY"));
    }

    #[test]
    fn the_quarantine_gets_the_particulars() {
        let fault = failure(Cause::Refused(RefusalKind::BadRequest)).item_fault(2);
        assert_eq!(
            fault.to_string(),
            "400: words: after 2 tries; request id req_1; the answer began: {\"error\":"
        );
    }
}
