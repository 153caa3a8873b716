use proptest::prelude::*;

use super::super::lint::{ReadFamily, read};
use super::*;

fn series(name: &str, tags: &[(&str, &str)], kind: Kind) -> Arc<Series> {
    let tags = tags.iter().map(|&(key, value)| (key.into(), value.into())).collect();
    Arc::new(Series { name: name.into(), tags, kind })
}

fn reading(kind: Kind, value: f64) -> Reading<'static> {
    match FamilyType::of(kind) {
        FamilyType::Counter => Reading::Counter(value),
        FamilyType::Gauge => Reading::Gauge(value),
        FamilyType::Summary => {
            Reading::Summary { quantiles: &[(0.5, 250.0), (0.9, 500.0)], sum: value, count: 3.0 }
        }
    }
}

/// Claims a series and sets its value; says whether it is exposed, and if so whether it was diverted.
fn put(families: &mut Families, series: &Arc<Series>, value: f64, at: Stamp) -> Option<bool> {
    match families.claim(series, at) {
        Claim::Exposed(claimed) => {
            assert!(families.update(claimed.slot, reading(series.kind, value), at));
            Some(claimed.diverted)
        }
        Claim::Refused { .. } => None,
    }
}

fn plain(families: &mut Families, name: &str, kind: Kind) -> Option<bool> {
    put(families, &series(name, &[], kind), 1.0, Stamp(0))
}

fn rendered(families: &Families, about: usize) -> String {
    let (mut out, mut cursor) = (Vec::new(), Some(Cursor::default()));
    while let Some(from) = cursor {
        cursor = families.render(&from, &mut out, about);
    }
    String::from_utf8(out).unwrap()
}

fn names(families: &Families) -> Vec<String> {
    read(&rendered(families, 1)).unwrap().into_iter().map(|family| family.name).collect()
}

#[test]
fn families_are_rendered_by_name_with_their_series_by_labels() {
    let mut families = Families::default();
    put(&mut families, &series("web.hits", &[("env", "b")], Kind::Counter), 2.0, Stamp(0));
    put(&mut families, &series("web.hits", &[("env", "a")], Kind::Counter), 1.5, Stamp(0));
    put(&mut families, &series("load", &[], Kind::Gauge), -1.0, Stamp(0));
    put(&mut families, &series("db", &[("env", "a")], Kind::Timer), 1500.0, Stamp(0));
    let expected = "# HELP db_seconds statsd timer db, in seconds\n# TYPE db_seconds summary\n\
        db_seconds{env=\"a\",quantile=\"0.5\"} 0.25\ndb_seconds{env=\"a\",quantile=\"0.9\"} 0.5\n\
        db_seconds_sum{env=\"a\"} 1.5\ndb_seconds_count{env=\"a\"} 3\n\
        # HELP load statsd gauge load\n# TYPE load gauge\nload -1\n\
        # HELP web_hits_total statsd counter web.hits\n# TYPE web_hits_total counter\n\
        web_hits_total{env=\"a\"} 1.5\nweb_hits_total{env=\"b\"} 2\n";
    assert_eq!(rendered(&families, usize::MAX), expected);
    assert_eq!(rendered(&families, 1), expected);
    assert_eq!((families.len(), families.families()), (4, 3));
}

#[test]
fn the_first_type_owns_a_name_and_later_ones_get_their_kind_appended() {
    let mut families = Families::default();
    assert_eq!(plain(&mut families, "x", Kind::Histogram), Some(false));
    assert_eq!(plain(&mut families, "x", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Set), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Distribution), Some(true));
    assert_eq!(names(&families), ["x", "x_distribution", "x_gauge", "x_set"]);
    assert_eq!(families.conflicts().by_name, BTreeMap::from([("x".into(), 3)]));
    assert_eq!((families.conflicts().diverted, families.conflicts().refused), (3, 0));
}

#[test]
fn a_series_whose_second_name_is_taken_too_is_refused() {
    let mut families = Families::default();
    plain(&mut families, "x", Kind::Histogram);
    plain(&mut families, "x_gauge", Kind::Histogram);
    let claim = families.claim(&series("x", &[], Kind::Gauge), Stamp(0));
    assert_eq!(claim, Claim::Refused { with: "x".into() });
    assert_eq!(families.conflicts().refused, 1);
}

