//! Which file is written at what time.
//!
//! Intervals begin at midnight of the system's time zone, so that a file named by its day holds that day. Heka counted
//! them in UTC and named them in local time.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::time::{Slot, Stamp};

/// How the file is named.
#[derive(Debug, Clone)]
pub(super) struct Naming {
    template: String,
    /// Hours after which there is another name; never if 0.
    hours: u32,
    zone: TimeZone,
    /// The name of this part of an hour.
    known: Option<(Slot, PathBuf)>,
}

impl Naming {
    /// Names by `template`, where the directives of strftime are replaced if there are `hours`.
    pub(super) fn new(template: &str, hours: u32, zone: TimeZone) -> Naming {
        Naming { template: template.to_owned(), hours, zone, known: None }
    }

    /// The file for what is written at `now`.
    ///
    /// # Errors
    /// If the time cannot be written as the template says.
    pub(super) fn at(&mut self, now: Stamp) -> Result<&PathBuf, jiff::Error> {
        // Where a name lasts for ever one look is enough; else no zone's hour begins within a quarter of ours.
        let part = if self.hours == 0 { FOR_EVER } else { Slot::open_at(now, QUARTER) };
        if self.known.as_ref().is_none_or(|(known, _)| *known != part) {
            self.known = Some((part, self.name(now)?.into()));
        }
        Ok(&self.known.as_ref().expect("it was just made").1)
    }

    fn name(&self, now: Stamp) -> Result<String, jiff::Error> {
        if self.hours == 0 {
            return Ok(self.template.clone());
        }
        let local = Timestamp::from_nanosecond(now.0.into())?.to_zoned(self.zone.clone());
        let hours = i8::try_from(self.hours).expect("an interval is a day at most");
        let begun = local.date().at(local.hour() - local.hour() % hours, 0, 0, 0);
        strtime::format(&self.template, &begun.to_zoned(self.zone.clone())?)
    }
}

const QUARTER: Duration = Duration::from_secs(15 * 60);

const FOR_EVER: Slot = Slot { end: Stamp(i64::MAX), interval: QUARTER };

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn names(template: &str, hours: u32, zone: &str, times: &[&str]) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let mut naming = Naming::new(template, hours, zone);
        let stamp = |time: &str| {
            let time: Timestamp = time.parse().unwrap();
            Stamp(time.as_nanosecond().try_into().unwrap())
        };
        times.iter().map(|time| naming.at(stamp(time)).unwrap().display().to_string()).collect()
    }

    #[test]
    fn an_interval_begins_at_midnight_of_the_zone() {
        let times = ["2023-11-14T21:59:59Z", "2023-11-14T22:00:00Z", "2023-11-15T03:59:59Z"];
        assert_eq!(
            names("a-%Y-%m-%d-%H.log", 4, "Africa/Cairo", &times),
            ["a-2023-11-14-20.log", "a-2023-11-15-00.log", "a-2023-11-15-04.log"]
        );
        assert_eq!(names("a-%d", 24, "Africa/Cairo", &times), ["a-14", "a-15", "a-15"]);
        assert_eq!(names("a-%H%M", 12, "UTC", &times), ["a-1200", "a-1200", "a-0000"]);
    }

    #[test]
    fn zones_that_are_off_by_less_than_an_hour_rotate_at_their_own() {
        let times = ["2023-11-14T18:14:59Z", "2023-11-14T18:15:00Z"];
        assert_eq!(names("%H", 1, "Asia/Kathmandu", &times), ["23", "00"]);
    }

    #[test]
    fn an_hour_that_is_left_out_or_comes_twice_has_a_name() {
        let times = ["2023-03-26T00:59:59Z", "2023-03-26T01:00:00Z"];
        assert_eq!(names("%H", 1, "Europe/Berlin", &times), ["01", "03"]);
        let times = ["2023-10-29T00:30:00Z", "2023-10-29T01:30:00Z", "2023-10-29T02:00:00Z"];
        assert_eq!(names("%H", 1, "Europe/Berlin", &times), ["02", "02", "03"]);
    }

    #[test]
    fn a_clock_set_back_writes_to_the_file_of_its_time() {
        let times = ["2023-11-14T02:00:00Z", "2023-11-14T01:00:00Z"];
        assert_eq!(names("%H", 1, "UTC", &times), ["02", "01"]);
    }

    #[test]
    fn a_name_that_does_not_rotate_is_taken_as_it_is() {
        let mut naming = Naming::new("100%.log", 0, TimeZone::UTC);
        assert_eq!(naming.at(Stamp(0)).unwrap(), Path::new("100%.log"));
    }
}
