use super::*;
use crate::metric::{Limits, NewSeries};

fn interner(max_series: usize, max_spellings: usize) -> Interner {
    let drop = ["debug.*".to_owned()];
    let rules = Rules { max_spellings, max_key: 20, ..Rules::new("", Vec::new(), &drop).unwrap() };
    Interner::new(rules, Arc::new(Registry::new(max_series)), 7)
}

fn counter(index: usize) -> Outcome {
    Outcome::Series(SeriesId::new(Kind::Counter, index))
}

#[test]
fn spellings_of_one_series_share_its_id() {
    let mut interner = interner(10, 10);
    assert_eq!(interner.outcome(b"a b", b"x:1,y:2", Kind::Counter), counter(0));
    assert_eq!(interner.outcome(b"a_b", b"y:2,x:1", Kind::Counter), counter(0));
    assert_eq!(interner.outcome(b"a_b;y=2", b"x:1", Kind::Counter), counter(0));
    assert_eq!(interner.outcome(b"a_b", b"", Kind::Counter), counter(1));
    assert_eq!(interner.spellings(), 4);
    assert_eq!(interner.outcome(b"a b", b"x:1,y:2", Kind::Counter), counter(0));
    assert_eq!(interner.spellings(), 4);
}

#[test]
fn where_the_name_ends_and_the_kind_tell_spellings_apart() {
    let mut interner = interner(10, 10);
    assert_eq!(interner.outcome(b"ab", b"c", Kind::Counter), counter(0));
    assert_eq!(interner.outcome(b"a", b"bc", Kind::Counter), counter(1));
    let gauge = Outcome::Series(SeriesId::new(Kind::Gauge, 0));
    assert_eq!(interner.outcome(b"ab", b"c", Kind::Gauge), gauge);
}

#[test]
fn refused_and_dropped_spellings_are_remembered_but_long_ones_are_not() {
    let mut interner = interner(10, 10);
    for _ in 0..2 {
        assert_eq!(interner.outcome(b"%", b"", Kind::Counter), Outcome::Refused(BadReason::EmptyName));
        assert_eq!(interner.outcome(b"debug.a.b", b"", Kind::Counter), Outcome::Dropped);
        let long = interner.outcome(&[b'a'; 15], &[b'b'; 6], Kind::Counter);
        assert_eq!(long, Outcome::Refused(BadReason::TooLong));
    }
    assert_eq!((interner.spellings(), interner.names.len()), (2, 0));
}

#[test]
fn beyond_the_limit_a_spelling_is_worked_out_each_time_and_counted() {
    let mut interner = interner(10, 1);
    for _ in 0..2 {
        assert_eq!(interner.outcome(b"a", b"", Kind::Counter), counter(0));
        assert_eq!(interner.outcome(b"b", b"", Kind::Counter), counter(1));
    }
    assert_eq!((interner.spellings(), interner.unremembered()), (1, 2));
}

#[test]
fn refused_and_dropped_spellings_take_a_quarter_of_the_room_at_most() {
    let mut interner = interner(20, 8);
    for number in 0..10 {
        let name = format!("debug.{number}");
        assert_eq!(interner.outcome(name.as_bytes(), b"", Kind::Counter), Outcome::Dropped);
    }
    assert_eq!((interner.spellings(), interner.unremembered()), (2, 8));
    for number in 0..6 {
        assert_eq!(interner.outcome(format!("a{number}").as_bytes(), b"", Kind::Counter), counter(number));
    }
    assert_eq!((interner.spellings(), interner.unremembered()), (8, 8));
}

#[test]
fn an_answer_of_a_full_registry_is_asked_for_again() {
    let mut interner = interner(1, 10);
    assert_eq!(interner.outcome(b"a", b"", Kind::Counter), counter(0));
    for _ in 0..2 {
        let overflow = Outcome::Overflow(Kind::Counter, Limit::Series);
        assert_eq!(interner.outcome(b"b", b"", Kind::Counter), overflow);
    }
    assert_eq!((interner.spellings(), interner.names.overflowed()), (1, 2));
}

