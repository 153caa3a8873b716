//! Finds the structural bytes of statsd text, `:`, `|` and the line feed, 64 bytes at a time.
//!
//! A block becomes a mask with one bit a byte, a mask becomes positions. On x86-64 the masks come from SSE2, or from
//! AVX2 where the processor has it; elsewhere from words of eight bytes.

#![allow(unsafe_code)]

/// The positions of the last scan; its memory is kept for the next.
#[derive(Debug, Default)]
pub(super) struct Marks {
    at: Vec<u32>,
    found: usize,
}

impl Marks {
    /// Finds the marks of `text`, which is shorter than 4 GiB, and adds its end as a mark if it has no final line
    /// feed: so every line ends with a mark.
    pub(super) fn scan(&mut self, text: &[u8]) {
        if self.at.len() < text.len() + BLOCK + 1 {
            self.at.resize(text.len() + BLOCK + 1, 0);
        }
        self.found = fill(text, &mut self.at);
        if text.last().is_some_and(|&byte| byte != b'\n') {
            self.at[self.found] = text.len() as u32;
            self.found += 1;
        }
    }

    /// The marks found, ascending.
    #[inline(always)]
    pub(super) fn positions(&self) -> &[u32] {
        &self.at[..self.found]
    }
}

/// Writes the positions of the marks of `text` to the front of `at` and returns their number.
#[cfg(target_arch = "x86_64")]
fn fill(text: &[u8], at: &mut [u32]) -> usize {
    if is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
    {
        // SAFETY: the processor has the three features `x86::fill_avx2` is compiled for.
        unsafe { x86::fill_avx2(text, at) }
    } else {
        fill_with(text, at, x86::block_sse2)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn fill(text: &[u8], at: &mut [u32]) -> usize {
    fill_with(text, at, block_of_words)
}

/// `fill` with the masks that `mask` makes. Inlined so that it is compiled for the features of its caller.
#[inline(always)]
fn fill_with(text: &[u8], at: &mut [u32], mask: impl Fn(&[u8; BLOCK]) -> u64) -> usize {
    let (blocks, tail) = text.as_chunks::<BLOCK>();
    let mut found = 0;
    for (number, block) in blocks.iter().enumerate() {
        found += spread(mask(block), number * BLOCK, &mut at[found..]);
    }
    if !tail.is_empty() {
        let mut padded = [0; BLOCK];
        padded[..tail.len()].copy_from_slice(tail);
        found += spread(mask(&padded), text.len() - tail.len(), &mut at[found..]);
    }
    found
}

/// Writes the positions of the bits of `mask`, `base` added, and returns their number.
///
/// Writes some positions without asking whether they exist: a block of short lines has three to six, and a loop
/// that ends at an unforeseen count costs more than what is written in vain.
#[inline(always)]
fn spread(mut mask: u64, base: usize, at: &mut [u32]) -> usize {
    let at: &mut [u32; BLOCK] = at.first_chunk_mut().expect("there is room for a block after every mark");
    let count = mask.count_ones() as usize;
    for slot in &mut at[..AT_ONCE] {
        *slot = base as u32 + mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
    }
    for slot in &mut at[AT_ONCE..] {
        if mask == 0 {
            break;
        }
        *slot = base as u32 + mask.trailing_zeros();
        mask &= mask - 1;
    }
    count
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, fill_with};

    /// `fill` for processors with AVX2.
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) fn fill_avx2(text: &[u8], at: &mut [u32]) -> usize {
        fill_with(text, at, |block| block_avx2(block))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn block_avx2(block: &[u8; BLOCK]) -> u64 {
        let (halves, _) = block.as_chunks::<32>();
        let half = |bytes: &[u8; 32]| {
            // SAFETY: the 32 bytes behind the reference may be read, and the load asks for no alignment.
            let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
            let is = |byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte as i8));
            let any = _mm256_or_si256(_mm256_or_si256(is(b':'), is(b'|')), is(b'\n'));
            u64::from(_mm256_movemask_epi8(any) as u32)
        };
        half(&halves[0]) | half(&halves[1]) << 32
    }

    /// The mask of a block, with what every x86-64 has.
    #[inline(always)]
    pub(super) fn block_sse2(block: &[u8; BLOCK]) -> u64 {
        let (quarters, _) = block.as_chunks::<16>();
        let quarter = |bytes: &[u8; 16]| {
            // SAFETY: the 16 bytes behind the reference may be read, and the load asks for no alignment; SSE2 is
            // part of the architecture.
            unsafe {
                let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
                let is = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8));
                let any = _mm_or_si128(_mm_or_si128(is(b':'), is(b'|')), is(b'\n'));
                u64::from(_mm_movemask_epi8(any) as u32)
            }
        };
        quarter(&quarters[0])
            | quarter(&quarters[1]) << 16
            | quarter(&quarters[2]) << 32
            | quarter(&quarters[3]) << 48
    }
}

