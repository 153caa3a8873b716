//! `hekad send`: statsd lines to a listener, for trying one.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};

use super::{RUNTIME, USAGE};

/// Lines and where to send them.
#[derive(Debug, clap::Args)]
pub(super) struct Send {
    /// Lines: NAME:VALUE|TYPE, with |@RATE and |#TAG:VALUE,... behind it.
    #[arg(required = true, value_name = "LINE")]
    lines: Vec<String>,
    /// Where to: an address, or the path of a unix socket, which begins with a slash.
    #[arg(long, default_value = "127.0.0.1:8125", value_name = "ADDRESS")]
    to: String,
    /// Over TCP instead of UDP.
    #[arg(long, conflicts_with = "stream")]
    tcp: bool,
    /// As a stream of lines instead of a datagram, to a unix socket.
    #[arg(long)]
    stream: bool,
}

impl Send {
    /// Sends them in one datagram, or one after the other over TCP; the exit code.
    pub(super) fn send(self) -> u8 {
        if let Some(line) = self.lines.iter().find(|line| !line.contains(':') || !line.contains('|')) {
            anstream::eprintln!("`{line}` is no statsd line; one looks like this: hello.world:1|c");
            return USAGE;
        }
        let text = format!("{}\n", self.lines.join("\n"));
        let sent = match self.to.starts_with('/') {
            true => self.over_unix(&text),
            false if self.tcp || self.stream => self.over_tcp(&text),
            false => self.over_udp(&text),
        };
        match sent {
            Ok(()) => {
                anstream::eprintln!("sent to {}; it shows within a second", self.to);
                0
            }
            Err(error) => {
                anstream::eprintln!("cannot send to {}: {error}; is hekad running there?", self.to);
                RUNTIME
            }
        }
    }

    fn over_tcp(&self, text: &str) -> std::io::Result<()> {
        TcpStream::connect(&self.to)?.write_all(text.as_bytes())
    }

    #[cfg(unix)]
    fn over_unix(&self, text: &str) -> std::io::Result<()> {
        use std::os::unix::net::{UnixDatagram, UnixStream};
        if self.stream || self.tcp {
            return UnixStream::connect(&self.to)?.write_all(text.as_bytes());
        }
        UnixDatagram::unbound()?.send_to(text.trim_end().as_bytes(), &self.to).map(drop)
    }

    #[cfg(not(unix))]
    fn over_unix(&self, _: &str) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn over_udp(&self, text: &str) -> std::io::Result<()> {
        let any = if self.to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(&self.to)?;
        socket.send(text.trim_end().as_bytes())?;
        // On one machine the refusal of a closed port is here by the second send.
        socket.send(b"")?;
        Ok(())
    }
}
