//! Writes the lines of one flush: `path value stamp\n`.
//!
//! One call a series; a million counters are to cost tens of nanoseconds a line, so names are pieced together from
//! text made beforehand and nothing is allocated once the buffers have grown.

use super::histogram::Bins;
use super::namespace::{Affix, Namespace, Rules, TimerAffixes};
use super::number::{write_integer, write_number, write_six_decimals};
use super::tags::{Spelling, TagMode};
use crate::metric::{TagsRef, unbounded};

/// What is known of a timer in one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimerNumbers<'a> {
    /// Samples of the interval, not weighted; 0 if the timer is idle.
    pub samples: u64,
    /// Samples divided by their rates: what statsd calls the count.
    pub count: f64,
    /// Smallest sample.
    pub lower: f64,
    /// Largest sample.
    pub upper: f64,
    /// Sum of the samples, not weighted.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_squares: f64,
    /// `sum / samples`.
    pub mean: f64,
    /// Middle sample, or the mean of the two in the middle.
    pub median: f64,
    /// Standard deviation of the population.
    pub deviation: f64,
    /// Parallel to `Namespace::percentiles`; `None` where no sample falls under the threshold, and nothing is sent.
    pub percentiles: &'a [Option<PercentNumbers>],
}

/// What is known of the samples under, or for a negative percentile over, a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PercentNumbers {
    /// How many.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The largest; for a negative percentile the smallest.
    pub bound: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
}

/// Appends lines of one flush to a buffer.
#[derive(Debug)]
pub struct LineWriter<'a> {
    names: &'a Namespace,
    tags: &'a TagMode,
    interval_seconds: f64,
    clean_names: bool,
    spelling: Spelling,
    page: Page<'a>,
}

/// The buffer and what ends every line of it.
#[derive(Debug)]
struct Page<'a> {
    out: &'a mut Vec<u8>,
    /// ` stamp\n`
    ending: Vec<u8>,
    rules: Rules,
    non_finite: bool,
    lines: u64,
}

impl<'a> LineWriter<'a> {
    /// Writes to the end of `out` lines stamped `stamp` (seconds since the epoch); rates are per second of an interval
    /// of `interval_seconds`.
    pub fn new(
        names: &'a Namespace,
        tags: &'a TagMode,
        stamp: i64,
        interval_seconds: f64,
        out: &'a mut Vec<u8>,
    ) -> LineWriter<'a> {
        let mut ending = vec![b' '];
        write_integer(&mut ending, stamp);
        ending.push(b'\n');
        let (rules, options) = (names.rules(), names.options());
        // Heka has no words for them.
        let non_finite = options.send_non_finite && rules == Rules::Statsd;
        let (clean_names, page) = (options.clean_names, Page { out, ending, rules, non_finite, lines: 0 });
        LineWriter { names, tags, interval_seconds, clean_names, spelling: Spelling::default(), page }
    }

    /// Lines written so far.
    pub fn lines(&self) -> u64 {
        self.page.lines
    }

    /// Bytes in the buffer, those that were there before included.
    pub fn len(&self) -> usize {
        self.page.out.len()
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.page.out.is_empty()
    }

    /// Writes a counter: its rate, and its sum where counts are flushed.
    pub fn counter(&mut self, name: &str, tags: TagsRef<'_>, sum: f64) {
        let series = self.spelling.of(self.tags, name, tags, self.clean_names);
        let sum = unbounded(sum);
        self.page.float(&self.names.counter_rate, series, sum / self.interval_seconds);
        if let Some(count) = &self.names.counter_count {
            self.page.integer(count, series, sum);
        }
    }

    /// Writes a gauge.
    pub fn gauge(&mut self, name: &str, tags: TagsRef<'_>, value: f64) {
        let series = self.spelling.of(self.tags, name, tags, self.clean_names);
        self.page.float(&self.names.gauge, series, unbounded(value));
    }

    /// Writes the cardinality of a set.
    pub fn set(&mut self, name: &str, tags: TagsRef<'_>, cardinality: u64) {
        let series = self.spelling.of(self.tags, name, tags, self.clean_names);
        self.page.integer(&self.names.set, series, cardinality as f64);
    }

    /// Writes a timer, histogram or distribution: all its statistics, or those an idle one has.
    pub fn timer(&mut self, name: &str, tags: TagsRef<'_>, timer: &TimerNumbers<'_>) {
        let series = self.spelling.of(self.tags, name, tags, self.clean_names);
        let (names, page) = (&self.names.timer, &mut self.page);
        match page.rules {
            Rules::Heka => heka_timer(page, names, series, timer, self.interval_seconds),
            Rules::Statsd if timer.samples == 0 => {
                page.optional(&names.count, series, 0.0);
                page.optional(&names.count_per_second, series, 0.0);
            }
            Rules::Statsd => statsd_timer(page, names, series, timer, self.interval_seconds),
        }
    }

    /// Writes how many samples of a timer lie in each of its bins, `below` saying how many lie below a bound.
    pub fn bins(&mut self, name: &str, tags: TagsRef<'_>, bins: &Bins, below: impl Fn(f64) -> u64) {
        let series = self.spelling.of(self.tags, name, tags, self.clean_names);
        for (affix, count) in bins.counts(below) {
            self.page.integer(affix, series, count as f64);
        }
    }

    /// Writes the number of series of the flush.
    pub fn number_of_stats(&mut self, count: u64) {
        let affix = Affix { before: self.names.number_of_stats().into(), after: "".into() };
        self.page.integer(&affix, (b"", b""), count as f64);
    }

    /// Writes one of the aggregator's own counters, such as `bad_lines_seen`, as the counter it is.
    pub fn own_counter(&mut self, name: &str, sum: f64) {
        self.counter(&self.names.own_name(name), TagsRef::default(), sum);
    }

    /// Writes one of the daemon's own numbers that is no series, such as `processing_time`.
    pub fn own_number(&mut self, name: &str, value: f64) {
        if let Some(name) = self.names.own_number(name) {
            self.page.float(&Affix { before: name.into(), after: "".into() }, (b"", b""), value);
        }
    }

    /// Writes one of the aggregator's own gauges, such as `timestamp_lag`.
    pub fn own_gauge(&mut self, name: &str, value: f64) {
        self.gauge(&self.names.own_name(name), TagsRef::default(), value);
    }
}

