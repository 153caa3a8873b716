//! `hekad health`: whether a running daemon says that it is well, for those who have no curl, as in a container.
//!
//! Asked of the server of its scrape endpoint. Nothing is printed where all is well.

use super::RUNTIME;
use super::request::get;
use super::shown::printable;

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// Where its PrometheusOutput answers: http://HOST:PORT/PATH, or HOST:PORT for /-/healthy. /-/ready asks whether it
    /// has started.
    #[arg(default_value = "http://127.0.0.1:4352/-/healthy", value_name = "URL", value_parser = Place::parse)]
    url: Place,
}

/// A server and a path on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    address: String,
    path: String,
}

/// Why it is not well.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("nothing answers on {address}: {source}; is hekad running there, with a [PrometheusOutput]?")]
    Silent { address: String, source: std::io::Error },
    #[error("what {address} answers is not HTTP")]
    Strange { address: String },
    #[error("http://{address}{path} answers {status}: {text}")]
    Unwell { address: String, path: String, status: u16, text: String },
}

impl Health {
    /// Asks, and says what is wrong; the exit code.
    pub(super) fn ask(&self) -> u8 {
        match self.url.trouble() {
            Ok(()) => 0,
            Err(trouble) => {
                anstream::eprintln!("{trouble}");
                RUNTIME
            }
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Place, String> {
        let rest = match text.split_once("://") {
            None => text,
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(format!("{scheme}:// is not spoken here; it is {LOOKS}")),
        };
        let (address, path) = match rest.find('/') {
            Some(at) if rest.len() > at + 1 => rest.split_at(at),
            at => (&rest[..at.unwrap_or(rest.len())], "/-/healthy"),
        };
        let has_port = address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !has_port || path.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(format!("it is {LOOKS}"));
        }
        Ok(Place { address: address.to_owned(), path: path.to_owned() })
    }

    fn trouble(&self) -> Result<(), Trouble> {
        let Place { address, path } = self.clone();
        match get(&address, &path, "") {
            Ok(Some(answer)) if answer.status == 200 => Ok(()),
            Ok(Some(answer)) => {
                let text = printable(answer.body.trim());
                Err(Trouble::Unwell { address, path, status: answer.status, text })
            }
            Ok(None) => Err(Trouble::Strange { address }),
            Err(source) => Err(Trouble::Silent { address, source }),
        }
    }
}

const LOOKS: &str = "http://HOST:PORT/PATH or HOST:PORT, such as http://127.0.0.1:4352/-/healthy";

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// What is said of a server that answers so.
    fn said(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let place = Place::parse(&address).expect("it is an address");
        let trouble = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().expect("it is asked");
                let mut asked = [0; 256];
                let length = stream.read(&mut asked).expect("there is a question");
                assert!(asked[..length].starts_with(b"GET /-/healthy HTTP/1.0\r\n"));
                stream.write_all(answer.as_bytes()).expect("it listens");
            });
            place.trouble()
        });
        trouble.err().map_or(String::new(), |trouble| trouble.to_string().replace(&address, "ADDRESS"))
    }

    #[test]
    fn a_place_is_a_url_or_an_address() {
        let place = |address: &str, path: &str| Place { address: address.to_owned(), path: path.to_owned() };
        for (text, expected) in [
            ("http://127.0.0.1:4352/-/healthy", place("127.0.0.1:4352", "/-/healthy")),
            ("http://a.b:80/-/ready", place("a.b:80", "/-/ready")),
            ("[::1]:4352", place("[::1]:4352", "/-/healthy")),
            ("http://a:1/", place("a:1", "/-/healthy")),
        ] {
            assert_eq!(Place::parse(text).as_ref(), Ok(&expected), "{text}");
        }
        for text in ["", "localhost", "http://a/-/ready", ":4352", "a:65536", "a:1/x y", "a:1/\r\nHost: b"] {
            assert_eq!(Place::parse(text), Err(format!("it is {LOOKS}")), "{text}");
        }
        assert_eq!(Place::parse("https://a:1"), Err(format!("https:// is not spoken here; it is {LOOKS}")));
    }

    #[test]
    fn only_a_server_that_says_so_is_well() {
        assert_eq!(said("HTTP/1.1 200 OK\r\n\r\nhealthy\n"), "");
        assert_eq!(
            said("HTTP/1.1 503 Service Unavailable\r\n\r\nstarting\n"),
            "http://ADDRESS/-/healthy answers 503: starting"
        );
        assert_eq!(said("+OK\r\n"), "what ADDRESS answers is not HTTP");
    }

    #[test]
    fn no_daemon_is_said_with_the_way_out() {
        // Nobody listens on a port that was just given back.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        drop(listener);
        let place = Place::parse(&address).expect("it is an address");
        let said = place.trouble().expect_err("nobody answers").to_string();
        assert!(said.starts_with(&format!("nothing answers on {address}: ")), "{said}");
        assert!(said.ends_with("; is hekad running there, with a [PrometheusOutput]?"), "{said}");
    }
}
