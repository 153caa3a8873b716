//! Cuts Rust source into the words and signs of its code: just enough of the language to find its paths.

/// A word, a `::` or a single character of the code, with its line counted from 1.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Cuts source text into tokens, leaving out blanks, comments and literals.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match rest[0] {
            _ if rest.starts_with(b"//") => rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
            _ if rest.starts_with(b"/*") => block_comment(rest),
            b'"' => quoted(rest, 0),
            b'r' | b'b' | b'c' if literal_prefix(rest) > 0 => literal(rest),
            b'\'' => tick(rest),
            byte if is_word(byte) => {
                let length = rest.iter().take_while(|&&byte| is_word(byte)).count();
                found.push(Token { text: text[at..at + length].to_string(), line });
                length
            }
            b' ' | b'\n' | b'\t' | b'\r' => 1,
            _ if rest.starts_with(b"::") => {
                found.push(Token { text: "::".to_string(), line });
                2
            }
            byte => {
                found.push(Token { text: char::from(byte).to_string(), line });
                1
            }
        };
        line += rest[..length].iter().filter(|&&byte| byte == b'\n').count();
        at += length;
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Measures a block comment, in which others may nest.
fn block_comment(rest: &[u8]) -> usize {
    let mut level = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            level += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            level -= 1;
            at += 2;
            if level == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Measures the letters and hashes before the quote of a string, or gives 0 where they begin a word.
fn literal_prefix(rest: &[u8]) -> usize {
    let letters = rest.iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    let raw = rest[..letters].contains(&b'r');
    let hashes = if raw { rest[letters..].iter().take_while(|&&byte| byte == b'#').count() } else { 0 };
    if rest.get(letters + hashes) == Some(&b'"') { letters + hashes } else { 0 }
}

/// Measures a string with a prefix: raw ones end at their hashes, others at an unescaped quote.
fn literal(rest: &[u8]) -> usize {
    let prefix = literal_prefix(rest);
    if !rest[..prefix].contains(&b'r') {
        return prefix + quoted(&rest[prefix..], 0);
    }
    let hashes = rest[..prefix].iter().filter(|&&byte| byte == b'#').count();
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let body = &rest[prefix + 1..];
    let length = body.windows(end.len()).position(|window| window == end);
    length.map_or(rest.len(), |length| prefix + 1 + length + end.len())
}

/// Measures a quoted string from its first quote at `start` to after its last.
fn quoted(rest: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Measures what begins with a tick: a character literal, or a lifetime of which only the tick is passed.
fn tick(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let end = rest.iter().skip(3).position(|&byte| byte == b'\'');
        return end.map_or(rest.len(), |end| end + 4);
    }
    let end = rest.iter().skip(2).take(4).position(|&byte| byte == b'\'');
    match end {
        // A tick right after one character closes it; after more, only a character of several bytes can be meant.
        Some(end) if end == 0 || rest[1] >= 0x80 => end + 3,
        _ => 1,
    }
}
