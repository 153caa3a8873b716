//! The example of a plugin of another crate does what it says.

use heka::flow::Wiring;
use heka::pipeline::Trial;
use heka::time::Stamp;

#[path = "../examples/custom_output.rs"]
#[allow(dead_code, unreachable_pub, reason = "a program of its own: its `main` is for those who run it")]
mod custom_output;

fn started(path: &str) -> Result<Trial, String> {
    let text = format!(
        "[statsd]\ntype = \"StatsdInput\"\n\n[AppendOutput]\npath = \"{path}\"\n\
         message_matcher = \"Type == 'heka.statsample' && Fields[kind] == 'ms' && Fields[value] > 500\"\n"
    );
    let plugins = heka::pipeline::builtin().output::<custom_output::AppendConfig>();
    Trial::new(&text, &plugins, Wiring::AsConfigured, Stamp::from_seconds(1_700_000_000))
}

#[test]
fn it_appends_what_its_matcher_takes() {
    let directory = tempfile::TempDir::new().expect("a directory can be made");
    let path = directory.path().join("slow.log");
    for _ in 0..2 {
        let mut trial = started(path.to_str().expect("it is text")).expect("it starts");
        trial.send("statsd", b"a:501|ms\na:500|ms\nb:900|c\nb:1000|ms|#k:v").expect("it takes them");
        trial.stop();
        assert!(trial.ledger().check_settled().is_ok());
    }
    let written = std::fs::read_to_string(&path).expect("it was written");
    assert_eq!(written, "a:501|ms\nb:1000|ms|#k:v\n".repeat(2));
}

#[test]
fn its_mistakes_are_shown_as_those_of_any_other_plugin() {
    let relative = started("slow.log").err().expect("it is refused");
    assert!(relative.contains("must begin with a slash: a daemon has no place of its own"), "{relative}");
    assert!(relative.contains("--> trial.toml:5:8"), "{relative}");
    let missing = started("/nonexistent/slow.log").err().expect("it cannot be opened");
    assert!(missing.starts_with("AppendOutput: /nonexistent/slow.log cannot be opened: "), "{missing}");
}
