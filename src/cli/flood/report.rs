//! What a flood says at its end: everything it sent, in sums, as text or as one JSON object.

use serde::Serialize;

use super::super::shown::grouped;
use super::sending::{Ended, Why};
use super::sums::Sums;

/// What was sent, and how it went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    /// The workload, `messages` or `access log`.
    pub(super) workload: String,
    pub(super) target: String,
    #[serde(flatten)]
    pub(super) sums: Sums,
    /// Datagrams; none where a stream has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) datagrams: Option<u64>,
    pub(super) bytes: u64,
    /// Times that the peer answered that nobody listens.
    pub(super) refused: u64,
    /// Times that the system had no memory (ENOBUFS); what was to be sent then was sent later.
    pub(super) no_buffers: u64,
    /// Times that the peer had no room for a tenth of a second.
    pub(super) full: u64,
    pub(super) seconds: f64,
    /// Records a second.
    pub(super) rate: f64,
    /// Seconds for which the rate could not be kept and that were not caught up with.
    pub(super) behind: f64,
    /// Whether a signal ended it.
    pub(super) interrupted: bool,
}

impl Report {
    /// What is to be said of a flood that ended; `bytes` and `sums` are what was sent.
    pub(super) fn of(
        what: (String, String),
        ended: &Ended,
        is_datagrams: bool,
        bytes: u64,
        sums: Sums,
    ) -> Report {
        let standing = &ended.standing;
        let seconds = standing.elapsed.as_secs_f64();
        let datagrams = is_datagrams.then_some(standing.packets + u64::from(ended.begun > 0));
        Report {
            workload: what.0,
            target: what.1,
            datagrams,
            bytes,
            refused: standing.refused,
            no_buffers: standing.no_buffers,
            full: standing.full,
            seconds,
            rate: if seconds > 0.0 { (sums.records() as f64 / seconds).round() } else { 0.0 },
            behind: ended.let_go.as_secs_f64(),
            interrupted: matches!(ended.why, Why::Interrupted),
            sums,
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let what = match self.sums {
            Sums::Samples(_) => "samples",
            Sums::Messages(_) => "messages",
            Sums::Lines(_) => "lines",
        };
        let rate = grouped(self.rate as u64);
        let mut text = format!(
            "sent {} {what} to {} in {:.2} s: {rate}/s\n",
            grouped(self.sums.records()),
            self.target,
            self.seconds
        );
        for (name, number, more) in self.sums.rows() {
            text.push_str(format!("  {name:9} {:>15}  {more}", grouped(number)).trim_end());
            text.push('\n');
        }
        let packets = self.datagrams.map(|count| format!("{} datagrams, ", grouped(count)));
        text.push_str(&format!("  {}{} bytes\n", packets.unwrap_or_default(), grouped(self.bytes)));
        for (count, words) in [
            (self.refused, "answers that nobody listens"),
            (self.no_buffers, "times the system had no buffer; sent later"),
            (self.full, "times without room for a tenth of a second"),
        ] {
            if count > 0 {
                text.push_str(&format!("  {} {words}\n", grouped(count)));
            }
        }
        if self.behind > 0.0 {
            text.push_str(&format!("  behind its rate for {:.2} s\n", self.behind));
        }
        text
    }
}

impl Sums {
    /// How many there are in all.
    pub(super) fn records(&self) -> u64 {
        match self {
            Sums::Samples(sums) => sums.samples,
            Sums::Messages(sums) => sums.messages,
            Sums::Lines(sums) => sums.lines,
        }
    }

    /// A name, a number, and what else is to be said of it; nothing of what there was none of.
    fn rows(&self) -> Vec<(&'static str, u64, String)> {
        let rows = match self {
            Sums::Samples(sums) => vec![
                ("counters", sums.counters, format!("sum {}", grouped(sums.counter_sum))),
                ("timers", sums.timers, format!("sum {} ms", sums.timer_sum)),
                (
                    "gauges",
                    sums.gauges,
                    format!(
                        "{} names, sum of their last values {}",
                        grouped(sums.gauge_series),
                        grouped(sums.gauge_sum)
                    ),
                ),
                (
                    "sets",
                    sums.sets,
                    format!("{} names, {} members", grouped(sums.set_series), grouped(sums.set_members)),
                ),
            ],
            Sums::Messages(sums) => vec![
                ("signed", sums.signed, String::new()),
                ("corrupt", sums.corrupt, String::new()),
                ("oversized", sums.oversized, String::new()),
            ],
            Sums::Lines(sums) => vec![
                ("2xx", sums.status_2xx, String::new()),
                ("3xx", sums.status_3xx, String::new()),
                ("4xx", sums.status_4xx, String::new()),
                ("5xx", sums.status_5xx, format!("body bytes of all {}", grouped(sums.body_bytes))),
            ],
        };
        rows.into_iter().filter(|(_, number, _)| *number > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sending::Standing;
    use super::super::sums::{Messages, Samples};
    use super::*;

    fn ended() -> Ended {
        let standing = Standing {
            elapsed: Duration::from_millis(2_500),
            packets: 40,
            refused: 3,
            ..Standing::default()
        };
        Ended { standing, begun: 10, let_go: Duration::from_millis(500), why: Why::Interrupted }
    }

    fn what() -> (String, String) {
        ("W2".to_owned(), "udp://a:1".to_owned())
    }

    #[test]
    fn people_read_sums_and_what_went_wrong() {
        let samples = Samples {
            samples: 1_234,
            counters: 1_000,
            counter_sum: 5_500,
            timers: 234,
            timer_sum: 10.5,
            ..Samples::default()
        };
        let report = Report::of(what(), &ended(), true, 56_789, Sums::Samples(samples));
        let expected = "sent 1,234 samples to udp://a:1 in 2.50 s: 494/s
  counters            1,000  sum 5,500
  timers                234  sum 10.5 ms
  41 datagrams, 56,789 bytes
  3 answers that nobody listens
  behind its rate for 0.50 s
";
        assert_eq!(report.text(), expected);
    }

    #[test]
    fn programs_read_one_object() {
        let messages = Messages { messages: 10, signed: 5, ..Messages::default() };
        let report = Report::of(what(), &ended(), false, 1_000, Sums::Messages(messages));
        let expected = "{\"workload\":\"W2\",\"target\":\"udp://a:1\",\"messages\":10,\"signed\":5,\"corrupt\":0,\
                        \"oversized\":0,\"bytes\":1000,\"refused\":3,\"no_buffers\":0,\"full\":0,\"seconds\":2.5,\
                        \"rate\":4.0,\"behind\":0.5,\"interrupted\":true}";
        assert_eq!(serde_json::to_string(&report).unwrap(), expected);
    }
}
