//! Tests of when alerts begin, go on and end.

use super::*;

const QUIET: Conditions = Conditions {
    above: None,
    below: None,
    clears_at: None,
    rises_by: None,
    falls_by: None,
    over: 1,
    for_flushes: 1,
    absent_after: None,
    repeat_every: None,
    gives_up_after: 60,
};

/// What is told of values ten seconds apart, as `STATE BREACH VALUE xFLUSHES since SECOND at SECOND`; no number is no value.
fn told(rule: &Conditions, values: &[f64]) -> Vec<String> {
    let readings = values.iter().map(|&value| {
        let value = Some(value).filter(|value| !value.is_nan());
        Reading { value, sampled: value.is_some(), present: value.is_some() }
    });
    run(rule, readings).0
}

fn run(rule: &Conditions, readings: impl IntoIterator<Item = Reading>) -> (Vec<String>, u64) {
    let (mut standing, mut outcome, mut lines) = (Standing::default(), Outcome::default(), Vec::new());
    for (place, reading) in readings.into_iter().enumerate() {
        let at = (place as i64 + 1) * 10;
        standing.take(rule, reading, Stamp::from_seconds(at), &mut outcome);
        for Event { state, breach, value, since, flushes } in outcome.events.drain(..) {
            let value = value.map_or("-".to_owned(), |value| value.to_string());
            let since = since.seconds();
            lines.push(format!("{state:?} {breach:?} {value} x{flushes} since {since} at {at}"));
        }
    }
    (lines, outcome.held_back)
}

const NONE: f64 = f64::NAN;

#[test]
fn an_alert_begins_above_the_threshold_and_ends_at_it() {
    let rule = Conditions { above: Some(5.0), ..QUIET };
    assert_eq!(
        told(&rule, &[5.0, 6.0, 7.0, 5.0, 4.0]),
        ["Firing Above 6 x1 since 20 at 20", "Resolved Above 5 x2 since 20 at 40",]
    );
    let rule = Conditions { below: Some(5.0), ..QUIET };
    assert_eq!(
        told(&rule, &[5.0, f64::NEG_INFINITY, 5.0]),
        ["Firing Below -inf x1 since 20 at 20", "Resolved Below 5 x1 since 20 at 30",]
    );
}

#[test]
fn so_many_flushes_in_a_row_must_be_wrong() {
    let rule = Conditions { above: Some(5.0), for_flushes: 3, ..QUIET };
    assert_eq!(told(&rule, &[6.0, 6.0, 1.0, 6.0, 6.0, 6.0, 6.0]), ["Firing Above 6 x3 since 40 at 60"]);
    // One without a value begins anew.
    assert_eq!(told(&rule, &[6.0, 6.0, NONE, 6.0, 6.0]), [""; 0]);
}

#[test]
fn an_alert_goes_on_until_it_is_back_where_it_clears() {
    let rule = Conditions { above: Some(5.0), clears_at: Some(2.0), ..QUIET };
    assert_eq!(
        told(&rule, &[6.0, 4.0, 2.5, 2.0, 4.0]),
        ["Firing Above 6 x1 since 10 at 10", "Resolved Above 2 x3 since 10 at 40",]
    );
    let rule = Conditions { below: Some(5.0), clears_at: Some(8.0), ..QUIET };
    assert_eq!(
        told(&rule, &[4.0, 7.0, 8.0]),
        ["Firing Below 4 x1 since 10 at 10", "Resolved Below 8 x2 since 10 at 30",]
    );
}

#[test]
fn changes_are_of_the_value_so_many_flushes_before() {
    let rule = Conditions { rises_by: Some(50.0), falls_by: Some(50.0), over: 2, ..QUIET };
    assert_eq!(
        told(&rule, &[10.0, 10.0, 15.0, 16.0, 15.0, 7.0, 7.5]),
        [
            "Firing Rose(10.0) 16 x1 since 40 at 40",
            "Resolved Rose(10.0) 15 x1 since 40 at 50",
            "Firing Fell(16.0) 7 x1 since 60 at 60",
            "Resolved Fell(16.0) 7.5 x1 since 60 at 70",
        ]
    );
    // Of nothing, of a value that is missing, and of one below zero.
    assert_eq!(told(&rule, &[0.0, NONE, 100.0, 1.0]), [""; 0]);
    assert_eq!(
        told(&rule, &[-10.0, -10.0, -4.0, -9.0]),
        ["Firing Rose(-10.0) -4 x1 since 30 at 30", "Resolved Rose(-10.0) -9 x1 since 30 at 40",]
    );
}

#[test]
fn what_is_wrong_in_another_way_is_another_alert() {
    let rule = Conditions { above: Some(5.0), below: Some(1.0), for_flushes: 2, ..QUIET };
    assert_eq!(
        told(&rule, &[6.0, 6.0, 0.0, 0.0, 3.0]),
        [
            "Firing Above 6 x2 since 10 at 20",
            "Resolved Above 0 x2 since 10 at 30",
            "Firing Below 0 x2 since 30 at 40",
            "Resolved Below 3 x2 since 30 at 50",
        ]
    );
}

