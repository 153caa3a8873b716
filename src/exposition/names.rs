//! What a series is called in the exposition: a function of configuration and the series alone.
//!
//! Character sets are those of <https://prometheus.io/docs/concepts/data_model/>, suffixes those of
//! <https://prometheus.io/docs/practices/naming/>.

use std::borrow::Cow;

use crate::metric::{Kind, Series};

/// Type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FamilyType {
    /// A running total.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Quantiles of a window, with a running sum and count.
    Summary,
    /// Running counts of what is not above each of some bounds, with a running sum and count.
    Histogram,
}

impl FamilyType {
    /// The word of the TYPE line.
    pub const fn word(self) -> &'static str {
        match self {
            FamilyType::Counter => "counter",
            FamilyType::Gauge => "gauge",
            FamilyType::Summary => "summary",
            FamilyType::Histogram => "histogram",
        }
    }

    /// The type in which series of a kind are exposed, those aside that are histograms by configuration.
    pub const fn of(kind: Kind) -> FamilyType {
        match kind {
            Kind::Counter => FamilyType::Counter,
            Kind::Gauge | Kind::Set => FamilyType::Gauge,
            Kind::Timer | Kind::Histogram | Kind::Distribution => FamilyType::Summary,
        }
    }

    /// Suffixes of the sample names a family of the type has in any format, its bare name included.
    pub const fn suffixes(self) -> &'static [&'static str] {
        match self {
            FamilyType::Counter | FamilyType::Gauge => &[""],
            FamilyType::Summary => &["", "_sum", "_count", "_created"],
            FamilyType::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        }
    }
}

/// How statsd names become names of the exposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// What a counter's name ends in, as legal as names are made; empty for nothing.
    pub counter_suffix: String,
    /// What begins the names of the daemon's own families, with its `_`; no client's name may.
    pub own_prefix: String,
    /// Whose way of making names it is.
    pub style: Style,
}

/// A way of making names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// Timers end in `_seconds`; series whose names become the same are told apart.
    #[default]
    Hekad,
    /// As statsd_exporter does it: nothing tells the unit, `:` is replaced too and two dashes are one `_`, bare tags are
    /// left out, and series whose names become the same are one.
    Exporter,
}

impl Style {
    /// Makes a legal metric name.
    pub(super) fn metric_name(self, text: &str) -> String {
        let mut name = String::new();
        self.push_metric_name(text, &mut name);
        name
    }

    /// Appends a legal metric name.
    fn push_metric_name(self, text: &str, into: &mut String) {
        match self {
            Style::Hekad => push_legal(text, is_metric, into),
            Style::Exporter => push_exporter_name(text, into),
        }
    }

    /// Makes a legal label name, of no meaning of its own.
    pub(super) fn label_name(self, text: &str) -> String {
        match self {
            Style::Hekad => label_name(text),
            Style::Exporter => label_name(&self.metric_name(text)),
        }
    }
}

/// What becomes of a sample's value: it is divided, then multiplied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// 1000 for timers, whose milliseconds are exposed as seconds.
    pub divisor: f64,
    /// What a rule scales by.
    pub scale: f64,
}

impl Unit {
    /// Values are exposed as they came.
    pub const PLAIN: Unit = Unit { divisor: 1.0, scale: 1.0 };

    /// Milliseconds are exposed as seconds.
    pub const MILLISECONDS: Unit = Unit { divisor: 1000.0, scale: 1.0 };

    /// That of samples of a kind.
    pub const fn of(kind: Kind) -> Unit {
        match kind {
            Kind::Timer => Unit::MILLISECONDS,
            _ => Unit::PLAIN,
        }
    }

    /// The value that is exposed.
    pub fn exposed(self, value: f64) -> f64 {
        value / self.divisor * self.scale
    }
}

impl Default for Naming {
    fn default() -> Naming {
        Naming { counter_suffix: "_total".into(), own_prefix: "hekad_".into(), style: Style::Hekad }
    }
}

/// A series as the exposition has it, conflicts aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposed {
    /// Name of the family.
    pub name: String,
    /// Its type.
    pub family_type: FamilyType,
    /// What becomes of values.
    pub unit: Unit,
    /// Whether the name was the daemon's own and was given `client_` in front.
    pub renamed: bool,
}

