//! Plugins of another crate, most of them ill-behaved: what they break, what they cannot, and what the books say.

mod plugins;

use std::sync::Arc;
use std::time::Duration;

use heka::config::{Problems, Sources, render};
use heka::flow::{JointCounts, Ledger, LossReason, Wiring};
use heka::net::{Handed, Tape, World};
use heka::pipeline::{Machines, Outcome, Running, Setting, Trial, plan};
use heka::time::{Clock, Stamp};
use plugins::{Asked, all};

#[test]
fn an_output_that_hangs_costs_the_aggregation_nothing_and_the_stop_no_more_than_its_deadline() {
    let ran = run(&format!(
        "{}{ACCUMULATOR}[HangingOutput]\nmessage_matcher = \"Type == 'heka.statsample'\"\n",
        "[hekad]\nstop_timeout = \"400ms\"\nqueue_size = \"1KiB\"\n\n\
         [script]\ntype = \"ScriptInput\"\nlines = [\"a:1|c\"]\ntimes = 50\nwaits_for_flushes = 2\nasks_to_stop = true\n\n"
    ));
    assert_eq!(ran.sum_of("stats.counters.a.count "), 50.0);
    let fed = ran.joint("script", "StatAccumFilter");
    assert_eq!((fed.offered(), fed.taken(), fed.lost_total(), fed.way), (50, 50, 0, "lane"));
    let hung = ran.joint("script", "HangingOutput");
    // One it hangs on, unless it was slow to take it, and three in its queue; the rest found no room.
    let given_up = hung.lost(LossReason::StopDeadline);
    assert!((3..=4).contains(&given_up), "{}", ran.ledger.report());
    assert_eq!((hung.offered(), hung.taken(), hung.lost(LossReason::Full)), (50, 0, 50 - given_up));
    assert_eq!(ran.outcome, Outcome { failed: false, given_up });
    assert_eq!(ran.ledger.check_settled(), Ok(()));
    // The deadline, and half a second for a last call to outputs and one to scrapes.
    assert!(ran.took < Duration::from_secs(5), "{:?}", ran.took);
}

