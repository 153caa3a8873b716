//! Configurations as files and bytes: those that come with the program, directories, variables, routes.

use heka::config::{Problems, Sources, one_line};
use heka::daemon::{Choice, load};
use heka::pipeline::builtin;

use super::{Planned, root};

fn planned(path: &str) -> Planned {
    let mut problems = Problems::new();
    let sources = Sources::read(&root().join(path), &mut problems);
    Planned::of(sources, problems)
}

#[test]
fn every_sample_configuration_is_planned_without_a_problem() {
    let mut checked = Vec::new();
    for entry in std::fs::read_dir(root().join("config")).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let loaded = load(&Choice { path: Some(path.clone()), listen: None }, &builtin());
        let lines: Vec<String> =
            loaded.problems.iter().map(|problem| one_line(problem, &loaded.sources)).collect();
        assert_eq!(lines, Vec::<String>::new(), "{}", path.display());
        assert!(loaded.plan.is_some(), "{}", path.display());
        checked.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    checked.sort();
    let roles = ["agent.toml", "aggregator.toml", "analyzer.toml", "router.toml"];
    let others = ["default.toml", "graphite.toml", "prometheus.toml", "split.toml"];
    let mut all = [&roles[..], &others].concat();
    all.sort_unstable();
    assert_eq!(checked, all);
}

#[test]
fn the_embedded_default_is_planned_and_listens_where_it_is_told() {
    let loaded = load(&Choice { path: None, listen: Some("127.0.0.1:9125".to_owned()) }, &builtin());
    assert_eq!(loaded.problems, []);
    let plan = loaded.plan.expect("the default is right");
    let listens = plan.inputs.iter().flat_map(|input| input.declared.listens());
    let addresses: Vec<String> = listens.map(|endpoint| endpoint.address.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:9125", "127.0.0.1:9125"]);
    let wrong = load(&Choice { path: None, listen: Some("9125".to_owned()) }, &builtin());
    assert!(wrong.plan.is_none());
    assert!(wrong.problems.iter().all(|problem| problem.kind.to_string().contains("`9125` lacks a port")));
}

#[test]
fn later_files_of_a_directory_replace_sections_of_earlier_ones() {
    let planned = planned("tests/config/directory");
    assert_eq!(planned.lines(), Vec::<String>::new());
    let plan = planned.plan.as_ref().expect("the directory is right");
    let statsd = &plan.inputs[0];
    assert_eq!(statsd.declared.listens()[0].address.to_string(), "127.0.0.1:9125");
    assert_eq!(statsd.declared.lanes(), 1);
    assert_eq!(plan.outputs[0].declared.sends_to()[0].address.to_string(), "new.example.com:2003");
    assert_eq!((plan.hekad.max_series, &*plan.hostname), (500, super::HOSTNAME));
}

#[test]
fn variables_reach_the_plan() {
    let text = "[hekad]\nhostname = '%ENV[TEAM]-1'\nmax_series = ${SERIES}\n[${TEAM:-x}]\n";
    let refused = Planned::of_text("names", text);
    assert_eq!(refused.lines(), ["4:2: a variable cannot stand in a name, only in a value"]);
    let text = "[hekad]\nhostname = '%ENV[TEAM]-1'\nmax_series = ${SERIES}\n\
                [StatsdInput]\naddress = '127.0.0.1:${STATSD_PORT}'\nlanes = ${LANES:-3}\n\
                [NullOutput]\nmessage_matcher = 'TRUE'\n";
    let planned = Planned::of_text("values", text);
    assert_eq!(planned.lines(), Vec::<String>::new());
    let plan = planned.plan.expect("the variables are set or have defaults");
    assert_eq!((plan.hekad.max_series, &*plan.hostname), (50_000, "web-1"));
    assert_eq!(plan.inputs[0].declared.listens()[0].address.to_string(), "127.0.0.1:8125");
    assert_eq!(plan.inputs[0].declared.lanes(), 3);
}

#[test]
fn what_cannot_be_read_is_a_problem_of_its_own() {
    let missing = planned("tests/config/none.toml");
    let path = root().join("tests/config/none.toml");
    let reason = "No such file or directory (os error 2)";
    assert_eq!(missing.lines()[0], format!("cannot read `{}`: {reason}", path.display()));
    let empty = planned("tests/wire");
    let path = root().join("tests/wire");
    assert_eq!(empty.lines(), [format!("no `*.toml` in the directory `{}`", path.display())]);
    let mut problems = Problems::new();
    let mut sources = Sources::new();
    sources.add("bytes", b"[StatsdInput]\n# caf\xe9\n", &mut problems);
    assert_eq!(Planned::of(sources, problems).lines(), ["2:6: the file is not UTF-8 text"]);
}

#[test]
fn routes_say_how_much_of_a_stream_a_consumer_gets() {
    let route = |matcher: &str| {
        let text = format!(
            "[statsd]\ntype = 'StatsdInput'\n[StatAccumFilter]\nmessage_matcher = \"Type == 'heka.statsample'{matcher}\"\n"
        );
        Planned::of_text("routes", &text).routes().join("\n")
    };
    assert_eq!(route(""), "statsd -> StatAccumFilter  yes lane -");
    assert_eq!(route(" && Fields[name] =~ /x/"), "statsd -> StatAccumFilter  series lane -");
    assert_eq!(route(" && Payload =~ /x/"), "statsd -> StatAccumFilter  maybe lane -");
}

#[test]
fn routes_of_a_whole_configuration_are_sorted_and_say_what_a_full_queue_does() {
    let text = "[StatsdInput]\n[tcp]\ntype = 'StatsdInput'\nnet = 'tcp'\n[StatAccumFilter]\n[CarbonOutput]\n\
                [LogOutput]\nmessage_matcher = \"Type == 'heka.statsample' && Logger == 'tcp'\"\n";
    let expected = [
        "StatAccumFilter -> CarbonOutput  yes queue drop",
        "StatsdInput -> StatAccumFilter  yes lane -",
        "tcp -> LogOutput  yes queue block",
        "tcp -> StatAccumFilter  yes lane -",
    ];
    assert_eq!(Planned::of_text("routes", text).routes(), expected);
}
