//! Packets that are prepared before the clock starts, and sent over and over, in order.
//!
//! What was sent is therefore a number of packets, and everything about it can be told afterwards from their bytes.

use std::io::IoSlice;

use crate::net::Packet;

/// Packets of records: of lines, or of frames.
#[derive(Debug, Default)]
pub(super) struct Packets {
    bytes: Vec<u8>,
    /// Where each packet ends in `bytes`.
    ends: Vec<usize>,
    /// Records up to the end of each packet.
    records: Vec<u64>,
}

/// A part of what was sent: one packet, so many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent<'a> {
    /// Which packet it is.
    pub(super) index: usize,
    /// Its bytes, or those of its first records.
    pub(super) bytes: &'a [u8],
    /// How often it was sent.
    pub(super) times: u64,
}

impl Packets {
    /// Appends a packet.
    pub(super) fn push(&mut self, packet: &[u8], records: u64) {
        self.bytes.extend_from_slice(packet);
        self.ends.push(self.bytes.len());
        self.records.push(self.records_in_all() + records);
    }

    /// How many there are before they repeat.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// One of them.
    pub(super) fn packet(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// All of them, as they are sent.
    pub(super) fn slices(&self) -> Vec<Packet<'_>> {
        (0..self.len()).map(|index| [IoSlice::new(self.packet(index))]).collect()
    }

    /// Records of the first `packets` that are sent.
    pub(super) fn records_of(&self, packets: u64) -> u64 {
        let (cycles, rest) = self.split(packets);
        cycles * self.records_in_all() + rest.checked_sub(1).map_or(0, |last| self.records[last])
    }

    /// Bytes of the first `packets` that are sent.
    pub(super) fn bytes_of(&self, packets: u64) -> u64 {
        let (cycles, rest) = self.split(packets);
        let rest = rest.checked_sub(1).map_or(0, |last| self.ends[last]);
        cycles * self.bytes.len() as u64 + rest as u64
    }

    /// Which packet follows when so many were sent.
    pub(super) fn next(&self, packets: u64) -> usize {
        self.split(packets).1
    }

    /// How many packets from `index` on, of `most` and of those before they repeat, have `records` records at most.
    pub(super) fn fitting(&self, index: usize, most: usize, records: u64) -> usize {
        let before = index.checked_sub(1).map_or(0, |last| self.records[last]);
        let following = self.records[index..].iter().take(most);
        following.take_while(|&&sum| sum - before <= records).count()
    }

    /// What was sent, in the order of the last time: so many packets, and the first bytes of the one after them.
    pub(super) fn sent(&self, packets: u64, begun: usize) -> impl Iterator<Item = Sent<'_>> {
        let (cycles, rest) = self.split(packets);
        let part = move |times| move |index| Sent { index, bytes: self.packet(index), times };
        let older = (rest..self.len()).map(part(cycles));
        let newer = (0..rest).map(part(cycles + 1));
        let last = (begun > 0).then(|| Sent { index: rest, bytes: &self.packet(rest)[..begun], times: 1 });
        older.filter(|part| part.times > 0).chain(newer).chain(last)
    }

    fn records_in_all(&self) -> u64 {
        self.records.last().copied().unwrap_or(0)
    }

    fn split(&self, packets: u64) -> (u64, usize) {
        let all = self.len() as u64;
        (packets / all, (packets % all) as usize)
    }
}

/// Bytes of the first `records` lines of a packet, without the end of the last if the packet has none either.
pub(super) fn first_lines(packet: &[u8], records: u64) -> usize {
    let is_ended = packet.ends_with(b"\n");
    let mut ends = memchr::memchr_iter(b'\n', packet);
    let last = records.checked_sub(1).map(|last| ends.nth(usize::try_from(last).unwrap_or(usize::MAX)));
    match last {
        None => 0,
        Some(None) => packet.len(),
        Some(Some(end)) => end + usize::from(is_ended),
    }
}

/// Bytes of the whole lines at the beginning of what a stream took of a packet.
pub(super) fn lines_within(begun: &[u8]) -> usize {
    memchr::memrchr(b'\n', begun).map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Packets {
        let mut packets = Packets::default();
        packets.push(b"a\nb", 2);
        packets.push(b"c", 1);
        packets.push(b"d\ne\nf", 3);
        packets
    }

    #[test]
    fn numbers_of_what_is_sent_go_on_through_the_cycles() {
        let packets = three();
        assert_eq!([0, 1, 2, 3, 4, 8].map(|sent| packets.records_of(sent)), [0, 2, 3, 6, 8, 15]);
        assert_eq!([0, 1, 3, 4].map(|sent| packets.bytes_of(sent)), [0, 3, 9, 12]);
        assert_eq!([0, 2, 3, 7].map(|sent| packets.next(sent)), [0, 2, 0, 1]);
    }

    #[test]
    fn as_many_packets_go_as_their_records_fit() {
        let packets = three();
        let fitting = |records| packets.fitting(0, 64, records);
        assert_eq!([0, 1, 2, 3, 5, 6, 99].map(fitting), [0, 0, 1, 2, 2, 3, 3]);
        assert_eq!(packets.fitting(1, 64, 4), 2);
        assert_eq!(packets.fitting(0, 1, 99), 1);
    }

    #[test]
    fn what_was_sent_stands_in_the_order_of_the_last_time() {
        let packets = three();
        let sent = |count, begun| -> Vec<(usize, usize, u64)> {
            packets.sent(count, begun).map(|part| (part.index, part.bytes.len(), part.times)).collect()
        };
        assert_eq!(sent(2, 0), [(0, 3, 1), (1, 1, 1)]);
        assert_eq!(sent(5, 2), [(2, 5, 1), (0, 3, 2), (1, 1, 2), (2, 2, 1)]);
        assert_eq!(sent(3, 0), [(0, 3, 1), (1, 1, 1), (2, 5, 1)]);
    }

    #[test]
    fn packets_are_cut_at_the_ends_of_lines() {
        assert_eq!([0, 1, 2, 3].map(|lines| first_lines(b"ab\nc\nd", lines)), [0, 2, 4, 6]);
        assert_eq!([1, 2].map(|lines| first_lines(b"ab\nc\n", lines)), [3, 5]);
        assert_eq!([&b"ab\nc"[..], b"ab", b"ab\n"].map(lines_within), [3, 0, 3]);
    }
}
