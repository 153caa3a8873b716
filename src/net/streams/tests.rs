//! Connections of lines against a listener on the loopback.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream as Client};
use std::sync::Mutex;

use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::net::bind::tcp_listener;

#[test]
fn lines_of_a_connection_arrive_whole_and_the_last_without_a_newline() {
    let served = Served::start(limits());
    let mut client = served.connect();
    client.write_all(b"a:1|c\nb:2").unwrap();
    served.wait_for(b"a:1|c\n");
    client.write_all(b"|c\n0123456789abcdefg\nc:3|c").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    served.wait_for(b"a:1|c\nb:2|c\nc:3|c");
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(*served.seen.too_long.lock().unwrap(), [17]);
    assert_eq!(served.counters.unfinished(), 0);
}

#[test]
fn a_connection_too_many_is_closed_and_counted() {
    let served = Served::start(StreamLimits { max_connections: 1, ..limits() });
    let mut first = served.connect();
    first.write_all(b"a:1|c\n").unwrap();
    served.wait_for(b"a:1|c\n");
    assert_eq!(served.connect().read(&mut [0; 1]).unwrap(), 0);
    let connections = &served.counters.connections;
    assert_eq!((connections.accepted(), connections.refused(), connections.open()), (1, 1, 1));
    first.shutdown(Shutdown::Write).unwrap();
    assert_eq!(first.read(&mut [0; 1]).unwrap(), 0);
    served.connect().write_all(b"b:1|c\n").unwrap();
    served.wait_for(b"a:1|c\nb:1|c\n");
}

#[test]
fn a_connection_that_completes_no_line_is_closed_though_it_sends() {
    let served = Served::start(StreamLimits { idle: Duration::from_millis(150), ..limits() });
    let mut client = served.connect();
    client.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    // A byte every ten milliseconds, until the other side has had enough.
    let mut bytes = 0;
    while !matches!(client.read(&mut [0; 1]), Ok(0)) && client.write_all(b"x").is_ok() {
        bytes += 1;
        assert!(bytes < 80, "still open after {bytes} bytes");
    }
    assert_eq!((served.counters.idle(), served.counters.unfinished()), (1, 1));
    assert_eq!(served.seen.text(), b"");
}

#[test]
fn a_stop_ends_connections_and_drops_half_a_line() {
    let served = Served::start(limits());
    let mut client = served.connect();
    client.write_all(b"a:1|c\nb:2").unwrap();
    served.wait_for(b"a:1|c\n");
    let counters = Arc::clone(&served.counters);
    let seen = served.stop();
    assert_eq!(seen.text(), b"a:1|c\n");
    assert_eq!((counters.unfinished(), counters.connections.open()), (1, 0));
    // Closed, by a reset or in order.
    assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
}

#[test]
fn connections_that_have_sent_and_closed_before_a_stop_are_counted_whole() {
    const CONNECTIONS: usize = 40;
    const LINES: usize = 2_000;
    // Nothing is accepted before the stop, and far more wait than may be open at once.
    let (runtime, listener) = (current_thread(), tcp_listener("127.0.0.1:0".parse().unwrap()).unwrap());
    let text = format!("{}b:2|c", "a:1|c\n".repeat(LINES));
    for _ in 0..CONNECTIONS {
        Client::connect(listener.local_addr().unwrap()).unwrap().write_all(text.as_bytes()).unwrap();
    }
    let (seen, counters) = (Arc::new(Seen::default()), Arc::new(StreamCounters::default()));
    let stopped = std::future::ready(());
    let sink_for = || Sink(Arc::clone(&seen));
    let limits = StreamLimits { max_connections: 3, ..limits() };
    runtime.block_on(serve_lines(listener, limits, Arc::clone(&counters), stopped, sink_for)).unwrap();
    let taken = String::from_utf8(seen.text()).unwrap();
    assert_eq!(taken.matches("a:1|c\n").count(), CONNECTIONS * LINES);
    assert_eq!(taken.matches("b:2|c").count(), CONNECTIONS);
    let connections = &counters.connections;
    let refused = (connections.refused(), connections.failed());
    assert_eq!((connections.accepted(), refused, connections.open()), (CONNECTIONS as u64, (0, 0), 0));
    assert_eq!((counters.unfinished(), counters.broken()), (0, 0));
}

#[test]
fn a_stop_takes_what_a_held_connection_has_sent() {
    let served = Served::start(limits());
    served.seen.full.store(1, Ordering::SeqCst);
    let mut client = served.connect();
    client.write_all(b"a:1|c\n").unwrap();
    served.wait_for(b"a:1|c\n");
    client.write_all(b"b:1|c\nc:1").unwrap();
    let counters = Arc::clone(&served.counters);
    assert_eq!(served.stop().text(), b"a:1|c\nb:1|c\n");
    assert_eq!(counters.unfinished(), 1);
}

