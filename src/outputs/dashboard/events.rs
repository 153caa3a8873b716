//! The text of what is sent to the page: server-sent events with JSON in them.
//!
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>. Each event stands for itself, so that one
//! may be left out. What the fields mean is in the header of the plugin.

use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::pick::{Activity, Choice};
use crate::aggregate::Snapshot;
use crate::metric::{Kind, Registry, Series, SeriesId};

/// The event `name` with `content` as its data.
pub(super) fn event(name: &str, content: &impl Serialize) -> Box<[u8]> {
    let mut text = format!("event:{name}\ndata:").into_bytes();
    // JSON has no line break outside of its strings, and escapes those within.
    serde_json::to_writer(&mut text, content).expect("numbers and strings can be written to memory");
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// What a choice has in a view of the aggregator `owner`.
pub(super) fn view(found: &Snapshot, choice: &Choice, activity: &Activity, owner: u16) -> Box<[u8]> {
    let seconds = found.slot.seconds();
    let series = choice.drawn.iter().map(|&id| {
        let own = activity.owner(id) == owner;
        Drawn { series: found.names.series(id), value: own.then(|| value(found, id, seconds)) }
    });
    let view = ViewText {
        t: found.slot.end.0 as f64 / 1e9,
        dt: seconds,
        matching: choice.matching,
        moving: choice.moving,
        series: series.collect(),
    };
    event("view", &view)
}

/// The names that a choice has.
pub(super) fn names(names: &Registry, choice: &Choice) -> Box<[u8]> {
    let mut series: Vec<_> = choice.names.iter().map(|&id| names.series(id)).collect();
    series.sort_by(|one, other| {
        let by_tags = || one.tags.iter().cmp(other.tags.iter());
        one.name.cmp(&other.name).then_with(by_tags).then(one.kind.cmp(&other.kind))
    });
    let series = series.into_iter().map(|series| Drawn { series, value: None }).collect();
    event("names", &NamesText { matching: choice.matching, series })
}

#[derive(Serialize)]
struct ViewText {
    t: f64,
    dt: f64,
    matching: usize,
    moving: usize,
    series: Vec<Drawn>,
}

#[derive(Serialize)]
struct NamesText {
    matching: usize,
    series: Vec<Drawn>,
}

/// A series and, where it is drawn, what it has in the view.
struct Drawn {
    series: Series,
    value: Option<Value>,
}

/// As a list: kind, name, tags, and the value if there is one.
impl Serialize for Drawn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(self.series.kind.word())?;
        list.serialize_element(&*self.series.name)?;
        list.serialize_element(&self.series.tags_text())?;
        if let Some(value) = &self.value {
            list.serialize_element(value)?;
        }
        list.end()
    }
}

/// What a series has in one view.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Value {
    /// It is not in the view.
    Nothing(()),
    /// A rate a second, a value, or a size.
    Number(f64),
    /// Minimum, median, 90th and 99th percentile, maximum, and samples a second.
    Band([f64; 6]),
}

fn value(found: &Snapshot, id: SeriesId, seconds: f64) -> Value {
    let value = match id.kind() {
        Kind::Counter => {
            let place = found.counters.binary_search_by_key(&id, |point| point.series);
            place.ok().map(|place| Value::Number(found.counters[place].sum / seconds))
        }
        Kind::Gauge => {
            let place = found.gauges.binary_search_by_key(&id, |point| point.series);
            place.ok().map(|place| Value::Number(found.gauges[place].value))
        }
        Kind::Set => {
            let place = found.sets.binary_search_by_key(&id, |point| point.series);
            place.ok().map(|place| Value::Number(found.sets[place].cardinality as f64))
        }
        Kind::Timer | Kind::Histogram | Kind::Distribution => band(found, id, seconds),
    };
    value.unwrap_or(Value::Nothing(()))
}

fn band(found: &Snapshot, id: SeriesId, seconds: f64) -> Option<Value> {
    let place = found.timers.binary_search_by_key(&id, |point| point.series).ok()?;
    let point = &found.timers[place];
    let at = |quantile| found.quantile(point, quantile);
    Some(Value::Band([at(0.0)?, at(0.5)?, at(0.9)?, at(0.99)?, at(1.0)?, point.weight / seconds]))
}
