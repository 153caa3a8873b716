//! Daemons in this process that talk over the loopback: restarts under load, limits, and who messages are from.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use heka::config::{Problems, Sources, render};
use heka::flow::{Ledger, Wiring};
use heka::message::framing::{MAX_MESSAGE_SIZE, frame};
use heka::message::{Message, wire};
use heka::net::{Handed, Transport, World};
use heka::pipeline::{Machines, Outcome, Running, Setting, builtin, plan};
use heka::plugin::Stop;
use heka::time::{Clock, Stamp};
use tempfile::TempDir;

#[test]
fn a_receiver_that_is_restarted_under_load_gets_every_message() {
    restarts_under_load("", "");
}

#[test]
fn a_receiver_that_is_restarted_under_load_gets_every_message_by_tls_from_whom_it_trusts() {
    let files = Files::new();
    let listening = format!(
        "use_tls = true\n[receiving.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\nclient_auth = \"RequireAndVerifyClientCert\"\nclient_cafile = \"{}\"\n",
        files.shown("server.pem"),
        files.shown("server.key"),
        files.shown("authority.pem"),
    );
    let connecting = format!(
        "use_tls = true\n[sending.tls]\nserver_name = \"localhost\"\nroot_cafile = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
        files.shown("authority.pem"),
        files.shown("client.pem"),
        files.shown("client.key"),
    );
    restarts_under_load(&listening, &connecting);
}

/// A client, a relay and a receiver, which is stopped and started again while messages are on their way.
fn restarts_under_load(listening: &str, connecting: &str) {
    const MESSAGES: usize = 60_000;
    const RESTARTS: usize = 4;
    let directory = TempDir::new().expect("a directory can be made");
    let log = directory.path().join("log");
    let (relay_port, receiver_port) = (free_port(), free_port());
    let receiving = format!(
        "[receiving]\ntype = \"TcpInput\"\naddress = \"127.0.0.1:{receiver_port}\"\n{listening}\n\
         [FileOutput]\nmessage_matcher = \"TRUE\"\npath = \"{}\"\n",
        log.display()
    );
    let relaying = format!(
        "[relaying]\ntype = \"TcpInput\"\naddress = \"127.0.0.1:{relay_port}\"\n\
         [sending]\ntype = \"TcpOutput\"\nmessage_matcher = \"TRUE\"\naddress = \"127.0.0.1:{receiver_port}\"\n{connecting}\n\
         [sending.retries]\ndelay = \"10ms\"\nmax_delay = \"50ms\"\nmax_jitter = 0\n"
    );
    let mut receiver = Daemon::start(&receiving);
    let relay = Daemon::start(&relaying);
    let client = spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", relay_port)).expect("the relay listens");
        for number in 0..MESSAGES {
            stream.write_all(&framed(&format!("{number}\n"))).expect("the relay reads");
        }
    });
    for turn in 1..=RESTARTS {
        wait_until(|| numbers(&log).len() >= turn * MESSAGES / (RESTARTS + 2));
        receiver.stop();
        receiver = Daemon::start(&receiving);
    }
    client.join().expect("the client ends well");
    wait_until(|| distinct(&log) == MESSAGES);
    let sent = relay.stop();
    receiver.stop();
    let resent = sent.own().counter("hekad_tcp_resent_records_total", &[("output", "sending")]).value();
    let came = numbers(&log).len() as u64;
    assert!(came >= MESSAGES as u64, "{came} of {MESSAGES} messages came");
    assert_eq!(sent.lost_total(), 0, "{}", sent.report());
    // A batch that was interrupted goes again whole, and that is all.
    assert_eq!(resent, 0, "an end in order needs nothing again");
    let closed = [("output", "sending"), ("reason", "closed")];
    assert!(sent.own().counter("hekad_tcp_closed_total", &closed).value() >= 1);
}

