//! Tests of the client against servers of a few lines, and on a tape.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::super::Tape;
use super::*;

const SOON: Duration = Duration::from_secs(10);

/// Serves connections in turn, each by one of `serve`; the port, and what each returned.
fn server<T: Send + 'static>(
    serve: Vec<Box<dyn FnOnce(TcpStream) -> T + Send>>,
) -> (u16, JoinHandle<Vec<T>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    #[expect(clippy::disallowed_methods, reason = "the peer of a test")]
    let serving = std::thread::spawn(move || {
        serve.into_iter().map(|serve| serve(listener.accept().unwrap().0)).collect()
    });
    (port, serving)
}

/// Reads until the header of a request, and a body of five bytes, have come.
fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\nhello") {
        stream.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

fn client(port: u16) -> HttpClient {
    HttpClient::new(Arc::new(World::Real), "127.0.0.1", port, SOON)
}

fn hello() -> http::Request<Bytes> {
    let request = http::Request::post("/path?query").header("host", "h");
    request.body(Bytes::from_static(b"hello")).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn answers(times: usize) -> Box<dyn FnOnce(TcpStream) -> Vec<String> + Send> {
    Box::new(move |mut stream| {
        let mut requests = Vec::new();
        for _ in 0..times {
            requests.push(request(&mut stream));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Y: z\r\n\r\nok").unwrap();
        }
        requests
    })
}

#[test]
fn requests_share_a_connection_and_answers_are_whole() {
    let (port, serving) = server(vec![answers(2)]);
    run(async {
        let mut client = client(port);
        for _ in 0..2 {
            let answer = client.ask(&hello(), Some(SOON)).await.unwrap();
            assert_eq!(
                (answer.status.as_u16(), &answer.body[..], &answer.headers["x-y"]),
                (200, &b"ok"[..], &http::HeaderValue::from_static("z"))
            );
        }
        assert_eq!(client.connects(), 1);
    });
    let expected = "POST /path?query HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello";
    assert_eq!(serving.join().unwrap(), [[expected, expected]]);
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced_at_once_and_only_once() {
    let dropped = || -> Box<dyn FnOnce(TcpStream) -> Vec<String> + Send> {
        Box::new(|mut stream| vec![request(&mut stream)])
    };
    let (port, serving) = server(vec![answers(1), answers(1), dropped()]);
    run(async {
        let mut client = client(port);
        client.ask(&hello(), Some(SOON)).await.unwrap();
        // The first server is done with its connection by now, or will be while the request is under way.
        client.ask(&hello(), Some(SOON)).await.unwrap();
        assert_eq!(client.connects(), 2);
        let broken = client.ask(&hello(), Some(SOON)).await.unwrap_err();
        assert!(matches!(broken, HttpError::Broken { .. }), "{broken}");
        assert_eq!(client.connects(), 3);
    });
    assert_eq!(serving.join().unwrap().len(), 3);
}

#[test]
fn a_long_body_is_read_in_part_and_its_connection_is_not_kept() {
    let long = || -> Box<dyn FnOnce(TcpStream) + Send> {
        Box::new(|mut stream| {
            request(&mut stream);
            let head = format!("HTTP/1.1 500 Oh\r\nContent-Length: {}\r\n\r\n", 10 * MOST_BODY);
            stream.write_all(head.as_bytes()).unwrap();
            // The client goes before it is all written.
            let _ = stream.write_all(&vec![b'x'; 10 * MOST_BODY]);
        })
    };
    let (port, serving) = server(vec![long(), long()]);
    run(async {
        let mut client = client(port);
        for connects in 1..=2 {
            let answer = client.ask(&hello(), Some(SOON)).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.body.len()), (500, MOST_BODY));
            assert_eq!(client.connects(), connects);
        }
    });
    serving.join().unwrap();
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_longer_than_asked() {
    let silent: Box<dyn FnOnce(TcpStream) -> TcpStream + Send> = Box::new(|mut stream| {
        request(&mut stream);
        stream
    });
    let (port, serving) = server(vec![silent]);
    let error = run(async { client(port).ask(&hello(), Some(Duration::from_millis(50))).await.unwrap_err() });
    assert_eq!(error.to_string(), "no answer within 50ms");
    drop(serving.join().unwrap());
}

#[test]
fn what_is_no_http_and_who_is_not_there_are_errors() {
    let odd: Box<dyn FnOnce(TcpStream) + Send> = Box::new(|mut stream| {
        request(&mut stream);
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
    });
    let (port, serving) = server(vec![odd]);
    run(async {
        let mut client = client(port);
        assert_eq!(
            client.ask(&hello(), Some(SOON)).await.unwrap_err().to_string(),
            "invalid HTTP version parsed"
        );
        serving.join().unwrap();
        let error = client.ask(&hello(), Some(SOON)).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot connect: Connection refused"), "{error}");
    });
}

#[test]
fn a_tape_answers_what_is_written() {
    let tape = Arc::new(Tape::new());
    for status in ["503 Busy", "200 OK"] {
        tape.answer("h:80", format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes());
    }
    let mut client = HttpClient::new(Arc::new(World::Trial(Arc::clone(&tape))), "h", 80, SOON);
    run(async {
        for status in [503, 200] {
            assert_eq!(client.ask(&hello(), None).await.unwrap().status.as_u16(), status);
        }
        tape.refuse_writes("h:80", 1);
        tape.answer("h:80", b"HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(client.ask(&hello(), None).await.unwrap().status.as_u16(), 204);
    });
    assert_eq!(tape.connects("h:80"), 2);
}
