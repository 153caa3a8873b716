//! Log files on disk, read by a daemon on threads: what comes, what is committed, and what is said.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use heka::config::{Problems, Sources, render};
use heka::flow::{Ledger, Wiring};
use heka::net::{Handed, Tape, World};
use heka::pipeline::{Machines, Outcome, Running, Setting, builtin, plan};
use heka::plugin::{AfterStop, StateStore, Stop, StreamStatus, Streams, Survey, SurveyedStream, Surveying};
use heka::tail::{Fingerprint, Found, Head, Odd, Order, Position, Rules, RulesSpec, Window, order};
use heka::time::{Clock, Stamp};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn names_make_the_streams_and_orders_that_heka_makes_of_them() {
    let vectors = vectors();
    let tree = texts(&vectors["tree"]);
    let mut held = 0;
    for scan in list(&vectors["scan"]) {
        let rules = rules(scan, &scan["file_match"]);
        let count = tree.iter().filter(|path| rules.place(below(path)).is_some()).count();
        assert_eq!(count as u64, scan["count"].as_u64().expect("a number"), "{scan}");
        held += 1;
    }
    let same = vectors["ordering"][0]["file_match"].clone();
    for case in list(&vectors["ordering"]) {
        let file_match = if case["file_match"] == "same" { &same } else { &case["file_match"] };
        let mut case = case.clone();
        if file_match == &same && case["priority"].is_null() {
            // It only counts; files without an order would not be read.
            case["priority"] = serde_json::json!(["Year", "Month", "^Seq"]);
        }
        let rules = rules(&case, file_match);
        let streams = streams(&rules, &tree);
        for (name, expected) in case["streams"].as_object().into_iter().flatten() {
            let files = &streams[name];
            assert_eq!(files.len() as u64, expected["count"].as_u64().expect("a number"), "{name}");
            if let Some(order) = expected["full_order_derived"].as_array() {
                assert_eq!(files, &order.iter().map(text).collect::<Vec<_>>());
            }
        }
        if let Some(numbers) = case["order_of_FileNumber"].as_array() {
            let keys = |path: &String| rules.place(below(path)).expect("it matches").keys[0].abs();
            let found: Vec<i64> = streams["app"].iter().map(keys).collect();
            let expected = numbers.iter().map(|number| number.as_i64().expect("a number").abs());
            assert_eq!(found, expected.collect::<Vec<_>>(), "{case}");
        }
        held += 1;
    }
    for case in list(&vectors["match_parts"]) {
        let mut case = case.clone();
        case["priority"] = serde_json::json!(["MonthName", "LogNumber"]);
        let rules = rules(&case, &Value::from("(?P<MonthName>[A-Za-z]+)-(?P<LogNumber>[0-9]+)"));
        let part = |name: &str| text(&case["subexp"][name]);
        let placed = rules.place(format!("{}-{}", part("MonthName"), part("LogNumber")).as_bytes());
        let placed = placed.expect("it matches");
        match case["values"].as_object() {
            Some(values) => {
                let value = |name: &str| values[name].as_i64().expect("a number");
                assert_eq!(placed.keys, [value("MonthName"), value("LogNumber")]);
                assert_eq!(placed.odd, None);
            }
            None if text(&case["error"]).contains("month") => {
                assert_eq!(placed.odd, Some(Odd::Month { text: part("MonthName") }));
            }
            None => {
                let group = "LogNumber".to_owned();
                assert_eq!(placed.odd, Some(Odd::Untranslated { group, text: part("LogNumber") }));
            }
        }
        held += 1;
    }
    assert_eq!(held, 3 + 5 + 4);
}

#[test]
fn journals_have_the_hashes_that_heka_makes() {
    let vectors = vectors();
    let short = &vectors["journal"][3]["short_file"];
    let content: Vec<u8> = text(&short["content_hex"])
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16).expect("digits"))
        .collect();
    let print = Fingerprint::of(&Head::of(&content), &Window::of(&content), content.len() as u64);
    let position = Position { path: "a".into(), offset: 51, fingerprint: print, id: None, modified: None };
    assert!(position.written().contains(&text(&short["hash"])), "{}", position.written());
    let example = vectors["journal_file_format_example"].to_string();
    let read = Position::read(example.as_bytes()).expect("it is a journal");
    assert_eq!((read.offset, read.path), (1969, PathBuf::from("/abs/path/2013/08/error.log")));
    let asserted = &vectors["journal"][0]["position"];
    let text = format!(
        r#"{{"seek":{},"file_name":{},"last_hash":{}}}"#,
        asserted["seek"], asserted["file"], asserted["last_hash"]
    );
    assert_eq!(Position::read(text.as_bytes()).expect("it is a journal").offset, 500);
}

