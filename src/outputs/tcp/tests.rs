//! The output against listeners on the loopback whose ends are of every kind.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::plugin::testing::{NOW, context};

#[test]
fn a_peer_that_ends_in_order_and_reads_on_gets_everything_once() {
    let (listener, mut sender) = Sending::start(|_| {});
    sender.send(&["one ", "two "]).unwrap();
    let (mut first, _) = listener.accept().unwrap();
    first.shutdown(Shutdown::Write).unwrap();
    sender.until_it_hears();
    sender.send(&["three "]).unwrap();
    assert_eq!(rest(&mut first), "one two ");
    drop(sender.output);
    let (mut second, _) = listener.accept().unwrap();
    assert_eq!(rest(&mut second), "three ");
    assert_eq!(counted(&sender.context, "hekad_tcp_resent_records_total"), 0);
    assert_eq!(counted(&sender.context, "hekad_tcp_connects_total"), 2);
}

#[test]
fn what_a_peer_that_broke_off_has_not_read_goes_again() {
    let (listener, mut sender) = Sending::start(|_| {});
    sender.send(&["one ", "two "]).unwrap();
    let (first, _) = listener.accept().unwrap();
    // Closed with bytes unread: a reset.
    await_bytes(&first);
    drop(first);
    sender.until_it_hears();
    sender.send(&["three "]).unwrap();
    drop(sender.output);
    let (mut second, _) = listener.accept().unwrap();
    assert_eq!(rest(&mut second), "one two three ");
    assert_eq!(counted(&sender.context, "hekad_tcp_resent_records_total"), 2);
}

#[test]
fn what_came_after_the_end_of_a_peer_that_does_not_read_on_goes_again() {
    let (listener, mut sender) = Sending::start(|_| {});
    sender.send(&["one "]).unwrap();
    let (mut first, _) = listener.accept().unwrap();
    first.read_exact(&mut [0; 4]).unwrap();
    // Closed with nothing unread: an orderly end, to all appearances.
    let connected = sender.output.connected.as_mut().unwrap();
    drop(first);
    let write = write_all(&mut *connected.connection, b"two ", Duration::from_secs(10));
    sender.runtime.block_on(write).unwrap();
    sender.output.kept.keep(b"two ", 1);
    sender.until_it_hears();
    sender.send(&["three "]).unwrap();
    drop(sender.output);
    let (mut second, _) = listener.accept().unwrap();
    assert_eq!(rest(&mut second), "one two three ");
}

#[test]
fn what_was_sent_two_ticks_ago_does_not_go_again() {
    let (listener, mut sender) = Sending::start(|_| {});
    sender.send(&["one "]).unwrap();
    let (first, _) = listener.accept().unwrap();
    await_bytes(&first);
    for _ in 0..2 {
        sender.tick();
    }
    drop(first);
    sender.until_it_hears();
    sender.send(&["two "]).unwrap();
    drop(sender.output);
    let (mut second, _) = listener.accept().unwrap();
    assert_eq!(rest(&mut second), "two ");
}

#[test]
fn what_may_not_have_arrived_waits_for_a_peer_and_not_for_a_batch() {
    let (listener, mut sender) = Sending::start(|_| {});
    sender.send(&["one "]).unwrap();
    let (first, address) = (listener.accept().unwrap().0, listener.local_addr().unwrap());
    await_bytes(&first);
    drop((first, listener));
    sender.until_it_hears();
    for _ in 0..3 {
        sender.tick();
    }
    {
        let _inside = sender.runtime.enter();
        let told = sender.output.finish(NOW).unwrap_err().to_string();
        let refused = format!("cannot connect to {address}: Connection refused (os error 111)");
        assert_eq!(told, format!("1 records written last may not have arrived: {refused}"));
    }
    let listener = TcpListener::bind(address).unwrap();
    sender.tick();
    drop(sender.output);
    assert_eq!(rest(&mut listener.accept().unwrap().0), "one ");
}

#[test]
fn a_peer_that_breaks_off_again_and_again_gets_no_more_than_can_go_again() {
    let (listener, mut sender) = Sending::start(|_| {});
    let peer = BreakingPeer::at(listener);
    let batch = "x".repeat(512 << 10);
    let mut taken = 0;
    for _ in 0..12 {
        taken += sender.send(&[&batch]).map_or(0, |()| 1);
        sender.tick();
        sender.until_it_hears();
    }
    // What cannot go again is not taken, and what was taken is there however often it went.
    assert!((2..=4).contains(&taken), "{taken}");
    assert_eq!(sender.output.kept.records(), taken);
    peer.breaks.store(false, Ordering::Release);
    for _ in 0..3 {
        sender.tick();
    }
    sender.send(&["end "]).unwrap();
    drop(sender.output);
    assert_eq!(peer.thread.join().unwrap(), taken as usize * batch.len() + "end ".len());
}

