//! Permissions of files, in octal digits as chmod takes them.

/// The mode that `text` says, up to "777".
pub fn permissions(text: &str) -> Option<u32> {
    let is_octal = text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    u32::from_str_radix(text, 8).ok().filter(|&mode| is_octal && mode <= 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal_digits_and_nothing_else() {
        let texts = ["640", "0777", "0", "", "+640", "1777", "648", "rw"];
        let modes = [Some(0o640), Some(0o777), Some(0), None, None, None, None, None];
        assert_eq!(texts.map(permissions), modes);
    }
}
