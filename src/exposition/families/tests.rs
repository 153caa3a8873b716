mod mapped;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::conflicts::{Parties, Wanted};
use super::super::distribution::{Observed, Samples};
use super::super::format::Format;
use super::super::lint::{ReadFamily, read};
use super::super::render::{Cursor, Reader};
use super::super::text::push_labels;
use super::*;
use crate::metric::{Kind, Resolved, Tags};

/// The names of all series of these tests.
static NAMES: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(Registry::new(1_000_000)));

fn series(name: &str, tags: &[(&str, &str)], kind: Kind) -> SeriesId {
    let tags = tags.iter().copied().collect();
    let (Resolved::Known(id) | Resolved::Overflow(id)) =
        NAMES.resolve(Series { name: name.into(), tags, kind });
    id
}

fn reading(kind: Kind, value: f64) -> Reading<'static> {
    match FamilyType::of(kind) {
        FamilyType::Counter => Reading::Counter { total: value, created: Stamp(1) },
        FamilyType::Gauge => Reading::Gauge(value),
        FamilyType::Summary | FamilyType::Histogram => Reading::Distribution(Observed {
            samples: Samples::Exact(&[250.0, 500.0]),
            weight: 2.0,
            since: Stamp(0),
            total_sum: value,
            total_weight: 3.0,
            created: Stamp(1),
        }),
    }
}

const PLAIN: Reader = Reader::plain(Format::Text);

/// How long the series of a store are shown.
const TTL: Duration = Duration::from_nanos(10);

fn store() -> Families {
    store_of(StoreRules { quantiles: vec![0.5, 0.9], ttl: TTL, ..StoreRules::default() })
}

fn store_of(rules: StoreRules) -> Families {
    Families::new(rules, Arc::clone(&NAMES))
}

/// Claims a series and sets its value; says whether it is exposed, and if so whether it was diverted.
fn put(families: &mut Families, series: SeriesId, value: f64, at: Stamp) -> Option<bool> {
    match families.claim(series, at, true) {
        Claim::Exposed(claimed) => {
            let updated = families.update(claimed.slot, reading(series.kind(), value), at, true);
            assert_eq!(updated, Updated::Taken);
            Some(claimed.diverted)
        }
        Claim::Refused { .. } | Claim::Hidden(_) => None,
    }
}

fn plain(families: &mut Families, name: &str, kind: Kind) -> Option<bool> {
    put(families, series(name, &[], kind), 1.0, Stamp(0))
}

fn rendered(families: &mut Families, about: usize) -> String {
    shown(families, &Reader::plain(Format::Text), about)
}

fn shown(families: &mut Families, reader: &Reader, about: usize) -> String {
    let (mut out, mut cursor) = (Vec::new(), Some(Cursor::default()));
    while let Some(from) = cursor {
        cursor = families.render(&from, reader, &mut out, about);
    }
    String::from_utf8(out).unwrap()
}

fn names(families: &mut Families) -> Vec<String> {
    read(&rendered(families, 1)).unwrap().into_iter().map(|family| family.name).collect()
}

#[test]
fn families_are_rendered_by_name_with_their_series_by_labels() {
    let mut families = store();
    put(&mut families, series("web.hits", &[("env", "b")], Kind::Counter), 2.0, Stamp(0));
    put(&mut families, series("web.hits", &[("env", "a")], Kind::Counter), 1.5, Stamp(0));
    put(&mut families, series("load", &[], Kind::Gauge), -1.0, Stamp(0));
    put(&mut families, series("db", &[("env", "a")], Kind::Timer), 1500.0, Stamp(0));
    let expected = "# HELP db_seconds statsd timer db, in seconds\n# TYPE db_seconds summary\n\
        db_seconds{env=\"a\",quantile=\"0.5\"} 0.25\ndb_seconds{env=\"a\",quantile=\"0.9\"} 0.5\n\
        db_seconds_sum{env=\"a\"} 1.5\ndb_seconds_count{env=\"a\"} 3\n\
        # HELP load statsd gauge load\n# TYPE load gauge\nload -1\n\
        # HELP web_hits_total statsd counter web.hits\n# TYPE web_hits_total counter\n\
        web_hits_total{env=\"a\"} 1.5\nweb_hits_total{env=\"b\"} 2\n";
    assert_eq!(rendered(&mut families, usize::MAX), expected);
    assert_eq!(rendered(&mut families, 1), expected);
    assert_eq!((families.len(), families.families()), (4, 3));
}

