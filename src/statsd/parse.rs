//! Reads whole datagrams: the lines most clients send straight from the marks of the scan, all others by `line`.

use std::sync::Arc;

use super::asides::Asides;
use super::intern::{Interner, Outcome, Place};
use super::line::{Datum, Metric, metrics};
use super::origin::Origins;
use super::scan::Marks;
use super::shape::{WINDOW, cut, marks_of_line, plain, sectioned, without_end};
use super::sink::Sink;
use super::timing::{self, Timed, Timing};
use super::{Dialect, Rules, dogstatsd, reference};
use crate::message::Message;
use crate::metric::{BadReason, Kind, Limit, Registry, SampleBatch, SampleKind};
use crate::time::Stamp;

/// The statsd parser of one seat: the rules of its listener and the spellings it has seen.
///
/// ```
/// use std::sync::Arc;
/// use heka::metric::{Registry, SampleBatch};
/// use heka::statsd::{Parser, Rules};
///
/// let names = Arc::new(Registry::new(1000));
/// let mut parser = Parser::new(Rules::default(), Arc::clone(&names), 42);
/// let mut batch = SampleBatch::new(names);
/// parser.parse(b"page.views:1|c\nlatency:320:280|ms|@0.1\n", false, &mut batch);
/// assert_eq!((batch.samples.len(), batch.tally.lines), (3, 2));
/// ```
#[derive(Debug)]
pub struct Parser {
    interner: Interner,
    dialect: Dialect,
    origins: Option<Origins>,
    /// Takes lines that are no metrics; none if the dialect has none.
    asides: Option<Asides>,
    timing: Timing,
    marks: Marks,
    /// Memory for the lines that are looked up together.
    ahead: Vec<Ahead>,
    example: Option<(BadReason, Vec<u8>)>,
}

impl Parser {
    /// A parser that has seen nothing. `seed` should be random, see `Registry` for what `names` bounds.
    pub fn new(rules: Rules, names: Arc<Registry>, seed: u64) -> Parser {
        let (marks, ahead) = (Marks::default(), Vec::with_capacity(AHEAD));
        let (dialect, origins) = (rules.dialect, Origins::kept_by(&rules));
        let (asides, timing) = (Asides::taken_by(&rules), Timing::of(&rules));
        let interner = Interner::new(rules, names, seed);
        Parser { interner, dialect, origins, asides, timing, marks, ahead, example: None }
    }

    /// Appends the samples of one datagram, or of a chunk of whole lines, to `batch` and counts in its tally.
    ///
    /// The last line needs no line feed. A bad value is counted by its reason and loses nothing but itself. Members
    /// of sets go to the text of the batch; with `keep_lines` so does the line of every sample, once. `batch` must
    /// hold ids of the registry given to `new`, and lines either of all its samples or of none.
    pub fn parse(&mut self, datagram: &[u8], keep_lines: bool, batch: &mut SampleBatch) {
        batch.tally.datagrams += 1;
        self.interner.at(batch.at);
        let mut sink = Sink { batch, keep_lines, kept: None };
        let mut marks = std::mem::take(&mut self.marks);
        let mut rest = datagram;
        while !rest.is_empty() {
            let (window, after) = cut(rest);
            if window.len() > WINDOW {
                self.any_line(window, &mut sink);
            } else {
                marks.scan(window);
                self.lines(window, marks.positions(), &mut sink);
            }
            rest = after;
        }
        self.marks = marks;
    }

    /// What becomes of samples of a series that is already separated: `tags` is `k:v,k2:v2`.
    ///
    /// The rules apply as to a line, prefix and static tags included. `at` is when it was received.
    pub fn resolve(&mut self, name: &str, tags: &str, kind: Kind, at: Stamp) -> Outcome {
        self.interner.at(at);
        self.interner.outcome(name.as_bytes(), tags.as_bytes(), kind)
    }

    /// Number of spellings remembered.
    pub fn spellings(&self) -> usize {
        self.interner.spellings()
    }

    /// How often a spelling found no room among those remembered and was worked out anew.
    pub fn unremembered(&self) -> u64 {
        self.interner.unremembered()
    }

