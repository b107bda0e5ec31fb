use super::*;
use crate::provider::span::Span;

#[test]
fn the_empty_script_is_the_default() {
    assert_eq!(Script::from_toml("").unwrap(), Script::default());
}

#[test]
fn every_act_reads_as_its_name_says() {
    let text = r#"
        [[faults]]
        when = { probability = 0.05, from = "10s", to = "1m" }
        act = { too_many = { hint = "fractional_seconds", wait = "1.5s" } }
        [[faults]]
        when = { every = 20 }
        act = "reset_before_reading"
        [[faults]]
        act = { too_many = { hint = { header = ["retry-after", "soon"] } } }
        [[faults]]
        act = { hang_mid_body = {} }
    "#;
    let faults = Script::from_toml(text).unwrap().faults;
    let hint = Hint::FractionalSeconds;
    assert_eq!(faults[0].act, Act::TooMany { hint, wait: Some(Span::from_millis(1_500)) });
    assert_eq!(faults[0].when.to, Some(Span::from_secs(60)));
    assert_eq!(faults[1].act, Act::ResetBeforeReading);
    assert_eq!(faults[3].act, Act::HangMidBody { after: None });
}

#[test]
fn what_is_unknown_or_out_of_range_is_refused_by_name() {
    for (text, named) in [
        ("latencies = 1", "latencies"),
        ("[latency]\nbase = { fixed = 50 }", "50"),
        ("[latency]\nbase = { fixed = '50' }", "50ms, 2s"),
        ("[latency]\nbase = { log_normal = { p50 = '0s', p99 = '1s' } }", "p50"),
        ("[[faults]]\nact = { status = { code = 503, text = 'x' } }", "text"),
        ("[[faults]]\nact = { status = { code = 200 } }", "400 to 599"),
        ("[[faults]]\nwhen = { probability = 1.5 }\nact = 'html'", "probability"),
        ("[[faults]]\nwhen = { sometimes = 1 }\nact = 'html'", "sometimes"),
        ("[[faults]]\nact = 'explode'", "explode"),
        ("[[limits]]\nunit = 'requests'\namount = 0", "amount"),
        ("[[limits]]\nunit = 'beans'\namount = 1", "beans"),
        ("[knee]\nat = 0", "knee"),
    ] {
        let error = Script::from_toml(text).unwrap_err();
        assert!(error.contains(named), "{text}: {error}");
    }
}
