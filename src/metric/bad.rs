//! Why a statsd line or value was refused, and what a batch saw beside its samples.

use super::Limit;

/// Why a line, or one value of it, is bad. Also the label of its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum BadReason {
    /// No `:` after the name.
    NoValue,
    /// No `|` after the value.
    NoType,
    /// Nothing before the `:`, or nothing legal in it; an event without a title, a service check without a name.
    EmptyName,
    /// A type other than c, m, g, ms, h, d, s.
    UnknownType,
    /// The value is no decimal number.
    BadNumber,
    /// The value, or value times 1/rate where the kind uses a rate, is NaN or infinite.
    NotFinite,
    /// A negative `ms` value.
    NegativeTimer,
    /// A sample rate that is no number from 1e-9 to 1.
    BadRate,
    /// A name or tag section longer than the limit.
    TooLong,
    /// The last line of a datagram the kernel cut.
    Truncated,
    /// It begins as a DogStatsD event and is not `_e{5,4}:title|text`.
    BadEvent,
    /// The lengths of an event are not those of its title and its text.
    BadLength,
    /// It begins as a DogStatsD service check and is not `_sc|name|0`, with a status from 0 to 3.
    BadCheck,
    /// A time that is no whole number of seconds since 1970.
    BadTimestamp,
    /// The client says that it counted long before or after now, and the listener refuses such samples.
    Late,
}

impl BadReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [BadReason; 15] = [
        BadReason::NoValue,
        BadReason::NoType,
        BadReason::EmptyName,
        BadReason::UnknownType,
        BadReason::BadNumber,
        BadReason::NotFinite,
        BadReason::NegativeTimer,
        BadReason::BadRate,
        BadReason::TooLong,
        BadReason::Truncated,
        BadReason::BadEvent,
        BadReason::BadLength,
        BadReason::BadCheck,
        BadReason::BadTimestamp,
        BadReason::Late,
    ];

    /// The label value.
    pub const fn label(self) -> &'static str {
        match self {
            BadReason::NoValue => "no_value",
            BadReason::NoType => "no_type",
            BadReason::EmptyName => "empty_name",
            BadReason::UnknownType => "unknown_type",
            BadReason::BadNumber => "bad_number",
            BadReason::NotFinite => "not_finite",
            BadReason::NegativeTimer => "negative_timer",
            BadReason::BadRate => "bad_rate",
            BadReason::TooLong => "too_long",
            BadReason::Truncated => "truncated",
            BadReason::BadEvent => "bad_event",
            BadReason::BadLength => "bad_length",
            BadReason::BadCheck => "bad_check",
            BadReason::BadTimestamp => "bad_timestamp",
            BadReason::Late => "late",
        }
    }
}

/// What came in with a batch, counted by whoever decoded it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams, or chunks of a stream.
    pub datagrams: u64,
    /// Non-empty lines, bad ones too.
    pub lines: u64,
    /// Refused values by `BadReason`.
    pub bad: [u64; BadReason::ALL.len()],
    /// Samples a `drop` glob of the listener took out, or that clients sent about themselves and nobody wants.
    pub dropped: u64,
    /// Samples that went to an overflow series, by the `Limit` that refused theirs.
    pub overflowed: [u64; Limit::ALL.len()],
    /// Samples whose client says that it counted them long before or after now; aggregated unless refused as `Late`.
    pub late: u64,
}

impl Tally {
    /// Counts one refused value.
    pub fn refuse(&mut self, reason: BadReason) {
        self.bad[reason as usize] += 1;
    }

    /// Counts one sample that went to an overflow series.
    pub fn overflow(&mut self, limit: Limit) {
        self.overflowed[limit as usize] += 1;
    }

    /// All refused values.
    pub fn bad_total(&self) -> u64 {
        self.bad.iter().sum()
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Tally) {
        self.datagrams += other.datagrams;
        self.lines += other.lines;
        self.dropped += other.dropped;
        self.late += other.late;
        let counts = self.bad.iter_mut().chain(&mut self.overflowed);
        for (mine, theirs) in counts.zip(other.bad.iter().chain(&other.overflowed)) {
            *mine += theirs;
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Tally::default()
    }
}
