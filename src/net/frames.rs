//! Cuts a stream of bytes into packets, each after its length: DogStatsD's framing on unix streams. Pure: knows no socket.
//!
//! Four bytes, little end first, say how many follow:
//! <https://docs.datadoghq.com/developers/dogstatsd/unix_socket/>.

use super::lines::Cut;

/// Gathers what was read of one stream and hands out whole packets.
#[derive(Debug)]
pub(super) struct PacketCutter {
    held: Vec<u8>,
    longest: usize,
    broken: bool,
}

impl PacketCutter {
    /// A cutter for packets of up to `longest` bytes.
    pub(super) fn new(longest: usize) -> PacketCutter {
        PacketCutter { held: Vec::new(), longest, broken: false }
    }

    /// Where to append what was read. Only ever append.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    /// Bytes of the packet that is not complete, its length included.
    pub(super) fn open_bytes(&self) -> u64 {
        self.held.len() as u64
    }

    /// Whether a length was longer than allowed: where the next packet begins is not known any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Hands out the packets that are whole and keeps the rest.
    pub(super) fn cut(&mut self, each: &mut dyn FnMut(Cut<'_>)) {
        let mut start = 0;
        while let Some((length, rest)) = self.held[start..].split_first_chunk::<LENGTH>() {
            let length = u32::from_le_bytes(*length) as usize;
            if length > self.longest {
                each(Cut::TooLong(length as u64));
                self.broken = true;
                self.held.clear();
                return;
            }
            let Some(packet) = rest.get(..length) else { break };
            if !packet.is_empty() {
                each(Cut::Lines(packet));
            }
            start += LENGTH + length;
        }
        self.held.drain(..start);
    }
}

const LENGTH: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut_up(parts: &[&[u8]], longest: usize) -> (Vec<Vec<u8>>, Vec<u64>, PacketCutter) {
        let (mut packets, mut long) = (Vec::new(), Vec::new());
        let mut cutter = PacketCutter::new(longest);
        for part in parts {
            cutter.room().extend_from_slice(part);
            cutter.cut(&mut |cut| match cut {
                Cut::Lines(packet) => packets.push(packet.to_vec()),
                Cut::TooLong(bytes) => long.push(bytes),
            });
        }
        (packets, long, cutter)
    }

    #[test]
    fn packets_are_whole_however_they_arrive() {
        let stream = b"\x05\0\0\0a:1|c\0\0\0\0\x03\0\0\0b:2";
        let (packets, long, cutter) = cut_up(&[stream], 100);
        assert_eq!(
            (packets, long, cutter.open_bytes()),
            (vec![b"a:1|c".to_vec(), b"b:2".to_vec()], vec![], 0)
        );
        let (packets, _, cutter) = cut_up(&[&stream[..3], &stream[3..8], &stream[8..19]], 100);
        assert_eq!((packets.len(), cutter.open_bytes()), (1, 6));
    }

    #[test]
    fn a_length_beyond_the_limit_ends_the_stream_and_takes_no_memory() {
        let (packets, long, cutter) = cut_up(&[b"\x01\0\0\0x\xff\xff\xff\xffrest"], 100);
        assert_eq!((packets, long), (vec![b"x".to_vec()], vec![u64::from(u32::MAX)]));
        assert!(cutter.is_broken() && cutter.open_bytes() == 0);
    }

    proptest! {
        #[test]
        fn what_was_framed_is_cut_however_it_is_split(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..20),
            at in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let stream: Vec<u8> = packets
                .iter()
                .flat_map(|packet| (packet.len() as u32).to_le_bytes().into_iter().chain(packet.iter().copied()))
                .collect();
            let mut cuts: Vec<usize> = at.iter().map(|index| index.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let (found, long, cutter) = cut_up(&parts, 40);
            prop_assert_eq!((found, long.len(), cutter.open_bytes()), (packets, 0, 0));
        }
    }
}
