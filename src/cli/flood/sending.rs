//! The loop that sends prepared packets at a rate until a number, a time, a signal or the peer ends it.

use std::io::{self, IoSlice};
use std::time::Duration;

use super::pace::{Due, Pace};
use super::packets::{Packets, first_lines, lines_within};
use crate::net::{Flooding, MOST, Packet, Stopwatch, Trouble, pause};
use crate::plugin::Stop;

/// When a flood is over, beside a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// After so many records.
    Records(u64),
    /// After so long.
    Time(Duration),
    /// Never.
    Never,
}

/// How it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) elapsed: Duration,
    /// Packets sent whole.
    pub(super) packets: u64,
    /// Records of them.
    pub(super) records: u64,
    /// Times that a peer said nobody listens.
    pub(super) refused: u64,
    /// Times that the system had no memory.
    pub(super) no_buffers: u64,
    /// Times that there was no room for a while.
    pub(super) full: u64,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) standing: Standing,
    /// Bytes of the packet behind them that were sent: whole records.
    pub(super) begun: usize,
    /// Time for which the rate was not kept and that was not caught up with.
    pub(super) let_go: Duration,
    pub(super) why: Why,
}

/// Why it ended.
#[derive(Debug)]
pub(super) enum Why {
    /// Everything was sent.
    Done,
    /// A signal.
    Interrupted,
    /// Nobody listens.
    Refused,
    /// The connection, the socket or the file.
    Broken(io::Error),
}

/// Sends; `watch` is told how it stands after every call.
pub(super) fn send(
    packets: &Packets,
    flooding: &mut Flooding,
    rate: f64,
    limit: Limit,
    stop: &Stop,
    watch: &mut dyn FnMut(&Standing),
) -> Ended {
    let slices = packets.slices();
    let mut pace = Pace::new(rate);
    let mut run = Run { packets, flooding, stop, standing: Standing::default(), clock: Stopwatch::start() };
    let why = run.until(&slices, &mut pace, limit, watch).unwrap_or_else(Why::Broken);
    let elapsed = run.clock.elapsed();
    let begun = run.finish(limit, &why);
    if run.flooding.last_trouble() == Some(Trouble::Refused) {
        run.standing.refused += 1;
    }
    let standing = Standing { elapsed, ..run.standing };
    Ended { standing, begun, let_go: pace.let_go(), why }
}

struct Run<'a> {
    packets: &'a Packets,
    flooding: &'a mut Flooding,
    stop: &'a Stop,
    standing: Standing,
    clock: Stopwatch,
}

