//! The same limit as the provider enforces it and as the call layer is told of it.

use tidegate_call::Limit as Known;
use tidegate_core::QuotaUnit;

use crate::provider::script::{Limit, Unit};

/// `limit` as a setting of a lane; none for limits on requests at once, which are concurrency.
pub(crate) fn known(limit: &Limit) -> Option<Known> {
    let unit = match limit.unit {
        Unit::Requests => QuotaUnit::Requests,
        Unit::Inputs => QuotaUnit::Inputs,
        Unit::Tokens => QuotaUnit::Tokens,
        Unit::InputTokens => QuotaUnit::InputTokens,
        Unit::OutputTokens => QuotaUnit::OutputTokens,
        Unit::Concurrent => return None,
    };
    Some(Known { unit, amount: limit.amount, per: limit.window.0, burst: Known::BURST })
}
