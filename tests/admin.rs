//! The management interface: commands and what is answered, on a manual clock. Sockets are tried in `src/net/consoles`,
//! the reference itself in `tests/real/admin.rs`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use heka::flow::Wiring;
use heka::net::Said;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;
use proptest::prelude::*;

const CONFIG: &str = r#"
[hekad]
max_series_per_prefix = 1000

[statsd]
type = "StatsdInput"

[StatAccumFilter]

[CarbonOutput]
address = "127.0.0.1:2003"

[StatsdAdminOutput]
allow_writes_from = ["10.1.0.0/16"]
max_answer = "4KiB"
"#;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn trial(config: &str) -> Trial {
    Trial::new(config, &builtin(), Wiring::AsConfigured, Stamp::from_seconds(1_700_000_000))
        .expect("it is right")
}

fn send(trial: &mut Trial, lines: &str) {
    trial.send("statsd", lines.as_bytes()).expect("there is such an input");
}

fn said(trial: &Trial, line: &str, peer: IpAddr) -> Said {
    trial.command(SocketAddr::from((Ipv4Addr::LOCALHOST, 8126)), line, peer).expect("there is a console")
}

/// What is answered to who is on this machine.
fn answer(trial: &Trial, line: &str) -> String {
    match said(trial, line, HERE) {
        Said::Answer(text) => String::from_utf8(text).expect("it is text"),
        Said::Farewell(text) => panic!("{line} ends the connection with {text:?}"),
    }
}

#[test]
fn own_numbers_have_the_name_they_are_sent_by_and_the_gauge_is_there_after_a_second_flush() {
    let config =
        CONFIG.replace("[StatAccumFilter]", "[StatAccumFilter]\nstatsd_prefix = \"my\"\nown_stats = true");
    let mut trial = trial(&config);
    send(&mut trial, "a:1|c\nmy.timestamp_lag:9|g");
    let counters = answer(&trial, "counters");
    assert_eq!(
        counters,
        "{\n  'my.bad_lines_seen': 0,\n  'my.packets_received': 1,\n  'my.metrics_received': 2,\n  a: 1\n}\nEND\n\n"
    );
    assert_eq!(answer(&trial, "gauges"), "{ 'my.timestamp_lag': 9 }\nEND\n\n");
    trial.advance(Duration::from_secs(10));
    trial.advance(Duration::from_secs(10));
    assert_eq!(answer(&trial, "gauges"), "{ 'my.timestamp_lag': 0 }\nEND\n\n");
}

fn counted(trial: &Trial, metric: &str) -> f64 {
    let mut sum = 0.0;
    trial.ledger().own().visit(|name, _, _, value| sum += if name == metric { value } else { 0.0 });
    sum
}

/// What the reference was sent when it gave the answers below (npm statsd 0.9.0, node 20).
const LINES: &str =
    "a.b:1|c\na.c:2|c|@0.1\nx:5|g\ny:7.25|ms\ny:8|ms\n10:1|c\n2:1|c\nbad\nt:1|c|#env:x,host:y\n";

#[test]
fn the_words_of_the_reference_have_its_answers_to_the_byte() {
    let mut trial = trial(CONFIG);
    send(&mut trial, LINES);
    let counters = "{
  '2': 1,
  '10': 1,
  'statsd.bad_lines_seen': 1,
  'statsd.packets_received': 1,
  'statsd.metrics_received': 9,
  'a.b': 1,
  'a.c': 20,
  't;env=x;host=y': 1
}
END

