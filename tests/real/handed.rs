//! Sockets that are handed over: by `systemd-socket-activate`, and by a process that keeps them and starts hekad again, as
//! systemd does. What comes before a start, and between a stop and the next one, is taken by the next.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Process, free_port, http_get, pause, program, skip, wait_until};
use crate::hekad::binary;

#[test]
fn the_datagram_that_has_hekad_started_and_those_behind_it_arrive() {
    let input = "[StatsdInput]\naddress = \"fd:statsd\"\n";
    let Some(Activated { mut process, port, scrape, _directory }) = Activated::start(&["-d"], input) else {
        return;
    };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    socket.connect((Ipv4Addr::LOCALHOST, port)).expect("the loopback can be reached");
    for _ in 0..50 {
        socket.send(b"handed.early:2|c").expect("somebody has the socket");
    }
    wait_for_line(scrape, "handed_early_total 100");
    stop(&mut process);
    let announced = format!("StatsdInput: listening on 127.0.0.1:{port}/udp, handed over; try: ");
    assert!(process.printed().contains(&announced), "{}", process.printed());
}

#[test]
fn the_connection_that_has_hekad_started_is_served_and_a_number_is_as_good_as_a_name() {
    let input = "[StatsdInput]\nnet = \"tcp\"\naddress = \"fd:3\"\n";
    let Some(Activated { mut process, port, scrape, _directory }) = Activated::start(&[], input) else {
        return;
    };
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("somebody listens");
    stream.write_all(b"handed.lines:3|c\n").expect("it can be written");
    wait_for_line(scrape, "handed_lines_total 3");
    stop(&mut process);
}

#[test]
fn a_socket_of_another_kind_ends_it_with_the_way_out() {
    let input = "[StatsdInput]\naddress = \"fd:statsd\"\n";
    let Some(Activated { mut process, port, scrape: _, _directory }) = Activated::start(&[], input) else {
        return;
    };
    let _stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("somebody listens");
    assert_eq!(process.wait(PATIENCE).code(), Some(1));
    for line in [
        format!(
            "descriptor 3 (statsd, 127.0.0.1:{port}/tcp) was handed over, and no section takes it: address = \"fd:statsd\" does"
        ),
        format!(
            "StatsdInput: descriptor 3 (statsd, 127.0.0.1:{port}/tcp) does not fit: wanted is udp; give this section the `net` of that socket, or write ListenDatagram= with an address and a port in the unit"
        ),
    ] {
        assert!(process.printed().contains(&line), "no {line:?} in\n{}", process.printed());
    }
}

#[test]
fn nothing_is_lost_between_a_stop_and_the_next_start() {
    let Some(mut keeper) = Keeper::start() else { return skip("python3 is missing") };
    // Before it runs for the first time.
    let load = Load::default();
    let mut sent = Sent::default();
    keeper.send_all(&mut sent);
    thread::scope(|scope| {
        let (keeper, load) = (&mut keeper, &load);
        let (port, room) = (keeper.port, keeper.room);
        scope.spawn(move || load.send(port, room));
        for _ in 0..RESTARTS {
            keeper.start_hekad();
            keeper.send_all(&mut sent);
            // A while under load, and the stop within it.
            pause(Duration::from_millis(300));
            keeper.send_all(&mut sent);
            keeper.stop_hekad();
            keeper.send_all(&mut sent);
        }
        keeper.start_hekad();
        load.stopped.store(true, Ordering::SeqCst);
    });
    let total = load.sent.load(Ordering::SeqCst);
    assert!(total > 0);
    wait_for_line(keeper.scrape, &format!("handed_load_total {total}"));
    for name in ["stream", "gram", "packet"] {
        wait_for_line(keeper.scrape, &format!("handed_{name}_total {}", sent.each));
    }
    keeper.stop_hekad();
    let place = |name: &str| keeper.directory.path().join(name);
    assert!(place("gram").exists() && place("stream").exists(), "hekad removed the files of others");
}

/// systemd-socket-activate with a socket on `port`, which starts hekad.
struct Activated {
    process: Process,
    port: u16,
    scrape: u16,
    _directory: TempDir,
}

impl Activated {
    /// Until it has the socket; hekad is to have this input. None where there is no such program.
    fn start(words: &[&str], input: &str) -> Option<Activated> {
        let Some(activate) = program("systemd-socket-activate") else {
            skip("systemd-socket-activate is missing");
            return None;
        };
        let (port, scrape) = (free_port(), free_port());
        let directory = TempDir::new().expect("a directory can be made");
        let config = directory.path().join("hekad.toml");
        std::fs::write(&config, configuration(directory.path(), scrape, input)).expect("it can be written");
        let mut command = Command::new(activate);
        command.args(words).arg("--fdname=statsd").arg(format!("--listen=127.0.0.1:{port}"));
        command.arg(binary()).arg("-config").arg(config);
        let process = Process::start(&mut command, &directory.path().join("log"));
        wait_until(PATIENCE, || {
            process.printed().contains("Listening").then_some(()).ok_or("not yet".to_owned())
        });
        Some(Activated { process, port, scrape, _directory: directory })
    }
}

fn configuration(directory: &Path, scrape: u16, inputs: &str) -> String {
    format!(
        "[hekad]\nbase_dir = \"{}\"\n{inputs}[StatAccumFilter]\nticker_interval = 1\n\
         [PrometheusOutput]\naddress = \"127.0.0.1:{scrape}\"\n",
        directory.join("state").display()
    )
}

fn stop(process: &mut Process) {
    process.ask_to_stop();
    let status = process.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", process.printed());
}

