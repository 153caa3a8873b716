//! Traffic at random: whatever is sent, the three wirings agree and the books are settled.

use std::time::Duration;

use heka::pipeline::builtin;
use proptest::prelude::*;

use super::case::{Case, Place, Step};
use super::run::run_all;

const CONFIG: &str = r#"[statsd]
type = "StatsdInput"
lanes = 2
drop = ["dropped.*"]

[all]
type = "StatAccumFilter"
own_stats = true
percent_threshold = [50, -10]

[some]
type = "StatAccumFilter"
message_matcher = "Type == 'heka.statsample' && Fields[name] =~ /^[ab]/ && Fields[kind] != 'h'"
rules = "heka"
global_prefix = "some"
delete_idle_stats = true

[few]
type = "StatAccumFilter"
message_matcher = "Type == 'heka.statsample' && (Fields[value] > 3 || Payload =~ /#/)"
global_prefix = "few"
ticker_interval = 3
delete_gauges = true
exact_samples = 4
exact_members = 4

[CarbonOutput]
address = "127.0.0.1:2003"

[PrometheusOutput]
"#;

fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "a.b", "b/c", "c", "dropped.x", "", "\u{e9}"]);
    let tags = prop::sample::select(vec!["", "", "|#k:v", "|#z:1,k:v", "|#k:v,z:1", "|#k"]);
    let value = prop::sample::select(vec!["1", "2", "4", "0.5", "+3", "-1", "1e2", "x", "NaN", "1:2:7"]);
    let kind = prop::sample::select(vec!["c", "ms", "g", "g", "h", "d", "s", "m", "q"]);
    let rate = prop::sample::select(vec!["", "", "", "|@0.5", "|@0.25", "|@0", "|@2"]);
    prop_oneof![
        12 => (name, value, kind, rate, tags)
            .prop_map(|(name, value, kind, rate, tags)| format!("{name}:{value}|{kind}{rate}{tags}")),
        1 => "[a:|c#@\\\\1\\n-]{0,12}",
    ]
}

fn step(lanes: usize) -> impl Strategy<Value = Step> {
    let datagram = prop::collection::vec(line(), 0..8).prop_map(|lines| lines.join("\n").into_bytes());
    prop_oneof![
        4 => (0..lanes, datagram)
            .prop_map(|(lane, bytes)| Step::Send { input: "statsd".to_owned(), lane, bytes }),
        1 => (1_u64..12).prop_map(|seconds| Step::Advance(Duration::from_secs(seconds))),
        1 => (1_u64..40, any::<bool>())
            .prop_map(|(seconds, back)| Step::Clock { by: Duration::from_secs(seconds), back }),
    ]
}

fn agreed(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let place = |text: &str| Place::Written(text.to_owned());
    let case = Case {
        comment: String::new(),
        config: CONFIG.to_owned(),
        steps_text: String::new(),
        steps,
        expected: vec![(place("127.0.0.1:2003"), String::new())],
        ledger: String::new(),
    };
    let (_, wrong) = run_all(&case, &builtin()).map_err(TestCaseError::fail)?;
    prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_one_lane_sends_the_wirings_agree(steps in prop::collection::vec(step(1), 1..16)) {
        agreed(steps)?;
    }

    #[test]
    fn whatever_two_lanes_send_the_wirings_agree(steps in prop::collection::vec(step(2), 1..16)) {
        agreed(steps)?;
    }
}
