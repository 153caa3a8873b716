//! Which file a position is in, told by what stands before it.
//!
//! A position is known by the first bytes of its file and by the last ones before it, both of the content as it is
//! uncompressed: a renamed, copied or compressed file is found again, and another one under its name or inode is not
//! taken for it. The hash of the last 500 bytes is the one of Heka's journals.

use sha1::{Digest, Sha1};

/// The first bytes of a file, as far as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head(Vec<u8>);

/// The last bytes that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window(Vec<u8>);

/// Hashes of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Bytes that `head` is of; 0 if nobody knows them, as in Heka's journals.
    pub head_length: u16,
    /// SHA-1 of the first bytes.
    pub head: [u8; 20],
    /// SHA-1 of the 500 bytes before the position, NULs before them where there are fewer.
    pub window: [u8; 20],
}

impl Head {
    /// Bytes of a file that are kept at most.
    pub const LENGTH: usize = 1024;

    /// The head of a file of which `bytes` are the first.
    pub fn of(bytes: &[u8]) -> Head {
        Head(bytes[..bytes.len().min(Head::LENGTH)].to_vec())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes what follows it, read at `offset`.
    pub fn extend(&mut self, offset: u64, bytes: &[u8]) {
        if offset == self.0.len() as u64 && self.0.len() < Head::LENGTH {
            let room = Head::LENGTH - self.0.len();
            self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
}

impl Window {
    /// Bytes that are kept at most.
    pub const LENGTH: usize = 500;

    /// The window after `bytes`.
    pub fn of(bytes: &[u8]) -> Window {
        Window(bytes[bytes.len().saturating_sub(Window::LENGTH)..].to_vec())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Moves on over `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) {
        let kept = Window::LENGTH.saturating_sub(bytes.len()).min(self.0.len());
        self.0.drain(..self.0.len() - kept);
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(Window::LENGTH)..]);
    }
}

impl Fingerprint {
    /// The fingerprint of the position `offset` in a file that begins with `head`, `window` standing before it.
    pub fn of(head: &Head, window: &Window, offset: u64) -> Fingerprint {
        let length = (head.0.len() as u64).min(offset) as usize;
        Fingerprint {
            head_length: length as u16,
            head: hash(&head.0[..length]),
            window: padded_hash(&window.0),
        }
    }

    /// Whether `head` begins as the file did.
    pub fn begins(&self, head: &Head) -> bool {
        let length = usize::from(self.head_length);
        length == 0 || head.0.get(..length).is_some_and(|head| hash(head) == self.head)
    }

    /// Whether `window` is what stood before the position.
    pub fn ends(&self, window: &Window) -> bool {
        padded_hash(&window.0) == self.window
    }
}

fn padded_hash(window: &[u8]) -> [u8; 20] {
    let mut padded = [0; Window::LENGTH];
    padded[Window::LENGTH - window.len()..].copy_from_slice(window);
    hash(&padded)
}

fn hash(bytes: &[u8]) -> [u8; 20] {
    Sha1::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_the_last_bytes_however_they_came() {
        let bytes: Vec<u8> = (0..2000u32).map(|number| number as u8).collect();
        for step in [1, 7, 499, 500, 501, 1999] {
            let mut window = Window::default();
            bytes.chunks(step).for_each(|chunk| window.extend(chunk));
            assert_eq!(window, Window::of(&bytes), "{step}");
        }
        assert_eq!(Window::of(b"ab").bytes(), b"ab");
    }

    #[test]
    fn a_head_grows_only_at_its_end_and_to_its_length() {
        let mut head = Head::default();
        head.extend(0, b"ab");
        head.extend(5, b"xx");
        head.extend(2, &[b'c'; 2000]);
        assert_eq!(head.bytes().len(), Head::LENGTH);
        assert!(head.bytes().starts_with(b"abcc"));
    }

    #[test]
    fn a_fingerprint_knows_its_file_and_no_other() {
        let text = vec![b'x'; 3000];
        let print = Fingerprint::of(&Head::of(&text), &Window::of(&text[..700]), 700);
        assert_eq!(print.head_length, 700);
        assert!(print.begins(&Head::of(&text)) && print.ends(&Window::of(&text[200..700])));
        assert!(!print.begins(&Head::of(&text[..699])));
        assert!(!print.ends(&Window::of(b"xy")));
    }
}
