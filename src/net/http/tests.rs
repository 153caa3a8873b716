//! Tests of the HTTP server with a client of raw sockets.

use std::io::{Read, Write};
use std::net::TcpStream as Client;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;

#[test]
fn a_mounted_path_is_served_and_others_say_what_there_is() {
    let (servers, runtime) = (HttpServers::new(HttpLimits::default()), runtime());
    servers.mount(any_port(), "/metrics", Arc::new(page)).unwrap();
    servers.mount(any_port(), "/-/healthy", Arc::new(page)).unwrap();
    let address = start(&servers, &runtime);
    let response = get(address, "GET /metrics?format=a%20b+c HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n");
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"),
        "{response}"
    );
    assert!(response.contains("\r\ncontent-length: 28\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n/metrics a b c text/html GET"), "{response}");
    let response = get(address, "GET /nothing HTTP/1.1\r\nHost: x\r\n");
    assert!(response.starts_with("HTTP/1.1 404 Not Found\r\n"), "{response}");
    assert!(response.ends_with("nothing at /nothing; there is:\n/-/healthy\n/metrics\n"), "{response}");
    runtime.block_on(servers.stop(GRACE));
    assert!(Client::connect(address).is_err());
}

#[test]
fn a_head_has_the_header_alone_and_other_methods_are_refused() {
    let (servers, runtime) = (HttpServers::new(HttpLimits::default()), runtime());
    servers.mount(any_port(), "/metrics", Arc::new(page)).unwrap();
    let address = start(&servers, &runtime);
    let response = get(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n");
    assert!(response.contains("\r\ncontent-length: 15\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
    let response = get(address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n");
    assert!(response.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{response}");
    assert!(response.contains("\r\nallow: GET, HEAD\r\n"), "{response}");
}

#[test]
fn events_are_sent_as_they_come_and_end_at_once_with_the_server() {
    struct Taken(std::sync::mpsc::Receiver<&'static str>, Arc<Mutex<Option<Waker>>>);
    impl Events for Taken {
        fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
            *locked(&self.1) = Some(context.waker().clone());
            match self.0.try_recv() {
                Ok(text) => Poll::Ready(Some(text.into())),
                Err(_) => Poll::Pending,
            }
        }
    }
    let (servers, runtime) = (HttpServers::new(HttpLimits::default()), runtime());
    let (say, said) = std::sync::mpsc::channel();
    let waker = Arc::new(Mutex::new(None::<Waker>));
    let events = Mutex::new(Some(Taken(said, Arc::clone(&waker))));
    let stream = move |_: &Request| {
        let body = Body::Events(Box::new(locked(&events).take().unwrap()));
        Response { body, ..Response::text(StatusCode::OK, "") }
    };
    servers.mount(any_port(), "/events", Arc::new(stream)).unwrap();
    let address = start(&servers, &runtime);
    let mut client = Client::connect(address).unwrap();
    client.write_all(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut seen = String::new();
    for text in ["first\n", "second\n"] {
        say.send(text).unwrap();
        if let Some(waker) = locked(&waker).take() {
            waker.wake();
        }
        while !seen.contains(text) {
            let mut buffer = [0; 500];
            let length = client.read(&mut buffer).unwrap();
            seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
    }
    let stop = async { tokio::time::timeout(GRACE / 2, servers.stop(GRACE)).await };
    runtime.block_on(stop).expect("the stream ends with the server");
    seen.clear();
    client.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "0\r\n\r\n");
}

#[test]
fn pieces_are_asked_for_as_the_client_takes_them() {
    const PIECES: usize = 2_000;
    let (servers, runtime) = (HttpServers::new(HttpLimits::default()), runtime());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let stream = move |_: &Request| {
        let (counter, mut left) = (Arc::clone(&counter), PIECES);
        let body = Body::Chunks(Box::new(move || {
            left = left.checked_sub(1)?;
            counter.fetch_add(1, Ordering::SeqCst);
            Some(vec![b'x'; 64 * 1024])
        }));
        Response { body, ..Response::text(StatusCode::OK, "") }
    };
    servers.mount(any_port(), "/stream", Arc::new(stream)).unwrap();
    let address = start(&servers, &runtime);
    let mut client = Client::connect(address).unwrap();
    client.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut first = vec![0; 100];
    client.read_exact(&mut first).unwrap();
    assert!(asked.load(Ordering::SeqCst) < PIECES / 2, "{asked:?}");
    client.read_to_end(&mut first).unwrap();
    let body = first.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let header = String::from_utf8_lossy(&first[..body]);
    assert!(header.starts_with("HTTP/1.1 200 OK\r\n"), "{header}");
    assert!(header.contains("transfer-encoding: chunked"), "{header}");
    assert!(first.ends_with(b"\r\n0\r\n\r\n"));
    assert_eq!(first[body..].iter().filter(|&&byte| byte == b'x').count(), PIECES * 64 * 1024);
    assert_eq!(asked.load(Ordering::SeqCst), PIECES);
}

#[test]
fn a_client_that_dawdles_over_its_header_is_closed() {
    let limits = HttpLimits { header: Duration::from_millis(50), ..HttpLimits::default() };
    let (servers, runtime) = (HttpServers::new(limits), runtime());
    servers.mount(any_port(), "/", Arc::new(page)).unwrap();
    let mut client = Client::connect(start(&servers, &runtime)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_connection_too_many_is_told_to_come_again_and_counted() {
    let limits = HttpLimits { max_connections: 1, ..HttpLimits::default() };
    let (servers, runtime) = (HttpServers::new(limits), runtime());
    servers.mount(any_port(), "/", Arc::new(page)).unwrap();
    let address = start(&servers, &runtime);
    let mut first = Client::connect(address).unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    first.read_exact(&mut [0; 20]).unwrap();
    let mut second = Client::connect(address).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    let connections = servers.connections();
    assert_eq!((connections.accepted(), connections.refused(), connections.open()), (1, 1, 1));
}

#[test]
fn requests_of_a_connection_have_its_number_and_no_other_has_it() {
    let (servers, runtime) = (HttpServers::new(HttpLimits::default()), runtime());
    let who = |request: &Request| {
        Response::text(StatusCode::OK, format!("{} {}", request.caller.peer, request.caller.connection))
    };
    servers.mount(any_port(), "/", Arc::new(who)).unwrap();
    let address = start(&servers, &runtime);
    let mut client = Client::connect(address).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\n";
    client.write_all(format!("{request}\r\n{request}Connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut both = String::new();
    client.read_to_string(&mut both).unwrap();
    assert_eq!(both.matches("\r\n\r\n127.0.0.1 0").count(), 2, "{both}");
    assert!(get(address, request).ends_with("\r\n\r\n127.0.0.1 1"));
}

#[test]
fn a_call_answers_without_a_socket() {
    let servers = HttpServers::new(HttpLimits::default());
    let address: SocketAddr = "127.0.0.1:4352".parse().unwrap();
    assert_eq!(servers.call(address, "/", &[], 0), None);
    servers.mount(address, "/api/*", Arc::new(page)).unwrap();
    servers
        .mount(address, "/api/deep/*", Arc::new(|_: &Request| Response::text(StatusCode::OK, "deep")))
        .unwrap();
    let answer = servers.call(address, "/api/series/7?format=x", &[("Accept", "a/b")], 0).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.body), "/api/series/7 x a/b GET");
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain; charset=utf-8"));
    assert_eq!(servers.call(address, "/api/deep/er/still", &[], 0).unwrap().body, b"deep");
    assert_eq!(servers.call(address, "/apis", &[], 0).unwrap().status, 404);
    assert!(servers.unmount(address, "/api/deep/*"));
    assert_eq!(servers.call(address, "/api/deep/er", &[], 0).unwrap().body, b"/api/deep/er   GET");
}

#[test]
fn a_path_has_one_handler() {
    let servers = HttpServers::new(HttpLimits::default());
    let address: SocketAddr = "127.0.0.1:4352".parse().unwrap();
    servers.mount(address, "/metrics", Arc::new(page)).unwrap();
    let error = servers.mount(address, "/metrics", Arc::new(page)).unwrap_err();
    assert_eq!(error, MountError::Taken { address, path: "/metrics".to_owned() });
    assert_eq!(error.to_string(), "127.0.0.1:4352 already has a handler for /metrics");
    servers.mount("[::1]:4352".parse().unwrap(), "/metrics", Arc::new(page)).unwrap();
    let error = servers.mount(address, "metrics", Arc::new(page)).unwrap_err();
    assert_eq!(error, MountError::NotAPath { path: "metrics".to_owned() });
}

#[test]
fn a_taken_port_names_its_owner_and_starts_nothing() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (servers, runtime) = (HttpServers::new(HttpLimits::default()), runtime());
    servers.mount(held.local_addr().unwrap(), "/", Arc::new(page)).unwrap();
    match servers.start(runtime.handle()).unwrap_err() {
        BindError::Taken { owner: Some(owner), .. } => assert_eq!(owner.pid, std::process::id()),
        other => panic!("{other}"),
    }
}

proptest! {
    #[test]
    fn any_query_is_read_without_a_panic(query in "[a-c=&%+0-9A-Fé]{0,40}") {
        let caller = Caller { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), connection: 0 };
        let mut request = http::Request::get("/").body(()).map(|request| Request::of(request.into_parts().0, caller)).unwrap();
        request.query = query;
        let _ = request.parameter("a");
    }
}

const GRACE: Duration = Duration::from_secs(5);

fn page(request: &Request) -> Response {
    let format = request.parameter("format").unwrap_or_default();
    let accept = request.header("accept").unwrap_or_default();
    Response::text(StatusCode::OK, format!("{} {format} {accept} {}", request.path, request.method))
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn start(servers: &HttpServers, runtime: &Runtime) -> SocketAddr {
    servers.start(runtime.handle()).unwrap()[0].1
}

fn get(address: SocketAddr, head: &str) -> String {
    let mut client = Client::connect(address).unwrap();
    client.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}