fn parties(wants: &str, has: &str) -> Parties {
    Parties { wants: wants.into(), has: has.into() }
}

#[test]
fn the_first_type_owns_a_name_and_later_ones_get_their_kind_appended() {
    let mut families = store();
    assert_eq!(plain(&mut families, "x", Kind::Histogram), Some(false));
    assert_eq!(plain(&mut families, "x", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Set), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Distribution), Some(true));
    assert_eq!(names(&mut families), ["x", "x_distribution", "x_gauge", "x_set"]);
    let wanted = Wanted { with: "x".into(), between: parties("x", "x"), diverted: 3, refused: 0 };
    assert_eq!(families.conflicts().by_name, BTreeMap::from([("x".into(), wanted)]));
    assert_eq!((families.conflicts().diverted, families.conflicts().refused), (3, 0));
}

#[test]
fn a_series_whose_second_name_is_taken_too_is_refused() {
    let mut families = store();
    plain(&mut families, "x", Kind::Histogram);
    plain(&mut families, "x_gauge", Kind::Histogram);
    let claim = families.claim(series("x", &[], Kind::Gauge), Stamp(0), true);
    assert_eq!(claim, Claim::Refused { with: "x".into(), between: parties("x", "x") });
    assert_eq!(families.conflicts().refused, 1);
}

#[test]
fn a_summary_takes_the_names_of_its_sum_and_count() {
    let mut families = store();
    plain(&mut families, "x", Kind::Histogram);
    assert_eq!(plain(&mut families, "x_count", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "y_sum", Kind::Gauge), Some(false));
    assert_eq!(plain(&mut families, "y", Kind::Histogram), Some(true));
    assert_eq!(names(&mut families), ["x", "x_count_gauge", "y_histogram", "y_sum"]);
}

#[test]
fn of_two_series_with_one_name_and_one_kind_the_second_is_refused() {
    let mut families = store();
    assert_eq!(plain(&mut families, "a.b", Kind::Counter), Some(false));
    assert_eq!(plain(&mut families, "a_b", Kind::Counter), None);
    assert_eq!(put(&mut families, series("a_b", &[("k", "v")], Kind::Counter), 2.0, Stamp(0)), Some(false));
    let between = parties("a_b", "a.b");
    let wanted = Wanted { with: "a_b_total".into(), between, diverted: 0, refused: 1 };
    assert_eq!(families.conflicts().by_name, BTreeMap::from([("a_b_total".into(), wanted)]));
}

#[test]
fn a_claim_says_what_it_found() {
    let mut families = store();
    let own = series("hekad.up", &[], Kind::Gauge);
    let Claim::Exposed(first) = families.claim(own, Stamp(0), true) else { panic!("there is room") };
    assert_eq!((first.new, first.diverted, first.renamed), (true, false, true));
    assert_eq!(families.claim(own, Stamp(0), true), Claim::Exposed(Claimed { new: false, ..first }));
    assert_eq!(rendered(&mut families, 1), "", "a series without a value is not shown");
}

#[test]
fn what_is_not_updated_expires_and_frees_its_names() {
    let mut families = store();
    let (old, young) = (series("x", &[], Kind::Histogram), series("y", &[], Kind::Gauge));
    put(&mut families, old, 1.0, Stamp(1));
    put(&mut families, young, 1.0, Stamp(2));
    let Claim::Exposed(claimed) = families.claim(old, Stamp(1), true) else { panic!("it is there") };
    assert_eq!(families.expire(Stamp(12)), 1);
    let again = |families: &mut Families| {
        families.update(claimed.slot, reading(Kind::Histogram, 1.0), Stamp(3), true)
    };
    assert_eq!(again(&mut families), Updated::Gone);
    assert_eq!((families.len(), names(&mut families)), (1, vec!["y".to_string()]));
    assert_eq!(plain(&mut families, "x_count", Kind::Gauge), Some(false));
    assert_eq!(plain(&mut families, "x_sum", Kind::Gauge), Some(false));
    assert_eq!(again(&mut families), Updated::Gone, "the slot is another's now");
}

