//! Holds the papers to the program: examples plan, links lead somewhere, and what is short by rule is short.

use std::path::{Path, PathBuf};

use heka::config::{Problems, Sources, render};
use heka::pipeline::{builtin, plan};

#[test]
fn every_configuration_in_the_papers_plans_without_a_problem() {
    let mut seen = 0;
    for paper in papers() {
        for (line, block) in blocks(&text_of(&paper), "toml") {
            let name = format!("{} from line {line}", paper.display());
            let sources = Sources::embedded(&name, &block);
            let mut problems = Problems::new();
            let plan = plan(&sources, &builtin(), &|_| None, "host.example.com", &mut problems);
            assert!(problems.is_empty(), "{name}:\n{}", render(&problems, &sources, false));
            assert!(plan.is_some_and(|plan| !plan.joints.is_empty()), "{name}: nothing is joined");
            seen += 1;
        }
    }
    assert!(seen >= 3, "the papers have {seen} configurations; the test reads them no more");
}

#[test]
fn the_routes_the_readme_shows_are_those_of_the_example_before_them() {
    let readme = text_of(Path::new("README.md"));
    let (line, shown) = blocks(&readme, "text")
        .into_iter()
        .find(|(_, block)| block.contains(" -> ") && !block.contains("error:"))
        .expect("the readme shows routes");
    let examples = blocks(&readme, "toml");
    let (_, example) = examples.iter().rfind(|(at, _)| *at < line).expect("an example is before the routes");
    let sources = Sources::embedded("the example", example);
    let planned = plan(&sources, &builtin(), &|_| None, "host.example.com", &mut Problems::new());
    let joints = planned.expect("the example plans").joints;
    let routes: String = joints.iter().map(|joint| format!("{joint}\n")).collect();
    assert_eq!(shown, routes);
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut seen = 0;
    for paper in papers() {
        let folder = paper.parent().expect("a paper is in a folder").to_owned();
        for target in links(&text_of(&paper)) {
            let file = target.split('#').next().expect("a text has a first part");
            if target.contains("://") || file.is_empty() {
                continue;
            }
            assert!(root().join(&folder).join(file).exists(), "{}: no file {target}", paper.display());
            seen += 1;
        }
    }
    assert!(seen >= 5, "the papers have {seen} links; the test reads them no more");
}

#[test]
fn every_link_within_the_readme_leads_to_a_heading() {
    let readme = text_of(Path::new("README.md"));
    let anchors: Vec<String> = readme.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    for target in links(&readme).iter().filter_map(|target| target.strip_prefix('#')) {
        assert!(anchors.iter().any(|anchor| anchor == target), "no heading #{target}");
    }
}

#[test]
fn the_design_has_fewer_than_two_hundred_lines() {
    let lines = text_of(Path::new("docs/design.md")).lines().count();
    assert!(lines < 200, "docs/design.md has {lines} lines");
}

#[test]
fn every_decision_has_at_most_fifteen_lines_and_all_its_parts() {
    let text = text_of(Path::new("docs/decisions.md"));
    let entries: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert!(entries.len() > 10, "the decisions are not read any more");
    for entry in entries {
        let title = entry.lines().next().expect("an entry has a title");
        let lines = entry.trim_end().lines().count();
        assert!(lines <= 15, "{title}: {lines} lines");
        for part in ["* Question: ", "* Options: ", "* Choice: ", "* Cost: ", "* Look again: "] {
            assert!(entry.contains(part), "{title}: there is no {part:?}");
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let decisions = text_of(Path::new("docs/decisions.md"));
    let manifest = text_of(Path::new("Cargo.toml"));
    let after = manifest.split("\n[dependencies]\n").nth(1).expect("the manifest has dependencies");
    let section = after.split("\n[").next().expect("a text has a first part");
    let names: Vec<&str> =
        section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim()).collect();
    assert!(names.len() > 10, "the dependencies are not read any more: {names:?}");
    for name in names {
        assert!(is_named(&decisions, name), "docs/decisions.md does not name {name}");
    }
}

#[test]
fn blocks_of_sh_are_for_every_shell() {
    let mut seen = 0;
    for paper in papers().into_iter().chain([PathBuf::from("config/README.md")]) {
        for (line, block) in blocks(&text_of(&paper), "sh") {
            for only_in_bash in ["<(", ">(", "[[", "<<<", "function "] {
                assert!(
                    !block.contains(only_in_bash),
                    "{} from line {line}: {only_in_bash}",
                    paper.display()
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 3, "the papers have {seen} blocks of sh; the test reads them no more");
}

#[test]
fn every_file_with_unsafe_is_named_in_the_papers() {
    let mut seen = 0;
    for file in rust_files(&root().join("src")) {
        let text = std::fs::read_to_string(&file).expect("a source file is readable text");
        if !text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains("unsafe {")) {
            continue;
        }
        let name = file.strip_prefix(root().join("src")).expect("it was found there").display().to_string();
        for paper in ["CONTRIBUTING.md", "docs/design.md"] {
            assert!(text_of(Path::new(paper)).contains(&format!("`{name}`")), "{paper} does not name {name}");
        }
        seen += 1;
    }
    assert!(seen >= 3, "{seen} files with `unsafe` are found");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let files = paths.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// All papers, by their path below the root.
fn papers() -> Vec<PathBuf> {
    let mut papers: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].iter().map(PathBuf::from).collect();
    for entry in std::fs::read_dir(root().join("docs")).expect("there is a folder docs") {
        let path = entry.expect("the folder can be listed").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            papers.push(Path::new("docs").join(path.file_name().expect("a file has a name")));
        }
    }
    papers.sort();
    papers
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text_of(paper: &Path) -> String {
    let path = root().join(paper);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of a language, each with the number of its first line.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.trim() == language, number + 2, String::new())),
            (Some(_), Some(_)) => {
                let (wanted, first, block) = open.take().expect("a block is open");
                blocks.extend(wanted.then_some((first, block)));
            }
            (Some((_, _, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// What stands in the parentheses of links and pictures, outside of fenced blocks.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut links = Vec::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        links.extend(targets.filter(|_| !fenced).map(str::to_owned));
    }
    links
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .collect::<String>()
        .replace(' ', "-")
}

/// Whether `name` stands in `text` as a word of its own.
fn is_named(text: &str, name: &str) -> bool {
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    text.split(|letter: char| !part(letter)).any(|word| word == name)
}