#[test]
fn an_alert_without_values_goes_on_until_it_is_given_up() {
    let rule = Conditions { above: Some(5.0), gives_up_after: 3, ..QUIET };
    assert_eq!(
        told(&rule, &[6.0, NONE, NONE, 6.0, NONE, NONE, NONE, NONE, 6.0]),
        [
            "Firing Above 6 x1 since 10 at 10",
            "GivenUp Above - x3 since 10 at 70",
            "Firing Above 6 x1 since 90 at 90",
        ]
    );
}

#[test]
fn an_alert_is_repeated_and_one_that_flaps_is_held_back() {
    let rule = Conditions { above: Some(5.0), repeat_every: Some(Duration::from_secs(30)), ..QUIET };
    assert_eq!(
        told(&rule, &[6.0; 7]),
        [
            "Firing Above 6 x1 since 10 at 10",
            "Firing Above 6 x4 since 10 at 40",
            "Firing Above 6 x7 since 10 at 70",
        ]
    );
    let values = [6.0, 1.0, 6.0, 1.0, 6.0, 6.0, 1.0];
    let reading = |value| Reading { value: Some(value), sampled: true, present: true };
    assert_eq!(
        run(&rule, values.map(reading)),
        (
            vec![
                "Firing Above 6 x1 since 10 at 10".to_owned(),
                "Resolved Above 1 x1 since 10 at 20".to_owned(),
                // Neither the second nor its end was told of; the third is told of because thirty seconds are over.
                "Firing Above 6 x1 since 50 at 50".to_owned(),
                "Resolved Above 1 x2 since 50 at 70".to_owned(),
            ],
            1
        )
    );
}

#[test]
fn missing_samples_are_an_alert_of_their_own() {
    let rule = Conditions { absent_after: Some(2), below: Some(1.0), ..QUIET };
    let reading = |samples: u32| Reading { value: Some(samples.into()), sampled: samples > 0, present: true };
    assert_eq!(
        run(&rule, [3, 0, 0, 0, 4].map(reading)).0,
        [
            "Firing Below 0 x1 since 20 at 20",
            "Firing Absent - x2 since 20 at 30",
            "Resolved Below 4 x3 since 20 at 50",
            "Resolved Absent 4 x3 since 20 at 50",
        ]
    );
}

#[test]
fn a_series_that_was_never_there_can_be_missing_alone() {
    let rule = Conditions { absent_after: Some(2), below: Some(1.0), ..QUIET };
    let nothing = Reading { value: Some(0.0), sampled: false, present: false };
    assert_eq!(run(&rule, [nothing; 3]).0, ["Firing Absent - x2 since 10 at 20"]);
}

#[test]
fn a_clock_that_was_set_back_does_not_keep_an_alert_from_being_told_of() {
    let rule = Conditions { above: Some(5.0), repeat_every: Some(Duration::from_secs(3600)), ..QUIET };
    let (mut standing, mut outcome) = (Standing::default(), Outcome::default());
    for (value, at) in [(6.0, 10_000), (1.0, 10_010), (6.0, 100)] {
        let reading = Reading { value: Some(value), sampled: true, present: true };
        standing.take(&rule, reading, Stamp::from_seconds(at), &mut outcome);
    }
    assert_eq!((outcome.events.len(), outcome.held_back, standing.firing()), (3, 0, 1));
}

#[test]
fn what_has_gone_is_let_go_when_no_alert_would_be_another_for_it() {
    // After so many flushes that know the series with this value, how many that do not it takes.
    let takes = |rule: &Conditions, value: f64| {
        let (mut standing, mut outcome) = (Standing::default(), Outcome::default());
        (0..20_i64).find(|&flush| {
            let reading = match flush {
                0 => Reading { value: Some(value), sampled: true, present: true },
                _ => Reading { value: None, sampled: false, present: false },
            };
            let at = Stamp::from_seconds(flush * 10);
            standing.take(rule, reading, at, &mut outcome);
            standing.has_gone(rule, at)
        })
    };
    let rule = Conditions { above: Some(5.0), gives_up_after: 3, ..QUIET };
    assert_eq!(takes(&rule, 1.0), Some(3));
    // An alert goes on for as long.
    assert_eq!(takes(&rule, 6.0), Some(3));
    let pause = Some(Duration::from_secs(100));
    assert_eq!(takes(&Conditions { repeat_every: pause, ..rule.clone() }, 6.0), Some(10));
    let rises = Conditions { above: None, rises_by: Some(50.0), over: 7, ..rule.clone() };
    assert_eq!(takes(&rises, 1.0), Some(7));
    assert_eq!(takes(&Conditions { absent_after: Some(15), ..rule.clone() }, 1.0), None);
    // What counts is 0 where nobody knows it, and that is too low.
    let mut standing = Standing::default();
    let below = Conditions { above: None, below: Some(1.0), for_flushes: 9, ..rule };
    let went =
        [(true, 3.0), (false, 0.0), (false, 0.0), (false, 0.0), (false, 0.0)].map(|(present, value)| {
            let reading = Reading { value: Some(value), sampled: present, present };
            standing.take(&below, reading, Stamp(0), &mut Outcome::default());
            standing.has_gone(&below, Stamp(0))
        });
    assert_eq!(went, [false; 5]);
}
