//! Which faults happen to a request.

use std::time::Duration;

use crate::provider::request::Request;
use crate::provider::rng::Rng;
use crate::provider::script::{Act, Fault, Script};
use crate::provider::wire::Asked;

/// What a rule can look at.
pub(in crate::provider) struct Facts<'a> {
    pub(in crate::provider) number: u64,
    pub(in crate::provider) now: Duration,
    pub(in crate::provider) request: &'a Request,
    /// What it asks for, if that could be read.
    pub(in crate::provider) asked: Option<&'a Asked>,
    /// How many requests with the same texts have come, this one among them.
    pub(in crate::provider) tried: u32,
}

/// All acts whose conditions the request fulfils, in the order of the script.
pub(in crate::provider) fn matching<'a>(script: &'a Script, facts: &Facts<'_>) -> Vec<&'a Act> {
    let hit = |(n, fault): (usize, &'a Fault)| {
        (unread(script.seed, n, fault, facts.number, facts.now) && read(fault, facts)).then_some(&fault.act)
    };
    script.faults.iter().enumerate().filter_map(hit).collect()
}

/// Whether a rule resets the connection of a request before anything of it is read.
pub(in crate::provider) fn matching_unread(script: &Script, number: u64, now: Duration) -> bool {
    script.faults.iter().enumerate().any(|(n, fault)| {
        let blind = &fault.when;
        fault.act == Act::ResetBeforeReading
            && blind.tries.is_none()
            && blind.model.is_none()
            && blind.path.is_none()
            && blind.text.is_none()
            && unread(script.seed, n, fault, number, now)
    })
}

/// The conditions that can be judged without reading. The draw depends on rule and request alone, so that asking
/// twice gives the same answer.
fn unread(seed: u64, rule: usize, fault: &Fault, number: u64, now: Duration) -> bool {
    let when = &fault.when;
    let drawn = |share: f64| Rng::for_number(seed ^ ((rule as u64 + 1) << 48), number).unit() < share;
    when.every.is_none_or(|every| number.is_multiple_of(every))
        && (when.at.is_empty() || when.at.contains(&number))
        && when.after.is_none_or(|after| number > after)
        && when.from.is_none_or(|from| now >= from.0)
        && when.to.is_none_or(|to| now < to.0)
        && when.probability.is_none_or(drawn)
}

fn read(fault: &Fault, facts: &Facts<'_>) -> bool {
    let when = &fault.when;
    let asked = |test: &dyn Fn(&Asked) -> bool| facts.asked.is_some_and(test);
    when.tries.is_none_or(|tries| facts.tried <= tries)
        && when.path.as_ref().is_none_or(|part| facts.request.target.contains(part.as_str()))
        && when.model.as_ref().is_none_or(|model| asked(&|asked| asked.model == *model))
        && when.text.as_ref().is_none_or(|part| {
            asked(&|asked| asked.texts.iter().any(|text| text.text.contains(part.as_str())))
        })
}
