//! Tests of the batched receiver over real sockets on the loopback.

use std::net::UdpSocket;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use proptest::prelude::*;

use super::super::datagram::Datagram;
use super::super::plain;
use super::*;

#[test]
fn every_datagram_is_whole_up_to_the_largest_there_is() {
    let mut receiver = lane(&BindOptions::default());
    let sender = sender_to(receiver.address());
    let sent: Vec<Vec<u8>> = [0, 1, 2047, 2048, 2049, 9000, 65_507]
        .iter()
        .enumerate()
        .map(|(seed, &length)| pattern(seed, length))
        .collect();
    for datagram in &sent {
        sender.send(datagram).unwrap();
    }
    assert_eq!(drain(&mut receiver), sent);
    let received = receiver.received();
    let bytes = sent.iter().map(|datagram| datagram.len() as u64).sum();
    assert_eq!(received, Received { datagrams: 7, bytes, truncated: 0, empty: 1, dropped: 0 });
}

#[test]
fn a_socket_that_takes_no_more_gives_what_it_has_and_says_so_to_who_sends() {
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
        let bound = UdpReceiver::bind(address.parse().unwrap(), &BindOptions::default());
        let mut receiver = bound.unwrap().lanes.remove(0);
        let sender = sender_to(SocketAddr::new(loopback().ip(), receiver.address().port()));
        sender.send(b"before").unwrap();
        receiver.refuse_more();
        sender.send(b"after").unwrap();
        assert_eq!(sender.send(b"after").unwrap_err().kind(), io::ErrorKind::ConnectionRefused, "{address}");
        assert_eq!(drain(&mut receiver), [b"before"], "{address}");
    }
}

#[test]
fn a_socket_that_is_handed_over_gives_what_it_holds_and_its_buffer_never_shrinks() {
    let socket = bind_sockets(loopback(), &BindOptions::default()).unwrap().remove(0);
    let kept = socket.try_clone().unwrap();
    let sender = sender_to(local_address(&kept).unwrap());
    sender.send(b"before").unwrap();
    let had = grant(&kept, 64 << 10).unwrap();
    let smaller = BindOptions { receive_buffer: 4096, ..BindOptions::default() };
    let mut bound = UdpReceiver::handed(socket, &smaller, 0).unwrap();
    assert_eq!((bound.granted.got, bound.granted.advice), (had / 2, None));
    assert_eq!(kept.recv_buffer_size().unwrap(), had);
    let mut receiver = bound.lanes.remove(0);
    assert_eq!(drain(&mut receiver), [b"before"]);
    drop(receiver);
    // It is not refused: another finds it there.
    sender.send(b"between").unwrap();
    let most = BindOptions { receive_buffer: 1 << 30, ..BindOptions::default() };
    let mut bound = UdpReceiver::handed(kept.try_clone().unwrap(), &most, 0).unwrap();
    assert!(bound.granted.got >= had / 2);
    let told = bound.granted.advice.take();
    let advice = "sysctl -w net.core.rmem_max=1073741824, or ReceiveBuffer=1073741824 in its .socket unit";
    assert_eq!(told.as_deref(), Some(advice).filter(|_| bound.granted.got < 1 << 30));
    assert_eq!(drain(&mut bound.lanes.remove(0)), [b"between"]);
    sender.send(b"twin").unwrap();
    let mut twin = plain::UdpReceiver::handed(kept, &BindOptions::default(), 0).unwrap().lanes.remove(0);
    let batch = twin.receive(WAIT, Stamp(0)).unwrap();
    assert_eq!(batch.datagrams().next().map(|datagram| datagram.bytes.to_vec()), Some(b"twin".to_vec()));
}

#[test]
fn what_was_sent_is_what_was_received_and_dropped() {
    let mut receiver = lane(&BindOptions { receive_buffer: 2048, ..BindOptions::default() });
    let sender = sender_to(receiver.address());
    let mut sent = 0_u64;
    for burst in 0..5_u64 {
        for _ in 0..200 * (burst + 1) {
            sender.send(b"requests:1|c").unwrap();
            sent += 1;
        }
        drain(&mut receiver);
        let received = receiver.received();
        assert_eq!(received.datagrams + received.dropped, sent, "{received:?}");
    }
    assert!(receiver.received().dropped > 0);
}

