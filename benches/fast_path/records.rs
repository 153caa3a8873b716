//! The steps of log records one by one: a matcher asked, a message encoded, a file tailed, a record decoded.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::Throughput;
use heka::encoders;
use heka::flow::{Ledger, RecordRef};
use heka::matcher::Matcher;
use heka::message::framing::{MAX_MESSAGE_SIZE, frame};
use heka::message::{Field, Message, wire};
use heka::metric::Registry;
use heka::plugin::{
    BuildContext, Declare, Decoder, Draft, Encoder, Frames, Kind, Shared, Splitter, StateStore, Uuids,
};
use heka::tail::{
    FileId, Files, Follower, Found, Look, Named, OpenError, Order, Settings, Start, Turn, order,
};
use heka::time::{ManualClock, Stamp};
use heka::{decoders, splitters};

use crate::logs;
use crate::steps::Group;

/// Asking about a header alone, and about a header, a number and a pattern, once a message; half of them match.
pub(crate) fn matching(group: &mut Group<'_>) {
    let messages = [message(200), message(503)];
    group.throughput(Throughput::Elements(messages.len() as u64));
    for (name, text) in [("match_header", "Type == 'nginx.access'"), ("match", EVERYTHING)] {
        let matcher = Matcher::parse(text).expect("it is of the language");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let matches = |message| matcher.matches(&RecordRef::Message(message));
                messages.iter().filter(|message| matches(message)).count()
            });
        });
    }
}

/// A message of about 500 bytes to a frame of Heka's, and its payload to a line.
pub(crate) fn encode(group: &mut Group<'_>) {
    let message = message(200);
    let mut encoder = built::<dyn Encoder>(&encoders::protobuf::Config::default());
    let (mut frames, mut out) = (Frames::default(), Vec::new());
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            written(&mut *encoder, &message, &mut frames);
            frame(&frames.bytes, None, MAX_MESSAGE_SIZE, &mut out).expect("it is short");
            out.len()
        });
    });
    let mut encoder = built::<dyn Encoder>(&encoders::payload::Config::default());
    group.bench_function("encode_payload", |bencher| {
        bencher.iter(|| {
            written(&mut *encoder, &message, &mut frames);
            frames.bytes.len()
        });
    });
}

/// What following a file and finding its lines costs of a read; its bytes lie in memory.
pub(crate) fn tail(group: &mut Group<'_>) {
    let line = logs::line();
    let mut files = Endless(line.repeat(logs::READ / line.len() + 1).into_bytes());
    let mut follower = files.followed();
    let mut splitter = built::<dyn Splitter>(&splitters::token::Config::default());
    let (mut buffer, mut held) = (vec![0; logs::READ], Vec::new());
    group.throughput(Throughput::Elements((logs::READ / line.len()) as u64));
    group.bench_function("tail", |bencher| {
        bencher.iter(|| {
            let Turn::Read(read) = follower.step(&mut files, &mut buffer, NOW) else {
                panic!("there is always more of it")
            };
            held.extend_from_slice(&buffer[..read]);
            let (mut start, mut records) = (0, 0);
            loop {
                match splitter.split(&held[start..]).consumed {
                    0 => break,
                    consumed => start += consumed,
                }
                records += 1;
            }
            held.drain(..start);
            follower.pushed(&buffer[..read], held.len());
            records
        });
    });
}

/// A line of an access log to a message, and a message of about 500 bytes from Heka's protobuf form.
pub(crate) fn decode(group: &mut Group<'_>) {
    let mut bytes = Vec::new();
    wire::encode(&message(200), &mut bytes);
    assert!((450..550).contains(&bytes.len()), "{} bytes are not about 500", bytes.len());
    let access = decoders::nginx_access::Config {
        log_format: logs::COMBINED.to_owned(),
        message_type: None,
        user_agent_transform: false,
        user_agent_keep: false,
        user_agent_conditional: false,
        payload_keep: false,
    };
    let steps: [(&str, Vec<u8>, Box<dyn Decoder>); 2] = [
        ("decode", logs::line().into_bytes(), built(&access)),
        ("decode_protobuf", bytes, built(&decoders::protobuf::Config::default())),
    ];
    group.throughput(Throughput::Elements(1));
    for (name, record, mut decoder) in steps {
        let mut draft = draft();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                draft.messages.clear();
                decoder.decode(&record, &mut draft).expect("it is of the format");
                draft.messages.len()
            });
        });
    }
}

