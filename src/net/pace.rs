//! When a lane pauses before it receives: pure arithmetic, the sleeping is done elsewhere.
//!
//! A wake-up and a system call cost twice what the kernel charges for a small datagram. So a lane that drained its
//! socket at a high rate lets datagrams gather for two milliseconds, and then takes full batches. At a low rate it
//! never pauses: nothing would be saved, and latency lost.

use std::time::Duration;

use crate::time::Stamp;

/// Decides the pauses of one lane from what its calls found.
#[derive(Debug)]
pub struct Pace {
    /// Longest pause.
    longest: Duration,
    /// Bytes of kernel memory that may gather during a pause.
    room: f64,
    /// Datagrams a call takes at most.
    batch: usize,
    /// Smoothed datagrams per second.
    rate: f64,
    /// Smoothed bytes of kernel memory per second.
    inflow: f64,
    cycle: Cycle,
}

/// From the first call after a pause to the call that found the socket drained.
#[derive(Debug, Default)]
struct Cycle {
    began: Option<Stamp>,
    datagrams: usize,
    memory: usize,
}

impl Pace {
    /// A pace for calls of up to `batch` datagrams from a socket whose receive buffer takes `buffer` bytes, as the
    /// kernel counts them. Pauses last `longest` at most, and never longer than [`LONGEST_PAUSE`].
    pub fn new(batch: usize, buffer: usize, longest: Duration) -> Pace {
        let room = buffer as f64 * SHARE_OF_BUFFER;
        let longest = longest.min(LONGEST_PAUSE);
        Pace { longest, room, batch, rate: 0.0, inflow: 0.0, cycle: Cycle::default() }
    }

    /// How long to sleep before the next call at `now`, given what the last call found; zero for not at all.
    ///
    /// A clock that went backwards starts the measure anew.
    pub fn next(&mut self, datagrams: usize, bytes: usize, now: Stamp) -> Duration {
        let Some(began) = self.cycle.began else {
            self.cycle = Cycle { began: Some(now), ..Cycle::default() };
            return Duration::ZERO;
        };
        self.cycle.datagrams += datagrams;
        self.cycle.memory += datagrams * MEMORY_OF_A_DATAGRAM + bytes * 2;
        if datagrams >= self.batch {
            return Duration::ZERO;
        }
        let lasted = now.since(began).as_secs_f64();
        let cycle = std::mem::replace(&mut self.cycle, Cycle { began: Some(now), ..Cycle::default() });
        if lasted <= 0.0 {
            return Duration::ZERO;
        }
        let latest = cycle.memory as f64 / lasted;
        let weight = 1.0 - (-lasted / MEMORY_OF_RATE).exp();
        self.rate += weight * (cycle.datagrams as f64 / lasted - self.rate);
        self.inflow += weight * (latest - self.inflow);
        if datagrams == 0 || self.rate < LOWEST_RATE {
            return Duration::ZERO;
        }
        self.bounded(latest)
    }

    /// Datagrams a second, smoothed over about 50 ms.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    fn bounded(&self, latest: f64) -> Duration {
        let bearable = self.room / self.inflow.max(latest).max(1.0);
        let pause = self.longest.as_secs_f64().min(bearable);
        if pause < SHORTEST_PAUSE.as_secs_f64() { Duration::ZERO } else { Duration::from_secs_f64(pause) }
    }
}

