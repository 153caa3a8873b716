use super::super::distribution::{Distribution, Observed, Samples};
use super::super::format::Format;
use super::super::names::Unit;
use super::super::page::{self, FamilyWriter};
use super::super::shapes::{Shape, Shapes};
use super::*;

const HEADER: Header<'_> = Header {
    name: "d_seconds",
    help: "of d",
    family_type: FamilyType::Summary,
    in_seconds: true,
    open_counter: true,
    without_created: false,
};

fn read(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !bytes.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut bytes).unwrap());
    }
    families
}

fn written(header: Header<'_>, samples: &[(&str, Sample<'_>)]) -> Vec<MetricFamily> {
    let mut out = Vec::new();
    let mut family = FamilyWriter::begin(&mut out, Format::Protobuf, header);
    samples.iter().for_each(|(labels, sample)| family.write(labels, sample));
    family.end();
    read(&out)
}

fn kept(shape: &Shape) -> Distribution {
    let mut kept = Distribution::new(shape, Stamp(0));
    let observed = Observed {
        samples: Samples::Exact(&[-2.0, 0.0, 1.0, 1.0, 1.05]),
        weight: 10.0,
        since: Stamp(-1_500_000_000),
        total_sum: 7.0,
        total_weight: 3.6,
        created: Stamp(2_000_000_001),
    };
    kept.take(&observed, Unit::PLAIN, 0);
    kept.quantiles = vec![1.0];
    kept
}

fn shape(bounds: &[f64], native: &[&'static str]) -> Shape {
    let buckets = Some(("*", bounds)).filter(|_| !bounds.is_empty());
    Shapes::new(buckets, native.iter().copied()).unwrap().of("d")
}

fn shown<'a>(kept: &'a Distribution, quantiles: &'a [page::Quantile], at_zero: bool) -> Sample<'a> {
    Sample::Distribution(Shown { kept, quantiles, at_zero })
}

#[test]
fn counters_and_gauges_have_their_values_and_labels() {
    let header = Header { name: "x_total", family_type: FamilyType::Counter, ..HEADER };
    let counter = Sample::Counter { value: 1.5, created: Stamp(2_000_000_001) };
    let labels = r#"a="b\"\\\nc",d="e,f=\"g""#;
    let families = written(header, &[(labels, counter), ("", counter)]);
    assert_eq!(families.len(), 1);
    let family = &families[0];
    let about = (family.name.as_deref(), family.help.as_deref(), family.family_type, &family.unit);
    assert_eq!(about, (Some("x_total"), Some("of d"), Some(0), &None));
    let pairs: Vec<(&str, &str)> = family.metric[0]
        .label
        .iter()
        .map(|pair| (pair.name.as_deref().unwrap(), pair.value.as_deref().unwrap()))
        .collect();
    assert_eq!(pairs, [("a", "b\"\\\nc"), ("d", "e,f=\"g")]);
    let created = Some(Timestamp { seconds: Some(2), nanos: Some(1) });
    assert_eq!(family.metric[1].counter, Some(Counter { value: Some(1.5), created }));
    let header = Header { family_type: FamilyType::Gauge, ..HEADER };
    let families = written(header, &[("", Sample::Gauge(-1.0))]);
    assert_eq!(families[0].metric[0].gauge, Some(Gauge { value: Some(-1.0) }));
    assert_eq!(families[0].unit.as_deref(), Some("seconds"));
}

#[test]
fn a_summary_has_its_quantiles_and_its_count_in_whole_numbers() {
    let (kept, quantiles) = (kept(&Shape::default()), [page::Quantile::new(0.5)]);
    let families =
        written(HEADER, &[("", shown(&kept, &quantiles, false)), ("", shown(&kept, &quantiles, true))]);
    let summaries: Vec<&Summary> =
        families[0].metric.iter().map(|metric| metric.summary.as_ref().unwrap()).collect();
    assert_eq!((summaries[0].sample_count, summaries[0].sample_sum), (Some(4), Some(7.0)));
    assert_eq!(summaries[0].quantile, [Quantile { quantile: Some(0.5), value: Some(1.0) }]);
    assert_eq!((summaries[1].sample_count, summaries[1].sample_sum), (Some(0), Some(0.0)));
}

#[test]
fn a_classic_histogram_has_cumulative_buckets() {
    let kept = kept(&shape(&[0.0, 1.0], &[]));
    let families = written(HEADER, &[("", shown(&kept, &[], false))]);
    assert_eq!(families[0].family_type, Some(4));
    let histogram = families[0].metric[0].histogram.as_ref().unwrap();
    let bucket = |bound, count| Bucket { cumulative_count: Some(count), upper_bound: Some(bound) };
    assert_eq!(histogram.bucket, [bucket(0.0, 4), bucket(1.0, 8)]);
    assert_eq!((histogram.sample_count, histogram.sample_sum), (Some(10), Some(2.1)));
    assert_eq!(histogram.created, Some(Timestamp { seconds: Some(-2), nanos: Some(500_000_000) }));
    assert_eq!(histogram.schema, None);
}

#[test]
fn a_native_histogram_has_spans_and_deltas_that_add_up_to_its_count() {
    let kept = kept(&shape(&[1.0], &["*"]));
    let families = written(HEADER, &[("", shown(&kept, &[], false)), ("", shown(&kept, &[], true))]);
    let histogram = families[0].metric[0].histogram.as_ref().unwrap();
    let span = |offset, length| BucketSpan { offset: Some(offset), length: Some(length) };
    assert_eq!(
        (histogram.schema, histogram.zero_count, histogram.sample_count),
        (Some(5), Some(2), Some(10))
    );
    assert_eq!(
        (&histogram.positive_span[..], &histogram.positive_delta[..]),
        (&[span(0, 4)][..], &[4, -4, 0, 2][..])
    );
    assert_eq!((&histogram.negative_span[..], &histogram.negative_delta[..]), (&[span(32, 1)][..], &[2][..]));
    assert_eq!(histogram.bucket.len(), 1);
    let empty = families[0].metric[1].histogram.as_ref().unwrap();
    assert_eq!(
        (empty.sample_count, empty.sample_sum, &empty.positive_span[..]),
        (Some(0), Some(0.0), &[][..])
    );
    assert_eq!(empty.zero_threshold, Some(ZERO_THRESHOLD));
}

#[test]
fn summaries_and_native_histograms_of_one_family_are_in_messages_of_their_own() {
    let (summary, native) = (kept(&Shape::default()), kept(&shape(&[], &["*"])));
    let samples = [&summary, &native, &native, &summary].map(|kept| ("", shown(kept, &[], false)));
    let types: Vec<(Option<i32>, usize)> =
        written(HEADER, &samples).iter().map(|family| (family.family_type, family.metric.len())).collect();
    assert_eq!(types, [(Some(2), 1), (Some(4), 2), (Some(2), 1)]);
}
