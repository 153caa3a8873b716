use std::net::Ipv4Addr;

use super::*;

/// Says every line back with the length of what it says before; `bye` ends, `much` is more than a socket holds.
struct Echo;

impl Console for Echo {
    fn answer(&self, line: &[u8], _: IpAddr) -> Said {
        match line {
            b"bye" => Said::Farewell(b"farewell\n".to_vec()),
            b"much" => Said::Answer(vec![b'x'; 64 << 20]),
            line => Said::Answer([b"<", line, b">\n"].concat()),
        }
    }

    fn too_long(&self) -> Vec<u8> {
        b"too long\n".to_vec()
    }
}

struct Served {
    consoles: Consoles,
    counters: Arc<ConsoleCounters>,
    local: SocketAddr,
}

fn served(max_connections: usize, idle: Duration) -> Served {
    let consoles = Consoles::default();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let limits = ConsoleLimits { max_connections, idle, max_line: 8 };
    let counters = consoles.mount(address, Arc::new(Echo), limits);
    let local = consoles.start(&Handle::current()).expect("a free port is there")[0].1;
    Served { consoles, counters, local }
}

/// What is answered to `sent`, to the end.
async fn conversation(local: SocketAddr, sent: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(local).await.expect("it listens");
    for part in sent {
        stream.write_all(part).await.expect("it reads");
        stream.flush().await.expect("it reads");
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers in text");
    answer
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_answered_in_their_order_however_they_come() {
    let served = served(8, LONG);
    let answer = conversation(served.local, &[b"a\nb\r\n\n", b"c", b"d\nlast"]).await;
    assert_eq!(answer, "<a>\n<b>\n<>\n<cd>\n<last>\n");
    let answer = conversation(served.local, &[b"123456789\n12345678\n123456789"]).await;
    assert_eq!(answer, "too long\n<12345678>\ntoo long\n");
    assert_eq!(served.counters.long_lines(), 2);
    served.consoles.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_farewell_ends_the_connection_and_what_came_after_it_is_not_answered() {
    let served = served(8, LONG);
    let mut stream = TcpStream::connect(served.local).await.expect("it listens");
    stream.write_all(b"a\nbye\nb\n").await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers in text");
    assert_eq!(answer, "<a>\nfarewell\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_are_closed_and_counted() {
    let served = served(1, LONG);
    let mut first = TcpStream::connect(served.local).await.expect("it listens");
    first.write_all(b"a\n").await.expect("it reads");
    let mut answer = [0; 4];
    first.read_exact(&mut answer).await.expect("it answers");
    let mut second = TcpStream::connect(served.local).await.expect("the system takes it");
    assert_eq!(second.read(&mut answer).await.unwrap_or(0), 0);
    assert_eq!((served.counters.connections.refused(), served.counters.connections.open()), (1, 1));
    // A stop ends the other.
    served.consoles.stop(LONG).await;
    assert_eq!(first.read(&mut answer).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_no_whole_line_or_takes_no_answer_is_closed_and_counted() {
    let served = served(8, Duration::from_millis(200));
    let mut silent = TcpStream::connect(served.local).await.expect("it listens");
    silent.write_all(b"half").await.expect("it reads");
    let mut greedy = TcpStream::connect(served.local).await.expect("it listens");
    greedy.write_all(b"much\n").await.expect("it reads");
    let mut rest = Vec::new();
    assert_eq!(silent.read_to_end(&mut rest).await.unwrap_or(0), 0);
    let wanted = |counters: &ConsoleCounters| (counters.idle(), counters.stalled()) == (1, 1);
    while !wanted(&served.counters) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_takes_the_place_of_the_one_before_and_keeps_its_counters() {
    struct Other;
    impl Console for Other {
        fn answer(&self, _: &[u8], peer: IpAddr) -> Said {
            Said::Answer(format!("{peer}\n").into_bytes())
        }

        fn too_long(&self) -> Vec<u8> {
            Vec::new()
        }
    }
    let served = served(8, LONG);
    assert_eq!(conversation(served.local, &[b"a\n"]).await, "<a>\n");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let limits = ConsoleLimits { max_connections: 8, idle: LONG, max_line: 8 };
    let counters = served.consoles.mount(address, Arc::new(Other), limits);
    assert_eq!(conversation(served.local, &[b"a\n"]).await, "127.0.0.1\n");
    assert_eq!(counters.connections.accepted(), 2);
    let said = served.consoles.ask(address, b"a", IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(said, Some(Said::Answer(b"127.0.0.1\n".to_vec())));
}
