//! A timer of statsd that becomes too slow, told to an HTTP server of Python's, which is busy at first.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Process, free_port, pause, program, skip, wait_until};
use crate::hekad::Hekad;

/// Notes every request in a file: the status it answers, the port it came from, and its body. Busy so many times.
const SERVER: &str = r#"
import http.server, ssl, sys
port, notes, busy, certificate = int(sys.argv[1]), open(sys.argv[2], "a"), int(sys.argv[3]), sys.argv[4]

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global busy
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = 503 if busy > 0 else 200
        busy -= 1
        print(status, self.client_address[1], self.path, self.headers["Authorization"], body, sep="\t", file=notes, flush=True)
        self.send_response(status)
        if status == 503:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate + ".key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"#;

#[test]
fn an_alert_of_a_timer_is_told_by_http_to_a_server_that_is_busy_twice() {
    let directory = TempDir::new().expect("a directory can be made");
    let Some((_server, port)) = server(&directory, 2, None) else { return };
    let options = "username = \"ann\"\npassword = \"secret\"";
    let hekad = watching(&format!("http://127.0.0.1:{port}/hook?a=b"), options);
    let notes = told(&hekad, &directory);
    assert_eq!(notes.iter().map(|note| note.status).collect::<Vec<_>>(), [503, 503, 200, 200]);
    let firing = "api.latency upper_90 is 812 ms, above 500 for 2 flushes";
    let resolved = "api.latency upper_90 is 100 ms, no longer above 500";
    let bodies: Vec<&str> = notes.iter().map(|note| note.body.as_str()).collect();
    assert_eq!(bodies, [firing, firing, firing, resolved]);
    assert!(
        notes.iter().all(|note| note.path == "/hook?a=b" && note.credentials == "Basic YW5uOnNlY3JldA==")
    );
    assert!(notes.iter().all(|note| note.port == notes[0].port), "the connection is kept");
    let printed = hekad.printed();
    assert!(printed.contains("the server answers 503 Service Unavailable; trying again"), "{printed}");
    hekad.stop_cleanly();
}

#[test]
fn an_alert_goes_over_tls_to_whom_its_certificate_authority_knows() {
    let directory = TempDir::new().expect("a directory can be made");
    let names = vec!["localhost".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
    let file = directory.path().join("certificate.pem");
    fs::write(&file, certified.cert.pem()).expect("it can be written");
    let key = directory.path().join("certificate.pem.key");
    fs::write(key, certified.signing_key.serialize_pem()).expect("it can be written");
    let Some((_server, port)) = server(&directory, 2, Some(&file)) else { return };
    let trusted = format!("tls = {{ root_cafile = \"{}\" }}", file.display());
    let hekad = watching(&format!("https://localhost:{port}/hook"), &trusted);
    let notes = told(&hekad, &directory);
    assert_eq!(notes.iter().map(|note| note.status).collect::<Vec<_>>(), [503, 503, 200, 200]);
    assert_eq!(notes[3].body, "api.latency upper_90 is 100 ms, no longer above 500");
    assert!(notes.iter().all(|note| note.port == notes[0].port), "the connection is kept");
    hekad.stop_cleanly();
}

#[test]
fn a_server_whose_certificate_nobody_trusts_is_told_nothing() {
    let directory = TempDir::new().expect("a directory can be made");
    let names = vec!["localhost".to_owned()];
    let [shown, trusted] = [names.clone(), names]
        .map(|names| rcgen::generate_simple_self_signed(names).expect("a certificate can be made"));
    let (file, other) = (directory.path().join("shown.pem"), directory.path().join("trusted.pem"));
    fs::write(&file, shown.cert.pem()).expect("it can be written");
    fs::write(directory.path().join("shown.pem.key"), shown.signing_key.serialize_pem())
        .expect("it can be written");
    fs::write(&other, trusted.cert.pem()).expect("it can be written");
    let Some((_server, port)) = server(&directory, 0, Some(&file)) else { return };
    let hekad = watching(
        &format!("https://localhost:{port}/hook"),
        &format!("tls = {{ root_cafile = \"{}\" }}", other.display()),
    );
    wait_until(PATIENCE, || {
        hekad.send(["api.latency:812|ms"]);
        let printed = hekad.printed();
        printed.contains("signed by nobody trusted").then_some(()).ok_or(printed)
    });
    assert_eq!(read(&directory).len(), 0);
}

/// A request that the server noted.
pub(crate) struct Note {
    pub(crate) status: u16,
    port: u16,
    path: String,
    credentials: String,
    pub(crate) body: String,
}

/// What the server notes until an alert has begun and is over.
fn told(hekad: &Hekad, directory: &TempDir) -> Vec<Note> {
    let taken = |notes: &[Note]| notes.iter().filter(|note| note.status == 200).count();
    for (alerts, line) in [(1, "api.latency:812|ms"), (2, "api.latency:100|ms")] {
        wait_until(PATIENCE, || {
            hekad.send([line]);
            pause(Duration::from_millis(100));
            let notes = read(directory);
            (taken(&notes) == alerts).then_some(()).ok_or(format!(
                "{} requests; {}",
                notes.len(),
                hekad.printed()
            ))
        });
    }
    read(directory)
}

/// What the server has noted so far.
pub(crate) fn read(directory: &TempDir) -> Vec<Note> {
    let text = fs::read_to_string(directory.path().join("notes")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let note = |line: &str| {
        let mut parts = line.splitn(5, '\t').map(str::to_owned);
        let mut next = || parts.next().expect("a line has five parts");
        let (status, port) = (next().parse().expect("a status"), next().parse().expect("a port"));
        Note { status, port, path: next(), credentials: next(), body: next() }
    };
    whole.lines().map(note).collect()
}

/// A server of Python's that answers 503 so many times first; none without Python.
pub(crate) fn server(directory: &TempDir, busy: u32, certificate: Option<&Path>) -> Option<(Process, u16)> {
    let Some(python) = program("python3") else {
        skip("python3 is not there");
        return None;
    };
    let port = free_port();
    let mut command = Command::new(python);
    command.args(["-c", SERVER, &port.to_string()]).arg(directory.path().join("notes")).arg(busy.to_string());
    command.arg(certificate.unwrap_or(Path::new("")));
    let mut server = Process::start(&mut command, &directory.path().join("server.log"));
    wait_until(PATIENCE, || {
        server.assert_alive();
        server.printed().contains("ready").then_some(()).ok_or("it is not ready".to_owned())
    });
    Some((server, port))
}

fn watching(address: &str, options: &str) -> Hekad {
    let sections = format!(
        r#"
[alerts]
type = "ThresholdFilter"
[alerts.rule.slow]
series = "api.latency"
statistic = "upper_90"
above = 500
for = 2

[HttpOutput]
message_matcher = "Type == 'heka.alert'"
encoder = "sentence"
address = "{address}"
{options}
[HttpOutput.retries]
delay = "100ms"
max_jitter = "0s"
max_delay = "2s"

[sentence]
type = "PayloadEncoder"
append_newlines = false
"#
    );
    Hekad::start_beside(1, "", &sections)
}

const PATIENCE: Duration = Duration::from_secs(60);
