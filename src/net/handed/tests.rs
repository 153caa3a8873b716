//! Which socket is given to whom, and what is said where none fits.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;

use super::*;
use crate::config::Address;

const UDP: Wanted = Wanted { transport: Transport::Udp, family: Family::Any };
const TCP: Wanted = Wanted { transport: Transport::Tcp, family: Family::Any };

fn udp() -> Socket {
    UdpSocket::bind("127.0.0.1:0").expect("there is a port").into()
}

fn tcp() -> Socket {
    TcpListener::bind("127.0.0.1:0").expect("there is a port").into()
}

fn named(name: &str) -> Descriptor {
    Descriptor::Name(name.to_owned())
}

fn asking(section: &str) -> Asking<'_> {
    Asking { section, lane: 0, sockets: 1 }
}

fn refused(error: BuildError) -> (String, String) {
    (error.message, error.help.unwrap_or_default())
}

#[test]
fn a_name_is_of_the_socket_that_fits_and_a_number_of_one() {
    let handed = Handed::of(vec![
        ("statsd", Transport::Tcp, tcp()),
        ("statsd", Transport::Udp, udp()),
        ("", Transport::Unixgram, OwnedFd::from(UnixDatagram::unbound().unwrap()).into()),
    ]);
    let place = |descriptor: &Descriptor, wanted, section: &str| {
        handed.socket(descriptor, wanted, &asking(section)).map(|found| found.place).map_err(refused)
    };
    let at = |index: usize| handed.passed[index].open.as_ref().unwrap().place.clone();
    assert_eq!(place(&named("statsd"), UDP, "one"), Ok(at(1)));
    // Again, after a fault; for another section it is taken.
    assert_eq!(place(&named("statsd"), UDP, "one"), Ok(at(1)));
    let taken = format!("descriptor 4 (statsd, {}/udp) is what `one` has taken as fd:statsd", at(1));
    let help = |descriptor: &str| format!("hand over a socket of its own for {descriptor}");
    assert_eq!(place(&named("statsd"), UDP, "two"), Err((taken.clone(), help("fd:statsd"))));
    assert_eq!(place(&Descriptor::Number(4), UDP, "one"), Err((taken, help("fd:4"))));
    assert_eq!(place(&Descriptor::Number(3), TCP, "two"), Ok(at(0)));
    let unixgram = Wanted { transport: Transport::Unixgram, ..UDP };
    assert_eq!(place(&Descriptor::Number(5), unixgram, "three"), Ok("an unnamed socket".to_owned()));
}

#[test]
fn one_that_was_not_handed_over_or_is_of_another_kind_is_refused_with_the_way_out() {
    let socket = |handed: &Handed, descriptor: &Descriptor, wanted| {
        refused(handed.socket(descriptor, wanted, &asking("statsd")).unwrap_err())
    };
    let out = "let a .socket unit of systemd start hekad, or systemd-socket-activate; without them write \
               host:port or a path";
    let none = socket(&Handed::default(), &Descriptor::Number(3), UDP);
    assert_eq!(none, ("no socket was handed over as fd:3; none was".to_owned(), out.to_owned()));
    let handed = Handed::of(vec![("statsd", Transport::Udp, udp()), ("", Transport::Tcp, tcp())]);
    let at = |index: usize| handed.passed[index].open.as_ref().unwrap().place.clone();
    let (message, help) = socket(&handed, &named("other"), UDP);
    let all = format!("2 were: descriptor 3 (statsd, {}/udp), descriptor 4 ({}/tcp)", at(0), at(1));
    assert_eq!((message, &*help), (format!("no socket was handed over as fd:other; {all}"), out));
    let (message, help) = socket(&handed, &named("statsd"), TCP);
    assert_eq!(message, format!("descriptor 3 (statsd, {}/udp) does not fit: wanted is tcp", at(0)));
    let unit = "ListenStream= with an address and a port in the unit";
    assert_eq!(help, format!("give this section the `net` of that socket, or write {unit}"));
    let (message, _) = socket(&handed, &Descriptor::Number(3), Wanted { family: Family::V6, ..UDP });
    assert_eq!(message, format!("descriptor 3 (statsd, {}/udp) does not fit: wanted is udp of IPv6", at(0)));
    let broken = Handed { passed: vec![Passed { number: 3, name: None, open: None }], ..Handed::default() };
    let (message, _) = socket(&broken, &Descriptor::Number(3), UDP);
    assert_eq!(message, "descriptor 3 (no socket that listens) does not fit: wanted is udp");
}