#[test]
fn a_refusal_that_lasts_is_remembered_and_that_of_the_rate_is_not() {
    let new_series = Some(NewSeries { a_second: 1, burst: 1 });
    let limits = Limits { series_of: [("p".into(), 0)].into(), new_series, ..Limits::default() };
    let mut interner = Interner::new(Rules::default(), Arc::new(Registry::limited(limits)), 7);
    interner.at(Stamp::from_seconds(100));
    for _ in 0..3 {
        let overflow = |limit| Outcome::Overflow(Kind::Counter, limit);
        assert_eq!(interner.outcome(b"a", b"", Kind::Counter), counter(0));
        assert_eq!(interner.outcome(b"p.a", b"", Kind::Counter), overflow(Limit::Prefix));
        assert_eq!(interner.outcome(b"b", b"", Kind::Counter), overflow(Limit::Rate));
    }
    assert_eq!([Limit::Prefix, Limit::Rate].map(|limit| interner.names.refused(limit)), [1, 3]);
    interner.at(Stamp::from_seconds(101));
    assert_eq!(interner.outcome(b"b", b"", Kind::Counter), counter(1));
    assert_eq!(interner.spellings(), 3);
}

#[test]
fn long_spellings_without_a_series_leave_the_bytes_to_others() {
    let limits = Limits { max_name: 1, ..Limits::default() };
    let rules = Rules { max_key: MAX_KEY, ..Rules::default() };
    let mut interner = Interner::new(rules, Arc::new(Registry::limited(limits)), 7);
    let many = MAX_RECORDS / FRUITLESS_PART / MAX_KEY + 10;
    let mut name = vec![b'x'; MAX_KEY];
    for number in 0..many {
        name[..8].copy_from_slice(format!("{number:08}").as_bytes());
        interner.outcome(&name, b"", Kind::Counter);
    }
    assert!(interner.records.len() <= MAX_RECORDS / FRUITLESS_PART);
    assert_eq!(interner.spellings() + interner.unremembered() as usize, many);
}

#[test]
fn a_header_unpacked_is_what_was_packed() {
    let largest = SeriesId::new(Kind::Set, SeriesId::LIMIT - 1);
    let overflows = Limit::ALL.map(|limit| Outcome::Overflow(Kind::Set, limit));
    let others = [Outcome::Series(largest), Outcome::Refused(BadReason::Truncated), Outcome::Dropped];
    for outcome in others.into_iter().chain(overflows) {
        let header = Header { kind: Kind::Set, outcome, name: 65535, tags: 0 };
        let again = Header::unpacked(header.packed());
        assert_eq!((again.kind, again.outcome, again.name, again.tags), (Kind::Set, outcome, 65535, 0));
    }
}

#[test]
fn spellings_are_found_again_after_the_table_has_grown() {
    let mut interner = interner(10_000, 10_000);
    for _ in 0..2 {
        for number in 0..3000 {
            let (name, tags) = (format!("a{number}"), format!("k:{}", number % 7));
            assert_eq!(interner.outcome(name.as_bytes(), tags.as_bytes(), Kind::Counter), counter(number));
        }
    }
    assert_eq!(interner.spellings(), 3000);
}

#[test]
fn a_spelling_behind_one_of_the_same_tag_is_found_or_made() {
    let mut interner = interner(10, 10);
    assert_eq!(interner.outcome(b"a", b"k:v", Kind::Counter), counter(0));
    let hash = hash_of(b"a", b"k:v", Kind::Counter, &interner.secrets);
    assert_eq!(interner.after_collision(hash, b"a", b"k:v", Kind::Counter), counter(0));
    for _ in 0..2 {
        assert_eq!(interner.after_collision(hash, b"b", b"k:v", Kind::Counter), counter(1));
        assert_eq!(interner.after_collision(hash, b"b", b"k:w", Kind::Counter), counter(2));
    }
    let gauge = Outcome::Series(SeriesId::new(Kind::Gauge, 0));
    assert_eq!(interner.after_collision(hash, b"a", b"k:v", Kind::Gauge), gauge);
    assert_eq!(interner.after_collision(hash, b"ak", b":v", Kind::Counter), counter(3));
    assert_eq!(interner.after_collision(hash, b"ak:v", b"", Kind::Counter), counter(4));
    assert_eq!(interner.after_collision(hash, b"a", b"k:", Kind::Counter), counter(5));
    assert_eq!(interner.after_collision(hash, b"a", b"", Kind::Counter), counter(6));
    assert_eq!(interner.outcome(b"a", b"k:v", Kind::Counter), counter(0));
    assert_eq!(interner.spellings(), 8);
}
