//! Tests of what rules refuse, and of the room for series.

use super::*;
use crate::config::Check;

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    let told = |violation: crate::config::Violation| {
        let help = violation.help.map_or(String::new(), |help| format!(" ({help})"));
        format!("{}: {}{help}", violation.key, violation.message)
    };
    config(text).check().into_iter().map(told).collect()
}

#[test]
fn rules_that_could_not_be_met_or_would_always_be_are_refused() {
    let rule = |conditions: &str| mistakes(&format!("[rule.a]\nseries='a'\nstatistic='mean'\n{conditions}"));
    assert_eq!(rule("above = 5\nclears_at = 5\nfor = 3\nrepeat_every = '5m'\nseverity = 'warning'"), [""; 0]);
    assert_eq!(
        rule(""),
        [
            "rule.a.series: has no condition that could be met (give above, below, rises_by, falls_by or absent_after)"
        ]
    );
    assert_eq!(
        rule("above = 5\nclears_at = 6"),
        ["rule.a.clears_at: is more than above = 5: an alert would be over as it begins"]
    );
    assert_eq!(
        rule("below = 5\nclears_at = 4"),
        ["rule.a.clears_at: is less than below = 5: an alert would be over as it begins"]
    );
    assert_eq!(
        rule("above = 5\nbelow = 6"),
        ["rule.a.below: is more than above = 5: every value would be wrong"]
    );
    assert_eq!(
        rule("above = 5\nbelow = 1\nclears_at = 3"),
        ["rule.a.clears_at: needs either `above` or `below` (make a rule of each)"]
    );
    assert_eq!(
        rule("absent_after = 0\nfor = 2\nover = 3"),
        [
            "rule.a.absent_after: must be a number of flushes from 1 to 1000000",
            "rule.a.over: needs `rises_by` or `falls_by`",
            "rule.a.for: needs `above`, `below`, `rises_by` or `falls_by`",
        ]
    );
    assert_eq!(
        rule("rises_by = 0\nfalls_by = -1\nover = 1441"),
        [
            "rule.a.rises_by: must be a number of percent above 0",
            "rule.a.falls_by: must be a number of percent above 0",
            "rule.a.over: must be a number of flushes from 1 to 1440",
        ]
    );
}

#[test]
fn what_is_no_rule_at_all_is_refused_with_the_way_out() {
    assert_eq!(
        mistakes("max_series = 0"),
        [
            "rule: must have a table for an alert at least ([SECTION.rule.ANY_NAME] with its series, statistic and \
         condition)",
            "max_series: must be a number from 1 to 1000000",
        ]
    );
    let text = "[rule.a]\nseries='a['\nstatistic='uper'\nabove=nan\nrepeat_every=0\nseverity='loud'";
    assert_eq!(
        mistakes(text),
        [
            "rule.a.series: error parsing glob 'a[': unclosed character class; missing ']'",
            "rule.a.statistic: \"uper\" is a statistic of no kind of series (did you mean `upper`?)",
            "rule.a.severity: \"loud\" is no severity: 0 to 7, or emerg, alert, crit, err, warning, notice, info, debug",
            "rule.a.above: must be a finite number",
            "rule.a.repeat_every: must be longer than 0 (leave it out to be told when an alert begins and when it is over)",
        ]
    );
}