fn written(encoder: &mut dyn Encoder, message: &Message, frames: &mut Frames) {
    frames.clear();
    encoder.encode(RecordRef::Message(message), &mut 0, frames).expect("a message can be written");
}

/// A file that never ends, of the same bytes again and again.
struct Endless(Vec<u8>);

impl Endless {
    /// A follower that has begun to read it.
    fn followed(&mut self) -> Follower<()> {
        let found = Found {
            path: "access.log".into(),
            id: ID,
            size: SIZE,
            modified: NOW,
            stale: false,
            keys: Vec::new(),
        };
        let Order::Known(slots) = order(vec![found], false) else { panic!("one file needs no order") };
        let settings = Settings { rotate_wait: Duration::from_secs(5), fresh: Duration::from_secs(5) };
        let mut follower = Follower::new(Start::Oldest, settings);
        follower.listed(slots, NOW);
        assert!(matches!(follower.step(self, &mut [], NOW), Turn::Happened(_)), "it begins");
        follower
    }
}

impl Files for Endless {
    type Open = ();

    fn open(&mut self, _: &Found) -> Result<(), OpenError> {
        Ok(())
    }

    fn look(&mut self, (): &()) -> io::Result<Look> {
        Ok(Look { id: ID, size: SIZE, modified: NOW, packed: false, cut: false })
    }

    fn read(&mut self, (): &mut (), offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut from = (offset % self.0.len() as u64) as usize;
        let mut rest = &mut *into;
        while !rest.is_empty() {
            let piece = &self.0[from..self.0.len().min(from + rest.len())];
            rest[..piece.len()].copy_from_slice(piece);
            rest = &mut rest[piece.len()..];
            from = 0;
        }
        Ok(into.len())
    }

    fn named(&mut self, _: &Path) -> Option<Named> {
        Some(Named { id: ID, size: SIZE, modified: NOW })
    }
}

/// What `NginxAccessDecoder` makes of a line with that status, and the line.
fn message(status: i64) -> Message {
    let texts = [
        ("remote_addr", "93.184.216.34"),
        ("request", "GET /articles/2000/10/some-title HTTP/1.1"),
        ("http_referer", "https://www.example.com/start"),
        ("http_user_agent", "Mozilla/5.0 (X11; Linux x86_64; rv:26.0) Gecko/20100101 Firefox/26.0"),
    ];
    let texts = texts.map(|(name, text)| Field::new(name, text));
    let sizes = [Field::new("status", status), Field::new("body_bytes_sent", 23_261).shown_as("B")];
    Message {
        uuid: [7; 16],
        timestamp: NOW,
        type_: "nginx.access".into(),
        logger: "access".into(),
        hostname: "web-017.example.com".into(),
        pid: 4711,
        payload: logs::line().into_bytes(),
        fields: texts.into_iter().chain(sizes).collect(),
        ..Message::default()
    }
}

fn draft() -> Draft {
    let base = Message {
        type_: "logfile".into(),
        logger: "access".into(),
        hostname: "web-017.example.com".into(),
        timestamp: NOW,
        ..Message::default()
    };
    Draft::new(base, Arc::new(Registry::new(1)), Uuids::of_seat("access", 0, 1))
}

fn built<P: Kind + ?Sized>(config: &impl Declare<P>) -> Box<P> {
    assert!(config.check().is_empty(), "its options are right");
    let context = BuildContext {
        name: "step".into(),
        ticker_interval: None,
        longest_flush: None,
        lane: 0,
        max_message_size: MAX_MESSAGE_SIZE,
        parts: Vec::new(),
        hostname: "host".into(),
        base_dir: "/nonexistent".into(),
        names: Arc::new(Registry::new(1)),
        ledger: Ledger::default(),
        shared: Shared::default(),
        state: StateStore::default(),
        started: NOW,
        clock: Arc::new(ManualClock::at(NOW)),
        seed: 1,
    };
    config.build(&context).expect("it opens nothing")
}

const EVERYTHING: &str =
    "Type == 'nginx.access' && Fields[status] >= 500 && Fields[request] =~ /^GET \\/articles\\//";
const NOW: Stamp = Stamp(1_800_000_000_000_000_000);
const ID: FileId = FileId { device: 1, inode: 1, born: 1 };
const SIZE: u64 = 1 << 60;
