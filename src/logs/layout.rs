//! Stamps in the layouts of Go's `time` package, and in Heka's epochs.
//!
//! A layout is the stamp of one moment, Mon Jan 2 15:04:05 -0700 2006, written as others are to be read. What it lacks
//! comes from a stamp that is given, such as when the line was received: without a date the day of it, without a year
//! its year, or the one before it if that would be more than a day ahead.
//!
//! Source: <https://pkg.go.dev/time#pkg-constants>.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use crate::time::Stamp;

/// How stamps are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// Units since the Unix epoch, with or without a fraction; the number of nanoseconds of a unit.
    Epoch(i64),
    /// A layout of Go.
    Go(Vec<Item>),
}

/// A part of a layout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item {
    /// This byte. A blank stands for any number of them, as in Go.
    Byte(u8),
    /// Four digits of a year.
    Year,
    /// Two of them: from 69 on of the last century.
    ShortYear,
    /// A month by its name, or the first three letters of it.
    MonthName {
        /// Whether it is whole.
        long: bool,
    },
    /// Its number, with two digits always or not.
    Month {
        /// Whether two are needed.
        fixed: bool,
    },
    /// A day of the week, which is read and means nothing.
    Weekday {
        /// Whether it is whole.
        long: bool,
    },
    /// A day of the month; a blank may stand before it.
    Day {
        /// Whether two digits are needed.
        fixed: bool,
    },
    /// A day of the year, three digits, or fewer behind blanks.
    DayOfYear,
    /// An hour of the day.
    Hour,
    /// An hour of half a day.
    HalfHour {
        /// Whether two digits are needed.
        fixed: bool,
    },
    /// Which half.
    Half,
    /// A minute.
    Minute {
        /// Whether two digits are needed.
        fixed: bool,
    },
    /// A second; a fraction may follow it.
    Second {
        /// Whether two digits are needed.
        fixed: bool,
    },
    /// A fraction of a second of that many digits, or of any number of them, none too.
    Fraction(Option<usize>),
    /// An offset from UTC: `Z` may stand for none, and its parts may be parted by colons.
    Offset {
        /// Whether `Z` may.
        zulu: bool,
        /// Whether colons do.
        colons: bool,
        /// 1 with hours alone, 2 with minutes, 3 with seconds.
        parts: u8,
    },
    /// A zone by its short name: UTC, GMT with hours, or one that the time zone has in summer or in winter; others are taken
    /// as UTC.
    Zone,
}

/// Why a text is no stamp of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// It is written otherwise.
    #[error("it does not fit the layout from its byte {0} on")]
    Misfit(usize),
    /// A number beyond its range, or a day its month has not.
    #[error("there is no such date or time")]
    Range,
    /// Text behind it.
    #[error("there is more behind it")]
    Rest,
}

/// A moment as it was written, before it is known what is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Civil {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    /// Seconds east of UTC.
    offset: Option<i32>,
    /// Bytes of a zone's short name.
    zone: Option<[u8; 4]>,
}

impl Layout {
    /// Reads a layout: `Epoch`, `EpochMilli`, `EpochMicro`, `EpochNano`, or one of Go, such as
    /// `02/Jan/2006:15:04:05 -0700`.
    pub fn new(text: &str) -> Layout {
        match text {
            "Epoch" => Layout::Epoch(1_000_000_000),
            "EpochMilli" => Layout::Epoch(1_000_000),
            "EpochMicro" => Layout::Epoch(1000),
            "EpochNano" => Layout::Epoch(1),
            text => Layout::Go(items(text.as_bytes())),
        }
    }

    /// Whether it reads anything but its own text.
    pub fn reads_time(&self) -> bool {
        match self {
            Layout::Epoch(_) => true,
            Layout::Go(items) => items.iter().any(|item| !matches!(item, Item::Byte(_))),
        }
    }

    /// Reads a stamp; a time without an offset is one of `zone`, what is missing that of `now`.
    ///
    /// # Errors
    /// If it is written otherwise, or is no moment.
    pub fn parse(&self, text: &[u8], zone: &TimeZone, now: Stamp) -> Result<Stamp, LayoutError> {
        match self {
            Layout::Epoch(unit) => epoch(text, *unit),
            Layout::Go(items) => civil(items, text)?.stamp(zone, now),
        }
    }
}