#[test]
fn a_diverted_series_keeps_its_name_when_the_first_is_gone() {
    let mut families = store();
    let gauge = series("x", &[], Kind::Gauge);
    put(&mut families, series("x", &[], Kind::Histogram), 1.0, Stamp(1));
    put(&mut families, gauge, 1.0, Stamp(2));
    families.expire(Stamp(12));
    assert_eq!(put(&mut families, gauge, 2.0, Stamp(3)), Some(true));
    assert_eq!(names(&mut families), ["x_gauge"]);
}

#[test]
fn a_scrape_stays_legal_while_the_store_changes() {
    let mut families = store();
    for label in ["a", "c", "e"] {
        put(&mut families, series("m", &[("l", label)], Kind::Gauge), 1.0, Stamp(1));
    }
    let mut out = Vec::new();
    let cursor = families.render(&Cursor::default(), &PLAIN, &mut out, 1).unwrap();
    put(&mut families, series("m", &[("l", "b")], Kind::Gauge), 1.0, Stamp(5));
    put(&mut families, series("a", &[], Kind::Gauge), 1.0, Stamp(5));
    let cursor = families.render(&cursor, &PLAIN, &mut out, 1).unwrap();
    families.expire(Stamp(19));
    put(&mut families, series("m", &[("l", "f")], Kind::Histogram), 1.0, Stamp(9));
    put(&mut families, series("z", &[], Kind::Gauge), 1.0, Stamp(9));
    let cursor = families.render(&cursor, &PLAIN, &mut out, 1).unwrap();
    assert!(families.render(&cursor, &PLAIN, &mut out, 1).is_none());
    let read = read(std::str::from_utf8(&out).unwrap()).unwrap();
    let seen: Vec<_> = read.iter().map(|family| (family.name.as_str(), family.samples.len())).collect();
    assert_eq!(seen, [("m", 2), ("z", 1)]);
}

#[test]
fn a_family_of_one_series_takes_others_in_and_is_told_of_by_its_first() {
    let mut families = store();
    put(&mut families, series("m.x", &[], Kind::Gauge), 1.0, Stamp(1));
    put(&mut families, series("n", &[], Kind::Gauge), 1.0, Stamp(5));
    let mut out = Vec::new();
    let cursor = families.render(&Cursor::default(), &PLAIN, &mut out, 1).unwrap();
    put(&mut families, series("m_x", &[("l", "a")], Kind::Gauge), 2.0, Stamp(5));
    let cursor = families.render(&cursor, &PLAIN, &mut out, 1).unwrap();
    assert!(families.render(&cursor, &PLAIN, &mut out, 1).is_none());
    let [m, n] =
        ["# HELP m_x statsd gauge m.x\n# TYPE m_x gauge\n", "# HELP n statsd gauge n\n# TYPE n gauge\n"];
    assert_eq!(String::from_utf8(out).unwrap(), format!("{m}m_x 1\n{n}n 1\n"));
    assert_eq!(rendered(&mut families, 1), format!("{m}m_x 1\nm_x{{l=\"a\"}} 2\n{n}n 1\n"));
    assert_eq!(families.expire(Stamp(12)), 1);
    assert_eq!(rendered(&mut families, 1), format!("{m}m_x{{l=\"a\"}} 2\n{n}n 1\n"));
    assert_eq!(families.expire(Stamp(19)), 2);
    assert_eq!((rendered(&mut families, 1).as_str(), families.families()), ("", 0));
}

#[test]
fn few_that_expire_and_many_leave_the_others_in_order_and_their_names_free() {
    let mut families = store();
    let name = |number: u32| format!("e_{:04}", number.wrapping_mul(2_654_435_761) >> 20);
    let gauges: Vec<SeriesId> = (0..2000).map(|number| series(&name(number), &[], Kind::Gauge)).collect();
    for (number, &gauge) in gauges.iter().enumerate() {
        let at = if number % 500 == 0 { 1 } else { [5, 3, 5][number % 3] };
        put(&mut families, gauge, 1.0, Stamp(at));
    }
    let all = families.families();
    let left = |families: &mut Families| {
        let names = names(families);
        assert!(names.is_sorted() && names.len() == families.families());
        names.len()
    };
    assert_eq!((families.expire(Stamp(12)), left(&mut families)), (4, all - 4));
    let many = families.expire(Stamp(14));
    assert_eq!((many > all / 4, left(&mut families)), (true, all - 4 - many));
    for &gauge in &gauges {
        put(&mut families, gauge, 2.0, Stamp(15));
    }
    assert_eq!((left(&mut families), families.len()), (all, all));
}

