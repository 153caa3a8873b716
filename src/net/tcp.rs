//! Lines over TCP: connections are capped, slow ones closed, and whole lines handed on chunk by chunk.
//!
//! A connection that ends orderly gives its last line even without a newline. One that is cut off (by a reset, by the
//! idle limit or at a stop) does not: half a line could be a wrong number. It is counted instead. A stop takes what has
//! arrived, of connections that wait to be accepted too, and cuts off only those that go on sending.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::BoxFuture;
use super::accept::{Connections, Either, Stopping, accept_until, race};
use super::lines::{Cut, LineCutter};

/// Takes the lines of one connection.
pub trait LineSink: Send {
    /// Takes one or more whole lines. `false` asks the connection to read no further before `ready`: the lines are taken
    /// all the same.
    fn lines(&mut self, chunk: &[u8]) -> bool;

    /// Resolves when there is room again.
    fn ready(&mut self) -> BoxFuture<'_, ()>;

    /// A line of so many bytes was longer than allowed and dropped.
    fn too_long(&mut self, bytes: u64);
}

/// Bounds of a listener for lines.
#[derive(Debug, Clone)]
pub struct TcpLimits {
    /// Connections open at once; the next is closed and counted.
    pub max_connections: usize,
    /// Time within which a connection has to complete a line, from its opening or its last complete line. Bytes alone
    /// do not count, so that a peer that dribbles is closed too.
    pub idle: Duration,
    /// Bytes of the longest line, the newline not counted.
    pub max_line: usize,
}

impl Default for TcpLimits {
    fn default() -> TcpLimits {
        TcpLimits { max_connections: 1024, idle: Duration::from_secs(300), max_line: 64 * 1024 }
    }
}

/// What became of the connections of one listener for lines.
#[derive(Debug, Default)]
pub struct TcpCounters {
    /// Taken, refused and open ones.
    pub connections: Arc<Connections>,
    idle: AtomicU64,
    broken: AtomicU64,
    unfinished: AtomicU64,
}

impl TcpCounters {
    /// Connections closed because no line was completed in time.
    pub fn idle(&self) -> u64 {
        self.idle.load(Ordering::Relaxed)
    }

    /// Connections that ended with an error.
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// Lines discarded because their connection was cut off within them.
    pub fn unfinished(&self) -> u64 {
        self.unfinished.load(Ordering::Relaxed)
    }
}

/// Serves `listener` (see [`tcp_listener`](super::bind::tcp_listener)) until `stop` resolves and every connection has
/// handed on the whole lines that had arrived. Each connection gets a sink of its own.
///
/// # Errors
/// If the listener cannot be given to the runtime. Errors of accepting are counted and waited out.
pub async fn serve_lines<S: LineSink + 'static>(
    listener: TcpListener,
    limits: TcpLimits,
    counters: Arc<TcpCounters>,
    stop: impl Future<Output = ()>,
    mut sink_for: impl FnMut(SocketAddr) -> S,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let max_connections = limits.max_connections;
    let connections = Arc::clone(&counters.connections);
    let connect = |stream, peer, stopping| {
        let connection = LineConnection {
            stream,
            cutter: LineCutter::new(limits.max_line),
            sink: sink_for(peer),
            idle: limits.idle,
            stopping,
        };
        connection.serve(Arc::clone(&counters))
    };
    accept_until(listener, max_connections, &connections, stop, connect, drop).await;
    Ok(())
}

struct LineConnection<S> {
    stream: TcpStream,
    cutter: LineCutter,
    sink: S,
    idle: Duration,
    stopping: Stopping,
}

enum End {
    Orderly,
    Idle,
    Broken,
    Stopped,
}