    /// What came of the events and service checks since the last call.
    ///
    /// What the sender did not say is left as in a new message: uuid, host, and time, which is the start of 1970.
    pub fn take_messages(&mut self) -> Vec<Message> {
        self.asides.as_mut().map(Asides::take).unwrap_or_default()
    }

    /// The first bad line since the last call, cut to 128 bytes, and its reason.
    pub fn take_example(&mut self) -> Option<(BadReason, Vec<u8>)> {
        self.example.take()
    }

    /// Reads `window`, whose lines each end with one of `marks`.
    ///
    /// With many names a look-up waits for memory longer than the rest of a line takes. So plain lines are set aside
    /// until there are some, and the waits of all of them overlap.
    fn lines(&mut self, window: &[u8], mut marks: &[u32], sink: &mut Sink<'_>) {
        let mut ahead = std::mem::take(&mut self.ahead);
        let mut start = 0;
        while !marks.is_empty() {
            let read = match plain(window, start, marks) {
                Some((metric, Ok(datum))) if self.takes_plain(&metric, window, marks) => {
                    if ahead.len() == AHEAD {
                        self.look_up(window, &mut ahead, sink);
                    }
                    let place = self.interner.place_of(metric.name, metric.kind);
                    ahead.push(Ahead::new(place, &metric, datum, start, marks));
                    3
                }
                _ => {
                    self.look_up(window, &mut ahead, sink);
                    self.other_line(window, start, marks, sink)
                }
            };
            start = marks[read - 1] as usize + 1;
            marks = &marks[read..];
        }
        self.look_up(window, &mut ahead, sink);
        self.ahead = ahead;
    }

    /// Takes the lines set aside, in their order.
    fn look_up(&mut self, window: &[u8], ahead: &mut Vec<Ahead>, sink: &mut Sink<'_>) {
        self.interner.approach(ahead.iter_mut().map(|line| &mut line.place));
        for line in ahead.drain(..) {
            sink.begin();
            let outcome = self.interner.outcome_at(line.place, line.name(window), line.kind);
            self.place(outcome, line.datum(window), line.whole(window), sink);
        }
    }

    /// Takes the line at `start`, which is not plain, and says how many of `marks` are its own. Not inlined, so that
    /// a plain metric stays in registers.
    #[inline(never)]
    fn other_line(&mut self, window: &[u8], start: usize, marks: &[u32], sink: &mut Sink<'_>) -> usize {
        match sectioned(window, start, marks) {
            Some((metric, read)) if self.takes(&metric, &window[start..marks[read - 1] as usize]) => {
                self.one_value(&metric, &window[start..marks[read - 1] as usize], sink);
                read
            }
            _ => {
                let read = marks_of_line(window, marks);
                self.any_line(&window[start..marks[read - 1] as usize], sink);
                read
            }
        }
    }

    /// Reads `datagram` without the scan, as the twin that `parse` is held against.
    #[cfg(test)]
    pub(super) fn parse_generally(&mut self, datagram: &[u8], batch: &mut SampleBatch) {
        batch.tally.datagrams += 1;
        let mut sink = Sink { batch, keep_lines: true, kept: None };
        for line in datagram.split(|&byte| byte == b'\n') {
            self.any_line(line, &mut sink);
        }
    }

    /// Whether the dialect reads the plain line of these marks as it was read.
    #[inline(always)]
    fn takes_plain(&self, metric: &Metric<'_>, window: &[u8], marks: &[u32]) -> bool {
        let letters = || without_end(&window[marks[1] as usize + 1..marks[2] as usize]);
        match self.dialect {
            Dialect::Statsd => reference::is_plain(letters(), metric.values),
            Dialect::Dogstatsd => dogstatsd::is_plain(letters(), metric),
            Dialect::Auto | Dialect::Influx | Dialect::Librato | Dialect::Signalfx => true,
        }
    }

    /// Whether the dialect reads a metric with sections as it was read.
    fn takes(&self, metric: &Metric<'_>, line: &[u8]) -> bool {
        let letters = || line.split(|&byte| byte == b'|').nth(1).unwrap_or_default();
        match self.dialect {
            Dialect::Statsd => reference::is_regular(metric, without_end(line)),
            Dialect::Dogstatsd => dogstatsd::is_plain(letters(), metric),
            Dialect::Auto | Dialect::Influx | Dialect::Librato | Dialect::Signalfx => true,
        }
    }