";
    assert_eq!(answer(&trial, "counters"), counters);
    assert_eq!(answer(&trial, " counters  x\r"), counters);
    assert_eq!(answer(&trial, "timers"), "{ y: [ 7.25, 8 ] }\nEND\n\n");
    assert_eq!(answer(&trial, "gauges"), "{ x: 5 }\nEND\n\n");
    assert_eq!(
        ["health", "health DOWN", "health x"].map(|line| answer(&trial, line)),
        ["health: up\n", "health: down\n", "health: down\n"]
    );
    assert_eq!(["foo", "", "STATS"].map(|line| answer(&trial, line)), ["ERROR\n"; 3]);
    let deleted = "deleted: a.b\ndeleted: a.c\nmetric q not found\nmetric a.* not found\nEND\n\n";
    assert_eq!(answer(&trial, "delcounters a.* q a.*"), deleted);
    assert_eq!(answer(&trial, "delcounters"), "END\n\n");
    assert_eq!(answer(&trial, "deltimers y"), "deleted: y\nEND\n\n");
    assert_eq!(answer(&trial, "timers"), "{}\nEND\n\n");
    assert_eq!(answer(&trial, "delgauges .*"), "metric .* not found\nEND\n\n");
    assert_eq!(answer(&trial, "delcounters  a "), "metric  not found\nmetric a not found\nEND\n\n");
    assert_eq!(said(&trial, "quit", HERE), Said::Farewell(Vec::new()));
    assert_eq!(counted(&trial, "hekad_admin_commands_unknown_total"), 3.0);
}

#[test]
fn what_is_deleted_is_not_flushed_and_the_books_add_up() {
    let mut trial = trial(CONFIG);
    send(&mut trial, "a.b:1|c\na.b:2|c\nc:5|c\ng:7|g\nt:1|ms\nt:1|h\n");
    assert_eq!(answer(&trial, "delcounters a.*"), "deleted: a.b\nEND\n\n");
    assert_eq!(answer(&trial, "deltimers t"), "deleted: t\nEND\n\n");
    assert_eq!(answer(&trial, "delgauges g x"), "deleted: g\nmetric x not found\nEND\n\n");
    trial.advance(Duration::from_secs(10));
    let expected = "stats.counters.c.rate 0.5 1700000010\nstats.counters.c.count 5 1700000010\n\
                    stats.statsd.numStats 1 1700000010\n";
    assert_eq!(trial.written("127.0.0.1:2003"), expected);
    // Kept series are there without a sample; deleted ones are not.
    let own = "'statsd.bad_lines_seen': 0,\n  'statsd.packets_received': 0,\n  'statsd.metrics_received': 0";
    assert_eq!(answer(&trial, "counters"), format!("{{\n  {own},\n  c: 0\n}}\nEND\n\n"));
    assert_eq!(counted(&trial, "hekad_table_deleted_total"), 5.0);
    trial.stop();
    trial.ledger().check_settled().expect("the books add up");
}

#[test]
fn stats_tell_how_long_ago_and_what_carbon_took() {
    let mut trial = trial(CONFIG);
    trial.advance(Duration::from_secs(4));
    send(&mut trial, LINES);
    trial.advance(Duration::from_secs(3));
    let before = "uptime: 7\nmessages.last_msg_seen: 3\nmessages.bad_lines_seen: 1\ngraphite.last_flush: 7\n\
                  graphite.last_exception: 1700000007\ngraphite.flush_time: 0\ngraphite.flush_length: 0\nEND\n\n";
    assert_eq!(answer(&trial, "stats"), before);
    trial.tape().refuse_connects("127.0.0.1:2003", 1);
    trial.advance(Duration::from_secs(8));
    let length = trial.written("127.0.0.1:2003").len();
    let after = answer(&trial, "stats");
    let lines: Vec<&str> = after.lines().collect();
    assert_eq!(lines[..2], ["uptime: 15", "messages.last_msg_seen: 11"]);
    assert_eq!(lines[4], "graphite.last_exception: 5");
    assert_eq!(lines[6..8], ["graphite.flush_length: ".to_owned() + &length.to_string(), "END".to_owned()]);
}

#[test]
fn sets_and_the_heaviest_prefixes_are_told_too() {
    let mut trial = trial(CONFIG);
    send(&mut trial, "u.s:a|s\nu.s:b|s\nu.s:b|s\nu.t:1|c|#k:v\nplain:1|c\n");
    assert_eq!(answer(&trial, "sets"), "{ 'u.s': 2 }\nEND\n\n");
    trial.advance(Duration::from_secs(3));
    let top = "series: 3 of 1000000\nprefix u: 2 of 1000\nprefix (none): 1 of 1000\n\
               newest counter plain: 3 s ago\nnewest counter u.t;k=v: 3 s ago\nnewest set u.s: 3 s ago\nEND\n\n";
    assert_eq!(answer(&trial, "top"), top);
    let one = "series: 3 of 1000000\nprefix u: 2 of 1000\nnewest counter plain: 3 s ago\nEND\n\n";
    assert_eq!(answer(&trial, "top 1"), one);
}