#[test]
fn the_drop_counter_is_the_one_that_datagrams_carry() {
    let bound =
        UdpReceiver::bind(loopback(), &BindOptions { receive_buffer: 2048, ..BindOptions::default() });
    let mut receiver = bound.unwrap().lanes.remove(0);
    setsockopt(&receiver.socket, sockopt::RxqOvfl, &1).unwrap();
    let sender = sender_to(receiver.address());
    for _ in 0..300 {
        sender.send(b"requests:1|c").unwrap();
    }
    drain(&mut receiver);
    sender.send(b"last").unwrap();
    let mut room = [0_u8; 100];
    let mut pieces = [io::IoSliceMut::new(&mut room)];
    let mut control = nix::cmsg_space!(u32);
    let fd = receiver.socket.as_raw_fd();
    let message = recvmsg::<()>(fd, &mut pieces, Some(&mut control), MsgFlags::empty()).unwrap();
    let carried = message.cmsgs().unwrap().find_map(|control| match control {
        ControlMessageOwned::RxqOvfl(drops) => Some(drops),
        _ => None,
    });
    assert_eq!(carried.map(u64::from), Some(receiver.received().dropped));
}

#[test]
fn a_cut_datagram_is_marked_and_the_next_one_is_not() {
    let socket = bind_sockets(loopback(), &BindOptions::default()).unwrap().remove(0);
    let mut receiver = UdpReceiver::over(socket, 212_992, Duration::ZERO, 3000).unwrap();
    let sender = sender_to(receiver.address());
    for length in [3001, 3000, 10] {
        sender.send(&pattern(7, length)).unwrap();
    }
    let batch = receiver.receive(WAIT, Stamp(0)).unwrap();
    let whole = pattern(7, 3000);
    let wanted = [
        Datagram { bytes: &whole, truncated: true, sender: None },
        Datagram { bytes: &whole, truncated: false, sender: None },
        Datagram { bytes: &whole[..10], truncated: false, sender: None },
    ];
    assert_eq!(batch.datagrams().collect::<Vec<_>>(), wanted);
    assert_eq!(receiver.received().truncated, 1);
}

#[test]
fn a_full_batch_is_not_taken_for_a_drained_socket() {
    let mut receiver = lane(&BindOptions::default());
    let sender = sender_to(receiver.address());
    for number in 0..BATCH + 10 {
        sender.send(&pattern(number, 20)).unwrap();
    }
    let batch = receiver.receive(WAIT, Stamp(0)).unwrap();
    assert_eq!((batch.len(), batch.drained()), (BATCH, false));
    let batch = receiver.receive(WAIT, Stamp(0)).unwrap();
    assert_eq!((batch.len(), batch.drained()), (10, true));
    assert_eq!(batch.datagrams().next().map(|datagram| datagram.bytes.to_vec()), Some(pattern(BATCH, 20)));
}

#[test]
fn a_batch_after_a_larger_one_holds_only_its_own() {
    let mut receiver = lane(&BindOptions::default());
    let sender = sender_to(receiver.address());
    for number in 0..20 {
        sender.send(&pattern(number, 50)).unwrap();
    }
    assert_eq!(drain(&mut receiver).len(), 20);
    sender.send(b"alone").unwrap();
    assert_eq!(drain(&mut receiver), [b"alone"]);
    assert_eq!(receiver.received().datagrams, 21);
}

