//! Lines of several values through `StatsdOutput`: each value once, whichever were chosen and however many daemons they pass.
//!
//! No scenario, because a trial whose samples are messages of their own knows nothing of their line.

use heka::flow::Wiring;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;

const CONFIG: &str = "[statsd]\ntype = \"StatsdInput\"\n\n[StatsdOutput]\nupstreams = [\"10.0.0.1:8125\"]\n";

/// What the upstream is sent.
fn sent(options: &str, wiring: Wiring, datagrams: &[&str]) -> Vec<String> {
    let config = format!("{CONFIG}{options}");
    let mut trial =
        Trial::new(&config, &builtin(), wiring, Stamp::from_seconds(1_700_000_000)).expect("it starts");
    for datagram in datagrams {
        trial.send("statsd", datagram.as_bytes()).expect("it takes them");
    }
    trial.stop();
    assert_eq!(trial.ledger().check_settled(), Ok(()));
    let datagrams = trial.tape().datagrams("10.0.0.1:8125");
    datagrams.into_iter().map(|datagram| String::from_utf8(datagram).expect("it is text")).collect()
}

#[test]
fn a_line_of_several_values_goes_out_once() {
    let lines = "a:1|c:2|ms:3|g\nb:1:2:3|ms|#k:v\nb:1:2:3|ms|#k:v\nc:x|s\nbad:x|c:1|c";
    for wiring in [Wiring::AsConfigured, Wiring::Queues] {
        assert_eq!(sent("", wiring, &[lines]), [lines], "{wiring:?}");
    }
}

#[test]
fn of_a_line_only_the_samples_that_are_chosen_go_out() {
    let matcher = "message_matcher = \"Type == 'heka.statsample' && Fields[kind] == 'ms'\"\n";
    let lines = "a:1|c:2|ms:3|ms|@0.5|#k:v\nb:1|c\nc d:1:2|ms|x";
    for wiring in [Wiring::AsConfigured, Wiring::Queues] {
        let expected = "a:2|ms|#k:v\na:3|ms|@0.5|#k:v\nc d:1:2|ms|x";
        assert_eq!(sent(matcher, wiring, &[lines]), [expected], "{wiring:?}");
    }
}

#[test]
fn samples_that_are_messages_go_out_one_by_one() {
    assert_eq!(sent("", Wiring::Messages, &["a:1|c:2|c\nb:1|c"]), ["a:1|c\na:2|c\nb:1|c"]);
}

#[test]
fn lines_of_several_values_keep_their_sums_over_two_hops() {
    let start = Stamp::from_seconds(1_700_000_000);
    let near = "[statsd]\ntype = \"StatsdInput\"\n\n[TcpOutput]\naddress = \"10.0.0.9:5565\"\n\
                message_matcher = \"Type == 'heka.statsample'\"\n";
    let far = "[TcpInput]\naddress = \"127.0.0.1:5565\"\n\n[StatsdOutput]\nupstreams = [\"10.0.0.1:8125\"]\n";
    for wiring in [Wiring::AsConfigured, Wiring::Queues, Wiring::Messages] {
        let mut first = Trial::new(near, &builtin(), wiring, start).expect("it starts");
        first
            .send("statsd", b"a:1:2:3|c\ntm:1:2:3|ms|@0.5\ns:x:y|s\ng:1|g:+2|g\nb:1|c")
            .expect("it takes them");
        first.stop();
        let frames = first.tape().written("10.0.0.9:5565");
        let mut second = Trial::new(far, &builtin(), wiring, start).expect("it starts");
        second.send("TcpInput", &frames).expect("it takes them");
        second.stop();
        assert_eq!(second.ledger().check_settled(), Ok(()));
        let sent = second.tape().datagrams("10.0.0.1:8125").join(&b'\n');
        let expected = "a:1|c\na:2|c\na:3|c\ntm:1|ms|@0.5\ntm:2|ms|@0.5\ntm:3|ms|@0.5\ns:x:y|s\n\
                        g:1|g\ng:+2|g\nb:1|c";
        assert_eq!(String::from_utf8(sent).expect("it is text"), expected, "{wiring:?}");
    }
}
