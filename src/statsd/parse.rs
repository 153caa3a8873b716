//! Reads whole datagrams: the lines most clients send straight from the marks of the scan, all others by `line`.

use std::sync::Arc;

use super::asides::Asides;
use super::intern::{Interner, Outcome, Place};
use super::line::{Datum, Metric, kind_of, metrics, read_rate};
use super::origin::Origins;
use super::scan::Marks;
use super::timing::{self, Timed, Timing};
use super::{Dialect, Rules, dogstatsd, reference};
use crate::message::Message;
use crate::metric::{BadReason, Kind, Limit, Registry, Sample, SampleBatch, SampleKind, SeriesId, Span};
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

/// Where samples go.
struct Sink<'a> {
    batch: &'a mut SampleBatch,
    keep_lines: bool,
    /// Where the line being read was kept.
    kept: Option<Span>,
}

impl Sink<'_> {
    /// Counts a line.
    #[inline(always)]
    fn begin(&mut self) {
        self.batch.tally.lines += 1;
        self.kept = None;
    }

    /// Appends a sample.
    ///
    /// # Errors
    /// `TooLong` if the text of the batch has no room for the member.
    #[inline(always)]
    fn push(&mut self, series: SeriesId, datum: Datum<'_>, line: &[u8]) -> Result<(), BadReason> {
        let sample = match datum {
            Datum::Number { kind, value, rate } => Sample { series, kind, value, rate },
            Datum::Member(text) => Sample::of_set(series, self.keep(text).ok_or(BadReason::TooLong)?),
        };
        self.batch.samples.push(sample);
        if self.keep_lines {
            // A line without room is kept as empty: the sample is worth more than its text.
            let span = self.kept.or_else(|| self.keep(without_end(line))).unwrap_or_default();
            self.kept = Some(span);
            self.batch.lines.push(span);
        }
        Ok(())
    }

    /// Positions in the text of a batch have 32 bits.
    fn keep(&mut self, text: &[u8]) -> Option<Span> {
        let fits = u32::try_from(self.batch.text.len() + text.len()).is_ok();
        fits.then(|| self.batch.keep(text))
    }
}

/// `name:1|c`
/// `    ^ ^ ^` a line of these three marks, with a known type; its value, or why it is none.
#[inline(always)]
fn plain<'a>(
    window: &'a [u8],
    start: usize,
    marks: &[u32],
) -> Option<(Metric<'a>, Result<Datum<'a>, BadReason>)> {
    let [colon, bar, end, ..] = *marks else { return None };
    let (colon, bar, end) = (colon as usize, bar as usize, end as usize);
    if !is_colon(window, colon) || !is_bar(window, bar) || !ends_line(window, end) {
        return None;
    }
    let kind = kind_of(without_end(&window[bar + 1..end]))?;
    let (name, values) = (&window[start..colon], &window[colon + 1..bar]);
    let datum = Datum::read(kind, values, 1.0);
    Some((Metric { name, tags: &[], kind, values, rate: Ok(1.0), time: None }, datum))
}

/// `name:1|c|@0.1|#k:v,k2:v2`
/// `    ^ ^ ^    ^  ^    ^  ^` sections after the type, whose own `:` mean nothing; in a rate they would.
fn sectioned<'a>(window: &'a [u8], start: usize, marks: &[u32]) -> Option<(Metric<'a>, usize)> {
    let [colon, bar, first, ..] = *marks else { return None };
    let (colon, bar, mut open) = (colon as usize, bar as usize, first as usize);
    if !is_colon(window, colon) || !is_bar(window, bar) || !is_bar(window, open) {
        return None;
    }
    let kind = kind_of(&window[bar + 1..open])?;
    let (mut tags, mut rate, mut time) = (&[][..], Ok(1.0), None);
    let mut read = 3;
    while is_bar(window, open) {
        let inner = marks[read..].iter().take_while(|&&at| is_colon(window, at as usize)).count();
        let close = *marks.get(read + inner)? as usize;
        let section = &window[open + 1..close];
        let section = if ends_line(window, close) { without_end(section) } else { section };
        match section {
            [b'@', ..] if inner > 0 => return None,
            [b'@', text @ ..] => rate = read_rate(text),
            [b'#', text @ ..] => tags = text,
            [b'T', text @ ..] => time = Some(text),
            _ => {}
        }
        open = close;
        read += inner + 1;
    }
    let (name, values) = (&window[start..colon], &window[colon + 1..bar]);
    Some((Metric { name, tags, kind, values, rate, time }, read))
}

/// How many of `marks` belong to the first line, its end included.
fn marks_of_line(window: &[u8], marks: &[u32]) -> usize {
    1 + marks.iter().take_while(|&&at| !ends_line(window, at as usize)).count()
}

/// Whether the mark `at` is a line feed or the end of the text.
#[inline(always)]
fn ends_line(window: &[u8], at: usize) -> bool {
    window.get(at).is_none_or(|&byte| byte == b'\n')
}

#[inline(always)]
fn is_bar(window: &[u8], at: usize) -> bool {
    window.get(at) == Some(&b'|')
}

#[inline(always)]
fn is_colon(window: &[u8], at: usize) -> bool {
    window.get(at) == Some(&b':')
}

/// `line` without `\n`, `\r\n` or `\r` at its end.
#[inline(always)]
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Cuts whole lines of at most `WINDOW` bytes from the front, or one line if it is longer.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    if text.len() <= WINDOW {
        return (text, &[]);
    }
    let end = memchr::memrchr(b'\n', &text[..WINDOW]).or_else(|| memchr::memchr(b'\n', text));
    text.split_at(end.map_or(text.len(), |at| at + 1))
}

/// Bytes scanned at once: their marks stay in the cache, whatever comes over a stream.
const WINDOW: usize = 16 << 10;

/// Lines looked up together: more than a processor has loads under way, few enough to stay in its cache.
const AHEAD: usize = 32;

/// Bytes of a bad line that are kept as an example.
const EXAMPLE: usize = 128;
