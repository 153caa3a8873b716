//! Heka's cases of stamps, and Go's rules for layouts.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// 2023-11-14 22:13:20 UTC.
const NOW: Stamp = Stamp::from_seconds(1_700_000_000);

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/decoders.json")).unwrap()
}

fn read(layout: &str, text: &str) -> Result<Stamp, LayoutError> {
    Layout::new(layout).parse(text.as_bytes(), &TimeZone::UTC, NOW)
}

fn seconds(layout: &str, text: &str) -> i64 {
    read(layout, text).unwrap_or_else(|error| panic!("{layout} {text}: {error}")).seconds()
}

#[test]
fn epochs_of_the_vectors_are_read_to_the_nanosecond() {
    let vectors = vectors();
    let cases = vectors["epoch_time_parse"]["cases"].as_array().unwrap();
    for case in cases {
        let expected = case[2]["ns"].as_i64().or(case[2]["unix_s"].as_i64().map(|s| s * 1_000_000_000));
        let found = read(case[0].as_str().unwrap(), case[1].as_str().unwrap());
        assert_eq!(found, Ok(Stamp(expected.unwrap())), "{case}");
    }
    assert_eq!(cases.len(), 7);
    assert_eq!(read("Epoch", "-1.5"), Ok(Stamp(-1_500_000_000)));
    assert_eq!(read("Epoch", "9999999999999"), Err(LayoutError::Range));
    for text in ["", "-", ".5", "1a", "1.a", "1e3", "111111111111111111111"] {
        assert!(matches!(read("EpochNano", text), Err(LayoutError::Misfit(_))), "{text}");
    }
}

#[test]
fn stamps_of_access_logs_databases_and_the_internet_are_read() {
    let clf = "02/Jan/2006:15:04:05 -0700";
    assert_eq!(seconds(clf, "10/Feb/2014:08:46:36 -0800"), 1_392_050_796);
    assert_eq!(seconds(clf, "18/Apr/2013:14:00:28 -0700"), 1_366_318_828);
    assert_eq!(seconds("20060102150405", "20140210164636"), 1_392_050_796);
    assert_eq!(seconds("2006-01-02 15:04:05", "2014-02-10 16:46:36"), 1_392_050_796);
    let vectors = vectors();
    for case in vectors["date_time_grammars"]["rfc3339"].as_array().unwrap() {
        let found = read("2006-01-02T15:04:05Z07:00", case[0].as_str().unwrap()).unwrap();
        // The vectors are doubles of Lua.
        assert!((found.0 - case[1].as_i64().unwrap()).abs() < 1000, "{case}: {found:?}");
    }
    for text in vectors["date_time_grammars"]["rfc3339_invalid"].as_array().unwrap() {
        assert!(read("2006-01-02T15:04:05Z07:00", text.as_str().unwrap()).is_err(), "{text}");
    }
}

#[test]
fn layouts_that_go_names_are_all_read() {
    // Mon Jan 2 15:04:05 MST 2006 as each of them writes it; MST is no zone of UTC, and then means UTC, as in Go.
    let whole = 1_136_214_245;
    for (text, expected) in [
        ("Mon Jan  2 15:04:05 2006", whole),
        ("Mon Jan  2 15:04:05 MST 2006", whole),
        ("Mon Jan 02 15:04:05 -0700 2006", whole + 25_200),
        ("02 Jan 06 15:04 MST", whole - 5),
        ("02 Jan 06 15:04 -0700", whole + 25_195),
        ("Monday, 02-Jan-06 15:04:05 MST", whole),
        ("Mon, 02 Jan 2006 15:04:05 GMT-7", whole + 25_200),
        ("Mon, 02 Jan 2006 15:04:05 -0700", whole + 25_200),
        ("2006-01-02T15:04:05Z", whole),
        ("2006-01-02T15:04:05.999999999+07:00", whole - 25_200),
        ("3:04PM", 1_699_974_240),
        ("12:04AM", 1_699_920_240),
        ("Nov 14 22:13:20", 1_700_000_000),
        ("Nov 14 22:13:20.123456", 1_700_000_000),
        ("2006-01-02 15:04:05,5", whole),
    ] {
        let found = parse_forgiving(text.as_bytes(), &TimeZone::UTC, NOW);
        assert_eq!(found.map(Stamp::seconds), Ok(expected), "{text}");
    }
    assert!(parse_forgiving(b"yesterday", &TimeZone::UTC, NOW).is_err());
}

#[test]
fn a_date_without_a_year_is_not_more_than_a_day_ahead() {
    let layout = "Jan _2 15:04:05";
    assert_eq!(seconds(layout, "Nov 15 22:13:20"), 1_700_086_400);
    assert_eq!(seconds(layout, "Nov 15 22:13:21"), 1_700_086_401 - 365 * 86_400);
    assert_eq!(seconds(layout, "Jan  1 00:00:00"), 1_672_531_200);
    // 2023 has no such day, 2022 neither.
    assert_eq!(read(layout, "Feb 29 00:00:00"), Err(LayoutError::Range));
    let leap_year_after = Stamp::from_seconds(1_736_000_000);
    let found = Layout::new(layout).parse(b"Feb 29 00:00:00", &TimeZone::UTC, leap_year_after);
    assert_eq!(found.map(Stamp::seconds), Ok(1_709_164_800));
}

