//! Connections of bytes against a listener on the loopback, in the clear and by TLS.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream as Client};
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;
use crate::net::bind::tcp_listener;
use crate::net::{Tls, World};
use crate::time::Stamp;

#[test]
fn a_stop_says_so_and_takes_what_a_peer_sends_until_it_has_heard() {
    let served = Served::start(limits(), None);
    let mut client = served.connect();
    client.write_all(b"one\n").unwrap();
    served.wait_for(b"one\n");
    served.stop.notify_one();
    // The end of the other side: what is written now is on its way to one who listens.
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    client.write_all(b"two\nthr").unwrap();
    drop(client);
    assert_eq!(served.stopped(), b"one\ntwo\nthr");
}

#[test]
fn a_peer_that_goes_on_sending_is_cut_off_when_the_time_is_up() {
    let served = Served::start(ByteLimits { linger: Duration::from_millis(100), ..limits() }, None);
    let mut client = served.connect();
    client.write_all(b"one\n").unwrap();
    served.wait_for(b"one\n");
    #[expect(clippy::disallowed_methods, reason = "the peer of a test")]
    let sender = std::thread::spawn(move || while client.write_all(&[b'x'; 1000]).is_ok() {});
    served.stopped();
    sender.join().unwrap();
}

#[test]
fn a_connection_that_completes_no_record_is_ended_in_order_though_it_sends() {
    let served = Served::start(ByteLimits { idle: Duration::from_millis(150), ..limits() }, None);
    let mut client = served.connect();
    client.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut bytes = 0;
    while !matches!(client.read(&mut [0; 1]), Ok(0)) {
        client.write_all(b"x").unwrap();
        bytes += 1;
        assert!(bytes < 200, "still open after {bytes} bytes");
    }
    // It has heard, and what it was about to say is heard as well.
    client.write_all(b"\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    served.wait_for(format!("{}\n", "x".repeat(bytes)).as_bytes());
    assert_eq!(served.counters.idle(), 1);
}

#[test]
fn a_connection_too_many_is_closed_and_counted() {
    let served = Served::start(ByteLimits { max_connections: 1, ..limits() }, None);
    let mut first = served.connect();
    first.write_all(b"one\n").unwrap();
    served.wait_for(b"one\n");
    assert_eq!(served.connect().read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(served.counters.connections.refused(), 1);
}

#[test]
fn a_handshake_that_does_not_come_ends_and_one_that_is_none_is_told() {
    let (tls, _) = pair();
    let served = Served::start(ByteLimits { handshake: Duration::from_millis(50), ..limits() }, Some(tls));
    assert_eq!(served.connect().read(&mut [0; 1]).unwrap(), 0);
    let counters = Arc::clone(&served.counters);
    assert_eq!(served.stopped(), b"");
    assert_eq!((counters.late_handshakes(), counters.failed_handshakes()), (1, 0));
    let (tls, _) = pair();
    let served = Served::start(limits(), Some(tls));
    let mut plain = served.connect();
    plain.write_all(b"a line in the clear\n").unwrap();
    // Refused, by an alert and an end or by a reset.
    while matches!(plain.read(&mut [0; 64]), Ok(1..)) {}
    let counters = Arc::clone(&served.counters);
    assert_eq!(served.stopped(), b"");
    assert_eq!((counters.late_handshakes(), counters.failed_handshakes()), (0, 1));
}

#[test]
fn bytes_come_by_tls_and_a_stop_is_told_by_it() {
    let (tls, client) = pair();
    let served = Served::start(limits(), Some(tls));
    let port = served.address.port();
    served.runtime.block_on(async {
        let mut connection =
            World::Real.connect_tls("127.0.0.1", port, &client, Duration::from_secs(10)).await.unwrap();
        connection.write_all(b"one\n").await.unwrap();
        connection.flush().await.unwrap();
        served.seen.wait(b"one\n").await;
        served.stop.notify_one();
        // An end without close_notify would be an error.
        assert_eq!(connection.read(&mut [0; 1]).await.unwrap(), 0);
        connection.write_all(b"two\n").await.unwrap();
        connection.shutdown().await.unwrap();
    });
    assert_eq!(served.stopped(), b"one\ntwo\n");
}

/// A listener and who trusts it.
fn pair() -> (TlsServer, crate::net::TlsClient) {
    let directory = tempfile::TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let now = Stamp::from_seconds(1_700_000_000);
    let server = Tls { cert_file: Some(cert.clone()), key_file: Some(key), ..Tls::default() };
    let client = Tls { root_cafile: Some(cert), server_name: Some("localhost".to_owned()), ..Tls::default() };
    (TlsServer::new(&server, now).unwrap(), World::Real.tls(&client, now).unwrap())
}

#[derive(Default)]
struct Seen {
    bytes: Mutex<Vec<u8>>,
    grew: Notify,
}

impl Seen {
    async fn wait(&self, bytes: &[u8]) {
        let grown = async {
            while *self.bytes.lock().unwrap() != bytes {
                self.grew.notified().await;
            }
        };
        let waited = timeout(Duration::from_secs(10), grown).await;
        assert!(waited.is_ok(), "{:?}", String::from_utf8_lossy(&self.bytes.lock().unwrap()));
    }
}

/// Records are lines.
struct Sink(Arc<Seen>);

impl ByteSink for Sink {
    fn bytes(&mut self, bytes: &[u8]) -> Taken {
        self.0.bytes.lock().unwrap().extend_from_slice(bytes);
        self.0.grew.notify_one();
        Taken { whole: bytes.contains(&b'\n'), room: true, broken: false }
    }

    fn settle(&mut self) -> bool {
        true
    }

    fn finish(&mut self) -> bool {
        true
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
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
    fn start(limits: ByteLimits, tls: Option<TlsServer>) -> Served {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = tcp_listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (counters, stop) = (Arc::new(StreamCounters::default()), Arc::new(Notify::new()));
        let (stopped, sinks) = (Arc::clone(&stop), Arc::clone(&seen));
        let task = runtime.spawn(serve_bytes(
            listener,
            limits,
            tls,
            Arc::clone(&counters),
            async move { stopped.notified().await },
            move |_| Sink(Arc::clone(&sinks)),
        ));
        Served { runtime, address, counters, seen, stop, task }
    }

    fn connect(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    fn wait_for(&self, bytes: &[u8]) {
        self.runtime.block_on(self.seen.wait(bytes));
    }

    /// All that it had taken when it ended.
    fn stopped(self) -> Vec<u8> {
        self.stop.notify_one();
        self.runtime.block_on(self.task).unwrap().unwrap();
        let bytes = self.seen.bytes.lock().unwrap();
        bytes.clone()
    }
}

fn limits() -> ByteLimits {
    ByteLimits {
        max_connections: 10,
        idle: Duration::from_secs(60),
        handshake: Duration::from_secs(10),
        linger: Duration::from_secs(10),
        keep_alive: Some(Duration::from_secs(7)),
    }
}
