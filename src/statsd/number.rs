//! Decimal numbers as statsd clients write them: a sign, digits, a point, an exponent; no words, no hexadecimals.

use crate::metric::BadReason;

/// The value of `text`, the nearest `f64` to what is written.
///
/// # Errors
/// `BadNumber` if it is no decimal number, `NotFinite` if it is too large for an `f64`.
#[inline(always)]
pub fn number(text: &[u8]) -> Result<f64, BadReason> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    match short(digits) {
        Some(value) => Ok(if negative { -value } else { value }),
        None => long(text),
    }
}

/// Up to 15 digits and a point: both the digits and the power of ten are exact, so one division rounds correctly.
#[inline(always)]
fn short(digits: &[u8]) -> Option<f64> {
    if digits.len() > SHORT + 1 {
        return None;
    }
    let mut mantissa = 0u64;
    let mut read = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return with_point(mantissa, read, &digits[read..]);
        }
        mantissa = mantissa * 10 + u64::from(digit);
        read += 1;
    }
    (1..=SHORT).contains(&read).then_some(mantissa as f64)
}

/// `12.345`
/// `   ^^^^` `rest`, after `whole` digits whose value is `mantissa`.
#[inline(always)]
fn with_point(mut mantissa: u64, whole: usize, rest: &[u8]) -> Option<f64> {
    let [b'.', decimals @ ..] = rest else { return None };
    for &byte in decimals {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        mantissa = mantissa * 10 + u64::from(digit);
    }
    let exact = (1..=SHORT).contains(&(whole + decimals.len()));
    exact.then(|| mantissa as f64 / POWERS[decimals.len()])
}

/// Everything else: what the standard library reads, less its words.
#[cold]
#[inline(never)]
fn long(text: &[u8]) -> Result<f64, BadReason> {
    if !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return Err(BadReason::BadNumber);
    }
    let text = std::str::from_utf8(text).expect("digits, signs and points are ASCII");
    let value: f64 = text.parse().map_err(|_| BadReason::BadNumber)?;
    if value.is_finite() { Ok(value) } else { Err(BadReason::NotFinite) }
}

/// Every number of so many digits is an exact `f64`.
const SHORT: usize = 15;

const POWERS: [f64; SHORT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_hexadecimals_and_blanks_are_no_numbers() {
        for text in [
            "",
            "+",
            "-",
            ".",
            "+.",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "--5",
            "+-5",
            "1.2.3",
            "1 ",
            " 1",
            "nan",
            "NaN",
            "inf",
            "-inf",
            "Infinity",
            "0x1F",
            "1_000",
            "1,5",
            "5abc",
            "1n",
            "\u{ff11}",
            "123456789012345678x",
            "1.5.",
        ] {
            assert_eq!(number(text.as_bytes()), Err(BadReason::BadNumber), "{text:?}");
        }
    }

    #[test]
    fn a_number_too_large_is_not_finite_and_one_too_small_is_zero() {
        assert_eq!(number(b"1e999"), Err(BadReason::NotFinite));
        assert_eq!(number(b"-1e309"), Err(BadReason::NotFinite));
        assert_eq!(number(&[b'9'; 400]), Err(BadReason::NotFinite));
        assert_eq!(number(b"1e-999"), Ok(0.0));
    }

    #[test]
    fn a_point_may_stand_first_or_last() {
        assert_eq!(number(b".5"), Ok(0.5));
        assert_eq!(number(b"5."), Ok(5.0));
        assert_eq!(number(b"-.25"), Ok(-0.25));
        assert_eq!(number(b"+000000000000000000007"), Ok(7.0));
    }

    proptest! {
        #[test]
        fn every_number_accepted_is_what_the_standard_library_reads(
            text in "[-+]?[0-9]{0,18}(\\.[0-9]{0,18})?([eE][-+]?[0-9]{1,3})?"
        ) {
            let expected = match text.parse::<f64>() {
                Err(_) => Err(BadReason::BadNumber),
                Ok(value) if value.is_finite() => Ok(value.to_bits()),
                Ok(_) => Err(BadReason::NotFinite),
            };
            prop_assert_eq!(number(text.as_bytes()).map(f64::to_bits), expected);
        }

        #[test]
        fn the_shortest_text_of_a_float_reads_as_the_float(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            prop_assert_eq!(number(value.to_string().as_bytes()).map(f64::to_bits), Ok(value.to_bits()));
            prop_assert_eq!(number(format!("{value:e}").as_bytes()).map(f64::to_bits), Ok(value.to_bits()));
        }

        #[test]
        fn any_bytes_give_a_finite_number_or_a_reason(text in proptest::collection::vec(any::<u8>(), 0..24)) {
            match number(&text) {
                Ok(value) => prop_assert!(value.is_finite()),
                Err(reason) => prop_assert!(matches!(reason, BadReason::BadNumber | BadReason::NotFinite)),
            }
        }
    }
}