#[test]
fn the_names_of_conflicts_are_bounded() {
    let mut families = store();
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
    let mut families = store();
    let Claim::Exposed(claimed) = families.claim(series("x", &[], Kind::Gauge), Stamp(0), true) else {
        return;
    };
    families.update(claimed.slot, Reading::Counter { total: 1.0, created: Stamp(0) }, Stamp(0), true);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}(_sum|_count|_total|_gauge|_seconds|\\.d)?",
        "[~;=\\\\\"{}\n_:0-9.é]{0,5}",
        any::<String>()
    ]
}

fn any_series() -> impl Strategy<Value = SeriesId> {
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
        let mut families = store();
        let mut shown = HashMap::new();
        for &(series, value) in &all {
            if let Claim::Exposed(claimed) = families.claim(series, Stamp(0), false)
                && families.update(claimed.slot, reading(series.kind(), value), Stamp(0), true) == Updated::Taken
            {
                shown.insert(claimed.slot, (series, value));
            }
        }
        let text = rendered(&mut families, about);
        prop_assert_eq!(&text, &rendered(&mut families, usize::MAX));
        let read = read(&text).map_err(TestCaseError::fail)?;
        prop_assert_eq!(families.len(), shown.len());
        prop_assert_eq!(read.len(), families.families());
        prop_assert!(read.windows(2).all(|pair| pair[0].name < pair[1].name));
        prop_assert!(!read.iter().any(|family| family.name.starts_with("hekad_")));
        prop_assert_eq!(open_as_text(&mut families, about), text_samples(&text));
        for (&slot, &(series, value)) in &shown {
            prop_assert!(holds(&families, &read, slot, series, value), "{series:?} {value} in {text}");
        }
    }
}

/// Samples without what OpenMetrics forbids, in order.
fn text_samples(text: &str) -> Vec<String> {
    let forbidden = |line: &&str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        value.starts_with('-') && (name.ends_with("_sum") || series.contains("quantile=\""))
    };
    text.lines().filter(|line| !line.starts_with('#') && !forbidden(line)).map(str::to_owned).collect()
}