#[test]
fn a_summary_takes_the_names_of_its_sum_and_count() {
    let mut families = Families::default();
    plain(&mut families, "x", Kind::Histogram);
    assert_eq!(plain(&mut families, "x_count", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "y_sum", Kind::Gauge), Some(false));
    assert_eq!(plain(&mut families, "y", Kind::Histogram), Some(true));
    assert_eq!(names(&families), ["x", "x_count_gauge", "y_histogram", "y_sum"]);
}

#[test]
fn of_two_series_with_one_name_and_one_kind_the_second_is_refused() {
    let mut families = Families::default();
    assert_eq!(plain(&mut families, "a.b", Kind::Counter), Some(false));
    assert_eq!(plain(&mut families, "a_b", Kind::Counter), None);
    assert_eq!(put(&mut families, &series("a_b", &[("k", "v")], Kind::Counter), 2.0, Stamp(0)), Some(false));
    assert_eq!(families.conflicts().by_name, BTreeMap::from([("a_b_total".into(), 1)]));
}

#[test]
fn a_claim_says_what_it_found() {
    let mut families = Families::default();
    let own = series("hekad.up", &[], Kind::Gauge);
    let Claim::Exposed(first) = families.claim(&own, Stamp(0)) else { panic!("there is room") };
    assert_eq!((first.new, first.diverted, first.renamed), (true, false, true));
    assert_eq!(families.claim(&own, Stamp(0)), Claim::Exposed(Claimed { new: false, ..first }));
    assert_eq!(rendered(&families, 1), "", "a series without a value is not shown");
}

#[test]
fn what_is_not_updated_expires_and_frees_its_names() {
    let mut families = Families::default();
    let (old, young) = (series("x", &[], Kind::Histogram), series("y", &[], Kind::Gauge));
    put(&mut families, &old, 1.0, Stamp(1));
    put(&mut families, &young, 1.0, Stamp(2));
    let Claim::Exposed(claimed) = families.claim(&old, Stamp(1)) else { panic!("it is there") };
    assert_eq!(families.expire(Stamp(2)), 1);
    assert!(!families.update(claimed.slot, reading(Kind::Histogram, 1.0), Stamp(3)));
    assert_eq!((families.len(), names(&families)), (1, vec!["y".to_string()]));
    assert_eq!(plain(&mut families, "x_count", Kind::Gauge), Some(false));
    assert_eq!(plain(&mut families, "x_sum", Kind::Gauge), Some(false));
    assert!(
        !families.update(claimed.slot, reading(Kind::Histogram, 1.0), Stamp(3)),
        "the slot is another's now"
    );
}

#[test]
fn a_diverted_series_keeps_its_name_when_the_first_is_gone() {
    let mut families = Families::default();
    let gauge = series("x", &[], Kind::Gauge);
    put(&mut families, &series("x", &[], Kind::Histogram), 1.0, Stamp(1));
    put(&mut families, &gauge, 1.0, Stamp(2));
    families.expire(Stamp(2));
    assert_eq!(put(&mut families, &gauge, 2.0, Stamp(3)), Some(true));
    assert_eq!(names(&families), ["x_gauge"]);
}

#[test]
fn a_scrape_stays_legal_while_the_store_changes() {
    let mut families = Families::default();
    for label in ["a", "c", "e"] {
        put(&mut families, &series("m", &[("l", label)], Kind::Gauge), 1.0, Stamp(1));
    }
    let mut out = Vec::new();
    let cursor = families.render(&Cursor::default(), &mut out, 1).unwrap();
    put(&mut families, &series("m", &[("l", "b")], Kind::Gauge), 1.0, Stamp(5));
    put(&mut families, &series("a", &[], Kind::Gauge), 1.0, Stamp(5));
    let cursor = families.render(&cursor, &mut out, 1).unwrap();
    families.expire(Stamp(9));
    put(&mut families, &series("m", &[("l", "f")], Kind::Histogram), 1.0, Stamp(9));
    put(&mut families, &series("z", &[], Kind::Gauge), 1.0, Stamp(9));
    let cursor = families.render(&cursor, &mut out, 1).unwrap();
    assert!(families.render(&cursor, &mut out, 1).is_none());
    let read = read(std::str::from_utf8(&out).unwrap()).unwrap();
    let seen: Vec<_> = read.iter().map(|family| (family.name.as_str(), family.samples.len())).collect();
    assert_eq!(seen, [("m", 2), ("z", 1)]);
}