#[test]
fn what_connections_sent_that_ended_while_a_queue_was_full_goes_on_when_there_is_room() {
    let framed = |number| framed(&format!("{number}\n"));
    // With one of these numbers the last that ends is the one that finds no room.
    for connections in 2..=4 {
        goes_on("type = \"TcpInput\"\naddress = \"127.0.0.1:PORT\"", connections, &framed);
        let line = |number| format!("a.{number}:1|c\n").into_bytes();
        goes_on("type = \"StatsdInput\"\naddress = \"127.0.0.1:PORT\"\nnet = \"tcp\"", connections, &line);
    }
}

/// So many connections end while the output waits for its peer; then the peer is there.
fn goes_on(relaying: &str, connections: usize, record: &dyn Fn(usize) -> Vec<u8>) {
    let directory = TempDir::new().expect("a directory can be made");
    let log = directory.path().join("log");
    let (relay_port, receiver_port) = (free_port(), free_port());
    let relaying = relaying.replace("PORT", &relay_port.to_string());
    let relay = Daemon::start(&format!(
        "[hekad]\nplugin_chansize = 1\n[relaying]\n{relaying}\n\
         [sending]\ntype = \"TcpOutput\"\nmessage_matcher = \"TRUE\"\naddress = \"127.0.0.1:{receiver_port}\"\n\
         [sending.retries]\ndelay = \"10ms\"\nmax_delay = \"50ms\"\nmax_jitter = 0\n"
    ));
    let came = relay.ledger.own().counter("hekad_connections_total", &[("input", "relaying")]);
    for number in 0..connections {
        let mut stream = TcpStream::connect(("127.0.0.1", relay_port)).expect("the relay listens");
        stream.write_all(&record(number)).expect("the relay reads");
    }
    wait_until(|| came.value() == connections as u64);
    let receiver = Daemon::start(&format!(
        "[receiving]\ntype = \"TcpInput\"\naddress = \"127.0.0.1:{receiver_port}\"\n\
         [FileOutput]\nmessage_matcher = \"TRUE\"\npath = \"{}\"\n",
        log.display()
    ));
    // Nothing comes that would take along what is held back.
    wait_until(|| fs::read_to_string(&log).is_ok_and(|text| text.split_whitespace().count() == connections));
    assert_eq!(relay.stop().lost_total(), 0);
    receiver.stop();
}

#[test]
fn own_metrics_are_samples_whose_sum_is_what_was_counted() {
    let directory = TempDir::new().expect("a directory can be made");
    let (samples, port) = (directory.path().join("samples"), free_port());
    let daemon = Daemon::start(&format!(
        "[statsd]\ntype = \"StatsdInput\"\naddress = \"127.0.0.1:{port}\"\nnet = \"tcp\"\n\
         [OwnMetricsInput]\nname = \"of.%HOSTNAME%\"\nticker_interval = \"100ms\"\n\
         [FileOutput]\nmessage_matcher = \"Type == 'heka.statsample' && Logger == 'OwnMetricsInput'\"\npath = \"{}\"\n",
        samples.display()
    ));
    let told = || -> Vec<u64> {
        let text = fs::read_to_string(&samples).unwrap_or_default();
        let values = text.lines().filter_map(|line| line.strip_prefix("of.test_host.lines.statsd:"));
        values.map(|rest| rest.strip_suffix("|c").and_then(|value| value.parse().ok()).expect(rest)).collect()
    };
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(&b"a:1|c\n"[..].repeat(70)).expect("it reads");
    wait_until(|| told().iter().sum::<u64>() == 70);
    let lines = daemon.ledger.own().counter("hekad_lines_total", &[("input", "statsd")]);
    stream.write_all(&b"a:1|c\n"[..].repeat(30)).expect("it reads");
    wait_until(|| lines.value() == 100);
    daemon.stop();
    assert_eq!(told().iter().sum::<u64>(), 100, "{:?}", told());
}

