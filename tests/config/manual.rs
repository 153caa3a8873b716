//! The manual in `docs/` is what the program prints.

use super::root;

#[test]
fn the_manual_of_the_plugins_is_what_hekad_docs_prints() {
    let written = std::fs::read_to_string(root().join("docs/plugins.md")).expect("docs/plugins.md is there");
    let printed = heka::cli::manual(&heka::pipeline::builtin());
    let differing = written.lines().zip(printed.lines()).find(|(written, printed)| written != printed);
    assert_eq!(differing, None, "write it anew: hekad docs > docs/plugins.md");
    assert_eq!(written, printed, "write it anew: hekad docs > docs/plugins.md");
}

#[test]
fn the_page_of_the_metrics_is_what_hekad_docs_prints() {
    let written = std::fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md is there");
    assert_eq!(written, heka::cli::own_metrics(), "write it anew: hekad docs --metrics > docs/metrics.md");
}

#[test]
fn no_default_is_told_twice_and_every_option_is_explained() {
    for line in heka::cli::manual(&heka::pipeline::builtin()).lines().filter(|line| line.starts_with("* `")) {
        let (head, description) = line.split_once("): ").expect("an option has a kind and a description");
        assert!(!description.is_empty(), "{line}");
        assert!(!(head.contains(", default `") && description.contains("efault")), "{line}");
    }
}

#[test]
fn defaults_in_comments_are_those_of_the_program() {
    let plugins = heka::pipeline::builtin();
    let mut compared = 0;
    for plugin in plugins.all() {
        for option in (plugin.options)() {
            let Some((_, told)) = option.description.split_once("Default ") else { continue };
            let told = told.trim_end_matches('.').replace('"', "");
            let real = option.default.unwrap_or_else(|| "none".to_owned()).replace('"', "");
            assert_eq!(told, real, "{} of {}", option.key, plugin.type_name);
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared} defaults were compared");
}

#[test]
fn every_type_has_a_line_in_the_list() {
    let plugins = heka::pipeline::builtin();
    let list = heka::cli::list(&plugins);
    assert_eq!(list.lines().count(), plugins.all().len());
    assert!(list.lines().all(|line| line.len() < 130), "{list}");
    let carbon = list.lines().find(|line| line.starts_with("CarbonOutput "));
    let words: Vec<&str> = carbon.expect("it is a type").split_whitespace().collect();
    assert_eq!(words, ["CarbonOutput", "Sends", "flushes", "to", "Graphite's", "carbon"]);
}

#[test]
fn names_of_other_servers_lead_to_options_there_are() {
    for (foreign, key, type_name) in heka::config::FOREIGN_KEYS {
        let text = format!("[{type_name}]\nno_such_option = 1\n");
        let refused = super::Planned::of_text("foreign", &text);
        let allowed = refused.problems.iter().find_map(|problem| match &problem.kind {
            heka::config::ProblemKind::UnknownKey { allowed, .. } => Some(allowed),
            _ => None,
        });
        let allowed = allowed.expect("there is no such option");
        assert!(allowed.iter().any(|own| own == key), "{foreign}: {type_name} has no {key}");
    }
}