fn wait_for_line(scrape: u16, line: &str) {
    wait_until(PATIENCE, || match http_get(scrape, "/metrics")? {
        (200, page) if page.lines().any(|found| found == line) => Ok(()),
        (_, page) => Err(format!("no {line:?} in\n{page}")),
    });
}

/// How often each kind of socket was sent something.
#[derive(Default)]
struct Sent {
    each: u64,
}

/// Sends one sample a datagram, without a pause for starts and stops.
#[derive(Default)]
struct Load {
    sent: AtomicU64,
    stopped: AtomicBool,
}

impl Load {
    /// As fast as a socket with `room` bytes can hold what comes while hekad is not there.
    fn send(&self, port: u16, room: usize) {
        let rest = if room >= 8 << 20 { Duration::from_micros(500) } else { Duration::from_millis(20) };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
        socket.connect((Ipv4Addr::LOCALHOST, port)).expect("the loopback can be reached");
        while !self.stopped.load(Ordering::SeqCst) {
            // Somebody has the socket all the time: nothing is refused.
            socket.send(b"handed.load:1|c").expect("somebody has the socket");
            self.sent.fetch_add(1, Ordering::SeqCst);
            pause(rest);
        }
    }
}

/// A process that has one socket of each kind, and starts and stops hekad with them.
struct Keeper {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Of its UDP socket and of its TCP listener.
    port: u16,
    /// Bytes of the buffer of the former.
    room: usize,
    scrape: u16,
    directory: TempDir,
}

impl Keeper {
    fn start() -> Option<Keeper> {
        let python = program("python3")?;
        let directory = TempDir::new().expect("a directory can be made");
        let (port, scrape) = (free_port(), free_port());
        // By name and by number, and a name that is of a socket of either kind.
        let inputs = "[udp]\ntype = \"StatsdInput\"\naddress = \"fd:statsd\"\nlanes = 2\nlanes_share_socket = true\n\
                      [tcp]\ntype = \"StatsdInput\"\nnet = \"tcp\"\naddress = \"fd:statsd\"\n\
                      [grams]\ntype = \"StatsdInput\"\nnet = \"unixgram\"\naddress = \"fd:5\"\n\
                      [streams]\ntype = \"StatsdInput\"\nnet = \"unix\"\naddress = \"fd:stream\"\n";
        let config = directory.path().join("hekad.toml");
        std::fs::write(&config, configuration(directory.path(), scrape, inputs)).expect("it can be written");
        let mut command = Command::new(python);
        command.arg("-c").arg(KEEPER).arg(directory.path()).arg(port.to_string());
        command.arg(binary()).arg("-config").arg(config);
        let log = std::fs::File::create(directory.path().join("log")).expect("it can be made");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("python3 can be started");
        let orders = child.stdin.take().expect("it is a pipe");
        let answers = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut keeper = Keeper { child, orders, answers, port, room: 0, scrape, directory };
        keeper.room = keeper.answer().parse().expect("it tells the room");
        Some(keeper)
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        assert!(!line.is_empty(), "it is gone; it printed:\n{}", self.printed());
        line.trim().to_owned()
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn order(&mut self, word: &str) -> String {
        writeln!(self.orders, "{word}").expect("it listens");
        self.answer()
    }

    fn start_hekad(&mut self) {
        assert_eq!(self.order("start"), "started");
        wait_until(PATIENCE, || match http_get(self.scrape, "/-/ready") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("/-/ready: {other:?}; it printed:\n{}", self.printed())),
        });
    }

    fn stop_hekad(&mut self) {
        assert_eq!(self.order("stop"), "0", "it printed:\n{}", self.printed());
    }

    /// One sample over each of the other sockets.
    fn send_all(&self, sent: &mut Sent) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("somebody listens");
        stream.write_all(b"handed.stream:1|c\n").expect("it waits");
        let gram = UnixDatagram::unbound().expect("there are sockets");
        gram.send_to(b"handed.gram:1|c", self.directory.path().join("gram")).expect("it waits");
        let mut packet = UnixStream::connect(self.directory.path().join("stream")).expect("somebody listens");
        packet.write_all(b"handed.packet:1|c\n").expect("it waits");
        sent.each += 1;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Both fail only when it has ended already; hekad ends with it, by its input.
        let _ = writeln!(self.orders, "end");
        let _ = self.child.wait();
    }
}

/// Opens the sockets as 3 to 6, and does what its input says, line by line.
const KEEPER: &str = r#"
import fcntl, os, signal, socket, subprocess, sys
directory, port, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    # SO_RCVBUFFORCE, as systemd does it for ReceiveBuffer=.
    udp.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
except PermissionError:
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
udp.bind(("127.0.0.1", port))
tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
tcp.bind(("127.0.0.1", port))
tcp.listen(128)
gram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
gram.bind(directory + "/gram")
stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
stream.bind(directory + "/stream")
stream.listen(128)
kept = [fcntl.fcntl(one.detach(), fcntl.F_DUPFD_CLOEXEC, 100) for one in (udp, tcp, gram, stream)]
for number, one in enumerate(kept, 3):
    os.set_blocking(one, False)
    os.dup2(one, number)
room = socket.socket(fileno=os.dup(kept[0])).getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
print(room, flush=True)
names = {"LISTEN_FDS": "4", "LISTEN_FDNAMES": "statsd:statsd:gram:stream"}
running = None
for line in sys.stdin:
    order = line.strip()
    if order == "start":
        shell = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]
        environment = {**os.environ, **names}
        running = subprocess.Popen(
            shell, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=(3, 4, 5, 6)
        )
        print("started", flush=True)
    elif order == "stop":
        running.send_signal(signal.SIGTERM)
        print(running.wait(), flush=True)
        running = None
    else:
        break
if running:
    running.kill()
"#;

const RESTARTS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(20);