/// Head and tail of a series' names.
type Spelled<'a> = (&'a [u8], &'a [u8]);

fn statsd_timer(
    page: &mut Page<'_>,
    names: &TimerAffixes,
    series: Spelled<'_>,
    timer: &TimerNumbers<'_>,
    interval_seconds: f64,
) {
    for (names, numbers) in names.percentiles.iter().zip(timer.percentiles) {
        if let Some(numbers) = numbers {
            page.optional(&names.count, series, numbers.count as f64);
            page.optional(&names.mean, series, numbers.mean);
            page.optional(&names.bound, series, numbers.bound);
            page.optional(&names.sum, series, numbers.sum);
            page.optional(&names.sum_squares, series, numbers.sum_squares);
        }
    }
    page.optional(&names.deviation, series, timer.deviation);
    page.optional(&names.upper, series, timer.upper);
    page.optional(&names.lower, series, timer.lower);
    page.optional(&names.count, series, timer.count);
    page.optional(&names.count_per_second, series, timer.count / interval_seconds);
    page.optional(&names.sum, series, timer.sum);
    page.optional(&names.sum_squares, series, timer.sum_squares);
    page.optional(&names.mean, series, timer.mean);
    page.optional(&names.median, series, timer.median);
}

/// Heka counts samples without regard to their rates, and sends every statistic of an idle timer as zero.
fn heka_timer(
    page: &mut Page<'_>,
    names: &TimerAffixes,
    series: Spelled<'_>,
    timer: &TimerNumbers<'_>,
    interval_seconds: f64,
) {
    let idle = timer.samples == 0;
    let unless_idle = |value: f64| if idle { 0.0 } else { value };
    if let Some(name) = &names.count {
        page.integer(name, series, timer.samples as f64);
    }
    page.optional(&names.count_per_second, series, timer.samples as f64 / interval_seconds);
    page.optional(&names.lower, series, unless_idle(timer.lower));
    page.optional(&names.upper, series, unless_idle(timer.upper));
    page.optional(&names.sum, series, unless_idle(timer.sum));
    page.optional(&names.mean, series, unless_idle(timer.mean));
    for (at, names) in names.percentiles.iter().enumerate() {
        let numbers = timer.percentiles.get(at).copied().flatten();
        if idle || numbers.is_some() {
            let (mean, bound) = numbers.map_or((0.0, 0.0), |numbers| (numbers.mean, numbers.bound));
            page.optional(&names.mean, series, unless_idle(mean));
            page.optional(&names.bound, series, unless_idle(bound));
        }
    }
}

impl Page<'_> {
    /// Writes a float whose name is known if it is sent.
    #[inline]
    fn optional(&mut self, affix: &Option<Affix>, series: Spelled<'_>, value: f64) {
        if let Some(affix) = affix {
            self.float(affix, series, value);
        }
    }

    /// Writes a number that is a float to both rules.
    #[inline]
    fn float(&mut self, affix: &Affix, series: Spelled<'_>, value: f64) {
        if !value.is_finite() && !self.non_finite {
            return;
        }
        self.path(affix, series);
        match self.rules {
            Rules::Statsd => write_number(self.out, value),
            Rules::Heka => write_six_decimals(self.out, value),
        }
        self.end();
    }

    /// Writes a number that is an integer under Heka's rules.
    #[inline]
    fn integer(&mut self, affix: &Affix, series: Spelled<'_>, value: f64) {
        if !value.is_finite() && !self.non_finite {
            return;
        }
        self.path(affix, series);
        match self.rules {
            Rules::Statsd => write_number(self.out, value),
            Rules::Heka => write_integer(self.out, value as i64),
        }
        self.end();
    }

    #[inline]
    fn path(&mut self, affix: &Affix, (head, tail): Spelled<'_>) {
        let (before, after) = (affix.before.as_bytes(), affix.after.as_bytes());
        self.out.reserve(before.len() + head.len() + after.len() + tail.len() + VALUE_AND_STAMP);
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(head);
        self.out.extend_from_slice(after);
        self.out.extend_from_slice(tail);
        if before.len() + head.len() + after.len() + tail.len() == 0 {
            self.out.push(b'_');
        }
        self.out.push(b' ');
    }

    #[inline]
    fn end(&mut self) {
        self.out.extend_from_slice(&self.ending);
        self.lines += 1;
    }
}

/// Room for an ordinary value and the ending, so that a line grows the buffer at most once.
const VALUE_AND_STAMP: usize = 64;

#[cfg(test)]
mod tests;
