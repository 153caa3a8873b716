use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, DEFAULT_PORT, StatsdClient, UdpMetricSink};
use std::net::UdpSocket;
use std::time::Duration;
fn drive(client: &StatsdClient) {
    let _ = DEFAULT_PORT;
    client.incr("orders").unwrap();
    client.count("orders", 4).unwrap();
    client.decr("orders").unwrap();
    client
        .count_with_tags("visits", 3)
        .with_tag("kind", "web")
        .with_tag_value("beta")
        .with_sampling_rate(0.25)
        .send();
    client.gauge("queue", 12u64).unwrap();
    client.gauge("temperature", 21.5).unwrap();
    client.time("db", 320).unwrap();
    client.time("db", Duration::from_millis(5)).unwrap();
    client.time("db", vec![10u64, 20, 30]).unwrap();
    client.meter("calls", 6u64).unwrap();
    client.histogram("size", 100u64).unwrap();
    client.histogram("size", vec![250.5, 1.5]).unwrap();
    client.distribution("spread", 7u64).unwrap();
    client.distribution("spread", vec![1u64, 2, 3]).unwrap();
    client.set("users", -42).unwrap();
    client.set("users", 7).unwrap();
    client.set("users", -42).unwrap();
    client.count_with_tags("old", 9).with_timestamp(1656581400).send();
    client.count_with_tags("boxed", 2).with_container_id("ci-0123").send();
}
fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let buffered = std::env::args().nth(2).is_some();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let builder = if buffered {
        StatsdClient::builder("shop", BufferedUdpMetricSink::from(("127.0.0.1", port), socket).unwrap())
    } else {
        StatsdClient::builder("shop", UdpMetricSink::from(("127.0.0.1", port), socket).unwrap())
    };
    let client = builder.with_tag("dc", "eu").build();
    drive(&client);
    client.flush().unwrap();
}