#[test]
fn limits_are_kept_and_counted() {
    let port = free_port();
    let daemon = Daemon::start(&format!(
        "[tcp]\ntype = \"TcpInput\"\naddress = \"127.0.0.1:{port}\"\nmax_connections = 1\nidle_timeout = 1\n\
         [NullOutput]\nmessage_matcher = \"TRUE\"\n"
    ));
    let counter = |name: &'static str| daemon.ledger.own().counter(name, &[("input", "tcp")]).value();
    let fault = |reason: &str| {
        let labels = [("input", "tcp"), ("reason", reason)];
        daemon.ledger.own().counter("hekad_split_faults_total", &labels).value()
    };
    let mut first = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    first.write_all(&framed("one")).expect("it reads");
    wait_until(|| counter("hekad_connections_total") == 1);
    // One too many.
    let mut second = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    assert_eq!(second.read(&mut [0; 1]).expect("it is closed in order"), 0);
    wait_until(|| counter("hekad_connections_refused_total") == 1);
    // Garbage, and a frame whose header says that it is longer than any.
    first.write_all(b"no frame at all").expect("it reads");
    first.write_all(b"\x1e\x06\x08\xff\xff\xff\xff\x0f\x1f").expect("it reads");
    first.write_all(&framed("two")).expect("it reads");
    wait_until(|| fault("garbage") >= 1);
    // Nothing more: it is idle, and told so.
    assert_eq!(first.read(&mut [0; 1]).expect("it is closed in order"), 0);
    drop(first);
    wait_until(|| counter("hekad_connections_idle_total") == 1);
    let taken = |ledger: &Ledger| ledger.joints().iter().map(|joint| joint.taken()).sum::<u64>();
    let ledger = daemon.stop();
    assert_eq!(taken(&ledger), 2, "{}", ledger.report());
}

#[test]
fn a_handshake_that_never_comes_is_counted() {
    let (files, port) = (Files::new(), free_port());
    let daemon = Daemon::start(&format!(
        "[tcp]\ntype = \"TcpInput\"\naddress = \"127.0.0.1:{port}\"\nhandshake_timeout = 1\nuse_tls = true\n\
         [tcp.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n[NullOutput]\nmessage_matcher = \"TRUE\"\n",
        files.shown("server.pem"),
        files.shown("server.key")
    ));
    let failed = |reason: &str| {
        let labels = [("input", "tcp"), ("reason", reason)];
        daemon.ledger.own().counter("hekad_handshakes_failed_total", &labels).value()
    };
    let mut silent = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let mut plain = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
    wait_until(|| failed("refused") == 1);
    assert_eq!(silent.read(&mut [0; 1]).expect("it is closed in order"), 0);
    wait_until(|| failed("late") == 1);
    daemon.stop();
}

