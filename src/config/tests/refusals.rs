//! Texts that are refused, each with its exact message and place.

use super::*;

#[test]
fn unknown_options_are_reported_together_with_suggestions() {
    let text = "[A]\nadress = 'a:1'\nfoo = 1\n[A.buffering]\nmax_filesize = 1\n";
    let (sections, mut problems, sources) = read(text);
    assert_eq!(sections.plugins[0].typed::<Plugin>(&mut problems), None);
    let expected = [
        "5:1: unknown option `max_filesize` in `A.buffering`",
        "1:2: `A` lacks the required option `address`",
        "2:1: unknown option `adress` in `A`",
        "3:1: unknown option `foo` in `A`",
    ];
    assert_eq!(lines(&problems, &sources), expected);
    let help = ["did you mean `max_file_size`?", "allowed: cursor_update_count, max_file_size"];
    assert_eq!(problems[0].kind.help(), help);
    assert_eq!(problems[1].kind.help(), ["add it, such as: address = \"127.0.0.1:8125\""]);
    assert_eq!(problems[2].kind.help()[0], "did you mean `address`?");
}

#[test]
fn option_of_a_table_below_is_suggested_by_its_path() {
    let (sections, mut problems, _) = read("[A]\naddress = 'a:1'\nmax_file_size = 1\n");
    assert_eq!(sections.plugins[0].typed::<Plugin>(&mut problems), None);
    assert_eq!(problems[0].kind.help()[0], "did you mean `buffering.max_file_size`?");
}

#[test]
fn values_of_the_wrong_type_are_all_reported_in_plain_words() {
    let text = "[A]\naddress = 5\ncount = '3'\nflush_interval = true\nlegacy = 1\nratio = 'x'\nnames = 'a'\n\
                size = 1.5\nheaders = 3\nwait = 2020-01-01\nrules = [{ pattern = 1 }, { pattern = 'a', weight = 'b' }]\n";
    let expected = [
        "2:11: `address`: expected an address such as \"127.0.0.1:8125\", found an integer",
        "3:9: `count`: expected an integer from 0 to 65535, found a string",
        "4:18: `flush_interval`: expected a duration (seconds, or text such as \"250ms\" or \"1h30m\"), found a boolean",
        "5:10: `legacy`: expected true or false, found an integer",
        "6:9: `ratio`: expected a number, found a string",
        "7:9: `names`: expected a list, found a string",
        "8:8: `size`: expected a size (bytes, or text such as \"8 MiB\"), found a float",
        "9:11: `headers`: expected a table, found an integer",
        "10:8: `wait`: expected a duration (milliseconds, or text such as \"250ms\" or \"1h30m\"), found a date",
        "11:22: `rules.pattern`: expected a string, found an integer",
        "11:53: `rules.weight`: expected an integer from 0 to 255, found a string",
    ];
    refuses(text, &expected);
}

#[test]
fn values_out_of_range_name_the_range() {
    let text = "[A]\naddress = 'a:1'\ncount = 70000\nflush_interval = -1\nsize = 99999999999999999999\n";
    let expected = [
        "3:9: `count`: 70000 is not an integer from 0 to 65535",
        "4:18: `flush_interval`: a duration cannot be negative",
        "5:8: `size`: 99999999999999999999 is not a size (bytes, or text such as \"8 MiB\")",
    ];
    refuses(text, &expected);
    refuses("[A]\naddress = 'a:1'\ncount = 1\n", &["3:9: `count`: must be at least 2"]);
}

#[test]
fn values_with_units_give_the_errors_of_their_units() {
    let text = "[A]\naddress = 'localhost'\nflush_interval = '10 sec'\nwait = ''\nsize = '8 mob'\n";
    let expected = [
        "2:11: `address`: `localhost` lacks a port (host:port)",
        "3:18: `flush_interval`: `sec` is not a unit of time (ns, us, ms, s, m, h or d)",
        "4:8: `wait`: a duration is missing",
        "5:8: `size`: `mob` is not a unit of size (B, KB, MB, GB, TB, KiB, MiB, GiB or TiB)",
    ];
    refuses(text, &expected);
    let (sections, mut problems, _) = read(text);
    assert_eq!(sections.plugins[0].typed::<Plugin>(&mut problems), None);
    let error = units::AddressError::MissingPort { text: "localhost".to_owned() };
    assert_eq!(problems[0].kind, ProblemKind::BadAddress { key: "address".to_owned(), error });
}