/// What a lane pauses unless told otherwise.
pub const USUAL_PAUSE: Duration = Duration::from_millis(2);
/// No lane pauses longer, whatever it is told.
pub const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// A shorter sleep would cost as much as it saves.
const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
/// Datagrams a second below which a pause gathers fewer than two.
const LOWEST_RATE: f64 = 2_000.0;
/// Part of the receive buffer that may fill during a pause.
const SHARE_OF_BUFFER: f64 = 0.5;
/// Kernel memory of a datagram, whatever its size: what a network card's driver sets aside for one frame.
const MEMORY_OF_A_DATAGRAM: usize = 2304;
/// Seconds after which an old rate counts for a third.
const MEMORY_OF_RATE: f64 = 0.050;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BATCH: usize = 64;
    const CALL: i64 = 20_000;

    /// A model of a lane: `rate` datagrams of `size` bytes a second arrive, for `seconds`.
    struct Lane {
        pace: Pace,
        now: i64,
        calls: u32,
        taken: u64,
        paused: Duration,
        deepest: f64,
    }

    fn run(rate: f64, size: usize, buffer: usize, longest: Duration, seconds: i64) -> Lane {
        let pace = Pace::new(BATCH, buffer, longest);
        let mut lane = Lane { pace, now: 0, calls: 0, taken: 0, paused: Duration::ZERO, deepest: 0.0 };
        let mut last = 0;
        while lane.now < seconds * 1_000_000_000 {
            let pause = lane.pace.next(last, last * size, Stamp(lane.now));
            lane.now += CALL + i64::try_from(pause.as_nanos()).unwrap();
            lane.paused = lane.paused.max(pause);
            let waiting = (lane.now as f64 / 1e9 * rate) as u64 - lane.taken;
            let memory = waiting as f64 * (MEMORY_OF_A_DATAGRAM + size * 2) as f64;
            lane.deepest = lane.deepest.max(memory);
            last = usize::try_from(waiting).unwrap().min(BATCH);
            if last == 0 {
                // The lane waits for the next datagram, as poll does.
                lane.now += (1e9 / rate) as i64;
            }
            lane.taken += last as u64;
            lane.calls += 1;
        }
        lane
    }

    #[test]
    fn a_high_rate_gathers_many_datagrams_a_call() {
        let lane = run(100_000.0, 46, 52_428_800, USUAL_PAUSE, 1);
        assert_eq!(lane.paused, USUAL_PAUSE);
        assert!(lane.taken as f64 / f64::from(lane.calls) > 40.0, "{} calls for {}", lane.calls, lane.taken);
        assert!((lane.pace.rate() - 100_000.0).abs() < 10_000.0, "{}", lane.pace.rate());
    }

    #[test]
    fn a_low_rate_is_never_made_to_wait() {
        assert_eq!(run(1_000.0, 46, 52_428_800, USUAL_PAUSE, 2).paused, Duration::ZERO);
    }

    #[test]
    fn a_full_call_is_followed_at_once_by_the_next() {
        let mut pace = Pace::new(BATCH, 52_428_800, USUAL_PAUSE);
        for call in 0..1_000 {
            assert_eq!(pace.next(BATCH, BATCH * 50, Stamp(call * 50_000)), Duration::ZERO);
        }
        assert_eq!(pace.next(40, 2_000, Stamp(50_000_000)), USUAL_PAUSE);
    }

    #[test]
    fn a_lane_that_fell_idle_does_not_pause() {
        let mut pace = Pace::new(BATCH, 52_428_800, USUAL_PAUSE);
        for call in 0..100 {
            pace.next(50, 2_500, Stamp(call * 1_000_000));
        }
        assert_eq!(pace.next(0, 0, Stamp(200_000_000)), Duration::ZERO);
        assert_eq!(pace.next(1, 46, Stamp(1_200_000_000)), Duration::ZERO);
    }

    #[test]
    fn the_configured_pause_is_capped() {
        assert_eq!(run(50_000.0, 46, 52_428_800, Duration::from_secs(1), 1).paused, LONGEST_PAUSE);
    }

    #[test]
    fn a_clock_that_steps_back_does_no_harm() {
        let mut pace = Pace::new(BATCH, 52_428_800, USUAL_PAUSE);
        pace.next(0, 0, Stamp(1_000_000_000));
        assert_eq!(pace.next(50, 2_500, Stamp(0)), Duration::ZERO);
        assert!(pace.rate().is_finite());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_steady_rate_never_fills_the_buffer_by_pausing(
            rate in 3_000.0..1_000_000.0_f64, size in 1_usize..8_000, buffer in 200_000_usize..50_000_000,
        ) {
            let lane = run(rate, size, buffer, USUAL_PAUSE, 1);
            let per_call = CALL as f64 / 1e9 * rate * (MEMORY_OF_A_DATAGRAM + size * 2) as f64;
            // Where the lane keeps up at all, its deepest backlog stays within what the buffer bears.
            if rate * CALL as f64 / 1e9 < BATCH as f64 / 2.0 && per_call < buffer as f64 / 8.0 {
                prop_assert!(lane.deepest <= buffer as f64 * 0.75 + 3.0 * per_call, "{} of {buffer}", lane.deepest);
            }
        }
    }
}
