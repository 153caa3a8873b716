//! Numbers as Prometheus reads them: values, and the values of the labels `le` and `quantile`.

/// Appends a number as Prometheus reads it: the shortest digits that read back as the same, `NaN`, `+Inf` or `-Inf`.
pub fn write_value(out: &mut Vec<u8>, value: f64) {
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < EXACT_INTEGERS {
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else if value.is_finite() {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

/// The value of a label `le` or `quantile`, in the one form that OpenMetrics allows and that Prometheus makes of
/// protobuf: `0.5`, `1.0`, `1e+06`. With it a series is the same in every format but [`Format::GoText`].
///
/// [`Format::GoText`]: super::Format::GoText
pub(super) fn label_number(value: f64) -> String {
    let text = go_number(value);
    if !value.is_finite() || text.contains(['.', 'e']) { text } else { text + ".0" }
}

/// A number as Go's form `g` has it: the shortest digits that read back as the same, with an exponent of two digits at
/// least outside of [1e-4, 1e6); `NaN`, `+Inf`, `-Inf`.
pub fn go_number(value: f64) -> String {
    if !value.is_finite() {
        let infinity = if value > 0.0 { "+Inf" } else { "-Inf" };
        return if value.is_nan() { "NaN" } else { infinity }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').expect("the form has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if (-4..PLAIN).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Powers of ten from this on are written with an exponent, as Go does.
const PLAIN: i32 = 6;

/// Integers below this are floats of their own.
const EXACT_INTEGERS: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(number: f64) -> String {
        let mut out = Vec::new();
        write_value(&mut out, number);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_short_and_have_prometheus_words() {
        let table = [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (0.1, "0.1"),
            (9007199254740993.0, "9007199254740992"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (number, text) in table {
            assert_eq!(value(number), text);
        }
    }

    #[test]
    fn labels_have_the_form_of_openmetrics() {
        let table = [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.5, "0.5"),
            (-2.5, "-2.5"),
            (100000.0, "100000.0"),
            (1e6, "1e+06"),
            (1234567.0, "1.234567e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e100, "1e+100"),
            (f64::INFINITY, "+Inf"),
        ];
        for (number, text) in table {
            assert_eq!(label_number(number), text);
        }
    }

    proptest! {
        #[test]
        fn a_value_written_and_read_is_the_same(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            prop_assume!(!number.is_nan());
            prop_assert_eq!(value(number).parse::<f64>().unwrap(), number);
            prop_assert_eq!(label_number(number).parse::<f64>().unwrap(), number);
        }
    }
}