#[test]
fn a_rotated_set_is_read_oldest_first_and_a_restart_goes_on() {
    let logs = Logs::new("");
    let (first, second) = (gzip(&lines(0..300)), gzip(&lines(300..400)));
    logs.put("app.log.2.gz", &[first, second].concat());
    logs.put("app.log.1", &lines(400..700));
    logs.put("app.log", &[&lines(700..710)[..], b"half a li"].concat());
    let daemon = logs.start();
    daemon.wait_for(&lines(0..710));
    logs.append("app.log", b"ne\n");
    let half = b"half a line\n";
    daemon.wait_for(&[&lines(0..710)[..], half].concat());
    logs.rename("app.log.1", "app.log.3");
    logs.rename("app.log", "app.log.1");
    logs.put("app.log", &lines(711..720));
    let all = [&lines(0..710)[..], half, &lines(711..720)].concat();
    daemon.wait_for(&all);
    assert_eq!(daemon.count("hekad_tail_rotations_total"), 3);
    assert_eq!(daemon.count("hekad_tail_bytes_total"), all.len() as u64);
    daemon.stop();
    logs.append("app.log", &lines(720..725));
    let daemon = logs.start();
    daemon.wait_for(&lines(720..725));
    daemon.stop();
}

#[test]
fn a_record_is_a_message_of_its_stream() {
    let mut logs = Logs::new("differentiator = [\"web-\", \"Site\", \"/x\"]\nhostname = \"front\"");
    logs.file_match = r"(?P<Site>\w+)\.log".to_owned();
    logs.output = "[LogOutput]\nmessage_matcher = \"Type == 'logfile' && Logger =~ /^web-/\"\nencoder = \"RstEncoder\"\n";
    logs.put("one.log", b"a\n");
    let daemon = logs.start();
    let shown = daemon.wait_until(|| {
        let written = daemon.written();
        written.contains(":Payload: a\n").then_some(written)
    });
    for header in [
        ":Type: logfile",
        ":Hostname: front",
        ":Pid: 0",
        ":Severity: 7",
        ":Logger: web-one/x",
        ":Payload: a\n",
    ] {
        assert!(shown.contains(header), "{header}: {shown}");
    }
    let ledger = daemon.stop();
    assert_eq!(ledger.check_settled(), Ok(()));
    assert!(logs.path("../state/logstreamer/app/web-one%2fx").exists());
}

#[test]
fn nothing_is_committed_before_it_is_delivered() {
    let logs = Logs::new("");
    logs.put("app.log", &lines(0..50));
    let daemon = logs.start_holding();
    daemon.wait_until(|| (daemon.count("hekad_feed_records_total") == 50).then_some(()));
    daemon.wait_some_commits();
    assert!(!logs.journal().exists());
    let given_up = daemon.stop_counting().given_up;
    assert_eq!(given_up, 50);
    assert!(!logs.journal().exists(), "what was given up is read again");
    let daemon = logs.start();
    daemon.wait_for(&lines(0..50));
    daemon.wait_until(|| logs.journal().exists().then_some(()));
    daemon.stop();
    let daemon = logs.start();
    logs.append("app.log", &lines(50..51));
    daemon.wait_for(&lines(50..51));
    daemon.stop();
}