    /// Takes a line that holds one metric with one value.
    #[inline(always)]
    fn one_value(&mut self, metric: &Metric<'_>, line: &[u8], sink: &mut Sink<'_>) {
        sink.begin();
        match self.read(metric, metric.values, sink) {
            Ok(datum) => {
                let outcome = self.outcome(metric, line);
                self.place(outcome, datum, line, sink);
            }
            // `0x1F`, `Infinity`: to the reference some of what is no number here is one.
            Err(_) if self.dialect == Dialect::Statsd => self.bits(without_end(line), sink),
            Err(reason) => self.refuse(reason, line, sink),
        }
    }

    /// What one value of `metric` does.
    #[inline(always)]
    fn read<'a>(
        &self,
        metric: &Metric<'a>,
        value: &'a [u8],
        sink: &mut Sink<'_>,
    ) -> Result<Datum<'a>, BadReason> {
        match metric.time {
            Some(time) if timing::has_time(metric.kind) => self.read_timed(metric, value, time, sink),
            _ => metric.rate.and_then(|rate| Datum::read(metric.kind, value, rate)),
        }
    }

    /// The same for a value whose client says when it was counted.
    #[cold]
    fn read_timed<'a>(
        &self,
        metric: &Metric<'a>,
        value: &'a [u8],
        time: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<Datum<'a>, BadReason> {
        // To the agent a client that has counted has not sampled.
        let rate = if self.dialect == Dialect::Dogstatsd { Ok(1.0) } else { metric.rate };
        let datum = Datum::read(metric.kind, value, rate?)?;
        match self.timing.judge(time, sink.batch.at)? {
            Timed::InTime => return Ok(datum),
            Timed::Late => sink.batch.tally.late += 1,
        }
        if self.timing.refuses() { Err(BadReason::Late) } else { Ok(datum) }
    }

    /// What becomes of the samples of a metric of `line`.
    #[inline(always)]
    fn outcome(&mut self, metric: &Metric<'_>, line: &[u8]) -> Outcome {
        let tags = match &mut self.origins {
            Some(origins) => origins.tags(metric.tags, line),
            None => metric.tags,
        };
        self.interner.outcome(metric.name, tags, metric.kind)
    }

    /// Takes any line, with or without its end.
    #[inline(never)]
    fn any_line(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        let whole = line.strip_suffix(b"\n").unwrap_or(line);
        let line = without_end(line);
        // To the reference a line of nothing but `\r` is a bad one.
        if line.is_empty() && (whole.is_empty() || self.dialect != Dialect::Statsd) {
            return;
        }
        sink.begin();
        if self.dialect == Dialect::Statsd {
            return self.bits(line, sink);
        }
        if self.is_aside(line, sink) {
            return;
        }
        if self.dialect == Dialect::Dogstatsd {
            return self.metric(dogstatsd::metric(line), line, sink);
        }
        for metric in metrics(line) {
            self.metric(metric, line, sink);
        }
    }

    fn metric(&mut self, metric: Result<Metric<'_>, BadReason>, line: &[u8], sink: &mut Sink<'_>) {
        match metric {
            Ok(metric) => self.values(&metric, line, sink),
            Err(reason) => self.refuse(reason, line, sink),
        }
    }

    /// Takes the bits of a line of the reference; each is looked up, since each may have another type.
    fn bits(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        for bit in reference::bits(line) {
            match bit {
                Ok(bit) => {
                    let outcome = self.interner.outcome(bit.name, bit.tags, bit.kind);
                    self.place(outcome, bit.datum, line, sink);
                }
                Err(reason) => self.refuse(reason, line, sink),
            }
        }
    }

    /// Takes the values of one metric; its name is looked up once, and only if a value is good.
    fn values(&mut self, metric: &Metric<'_>, line: &[u8], sink: &mut Sink<'_>) {
        let mut outcome = None;
        let of_agent = self.dialect == Dialect::Dogstatsd;
        // To the agent nothing between two `:` is no value.
        for text in metric.each().filter(|text| !of_agent || metric.kind == Kind::Set || !text.is_empty()) {
            match self.read(metric, text, sink) {
                Ok(datum) => {
                    let datum = if of_agent { dogstatsd::absolute(datum) } else { datum };
                    let outcome = *outcome.get_or_insert_with(|| self.outcome(metric, line));
                    self.place(outcome, datum, line, sink);
                }
                Err(reason) => self.refuse(reason, line, sink),
            }
        }
    }

    #[inline(always)]
    fn place(&mut self, outcome: Outcome, datum: Datum<'_>, line: &[u8], sink: &mut Sink<'_>) {
        match outcome {
            Outcome::Series(series) => {
                if let Err(reason) = sink.push(series, datum, line) {
                    self.refuse(reason, line, sink);
                }
            }
            Outcome::Overflow(kind, limit) => self.overflow(kind, limit, datum, line, sink),
            Outcome::Refused(reason) => self.refuse(reason, line, sink),
            Outcome::Dropped => sink.batch.tally.dropped += 1,
        }
    }

    #[cold]
    #[inline(never)]
    fn overflow(&mut self, kind: Kind, limit: Limit, datum: Datum<'_>, line: &[u8], sink: &mut Sink<'_>) {
        match sink.push(self.interner.overflow(kind), datum, line) {
            Ok(()) => sink.batch.tally.overflow(limit),
            Err(reason) => self.refuse(reason, line, sink),
        }
    }

    /// Refuses a value of `line`. An event whose title is a number, `_e{1,1}:5|c`, looks like a metric up to here.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, reason: BadReason, line: &[u8], sink: &mut Sink<'_>) {
        if !self.is_aside(without_end(line), sink) {
            self.count_bad(reason, line, sink);
        }
    }

    /// Takes `line` if it begins as an event or a service check does, and says whether it does.
    fn is_aside(&mut self, line: &[u8], sink: &mut Sink<'_>) -> bool {
        if !line.starts_with(b"_") {
            return false;
        }
        let Some(taken) = self.asides.as_mut().and_then(|asides| asides.read(line)) else { return false };
        if let Err(reason) = taken {
            self.count_bad(reason, line, sink);
        }
        true
    }

    fn count_bad(&mut self, reason: BadReason, line: &[u8], sink: &mut Sink<'_>) {
        sink.batch.tally.refuse(reason);
        if self.example.is_none() {
            let line = without_end(line);
            self.example = Some((reason, line[..line.len().min(EXAMPLE)].to_vec()));
        }
    }
}