#[test]
fn lanes_get_a_socket_each_or_share_one() {
    let handed = Handed::of(vec![("many", Transport::Udp, udp()), ("many", Transport::Udp, udp())]);
    let place = |lane, sockets| {
        let asking = Asking { section: "statsd", lane, sockets };
        handed.socket(&named("many"), UDP, &asking).map(|found| found.place).map_err(refused)
    };
    let at = |index: usize| handed.passed[index].open.as_ref().unwrap().place.clone();
    assert_eq!((place(0, 2), place(1, 2)), (Ok(at(0)), Ok(at(1))));
    let message = |wanted| format!("2 of the sockets that were handed over are fd:many; wanted is {wanted}");
    let each = "set lanes_share_socket = true, or hand over one a lane, each with ReusePort=yes";
    assert_eq!(place(0, 3), Err((message(3), each.to_owned())));
    let one = "ask for one by its number (fd:3), or name each of them in a .socket unit of its own";
    assert_eq!(place(0, 1), Err((message(1), one.to_owned())));
    let handed = Handed::of(vec![("one", Transport::Udp, udp())]);
    let inode = |lane| {
        let found = handed.socket(&named("one"), UDP, &Asking { section: "statsd", lane, sockets: 1 });
        nix::sys::stat::fstat(found.unwrap().socket).unwrap().st_ino
    };
    assert_eq!(inode(0), inode(1));
}

#[test]
fn sockets_that_nobody_takes_are_told_of() {
    let handed = Handed::of(vec![
        ("statsd", Transport::Udp, udp()),
        ("statsd", Transport::Tcp, tcp()),
        ("", Transport::Udp, udp()),
    ]);
    let at = |index: usize| handed.passed[index].open.as_ref().unwrap().place.clone();
    let taken = [
        Endpoint::handed(Protocol::Udp, &named("statsd"), "address"),
        Endpoint::new(Protocol::Tcp, &Address::new("127.0.0.1", 8125), "address"),
    ];
    let told = |descriptor, place: String, word| {
        let (passed, address) = descriptor;
        format!(
            "descriptor {passed}{place}/{word}) was handed over, and no section takes it: address = \"{address}\" does"
        )
    };
    let expected = [told(("4 (statsd, ", "fd:statsd"), at(1), "tcp"), told(("5 (", "fd:5"), at(2), "udp")];
    assert_eq!(handed.idle(&taken).collect::<Vec<_>>(), expected);
}

#[test]
fn variables_that_are_meant_for_another_process_or_are_wrong_are_told_of() {
    let flaw = |fds: Option<&str>, pid: Option<&str>| {
        let found = |name: &str| match name {
            "LISTEN_FDS" => fds.map(str::to_owned),
            "LISTEN_PID" => pid.map(str::to_owned),
            _ => None,
        };
        flaw_of(&found, 70)
    };
    assert_eq!((flaw(None, Some("7")), flaw(Some("1"), Some("70"))), (None, None));
    assert_eq!((flaw(Some("1"), None), flaw(Some("1"), Some(""))), (None, None));
    let another = "LISTEN_PID is 7, and this process is 70: what starts it has to `exec` it";
    assert_eq!(flaw(Some("1"), Some("7")).as_deref(), Some(another));
    for fds in ["many", "-1", "1025", "99999999999"] {
        let expected = format!("LISTEN_FDS is \"{fds}\", and should be a number up to 1024");
        assert_eq!(flaw(Some(fds), Some("70")), Some(expected));
    }
    // Nothing is opened of what is not believed.
    let found = Handed::take(&|name| (name == "LISTEN_FDS").then(|| "1025".to_owned()));
    assert_eq!((found.passed.len(), found.flaw.is_some()), (0, true));
}