#[test]
fn a_table_holds_the_position_until_its_flush_is_delivered() {
    let mut logs = Logs::new("decoder = \"StatsdDecoder\"");
    logs.output = "[StatAccumFilter]\nticker_interval = 3600\nat_stop = \"flush\"\n[CarbonOutput]\naddress = \"127.0.0.1:2003\"\n";
    logs.put("app.log", b"a:1|c\nb:2|c\n");
    let daemon = logs.start();
    daemon.wait_until(|| (daemon.count("hekad_feed_records_total") == 2).then_some(()));
    daemon.wait_some_commits();
    assert!(!logs.journal().exists());
    daemon.stop();
    let journal = std::fs::read(logs.journal()).expect("it is committed after the stop");
    assert_eq!(Position::read(&journal).expect("it is a journal").offset, 12);
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_passed_over() {
    let logs = Logs::new("");
    logs.put("app.log.1", b"\xfd7zXZ\0 not for us");
    logs.put("app.log", &lines(0..5));
    let daemon = logs.start();
    daemon.wait_for(&lines(0..5));
    assert_eq!(daemon.count("hekad_tail_unreadable_total"), 1);
    assert_eq!(daemon.count("hekad_tail_gap_bytes_total"), 17);
    // It is said as long as the file is there.
    let troubled = || {
        let level = daemon.ledger.own().level("hekad_tail_troubled_streams", &[("input", "app")]).value();
        (daemon.streams().into_iter().next().expect("there is a stream"), level)
    };
    let told = daemon.wait_until(|| {
        let (told, troubled) = troubled();
        (told.offset > 0 && troubled == 1.0).then_some(told)
    });
    let (path, trouble) = (logs.path("app.log.1"), told.trouble);
    let path = path.display();
    assert!(
        trouble
            .starts_with(&format!("{path} was passed over: it is compressed by xz, and only gzip is read; ")),
        "{trouble}"
    );
    std::fs::remove_file(logs.path("app.log.1")).expect("it is there");
    daemon.wait_until(|| {
        let (told, troubled) = troubled();
        (told.trouble.is_empty() && troubled == 0.0).then_some(())
    });
    daemon.stop();
    // The newest one is waited for.
    let logs = Logs::new("");
    logs.put("app.log", b"BZh9 not for us");
    let daemon = logs.start();
    let told = daemon.wait_until(|| daemon.streams().into_iter().find(|stream| !stream.trouble.is_empty()));
    assert!(
        told.trouble.ends_with("app.log cannot be read: it is compressed by bzip2, and only gzip is read")
    );
    std::fs::write(logs.path("app.log"), lines(0..3)).expect("it can be written");
    daemon.wait_for(&lines(0..3));
    daemon.wait_until(|| daemon.streams().iter().all(|stream| stream.trouble.is_empty()).then_some(()));
    daemon.stop();
}

#[test]
fn a_compressed_file_that_was_cut_is_told_and_its_last_line_is_not_joined_with_the_next() {
    let logs = Logs::new("");
    let noise =
        |seed: u32| (0..20).fold(seed, |sum, _| sum.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let content: String = (0..5000).map(|number| format!("line {number} {:08x}\n", noise(number))).collect();
    let packed = gzip(content.as_bytes());
    logs.put("app.log.1.gz", &packed[..packed.len() / 2]);
    logs.put("app.log", &lines(0..5));
    let daemon = logs.start();
    daemon.wait_until(|| daemon.written().ends_with(&*String::from_utf8_lossy(&lines(0..5))).then_some(()));
    let written = daemon.written();
    let before = written.strip_suffix(&*String::from_utf8_lossy(&lines(0..5))).expect("it ends so");
    assert!(before.len() > 1000 && content.starts_with(before) && before.ends_with('\n'));
    assert_eq!(daemon.count("hekad_tail_unreadable_total"), 1);
    assert_eq!(daemon.split_faults("incomplete"), 1);
    daemon.stop();
    // The newest one may grow.
    let logs = Logs::new("");
    let packed = gzip(&lines(0..50));
    logs.put("app.log.gz", &packed[..packed.len() - 4]);
    let daemon = logs.start();
    let told = daemon.wait_until(|| daemon.streams().into_iter().find(|stream| !stream.trouble.is_empty()));
    assert!(
        told.trouble.contains("app.log.gz cannot be read: its compression ends too early"),
        "{}",
        told.trouble
    );
    logs.append("app.log.gz", &packed[packed.len() - 4..]);
    logs.append("app.log.gz", &gzip(&lines(50..60)));
    daemon.wait_for(&lines(0..60));
    daemon.wait_until(|| daemon.streams().iter().all(|stream| stream.trouble.is_empty()).then_some(()));
    daemon.stop();
}

#[test]
fn several_files_without_an_order_are_told_and_not_read() {
    let mut logs = Logs::new("");
    logs.options = String::new();
    logs.put("app.log.1", &lines(0..5));
    logs.put("app.log", &lines(5..9));
    let daemon = logs.start();
    let told = daemon.wait_until(|| daemon.streams().into_iter().find(|stream| !stream.trouble.is_empty()));
    assert!(told.trouble.starts_with("2 files and no `priority` to put them in order"), "{}", told.trouble);
    std::fs::remove_file(logs.path("app.log.1")).expect("it is there");
    daemon.wait_for(&lines(5..9));
    daemon.stop();
}

#[test]
fn a_stream_may_begin_at_its_end() {
    let logs = Logs::new("initial_tail = true");
    logs.put("app.log.1", &lines(0..50));
    logs.put("app.log", &[&lines(50..60)[..], b"begun "].concat());
    let daemon = logs.start();
    daemon.wait_until(|| logs.journal().exists().then_some(()));
    logs.append("app.log", b"and ended\n");
    daemon.wait_for(b"begun and ended\n");
    daemon.stop();
}

#[test]
fn old_files_are_not_begun() {
    let logs = Logs::new("oldest_duration = \"24h\"");
    logs.put("app.log.1", &lines(0..50));
    let old = std::fs::File::open(logs.path("app.log.1")).expect("it is there");
    // The clock of these tests stands at 2023.
    old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000)).expect("it can be set");
    logs.put("app.log", &lines(50..60));
    let daemon = logs.start();
    daemon.wait_for(&lines(50..60));
    daemon.stop();
}

