//! What lines of an access log cost on one core: from a read of a file to messages, by one decoder and another, and on to
//! counters.

use std::time::Instant;

use crate::lane::Lane;

/// Prints how many lines a second each decoder takes, on the thread that reads them; nobody wants the messages, which are
/// dropped there too.
pub(crate) fn print() {
    let line = line();
    let chunk = line.repeat(READ / line.len());
    let lines = chunk.len() / line.len();
    for (name, decoder) in decoders() {
        let lane = Lane::new(&format!("{INPUT}{decoder}{NOBODY}"));
        let rate = fastest(lines, lane, &chunk, |_| {});
        println!("logs: {name} takes {rate:.0} lines of {} bytes a second", line.len());
    }
    println!("logs: StatFilter makes counters of {:.0} lines a second", counted(&chunk, lines));
}

/// Lines a second that are read, decoded, made a counter of and aggregated, all on one thread.
fn counted(chunk: &str, lines: usize) -> f64 {
    let lane = Lane::new(&format!("{INPUT}{}{COUNTERS}", decoders()[0].1));
    fastest(lines, lane, chunk, Lane::work)
}

/// Lines a second of the fastest round; `work` is done after each read.
fn fastest(lines: usize, mut lane: Lane, chunk: &str, work: impl Fn(&mut Lane)) -> f64 {
    let mut intake = lane.intakes().remove(0);
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..READS {
            intake.push(chunk.as_bytes(), None);
            work(&mut lane);
        }
        intake.flush();
        work(&mut lane);
        best = best.min(began.elapsed().as_secs_f64());
    }
    (lines * READS) as f64 / best
}

const COUNTERS: &str = "[StatFilter]\nmessage_matcher = \"Logger == 'StatsdInput'\"\nmax_age = 0\n\
                        Metric.a = { type = \"Counter\", name = \"http.%Logger%.%status%\", value = \"1\" }\n\
                        [StatAccumFilter]\n";

/// A line of the combined format, as long as they are on average.
pub(crate) fn line() -> String {
    let line = "93.184.216.34 - - [10/Oct/2000:13:55:36 -0700] \"GET /articles/2000/10/some-title HTTP/1.1\" 200 23261 \
                \"https://www.example.com/start\" \"Mozilla/5.0 (X11; Linux x86_64; rv:26.0)";
    let rest = " Firefox/26.0\"\n";
    format!("{line:x<width$}{rest}", width = LENGTH - rest.len())
}

const INPUT: &str = "[StatsdInput]\nsplitter = \"TokenSplitter\"\ndecoder = \"LogDecoder\"\n\
                     [LogDecoder]\n";

const NOBODY: &str = "[NullOutput]\nmessage_matcher = \"TRUE\"\n";

/// Decoders by name, each with its section.
fn decoders() -> [(&'static str, String); 3] {
    [
        ("NginxAccessDecoder", format!("type = \"NginxAccessDecoder\"\nlog_format = '{COMBINED}'\n")),
        ("PayloadRegexDecoder", PATTERN.to_owned()),
        (
            "nothing but lines",
            "type = \"PayloadRegexDecoder\"\nmatch_regex = '^(a)'\nlog_errors = false\n".to_owned(),
        ),
    ]
}

/// The combined format, as nginx is told it.
pub(crate) const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                                   \"$http_referer\" \"$http_user_agent\"";

const PATTERN: &str = "type = \"PayloadRegexDecoder\"\ntimestamp_layout = \"02/Jan/2006:15:04:05 -0700\"\n\
     match_regex = '^(?P<RemoteIP>\\S+) \\S+ (?P<User>\\S+) \\[(?P<Timestamp>[^\\]]+)\\] \"(?P<Request>[^\"]*)\" \
     (?P<Status>\\d+) (?P<Size>\\d+) \"(?P<Referer>[^\"]*)\" \"(?P<Browser>[^\"]*)\"'\n\
     [LogDecoder.message_fields]\nRemoteIP = '%RemoteIP%'\nUser = '%User%'\nRequest = '%Request%'\n\
     Status = '%Status%'\n\"Size|B\" = '%Size%'\nReferer = '%Referer%'\nBrowser = '%Browser%'\n";

/// Bytes of a line, of a read, and how often it is read.
const LENGTH: usize = 185;
pub(crate) const READ: usize = 64 << 10;
const READS: usize = 1000;
const ROUNDS: usize = 5;