#[test]
fn a_filter_that_panics_on_a_record_loses_that_record_and_takes_the_next() {
    let mut trial = trial("[FragileFilter]\nmessage_matcher = \"Type == 'heka.statsample'\"\n");
    trial.send("statsd", b"a:1|c").expect("there is such an input");
    trial.send("statsd", b"boom:1|c").expect("there is such an input");
    // Taken from its queue after the restart.
    trial.send("statsd", b"b:1|c").expect("there is such an input");
    assert_eq!(counted(trial.ledger(), "fragile_taken_total"), 1);
    trial.advance(Duration::from_secs(2));
    assert_eq!(counted(trial.ledger(), "fragile_taken_total"), 2);
    trial.send("statsd", b"c:1|c").expect("there is such an input");
    trial.stop();
    let joint = joint(trial.ledger(), "statsd", "FragileFilter");
    assert_eq!((joint.offered(), joint.taken(), joint.lost(LossReason::Fault)), (4, 3, 1));
    assert_eq!(faults(trial.ledger(), "FragileFilter"), 1);
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn a_lane_that_panics_faults_its_consumer_and_not_the_producer() {
    let mut trial = trial("[FragileInletFilter]\nmessage_matcher = \"Type == 'heka.statsample'\"\n");
    trial.send("statsd", b"a:1|c").expect("there is such an input");
    trial.send("statsd", b"boom:1|c").expect("there is such an input");
    trial.advance(Duration::from_secs(2));
    trial.send("statsd", b"b:1|c\nc:1|c").expect("there is such an input");
    trial.advance(Duration::from_secs(8));
    trial.stop();
    let fragile = joint(trial.ledger(), "statsd", "FragileInletFilter");
    assert_eq!((fragile.way, fragile.offered(), fragile.taken()), ("lane", 4, 3));
    assert_eq!(fragile.lost(LossReason::Fault), 1);
    assert_eq!(counted(trial.ledger(), "fragile_taken_total"), 3);
    assert_eq!(faults(trial.ledger(), "FragileInletFilter"), 1);
    let sound = joint(trial.ledger(), "statsd", "StatAccumFilter");
    assert_eq!((sound.way, sound.offered(), sound.taken()), ("lane", 4, 4));
    assert_eq!(
        trial.written(CARBON),
        "stats.counters.a.rate 0.1 1700000010\nstats.counters.a.count 1 1700000010\n\
         stats.counters.boom.rate 0.1 1700000010\nstats.counters.boom.count 1 1700000010\n\
         stats.counters.b.rate 0.1 1700000010\nstats.counters.b.count 1 1700000010\n\
         stats.counters.c.rate 0.1 1700000010\nstats.counters.c.count 1 1700000010\n\
         stats.statsd.numStats 4 1700000010\nstats.statsd.numStats 0 1700000020\n"
    );
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn an_output_that_panics_on_a_record_loses_that_record_and_is_restarted() {
    let mut trial = trial("[FragileOutput]\nmessage_matcher = \"Type == 'heka.statsample'\"\n");
    for line in [&b"a:1|c"[..], b"boom:1|c", b"b:1|c"] {
        trial.send("statsd", line).expect("there is such an input");
    }
    trial.advance(Duration::from_secs(2));
    trial.stop();
    let joint = joint(trial.ledger(), "statsd", "FragileOutput");
    assert_eq!((joint.offered(), joint.taken(), joint.lost(LossReason::Fault)), (3, 2, 1));
    assert_eq!(counted(trial.ledger(), "fragile_taken_total"), 2);
    assert_eq!(faults(trial.ledger(), "FragileOutput"), 1);
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn messages_that_another_filter_makes_of_samples_are_aggregated_in_every_wiring() {
    let config = "[statsd]\ntype = \"StatsdInput\"\n\n[RenamingFilter]\nmessage_matcher = \"Logger == 'statsd'\"\n\n\
         [StatAccumFilter]\ndelete_idle_stats = true\nat_stop = \"flush\"\nmessage_matcher = \"Logger == 'RenamingFilter'\"\n\n\
         [CarbonOutput]\naddress = \"127.0.0.1:2003\"\n";
    for wiring in [Wiring::AsConfigured, Wiring::Queues, Wiring::Messages] {
        let mut trial = Trial::new(config, &all(), wiring, START).expect("the configuration is right");
        trial.send("statsd", b"a:1|c\na:2|c|@0.5|#k:v").expect("there is such an input");
        trial.stop();
        let joint = joint(trial.ledger(), "RenamingFilter", "StatAccumFilter");
        assert_eq!((joint.offered(), joint.taken()), (2, 2), "{wiring:?}: {}", trial.ledger().report());
        assert_eq!(
            trial.written(CARBON),
            "stats.counters.renamed.a.rate 0.1 1700000010\nstats.counters.renamed.a.count 1 1700000010\n\
             stats.counters.renamed.a.rate;k=v 0.4 1700000010\nstats.counters.renamed.a.count;k=v 4 1700000010\n\
             stats.statsd.numStats 2 1700000010\n",
            "{wiring:?}"
        );
        assert_eq!(trial.ledger().check_settled(), Ok(()));
    }
}

#[test]
fn a_record_that_has_passed_as_many_filters_as_it_may_is_lost_and_counted() {
    let config = "[hekad]\nmax_message_loops = 1\n\n[statsd]\ntype = \"StatsdInput\"\n\n\
         [one]\ntype = \"RenamingFilter\"\nmessage_matcher = \"Logger == 'statsd'\"\n\n\
         [two]\ntype = \"RenamingFilter\"\nmessage_matcher = \"Logger == 'one'\"\n\n\
         [LogOutput]\nmessage_matcher = \"Logger == 'two'\"\n\n\
         [some]\ntype = \"LogOutput\"\nmessage_matcher = \"Logger == 'two' && Fields[name] == 'renamed.renamed.b'\"\n\n\
         [never]\ntype = \"LogOutput\"\nmessage_matcher = \"Fields[name] == 'zzz'\"\n";
    for wiring in [Wiring::AsConfigured, Wiring::Queues, Wiring::Messages] {
        let mut trial = Trial::new(config, &all(), wiring, START).expect("the configuration is right");
        trial.send("statsd", b"a:1|c\nb:1|c").expect("there is such an input");
        trial.stop();
        assert_eq!(joint(trial.ledger(), "one", "two").taken(), 2, "{wiring:?}");
        // Only who would have got it has lost it.
        for (consumer, records) in [("LogOutput", 2), ("some", 1), ("never", 0)] {
            let lost = joint(trial.ledger(), "two", consumer);
            let counts = (lost.offered(), lost.taken(), lost.lost(LossReason::Hops));
            assert_eq!(counts, (records, 0, records), "{consumer} in {wiring:?}");
        }
        assert_eq!((trial.written("stdout"), trial.ledger().check_settled()), (String::new(), Ok(())));
    }
}

#[test]
fn a_trial_says_so_when_a_stream_waits_for_a_consumer_that_stays_full() {
    let config = "[hekad]\nplugin_chansize = 1\n\n[stream]\ntype = \"StatsdInput\"\nnet = \"tcp\"\n\n\
         [LogOutput]\nmessage_matcher = \"TRUE\"\n";
    let mut trial =
        Trial::new(config, &all(), Wiring::AsConfigured, START).expect("the configuration is right");
    trial.tape().refuse_writes("stdout", u32::MAX);
    let sent: Vec<Result<(), String>> = (0..3).map(|_| trial.send("stream", b"a:1|c\n")).collect();
    let stuck = "stream has waited for 3600s: a consumer stays full".to_owned();
    assert_eq!(sent, [Ok(()), Ok(()), Err(stuck)]);
    trial.stop();
    let log = joint(trial.ledger(), "stream", "LogOutput");
    assert_eq!((log.offered(), log.lost(LossReason::StopDeadline)), (3, 3));
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn datagrams_that_come_alone_wait_for_an_output_that_is_away() {
    let mut trial = trial(
        "[LogOutput]\nmessage_matcher = \"Type == 'heka.statsample'\"\n\n[hekad]\nplugin_chansize = 1\n",
    );
    trial.tape().refuse_writes("stdout", 1);
    for _ in 0..5000 {
        trial.send("statsd", b"a:1|c").expect("there is such an input");
    }
    trial.advance(Duration::from_secs(2));
    trial.stop();
    let log = joint(trial.ledger(), "statsd", "LogOutput");
    assert_eq!((log.offered(), log.taken(), log.lost_total()), (5000, 5000, 0));
    assert_eq!(trial.written("stdout").lines().count(), 5000);
}

#[test]
fn flushes_that_find_no_room_are_lost_and_those_that_wait_arrive() {
    for on_full in ["", "on_full = \"drop\"\n"] {
        let mut trial = Trial::new(
            &format!(
                "[hekad]\nqueue_size = \"1KiB\"\n[statsd]\ntype = \"StatsdInput\"\n[StatAccumFilter]\nticker_interval = 1\n\
                 [CarbonOutput]\naddress = \"{CARBON}\"\n{on_full}\
                 [CarbonOutput.retries]\ndelay = \"8s\"\nmax_delay = \"8s\"\nmax_jitter = 0\n"
            ),
            &all(),
            Wiring::AsConfigured,
            START,
        )
        .expect("the configuration is right");
        trial.tape().refuse_connects(CARBON, 1);
        let failing = trial.ledger().own().level("hekad_output_failing", &[("output", "CarbonOutput")]);
        for value in 1..=10 {
            trial.send("statsd", format!("a:{value}|c").as_bytes()).expect("there is such an input");
            trial.advance(Duration::from_secs(1));
            // It failed at the first flush, and again after eight seconds it did not.
            assert_eq!(failing.value(), f64::from(value < 9), "after flush {value}");
        }
        let written = trial.written(CARBON);
        let counts = written.lines().filter_map(|line| line.strip_prefix("stats.counters.a.count "));
        let arrived: Vec<u64> = counts
            .map(|rest| rest.split(' ').next().and_then(|text| text.parse().ok()).expect("a count"))
            .collect();
        // One that is tried again, three in a kibibyte behind it, and what came when there was room again.
        assert_eq!(arrived, [1, 2, 3, 4, 10]);
        let carbon = joint(trial.ledger(), "StatAccumFilter", "CarbonOutput");
        assert_eq!((carbon.offered(), carbon.taken(), carbon.lost(LossReason::Full)), (10, 5, 5));
        trial.stop();
    }
}

#[test]
fn a_queue_is_full_by_the_bytes_it_holds() {
    let mut trial = trial(
        "[LogOutput]\nmessage_matcher = \"Type == 'heka.statsample'\"\n\n[hekad]\nqueue_size = \"64KiB\"\n",
    );
    trial.tape().refuse_writes("stdout", 1);
    let long = [&b"a:1|c\n"[..]; 4000].concat();
    // The first is being tried again, the second fits an empty queue whatever its size, the third finds no room.
    for bytes in [&b"a:1|c"[..], &long, b"a:1|c"] {
        trial.send("statsd", bytes).expect("there is such an input");
    }
    trial.advance(Duration::from_secs(2));
    trial.stop();
    let log = joint(trial.ledger(), "statsd", "LogOutput");
    assert_eq!((log.offered(), log.taken(), log.lost(LossReason::Full)), (4002, 4001, 1));
    assert_eq!(joint(trial.ledger(), "statsd", "StatAccumFilter").taken(), 4002);
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn an_output_that_fails_for_good_ends_the_daemon_unless_it_may_exit() {
    let fragile = |can_exit: bool| {
        format!(
            "[script]\ntype = \"ScriptInput\"\nlines = [\"boom:1|c\"]\n\n\
             [later]\ntype = \"ScriptInput\"\nlines = [\"a:1|c\"]\nwaits_for_flushes = 3\nasks_to_stop = {can_exit}\n\n\
             {ACCUMULATOR}[FragileOutput]\nmessage_matcher = \"Type == 'heka.statsample'\"\ncan_exit = {can_exit}\n\n\
             [FragileOutput.retries]\nmax_retries = 0\n"
        )
    };
    let ended = run(&fragile(false));
    assert_eq!(ended.outcome, Outcome { failed: true, given_up: 0 });
    assert_eq!(ended.joint("script", "FragileOutput").lost(LossReason::Fault), 1);
    assert_eq!(ended.sum_of("stats.counters.boom.count "), 1.0);
    assert_eq!(ended.ledger.check_settled(), Ok(()));

    let went_on = run(&fragile(true));
    assert_eq!(went_on.outcome, Outcome { failed: false, given_up: 0 });
    assert_eq!(went_on.joint("script", "FragileOutput").lost(LossReason::Fault), 1);
    // It is no consumer any more.
    assert_eq!(went_on.joint("later", "FragileOutput").offered(), 0);
    assert_eq!(went_on.sum_of("stats.counters.a.count "), 1.0);
    assert_eq!(went_on.ledger.check_settled(), Ok(()));
}

#[test]
fn an_input_whose_source_ends_ends_the_daemon_unless_it_may_exit() {
    let ending = |can_exit: bool| {
        format!(
            "[script]\ntype = \"ScriptInput\"\nlines = [\"a:1|c\"]\nends = true\ncan_exit = {can_exit}\n\n\
             [script.retries]\nmax_retries = 1\ndelay = 0\nmax_jitter = 0\n\n\
             [later]\ntype = \"ScriptInput\"\nlines = [\"b:1|c\"]\nwaits_for_flushes = 3\nasks_to_stop = {can_exit}\n\n\
             {ACCUMULATOR}"
        )
    };
    // It is tried again once, and both times what it brought is flushed.
    let ended = run(&ending(false));
    assert_eq!(ended.outcome, Outcome { failed: true, given_up: 0 });
    assert_eq!(ended.sum_of("stats.counters.a.count "), 2.0);

    let went_on = run(&ending(true));
    assert_eq!(went_on.outcome, Outcome { failed: false, given_up: 0 });
    assert_eq!(went_on.sum_of("stats.counters.a.count "), 1.0);
    assert_eq!(went_on.sum_of("stats.counters.b.count "), 1.0);
    assert_eq!(went_on.ledger.check_settled(), Ok(()));
}

#[test]
fn an_input_that_panics_is_restarted_and_its_samples_before_are_kept() {
    let ran = run(&format!(
        "[script]\ntype = \"ScriptInput\"\nlines = [\"a:1|c\"]\npanics = true\ncan_exit = true\n\n\
         [script.retries]\nmax_retries = 2\ndelay = 0\nmax_jitter = 0\n\n\
         [later]\ntype = \"ScriptInput\"\nlines = [\"b:1|c\"]\nwaits_for_flushes = 3\nasks_to_stop = true\n\n{ACCUMULATOR}"
    ));
    assert_eq!(ran.outcome, Outcome { failed: false, given_up: 0 });
    assert_eq!(ran.sum_of("stats.counters.a.count "), 3.0);
    assert_eq!(faults(&ran.ledger, "script"), 3);
    assert_eq!(ran.ledger.check_settled(), Ok(()));
}

/// What a daemon on threads came to.
struct Ran {
    outcome: Outcome,
    ledger: Ledger,
    tape: Arc<Tape>,
    took: Duration,
}

impl Ran {
    fn joint(&self, producer: &str, consumer: &str) -> Arc<JointCounts> {
        joint(&self.ledger, producer, consumer)
    }

    /// Sum of the values of a line over all flushes.
    fn sum_of(&self, name: &str) -> f64 {
        let written = String::from_utf8(self.tape.written(CARBON)).expect("lines are text");
        let values = written.lines().filter_map(|line| line.strip_prefix(name)?.split(' ').next());
        values.map(|value| value.parse::<f64>().expect("a value is a number")).sum()
    }
}

/// Runs a configuration on threads until one of its inputs asks for the stop, or a plugin fails.
fn run(config: &str) -> Ran {
    let sources = Sources::embedded("faults.toml", config);
    let mut problems = Problems::new();
    let planned = plan(&sources, &all(), &|_| None, "trial.host", &mut problems);
    let planned = planned.unwrap_or_else(|| panic!("{}", render(&problems, &sources, false)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let tape = Arc::new(Tape::new());
    let clock = Arc::new(Elapsed(tokio::time::Instant::now()));
    let setting = Setting {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        runtime: runtime.handle().clone(),
        wiring: Wiring::AsConfigured,
        world: World::Trial(Arc::clone(&tape)),
        handed: Handed::default(),
        base_dir: "/nonexistent".into(),
        state: heka::plugin::StateStore::default(),
        seed: 1,
    };
    let machines = Machines::build(planned, setting).expect("every plugin can be built");
    let asked = machines.shared.the::<Asked>().0.clone();
    let running = Running::start(machines).expect("every thread can be started");
    let ledger = running.ledger.clone();
    let outcome = running.run(&asked);
    let took = clock.0.elapsed();
    // A thread that hangs must not be waited for.
    runtime.shutdown_background();
    Ran { outcome, ledger, tape, took }
}

/// Real time, counted from `START`: threads wait for it.
struct Elapsed(tokio::time::Instant);

impl Clock for Elapsed {
    fn now(&self) -> Stamp {
        START.plus(self.0.elapsed())
    }
}

fn trial(more: &str) -> Trial {
    let config = format!(
        "[statsd]\ntype = \"StatsdInput\"\n\n[StatAccumFilter]\ndelete_idle_stats = true\nat_stop = \"flush\"\n\n\
         [CarbonOutput]\naddress = \"{CARBON}\"\n\n{more}"
    );
    Trial::new(&config, &all(), Wiring::AsConfigured, START).expect("the configuration is right")
}

fn joint(ledger: &Ledger, producer: &str, consumer: &str) -> Arc<JointCounts> {
    let joints = ledger.joints();
    let found = joints.iter().find(|joint| &*joint.producer == producer && &*joint.consumer == consumer);
    Arc::clone(found.unwrap_or_else(|| panic!("they have never met: {}", ledger.report())))
}

fn counted(ledger: &Ledger, name: &'static str) -> u64 {
    ledger.own().counter(name, &[]).value()
}

fn faults(ledger: &Ledger, plugin: &str) -> u64 {
    ledger.own().counter("hekad_plugin_faults_total", &[("plugin", plugin)]).value()
}

const START: Stamp = Stamp::from_seconds(1_700_000_000);

const CARBON: &str = "127.0.0.1:2003";

/// Aggregates every tenth of a second, so that flushes come soon.
const ACCUMULATOR: &str = "[StatAccumFilter]\nticker_interval = \"100ms\"\ndelete_idle_stats = true\nat_stop = \"flush\"\n\n\
                           [CarbonOutput]\naddress = \"127.0.0.1:2003\"\n\n";
