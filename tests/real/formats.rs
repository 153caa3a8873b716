//! What those who define the formats read off the scrape endpoint: the reference parser of OpenMetrics, and Prometheus
//! with native histograms and with counters that begin at 0.

use crate::clients::Python;
use crate::graphite::ODD;
use crate::hekad::Hekad;
use crate::prometheus::{Answer, Prometheus};

#[test]
fn the_reference_parser_reads_openmetrics_with_everything_in_it() {
    let Some(python) = Python::with("prometheus_client") else { return };
    let hekad = Hekad::start_exposing(1, "buckets = { \"*hist*\" = [0.1, 1], \"*below*\" = [-1, 1] }");
    hekad.send(ODD);
    hekad.send([
        "om.requests:3|c\nom.requests:1|c|@0.3|#route:home\nom.requests:2|g",
        "om.created:1|c\nom_created:1|g\nom:1|c",
        "om.latency:100|ms|@0.3\nom.latency:200|ms\nom.latency_hist:200|ms|@0.3",
        "om.signed:-5|h\nom.signed:3|h\nom.below:-5|h\nom.below_hist:-5|h",
        "om.count:1|c\nom_count:1|g\nom.x_total_total:1|c\nom.x_total:1|c\nom.users:ann|s",
    ]);
    hekad.wait_for_line("om_users 1");
    python.run(OPENMETRICS, &[hekad.scrape]);
    hekad.stop_cleanly();
}

#[test]
fn prometheus_reads_native_histograms_within_their_error() {
    let hekad =
        Hekad::start_exposing(1, "native_histograms = [\"native.*\"]\nbuckets = { \"*.both\" = [0.2, 1] }");
    let features = ["--enable-feature=native-histograms"];
    let Some(prometheus) = Prometheus::start_with(hekad.scrape, &features) else { return };
    prometheus.wait_for_value("up", 1.0);
    let lines: Vec<String> = (1..=1000).map(|at| format!("native.latency:{at}|ms")).collect();
    let datagrams: Vec<String> = lines.chunks(50).map(|lines| lines.join("\n")).collect();
    hekad.send(datagrams.iter().map(String::as_str));
    hekad.send([
        "native.both:100|ms\nnative.both:500|ms|@0.5\nnative.signed:-3|h\nnative.signed:0|h\nother:7|c",
    ]);
    prometheus.wait_for_value("histogram_count(native_latency_seconds)", 1000.0);
    prometheus.wait_for_value("histogram_sum(native_latency_seconds)", 500.5);
    for quantile in [0.01, 0.5, 0.9, 0.99] {
        let expression = format!("histogram_quantile({quantile}, native_latency_seconds)");
        prometheus.wait_for(&expression, |answers| within(answers, quantile, 0.022));
    }
    prometheus.wait_for_value("histogram_count(native_both_seconds)", 3.0);
    prometheus.wait_for_value("histogram_count(native_signed)", 2.0);
    prometheus.wait_for("histogram_quantile(0.1, native_signed)", |answers| within(answers, -3.0, 0.022));
    prometheus.wait_for_value("other_total", 7.0);
    prometheus.wait_for_value("count(hekad_scrapes_total)", 1.0);
    prometheus.wait_for_value("up", 1.0);
    hekad.stop_cleanly();
}

#[test]
fn increase_sees_the_first_value_of_a_counter() {
    let hekad = Hekad::start(1, None);
    let Some(prometheus) = Prometheus::start(hekad.scrape) else { return };
    prometheus.wait_for_value("up", 1.0);
    hekad.send(["born.requests:5|c\nborn.latency:100|ms"]);
    // What increase() adds up, without its extrapolation to the ends of the range.
    for series in ["born_requests_total", "born_latency_seconds_count"] {
        let grown = format!("max_over_time({series}[1m]) - min_over_time({series}[1m])");
        prometheus.wait_for_value(&grown, if series.ends_with("total") { 5.0 } else { 1.0 });
        prometheus.wait_for_value(&format!("resets({series}[1m])"), 0.0);
    }
    hekad.stop_cleanly();
}

fn within(answers: &[Answer], expected: f64, error: f64) -> Result<(), String> {
    match answers {
        [answer] if (answer.value - expected).abs() <= error * expected.abs() => Ok(()),
        _ => Err(format!("{answers:?} and not {expected}")),
    }
}

/// It reads the page plain and packed, and as the draft; names must come in one family and values be of the text form.
const OPENMETRICS: &str = r#"
import gzip, sys, urllib.request
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
from prometheus_client.parser import text_string_to_metric_families as text_families

def fetch(accept, coding="identity"):
    url = "http://127.0.0.1:%s/metrics" % sys.argv[1]
    headers = {"Accept": accept, "Accept-Encoding": coding}
    answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers))
    body = answer.read()
    if coding == "gzip":
        assert answer.headers["Content-Encoding"] == "gzip", answer.headers
        body = gzip.decompress(body)
    return answer.headers["Content-Type"], body.decode()

def clients(parsed):
    samples = {}
    for family in parsed:
        for sample in family.samples:
            if not sample.name.startswith("hekad_"):
                samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return samples

kind, page = fetch("application/openmetrics-text;version=1.0.0", "gzip")
assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind
found = list(families(page))
types = {family.name: family.type for family in found}
assert types["om_requests"] == "gauge", types
assert types["om_requests_total"] == "unknown", types
assert types["om_latency_seconds"] == "summary", types
assert types["om_latency_hist_seconds"] == "histogram", types
assert types["hekad_scrapes"] == "counter", types
assert next(family.unit for family in found if family.name == "om_latency_seconds") == "seconds"
open_samples = clients(found)
for draft in ["application/openmetrics-text;version=0.0.1", "application/openmetrics-text"]:
    assert clients(families(fetch(draft)[1])).keys() == open_samples.keys()
text_samples = clients(text_families(fetch("text/plain")[1]))
for key, value in open_samples.items():
    if not key[0].endswith("_created") or key[0] in ("om_created", "om_created_total"):
        assert key in text_samples, key
        assert value == text_samples[key] or value != value, (key, value, text_samples[key])
"#;
