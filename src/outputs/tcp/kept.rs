//! What was written of late, to be sent again if its connection turns out to be broken.
//!
//! A write succeeds when the kernel has the bytes, long before the peer has them. So what was written in this tick and in
//! the one before is kept, up to [`MOST`] bytes and a batch more: as much as the kernel holds of a connection by default.

/// What was written in two ticks.
#[derive(Debug, Default)]
pub(super) struct Kept {
    older: Written,
    newer: Written,
}

/// Whole frames.
#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    records: u64,
}

impl Kept {
    /// Keeps a batch of frames.
    pub(super) fn keep(&mut self, bytes: &[u8], records: u64) {
        if self.newer.bytes.len() + bytes.len() > MOST / 2 {
            self.turn();
        }
        self.newer.bytes.extend_from_slice(bytes);
        self.newer.records += records;
    }

    /// A tick is over: what is older than that is with the peer.
    pub(super) fn turn(&mut self) {
        std::mem::swap(&mut self.older, &mut self.newer);
        self.newer.clear();
    }

    /// It was written again just now.
    pub(super) fn renew(&mut self) {
        self.older.bytes.append(&mut self.newer.bytes);
        self.older.records += std::mem::take(&mut self.newer.records);
        std::mem::swap(&mut self.older, &mut self.newer);
    }

    /// Whether another `bytes` can be kept without anything of it being forgotten.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.older.bytes.len() + self.newer.bytes.len() + bytes <= MOST / 2
    }

    /// All of it is with the peer.
    pub(super) fn forget(&mut self) {
        self.older.clear();
        self.newer.clear();
    }

    /// What is kept, in the order of its writing.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [&self.older.bytes, &self.newer.bytes]
    }

    /// Records kept.
    pub(super) fn records(&self) -> u64 {
        self.older.records + self.newer.records
    }
}

impl Written {
    fn clear(&mut self) {
        self.bytes.clear();
        self.records = 0;
    }
}

/// Bytes kept at most, but for a batch that alone is larger than half of it.
const MOST: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_two_ticks_is_kept_and_no_more_than_allowed() {
        let mut kept = Kept::default();
        kept.keep(b"one", 1);
        kept.turn();
        kept.keep(b"two", 2);
        assert_eq!((kept.parts().concat(), kept.records()), (b"onetwo".to_vec(), 3));
        kept.turn();
        assert_eq!((kept.parts().concat(), kept.records()), (b"two".to_vec(), 2));
        kept.keep(b"three", 3);
        kept.renew();
        kept.turn();
        assert_eq!((kept.parts().concat(), kept.records()), (b"twothree".to_vec(), 5));
        assert!(kept.has_room(MOST / 2 - 8) && !kept.has_room(MOST / 2 - 7));
        kept.forget();
        assert_eq!((kept.parts().concat(), kept.records()), (Vec::new(), 0));
        for _ in 0..100 {
            kept.keep(&[0; 1 << 20], 1);
            assert!(kept.parts().concat().len() <= MOST);
        }
        assert_eq!(kept.records(), 4);
    }
}
