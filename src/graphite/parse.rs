//! Reads a line of Graphite's plain text protocol.

/// One line: `path value stamp`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// Name, with the tags that follow it.
    pub path: &'a str,
    /// The value; `NaN` and infinities are taken.
    pub value: f64,
    /// Seconds since the epoch; -1 means "now" to carbon.
    pub stamp: i64,
}

/// Why a line is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is not UTF-8, as carbon wants it.
    #[error("not UTF-8")]
    NotUtf8,
    /// It has not exactly three fields.
    #[error("{found} fields instead of path, value and stamp")]
    FieldCount {
        /// How many there are.
        found: usize,
    },
    /// Its second field is no number.
    #[error("the value is no number")]
    BadValue,
    /// Its third field is no whole number.
    #[error("the stamp is no whole number of seconds")]
    BadStamp,
}

/// Reads one line, with or without its end.
///
/// Fields are separated by white space, and any may surround them, as carbon has it.
///
/// # Errors
/// If it is not UTF-8, has not three fields, or value or stamp are no numbers.
pub fn parse_line(line: &[u8]) -> Result<Line<'_>, LineError> {
    let line = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
    // stats.a;env=prod 1.5 1700000000
    // ^path            ^value ^stamp
    let mut fields = line.split(is_separator).filter(|field| !field.is_empty());
    let (Some(path), Some(value), Some(stamp), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        let found = line.split(is_separator).filter(|field| !field.is_empty()).count();
        return Err(LineError::FieldCount { found });
    };
    let value = value.parse().map_err(|_| LineError::BadValue)?;
    let stamp = stamp.parse().map_err(|_| LineError::BadStamp)?;
    Ok(Line { path, value, stamp })
}

/// Carbon also separates at the four information separators of ASCII.
fn is_separator(piece: char) -> bool {
    piece.is_whitespace() || ('\x1c'..='\x1f').contains(&piece)
}

#[cfg(test)]
mod tests {
    use super::super::number::write_number;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_fields_make_a_line_and_anything_else_an_error() {
        let line = Line { path: "a.b;k=v", value: -1.5, stamp: 17 };
        assert_eq!(parse_line(b"a.b;k=v -1.5 17"), Ok(line));
        assert_eq!(parse_line(b" a.b;k=v\t-1.5  17 \r\n"), Ok(line));
        assert_eq!(parse_line(b""), Err(LineError::FieldCount { found: 0 }));
        assert_eq!(parse_line(b"a 1"), Err(LineError::FieldCount { found: 2 }));
        assert_eq!(parse_line(b"a 1 2 3"), Err(LineError::FieldCount { found: 4 }));
        assert_eq!(parse_line(b"a x 2"), Err(LineError::BadValue));
        assert_eq!(parse_line(b"a 1 2.5"), Err(LineError::BadStamp));
        assert_eq!(parse_line(b"a\xff 1 2"), Err(LineError::NotUtf8));
    }

    proptest! {
        #[test]
        fn a_line_written_and_read_is_the_same(path in "[!-~é]{1,20}", value in any::<f64>(), stamp in any::<i64>()) {
            prop_assume!(!value.is_nan());
            let mut text = format!("{path} ").into_bytes();
            write_number(&mut text, value);
            text.extend_from_slice(format!(" {stamp}\n").as_bytes());
            prop_assert_eq!(parse_line(&text), Ok(Line { path: &path, value, stamp }));
        }

        #[test]
        fn any_bytes_are_a_line_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse_line(&bytes);
        }
    }
}
