//! A log that is rotated in every way and read by a daemon that is killed, counted line by line in Graphite.
//!
//! Every line comes with a weight of its own in the counter of its block, so that the counter's octal digits say how
//! often each line of the block was counted: none that is lost can hide behind another one that is counted twice.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::carbon::Carbon;
use crate::harness::{pause, same, unix_seconds, wait_until};
use crate::hekad::Hekad;
use crate::log::{Log, RATE};
use crate::sink::Sink;

/// `HEKA_ROTATIONS=200` rotates two hundred times, truncates two hundred times, and kills twenty times.
#[test]
fn every_line_is_counted_in_graphite_through_rotations_and_kills() {
    let Some(carbon) = Carbon::start(1) else { return };
    let (directory, blocks) = (TempDir::new().expect("a directory can be made"), Sink::start());
    let log = Log::new(directory.path(), line);
    let mut reader = Reader::start(&directory, carbon.port, blocks.port);
    let rotations = rotations();
    let kills = (rotations / 10).max(2);
    let all_read = |reader: &Reader, written: u64| reader.has_read(written);
    thread::scope(|scope| {
        let writer = scope.spawn(|| log.write());
        for turn in 0..rotations {
            pause(Duration::from_millis(150 + 37 * (turn % 7)));
            log.rotate();
            // In between it reads the old file, the new one, or one that is compressed under its hands.
            let killed = (turn + 1) * kills / rotations > turn * kills / rotations;
            if killed && turn % 3 == 0 {
                reader.kill();
            }
            if turn % 3 == 0 {
                log.compress(2);
            }
            if killed && turn % 3 == 1 {
                reader.kill();
            }
            let regrown = if turn == rotations / 2 { 2 * log.size() } else { 0 };
            pause(Duration::from_millis(100));
            log.copy_truncate(|written| all_read(&reader, written), regrown);
            if killed && turn % 3 == 2 {
                reader.kill();
            }
        }
        log.end();
        writer.join().expect("the writer does not panic");
    });
    let written = log.written();
    wait_until(Duration::from_secs(60), || all_read(&reader, written));
    let repeated = wait_until(Duration::from_secs(60), || repeated(&blocks, written));
    let most = reader.kills * REPEATED;
    assert!(
        repeated <= most,
        "{repeated} lines were counted again after {} kills, more than {most}",
        reader.kills
    );
    for (number, status) in STATUSES.iter().enumerate() {
        let expected = (0..written).filter(|line| line % 4 == number as u64).count() as f64;
        let name = format!("stats.counters.http.{status}.count");
        carbon.wait_for(&[&name], |found| match found.sum(&name) {
            sum if (expected..=expected + most as f64).contains(&sum) => Ok(()),
            sum => Err(format!("{name} is {sum}, and {expected} lines were written")),
        });
    }
    let kills = reader.kills;
    let late = reader.stop();
    assert_eq!(late, 0.0, "lines were too late to be counted");
    eprintln!(
        "{written} lines, {rotations} rotations and as many truncations, {kills} kills, {repeated} lines counted again"
    );
}

/// The daemon that reads the log.
struct Reader {
    hekad: Hekad,
    kills: u64,
    /// Lines of the runs before that were too late.
    late: f64,
}

impl Reader {
    fn start(directory: &TempDir, carbon: u16, blocks: u16) -> Reader {
        let logs = directory.path().join("logs");
        let hekad = Hekad::start_on(|hekad| {
            CONFIG
                .replace("LOGS", &logs.display().to_string())
                .replace("COMMIT", &COMMIT.as_millis().to_string())
                .replace("SCRAPE", &hekad.scrape.to_string())
                .replace("CARBON", &carbon.to_string())
                .replace("BLOCKS", &blocks.to_string())
        });
        Reader { hekad, kills: 0, late: 0.0 }
    }

    /// Objects unless the last of so many lines was read.
    fn has_read(&self, written: u64) -> Result<(), String> {
        let last = values(&self.hekad.page(), "last").first().copied();
        if last == Some((written - 1) as f64) {
            return Ok(());
        }
        Err(format!("{written} lines were written, and the last that was read is {last:?}"))
    }

    /// Kills it and starts it again.
    fn kill(&mut self) {
        self.late += self.check();
        self.hekad.kill();
        self.hekad.start_again();
        self.kills += 1;
    }

