//! One question to the HTTP server of a running daemon, for the subcommands that ask one.
//!
//! HTTP/1.0, so that the answer ends with its connection. What the answer means is left to who asks.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Gets `path` from `address`, a host and a port; `headers` are lines that each end in CRLF.
///
/// None if what came is not HTTP. Of several addresses of a host the first that takes the connection is asked.
///
/// # Errors
/// What the system says, and that an answer took more than five seconds to begin or to go on.
pub(super) fn get(address: &str, path: &str, headers: &str) -> io::Result<Option<Answer>> {
    let mut stream = connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).map_err(|error| match error.kind() {
        // What the system says of a read that waited too long is that the resource is temporarily unavailable.
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    })?;
    Ok(read(&String::from_utf8_lossy(&answer)))
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn read(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// How long the daemon may take for each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read.
const LONGEST: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body_or_is_no_http() {
        let answer = |status, body: &str| Some(Answer { status, body: body.to_owned() });
        assert_eq!(read("HTTP/1.1 200 OK\r\na: b\r\n\r\nyes\r\n\r\n"), answer(200, "yes\r\n\r\n"));
        assert_eq!(read("HTTP/1.0 404\r\n\r\n"), answer(404, ""));
        for strange in ["", "SSH-2.0 200 x\r\n\r\n", "HTTP/1.1 ok\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert_eq!(read(strange), None, "{strange:?}");
        }
    }
}
