//! A mapping file of any bytes gives a configuration that is planned, whose rules can be asked, or an error with its place.

use heka::config::{Problems, Sources, render};
use heka::import::statsd_exporter;
use heka::metric::{Kind, Series, Tags};
use heka::pipeline::{builtin, plan};
use heka::plugin::{Asked, Plugins};

/// Imports `bytes` as a file.
pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    let imported = match statsd_exporter(&text) {
        Ok(imported) => imported,
        Err(error) => {
            assert!(error.column > 0 && error.line <= lines + 1 && !error.message.is_empty(), "{error:?}");
            return;
        }
    };
    for finding in &imported.findings {
        assert!(
            !finding.key.is_empty() && (1..=lines).contains(&finding.line),
            "{finding:?} of {lines} lines"
        );
    }
    assert!(imported.findings.is_sorted_by_key(|finding| finding.line));
    let sources = Sources::embedded("imported", &imported.text);
    let mut problems = Problems::new();
    let planned = PLUGINS.with(|plugins| plan(&sources, plugins, &|_| None, "fuzz.example", &mut problems));
    assert!(problems.is_empty(), "{}\n{}", render(&problems, &sources, false), imported.text);
    let planned = planned.expect("there is no problem");
    for name in ["a", "a.b", "test.timing.x.y.z", "a..b", "web-1.nginx--http.status.200.count"] {
        for (kind, value) in
            Kind::ALL.into_iter().zip([Some(2.0), None, Some(250.0), Some(0.0), Some(-1.0), Some(1.0)])
        {
            let tags = Tags::from([("env", "prod"), ("le", "")]);
            let series = Series { name: name.into(), tags, kind };
            let told = planned.outputs[0].declared.explain(Asked { series: &series, value, rate: 0.5 });
            let told = told.expect("a scrape endpoint explains");
            assert!(told.shown.is_empty() || told.shown.len() > 2, "{told:?}");
        }
    }
}

thread_local! {
    static PLUGINS: Plugins = builtin();
}