#[test]
fn a_message_is_from_its_peer_where_the_section_says_so() {
    let directory = TempDir::new().expect("a directory can be made");
    let log = directory.path().join("log");
    let (tcp, udp) = (free_port(), free_port());
    let (path, abstract_name) = (directory.path().join("a.sock"), format!("@heka-{tcp}-{udp}"));
    let stream = directory.path().join("b.sock");
    let daemon = Daemon::start(&format!(
        "[tcp]\ntype = \"TcpInput\"\nnet = \"tcp4\"\naddress = \"127.0.0.1:{tcp}\"\nkeep_alive = true\nkeep_alive_period = 9\n\
         splitter = \"TokenSplitter\"\ndecoder = \"words\"\n\
         [stream]\ntype = \"TcpInput\"\nnet = \"unix\"\naddress = \"{}\"\nsocket_mode = \"0600\"\nsplitter = \"TokenSplitter\"\ndecoder = \"words\"\n\
         [words]\ntype = \"PayloadRegexDecoder\"\nmatch_regex = '(?P<Word>\\w+)'\n[words.message_fields]\nWord = \"%Word%\"\n\
         [udp]\ntype = \"UdpInput\"\nnet = \"udp4\"\naddress = \"127.0.0.1:{udp}\"\nset_hostname = true\nreceive_buffer = \"64KiB\"\n\
         [gram]\ntype = \"UdpInput\"\nnet = \"unixgram\"\naddress = \"{}\"\nsocket_mode = \"0622\"\n\
         [abstract]\ntype = \"UdpInput\"\nnet = \"unixgram\"\naddress = \"{abstract_name}\"\n\
         [FileOutput]\nmessage_matcher = \"TRUE\"\npath = \"{}\"\nencoder = \"RstEncoder\"\n",
        stream.display(),
        path.display(),
        log.display()
    ));
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!((mode(&path), mode(&stream)), (0o622, 0o600));
    let mut client = TcpStream::connect(("127.0.0.1", tcp)).expect("it listens");
    client.write_all(b"by_tcp\n").expect("it reads");
    let peer = client.local_addr().expect("it has an address");
    std::os::unix::net::UnixStream::connect(&stream)
        .expect("it listens")
        .write_all(b"by_stream\n")
        .expect("it reads");
    let socket = UdpSocket::bind("127.0.0.3:0").expect("there is a port");
    socket.send_to(b"by_udp", ("127.0.0.1", udp)).expect("it listens");
    let gram = std::os::unix::net::UnixDatagram::unbound().expect("there are sockets");
    gram.send_to(b"by_path", &path).expect("it listens");
    use std::os::linux::net::SocketAddrExt;
    let name = std::os::unix::net::SocketAddr::from_abstract_name(&abstract_name[1..]).expect("it is a name");
    gram.send_to_addr(b"by_name", &name).expect("it listens");
    let hosts = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let mut hosts: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if let Some(host) = line.strip_prefix(":Hostname: ") {
                hosts.push((host.trim().to_owned(), String::new()));
            }
            if let (Some(payload), Some(last)) = (line.strip_prefix(":Payload: "), hosts.last_mut()) {
                last.1 = payload.trim().to_owned();
            }
        }
        hosts.sort_by(|one, other| one.1.cmp(&other.1));
        hosts
    };
    wait_until(|| hosts().len() == 5);
    let by = |payload: &str| {
        let found = hosts().into_iter().find(|(_, other)| other == payload);
        found.unwrap_or_else(|| panic!("{payload} is not in {:?}", fs::read_to_string(&log))).0
    };
    assert_eq!(by("by_tcp"), peer.to_string());
    assert_eq!(by("by_udp"), "127.0.0.3");
    for payload in ["by_stream", "by_path", "by_name"] {
        assert_eq!(by(payload), "test.host");
    }
    drop(client);
    daemon.stop();
    assert!(!path.exists() && !stream.exists());
}

#[test]
fn datagrams_go_out_by_both_ways() {
    let directory = TempDir::new().expect("a directory can be made");
    let path = directory.path().join("a.sock");
    let gram = std::os::unix::net::UnixDatagram::bind(&path).expect("it can be bound");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    let (to, from) = (socket.local_addr().expect("it has an address"), free_port());
    let daemon = Daemon::start(&format!(
        "[in]\ntype = \"UdpInput\"\naddress = \"127.0.0.1:{from}\"\n\
         [network]\ntype = \"UdpOutput\"\nmessage_matcher = \"TRUE\"\nnet = \"udp4\"\naddress = \"{to}\"\n\
         local_address = \"127.0.0.4:0\"\nencoder = \"PayloadEncoder\"\nmax_message_size = 512\n\
         [path]\ntype = \"UdpOutput\"\nmessage_matcher = \"TRUE\"\nnet = \"unixgram\"\naddress = \"{}\"\nsend_timeout = \"1s\"\n\
         encoder = \"PayloadEncoder\"\n",
        path.display()
    ));
    let client = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    let long = "x".repeat(600);
    for text in ["one", &long, "two"] {
        client.send_to(text.as_bytes(), ("127.0.0.1", from)).expect("it listens");
    }
    let mut room = [0; 1000];
    let mut short = Vec::new();
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("it can wait");
    gram.set_read_timeout(Some(Duration::from_secs(10))).expect("it can wait");
    for _ in 0..2 {
        let (length, peer) = socket.recv_from(&mut room).expect("it comes");
        assert_eq!(peer.ip().to_string(), "127.0.0.4");
        short.push(String::from_utf8_lossy(&room[..length]).into_owned());
    }
    assert_eq!(short, ["one\n", "two\n"]);
    let lengths = [(); 3].map(|()| gram.recv(&mut room).expect("it comes"));
    assert_eq!(lengths, [4, 601, 4]);
    let ledger = daemon.stop();
    assert_eq!(ledger.lost_total(), 1, "{}", ledger.report());
}