/// Reads a stamp of one of the layouts that Go names, for those that follow none.
///
/// # Errors
/// If it fits none of them.
pub fn parse_forgiving(text: &[u8], zone: &TimeZone, now: Stamp) -> Result<Stamp, LayoutError> {
    thread_local! {
        static LAYOUTS: Vec<Layout> = NAMED.iter().map(|layout| Layout::new(layout)).collect();
    }
    let fits = |layout: &Layout| layout.parse(text, zone, now).ok();
    LAYOUTS.with(|layouts| layouts.iter().find_map(fits)).ok_or(LayoutError::Misfit(0))
}

/// Go's own, and what databases write.
const NAMED: &[&str] = &[
    "2006-01-02T15:04:05Z07:00",
    "Mon Jan _2 15:04:05 2006",
    "Mon Jan _2 15:04:05 MST 2006",
    "Mon Jan 02 15:04:05 -0700 2006",
    "02 Jan 06 15:04 MST",
    "02 Jan 06 15:04 -0700",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 -0700",
    "3:04PM",
    "Jan _2 15:04:05",
    "2006-01-02 15:04:05",
];

fn epoch(text: &[u8], unit: i64) -> Result<Stamp, LayoutError> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let misfit = |place: usize| LayoutError::Misfit(place + usize::from(negative));
    let whole_length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // As many digits fit any unit without going over.
    if whole_length == 0 || whole_length > 20 {
        return Err(misfit(0));
    }
    let number = |digits: &[u8]| digits.iter().fold(0i128, |sum, byte| sum * 10 + i128::from(byte - b'0'));
    let mut nanos = number(&digits[..whole_length]) * i128::from(unit);
    match &digits[whole_length..] {
        [] => {}
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => {
            // What is below a nanosecond is cut.
            let fraction = &fraction[..fraction.len().min(18)];
            nanos += number(fraction) * i128::from(unit) / 10i128.pow(fraction.len() as u32);
        }
        _ => return Err(misfit(whole_length)),
    }
    let nanos = if negative { -nanos } else { nanos };
    i64::try_from(nanos).map(Stamp).map_err(|_| LayoutError::Range)
}

/// Parts of a layout, the longest spellings first, as Go looks for them.
fn items(layout: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < layout.len() {
        let rest = &layout[at..];
        let found = fraction(rest, at.checked_sub(1).map(|before| layout[before])).or_else(|| {
            let found = SPELLINGS.iter().find(|(text, _)| begins(rest, text))?;
            // `_2006` is a `_` before a year, not a day before 006.
            let length = if matches!(found.1, Item::Byte(_)) { 1 } else { found.0.len() };
            Some((found.1, length))
        });
        let (item, length) = found.unwrap_or((Item::Byte(rest[0]), 1));
        // Any number of blanks is one.
        if item != Item::Byte(b' ') || items.last() != Some(&item) {
            items.push(item);
        }
        at += length;
    }
    items
}

/// `Jan` is not the beginning of `Janet`, nor `1` of `12`, but all others are found anywhere.
fn begins(rest: &[u8], text: &str) -> bool {
    let followed_by_letter = rest.get(text.len()).is_some_and(u8::is_ascii_lowercase);
    rest.starts_with(text.as_bytes()) && !(matches!(text, "Jan" | "Mon") && followed_by_letter)
}

/// `.000` or `,999` behind seconds, and not within a number.
fn fraction(rest: &[u8], before: Option<u8>) -> Option<(Item, usize)> {
    let (b'.' | b',', digits) = rest.split_first().map(|(byte, rest)| (*byte, rest))? else { return None };
    let digit = *digits.first().filter(|digit| matches!(digit, b'0' | b'9'))?;
    let count = digits.iter().take_while(|byte| **byte == digit).count();
    if digits.get(count).is_some_and(u8::is_ascii_digit) || before.is_none() {
        return None;
    }
    let item = Item::Fraction((digit == b'0').then_some(count));
    Some((item, count + 1))
}