/// The mask of a block by words of eight bytes, on any processor.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn block_of_words(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    words.iter().enumerate().fold(0, |mask, (number, word)| {
        let word = u64::from_le_bytes(*word);
        mask | gather(zero_bytes(word, b':') | zero_bytes(word, b'|') | zero_bytes(word, b'\n'))
            << (number * 8)
    })
}

/// The high bit of every byte of `word` that is `byte`. Carries never leave a byte, so none is marked by mistake.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn zero_bytes(word: u64, byte: u8) -> u64 {
    let differing = word ^ (LOW * u64::from(byte));
    let nonzero = ((differing & !HIGH) + !HIGH) | differing;
    !nonzero & HIGH
}

/// The high bits of the eight bytes of `marked`, as one byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn gather(marked: u64) -> u64 {
    (marked >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Bytes of a mask.
const BLOCK: usize = 64;

/// Positions of a block that are written without asking.
const AT_ONCE: usize = 6;

#[cfg(any(test, not(target_arch = "x86_64")))]
const LOW: u64 = 0x0101_0101_0101_0101;

#[cfg(any(test, not(target_arch = "x86_64")))]
const HIGH: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn twin(text: &[u8]) -> Vec<u32> {
        let is_mark = |&at: &usize| matches!(text[at], b':' | b'|' | b'\n');
        let mut at: Vec<u32> = (0..text.len()).filter(is_mark).map(|at| at as u32).collect();
        if text.last().is_some_and(|&byte| byte != b'\n') {
            at.push(text.len() as u32);
        }
        at
    }

    fn with(mask: impl Fn(&[u8; BLOCK]) -> u64, text: &[u8]) -> Vec<u32> {
        let mut at = vec![0; text.len() + BLOCK + 1];
        let found = fill_with(text, &mut at, mask);
        if text.last().is_some_and(|&byte| byte != b'\n') {
            at.truncate(found);
            at.push(text.len() as u32);
        } else {
            at.truncate(found);
        }
        at
    }

    #[test]
    fn no_byte_but_the_three_is_a_mark() {
        let all: Vec<u8> = (0..=255).collect();
        let mut marks = Marks::default();
        marks.scan(&all);
        assert_eq!(marks.positions(), [10, 58, 124, 256]);
        assert_eq!(with(block_of_words, &all), [10, 58, 124, 256]);
    }

    #[test]
    fn a_second_scan_forgets_the_first() {
        let mut marks = Marks::default();
        marks.scan(&[b':'; 1000]);
        assert_eq!(marks.positions().len(), 1001);
        marks.scan(b"a:1\n");
        assert_eq!(marks.positions(), [1, 3]);
        marks.scan(b"");
        assert_eq!(marks.positions(), [0u32; 0]);
    }

    proptest! {
        #[test]
        fn every_scan_finds_what_a_look_at_each_byte_finds(
            dense in proptest::collection::vec(prop_oneof![Just(b':'), Just(b'|'), Just(b'\n'), Just(b';'), Just(b'{'),
                Just(0x0b), Just(0xba), Just(0x8a), any::<u8>()], 0..300)
        ) {
            let expected = twin(&dense);
            let mut marks = Marks::default();
            marks.scan(&dense);
            prop_assert_eq!(marks.positions(), &expected[..]);
            prop_assert_eq!(&with(block_of_words, &dense), &expected);
            #[cfg(target_arch = "x86_64")]
            prop_assert_eq!(&with(x86::block_sse2, &dense), &expected);
        }
    }
}
