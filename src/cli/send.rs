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
    /// Where to.
    #[arg(long, default_value = "127.0.0.1:8125", value_name = "ADDRESS")]
    to: String,
    /// Over TCP instead of UDP.
    #[arg(long)]
    tcp: bool,
}

impl Send {
    /// Sends them in one datagram, or one after the other over TCP; the exit code.
    pub(super) fn send(self) -> u8 {
        if let Some(line) = self.lines.iter().find(|line| !line.contains(':') || !line.contains('|')) {
            anstream::eprintln!("`{line}` is no statsd line; one looks like this: hello.world:1|c");
            return USAGE;
        }
        let text = format!("{}\n", self.lines.join("\n"));
        let sent = if self.tcp { self.over_tcp(&text) } else { self.over_udp(&text) };
        match sent {
            Ok(()) => {
                anstream::eprintln!("sent to {}; it shows after the next flush", self.to);
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