/// The samples of the OpenMetrics page that text has too.
fn open_as_text(families: &mut Families, about: usize) -> Vec<String> {
    let page = shown(families, &Reader::plain(Format::OpenMetrics), about);
    let name_of = |line: &str| line.split(['{', ' ']).next().unwrap().to_owned();
    let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    // `_created` follows another sample of its family; a name that ends so by itself has a header of its own.
    let own: std::collections::HashSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(name_of).collect();
    let is_created = |line: &&str| name_of(line).ends_with("_created") && !own.contains(&name_of(line));
    text_samples(&samples.into_iter().filter(|line| !is_created(line)).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_counter_is_unknown_to_openmetrics_where_its_bare_name_is_anothers() {
    let mut families = store();
    plain(&mut families, "a", Kind::Counter);
    plain(&mut families, "b", Kind::Counter);
    plain(&mut families, "b_created", Kind::Gauge);
    let types = |families: &mut Families| {
        let page = shown(families, &Reader::plain(Format::OpenMetrics), 1);
        let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(types(&mut families), ["a counter", "b_created gauge", "b_total unknown"]);
    plain(&mut families, "a", Kind::Gauge);
    assert_eq!(types(&mut families), ["a gauge", "a_total unknown", "b_created gauge", "b_total unknown"]);
}

#[test]
fn what_is_new_is_shown_at_zero_once_and_what_is_born_during_a_scrape_in_the_next() {
    let mut families = store();
    for kind in [Kind::Counter, Kind::Gauge, Kind::Timer] {
        plain(&mut families, "x", kind);
    }
    assert_eq!(families.births().last(), 2);
    plain(&mut families, "z", Kind::Counter);
    let first = Reader { format: Format::Text, has_seen: 1, through: 2 };
    let page = shown(&mut families, &first, usize::MAX);
    let samples = ["x 1", "x_seconds{quantile=\"0.5\"} 0.25", "x_seconds{quantile=\"0.9\"} 0.5"];
    assert_eq!(
        text_samples(&page),
        [&samples[..], &["x_seconds_sum 0", "x_seconds_count 0", "x_total 1"]].concat()
    );
    let page = shown(&mut families, &Reader { has_seen: 2, through: 3, ..first }, usize::MAX);
    let values = ["x_seconds_sum 0.001", "x_seconds_count 3", "x_total 1", "z_total 0"];
    assert_eq!(text_samples(&page), [&samples[..], &values].concat());
}

#[test]
fn what_a_former_run_counted_is_never_at_zero() {
    let mut families = store();
    let old = series("old", &[], Kind::Counter);
    let Claim::Exposed(claimed) = families.claim(old, Stamp(0), false) else { panic!("there is room") };
    families.update(claimed.slot, reading(Kind::Counter, 7.0), Stamp(0), true);
    let page = shown(&mut families, &Reader { format: Format::Text, has_seen: 0, through: 0 }, 1);
    assert_eq!(text_samples(&page), ["old_total 7"]);
}

#[test]
fn a_total_that_falls_is_not_shown_unless_it_began_anew() {
    let mut families = store();
    let Claim::Exposed(claimed) = families.claim(series("x", &[], Kind::Counter), Stamp(0), true) else {
        panic!("there is room")
    };
    let mut put = |total, created| {
        let reading = Reading::Counter { total, created: Stamp(created) };
        let updated = families.update(claimed.slot, reading, Stamp(0), true);
        (updated, text_samples(&rendered(&mut families, 1)))
    };
    assert_eq!(put(5.0, 1), (Updated::Taken, vec!["x_total 5".to_owned()]));
    assert_eq!(put(4.0, 1), (Updated::Fell, vec!["x_total 5".to_owned()]));
    assert_eq!(put(4.0, 2), (Updated::Taken, vec!["x_total 4".to_owned()]));
}

#[test]
fn quantiles_slide_out_of_the_window_as_time_passes() {
    let mut families = store();
    plain(&mut families, "x", Kind::Histogram);
    families.pass(Stamp::from_seconds(599));
    assert!(rendered(&mut families, 1).contains("x{quantile=\"0.5\"} 250\n"));
    families.pass(Stamp::from_seconds(600));
    assert!(rendered(&mut families, 1).contains("x{quantile=\"0.5\"} NaN\n"));
}

#[test]
fn only_samples_keep_a_series() {
    let mut families = store();
    let Claim::Exposed(claimed) = families.claim(series("x", &[], Kind::Gauge), Stamp(1), true) else {
        panic!("there is room")
    };
    families.update(claimed.slot, Reading::Gauge(1.0), Stamp(5), false);
    assert_eq!(families.expire(Stamp(12)), 1);
}

#[test]
fn a_histogram_takes_the_names_of_its_buckets() {
    let shapes = Shapes::new([("x", &[1.0, 300.0][..])], []).unwrap();
    let mut families = store_of(StoreRules { shapes, ..StoreRules::default() });
    assert_eq!(plain(&mut families, "x", Kind::Histogram), Some(false));
    assert_eq!(plain(&mut families, "x_bucket", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Distribution), Some(true));
    assert_eq!(plain(&mut families, "x", Kind::Set), Some(true));
    let samples = ["x_bucket{le=\"1.0\"} 0", "x_bucket{le=\"300.0\"} 1", "x_bucket{le=\"+Inf\"} 2"];
    assert_eq!(text_samples(&rendered(&mut families, 1))[..3], samples);
}

/// Whether what was read has the value of a series where the store says it is.
fn holds(families: &Families, read: &[ReadFamily], slot: SlotId, series: SeriesId, value: f64) -> bool {
    let (mut name, mut labels) = (String::new(), String::new());
    families.each(|of_family, of_slot, index| {
        if index == slot.number() {
            (name, labels) = (of_family.to_owned(), of_slot.to_owned());
        }
    });
    let family = read.iter().find(|family| family.name == name).unwrap();
    let divisor = if series.kind() == Kind::Timer { 1000.0 } else { 1.0 };
    let suffix = if family.family_type == FamilyType::Summary { "_sum" } else { "" };
    family.samples.iter().any(|sample| {
        let mut text = Vec::new();
        let tags: Tags = sample.labels.iter().map(|(key, value)| (key, value)).collect();
        push_labels(&mut text, tags.borrowed());
        let same = sample.value == value / divisor || (sample.value.is_nan() && value.is_nan());
        same && sample.suffix == suffix && text == labels.as_bytes()
    })
}