#[test]
fn only_this_machine_and_the_networks_named_may_write_and_browsers_are_hung_up_on() {
    let mut trial = trial(CONFIG);
    send(&mut trial, "a:1|c\n");
    let [stranger, friend]: [IpAddr; 2] =
        ["10.2.0.1", "10.1.9.9"].map(|peer| peer.parse().expect("it is one"));
    for line in ["delcounters a", "deltimers a", "delgauges a", "health down"] {
        let refused = b"ERROR: 10.2.0.1 may only look; add it to allow_writes_from\n";
        assert_eq!(said(&trial, line, stranger), Said::Answer(refused.to_vec()), "{line}");
    }
    assert_eq!(said(&trial, "health", stranger), Said::Answer(b"health: up\n".to_vec()));
    assert_eq!(said(&trial, "health down", friend), Said::Answer(b"health: down\n".to_vec()));
    assert_eq!(said(&trial, "delcounters a", friend), Said::Answer(b"deleted: a\nEND\n\n".to_vec()));
    let browser = said(&trial, "POST / HTTP/1.1", HERE);
    assert_eq!(browser, Said::Farewell(b"ERROR\n".to_vec()));
    assert_eq!(counted(&trial, "hekad_admin_commands_refused_total"), 5.0);
}

#[test]
fn long_answers_are_cut_and_counted() {
    let mut trial = trial(CONFIG);
    for number in 0..500 {
        send(&mut trial, &format!("series.number.{number}:1|c\n"));
    }
    let counters = answer(&trial, "counters");
    let last: Vec<&str> = counters.lines().rev().take(4).collect();
    assert!(
        counters.len() < 5000 && last[3].ends_with(" more keys") && last[3].starts_with("  ... "),
        "{last:?}"
    );
    let deleted = answer(&trial, "delcounters series.*");
    assert!(deleted.len() < 5000 && deleted.ends_with("\n... and more\nEND\n\n"), "{deleted}");
    assert_eq!(counted(&trial, "hekad_admin_answers_cut_total"), 2.0);
    assert_eq!(counted(&trial, "hekad_table_deleted_total"), 500.0);
}

#[test]
fn help_lists_the_words_and_config_what_was_given() {
    let trial = trial(CONFIG);
    let reference =
        "Commands: stats, counters, timers, gauges, delcounters, deltimers, delgauges, health, config, quit";
    assert_eq!(answer(&trial, "help"), format!("{reference}, sets, top\n\n"));
    let config = answer(&trial, "config");
    assert!(config.starts_with("\nhekad > "), "{config}");
    for line in [
        "hekad > max_series: 1000000",
        "hekad > max_series_per_prefix: 1000",
        "statsd > type: StatsdInput",
        "StatsdAdminOutput > allow_writes_from > 0: 10.1.0.0/16",
        "CarbonOutput > address: 127.0.0.1:2003",
    ] {
        assert!(config.contains(&format!("\n{line}\n")), "{line} is not in {config}");
    }
}

#[test]
fn any_line_has_an_answer_of_whole_lines() {
    let words = [
        "help",
        "stats",
        "counters",
        "timers",
        "gauges",
        "sets",
        "delcounters",
        "deltimers",
        "top",
        "health",
    ];
    let line = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        (proptest::sample::select(words.to_vec()), "[ a-c.*0-9-]{0,12}")
            .prop_map(|(word, rest)| format!("{word} {rest}")),
    ];
    let mut trial = trial(CONFIG);
    send(&mut trial, LINES);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(line in line)| {
        let (Said::Answer(text) | Said::Farewell(text)) = said(&trial, &line, HERE);
        prop_assert!(text.is_empty() || text.ends_with(b"\n"), "{line:?}");
    });
}