#[test]
fn a_port_of_ours_is_named_as_ours() {
    let held = lane(&BindOptions::default());
    for lanes in [1, 2] {
        let error =
            UdpReceiver::bind(held.address(), &BindOptions { lanes, ..BindOptions::default() }).unwrap_err();
        match error {
            BindError::Taken { address, protocol, owner } => {
                assert_eq!((address, protocol), (held.address(), Protocol::Udp));
                assert_eq!(owner.map(|owner| owner.pid), Some(std::process::id()));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn lanes_of_one_socket_take_what_one_sender_sends_and_count_drops_once() {
    let options = BindOptions { lanes: 2, one_socket: true, receive_buffer: 2048, ..BindOptions::default() };
    let mut lanes = UdpReceiver::bind(loopback(), &options).unwrap().lanes;
    let sender = sender_to(lanes[0].address());
    sender.send(b"a").unwrap();
    assert_eq!(drain(&mut lanes[1]), [b"a"]);
    for _ in 0..300 {
        sender.send(b"requests:1|c").unwrap();
    }
    let taken = drain(&mut lanes[0]).len() + drain(&mut lanes[1]).len();
    let dropped = lanes.iter_mut().map(|lane| {
        lane.count_drops().unwrap();
        lane.received().dropped as usize
    });
    let dropped: Vec<usize> = dropped.collect();
    assert_eq!((taken + dropped[0], dropped[1]), (300, 0));
    assert!(dropped[0] > 0);
}

#[test]
fn lanes_share_a_port_and_nobody_else_gets_in() {
    let options = BindOptions { lanes: 3, ..BindOptions::default() };
    let mut bound = UdpReceiver::bind(loopback(), &options).unwrap();
    assert_eq!(bound.lanes.len(), 3);
    assert!(UdpReceiver::bind(bound.address, &BindOptions::default()).is_err());
    assert!(UdpReceiver::bind(bound.address, &options).is_err());
    for flow in 0..60 {
        sender_to(bound.address).send(&pattern(flow, 30)).unwrap();
    }
    let counts: Vec<usize> = bound.lanes.iter_mut().map(|lane| drain(lane).len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert!(counts.iter().filter(|&&count| count > 0).count() > 1, "{counts:?}");
}

#[test]
fn the_grant_is_read_back_and_advice_given_when_it_is_short() {
    let small =
        UdpReceiver::bind(loopback(), &BindOptions { receive_buffer: 65_536, ..BindOptions::default() });
    assert_eq!(small.unwrap().granted, Granted { asked: 65_536, got: 65_536, advice: None });
    let granted = UdpReceiver::bind(loopback(), &BindOptions::default()).unwrap().granted;
    assert_eq!(granted.asked, 26_214_400);
    match granted.advice {
        None => assert_eq!(granted.got, granted.asked),
        Some(advice) => {
            assert!(granted.got < granted.asked);
            assert_eq!(advice, "sysctl -w net.core.rmem_max=26214400");
        }
    }
}

#[test]
fn a_waker_ends_a_wait_once() {
    let mut receiver = lane(&BindOptions::default());
    let waker = receiver.waker();
    waker.wake();
    waker.wake();
    // Without the wakes this would not return while the test is watched.
    assert!(receiver.receive(Duration::from_secs(3600), Stamp(0)).unwrap().is_empty());
    sender_to(receiver.address()).send(b"after").unwrap();
    assert_eq!(drain(&mut receiver), [b"after"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_batched_receiver_finds_what_its_plain_twin_finds(
        lengths in proptest::collection::vec(prop_oneof![0_usize..100, 2000_usize..2100, 0_usize..=65_507], 1..100),
    ) {
        let mut batched = lane(&BindOptions::default());
        let mut single = plain::UdpReceiver::bind(loopback(), &BindOptions::default()).unwrap().lanes.remove(0);
        let (to_batched, to_single) = (sender_to(batched.address()), sender_to(single.address()));
        let mut twin = Vec::new();
        // Few enough at once for the receive buffer of a system that clamps it.
        for part in lengths.chunks(2) {
            let mut sent = Vec::new();
            for (seed, &length) in part.iter().enumerate() {
                let datagram = pattern(seed, length);
                to_batched.send(&datagram).unwrap();
                to_single.send(&datagram).unwrap();
                sent.push(datagram);
            }
            twin.clear();
            while twin.len() < sent.len() {
                let batch = single.receive(WAIT, Stamp(0)).unwrap();
                twin.extend(batch.datagrams().map(|datagram| datagram.bytes.to_vec()));
            }
            prop_assert_eq!(&drain(&mut batched), &sent);
            prop_assert_eq!(&twin, &sent);
        }
        prop_assert_eq!(batched.received(), single.received());
    }
}

const WAIT: Duration = Duration::from_millis(100);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn lane(options: &BindOptions) -> UdpReceiver {
    UdpReceiver::bind(loopback(), options).unwrap().lanes.remove(0)
}

fn sender_to(address: SocketAddr) -> UdpSocket {
    let sender = UdpSocket::bind(loopback()).unwrap();
    sender.connect(address).unwrap();
    sender
}

fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + seed * 7) as u8).collect()
}

/// Everything that waits on the socket. The loopback delivers before `send` returns, so nothing is under way.
fn drain(receiver: &mut UdpReceiver) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    loop {
        let batch = receiver.receive(Duration::ZERO, Stamp(0)).unwrap();
        if batch.is_empty() {
            return found;
        }
        found.extend(batch.datagrams().map(|datagram| datagram.bytes.to_vec()));
    }
}