#[test]
fn a_bounded_number_of_files_is_open_whatever_the_number_of_streams() {
    let mut logs =
        Logs::new("differentiator = [\"Name\"]\nmax_open_files = 4\ncheck_data_interval = \"20ms\"");
    logs.file_match = r"(?P<Name>s\d+)\.log".to_owned();
    for stream in 0..30 {
        logs.put(&format!("s{stream}.log"), format!("{stream}: first, of a stream among many\n").as_bytes());
    }
    let daemon = logs.start();
    let all_have = |what: &str| {
        daemon.wait_until(|| {
            let written = daemon.written();
            (written.matches(what).count() == 30).then_some(())
        });
    };
    all_have("first");
    for stream in 0..30 {
        logs.append(&format!("s{stream}.log"), b"second\n");
    }
    all_have("second");
    let open = daemon.ledger.own().level("hekad_tail_open_files", &[("input", "app")]).value();
    assert!(open <= 5.0, "{open} are open");
    assert_eq!(daemon.streams().len(), 30);
    daemon.stop();
}

#[test]
fn streams_of_few_bytes_are_all_read_whatever_the_number_of_open_files() {
    for limit in [1, 10] {
        let mut logs = Logs::new(&format!(
            "differentiator = [\"Name\"]\nmax_open_files = {limit}\ncheck_data_interval = \"20ms\""
        ));
        logs.file_match = r"f(?P<Name>\d+)\.log".to_owned();
        let (name, streams) = (|stream: usize| format!("f{stream}.log"), 100);
        for stream in 0..streams {
            let content: String = (0..3).map(|line| format!("{stream} {line}\n")).collect();
            logs.put(&name(stream), content.as_bytes());
        }
        let daemon = logs.start();
        let all_came = |lines: std::ops::Range<usize>| {
            let expected =
                (0..streams).flat_map(|stream| lines.clone().map(move |line| format!("{stream} {line}")));
            let mut expected: Vec<String> = expected.collect();
            expected.sort();
            daemon.wait_until(|| (daemon.written().lines().count() >= expected.len()).then_some(()));
            let written = daemon.written();
            let mut came: Vec<&str> = written.lines().collect();
            came.sort_unstable();
            assert_eq!(came, expected);
        };
        all_came(0..3);
        for stream in 0..streams {
            logs.append(&name(stream), format!("{stream} 3\n").as_bytes());
        }
        all_came(0..4);
        daemon.wait_until(|| daemon.streams().iter().all(|stream| stream.behind == 0).then_some(()));
        daemon.stop();
    }
}

#[test]
fn streams_that_wait_for_an_open_file_have_their_turn_before_a_large_one_ends() {
    let mut logs =
        Logs::new("differentiator = [\"Name\"]\nmax_open_files = 1\ncheck_data_interval = \"20ms\"");
    logs.file_match = r"(?P<Name>\w+)\.log".to_owned();
    // Far more than one turn.
    let large = "a line of the one that is always behind\n".repeat(400_000);
    logs.put("a.log", large.as_bytes());
    logs.put("b.log", b"short\n");
    let daemon = logs.start();
    daemon.wait_until(|| daemon.written().contains("short\n").then_some(()));
    let before = daemon.written().find("short\n").expect("it is there");
    assert!(before < large.len() / 2, "it came behind {before} bytes of the other one");
    daemon.stop_counting();
}

#[test]
fn records_may_end_with_any_byte_or_with_several_lines() {
    let mut logs = Logs::new("splitter = \"pairs\"");
    logs.output = "[pairs]\ntype = \"TokenSplitter\"\ndelimiter = \";\"\ncount = 2\n[LogOutput]\nmessage_matcher = \"TRUE\"\nencoder = \"RstEncoder\"\n";
    logs.put("app.log", b"a;b\n;c;");
    let daemon = logs.start();
    daemon.wait_until(|| daemon.written().contains(":Payload: a;b\n;").then_some(()));
    logs.append("app.log", b"d;");
    daemon.wait_until(|| daemon.written().contains(":Payload: c;d;").then_some(()));
    daemon.stop();
}

#[test]
fn the_hole_before_a_line_in_a_truncated_file_is_no_line() {
    let logs = Logs::new("");
    logs.put("app.log", &[&lines(0..3)[..], &[0; 100_000], &lines(3..4)].concat());
    let daemon = logs.start();
    daemon.wait_for(&lines(0..4));
    assert_eq!(daemon.count("hekad_tail_nul_bytes_total"), 100_000);
    daemon.stop();
}

