//! What holds of every text: no panic, places within it, variables that change nothing but values.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_bytes_give_sections_or_problems_within_the_text(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        reads_without_panic(&bytes)?;
    }

    #[test]
    fn any_pieces_of_toml_give_sections_or_problems_within_the_text(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30),
    ) {
        reads_without_panic(pieces.concat().as_bytes())?;
    }

    #[test]
    fn option_after_a_slip_is_suggested(option in 0usize..12, at in any::<usize>(), how in any::<u8>()) {
        let documented = options::<Plugin>();
        let keys: Vec<&str> = documented.iter().map(|option| option.key.as_str()).filter(|key| !key.contains('.')).collect();
        let key = keys[option % keys.len()];
        prop_assert_eq!(suggest(&slip(key, at, how), keys.iter().copied()), Some(key));
    }

    #[test]
    fn substitution_changes_nothing_but_scalars(value in "\\PC{0,20}|[\"'\\[\\]\n=#]{0,8}") {
        let environment = |_: &str| Some(value.clone());
        let text = "[A]\na = \"<${X}>\"\nb = ${X}\nc = [%ENV[X], 1]\n[A.d]\ne = '${X}'\n";
        let mut problems = Problems::new();
        let sections = sections(&Sources::embedded("x", text), &environment, &mut problems);
        prop_assert_eq!(&problems, &[]);
        prop_assert_eq!(sections.plugins.len(), 1);
        prop_assert_eq!(sections.plugins[0].keys().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        let bracketed = format!("<{value}>");
        prop_assert_eq!(sections.plugins[0].text("a"), Some(bracketed.as_str()));
        prop_assert_eq!(sections.plugins[0].text("d.e"), Some(value.as_str()));
    }
}

fn reads_without_panic(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut problems = Problems::new();
    let mut sources = Sources::new();
    sources.add("x.toml", bytes, &mut problems);
    let sections = sections(&sources, &lookup, &mut problems);
    for section in &sections.plugins {
        let before = problems.len();
        let read = section.typed::<Plugin>(&mut problems);
        prop_assert!(read.is_none() || problems.len() == before);
        section.inner_span("address", 0..3);
    }
    let length = sources.source(0).unwrap().text().len();
    for at in problems.iter().filter_map(|problem| problem.at.as_ref()) {
        prop_assert!(at.span.start <= at.span.end && at.span.end <= length);
    }
    render(&problems, &sources, false);
    Ok(())
}

/// `word` after one slip: a letter left out, doubled, replaced, or swapped with the next.
fn slip(word: &str, at: usize, how: u8) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = at % (letters.len() - 1);
    match how % 4 {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, letters[at]),
        2 => letters[at] = 'q',
        _ => letters.swap(at, at + 1),
    }
    letters.into_iter().collect()
}

const PIECES: &[&str] = &[
    "[A]",
    "[B]",
    "[A.buffering]",
    "[[A.rules]]",
    "\n",
    "\r\n",
    " = ",
    "address",
    "count",
    "names",
    "rules",
    "'a:1'",
    "\"\\u00e9\"",
    "1",
    "-1.5",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "#",
    "%ENV[",
    "%ENV[PORT]",
    "${",
    "${NAME:-x}",
    "'''",
    "\"\"\"",
    "\"",
    "'",
    "\\",
    "é",
    "\u{feff}",
    "1979-05-27",
    "true",
    "type",
    "pattern",
    "hekad",
    "\u{0}",
];