impl Naming {
    /// Name, type and unit of a series.
    ///
    /// Timers are in seconds and say so; histograms and distributions have no unit we know. Neither `_seconds` nor the
    /// counter suffix is doubled.
    pub fn expose(&self, series: &Series) -> Exposed {
        let mut name = String::new();
        let renamed = self.name(&series.name, series.kind, &mut name);
        Exposed { name, family_type: FamilyType::of(series.kind), unit: Unit::of(series.kind), renamed }
    }

    /// Puts the name of a series into `into`; whether it was the daemon's own and was given `client_` in front.
    ///
    /// Names are made again whenever they are compared, so nothing else is allocated for a usual one.
    pub(super) fn name(&self, name: &str, kind: Kind, into: &mut String) -> bool {
        into.clear();
        self.style.push_metric_name(name, into);
        let suffix = match kind {
            Kind::Counter => metric_suffix(&self.counter_suffix),
            Kind::Timer if self.style == Style::Hekad => Cow::Borrowed("_seconds"),
            _ => Cow::Borrowed(""),
        };
        if !into.ends_with(&*suffix) {
            into.push_str(&suffix);
        }
        let renamed = self.is_own(into);
        if renamed {
            into.insert_str(0, CLIENT);
        }
        renamed
    }

    /// A name that a rule made, made legal, and whether `client_` was put before it.
    pub(super) fn mapped(&self, name: &str) -> (String, bool) {
        self.not_own(self.style.metric_name(name))
    }

    /// The name for the series whose first name another type or kind has: that name with the kind's word appended.
    pub fn diverted(&self, exposed: &Exposed, kind: Kind) -> String {
        self.not_own(format!("{}_{}", exposed.name, kind.word())).0
    }

    /// Puts `client_` before a name that is the daemon's own.
    fn not_own(&self, name: String) -> (String, bool) {
        match self.is_own(&name) {
            true => ([CLIENT, &name].concat(), true),
            false => (name, false),
        }
    }

    /// Whether a name is the daemon's own or has samples that would be.
    fn is_own(&self, name: &str) -> bool {
        let own = self.own_prefix.as_str();
        let bare = own.strip_suffix('_').unwrap_or(own);
        !own.is_empty() && (name.starts_with(own) || name == bare)
    }
}

/// What stands before a name that the daemon has itself.
const CLIENT: &str = "client_";

/// Makes a legal metric name: characters outside `[a-zA-Z0-9_:]` become `_`, a digit in front gets one before it.
pub fn metric_name(text: &str) -> String {
    Style::Hekad.metric_name(text)
}

/// Makes a legal label name: characters outside `[a-zA-Z0-9_]` become `_`, a digit in front gets one before it.
///
/// Names that mean something to Prometheus, those that begin with `__`, `quantile` and `le`, get `exported_` in front.
pub fn label_name(text: &str) -> String {
    let mut name = String::new();
    push_legal(text, |byte| byte.is_ascii_alphanumeric() || byte == b'_', &mut name);
    match name.starts_with("__") || name == "quantile" || name == "le" {
        true => format!("exported_{name}"),
        false => name,
    }
}

/// Appends what statsd_exporter makes of a name: as `metric_name`, but that `:` becomes `_` too, and a dash after a dash
/// nothing.
fn push_exporter_name(text: &str, into: &mut String) {
    let is_plain = |byte: u8| is_metric(byte) && byte != b':';
    if !text.contains("--") {
        return push_legal(text, is_plain, into);
    }
    let mut single = String::with_capacity(text.len());
    for piece in text.chars() {
        if piece != '-' || !single.ends_with('-') {
            single.push(piece);
        }
    }
    push_legal(&single, is_plain, into);
}

/// What a configured suffix adds to a name, with nothing illegal in it.
fn metric_suffix(text: &str) -> Cow<'_, str> {
    match text.bytes().all(is_metric) && !text.starts_with(|first: char| first.is_ascii_digit()) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(metric_name(text)),
    }
}

