//! Tests of what is drawn.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::aggregate::{CounterPoint, CounterTotal, View};
use crate::metric::Resolved;
use crate::metric::Series;
use crate::time::{Slot, Stamp};

fn named(names: &Registry, name: &str) -> SeriesId {
    tagged(names, name, &[])
}

fn tagged(names: &Registry, name: &str, tags: &[(&str, &str)]) -> SeriesId {
    let tags = tags.iter().copied().collect();
    match names.resolve(Series { tags, ..Series::plain(name, Kind::Counter) }) {
        Resolved::Known(id) | Resolved::Overflow(id) => id,
    }
}

/// A view of counters that ended in this second.
fn view(names: &Arc<Registry>, second: i64, samples: &[(SeriesId, u32)]) -> Snapshot {
    let mut samples = samples.to_vec();
    samples.sort();
    let total = |&(_, samples)| CounterTotal { samples, total: samples.into(), created: Stamp(0) };
    let totals = samples.iter().map(total).collect();
    let point = |(series, samples): (SeriesId, u32)| CounterPoint { series, sum: samples.into() };
    Snapshot {
        view: View::Live,
        slot: Slot { end: Stamp::from_seconds(second), interval: Duration::from_secs(1) },
        names: Arc::clone(names),
        counters: samples.into_iter().map(point).collect(),
        totals,
        gauges: Vec::new(),
        gauge_samples: Vec::new(),
        timers: Vec::new(),
        sets: Vec::new(),
        values: Vec::new(),
        samples: 0,
        own: None,
    }
}

fn matching(glob: &str, names: &Registry) -> Vec<String> {
    let mut choice = Choice::new(SeriesGlob::new(glob).unwrap());
    choice.resolve(names);
    assert_eq!(choice.matching, choice.names.len());
    let name = |id: &SeriesId| {
        let series = names.series(*id);
        format!("{} {}", series.name, series.tags_text())
    };
    choice.names.iter().map(name).collect()
}

#[test]
fn a_glob_is_of_names_and_with_a_number_sign_of_tags_too() {
    let names = Registry::new(100);
    tagged(&names, "web.requests", &[("status", "200")]);
    tagged(&names, "web.requests", &[("status", "500"), ("zone", "a")]);
    named(&names, "web[1].load");
    let cases: [(&str, &[&str]); 7] = [
        ("*", &["web.requests status:200", "web.requests status:500,zone:a", "web[1].load "]),
        ("web.requests", &["web.requests status:200", "web.requests status:500,zone:a"]),
        ("*#*status:5*", &["web.requests status:500,zone:a"]),
        ("web.requests#status:200", &["web.requests status:200"]),
        (r"web\[1\].load", &["web[1].load "]),
        ("{web.req,x}*", &["web.requests status:200", "web.requests status:500,zone:a"]),
        ("requests", &[]),
    ];
    for (glob, expected) in cases {
        assert_eq!(matching(glob, &names), expected, "{glob}");
    }
}

#[test]
fn a_bad_or_long_glob_is_refused_with_the_reason() {
    let reason = |glob: &str| SeriesGlob::new(glob).err().unwrap();
    assert_eq!(reason("a["), "error parsing glob 'a[': unclosed character class; missing ']'");
    assert_eq!(reason(&"a".repeat(401)), "the glob is longer than 400 bytes");
}

#[test]
fn each_series_is_matched_once_and_a_million_new_ones_bit_by_bit() {
    let names = Registry::new(100_000);
    for number in 0..AT_ONCE + 10 {
        named(&names, &format!("n{number}"));
    }
    let mut choice = Choice::new(SeriesGlob::new("*").unwrap());
    choice.resolve(&names);
    assert_eq!((choice.matching, choice.names.len()), (AT_ONCE, LISTED));
    choice.resolve(&names);
    choice.resolve(&names);
    assert_eq!((choice.matching, choice.names.len()), (AT_ONCE + 10, LISTED));
}

#[test]
fn the_most_moving_are_drawn_and_no_more_than_fit() {
    let names = Arc::new(Registry::new(100));
    let ids: Vec<SeriesId> = (0..30).map(|number| named(&names, &format!("n{number}"))).collect();
    let mut choice = Choice::new(SeriesGlob::new("*").unwrap());
    let mut activity = Activity::default();
    choice.resolve(&names);
    let samples: Vec<(SeriesId, u32)> = ids.iter().zip(0..).map(|(&id, number)| (id, 1 << number)).collect();
    let found = view(&names, 100, &samples);
    activity.note(&found, 1);
    choice.pick(&found, &activity, 1);
    let mut drawn = choice.drawn.clone();
    drawn.sort();
    assert_eq!(drawn, ids[30 - CHARTS..]);
    assert_eq!((choice.matching, choice.moving), (30, 30));
}

#[test]
fn what_is_drawn_stays_until_another_moves_twice_as_much_for_a_while() {
    let names = Arc::new(Registry::new(100));
    let ids: Vec<SeriesId> = (0..CHARTS).map(|number| named(&names, &format!("n{number}"))).collect();
    let late = named(&names, "late");
    let mut choice = Choice::new(SeriesGlob::new("*").unwrap());
    let mut activity = Activity::default();
    choice.resolve(&names);
    let mut drawn_at = None;
    for second in 100..130 {
        // From the tenth second on one of the drawn rests and a new one moves.
        let (resting, moving) = (ids[0], second >= 110);
        let mut samples: Vec<(SeriesId, u32)> = ids.iter().map(|&id| (id, 8)).collect();
        if moving {
            samples.retain(|(id, _)| *id != resting);
            samples.push((late, 8));
        }
        let found = view(&names, second, &samples);
        activity.note(&found, 1);
        choice.pick(&found, &activity, 1);
        assert_eq!(choice.drawn.len(), CHARTS);
        if drawn_at.is_none() && choice.drawn.contains(&late) {
            drawn_at = Some(second);
            assert!(!choice.drawn.contains(&resting), "another one had to go");
        }
    }
    assert_eq!(drawn_at, Some(117));
}

#[test]
fn a_series_of_two_aggregators_belongs_to_the_one_that_showed_it_first() {
    let names = Arc::new(Registry::new(100));
    let id = named(&names, "a");
    let mut activity = Activity::default();
    let found = view(&names, 100, &[(id, 1)]);
    activity.note(&found, 2);
    activity.note(&found, 1);
    assert_eq!(activity.owner(id), 2);
    let mut choice = Choice::new(SeriesGlob::new("*").unwrap());
    choice.resolve(&names);
    choice.pick(&found, &activity, 1);
    assert_eq!((choice.drawn.len(), choice.moving), (0, 0));
    choice.pick(&found, &activity, 2);
    assert_eq!((choice.drawn.len(), choice.moving), (1, 1));
}
