//! What an output holds is bounded by `queue_size`, whatever its records come from.

use heka::flow::Wiring;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;

/// Requests that are sent before the batch is full, or has waited: each datagram has one record of many that goes out.
fn requests_of(queue_size: &str) -> usize {
    let config = format!(
        "[hekad]\nqueue_size = \"{queue_size}\"\n\n[statsd]\ntype = \"StatsdInput\"\n\n[HttpOutput]\naddress = \"http://10.0.0.1:80/\"\n\
         message_matcher = \"Fields[name] == 'chosen'\"\nencoder = \"PayloadEncoder\"\nbatch_count = 10000\n\
         flush_interval = 60\n"
    );
    let mut trial = Trial::new(&config, &builtin(), Wiring::Queues, Stamp::from_seconds(1_700_000_000))
        .expect("it starts");
    for _ in 0..20 {
        trial.tape().answer("10.0.0.1:80", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
    let others: String = (0..100).map(|number| format!("other.{number}:1|c\n")).collect();
    let datagram = format!("{others}chosen:1|c");
    for _ in 0..20 {
        trial.send("statsd", datagram.as_bytes()).expect("it takes them");
    }
    let sent = trial.tape().written("10.0.0.1:80");
    trial.stop();
    assert_eq!(trial.ledger().check_settled(), Ok(()));
    let sent = String::from_utf8(sent).expect("it is text");
    sent.matches("POST / ").count()
}

#[test]
fn a_batch_of_few_records_of_many_is_sent_before_their_packs_fill_memory() {
    assert_eq!(requests_of("16 MiB"), 0);
    let requests = requests_of("64 KiB");
    assert!((2..=10).contains(&requests), "{requests} requests");
}