#[test]
fn word_that_is_no_choice_is_refused_with_the_choices() {
    let text = "[A]\naddress = 'a:1'\nfull_action = 'shutdwn'\n[B]\naddress = 'a:1'\nfull_action = 3\n";
    let expected = [
        "3:15: `full_action`: `shutdwn` is not one of the choices",
        "6:15: `full_action`: expected \"shutdown\" or \"drop\" or \"block\", found an integer",
    ];
    refuses(text, &expected);
    let (sections, mut problems, _) = read(text);
    assert_eq!(sections.plugins[0].typed::<Plugin>(&mut problems), None);
    assert_eq!(problems[0].kind.help(), ["did you mean `shutdown`?", "allowed: shutdown, drop, block"]);
}

#[test]
fn missing_options_are_reported_at_the_header() {
    refuses("[A]\ncount = 3\n", &["1:2: `A` lacks the required option `address`"]);
    let text = "[A]\naddress = 'a:1'\n[[A.rules]]\nweight = 1\n[[A.rules]]\n";
    let missing = "`A.rules` lacks the required option `pattern`";
    refuses(text, &[&format!("3:1: {missing}")]);
}

#[test]
fn key_outside_of_a_section_is_refused() {
    refuses("a = 1\n[B]\naddress = 'a:1'\n", &["1:1: `a` is outside of any section"]);
    refuses("a = [1]\n", &["1:1: `a` is outside of any section"]);
    refuses("[[B]]\naddress = 'a:1'\n", &["1:3: section `B` is written as a list"]);
}

#[test]
fn repeated_sections_and_keys_are_refused() {
    refuses("[A]\naddress = 'a:1'\n[A]\ncount = 2\n", &["3:2: section `A` is repeated"]);
    let (_, problems, sources) = read("[hekad]\n[Hekad]\n");
    assert_eq!(lines(&problems, &sources), ["2:2: section `Hekad` is repeated"]);
    refuses("[A]\naddress = 'a:1'\naddress = 'b:1'\n", &["3:1: `address` is given twice in `A`"]);
    refuses("[A]\naddress = 'a:1'\nAddress = 'b:1'\n", &["3:1: `Address` is given twice in `A`"]);
    refuses(
        "[A]\naddress = 'a:1'\n[A.buffering]\nmax_file_size = 1\nMax_File_Size = 2\n",
        &["5:1: `Max_File_Size` is given twice in `A`"],
    );
}

#[test]
fn syntax_errors_are_all_reported_and_silence_their_section_only() {
    let text = "[A]\naddress = \n[B]\ncount = 1\n[C]\naddress = 'a\n";
    let (sections, mut problems, sources) = read(text);
    for section in &sections.plugins {
        section.typed::<Plugin>(&mut problems);
    }
    let expected = [
        "2:11: syntax error: a value is missing",
        "6:13: syntax error: invalid literal string, expected `'`",
        "3:2: `B` lacks the required option `address`",
    ];
    assert_eq!(lines(&problems, &sources), expected);
}

#[test]
fn type_must_be_a_string() {
    refuses("[A]\ntype = 3\n", &["2:8: `type`: expected a string, found an integer"]);
    refuses("[A]\ntype = ['x']\n", &["2:8: `type`: expected a string, found a list"]);
}

#[test]
fn bytes_that_are_not_text_are_reported_where_they_stand() {
    let mut problems = Problems::new();
    let mut sources = Sources::new();
    sources.add("x.toml", b"[a]\n# \xff\n", &mut problems);
    assert!(sections(&sources, &lookup, &mut problems).plugins.is_empty());
    assert_eq!(lines(&problems, &sources), ["2:3: the file is not UTF-8 text"]);
}

#[test]
fn section_with_an_unset_variable_gives_no_struct_and_no_second_problem() {
    for text in ["[A]\naddress = 'a:1'\ncount = ${NOPE}\n", "[A]\naddress = ${NOPE}\n"] {
        let (sections, mut problems, _) = read(text);
        assert_eq!(problems.len(), 1);
        assert_eq!(sections.plugins[0].typed::<Plugin>(&mut problems), None);
        assert_eq!(problems[0].kind, ProblemKind::UnsetVariable { name: "NOPE".to_owned() });
        assert_eq!(problems.len(), 1);
    }
}

#[test]
fn places_count_characters_past_marks_and_line_ends_of_every_kind() {
    refuses(
        "\u{feff}[A]\r\naddress = 'a:1'\r\ncount = 'x'\r\n",
        &["3:9: `count`: expected an integer from 0 to 65535, found a string"],
    );
    refuses(
        "[A]\naddress = 'a:1'\nheaders = { \"é\" = 1 }\n",
        &["3:19: `headers.é`: expected a string, found an integer"],
    );
}