/// Whoever handed the sockets over keeps them, as systemd does: nothing that comes while nobody reads is lost.
#[test]
fn what_comes_to_a_socket_that_is_handed_over_waits_for_the_next_start() {
    use std::os::fd::OwnedFd;
    let directory = TempDir::new().expect("a directory can be made");
    let place = |name: &str| directory.path().join(name);
    let udp = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let gram = std::os::unix::net::UnixDatagram::bind(place("gram")).expect("it can be bound");
    let stream = std::os::unix::net::UnixListener::bind(place("stream")).expect("it can be bound");
    // systemd's do not block.
    gram.set_nonblocking(true).expect("it can be told");
    let handed = || {
        let kept: [(&str, Transport, OwnedFd); 4] = [
            ("in", Transport::Udp, udp.try_clone().expect("it can be cloned").into()),
            ("in", Transport::Tcp, tcp.try_clone().expect("it can be cloned").into()),
            ("gram", Transport::Unixgram, gram.try_clone().expect("it can be cloned").into()),
            ("stream", Transport::Unix, stream.try_clone().expect("it can be cloned").into()),
        ];
        Handed::of(kept.into_iter().map(|(name, kind, socket)| (name, kind, socket.into())).collect())
    };
    let log = place("log");
    let config = format!(
        "[udp]\ntype = \"UdpInput\"\nnet = \"udp4\"\naddress = \"fd:in\"\nset_hostname = true\n\
         [tcp]\ntype = \"TcpInput\"\naddress = \"fd:in\"\nsplitter = \"TokenSplitter\"\ndecoder = \"words\"\n\
         [gram]\ntype = \"UdpInput\"\nnet = \"unixgram\"\naddress = \"fd:5\"\n\
         [stream]\ntype = \"TcpInput\"\nnet = \"unix\"\naddress = \"fd:stream\"\nsplitter = \"TokenSplitter\"\ndecoder = \"words\"\n\
         [words]\ntype = \"PayloadRegexDecoder\"\nmatch_regex = '(?P<Word>\\w+)'\n[words.message_fields]\nWord = \"%Word%\"\n\
         [FileOutput]\nmessage_matcher = \"TRUE\"\npath = \"{}\"\nencoder = \"PayloadEncoder\"\n",
        log.display()
    );
    let send = |number: usize| {
        let client = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        let to = udp.local_addr().expect("it has an address");
        client.send_to(format!("{number}\n").as_bytes(), to).expect("nobody refuses it");
        let client = std::os::unix::net::UnixDatagram::unbound().expect("there are sockets");
        client.send_to(format!("{}\n", number + 1).as_bytes(), place("gram")).expect("it is there");
        let mut client =
            TcpStream::connect(tcp.local_addr().expect("it has an address")).expect("it listens");
        client.write_all(format!("{}\n", number + 2).as_bytes()).expect("it waits");
        let mut client = std::os::unix::net::UnixStream::connect(place("stream")).expect("it listens");
        client.write_all(format!("{}\n", number + 3).as_bytes()).expect("it waits");
    };
    send(0);
    let daemon = Daemon::start_on(&config, handed());
    wait_until(|| distinct(&log) == 4);
    send(4);
    let ledger = daemon.stop();
    assert_eq!(ledger.lost_total(), 0, "{}", ledger.report());
    send(2_000);
    let daemon = Daemon::start_on(&config, handed());
    wait_until(|| distinct(&log) == 12);
    daemon.stop();
    assert_eq!(numbers(&log).len(), 12);
    assert!(place("gram").exists() && place("stream").exists(), "files of others are removed");
}

