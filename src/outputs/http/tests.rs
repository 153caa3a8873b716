//! Tests of bodies and of what the options come to.

use super::*;
use crate::config::Check;

fn frames(texts: &[&str]) -> Frames {
    let mut frames = Frames::default();
    for text in texts {
        frames.bytes.extend_from_slice(text.as_bytes());
        frames.end();
    }
    frames
}

#[test]
fn records_are_put_together_as_asked() {
    let joined = |texts: &[&str], joining| String::from_utf8(body(&frames(texts), joining)).unwrap();
    let (mixed, one) = (["{\"a\":1}\n", "{}", "[]\n"], ["x"]);
    assert_eq!(joined(&mixed, Joining::Lines), "{\"a\":1}\n{}\n[]\n");
    assert_eq!(joined(&mixed, Joining::Concatenated), "{\"a\":1}\n{}[]\n");
    assert_eq!(joined(&mixed, Joining::JsonArray), "[{\"a\":1},{},[]]");
    assert_eq!(joined(&one, Joining::Lines), "x");
    assert_eq!(joined(&one, Joining::JsonArray), "[x]");
}

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

#[test]
fn an_address_is_read_as_a_url() {
    let place = |address: &str| {
        let place = config(&format!("address = '{address}'")).place();
        place.map(|place| (place.address.to_string(), place.path)).map_err(|(message, _)| message)
    };
    let right = |address: &str, path: &str| Ok::<_, String>((address.to_owned(), path.to_owned()));
    assert_eq!(place("http://h.example/a/b?c=d"), right("h.example:80", "/a/b?c=d"));
    assert_eq!(place("http://[::1]:8080"), right("[::1]:8080", "/"));
    assert_eq!(place("http://h:1?q"), right("h:1", "/?q"));
    assert_eq!(place("https://h/x"), right("h:443", "/x"));
    let wrong = |message: &str| Err::<(String, String), _>(message.to_owned());
    assert_eq!(place("h.example/a"), wrong("is no URL: invalid format"));
    assert_eq!(place("ftp://h/"), wrong("`ftp` is not spoken"));
    assert_eq!(place("http://u:p@h/"), wrong("names a user"));
    for address in ["http://h:0/", "http://h:/", "http://h:70000/"] {
        assert_eq!(
            place(address),
            wrong("names no host, or no port that could be connected to"),
            "{address}"
        );
    }
}

#[test]
fn the_header_has_what_is_configured_and_the_credentials_are_hidden() {
    let config = config(
        "address = 'http://h:81/'\nusername = 'ann'\npassword = 's:ecret'\n\
         [headers]\nContent-Type = ['text/plain']\nX-Many = ['a', 'b']",
    );
    let header = config.header(&config.place().unwrap()).unwrap();
    let shown = format!("{header:?}");
    assert_eq!(
        shown,
        "{\"content-type\": \"text/plain\", \"x-many\": \"a\", \"x-many\": \"b\", \"host\": \"h:81\", \
         \"user-agent\": \"hekad\", \"authorization\": Sensitive}"
    );
    assert_eq!(header["authorization"], "Basic YW5uOnM6ZWNyZXQ=");
    assert_eq!(config.check(), []);
}
