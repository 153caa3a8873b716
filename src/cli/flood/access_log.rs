//! The lines of an access log that a flood appends to a file: nginx's combined format, the same but for their time for
//! the same seed.

use super::packets::Packets;
use crate::time::Stamp;

/// Prepares lines, each a packet, with the time `at`.
///
/// # Errors
/// If that time cannot be written.
pub(super) fn access_log(seed: u64, count: Option<u64>, at: Stamp) -> Result<Packets, String> {
    let time = jiff::Timestamp::from_nanosecond(at.0.into())
        .map_err(|error| format!("the clock stands at a time that cannot be written: {error}"))?
        .strftime("%d/%b/%Y:%H:%M:%S +0000")
        .to_string();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut packets = Packets::default();
    for _ in 0..count.map_or(POOL, |count| POOL.min(count)) {
        packets.push(line(&time, &mut random).as_bytes(), 1);
    }
    Ok(packets)
}

fn line(time: &str, random: &mut fastrand::Rng) -> String {
    let host = format!("10.{}.{}.{}", random.u8(..), random.u8(..), random.u8(1..));
    let user = if random.u8(..10) == 0 { "alice" } else { "-" };
    let (method, path) = REQUESTS[random.usize(..REQUESTS.len())];
    let (status, most) = match random.u8(..100) {
        0..85 => (200, 50_000),
        85..90 => (304, 1),
        90..93 => (301, 200),
        93..98 => (404, 600),
        _ => (503, 300),
    };
    let (number, body) = (random.u32(..10_000), random.u32(..most));
    let (referer, agent) = (REFERERS[random.usize(..REFERERS.len())], AGENTS[random.usize(..AGENTS.len())]);
    format!(
        "{host} - {user} [{time}] \"{method} {path}{number} HTTP/1.1\" {status} {body} \"{referer}\" \"{agent}\"\n"
    )
}

const REQUESTS: [(&str, &str); 5] = [
    ("GET", "/api/users/"),
    ("GET", "/static/app.js?v="),
    ("POST", "/api/orders/"),
    ("HEAD", "/health/"),
    ("GET", "/search?q=caf%C3%A9&page="),
];
const REFERERS: [&str; 3] = ["-", "https://shop.example/", "https://search.example/?q=shop"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "curl/8.14.1",
];

/// Lines that are prepared; those after them are the same again.
const POOL: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{AccessFormat, UserAgents};
    use crate::message::Message;

    const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                            \"$http_referer\" \"$http_user_agent\"";

    #[test]
    fn lines_are_of_the_combined_format() {
        let at = Stamp::from_seconds(1_700_000_000);
        let packets = access_log(3, Some(500), at).unwrap();
        let format = AccessFormat::new(COMBINED, UserAgents::default()).unwrap();
        for index in 0..500 {
            let mut message = Message::default();
            format.read(packets.packet(index), &mut message).unwrap();
            assert_eq!((message.timestamp, message.fields.len()), (at, 7));
        }
        let later = access_log(3, Some(1), at.plus(std::time::Duration::from_secs(60))).unwrap();
        let text = std::str::from_utf8(packets.packet(0)).unwrap();
        assert_eq!(later.packet(0), text.replace("22:13:20", "22:14:20").as_bytes());
    }
}