#[test]
fn the_names_of_conflicts_are_bounded() {
    let mut families = Families::default();
    for at in 0..Conflicts::NAMES + 5 {
        plain(&mut families, &format!("x.{at}"), Kind::Gauge);
        plain(&mut families, &format!("x_{at}"), Kind::Gauge);
    }
    let conflicts = families.conflicts();
    assert_eq!((conflicts.by_name.len(), conflicts.beyond), (Conflicts::NAMES, 5));
    assert_eq!(conflicts.refused, Conflicts::NAMES as u64 + 5);
}

#[test]
#[should_panic(expected = "a series is updated in its own type")]
fn a_reading_of_another_type_is_a_bug() {
    let mut families = Families::default();
    let Claim::Exposed(claimed) = families.claim(&series("x", &[], Kind::Gauge), Stamp(0)) else { return };
    families.update(claimed.slot, Reading::Counter(1.0), Stamp(0));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}(_sum|_count|_total|_gauge|_seconds|\\.d)?",
        "[~;=\\\\\"{}\n_:0-9.é]{0,5}",
        any::<String>()
    ]
}

fn any_series() -> impl Strategy<Value = Arc<Series>> {
    let tags = proptest::collection::vec((any_text(), any_text()), 0..3);
    (any_text(), tags, 0..Kind::ALL.len()).prop_map(|(name, tags, kind)| {
        let tags: Vec<(&str, &str)> =
            tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        series(&name, &tags, Kind::ALL[kind])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_registered_renders_to_text_that_reads_back(
        all in proptest::collection::vec((any_series(), any::<f64>()), 0..60),
        about in 1usize..400,
    ) {
        let mut families = Families::default();
        let mut shown = HashMap::new();
        for (series, value) in &all {
            if let Claim::Exposed(claimed) = families.claim(series, Stamp(0)) {
                families.update(claimed.slot, reading(series.kind, *value), Stamp(0));
                shown.insert(claimed.slot, (Arc::clone(series), *value));
            }
        }
        let text = rendered(&families, about);
        prop_assert_eq!(&text, &rendered(&families, usize::MAX));
        let read = read(&text).map_err(TestCaseError::fail)?;
        prop_assert_eq!(families.len(), shown.len());
        prop_assert_eq!(read.len(), families.families());
        prop_assert!(read.windows(2).all(|pair| pair[0].name < pair[1].name));
        prop_assert!(!read.iter().any(|family| family.name.starts_with("hekad_")));
        for (slot, (series, value)) in &shown {
            prop_assert!(holds(&families, &read, *slot, series, *value), "{series:?} {value} in {text}");
        }
    }
}

/// Whether what was read has the value of a series where the store says it is.
fn holds(families: &Families, read: &[ReadFamily], slot: SlotId, series: &Series, value: f64) -> bool {
    let (name, labels) = families
        .families
        .iter()
        .find_map(|(name, family)| {
            let (labels, _) = family.series.iter().find(|(_, index)| **index == slot.index)?;
            Some((name, labels))
        })
        .unwrap();
    let family = read.iter().find(|family| *family.name == **name).unwrap();
    let divisor = if series.kind == Kind::Timer { 1000.0 } else { 1.0 };
    let suffix = if family.family_type == FamilyType::Summary { "_sum" } else { "" };
    family.samples.iter().any(|sample| {
        let mut text = Vec::new();
        let tags: Vec<_> =
            sample.labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
        push_labels(&mut text, &tags);
        let same = sample.value == value / divisor || (sample.value.is_nan() && value.is_nan());
        same && sample.suffix == suffix && text == labels.as_bytes()
    })
}