#[test]
fn a_line_without_an_end_is_left_out_and_what_follows_is_read() {
    let logs = Logs::new("");
    logs.put("app.log", &[&lines(0..3)[..], &[b'x'; 3 << 20], b"\n", &lines(3..4)].concat());
    let daemon = logs.start();
    daemon.wait_for(&lines(0..4));
    assert_eq!(daemon.split_faults("too_long"), 1);
    daemon.wait_some_commits();
    let journal = std::fs::read(logs.journal()).expect("it is committed");
    let size = std::fs::metadata(logs.path("app.log")).expect("it is there").len();
    assert_eq!(Position::read(&journal).expect("it is a journal").offset, size);
    daemon.stop();
}

#[test]
fn an_unfinished_record_is_read_again_after_a_stop_and_given_up_where_its_end_cannot_come() {
    for deliver in [false, true] {
        let logs = Logs::new(&format!(
            "splitter = \"lines\"\n[lines]\ntype = \"TokenSplitter\"\ndeliver_incomplete_final = {deliver}"
        ));
        logs.put("app.log", &[&lines(0..3)[..], b"half a li"].concat());
        let daemon = logs.start();
        daemon.wait_until_read("app.log");
        daemon.wait_for(&lines(0..3));
        let ledger = daemon.stop();
        let labels = [("input", "app"), ("reason", "incomplete")];
        assert_eq!(ledger.own().counter("hekad_split_faults_total", &labels).value(), 0);
        let daemon = logs.start();
        logs.append("app.log", b"ne\nnever whole");
        daemon.wait_for(b"half a line\n");
        daemon.wait_until_read("app.log");
        logs.put("app.log", &lines(3..5));
        let last: &[u8] = if deliver { b"never whole" } else { b"" };
        daemon.wait_for(&[b"half a line\n", last, &lines(3..5)].concat());
        assert_eq!(daemon.split_faults("incomplete"), u64::from(!deliver));
        daemon.stop();
    }
}

#[test]
fn what_a_decoder_makes_is_of_the_stream_too() {
    let mut logs = Logs::new("differentiator = [\"web-\", \"Site\"]\ndecoder = \"StatsdDecoder\"");
    logs.file_match = r"(?P<Site>\w+)\.log".to_owned();
    logs.output = "[LogOutput]\nmessage_matcher = \"Type =~ /^heka.statsd/ && Logger =~ /^web-/\"\nencoder = \"RstEncoder\"\n";
    for site in ["one", "two"] {
        logs.put(&format!("{site}.log"), format!("_e{{3,4}}:{site}|text\n").as_bytes());
    }
    let daemon = logs.start();
    for logger in [":Logger: web-one", ":Logger: web-two"] {
        daemon.wait_until(|| daemon.written().contains(logger).then_some(()));
    }
    daemon.stop();
}

#[cfg(unix)]
#[test]
fn links_are_followed_only_where_they_may_lead() {
    use std::os::unix::fs::symlink;
    let elsewhere = TempDir::new().expect("a directory can be made");
    std::fs::write(elsewhere.path().join("app.log"), lines(0..5)).expect("it can be written");
    let logs = Logs::new("");
    symlink(elsewhere.path().join("app.log"), logs.path("app.log")).expect("it can be made");
    logs.put("app.log.1", &lines(7..8));
    let daemon = logs.start();
    daemon.wait_for(&lines(7..8));
    daemon.stop();
    let logs = Logs::new(&format!("follow_links = \"{}\"", elsewhere.path().display()));
    symlink(elsewhere.path(), logs.path("linked")).expect("it can be made");
    let mut logs = logs;
    logs.options = logs.options.replace("priority", "# priority");
    logs.file_match = r"linked/app\.log".to_owned();
    let daemon = logs.start();
    daemon.wait_for(&lines(0..5));
    daemon.stop();
}