/// A plain line that waits for its series.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    place: Place,
    /// Of a set: nothing, the member is between `colon` and `bar`.
    value: f64,
    kind: Kind,
    sample: SampleKind,
    start: u32,
    colon: u32,
    bar: u32,
    end: u32,
}

impl Ahead {
    #[inline(always)]
    fn new(place: Place, metric: &Metric<'_>, datum: Datum<'_>, start: usize, marks: &[u32]) -> Ahead {
        let (sample, value) = match datum {
            Datum::Number { kind, value, .. } => (kind, value),
            Datum::Member(_) => (SampleKind::Set, 0.0),
        };
        let [colon, bar, end] = [marks[0], marks[1], marks[2]];
        Ahead { place, value, kind: metric.kind, sample, start: start as u32, colon, bar, end }
    }

    #[inline(always)]
    fn name(self, window: &[u8]) -> &[u8] {
        &window[self.start as usize..self.colon as usize]
    }

    #[inline(always)]
    fn datum(self, window: &[u8]) -> Datum<'_> {
        match self.sample {
            SampleKind::Set => Datum::Member(&window[self.colon as usize + 1..self.bar as usize]),
            kind => Datum::Number { kind, value: self.value, rate: 1.0 },
        }
    }

    #[inline(always)]
    fn whole(self, window: &[u8]) -> &[u8] {
        &window[self.start as usize..self.end as usize]
    }
}

/// Lines looked up together: more than a processor has loads under way, few enough to stay in its cache.
const AHEAD: usize = 32;

/// Bytes of a bad line that are kept as an example.
const EXAMPLE: usize = 128;