impl<S: LineSink> LineConnection<S> {
    async fn serve(mut self, counters: Arc<TcpCounters>) {
        match self.read().await {
            End::Orderly => {
                let sink = &mut self.sink;
                // Nothing is read after this, so there is nothing to hold back.
                self.cutter.finish(&mut |cut| {
                    hand_on(sink, cut);
                });
                return;
            }
            End::Idle => counters.idle.fetch_add(1, Ordering::Relaxed),
            End::Broken => counters.broken.fetch_add(1, Ordering::Relaxed),
            End::Stopped => 0,
        };
        if self.cutter.open_bytes() > 0 {
            counters.unfinished.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn read(&mut self) -> End {
        let mut deadline = Instant::now() + self.idle;
        loop {
            let room = self.cutter.room();
            room.reserve(READ);
            let read = timeout_at(deadline, self.stream.read_buf(room));
            match race(self.stopping.begun(), read).await {
                Either::First(()) => return self.drain(),
                Either::Second(Err(_)) => return End::Idle,
                Either::Second(Ok(Ok(0))) => return End::Orderly,
                Either::Second(Ok(Ok(_))) => {}
                Either::Second(Ok(Err(_))) => return End::Broken,
            }
            let (any, room) = hand_on_whole(&mut self.cutter, &mut self.sink);
            if !room && let Either::First(()) = race(self.stopping.begun(), self.sink.ready()).await {
                return self.drain();
            }
            if any {
                deadline = Instant::now() + self.idle;
            }
        }
    }

    /// Takes what has arrived by now. Waits neither for the peer nor for room: what stays behind here would be lost.
    fn drain(&mut self) -> End {
        // The system is asked itself: the runtime answers by what it last heard of the socket, which may be old.
        let socket = SockRef::from(&self.stream);
        for _ in 0..LAST_READS {
            let room = self.cutter.room();
            let held = room.len();
            room.resize(held + READ, 0);
            let read = (&*socket).read(&mut room[held..]);
            room.truncate(held + read.as_ref().map_or(0, |bytes| *bytes));
            match read {
                Ok(0) => return End::Orderly,
                Ok(_) => {
                    hand_on_whole(&mut self.cutter, &mut self.sink);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return End::Stopped,
                Err(_) => return End::Broken,
            }
        }
        End::Stopped
    }
}

/// Hands on the lines that are whole. Gives whether there were any, and whether there is room for more.
fn hand_on_whole(cutter: &mut LineCutter, sink: &mut impl LineSink) -> (bool, bool) {
    let (mut any, mut room) = (false, true);
    cutter.cut(&mut |cut| {
        any = true;
        room &= hand_on(sink, cut);
    });
    (any, room)
}

fn hand_on(sink: &mut impl LineSink, cut: Cut<'_>) -> bool {
    match cut {
        Cut::Lines(lines) => sink.lines(lines),
        Cut::TooLong(bytes) => {
            sink.too_long(bytes);
            true
        }
    }
}

/// Bytes asked for at once.
const READ: usize = 16 * 1024;
/// Reads of one connection after the stop: 4 MiB, so that a peer that goes on sending does not hold the stop up.
const LAST_READS: usize = 256;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpStream as Client};
    use std::sync::Mutex;

    use tokio::sync::{Notify, Semaphore};

    use super::super::bind::tcp_listener;
    use super::*;

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
        let served = Served::start(TcpLimits { max_connections: 1, ..limits() });
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
        let served = Served::start(TcpLimits { idle: Duration::from_millis(150), ..limits() });
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
        let (seen, counters) = (Arc::new(Seen::default()), Arc::new(TcpCounters::default()));
        let stopped = std::future::ready(());
        let sink_for = |_| Sink(Arc::clone(&seen));
        let limits = TcpLimits { max_connections: 3, ..limits() };
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
        counters: Arc<TcpCounters>,
        seen: Arc<Seen>,
        stop: Arc<Notify>,
        task: tokio::task::JoinHandle<io::Result<()>>,
    }

    impl Served {
        fn start(limits: TcpLimits) -> Served {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let listener = tcp_listener("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = listener.local_addr().unwrap();
            let seen = Arc::new(Seen::default());
            let (counters, stop) = (Arc::new(TcpCounters::default()), Arc::new(Notify::new()));
            let (stopped, sinks) = (Arc::clone(&stop), Arc::clone(&seen));
            let task = runtime.spawn(serve_lines(
                listener,
                limits,
                Arc::clone(&counters),
                async move { stopped.notified().await },
                move |_| Sink(Arc::clone(&sinks)),
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

    fn limits() -> TcpLimits {
        TcpLimits { max_connections: 10, idle: Duration::from_secs(60), max_line: 16 }
    }
}