#[test]
fn journals_of_heka_are_gone_on_with_and_broken_ones_set_aside() {
    let logs = Logs::new("");
    let content = lines(0..40);
    logs.put("app.log", &content);
    let offset = lines(0..30).len();
    let print = Fingerprint::of(&Head::default(), &Window::of(&content[..offset]), offset as u64);
    let position = Position {
        path: logs.path("app.log"),
        offset: offset as u64,
        fingerprint: print,
        id: None,
        modified: None,
    };
    let hash: Value = serde_json::from_str(&position.written()).expect("it is JSON");
    let heka = format!(r#"{{"seek":{offset},"file_name":"/x","last_hash":{}}}"#, hash["last_hash"]);
    logs.put("../state/logstreamer/stream", heka.as_bytes());
    let mut logs = logs;
    logs.options.push_str("differentiator = [\"stream\"]\n");
    let daemon = logs.start();
    daemon.wait_for(&lines(30..40));
    daemon.stop();
    let journal = logs.path("../state/logstreamer/app/stream");
    std::fs::write(&journal, "").expect("it can be written");
    std::fs::remove_file(logs.path("../state/logstreamer/stream")).expect("it is there");
    let daemon = logs.start();
    daemon.wait_for(&content);
    assert_eq!(daemon.count("hekad_tail_journal_errors_total"), 1);
    assert!(journal.with_extension("unreadable").exists());
    daemon.stop();
}

#[test]
fn a_journal_of_heka_of_the_name_of_the_section_is_gone_on_with() {
    let logs = Logs::new("");
    let content = lines(0..40);
    logs.put("app.log", &content);
    let offset = lines(0..30).len();
    let print = Fingerprint::of(&Head::default(), &Window::of(&content[..offset]), offset as u64);
    let (path, id, modified) = (logs.path("app.log"), None, None);
    let position = Position { path, offset: offset as u64, fingerprint: print, id, modified };
    let ours: Value = serde_json::from_str(&position.written()).expect("it is JSON");
    let heka = format!(r#"{{"seek":{offset},"file_name":"/x","last_hash":{}}}"#, ours["last_hash"]);
    logs.put("../state/logstreamer/app", heka.as_bytes());
    let daemon = logs.start();
    daemon.wait_for(&lines(30..40));
    daemon.wait_until(|| logs.journal().exists().then_some(()));
    daemon.stop();
    logs.append("app.log", &lines(40..42));
    let daemon = logs.start();
    daemon.wait_for(&lines(40..42));
    daemon.stop();
}

#[test]
fn a_survey_tells_the_order_and_the_position_and_starts_nothing() {
    let logs = Logs::new("");
    logs.put("app.log.1", &lines(0..5));
    logs.put("app.log", &lines(5..9));
    let state = logs.directory.path().join("state");
    let survey = || -> Survey {
        let planned = logs.plan();
        let asked = Surveying { section: "app", base_dir: Some(&state), now: START };
        planned.inputs[0].declared.survey(&asked).expect("it reads files").expect("they are there")
    };
    let before = survey().streams;
    let names = |stream: &SurveyedStream| -> Vec<PathBuf> {
        stream.files.iter().map(|(path, _, _)| path.clone()).collect()
    };
    assert_eq!(names(&before[0]), [logs.path("app.log.1"), logs.path("app.log")]);
    assert_eq!((before.len(), &before[0].position), (1, &None));
    assert!(!logs.journal().exists());
    let daemon = logs.start();
    daemon.wait_for(&lines(0..9));
    daemon.stop();
    assert_eq!(survey().streams[0].position, Some((logs.path("app.log"), lines(5..9).len() as u64)));
}

#[test]
fn many_streams_share_few_open_files_and_none_waits_for_those_that_rest() {
    let mut logs =
        Logs::new("differentiator = [\"Name\"]\nmax_open_files = 4\ncheck_data_interval = \"10ms\"");
    logs.file_match = r"(?P<Name>\w+)\.log".to_owned();
    let name = |number: usize| format!("s{number:03}.log");
    for number in 0..STREAMS {
        logs.put(
            &name(number),
            format!("first line of {number}, and what tells it from others\n").as_bytes(),
        );
    }
    let daemon = logs.start();
    daemon.wait_until(|| (daemon.written().lines().count() >= STREAMS).then_some(()));
    // Closed ones are opened for what is new, wherever they stand, and for nothing else.
    logs.append(&name(STREAMS - 1), b"news of the last\n");
    logs.append(&name(0), b"news of the first\n");
    daemon.wait_until(|| {
        let came = daemon.written();
        (came.contains("news of the last") && came.contains("news of the first")).then_some(())
    });
    daemon.stop();
}

#[test]
fn where_no_file_matches_it_is_told_what_is_there_instead() {
    let logs = Logs::new("");
    let survey = || {
        let planned = logs.plan();
        let asked = Surveying { section: "app", base_dir: None, now: START };
        planned.inputs[0].declared.survey(&asked).expect("it reads files").expect("they are there")
    };
    let told = |texts: &[&str]| {
        let root = logs.path("").display().to_string();
        let root = root.trim_end_matches('/');
        texts.iter().map(|text| text.replace("ROOT", root)).collect::<Vec<_>>()
    };
    assert_eq!(survey().trouble, told(&["no file below ROOT matches file_match"]));
    logs.put("apq.log", b"x");
    assert_eq!(survey().trouble, told(&["no file below ROOT matches file_match, ROOT/apq.log does not"]));
    logs.put("app.log.old", b"x");
    std::os::unix::fs::symlink(logs.path("../state"), logs.path("app")).expect("it can be made");
    assert_eq!(
        survey().trouble,
        told(&[
            "no file below ROOT matches file_match, none of 2 such as ROOT/app.log.old; the link ROOT/app is not \
                followed: name the directory it leads into in follow_links"
        ])
    );
    // A link of the right name is told of whatever else there is.
    std::os::unix::fs::symlink(logs.path("../apq.log"), logs.path("app.log.1")).expect("it can be made");
    logs.put("app.log", b"x");
    assert_eq!(
        survey().trouble,
        told(&["the link ROOT/app.log.1 is not followed; name the directory it leads into in follow_links"])
    );
    assert_eq!(survey().streams.len(), 1);
}

/// Far more than a daemon may open at once.
const STREAMS: usize = 400;

/// A directory of logs, and the configuration of a daemon that reads them.
struct Logs {
    directory: TempDir,
    file_match: String,
    options: String,
    output: &'static str,
}

impl Logs {
    fn new(options: &str) -> Logs {
        let directory = TempDir::new().expect("a directory can be made");
        for name in ["logs", "state", "state/logstreamer"] {
            std::fs::create_dir(directory.path().join(name)).expect("it can be made");
        }
        let priority = if options.contains("differentiator") { "" } else { "priority = [\"^Seq\"]\n" };
        Logs {
            directory,
            file_match: r"app\.log(\.(?P<Seq>\d+))?(\.gz)?".to_owned(),
            options: format!("{priority}{options}\n"),
            output: "[LogOutput]\nmessage_matcher = \"TRUE\"\nencoder = \"plain\"\n[plain]\ntype = \"PayloadEncoder\"\nappend_newlines = false\n",
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        // Without links, as the daemon names them.
        self.directory.path().canonicalize().expect("it is there").join("logs").join(name)
    }

    fn journal(&self) -> PathBuf {
        self.path("../state/logstreamer/app/app")
    }

    fn put(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).expect("it can be written");
    }

    fn append(&self, name: &str, content: &[u8]) {
        let file = std::fs::File::options().append(true).open(self.path(name));
        file.and_then(|mut file| file.write_all(content)).expect("it can be written");
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).expect("it can be renamed");
    }

    fn plan(&self) -> heka::pipeline::Plan {
        let config = format!(
            "[hekad]\nstop_timeout = \"500ms\"\n[app]\ntype = \"LogstreamerInput\"\nlog_directory = \"{}\"\nfile_match = '{}'\n\
             rotate_wait = \"50ms\"\ncommit_interval = \"20ms\"\nrescan_interval = \"200ms\"\n{}{}",
            self.path("").display(),
            self.file_match,
            self.options,
            self.output,
        );
        let sources = Sources::embedded("logs.toml", &config);
        let mut problems = Problems::new();
        let planned = plan(&sources, &builtin(), &|_| None, "trial.host", &mut problems);
        planned.unwrap_or_else(|| panic!("{}", render(&problems, &sources, false)))
    }

    fn start(&self) -> Daemon {
        self.start_with(Tape::new())
    }

    /// Its output takes nothing.
    fn start_holding(&self) -> Daemon {
        let tape = Tape::new();
        tape.refuse_writes("stdout", u32::MAX);
        self.start_with(tape)
    }

    fn start_with(&self, tape: Tape) -> Daemon {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let tape = Arc::new(tape);
        let setting = Setting {
            clock: Arc::new(Elapsed(tokio::time::Instant::now())) as Arc<dyn Clock>,
            runtime: runtime.handle().clone(),
            wiring: Wiring::AsConfigured,
            world: World::Trial(Arc::clone(&tape)),
            handed: Handed::default(),
            base_dir: self.directory.path().join("state"),
            state: StateStore::default(),
            seed: 1,
        };
        let machines = Machines::build(self.plan(), setting).expect("every plugin can be built");
        let (streams, after) = (machines.shared.the::<Streams>(), machines.shared.the::<AfterStop>());
        let running = Running::start(machines).expect("every thread can be started");
        let (ledger, asked) = (running.ledger.clone(), Stop::default());
        let stop = asked.clone();
        let thread = std::thread::Builder::new().spawn(move || {
            let outcome = running.run(&asked);
            after.run();
            outcome
        });
        let thread = thread.expect("a thread can be started");
        Daemon { ledger, tape, streams, stop, thread, _runtime: runtime }
    }
}

/// A daemon that runs.
struct Daemon {
    ledger: Ledger,
    tape: Arc<Tape>,
    streams: Arc<Streams>,
    stop: Stop,
    thread: JoinHandle<Outcome>,
    _runtime: tokio::runtime::Runtime,
}

impl Daemon {
    fn written(&self) -> String {
        String::from_utf8_lossy(&self.tape.written("stdout")).into_owned()
    }

    fn streams(&self) -> Vec<StreamStatus> {
        self.streams.all().into_iter().flat_map(|(_, streams)| streams).collect()
    }

    fn count(&self, name: &'static str) -> u64 {
        let label = if name.starts_with("hekad_feed") { "producer" } else { "input" };
        self.ledger.own().counter(name, &[(label, "app")]).value()
    }

    fn split_faults(&self, reason: &'static str) -> u64 {
        let labels = [("input", "app"), ("reason", reason)];
        self.ledger.own().counter("hekad_split_faults_total", &labels).value()
    }

    /// Waits until exactly `expected` was written.
    fn wait_for(&self, expected: &[u8]) {
        self.wait_until(|| (self.tape.written("stdout").len() >= expected.len()).then_some(()));
        assert_eq!(self.written(), String::from_utf8_lossy(expected));
    }

    /// Waits until the one stream is at the end of the file that the daemon knows by this name.
    fn wait_until_read(&self, name: &str) {
        self.wait_until(|| {
            let streams = self.streams();
            let stream = streams.iter().find(|stream| stream.path.ends_with(name))?;
            let size = std::fs::metadata(&stream.path).ok()?.len();
            (stream.offset == size).then_some(())
        });
    }

    /// Long enough for several commits.
    fn wait_some_commits(&self) {
        std::thread::park_timeout(Duration::from_millis(200));
    }

    fn wait_until<T>(&self, mut attempt: impl FnMut() -> Option<T>) -> T {
        for _ in 0..4000 {
            if let Some(found) = attempt() {
                return found;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        panic!("it did not come: {}\n{:?}\n{}", self.written(), self.streams(), self.ledger.report());
    }

    fn stop(self) -> Ledger {
        let ledger = self.ledger.clone();
        let outcome = self.stop_counting();
        assert_eq!(outcome, Outcome { failed: false, given_up: 0 });
        ledger
    }

    fn stop_counting(self) -> Outcome {
        self.stop.set();
        self.thread.join().expect("it does not panic")
    }
}

/// Real time, counted from `START`.
struct Elapsed(tokio::time::Instant);

impl Clock for Elapsed {
    fn now(&self) -> Stamp {
        START.plus(self.0.elapsed())
    }
}

fn lines(numbers: std::ops::Range<u32>) -> Vec<u8> {
    numbers
        .flat_map(|number| format!("line {number}, as long as lines of a log are\n").into_bytes())
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn vectors() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/logstreamer.json");
    let text = std::fs::read_to_string(file).expect("the vectors are readable");
    serde_json::from_str::<Value>(&text).expect("they are JSON")["logstreamer"].clone()
}

/// The rules of a case. Its patterns begin with the slash behind the directory, ours behind it.
fn rules(case: &Value, file_match: &Value) -> Rules {
    let file_match = text(file_match);
    let translation = case["translation"].as_object().into_iter().flatten().map(|(group, table)| {
        let numbers = table.as_object().expect("a table").iter();
        let numbers = numbers.map(|(text, number)| (text.clone(), number.as_i64().expect("a number")));
        (group.clone(), numbers.collect::<BTreeMap<_, _>>())
    });
    let spec = RulesSpec {
        file_match: file_match.strip_prefix('/').unwrap_or(&file_match).to_owned(),
        priority: texts(&case["priority"]),
        differentiator: texts(&case["differentiator"]),
        translation: translation.collect(),
    };
    Rules::new(&spec, "app").expect("the rules are right")
}

/// The paths of each stream in their order.
fn streams(rules: &Rules, tree: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for (number, path) in (1..).zip(tree) {
        let Some(placed) = rules.place(below(path)) else { continue };
        let id = heka::tail::FileId { device: 1, inode: number, born: 0 };
        let (modified, keys) = (Stamp(0), placed.keys);
        let file = Found { path: path.into(), id, size: 1, modified, stale: false, keys };
        found.entry(placed.stream).or_default().push(file);
    }
    let in_order = |files| match order(files, true) {
        Order::Known(slots) => {
            slots.iter().map(|slot| slot.file().path.to_string_lossy().into_owned()).collect()
        }
        Order::Unknown(_) => Vec::new(),
    };
    found.into_iter().map(|(name, files)| (name, in_order(files))).collect()
}

fn below(path: &str) -> &[u8] {
    path.strip_prefix('/').unwrap_or(path).as_bytes()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |list| list)
}

const START: Stamp = Stamp::from_seconds(1_700_000_000);
