//! Browser, its version and the system, as Heka reads them out of a user agent: coarse, and stable over years.
//!
//! The first word found counts, in the order of the tables of Heka's `common_log_format.lua`:
//! <https://github.com/mozilla-services/lua_sandbox>.

/// What a user agent says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UserAgent {
    /// The browser.
    pub browser: Option<&'static str>,
    /// Its version.
    pub version: Option<f64>,
    /// The system it runs on.
    pub os: Option<&'static str>,
}

/// Reads a user agent.
pub fn user_agent(text: &[u8]) -> UserAgent {
    let holds = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
    let os = SYSTEMS.iter().find(|(word, _)| holds(word)).map(|(_, os)| *os);
    let Some(known) = BROWSERS.iter().find(|known| holds(known.word)) else {
        return UserAgent { os, ..UserAgent::default() };
    };
    let version = match known.version {
        Version::Behind(word) => {
            memchr::memmem::find(text, word.as_bytes()).and_then(|at| number(&text[at + word.len()..]))
        }
        Version::BehindLastSlash => memchr::memrchr(b'/', text).and_then(|at| number(&text[at + 1..])),
        Version::Is(version) => Some(version),
    };
    UserAgent { browser: Some(known.browser), version, os: known.os.or(os) }
}

fn number(text: &[u8]) -> Option<f64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).take(9);
    digits.fold(None, |number: Option<f64>, byte| Some(number.unwrap_or(0.0) * 10.0 + f64::from(byte - b'0')))
}

struct Known {
    word: &'static str,
    browser: &'static str,
    version: Version,
    os: Option<&'static str>,
}

enum Version {
    Behind(&'static str),
    BehindLastSlash,
    Is(f64),
}

const fn browser(word: &'static str, version: Version) -> Known {
    Known { word, browser: word, version, os: None }
}

const BROWSERS: &[Known] = &[
    browser("Edge", Version::Behind("Edge/")),
    browser("Chrome", Version::Behind("Chrome/")),
    browser("Opera Mini", Version::BehindLastSlash),
    browser("Opera Mobi", Version::BehindLastSlash),
    browser("Opera", Version::BehindLastSlash),
    browser("MSIE", Version::Behind("MSIE ")),
    Known { word: "Trident/7.0", browser: "MSIE", version: Version::Is(11.0), os: None },
    browser("Safari", Version::BehindLastSlash),
    Known {
        word: "Firefox AndroidSync",
        browser: "FxSync",
        version: Version::Behind("Firefox AndroidSync "),
        os: Some("Android"),
    },
    Known {
        word: "Firefox-iOS-Sync",
        browser: "FxSync",
        version: Version::Behind("Firefox-iOS-Sync/"),
        os: Some("iOS"),
    },
    browser("Firefox", Version::Behind("Firefox/")),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("iPod", "iPod"),
    ("iPad", "iPad"),
    ("iPhone", "iPhone"),
    ("Android", "Android"),
    ("BlackBerry", "BlackBerry"),
    ("Linux", "Linux"),
    ("Macintosh", "Macintosh"),
    ("Mozilla/5.0 (Mobile;", "FirefoxOS"),
    ("Windows NT 10.0", "Windows 10"),
    ("Windows NT 6.3", "Windows 8.1"),
    ("Windows NT 6.2", "Windows 8"),
    ("Windows NT 6.1", "Windows 7"),
    ("Windows NT 6.0", "Windows Vista"),
    ("Windows NT 5.1", "Windows XP"),
    ("Windows NT 5.0", "Windows 2000"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_versions_and_systems_are_found() {
        let found = |text: &str| {
            let UserAgent { browser, version, os } = user_agent(text.as_bytes());
            (browser.unwrap_or(""), version.unwrap_or(0.0), os.unwrap_or(""))
        };
        assert_eq!(
            found("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:26.0) Gecko/20100101 Firefox/26.0"),
            ("Firefox", 26.0, "Linux")
        );
        assert_eq!(
            found(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML) Chrome/120.0.0.0 Safari/537.36"
            ),
            ("Chrome", 120.0, "Windows 10")
        );
        assert_eq!(
            found("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko"),
            ("MSIE", 11.0, "Windows 7")
        );
        assert_eq!(found("Firefox AndroidSync 1.37.0.1.0 (Firefox)"), ("FxSync", 1.0, "Android"));
        assert_eq!(found("curl/7.88.1"), ("", 0.0, ""));
        assert_eq!(found("Chrome/"), ("Chrome", 0.0, ""));
    }
}
