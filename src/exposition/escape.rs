//! The escapes of the text forms.

/// Appends the text of a HELP line: `\` and line feed are escaped.
pub(super) fn push_help(out: &mut Vec<u8>, text: &str) {
    push(out, text, |byte| matches!(byte, b'\\' | b'\n'));
}

/// Appends the text of a HELP line of OpenMetrics, which escapes `"` as well.
pub(super) fn push_open_help(out: &mut Vec<u8>, text: &str) {
    push_label_value(out, text);
}

/// Appends the value of a label: `\`, `"` and line feed are escaped.
pub(super) fn push_label_value(out: &mut Vec<u8>, text: &str) {
    push(out, text, |byte| matches!(byte, b'\\' | b'"' | b'\n'));
}

fn push(out: &mut Vec<u8>, text: &str, special: impl Fn(u8) -> bool) {
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate().filter(|&(_, &byte)| special(byte)) {
        out.extend_from_slice(&bytes[plain..at]);
        out.extend_from_slice(&[b'\\', if byte == b'\n' { b'n' } else { byte }]);
        plain = at + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_own_escapes() {
        let mut out = Vec::new();
        push_help(&mut out, "a\\b\"c\nd");
        assert_eq!(out, b"a\\\\b\"c\\nd");
        out.clear();
        push_label_value(&mut out, "a\\b\"c\nd\r");
        assert_eq!(out, b"a\\\\b\\\"c\\nd\r");
    }
}