#[test]
fn a_time_without_offset_is_one_of_the_location() {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let layout = Layout::new("02/Jan/2006:15:04:05");
    let found = layout.parse(b"18/Apr/2013:14:00:28", &zone, NOW);
    assert_eq!(found, Ok(Stamp(1_366_318_828_000_000_000)));
    // The name of its own zone, and of another one.
    let layout = Layout::new("2006-01-02 15:04:05 MST");
    assert_eq!(layout.parse(b"2013-04-18 14:00:28 PDT", &zone, NOW).map(Stamp::seconds), Ok(1_366_318_828));
    assert_eq!(layout.parse(b"2013-04-18 14:00:28 CEST", &zone, NOW).map(Stamp::seconds), Ok(1_366_293_628));
}

#[test]
fn a_short_name_of_the_location_has_its_own_offset_in_any_season() {
    let layout = Layout::new("2006-01-02 15:04:05 MST");
    let read = |zone: &str, text: &str| {
        let zone = TimeZone::get(zone).unwrap();
        jiff::Timestamp::from_second(layout.parse(text.as_bytes(), &zone, NOW).unwrap().seconds())
            .unwrap()
            .to_string()
    };
    assert_eq!(read("Europe/Berlin", "2026-07-01 12:00:00 CET"), "2026-07-01T11:00:00Z");
    assert_eq!(read("Europe/Berlin", "2026-07-01 12:00:00 CEST"), "2026-07-01T10:00:00Z");
    assert_eq!(read("Europe/Berlin", "2026-01-01 12:00:00 CEST"), "2026-01-01T10:00:00Z");
    assert_eq!(read("America/Los_Angeles", "2013-04-18 14:00:28 PST"), "2013-04-18T22:00:28Z");
    // The hour that comes twice.
    assert_eq!(read("Europe/Berlin", "2026-10-25 02:30:00 CEST"), "2026-10-25T00:30:00Z");
    assert_eq!(read("Europe/Berlin", "2026-10-25 02:30:00 CET"), "2026-10-25T01:30:00Z");
    // Gone since 2016, and never known.
    assert_eq!(read("Europe/Istanbul", "2020-07-01 12:00:00 EET"), "2020-07-01T10:00:00Z");
    assert_eq!(read("Europe/Berlin", "2026-07-01 12:00:00 EST"), "2026-07-01T12:00:00Z");
    assert_eq!(read("UTC", "2026-07-01 12:00:00 CET"), "2026-07-01T12:00:00Z");
}

#[test]
fn fractions_digits_and_blanks_are_as_in_go() {
    assert_eq!(read("15:04:05", "22:13:20.5").map(|stamp| stamp.0 % 1_000_000_000), Ok(500_000_000));
    assert_eq!(read("15:04:05.000", "22:13:20,123").map(|stamp| stamp.0 % 1_000_000_000), Ok(123_000_000));
    assert_eq!(read("15:04:05.000", "22:13:20.12"), Err(LayoutError::Misfit(8)));
    assert_eq!(seconds("15:04:05.999", "22:13:20"), 1_700_000_000);
    assert_eq!(seconds("2006-1-2", "2014-2-10"), seconds("2006-01-02", "2014-02-10"));
    assert_eq!(seconds("2006  1", "2014 2"), seconds("2006-01", "2014-02"));
    assert_eq!(seconds("2006-002", "2014-041"), seconds("2006-01-02", "2014-02-10"));
    assert_eq!(read("2006-01-02", "2014-2-10"), Err(LayoutError::Misfit(5)));
    assert_eq!(read("2006-01-02", "2014-02-30"), Err(LayoutError::Range));
    assert_eq!(read("2006-01-02", "2014-02-10 "), Err(LayoutError::Rest));
    assert_eq!(read("3:04PM", "13:04PM"), Err(LayoutError::Range));
    assert!(!Layout::new("nothing").reads_time() && Layout::new("at 15").reads_time());
}

proptest! {
    #[test]
    fn any_text_is_a_stamp_or_an_error(layout in "[ -~]{0,24}", text in prop::collection::vec(any::<u8>(), 0..24)) {
        // What a layout reads of itself is often a stamp.
        let layout_read = Layout::new(&layout);
        for text in [&text[..], layout.as_bytes()] {
            let _ = layout_read.parse(text, &TimeZone::UTC, NOW);
        }
    }

    #[test]
    fn every_second_that_is_written_is_read(seconds in -2_000_000_000i64..4_000_000_000) {
        let at = jiff::Timestamp::from_second(seconds).unwrap();
        for (layout, format) in [
            ("02/Jan/2006:15:04:05 -0700", "%d/%b/%Y:%H:%M:%S +0000"),
            ("2006-01-02T15:04:05Z07:00", "%Y-%m-%dT%H:%M:%SZ"),
            ("Monday, 2 January 2006 03:04:05 PM", "%A, %-d %B %Y %I:%M:%S %p"),
            ("2006 __2 15.04.05", "%Y %j %H.%M.%S"),
        ] {
            prop_assert_eq!(read(layout, &at.strftime(format).to_string()).map(Stamp::seconds), Ok(seconds));
        }
    }
}
