//! Texts and numbers as they are written.

use super::reader::Reader;
use super::value::{Asked, Js};
use crate::import::SyntaxError;

impl Reader<'_> {
    /// A text in any quotes, escapes resolved.
    pub(super) fn quoted(&mut self) -> Result<Js, SyntaxError> {
        let start = self.at;
        let quote = self.rest().chars().next().unwrap_or('"');
        let mut out = String::new();
        let mut before: Option<Asked> = None;
        self.at += 1;
        loop {
            let Some(letter) = self.rest().chars().next() else {
                return Err(SyntaxError::at(self.text, start, "this text has no closing quote"));
            };
            self.at += letter.len_utf8();
            match letter {
                _ if letter == quote => {
                    return match before {
                        None => Ok(Js::Text(out)),
                        Some(before) => self.joined(before, Asked::constant(out)),
                    };
                }
                '\n' if quote != '`' => {
                    return Err(SyntaxError::at(
                        self.text,
                        start,
                        "this text has no closing quote in its line",
                    ));
                }
                '$' if quote == '`' && self.rest().starts_with('{') => {
                    self.at += 1;
                    let value = self.expression()?.value;
                    self.expect("}", "after the expression a")?;
                    if let Js::Asked(asked) = value {
                        let constant = Asked::constant(std::mem::take(&mut out));
                        let so_far = match before {
                            None => constant,
                            Some(before) => before.then(constant),
                        };
                        before = Some(so_far.then(*asked));
                    } else {
                        out.push_str(&self.now(value).text());
                        out = self.bounded(out)?;
                    }
                }
                '\\' => self.escape(quote, &mut out)?,
                letter => out.push(letter),
            }
        }
    }

    /// Two texts as one, unless it is too long.
    pub(super) fn joined(&self, one: Asked, other: Asked) -> Result<Js, SyntaxError> {
        let joined = one.then(other);
        self.bounded(joined.now.text())?;
        Ok(Js::Asked(Box::new(joined)))
    }

    /// What follows a backslash.
    fn escape(&mut self, quote: char, out: &mut String) -> Result<(), SyntaxError> {
        let Some(letter) = self.rest().chars().next() else { return Ok(()) };
        if letter.is_ascii_digit() {
            return self.octal_escape(quote, out);
        }
        self.at += letter.len_utf8();
        match letter {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            '\n' => {}
            '\r' => {
                self.take("\n");
            }
            'x' => {
                let unit = self.hexadecimal(2)?;
                out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            'u' => {
                let character = self.unicode()?;
                out.push(character);
            }
            letter => out.push(letter),
        }
        Ok(())
    }

    /// `\101`, up to `\377`; `\8` and `\9` are the digits. A template has `\0` alone.
    fn octal_escape(&mut self, quote: char, out: &mut String) -> Result<(), SyntaxError> {
        let digits = self.rest().as_bytes();
        let most = if digits[0] <= b'3' { 3 } else { 2 };
        let length = digits.iter().take(most).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
        let is_null = digits[0] == b'0' && !digits.get(1).is_some_and(u8::is_ascii_digit);
        if quote == '`' && !is_null {
            return Err(self.error("a template has no octal escapes; write \\x and two hexadecimal digits"));
        }
        match u8::from_str_radix(&self.rest()[..length], 8) {
            Ok(unit) => out.push(char::from(unit)),
            Err(_) => out.push(char::from(digits[0])),
        }
        self.at += length.max(1);
        Ok(())
    }

    /// `\u{1f600}`, `\u00e9`, and pairs of surrogates.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        if self.take("{") {
            let digits = self.rest().find('}').unwrap_or(0);
            let unit = self.hexadecimal(digits.min(6))?;
            self.expect("}", "after the digits a")?;
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let unit = self.hexadecimal(4)?;
        if !(0xd800..0xdc00).contains(&unit) || !self.rest().starts_with("\\u") {
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 2;
        let low = self.hexadecimal(4)?;
        if !(0xdc00..0xe000).contains(&low) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let both = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        Ok(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<u32, SyntaxError> {
        let text = self.rest().get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = text.and_then(|text| u32::from_str_radix(text, 16).ok());
        let number = number.ok_or_else(|| self.error("hexadecimal digits are expected here"))?;
        self.at += digits;
        Ok(number)
    }

    pub(super) fn number(&mut self) -> Result<Js, SyntaxError> {
        if let Some(number) = self.legacy_octal()? {
            return Ok(number);
        }
        let rest = self.rest();
        let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
            .into_iter()
            .find(|(prefix, _)| rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
        if let Some((_, radix)) = prefixed {
            let digits = &rest[2..];
            let length = digits.find(|letter: char| !letter.is_digit(radix)).unwrap_or(digits.len());
            let number = u64::from_str_radix(&digits[..length], radix);
            let number = number.map_err(|_| self.error("this is no number"))?;
            self.at += 2 + length;
            return Ok(Js::Number(number as f64));
        }
        let mut length = 0;
        let bytes = rest.as_bytes();
        while let Some(&byte) = bytes.get(length) {
            let exponent_sign = matches!(byte, b'+' | b'-') && matches!(bytes[length - 1], b'e' | b'E');
            if !(byte.is_ascii_digit()
                || matches!(byte, b'.' | b'e' | b'E' | b'_')
                || length > 0 && exponent_sign)
            {
                break;
            }
            length += 1;
        }
        let number = rest[..length].replace('_', "").parse::<f64>();
        let number = number.map_err(|_| self.error("this is no number"))?;
        self.at += length;
        Ok(Js::Number(number))
    }

    /// `0125`, which is 85; with an 8 or a 9 in it, it is decimal, and none.
    fn legacy_octal(&mut self) -> Result<Option<Js>, SyntaxError> {
        let rest = self.rest();
        let digits = &rest[..rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len())];
        if digits.len() < 2 || !digits.starts_with('0') || digits.contains(['8', '9']) {
            return Ok(None);
        }
        let number = u64::from_str_radix(digits, 8).map_err(|_| self.error("this is no number"))?;
        if rest[digits.len()..]
            .starts_with(|letter: char| letter == '.' || letter == '_' || letter.is_alphanumeric())
        {
            return Err(
                self.error("a number that begins with 0 is octal: it has neither a point nor an exponent")
            );
        }
        self.at += digits.len();
        Ok(Some(Js::Number(number as f64)))
    }
}
