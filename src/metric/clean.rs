//! How the reference cleans names: the one rule that listeners and Graphite's writer share.
//!
//! The rule is that of <https://github.com/statsd/statsd/blob/master/stats.js>, `sanitizeKeyName`.

/// `text` as a name: runs of white space become `_`, `/` becomes `-`, and what is no letter, digit, `_`, `-` or `.`, nor in
/// `also`, is deleted.
pub fn cleaned(text: &str, also: &[char]) -> String {
    let mut name = String::with_capacity(text.len());
    let mut in_blank = false;
    for character in text.chars() {
        let blank = is_blank(character);
        match character {
            _ if blank && !in_blank => name.push('_'),
            '/' => name.push('-'),
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' => name.push(character),
            _ if also.contains(&character) => name.push(character),
            _ => {}
        }
        in_blank = blank;
    }
    name
}

/// What `\s` of ECMAScript matches.
pub fn is_blank(character: char) -> bool {
    character == '\u{feff}' || character != '\u{85}' && character.is_whitespace()
}
