//! What is kept, cut and given up around a splitter, shown with one that ends records with a newline.

use super::*;
use crate::plugin::Split;

/// Includes the newline, as `TokenSplitter` does.
struct Lines;

impl Splitter for Lines {
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        match buffer.iter().position(|&byte| byte == b'\n') {
            Some(end) => Split::record(&buffer[..=end], end + 1),
            None => Split::nothing(0),
        }
    }
}

/// What was found, and the size that was told last.
#[derive(Default)]
struct Found(Vec<String>, usize);

impl Records for Found {
    fn record(&mut self, record: &[u8], _: Option<Text>) {
        self.0.push(record.escape_ascii().to_string());
    }

    fn fault(&mut self, fault: SplitFault, size: usize, _: &[u8]) {
        self.0.push(format!("! {}", fault.label()));
        self.1 = size;
    }

    fn longest(&self) -> usize {
        9
    }
}

const RULES: SplitRules = SplitRules {
    max_record: 8,
    max_message: 8,
    messages: false,
    keep_truncated: false,
    min_buffer: 4,
    deliver_incomplete_final: false,
};

fn found(rules: &SplitRules, whole: bool, pushes: &[&str]) -> Vec<String> {
    let mut splitting = Splitting::new(Box::new(Lines), rules.clone(), whole);
    let mut found = Found::default();
    for push in pushes {
        splitting.push(push.as_bytes(), &mut found);
    }
    splitting.finish(&mut found);
    found.0
}

#[test]
fn records_may_begin_in_one_push_and_end_in_another() {
    let text = "a\nbc\n\ndef\ng\n";
    let expected = ["a\\n", "bc\\n", "\\n", "def\\n", "g\\n"];
    for cut in 0..=text.len() {
        let (first, second) = text.split_at(cut);
        assert_eq!(found(&RULES, false, &[first, second]), expected, "{cut}");
    }
}

#[test]
fn the_unfinished_end_of_a_stream_is_a_record_only_if_asked_for() {
    assert_eq!(found(&RULES, false, &["a\nb"]), ["a\\n", "! incomplete"]);
    let rules = SplitRules { deliver_incomplete_final: true, ..RULES };
    assert_eq!(found(&rules, false, &["a\nb", "c"]), ["a\\n", "bc"]);
}

#[test]
fn a_datagram_is_whole_by_itself() {
    assert_eq!(found(&RULES, true, &["a\nb", "c", "", "d\n"]), ["a\\n", "b", "c", "d\\n"]);
}

#[test]
fn a_record_that_is_too_long_is_one_fault_however_it_comes_and_the_next_one_is_found() {
    let text = "a\n123456789012345678901234567\nb\n";
    for size in 1..=text.len() {
        let pushes: Vec<&str> =
            text.as_bytes().chunks(size).map(|push| std::str::from_utf8(push).unwrap()).collect();
        assert_eq!(found(&RULES, false, &pushes), ["a\\n", "! too_long", "b\\n"], "{size}");
        let rules = SplitRules { keep_truncated: true, ..RULES };
        assert_eq!(found(&rules, false, &pushes), ["a\\n", "! truncated", "12345678", "b\\n"], "{size}");
    }
    // One that ends with the stream is nothing beside.
    assert_eq!(found(&RULES, false, &["1234567890", "1"]), ["! too_long"]);
    assert_eq!(found(&RULES, true, &["1234567890", "b\n"]), ["! too_long", "b\\n"]);
}

#[test]
fn a_record_of_just_the_bound_is_one() {
    assert_eq!(found(&RULES, false, &["1234567\n"]), ["1234567\\n"]);
    assert_eq!(found(&RULES, false, &["1234567", "\n"]), ["1234567\\n"]);
    assert_eq!(found(&RULES, false, &["12345678\n"]), ["! too_long"]);
}

#[test]
fn a_record_there_is_no_room_for_beside_its_headers_is_too_long() {
    let rules = SplitRules { max_record: 12, max_message: 10, ..RULES };
    assert_eq!(found(&rules, false, &["12345678\n123456789\nb\n"]), ["12345678\\n", "! too_long", "b\\n"]);
    let cutting = SplitRules { keep_truncated: true, ..rules.clone() };
    let expected = ["! truncated", "123456789", "! truncated", "abcdefghi", "b\\n"];
    assert_eq!(found(&cutting, false, &["123456789\nabcdefghijklmn\nb\n"]), expected);
    assert_eq!(found(&cutting, false, &["123456789\nabcdefghijkl", "mn\nb\n"]), expected);
    // A whole message has its headers.
    let messages = SplitRules { messages: true, ..rules };
    assert_eq!(found(&messages, false, &["12345678901\n"]), ["12345678901\\n"]);
}

/// Drops as many bytes as a digit says, or ends a record behind any other byte.
struct Skipping;

impl Splitter for Skipping {
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        match buffer.first() {
            Some(digit @ b'0'..=b'9') => {
                Split::nothing(usize::from(digit - b'0')).for_fault(SplitFault::TooLong)
            }
            Some(_) => Split::record(&buffer[..1], 1),
            None => Split::nothing(0),
        }
    }
}

#[test]
fn what_is_done_with_may_be_more_than_what_has_come() {
    let text = b"a7xxxxxxb3xxc";
    for size in 1..=text.len() {
        let mut splitting = Splitting::new(Box::new(Skipping), RULES, false);
        let mut found = Found::default();
        text.chunks(size).for_each(|push| splitting.push(push, &mut found));
        assert_eq!(found.0, ["a", "! too_long", "b", "! too_long", "c"], "{size}");
        assert_eq!((found.1, splitting.pending()), (3, 0));
    }
    // But no datagram goes on in the next, and no stream after its end.
    let mut splitting = Splitting::new(Box::new(Skipping), RULES, true);
    let mut found = Found::default();
    splitting.push(b"7x", &mut found);
    splitting.push(b"b", &mut found);
    let mut splitting = Splitting::new(Box::new(Skipping), RULES, false);
    splitting.push(b"7x", &mut found);
    splitting.finish(&mut found);
    splitting.push(b"c", &mut found);
    assert_eq!(found.0, ["! too_long", "b", "! too_long", "c"]);
}

#[test]
fn what_is_pending_is_the_beginning_of_the_next_record() {
    let mut splitting = Splitting::new(Box::new(Lines), RULES, false);
    let mut found = Found::default();
    let pushes = [("a\nb", 1), ("cd", 3), ("e\n", 0), ("12345678", 0), ("9", 0), ("0\nf", 1)];
    for (push, pending) in pushes {
        splitting.push(push.as_bytes(), &mut found);
        assert_eq!(splitting.pending(), pending, "{push}");
    }
    assert_eq!(found.0, ["a\\n", "bcde\\n", "! too_long"]);
}
