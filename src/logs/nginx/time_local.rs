//! `$time_local`: the stamp of access logs, at places that never move.

use super::NANOS;
use crate::time::Stamp;

/// `10/Feb/2014:08:46:41 -0800`.
pub(super) fn time_local(text: &[u8]) -> Option<Stamp> {
    let text: &[u8; TIME_LOCAL] = text.first_chunk()?;
    let digit =
        |at: usize| Some(i64::from(text[at])).filter(|_| text[at].is_ascii_digit()).map(|byte| byte - 48);
    let two = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let marks = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if marks.iter().any(|(at, mark)| text[*at] != *mark) {
        return None;
    }
    let month = month_of([text[3], text[4], text[5]])?;
    let (year, day) = (two(7)? * 100 + two(9)?, two(0)?);
    let (hour, minute, second) = (two(12)?, two(15)?, two(18)?);
    let offset = two(22)? * 3600 + two(24)? * 60;
    let offset = match text[21] {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    let is_time = hour < 24 && minute < 60 && second <= 60 && year >= 1900;
    if !is_time || day < 1 || day > days_of(year, month) {
        return None;
    }
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(Stamp(seconds.checked_mul(NANOS)?))
}

fn month_of(name: [u8; 3]) -> Option<i64> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 on, by Howard Hinnant's algorithm: <https://howardhinnant.github.io/date_algorithms.html>.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Its bytes.
pub(super) const TIME_LOCAL: usize = 26;
