//! `hekad inject`: the one message a listener gets, over TCP and UDP.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use heka::message::framing::{Found, MAX_MESSAGE_SIZE, find};
use heka::message::{Field, Message, wire};

use super::{hekad, stderr};

fn message_of(bytes: &[u8]) -> Message {
    let Found::Frame(frame) = find(bytes, MAX_MESSAGE_SIZE) else { panic!("no frame: {bytes:?}") };
    assert_eq!((frame.garbage, frame.length), (0, bytes.len()));
    wire::decode(frame.message).expect("it is a message")
}

#[test]
fn a_listener_gets_the_message_of_the_command_line() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let words = ["-heka", &address, "-type", "deploy", "-logger=ci", "-severity", "3", "-payload", "-x y"];
    let more = ["-pid", "9", "-hostname", "web-1", "--field", "n:integer=5", "--field", "who=me"];
    let output = hekad(&[&["inject"], &words[..], &more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut bytes = Vec::new();
    listener.accept().expect("it connected").0.read_to_end(&mut bytes).expect("it is read");
    let message = message_of(&bytes);
    let expected = Message {
        uuid: message.uuid,
        timestamp: message.timestamp,
        type_: "deploy".into(),
        logger: "ci".into(),
        severity: 3,
        payload: b"-x y".to_vec(),
        pid: 9,
        hostname: "web-1".into(),
        fields: vec![Field::new("n", 5_i64), Field::new("who", "me")],
        ..Message::default()
    };
    assert_eq!(message, expected);
    assert_eq!((message.uuid[6] >> 4, message.uuid[8] >> 6), (4, 2));
    assert_eq!(stderr(&output), format!("sent {} bytes to tcp://{address}\n", bytes.len()));
}

#[test]
fn over_udp_it_is_one_datagram_with_the_defaults_of_heka() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time can be set");
    let address = format!("udp://{}", socket.local_addr().expect("it is bound"));
    let output = hekad(&["inject", "--heka", &address]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut room = [0; 1000];
    let length = socket.recv(&mut room).expect("it sent");
    let message = message_of(&room[..length]);
    assert_eq!((&*message.type_, &*message.logger), ("inject.message", "Inject Client"));
    assert_eq!((message.severity, message.payload.len(), message.fields.len()), (7, 0, 0));
    assert!(message.pid > 0 && !message.hostname.is_empty() && message.timestamp.0 > 0);
}

#[test]
fn nobody_there_is_said_with_the_way_out() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.local_addr().expect("it is bound")
    };
    for scheme in ["tcp", "udp"] {
        let output = hekad(&["inject", "--heka", &format!("{scheme}://{address}")]);
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        assert!(text.starts_with(&format!("cannot send to {scheme}://{address}: ")), "{text}");
        assert!(text.to_lowercase().contains("connection refused"), "{text}");
        assert!(text.ends_with("; is hekad running there, with an input?\n"), "{text}");
    }
    let output = hekad(&["inject", "--payload", &"x".repeat(65_537)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("message too big, requires "), "{}", stderr(&output));
}