    /// Nothing is known to be lost; how many lines were too late.
    fn check(&self) -> f64 {
        let page = self.hekad.page();
        for name in ["hekad_tail_gap_bytes_total", "hekad_tail_vanished_total", "hekad_stat_skipped_total"] {
            assert!(values(&page, name).iter().all(|value| *value == 0.0), "{page}");
        }
        values(&page, "hekad_stat_late_total").iter().sum()
    }

    fn stop(self) -> f64 {
        let late = self.late + self.check();
        self.hekad.stop_cleanly();
        late
    }
}

/// The values of every series of a name on a page.
fn values(page: &str, name: &str) -> Vec<f64> {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    page.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
}

/// How many lines were counted more than once; an objection where one was not counted yet.
fn repeated(blocks: &Sink, written: u64) -> Result<u64, String> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for (name, points) in blocks.points().iter() {
        let Some(block) = name.strip_prefix("stats.counters.b.").and_then(|name| name.strip_suffix(".count"))
        else {
            continue;
        };
        let block = block.parse().map_err(|_| format!("{block:?} is no block"))?;
        let sum: f64 = points.iter().map(|(_, value)| value).sum();
        assert!(same(sum, sum.round()) && sum < 2f64.powi(53), "{name} is {sum}");
        counts.insert(block, sum as u64);
    }
    let times = |line: u64| counts.get(&(line / BLOCK)).map_or(0, |sum| sum >> (3 * (line % BLOCK)) & 7);
    let missing: Vec<u64> = (0..written).filter(|line| times(*line) == 0).collect();
    if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
        return Err(format!("{} of {written} lines are not counted, from {first} to {last}", missing.len()));
    }
    Ok((0..written).map(|line| times(line) - 1).sum())
}

fn line(number: u64) -> String {
    let (block, weight) = (number / BLOCK, 1_u64 << (3 * (number % BLOCK)));
    let status = STATUSES[(number % 4) as usize];
    format!(
        "192.0.2.{} - - [{:.3}] \"GET /shop/articles/{number}?from=search HTTP/1.1\" {status} {} \
         \"https://example.com/shop/search\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\" {number} {block} {weight}\n",
        number % 200,
        unix_seconds(),
        number % 5000,
    )
}

fn rotations() -> u64 {
    std::env::var("HEKA_ROTATIONS").ok().and_then(|times| times.parse().ok()).unwrap_or(14)
}

const CONFIG: &str = r#"[app]
type = "LogstreamerInput"
log_directory = "LOGS"
file_match = 'app\.log(\.(?P<Seq>\d+))?(\.gz)?'
priority = ["^Seq"]
rotate_wait = "1s"
commit_interval = "COMMITms"
decoder = "access"
[access]
type = "NginxAccessDecoder"
log_format = '$remote_addr - $remote_user [$msec] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $number $block $weight'
message_type = "access"
[lines]
type = "StatFilter"
message_matcher = "Type == 'access'"
stat_accum_name = "blocks"
[lines.Metric.line]
type = "Counter"
name = "b.%block%"
value = "%weight%"
[requests]
type = "StatFilter"
message_matcher = "Type == 'access'"
stat_accum_name = "http"
[requests.Metric.status]
type = "Counter"
name = "http.%status%"
value = "1"
[requests.Metric.last]
type = "Gauge"
name = "last"
value = "%number%"
[blocks]
type = "StatAccumFilter"
ticker_interval = 1
delete_idle_stats = true
[http]
type = "StatAccumFilter"
ticker_interval = 1
live_interval = "200ms"
[to-sink]
type = "CarbonOutput"
message_matcher = "Type == 'heka.statmetric' && Logger == 'blocks'"
address = "127.0.0.1:BLOCKS"
[to-carbon]
type = "CarbonOutput"
message_matcher = "Type == 'heka.statmetric' && Logger == 'http'"
address = "127.0.0.1:CARBON"
[PrometheusOutput]
message_matcher = "Type == 'heka.statlive' && Logger == 'http'"
address = "127.0.0.1:SCRAPE"
"#;

/// How often positions are committed.
const COMMIT: Duration = Duration::from_millis(200);

/// Lines that a kill may repeat: those of an interval of a second whose flush has come and whose position has not been
/// committed, of a commit interval, and of the delivery with what was written while the daemon was away.
const REPEATED: u64 = RATE * (1000 + COMMIT.as_millis() as u64 + 800) / 1000;

/// Lines a block: a counter holds three bits for each of them.
const BLOCK: u64 = 16;

const STATUSES: [u64; 4] = [200, 301, 404, 500];
