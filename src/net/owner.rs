//! Finds the process that holds a port, so that "address in use" can say by whom.
//!
//! Reads `/proc/net/{udp,udp6,tcp,tcp6}` for the inode of the socket (proc_pid_net(5)), then `/proc/*/fd` for the
//! process that has it open. Sockets of other users are only seen by root: then there is no answer.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
}

impl Protocol {
    /// The word after the slash: `udp` or `tcp`.
    pub const fn word(self) -> &'static str {
        match self {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        }
    }
}

/// The process that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Its short name, as `ps -o comm` shows it.
    pub command: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "pid {} ({})", self.pid, self.command)
    }
}

/// The process whose socket stands in the way of binding `address`, if this user may see it.
pub fn owner_of(protocol: Protocol, address: SocketAddr) -> Option<Owner> {
    let inodes: Vec<u64> = ["", "6"]
        .iter()
        .filter_map(|family| fs::read_to_string(format!("/proc/net/{}{family}", protocol.word())).ok())
        .flat_map(|table| inodes_in_the_way(protocol, address, &table))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    // A process that ends or may not be looked into while we read is passed over: there is nothing to say of it.
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|&pid| has_open(pid, &links))
        .map(|pid| Owner { pid, command: command_of(pid) })
}

fn has_open(pid: u32, links: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.to_str().is_some_and(|target| links.iter().any(|link| link == target)))
}

fn command_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "?".to_owned(), |name| name.trim_end().to_owned())
}

/// Inodes of the sockets in `table` that hold `address`: the same port, and the same address or one of both a wildcard.
fn inodes_in_the_way(protocol: Protocol, address: SocketAddr, table: &str) -> Vec<u64> {
    let rows = table.lines().skip(1).filter_map(row);
    rows.filter(|row| protocol == Protocol::Udp || row.state == LISTEN)
        .filter(|row| row.local.port() == address.port() && overlaps(row.local.ip(), address.ip()))
        .map(|row| row.inode)
        .collect()
}

fn overlaps(held: IpAddr, wanted: IpAddr) -> bool {
    held.to_canonical() == wanted.to_canonical() || held.is_unspecified() || wanted.is_unspecified()
}

struct Row {
    local: SocketAddr,
    state: u8,
    inode: u64,
}

fn row(line: &str) -> Option<Row> {
    let mut words = line.split_ascii_whitespace();
    let local = socket_address(words.nth(1)?)?;
    let state = u8::from_str_radix(words.nth(1)?, 16).ok()?;
    let inode = words.nth(5)?.parse().ok()?;
    Some(Row { local, state, inode })
}

/// The address as the kernel prints it: words of 32 bits in the machine's byte order, a colon, the port.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = [0_u8; 16];
    if !host.is_ascii() || (host.len() != 8 && host.len() != 32) {
        return None;
    }
    for (index, room) in bytes[..host.len() / 2].chunks_exact_mut(4).enumerate() {
        let word = u32::from_str_radix(&host[index * 8..index * 8 + 8], 16).ok()?;
        room.copy_from_slice(&word.to_ne_bytes());
    }
    let address = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        _ => IpAddr::V6(Ipv6Addr::from(bytes)),
    };
    Some(SocketAddr::new(address, port))
}

/// `TCP_LISTEN` in the state column.
const LISTEN: u8 = 0x0A;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_holder_of_a_udp_port_is_this_process() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let owner = owner_of(Protocol::Udp, socket.local_addr().unwrap()).unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert_eq!(owner.command, command_of(std::process::id()));
    }

    #[test]
    fn the_holder_of_a_listener_is_found_through_the_wildcard_too() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let wildcard = SocketAddr::from(([0, 0, 0, 0], port));
        assert_eq!(owner_of(Protocol::Tcp, wildcard).unwrap().pid, std::process::id());
        assert_eq!(owner_of(Protocol::Tcp, SocketAddr::from(([127, 0, 0, 9], port))), None);
    }

    #[test]
    fn addresses_are_read_as_the_kernel_prints_them() {
        if cfg!(target_endian = "little") {
            assert_eq!(socket_address("0100007F:1FBD"), Some("127.0.0.1:8125".parse().unwrap()));
            let v6 = "00000000000000000000000001000000:0050";
            assert_eq!(socket_address(v6), Some("[::1]:80".parse().unwrap()));
        }
        assert_eq!(socket_address("0100007:1FBD"), None);
        assert_eq!(socket_address("0100007F"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_a_row_or_none(line in "[0-9A-Fa-f: é]{0,120}") {
            let _ = row(&line);
        }
    }
}