const SPELLINGS: &[(&str, Item)] = &[
    ("January", Item::MonthName { long: true }),
    ("Jan", Item::MonthName { long: false }),
    ("Monday", Item::Weekday { long: true }),
    ("Mon", Item::Weekday { long: false }),
    ("MST", Item::Zone),
    ("2006", Item::Year),
    ("002", Item::DayOfYear),
    ("__2", Item::DayOfYear),
    ("_2006", Item::Byte(b'_')),
    ("_2", Item::Day { fixed: false }),
    ("01", Item::Month { fixed: true }),
    ("02", Item::Day { fixed: true }),
    ("03", Item::HalfHour { fixed: true }),
    ("04", Item::Minute { fixed: true }),
    ("05", Item::Second { fixed: true }),
    ("06", Item::ShortYear),
    ("15", Item::Hour),
    ("1", Item::Month { fixed: false }),
    ("2", Item::Day { fixed: false }),
    ("3", Item::HalfHour { fixed: false }),
    ("4", Item::Minute { fixed: false }),
    ("5", Item::Second { fixed: false }),
    ("PM", Item::Half),
    ("pm", Item::Half),
    ("-07:00:00", Item::Offset { zulu: false, colons: true, parts: 3 }),
    ("-070000", Item::Offset { zulu: false, colons: false, parts: 3 }),
    ("-07:00", Item::Offset { zulu: false, colons: true, parts: 2 }),
    ("-0700", Item::Offset { zulu: false, colons: false, parts: 2 }),
    ("-07", Item::Offset { zulu: false, colons: false, parts: 1 }),
    ("Z07:00:00", Item::Offset { zulu: true, colons: true, parts: 3 }),
    ("Z070000", Item::Offset { zulu: true, colons: false, parts: 3 }),
    ("Z07:00", Item::Offset { zulu: true, colons: true, parts: 2 }),
    ("Z0700", Item::Offset { zulu: true, colons: false, parts: 2 }),
    ("Z07", Item::Offset { zulu: true, colons: false, parts: 1 }),
];