impl Run<'_> {
    fn until(
        &mut self,
        slices: &[Packet<'_>],
        pace: &mut Pace,
        limit: Limit,
        watch: &mut dyn FnMut(&Standing),
    ) -> io::Result<Why> {
        loop {
            if self.stop.is_set() {
                return Ok(Why::Interrupted);
            }
            if self.standing.refused >= MOST_REFUSALS && self.standing.refused * 2 >= self.standing.packets {
                return Ok(Why::Refused);
            }
            self.standing.elapsed = self.clock.elapsed();
            watch(&self.standing);
            let left = match limit {
                Limit::Records(count) if count <= self.standing.records => return Ok(Why::Done),
                Limit::Records(count) => count - self.standing.records,
                Limit::Time(time) if time <= self.standing.elapsed => return Ok(Why::Done),
                Limit::Time(_) | Limit::Never => u64::MAX,
            };
            let due = match pace.due(self.standing.elapsed, self.standing.records) {
                Due::Now(due) => due,
                Due::In(time) => {
                    pause(match limit {
                        Limit::Time(end) => time.min(end.saturating_sub(self.standing.elapsed)),
                        Limit::Records(_) | Limit::Never => time,
                    });
                    continue;
                }
            };
            let next = self.packets.next(self.standing.packets);
            // What is due goes in whole packets, the one that is being due included.
            let whole = self.packets.fitting(next, MOST, left);
            let count = whole.min(self.packets.fitting(next, MOST, due).saturating_add(1));
            if count == 0 {
                return Ok(Why::Done);
            }
            self.call(&slices[next..next + count])?;
        }
    }

    fn call(&mut self, slices: &[Packet<'_>]) -> io::Result<()> {
        let taken = self.flooding.send(slices)?;
        self.standing.packets += taken.packets as u64;
        self.standing.records = self.packets.records_of(self.standing.packets);
        match taken.trouble {
            None => {}
            Some(Trouble::Refused) => self.standing.refused += 1,
            Some(Trouble::Full) => self.standing.full += 1,
            Some(Trouble::NoBuffers) => {
                self.standing.no_buffers += 1;
                pause(BREATH);
            }
        }
        Ok(())
    }

    /// Sends a last part: the records of the next packet up to the limit, or the rest of one that a stream has begun, so
    /// that no peer gets half a record. The bytes of the packet behind the whole ones that were sent, in whole records.
    fn finish(&mut self, limit: Limit, why: &Why) -> usize {
        let index = self.packets.next(self.standing.packets);
        let packet = self.packets.packet(index);
        let end = match (why, limit) {
            (Why::Done, Limit::Records(count)) => {
                first_lines(packet, count.saturating_sub(self.standing.records))
            }
            (Why::Done | Why::Interrupted, _) if self.flooding.begun() > 0 => packet.len(),
            _ => 0,
        };
        let part = [[IoSlice::new(&packet[..end])]];
        let until = self.clock.elapsed() + FINISH;
        while end > 0 && self.clock.elapsed() < until {
            match self.flooding.send(&part) {
                Ok(taken) if taken.packets == 0 => continue,
                Ok(_) if end == packet.len() => {
                    self.standing.packets += 1;
                    return 0;
                }
                Ok(_) => return end,
                Err(_) => break,
            }
        }
        match self.packets.fitting(index, 1, 1) {
            // Half of a record is none.
            1 => 0,
            _ => lines_within(&packet[..self.flooding.begun()]),
        }
    }
}

const MOST_REFUSALS: u64 = 1_000;
const BREATH: Duration = Duration::from_millis(1);
/// How long a peer has for the rest of a record after everything else.
const FINISH: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    /// Packets of 3, 1 and 2 lines.
    fn packets() -> Packets {
        let mut packets = Packets::default();
        packets.push(b"a:1|c\nb:1|c\nc:1|c\n", 3);
        packets.push(b"d:1|c\n", 1);
        packets.push(b"e:1|c\nf:1|c\n", 2);
        packets
    }

    fn sent_by(limit: Limit, rate: f64) -> (Ended, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut flooding = Flooding::tcp("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        let ended = send(&packets(), &mut flooding, rate, limit, &Stop::default(), &mut |_| {});
        drop(flooding);
        let mut read = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut read).unwrap();
        (ended, read)
    }

    #[test]
    fn exactly_as_many_records_go_as_were_asked_for() {
        for count in 0..20 {
            let (ended, read) = sent_by(Limit::Records(count), 0.0);
            assert!(matches!(ended.why, Why::Done));
            assert_eq!(read.iter().filter(|&&byte| byte == b'\n').count() as u64, count);
            let bytes = packets().bytes_of(ended.standing.packets) + ended.begun as u64;
            assert_eq!(bytes, read.len() as u64, "{count}");
        }
    }

    #[test]
    fn a_rate_is_kept() {
        let (ended, read) = sent_by(Limit::Time(Duration::from_millis(200)), 1_000.0);
        let lines = read.iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert_eq!(packets().records_of(ended.standing.packets), lines);
        assert!(lines <= 203, "{lines}");
        let kept = (ended.standing.elapsed - ended.let_go).as_secs_f64() * 1_000.0;
        assert!(lines as f64 > kept - 110.0, "{lines} of {kept}");
    }

    #[test]
    fn a_word_to_stop_ends_it_and_what_it_says_was_sent_was() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut flooding = Flooding::udp("127.0.0.1", peer.local_addr().unwrap().port()).unwrap();
        let stop = Stop::default();
        let mut watch = |standing: &Standing| {
            if standing.records >= 100 {
                stop.set();
            }
        };
        let ended = send(&packets(), &mut flooding, 0.0, Limit::Never, &stop, &mut watch);
        assert!(matches!(ended.why, Why::Interrupted));
        let mut received = 0;
        while peer.recv(&mut [0; 64]).is_ok() {
            received += 1;
        }
        assert_eq!((received, ended.begun), (ended.standing.packets, 0));
    }

    #[test]
    fn nobody_at_the_port_ends_it() {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut flooding = Flooding::udp("127.0.0.1", port).unwrap();
        let ended = send(&packets(), &mut flooding, 0.0, Limit::Never, &Stop::default(), &mut |_| {});
        assert!(matches!(ended.why, Why::Refused));
        assert!(ended.standing.refused >= MOST_REFUSALS);
    }

    #[test]
    fn a_peer_that_reads_nothing_is_left_and_half_a_line_does_not_count() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut flooding = Flooding::tcp("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        let mut long = Packets::default();
        long.push(&b"abcdefg:1|c\n".repeat(1 << 20), 1 << 20);
        let stop = Stop::default();
        let mut watch = |standing: &Standing| {
            if standing.full > 0 {
                stop.set();
            }
        };
        let ended = send(&long, &mut flooding, 0.0, Limit::Never, &stop, &mut watch);
        drop(flooding);
        let mut read = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut read).unwrap();
        let bytes = long.bytes_of(ended.standing.packets) + ended.begun as u64;
        assert!(bytes > 0 && bytes.is_multiple_of(12));
        assert!((bytes..bytes + 12).contains(&(read.len() as u64)), "{bytes} of {}", read.len());
    }

    #[test]
    fn a_connection_that_broke_is_told_of() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut flooding = Flooding::tcp("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        drop(listener.accept().unwrap());
        let ended = send(&packets(), &mut flooding, 0.0, Limit::Never, &Stop::default(), &mut |_| {});
        let Why::Broken(error) = ended.why else { panic!("it broke") };
        assert!(
            matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset),
            "{error}"
        );
    }
}
