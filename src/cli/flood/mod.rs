//! `hekad flood`: a load of statsd lines, of framed messages or of lines of an access log, and the sums of what was sent.
//!
//! Packets are prepared before the clock starts; the same seed makes the same bytes. What was sent is what the system
//! took: datagrams may be dropped behind that, which only the receiver can count.

mod access_log;
mod heka_config;
mod lines;
mod messages;
mod options;
mod pace;
mod packets;
mod progress;
mod report;
mod sending;
mod sums;
mod workload;

use std::io::{IsTerminal, Write};

pub(super) use options::Flood;

use super::interrupt::interrupted;
use super::target::Target;
use super::{RUNTIME, USAGE};
use crate::plugin::Stop;
use messages::{Made, Sender};
use options::{Job, Load};
use packets::Packets;
use progress::Progress;
use report::Report;
use sending::{Ended, Limit, Why, send};
use sums::{Lines, Messages, Samples, Sums};

impl Flood {
    /// Sends, and says what was sent; the exit code.
    pub(super) fn flood(self) -> u8 {
        let as_json = self.json;
        let prepared = self.job().and_then(|job| Ok((prepare(&job)?, job)));
        let (prepared, job) = match prepared {
            Ok(prepared) => prepared,
            Err(message) => {
                anstream::eprintln!("{message}");
                return USAGE;
            }
        };
        match run(&job, &prepared) {
            Ok((report, ended)) => tell(&report, &ended, as_json),
            Err(message) => {
                anstream::eprintln!("{message}");
                RUNTIME
            }
        }
    }
}

/// Packets, and for messages what each was made as.
struct Prepared {
    packets: Packets,
    made: Vec<Made>,
}

fn prepare(job: &Job) -> Result<Prepared, String> {
    let count = match job.limit {
        Limit::Records(count) => Some(count),
        Limit::Time(_) | Limit::Never => None,
    };
    let (packets, made) = match &job.load {
        Load::Samples(workload) => {
            let ending = match job.target.takes_datagrams() {
                true => lines::Ending::Datagram,
                false => lines::Ending::Line,
            };
            (lines::lines(workload, job.seed, count, ending)?, Vec::new())
        }
        Load::Messages(load) => {
            let sender = Sender {
                hostname: crate::daemon::hostname(),
                pid: i32::try_from(std::process::id()).unwrap_or(0),
                at: crate::daemon::now(),
            };
            messages::messages(load, &sender, job.seed, count).map_err(|error| error.to_string())?
        }
        Load::AccessLog { .. } => {
            (access_log::access_log(job.seed, count, crate::daemon::now())?, Vec::new())
        }
    };
    let longest = (0..packets.len()).map(|index| packets.packet(index).len()).max().unwrap_or(0);
    match job.target.takes_datagrams() && longest > lines::LONGEST_DATAGRAM {
        true => Err(format!(
            "a message of {longest} bytes fits no datagram, of which {} is the longest; send them over tcp",
            lines::LONGEST_DATAGRAM
        )),
        false => Ok(Prepared { packets, made }),
    }
}

fn run(job: &Job, prepared: &Prepared) -> Result<(Report, Ended), String> {
    let stop = Stop::default();
    let _listening = interrupted(&stop).map_err(|error| format!("signals cannot be listened to: {error}"))?;
    let mut flooding = job.target.open().map_err(|error| {
        let way_out = match &job.target {
            Target::File(_) => "is its directory there, and may it be written to?",
            _ => "is hekad running there?",
        };
        format!("cannot send to {}: {error}; {way_out}", job.target)
    })?;
    let what = format!("{} to {}", job.name, job.target);
    let mut progress = Progress::new(what, job.limit, std::io::stderr().is_terminal());
    let packets = &prepared.packets;
    let rate = job.load.rate();
    let ended =
        send(packets, &mut flooding, rate, job.limit, &stop, &mut |standing| progress.watch(standing));
    progress.clear();
    let sent = packets.sent(ended.standing.packets, ended.begun);
    let sums = match &job.load {
        Load::Samples(_) => Sums::Samples(Samples::of(sent)),
        Load::Messages(_) => Sums::Messages(Messages::of(sent, &prepared.made)),
        Load::AccessLog { .. } => Sums::Lines(Lines::of(sent)),
    };
    let bytes = packets.bytes_of(ended.standing.packets) + ended.begun as u64;
    let what = (job.name.clone(), job.target.to_string());
    Ok((Report::of(what, &ended, flooding.is_datagrams(), bytes, sums), ended))
}

fn tell(report: &Report, ended: &Ended, as_json: bool) -> u8 {
    let text = match as_json {
        true => serde_json::to_string(report).expect("a report has no key that is no text") + "\n",
        false => report.text(),
    };
    // Who closed the pipe does not want to know.
    let _ = anstream::stdout().write_all(text.as_bytes());
    match &ended.why {
        Why::Broken(error) => anstream::eprintln!("{} takes no more: {error}", report.target),
        _ if report.refused > 0 => {
            anstream::eprintln!("nobody listens on {}; is hekad running there?", report.target);
        }
        _ => return 0,
    }
    RUNTIME
}