/// Reads `text` part by part.
fn civil(items: &[Item], text: &[u8]) -> Result<Civil, LayoutError> {
    let mut civil = Civil::default();
    let mut cursor = Cursor { text, at: 0 };
    for (place, item) in items.iter().enumerate() {
        cursor.item(*item, &mut civil)?;
        let fraction_follows = matches!(items.get(place + 1), Some(Item::Fraction(_)));
        if matches!(item, Item::Second { .. }) && !fraction_follows {
            // As Go does it: a fraction is read where the layout has none.
            civil.nanosecond = cursor.any_fraction().unwrap_or(0);
        }
    }
    if cursor.at < text.len() { Err(LayoutError::Rest) } else { Ok(civil) }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn item(&mut self, item: Item, civil: &mut Civil) -> Result<(), LayoutError> {
        match item {
            Item::Byte(b' ') => {
                if self.peek().is_some_and(|byte| byte != b' ') {
                    return Err(self.misfit());
                }
                self.skip_blanks();
            }
            Item::Byte(byte) => self.byte(byte)?,
            Item::Year => civil.year = Some(self.digits(4)? as i16),
            Item::ShortYear => {
                let year = self.digits(2)? as i16;
                civil.year = Some(if year >= 69 { 1900 + year } else { 2000 + year });
            }
            Item::MonthName { long } => civil.month = Some(1 + self.word(&MONTHS, long)? as i8),
            Item::Month { fixed } => civil.month = Some(self.one_or_two(fixed)?),
            Item::Weekday { long } => {
                self.word(&WEEKDAYS, long)?;
            }
            Item::Day { fixed } => {
                if !fixed && self.peek() == Some(b' ') {
                    self.at += 1;
                }
                civil.day = Some(self.one_or_two(fixed)?);
            }
            Item::DayOfYear => {
                let blanks = self.text[self.at..].iter().take(2).take_while(|byte| **byte == b' ').count();
                self.at += blanks;
                civil.day_of_year = Some(self.digits(3 - blanks)? as i16);
            }
            Item::Hour => civil.hour = self.one_or_two(false)?,
            Item::HalfHour { fixed } => {
                civil.hour = self.one_or_two(fixed)?;
                if civil.hour > 12 {
                    return Err(LayoutError::Range);
                }
            }
            Item::Half => civil.afternoon = Some(self.word(&HALVES, true)? % 2 == 1),
            Item::Minute { fixed } => civil.minute = self.one_or_two(fixed)?,
            Item::Second { fixed } => civil.second = self.one_or_two(fixed)?,
            Item::Fraction(None) => civil.nanosecond = self.any_fraction().unwrap_or(0),
            Item::Fraction(Some(count)) => {
                let start = self.at;
                let found = self.any_fraction().ok_or(LayoutError::Misfit(start))?;
                if self.at - start != count + 1 {
                    return Err(LayoutError::Misfit(start));
                }
                civil.nanosecond = found;
            }
            Item::Offset { zulu: true, .. } if self.peek() == Some(b'Z') => {
                self.at += 1;
                civil.offset = Some(0);
            }
            Item::Offset { colons, parts, .. } => civil.offset = Some(self.offset(colons, parts)?),
            Item::Zone => self.zone(civil)?,
        }
        Ok(())
    }

    fn misfit(&self) -> LayoutError {
        LayoutError::Misfit(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn byte(&mut self, byte: u8) -> Result<(), LayoutError> {
        if self.peek() != Some(byte) {
            return Err(self.misfit());
        }
        self.at += 1;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn digit(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
    }

    fn digits(&mut self, count: usize) -> Result<u32, LayoutError> {
        let mut number = 0;
        for ahead in 0..count {
            number = number * 10 + u32::from(self.digit(ahead).ok_or(self.misfit())?);
        }
        self.at += count;
        Ok(number)
    }

    fn one_or_two(&mut self, two: bool) -> Result<i8, LayoutError> {
        let count = if two || self.digit(1).is_some() { 2 } else { 1 };
        Ok(self.digits(count)? as i8)
    }

    /// The place of the word that stands here, or of its first three letters; case does not matter.
    fn word(&mut self, words: &[&str], long: bool) -> Result<usize, LayoutError> {
        let rest = &self.text[self.at..];
        let length = |word: &&str| if long { word.len() } else { 3 };
        let stands = |word: &&str| {
            rest.get(..length(word))
                .is_some_and(|text| text.eq_ignore_ascii_case(&word.as_bytes()[..length(word)]))
        };
        let place = words.iter().position(stands).ok_or(self.misfit())?;
        self.at += length(&words[place]);
        Ok(place)
    }

    /// A point or comma and digits, as nanoseconds; none if there are none.
    fn any_fraction(&mut self) -> Option<i32> {
        if !matches!(self.peek(), Some(b'.' | b',')) || self.digit(1).is_none() {
            return None;
        }
        self.at += 1;
        let (mut nanos, mut unit) = (0, 100_000_000);
        while let Some(digit) = self.digit(0) {
            nanos += i32::from(digit) * unit;
            unit /= 10;
            self.at += 1;
        }
        Some(nanos)
    }

    fn offset(&mut self, colons: bool, parts: u8) -> Result<i32, LayoutError> {
        let sign = match self.peek() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(self.misfit()),
        };
        self.at += 1;
        let mut seconds = 0;
        for (part, unit) in (0..parts).zip([3600, 60, 1]) {
            if part > 0 && colons {
                self.byte(b':')?;
            }
            let number = self.digits(2)? as i32;
            if number > if part == 0 { 24 } else { 59 } {
                return Err(LayoutError::Range);
            }
            seconds += number * unit;
        }
        Ok(sign * seconds)
    }

    fn zone(&mut self, civil: &mut Civil) -> Result<(), LayoutError> {
        let letters = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let name = &self.text[self.at..self.at + letters];
        match name {
            b"UTC" => civil.offset = Some(0),
            b"GMT" => {
                self.at += letters;
                let sign = match self.peek() {
                    Some(b'+') => 3600,
                    Some(b'-') => -3600,
                    _ => 0,
                };
                let hours = if sign != 0 && self.digit(1).is_some() {
                    self.at += 1;
                    i32::from(self.one_or_two(false)?)
                } else {
                    0
                };
                civil.offset = Some(sign * hours);
                return Ok(());
            }
            [_, _, _] | [_, _, _, b'T'] => {
                let mut zone = [0; 4];
                zone[..letters].copy_from_slice(name);
                civil.zone = Some(zone);
            }
            _ => return Err(self.misfit()),
        }
        self.at += letters;
        Ok(())
    }
}

impl Civil {
    /// The moment, in `zone` unless it was said otherwise; what was not said is that of `now`.
    fn stamp(&self, zone: &TimeZone, now: Stamp) -> Result<Stamp, LayoutError> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        // A leap second is the first one of the next minute.
        let leap = self.second == 60;
        let second = if leap { 59 } else { self.second };
        let time = Time::new(hour, self.minute, second, self.nanosecond).map_err(|_| LayoutError::Range)?;
        let mut stamp = self.on_its_day(time, zone, now)?;
        if leap {
            stamp.0 = stamp.0.checked_add(1_000_000_000).ok_or(LayoutError::Range)?;
        }
        Ok(stamp)
    }

    fn on_its_day(&self, time: Time, zone: &TimeZone, now: Stamp) -> Result<Stamp, LayoutError> {
        let at = |date: Date| self.located(date.to_datetime(time), zone);
        let day = |year: i16| match self.day_of_year {
            Some(day) => {
                let first = Date::new(year, 1, 1).map_err(|_| LayoutError::Range)?;
                first.with().day_of_year(day).build().map_err(|_| LayoutError::Range)
            }
            None => Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1))
                .map_err(|_| LayoutError::Range),
        };
        if let Some(year) = self.year {
            return at(day(year)?);
        }
        let today = jiff::Timestamp::from_nanosecond(now.0.into()).map_err(|_| LayoutError::Range)?;
        let today = zone.to_datetime(today).date();
        if self.month.is_none() && self.day.is_none() && self.day_of_year.is_none() {
            return at(today);
        }
        let this_year = day(today.year()).and_then(at);
        match this_year {
            Ok(stamp) if stamp.0.saturating_sub(now.0) <= DAY => Ok(stamp),
            // December's lines are read in January; 29 February is of the year that had one.
            _ => day(today.year() - 1).and_then(at).or(this_year),
        }
    }

    fn located(&self, civil: DateTime, zone: &TimeZone) -> Result<Stamp, LayoutError> {
        let zoned = |zone: &TimeZone| zone.to_timestamp(civil).map_err(|_| LayoutError::Range);
        let fixed = |seconds: i32| {
            let offset = Offset::from_seconds(seconds).map_err(|_| LayoutError::Range)?;
            offset.to_timestamp(civil).map_err(|_| LayoutError::Range)
        };
        let moment = match (self.offset, self.zone) {
            (Some(offset), _) => fixed(offset)?,
            (None, None) => zoned(zone)?,
            (None, Some(name)) => {
                let local = zoned(zone)?;
                let length = name.iter().take_while(|byte| **byte > 0).count();
                let name = &name[..length];
                match zone.to_offset_info(local).abbreviation().as_bytes() == name {
                    true => local,
                    false => fixed(offset_named(name, zone, local).map_or(0, Offset::seconds))?,
                }
            }
        };
        i64::try_from(moment.as_nanosecond()).map(Stamp).map_err(|_| LayoutError::Range)
    }
}

/// The offset that goes by a short name in `zone`, though not at `local`: the next one, or the last.
///
/// The years around `local` are looked at alone: summer and winter, and what a change of the law left behind.
fn offset_named(name: &[u8], zone: &TimeZone, local: jiff::Timestamp) -> Option<Offset> {
    let ahead = zone.following(local).take(CHANGES_AHEAD);
    let mut changes = ahead.chain(zone.preceding(local).take(CHANGES_BEFORE));
    let change = changes.find(|change| change.abbreviation().as_bytes() == name)?;
    Some(change.offset())
}

const DAY: i64 = 86_400_000_000_000;

/// Changes of the offset that are looked at: summer and winter are two.
const CHANGES_AHEAD: usize = 2;
const CHANGES_BEFORE: usize = 6;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const HALVES: [&str; 2] = ["AM", "PM"];

#[cfg(test)]
mod tests;