#[test]
fn a_stop_tells_the_peer_and_takes_what_it_sends_until_it_ends_too() {
    let served = Served::start(limits());
    let mut client = served.connect();
    client.write_all(b"a:1|c\n").unwrap();
    served.wait_for(b"a:1|c\n");
    #[expect(clippy::disallowed_methods, reason = "the peer of a test")]
    let sender = std::thread::spawn(move || {
        // It hears of the stop before it ends, and what it sends then is not lost.
        assert!(matches!(client.read(&mut [0; 1]), Ok(0)));
        client.write_all(b"b:1|c\nc:1|c").unwrap();
    });
    let counters = Arc::clone(&served.counters);
    assert_eq!(served.stop().text(), b"a:1|c\nb:1|c\nc:1|c");
    sender.join().unwrap();
    assert_eq!((counters.unfinished(), counters.broken()), (0, 0));
}

#[test]
fn peers_that_neither_send_nor_end_hold_a_stop_up_for_a_moment_together() {
    // One at a time may be open, so that each is served after the one before.
    let (runtime, listener) = (current_thread(), tcp_listener("127.0.0.1:0".parse().unwrap()).unwrap());
    let address = listener.local_addr().unwrap();
    let clients: Vec<Client> = (0..40).map(|_| Client::connect(address).unwrap()).collect();
    let counters = Arc::new(StreamCounters::default());
    let limits = StreamLimits { max_connections: 1, ..limits() };
    let sink_for = || Sink(Arc::default());
    let began = Instant::now();
    let stopped = std::future::ready(());
    runtime.block_on(serve_lines(listener, limits, Arc::clone(&counters), stopped, sink_for)).unwrap();
    assert_eq!(counters.connections.accepted(), clients.len() as u64);
    // Each on its own would have taken a tenth of a second.
    assert!(began.elapsed() < 3 * LINGER, "{:?}", began.elapsed());
}

#[test]
fn a_connection_that_goes_on_sending_does_not_hold_a_stop_up() {
    let served = Served::start(limits());
    let mut client = served.connect();
    client.write_all(b"a:1|c\n").unwrap();
    served.wait_for(b"a:1|c\n");
    #[expect(clippy::disallowed_methods, reason = "the peer of a test")]
    let sender = std::thread::spawn(move || while client.write_all(&b"b:1|c\n".repeat(1000)).is_ok() {});
    let counters = Arc::clone(&served.counters);
    served.stop();
    sender.join().unwrap();
    assert_eq!(counters.connections.open(), 0);
}

#[test]
fn a_sink_without_room_holds_the_connection_until_it_is_ready() {
    let served = Served::start(limits());
    served.seen.full.store(1, Ordering::SeqCst);
    let mut client = served.connect();
    client.write_all(b"a:1|c\n").unwrap();
    served.wait_for(b"a:1|c\n");
    client.write_all(b"b:1|c\n").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    // Gives the server time to read on, were it to.
    assert!(client.read(&mut [0; 1]).is_err());
    assert_eq!(served.seen.text(), b"a:1|c\n");
    served.seen.full.store(0, Ordering::SeqCst);
    served.seen.ready.add_permits(1);
    served.wait_for(b"a:1|c\nb:1|c\n");
}

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

struct Seen {
    text: Mutex<Vec<u8>>,
    too_long: Mutex<Vec<u64>>,
    full: AtomicU64,
    ready: Semaphore,
    grew: Notify,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen {
            text: Mutex::default(),
            too_long: Mutex::default(),
            full: AtomicU64::new(0),
            ready: Semaphore::new(0),
            grew: Notify::new(),
        }
    }
}

impl Seen {
    fn text(&self) -> Vec<u8> {
        self.text.lock().unwrap().clone()
    }
}

struct Sink(Arc<Seen>);

impl LineSink for Sink {
    fn lines(&mut self, chunk: &[u8]) -> bool {
        self.0.text.lock().unwrap().extend_from_slice(chunk);
        self.0.grew.notify_one();
        self.0.full.load(Ordering::SeqCst) == 0
    }

    fn finish(&mut self) -> bool {
        true
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.0.ready.acquire().await.unwrap().forget() })
    }

    fn too_long(&mut self, bytes: u64) {
        self.0.too_long.lock().unwrap().push(bytes);
    }
}

struct Served {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    counters: Arc<StreamCounters>,
    seen: Arc<Seen>,
    stop: Arc<Notify>,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

impl Served {
    fn start(limits: StreamLimits) -> Served {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = tcp_listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (counters, stop) = (Arc::new(StreamCounters::default()), Arc::new(Notify::new()));
        let (stopped, sinks) = (Arc::clone(&stop), Arc::clone(&seen));
        let task = runtime.spawn(serve_lines(
            listener,
            limits,
            Arc::clone(&counters),
            async move { stopped.notified().await },
            move || Sink(Arc::clone(&sinks)),
        ));
        Served { runtime, address, counters, seen, stop, task }
    }

    fn connect(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    fn wait_for(&self, text: &[u8]) {
        let grown = async {
            while self.seen.text() != text {
                self.seen.grew.notified().await;
            }
        };
        let waited =
            self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), grown).await });
        assert!(waited.is_ok(), "{:?}", String::from_utf8_lossy(&self.seen.text()));
    }

    fn stop(self) -> Arc<Seen> {
        self.stop.notify_one();
        self.runtime.block_on(self.task).unwrap().unwrap();
        self.seen
    }
}

fn limits() -> StreamLimits {
    StreamLimits { max_connections: 10, idle: Duration::from_secs(60), max_line: 16, framing: Framing::Lines }
}
