//! Numbers as text, in the two spellings that reach Graphite: JavaScript's and C's `%f`.

use std::io::Write;

/// Appends `value` as JavaScript prints it: the shortest digits that read back as the same number.
///
/// Plain from 1e-6 up to, but not including, 1e21, else with an exponent (`1e+21`, `1e-7`); `-0` is `0`; what is not
/// finite is `NaN`, `Infinity`, `-Infinity`.
/// The rule is `Number::toString` of <https://tc39.es/ecma262/#sec-numeric-types-number-tostring>.
pub fn write_number(out: &mut Vec<u8>, value: f64) {
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < EXACT_INTEGERS {
        return write_integer(out, whole);
    }
    if !value.is_finite() {
        let word: &[u8] = match () {
            () if value.is_nan() => b"NaN",
            () if value > 0.0 => b"Infinity",
            () => b"-Infinity",
        };
        return out.extend_from_slice(word);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    if text.contains(&b'e') || text.ends_with(b".0") {
        lay_out(out, text);
    } else {
        out.extend_from_slice(text);
    }
}

/// Appends `value` in decimal.
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value` as C's `%f` and Go's do: always six decimals, never an exponent.
///
/// What is not finite is `NaN`, `+Inf`, `-Inf`, as Go prints it.
pub fn write_six_decimals(out: &mut Vec<u8>, value: f64) {
    let whole = value as i64;
    if whole != 0 && whole as f64 == value && whole.unsigned_abs() < EXACT_INTEGERS {
        write_integer(out, whole);
        out.extend_from_slice(b".000000");
    } else if value.is_finite() {
        write!(out, "{value:.6}").expect("a vector takes every write");
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

/// Lays the digits of a number in any decimal spelling out as JavaScript does.
fn lay_out(out: &mut Vec<u8>, text: &[u8]) {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut digits, mut length, mut point) = ([0u8; 32], 0usize, None::<i32>);
    let mut exponent = 0i32;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'.' => point = Some(length as i32),
            b'e' => {
                exponent = exponent_of(&text[at + 1..]);
                break;
            }
            digit => {
                digits[length] = digit;
                length += 1;
            }
        }
    }
    // The value is 0.DIGITS times 10^point.
    let point = point.unwrap_or(length as i32) + exponent;
    let leading = digits[..length].iter().take_while(|&&digit| digit == b'0').count();
    let trailing = digits[leading..length].iter().rev().take_while(|&&digit| digit == b'0').count();
    if negative {
        out.push(b'-');
    }
    lay_out_digits(out, &digits[leading..length - trailing], point - leading as i32);
}

/// Writes 0.`digits` times 10^`point`; `digits` neither begin nor end with a zero.
fn lay_out_digits(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let count = digits.len() as i32;
    match point {
        1..=21 if point >= count => {
            out.extend_from_slice(digits);
            out.resize(out.len() + (point - count) as usize, b'0');
        }
        1..=21 => {
            out.extend_from_slice(&digits[..point as usize]);
            out.push(b'.');
            out.extend_from_slice(&digits[point as usize..]);
        }
        -5..=0 => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-point) as usize, b'0');
            out.extend_from_slice(digits);
        }
        _ => {
            out.push(digits[0]);
            if count > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.extend_from_slice(if point > 0 { b"e+" } else { b"e-" });
            write_integer(out, i64::from((point - 1).abs()));
        }
    }
}

fn exponent_of(text: &[u8]) -> i32 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let size = digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    if negative { -size } else { size }
}

/// Integers below this are floats of their own.
const EXACT_INTEGERS: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(value: f64) -> String {
        let mut out = Vec::new();
        write_number(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn six_decimals(value: f64) -> String {
        let mut out = Vec::new();
        write_six_decimals(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_read_as_javascript_prints_them() {
        let captured = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-5.0, "-5"),
            (0.1, "0.1"),
            (-0.25, "-0.25"),
            (3.0003000300030003, "3.0003000300030003"),
            (9.999999999999998e-15, "9.999999999999998e-15"),
            (0.30000000000000004, "0.30000000000000004"),
            (999999999.9999999, "999999999.9999999"),
            (9007199254740992.0, "9007199254740992"),
            (12345678901234567890.0, "12345678901234567000"),
            (123456789012345680000.0, "123456789012345680000"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1e21, "-1e+21"),
            (1.2345678901234568e29, "1.2345678901234568e+29"),
            (1.5e200, "1.5e+200"),
            (1e-5, "0.00001"),
            (1.5e-6, "0.0000015"),
            (1e-6, "0.000001"),
            (9.9e-7, "9.9e-7"),
            (1e-7, "1e-7"),
            (-1.25e-9, "-1.25e-9"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (123456.7890625, "123456.7890625"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in captured {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn six_decimals_read_as_go_prints_them() {
        let table = [
            (0.0, "0.000000"),
            (1.5, "1.500000"),
            (15.0, "15.000000"),
            (-2.0, "-2.000000"),
            (0.0000004, "0.000000"),
            (1.0 / 3.0, "0.333333"),
            (1e22, "10000000000000000000000.000000"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, text) in table {
            assert_eq!(six_decimals(value), text);
        }
    }

    proptest! {
        #[test]
        fn a_number_written_and_read_is_the_same(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }

        #[test]
        fn an_ordinary_number_is_plain_and_the_same(digits in -1_000_000_000_000i64..1_000_000_000_000, scale in 0i32..7) {
            let value = digits as f64 / 10f64.powi(scale);
            let text = number(value);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            prop_assert!(value != 0.0 && value.abs() < 1e-6 || !text.contains('e'), "{}", text);
            prop_assert!(!text.ends_with(".0") && text != "-0", "{}", text);
        }

        #[test]
        fn six_decimals_are_what_formatting_says(value in -1e15f64..1e15) {
            prop_assert_eq!(six_decimals(value), format!("{value:.6}"));
            prop_assert_eq!(six_decimals(value.trunc()), format!("{:.6}", value.trunc()));
        }
    }
}
