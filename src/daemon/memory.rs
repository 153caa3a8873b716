//! How memory is given back to the system.
//!
//! A column of a snapshot is large, and gone after a moment. Left alone, glibc learns from the first one that blocks of
//! that size are usual, and keeps the room of later ones: a quarter of what a million series take. A module
//! with `unsafe`, like `net/receive.rs` and `statsd/scan.rs`, because `mallopt(3)` has no safe wrapper.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "mallopt is called through libc")
)]

/// Lets large blocks of memory go back to the system as soon as they are free.
///
/// To be called before there are threads. Where the allocator is not glibc's, nothing is done.
pub(super) fn give_back_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (option, bytes) in [(nix::libc::M_MMAP_THRESHOLD, LARGE), (nix::libc::M_TRIM_THRESHOLD, SPARE)] {
        // SAFETY: it sets one number of the allocator, under the allocator's lock.
        let taken = unsafe { nix::libc::mallopt(option, bytes) };
        debug_assert_eq!(taken, 1, "the allocator refuses {bytes} for option {option}");
    }
}

/// Blocks from this size on are mapped each for itself: as much as a batch of datagrams or a pack takes is below.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 1 << 20;

/// What may stay free at the end of a heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SPARE: i32 = 2 << 20;