fn is_metric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// Appends `text` with a `_` for each character that is not allowed, all beyond ASCII among them, and for no first letter.
fn push_legal(text: &str, allowed: impl Fn(u8) -> bool, into: &mut String) {
    if text.as_bytes().first().is_none_or(u8::is_ascii_digit) {
        into.push('_');
    }
    let legal = |byte: u8| if allowed(byte) { byte } else { b'_' };
    let mut name = std::mem::take(into).into_bytes();
    match text.is_ascii() {
        // Without a test for each byte this is several bytes at a time.
        true => name.extend(text.bytes().map(legal)),
        // A character beyond ASCII begins with a byte of its own and goes on with others.
        false => name.extend(text.bytes().filter(|byte| byte & 0xc0 != 0x80).map(legal)),
    }
    *into = String::from_utf8(name).expect("text was followed by ASCII");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, kind: Kind) -> String {
        Naming::default().expose(&Series::plain(text, kind)).name
    }

    #[test]
    fn names_are_made_legal_and_end_in_their_suffix_once() {
        assert_eq!(name("web.req-s", Kind::Gauge), "web_req_s");
        assert_eq!(name("9lives:é", Kind::Gauge), "_9lives:_");
        assert_eq!(name("web.requests", Kind::Counter), "web_requests_total");
        assert_eq!(name("web.requests_total", Kind::Counter), "web_requests_total");
        assert_eq!(name("web.requests.total", Kind::Counter), "web_requests_total");
        assert_eq!(name("latency", Kind::Timer), "latency_seconds");
        assert_eq!(name("latency_seconds", Kind::Timer), "latency_seconds");
        assert_eq!(name("size", Kind::Histogram), "size");
        assert_eq!(name("users", Kind::Set), "users");
        let plain = Naming { counter_suffix: String::new(), ..Naming::default() };
        assert_eq!(plain.expose(&Series::plain("a", Kind::Counter)).name, "a");
        let illegal = Naming { counter_suffix: " %".into(), ..Naming::default() };
        assert_eq!(illegal.expose(&Series::plain("a", Kind::Counter)).name, "a__");
    }

    #[test]
    fn only_timers_are_scaled() {
        let divisor = |kind| Naming::default().expose(&Series::plain("a", kind)).unit.divisor;
        assert_eq!(Kind::ALL.map(divisor), [1.0, 1.0, 1000.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn names_are_those_of_statsd_exporter_where_it_is_asked_for() {
        let naming = Naming { counter_suffix: String::new(), style: Style::Exporter, ..Naming::default() };
        let name = |text: &str, kind| naming.expose(&Series::plain(text, kind)).name;
        assert_eq!(name("a.b-c:d", Kind::Timer), "a_b_c_d");
        assert_eq!(name("a--b---c-d", Kind::Counter), "a_b_c_d");
        assert_eq!(name("9a.é", Kind::Gauge), "_9a__");
        assert_eq!(naming.mapped("a--b:c"), ("a_b_c".to_owned(), false));
        assert_eq!(naming.mapped("hekad.x"), ("client_hekad_x".to_owned(), true));
        assert_eq!([Style::Exporter, Style::Hekad].map(|style| style.label_name("a--b")), ["a_b", "a__b"]);
        assert_eq!(Style::Exporter.label_name("le"), "exported_le");
    }

    #[test]
    fn a_client_cannot_take_the_daemons_names() {
        let exposed = Naming::default().expose(&Series::plain("hekad.up", Kind::Gauge));
        assert_eq!((exposed.name.as_str(), exposed.renamed), ("client_hekad_up", true));
        assert_eq!(name("hekad", Kind::Counter), "client_hekad_total");
        assert_eq!(name("hekad", Kind::Histogram), "client_hekad");
        assert_eq!(name("hekader", Kind::Gauge), "hekader");
    }

    #[test]
    fn label_names_are_legal_and_never_reserved() {
        let table = [
            ("env", "env"),
            ("my-key", "my_key"),
            ("a:b", "a_b"),
            ("9", "_9"),
            ("", "_"),
            ("quantile", "exported_quantile"),
            ("le", "exported_le"),
            ("__name__", "exported___name__"),
            ("--x", "exported___x"),
        ];
        for (key, expected) in table {
            assert_eq!(label_name(key), expected);
        }
    }
}