#[test]
fn a_connection_that_breaks_as_soon_as_it_is_made_is_not_made_again_at_once() {
    let (listener, mut sender) = Sending::start(|_| {});
    let _peer = BreakingPeer::at(listener);
    let told = (0..200).find_map(|_| {
        std::thread::park_timeout(Duration::from_millis(50));
        sender.send(&["one "]).err()
    });
    let told = told.expect("it is told in time");
    assert!(told.ends_with(" breaks as soon as it is made"), "{told}");
    assert!(counted(&sender.context, "hekad_tcp_connects_total") >= 2);
}

/// A peer that takes what there is and breaks the connection, until it is told otherwise; then it reads one to its end.
struct BreakingPeer {
    breaks: Arc<AtomicBool>,
    /// Bytes of the connection that it read to its end.
    thread: std::thread::JoinHandle<usize>,
}

impl BreakingPeer {
    fn at(listener: TcpListener) -> BreakingPeer {
        let breaks = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&breaks);
        #[expect(clippy::disallowed_methods, reason = "the peer of a test")]
        let thread = std::thread::spawn(move || {
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                if !asked.load(Ordering::Acquire) {
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).unwrap();
                    return all.len();
                }
                stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                while stream.read(&mut [0; 1 << 16]).is_ok_and(|count| count > 0) {}
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
        });
        BreakingPeer { breaks, thread }
    }
}

#[test]
fn a_connection_ends_after_as_many_records_as_it_may_carry() {
    let (listener, mut sender) = Sending::start(|config| config.reconnect_after = 2);
    sender.send(&["one ", "two ", "three "]).unwrap();
    sender.send(&["four ", "five "]).unwrap();
    drop(sender.output);
    let texts: Vec<String> = (0..3).map(|_| rest(&mut listener.accept().unwrap().0)).collect();
    assert_eq!(texts, ["one two ", "three four ", "five "]);
}

#[test]
fn it_connects_from_where_it_is_told_to() {
    let (listener, mut sender) = Sending::start(|config| {
        config.local_address = Some(Address::new("127.0.0.2", 0));
        config.keep_alive = true;
        config.keep_alive_period = Some(Seconds(Duration::from_secs(9)));
    });
    sender.send(&["one "]).unwrap();
    assert_eq!(listener.accept().unwrap().1.ip().to_string(), "127.0.0.2");
    let socket = sender.output.connected.as_ref().unwrap().socket.as_ref().unwrap();
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(9));
}

#[test]
fn a_peer_that_is_not_there_is_named() {
    let (listener, mut sender) = Sending::start(|_| {});
    let address = listener.local_addr().unwrap();
    drop(listener);
    let told = sender.send(&["one "]).unwrap_err();
    assert_eq!(told, format!("cannot connect to {address}: Connection refused (os error 111)"));
}

struct Sending {
    output: TcpOutput,
    context: BuildContext,
    runtime: tokio::runtime::Runtime,
}

impl Sending {
    /// A listener, and an output to it with these changes to the defaults.
    fn start(change: impl FnOnce(&mut Config)) -> (TcpListener, Sending) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut config = Config { address: Address::new("127.0.0.1", port), ..Config::default() };
        change(&mut config);
        assert_eq!(config.check(), []);
        let context = context();
        let output = TcpOutput {
            config,
            world: Arc::new(World::Real),
            tls: None,
            connected: None,
            left: None,
            kept: Kept::default(),
            counts: Counts::new(context.own(), "test"),
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        (listener, Sending { output, context, runtime })
    }

    fn send(&mut self, records: &[&str]) -> Result<(), String> {
        let bytes = records.concat().into_bytes();
        let mut end = 0;
        let ends: Vec<u32> = records
            .iter()
            .map(|record| {
                end += record.len() as u32;
                end
            })
            .collect();
        let sent = self.runtime.block_on(self.output.deliver(&bytes, &ends));
        if sent.is_ok() {
            self.output.kept.keep(&bytes, ends.len() as u64);
        }
        sent.map_err(|fault| fault.to_string())
    }

    fn tick(&mut self) {
        let _inside = self.runtime.enter();
        self.output.tick(NOW).unwrap();
    }

    /// Listens until the end of the peer is noticed.
    fn until_it_hears(&mut self) {
        let output = &mut self.output;
        let heard = async {
            while output.connected.is_some() {
                output.listen();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let heard =
            self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), heard).await });
        heard.expect("the end is noticed");
    }
}

/// Waits until there is something to be read.
fn await_bytes(stream: &TcpStream) {
    stream.peek(&mut [0; 1]).unwrap();
}

fn rest(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn counted(context: &BuildContext, metric: &'static str) -> u64 {
    context.own().counter(metric, &[("output", "test")]).value()
}