/// A daemon on threads of this process.
struct Daemon {
    ledger: Ledger,
    asked: Stop,
    thread: JoinHandle<Outcome>,
}

impl Daemon {
    fn start(config: &str) -> Daemon {
        Daemon::start_on(config, Handed::default())
    }

    fn start_on(config: &str, handed: Handed) -> Daemon {
        let sources = Sources::embedded("network.toml", config);
        let mut problems = Problems::new();
        let planned = plan(&sources, &builtin(), &|_| None, "test.host", &mut problems);
        let planned = planned.unwrap_or_else(|| panic!("{}", render(&problems, &sources, false)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let setting = Setting {
            clock: Arc::new(Elapsed(tokio::time::Instant::now())),
            runtime: runtime.handle().clone(),
            wiring: Wiring::AsConfigured,
            world: World::Real,
            handed,
            base_dir: "/nonexistent".into(),
            state: heka::plugin::StateStore::default(),
            seed: 1,
        };
        let machines = Machines::build(planned, setting).expect("every plugin can be built");
        let asked = Stop::default();
        let running = Running::start(machines).expect("every thread can be started");
        let ledger = running.ledger.clone();
        let stop = asked.clone();
        let thread = spawn(move || {
            let outcome = running.run(&stop);
            runtime.shutdown_background();
            outcome
        });
        Daemon { ledger, asked, thread }
    }

    /// Stops it in order; its books.
    fn stop(self) -> Ledger {
        self.asked.set();
        let outcome = self.thread.join().expect("it does not panic");
        assert_eq!(outcome, Outcome { failed: false, given_up: 0 });
        assert_eq!(self.ledger.check_settled(), Ok(()));
        self.ledger
    }
}

/// Certificates of one authority.
struct Files(TempDir);

impl Files {
    fn new() -> Files {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let directory = TempDir::new().expect("a directory can be made");
        let put = |name: &str, text: String| {
            fs::write(directory.path().join(name), text).expect("it can be written");
        };
        let key = KeyPair::generate().expect("there is randomness");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no name is no bad name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        put("authority.pem", params.self_signed(&key).expect("it can sign").pem());
        let issuer = Issuer::new(params, key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().expect("there is randomness");
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("it is a name");
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            put(&format!("{name}.pem"), params.signed_by(&key, &issuer).expect("it can sign").pem());
            put(&format!("{name}.key"), key.serialize_pem());
        }
        Files(directory)
    }

    fn shown(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

/// Real time, counted from a moment at which certificates are valid.
struct Elapsed(tokio::time::Instant);

impl Clock for Elapsed {
    fn now(&self) -> Stamp {
        Stamp::from_seconds(1_700_000_000).plus(self.0.elapsed())
    }
}

fn framed(payload: &str) -> Vec<u8> {
    let message =
        Message { uuid: [7; 16], type_: "test".into(), payload: payload.into(), ..Message::default() };
    let (mut encoded, mut bytes) = (Vec::new(), Vec::new());
    wire::encode(&message, &mut encoded);
    frame(&encoded, None, MAX_MESSAGE_SIZE, &mut bytes).expect("it fits");
    bytes
}

fn numbers(log: &PathBuf) -> Vec<usize> {
    // The last line may be half written.
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn distinct(log: &PathBuf) -> usize {
    let mut numbers = numbers(log);
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    listener.local_addr().expect("it has an address").port()
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let began = tokio::time::Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come");
        #[expect(clippy::disallowed_methods, reason = "real sockets have real clocks")]
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    #[expect(clippy::disallowed_methods, reason = "the other side of a test")]
    std::thread::spawn(work)
}
