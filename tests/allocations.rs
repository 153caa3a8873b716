//! Holds the fast path to its promise: a sample costs no allocation, a batch next to none.

#![expect(unsafe_code, reason = "an allocator that counts is one that hands everything on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use crate::lane::{Lane, Load};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn hold(bytes: i64) {
    // As below.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

fn count() {
    // A thread that ends allocates after its counter is gone: nobody asks for it any more.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size() as i64);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        hold(size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread during `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Bytes this thread has allocated by now and not given back.
pub(crate) fn held() -> i64 {
    HELD.get()
}

/// Allocations of every batch of the third interval, after two to warm up.
fn batches_of_the_third_interval(filters: &str, load: Load) -> Vec<u64> {
    let text = format!("[StatsdInput]\naddress = \"127.0.0.1:8125\"\n{filters}\n[CarbonOutput]\n");
    let mut lane = Lane::new(&text);
    let mut last = Vec::new();
    for interval in 1..=3 {
        let datagrams = load.datagrams(interval, BATCHES * DATAGRAMS);
        last = datagrams.chunks(DATAGRAMS).map(|batch| allocations(|| lane.push(batch))).collect();
        if interval < 3 {
            lane.end_interval(Duration::from_secs(10));
        }
    }
    last
}

#[track_caller]
fn assert_few(batches: &[u64]) {
    let total: u64 = batches.iter().sum();
    let most = batches.iter().max().expect("there are batches");
    let mean = total as f64 / batches.len() as f64;
    println!("{mean:.2} allocations a batch, {most} at most");
    assert!(mean <= 4.0, "{mean} allocations a batch, {most} at most");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1, 2, 3]))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn a_warm_lane_allocates_at_most_four_times_a_batch() {
    let load = Load { tagged: 3, ..Load::PLAIN };
    assert_few(&batches_of_the_third_interval("[StatAccumFilter]\n", load));
}

#[test]
fn a_warm_lane_of_series_that_come_now_and_then_allocates_at_most_four_times_a_batch() {
    let load = Load { names: 50_000, tagged: 3, ..Load::PLAIN };
    assert_few(&batches_of_the_third_interval("[StatAccumFilter]\n", load));
}

#[test]
fn a_warm_lane_split_between_two_filters_allocates_at_most_four_times_a_batch() {
    let load = Load { tagged: 3, ..Load::PLAIN };
    assert_few(&batches_of_the_third_interval(SPLIT, load));
}

#[test]
fn a_warm_lane_whose_keys_are_counted_allocates_at_most_four_times_a_batch() {
    let load = Load { tagged: 3, ..Load::PLAIN };
    assert_few(&batches_of_the_third_interval("[StatAccumFilter]\n[KeyFlushFilter]\n", load));
}

const SPLIT: &str = r#"
[one]
type = "StatAccumFilter"
message_matcher = "Type == 'heka.statsample' && Fields[name] =~ /^bench.c.web-0/"
[other]
type = "StatAccumFilter"
message_matcher = "Type == 'heka.statsample' && Fields[name] !~ /^bench.c.web-0/"
"#;

/// Batches of an interval.
const BATCHES: usize = 300;

/// Datagrams of a batch: about 900 samples, so that it closes by the flush.
const DATAGRAMS: usize = 27;
