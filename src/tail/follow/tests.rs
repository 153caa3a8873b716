//! Rotations one by one, and any number of them in any order.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::Happened;
use super::model::{Content, TICK, WAIT, World};
use crate::tail::{Fingerprint, Head, Position, Window};

/// The lines that came, all of them and each once.
fn assert_exact(world: &World) {
    assert_eq!(world.lines, world.all(), "{:?}", world.happened);
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let mut world = World::new();
    world.write(10);
    world.settle(100);
    world.rotate(3);
    world.write(5);
    world.settle(100);
    assert_eq!(world.lines.len(), 13, "the writer may still hold the old one");
    world.pass(WAIT);
    world.settle(100);
    assert_exact(&world);
    assert_eq!(world.happened.len(), 2, "{:?}", world.happened);
}

#[test]
fn what_is_behind_grows_with_the_new_file_while_the_old_one_is_waited_for() {
    let mut world = World::new();
    world.write(10);
    world.settle(1000);
    world.rotate(0);
    let unread = |world: &World| world.disk.names["app.log"].content.borrow().bytes.len() as u64;
    world.write(5);
    world.settle(1000);
    let listed = unread(&world);
    assert_eq!(world.behind(), listed);
    // Its directory is as it was: nothing is listed again.
    world.write(50);
    let grown = unread(&world);
    assert!(grown > listed);
    assert_eq!(world.behind(), grown);
    world.finish();
    assert_eq!(world.behind(), 0);
}

#[test]
fn a_rotated_set_is_read_from_the_oldest_on() {
    let mut world = World::new();
    for _ in 0..4 {
        world.write(20);
        world.rotate(0);
    }
    world.write(7);
    world.pack(3);
    world.pack(4);
    world.drop_packed();
    world.finish();
    assert_exact(&world);
}

#[test]
fn a_line_that_a_rotation_cut_is_whole() {
    let mut world = World::new();
    world.write(3);
    world.write_part();
    world.settle(100);
    world.commit();
    world.rotate(0);
    world.write(2);
    world.finish();
    assert_exact(&world);
    // And from a journal before it.
    world.kill();
    world.lines.clear();
    world.finish();
    assert_eq!(world.lines, world.all()[3..]);
}

#[test]
fn a_quiet_copytruncate_goes_on_in_the_truncated_file() {
    for regrown in [1, 100] {
        let mut world = World::new();
        world.write(30);
        world.settle(1000);
        world.pass(Duration::from_secs(1));
        world.copy_truncate(true);
        world.pass(TICK);
        world.write(regrown);
        world.finish();
        assert_exact(&world);
        assert!(
            world.happened.iter().any(|happened| matches!(happened, Happened::Found { truncated: true, .. }))
        );
    }
}

#[test]
fn a_copytruncate_ahead_of_the_reader_is_read_in_the_copy() {
    let mut world = World::new();
    world.write(200);
    while world.lines.len() < 50 {
        world.step(300);
    }
    world.copy_truncate(true);
    world.write(150);
    world.finish();
    assert_exact(&world);
}

#[test]
fn a_copy_that_is_read_before_the_truncation_is_not_read_twice() {
    let mut world = World::new();
    world.write(50);
    world.rotate(0);
    world.write(50);
    // The reader is behind, and what it finds behind the oldest file is the copy.
    let bytes = world.disk.names["app.log"].content.borrow().bytes.clone();
    world.disk.rename("app.log.1", "app.log.2");
    let modified = world.disk.now;
    world.disk.create("app.log.1", Content { bytes, modified, packed: false });
    world.pass(WAIT);
    world.settle(1000);
    world.write(5);
    world.settle(1000);
    assert_exact(&world);
    world.disk.names["app.log"].content.borrow_mut().bytes.clear();
    // What the copy lacks was read before.
    world.write(20);
    world.finish();
    assert_exact(&world);
}

#[test]
fn a_copytruncate_without_its_copy_loses_what_was_unread_and_says_so() {
    let mut world = World::new();
    world.write(30);
    world.settle(1000);
    let unread = world.disk.names["app.log"].content.borrow().bytes.len();
    world.write(10);
    let size = world.disk.names["app.log"].content.borrow().bytes.len();
    // It is listed, and not read.
    world.commit();
    world.kill();
    assert_eq!(world.committed.as_ref().unwrap().offset, unread as u64);
    world.step(1);
    world.step(1);
    world.copy_truncate(false);
    world.pass(Duration::from_secs(1));
    world.write(5);
    world.finish();
    let gap = world.happened.iter().find_map(|happened| match happened {
        Happened::Truncated { gap, .. } => Some(*gap),
        _ => None,
    });
    assert_eq!(gap, Some((size - unread) as u64));
    let all = world.all();
    assert_eq!(world.lines[..30], all[..30]);
    assert_eq!(world.lines[30..], all[40..]);
}

#[test]
fn what_a_truncated_file_has_grown_to_is_no_loss() {
    for (before, after) in [(10, 100), (100, 10)] {
        let mut world = World::new();
        world.write(before);
        world.settle(1000);
        world.copy_truncate(false);
        world.pass(TICK);
        world.write(after);
        world.finish();
        assert_exact(&world);
        let truncated = Happened::Truncated { path: "app.log".into(), gap: 0 };
        assert!(world.happened.contains(&truncated), "{:?}", world.happened);
    }
}

#[test]
fn what_a_truncated_file_had_grown_to_when_it_was_last_read_is_a_loss() {
    let mut world = World::new();
    world.write(30);
    while world.lines.len() < 10 {
        world.step(100);
    }
    world.write(10);
    world.step(100);
    let size = world.disk.names["app.log"].content.borrow().bytes.len();
    world.copy_truncate(false);
    world.pass(TICK);
    world.write(100);
    world.finish();
    let came = world.lines.len();
    let gap = world.happened.iter().find_map(|happened| match happened {
        Happened::Truncated { gap, .. } => Some(*gap as usize),
        _ => None,
    });
    let gap = gap.expect("it was truncated");
    let all = world.all();
    let whole: usize = all[..40].iter().map(|line| line.len() + 1).sum();
    let read: usize = world.lines[..came - 101].iter().map(|line| line.len() + 1).sum();
    assert_eq!(size, whole);
    // What is held of a line that was cut has been read.
    assert!(gap <= whole - read && gap + 200 > whole - read, "{gap} of {}", whole - read);
    assert_eq!(world.lines[came - 101..], all[40..]);
}

#[test]
fn a_file_that_left_the_pattern_is_followed_by_the_one_in_its_place() {
    let mut world = World::matching(r"app\.log", &[]);
    for _ in 0..3 {
        world.write(10);
        world.settle(100);
        world.commit();
        world.rotate(2);
        world.write(1);
        for _ in 0..2 {
            world.pass(WAIT);
            world.settle(100);
        }
    }
    world.finish();
    assert_exact(&world);
}

#[test]
fn a_position_is_found_again_whatever_became_of_its_file() {
    for packed in [false, true] {
        let mut world = World::new();
        world.write(40);
        world.settle(500);
        world.commit();
        world.write(10);
        world.rotate(0);
        world.write(10);
        world.rotate(0);
        if packed {
            world.pack(2);
            world.drop_packed();
        }
        world.kill();
        world.finish();
        assert_exact(&world);
    }
}

#[test]
fn another_file_of_the_same_inode_is_not_taken_for_it() {
    let mut world = World::new();
    world.write(40);
    world.settle(500);
    world.commit();
    world.kill();
    // The only file is removed, and the next one has its inode.
    world.disk.names.clear();
    world.pass(Duration::from_secs(1));
    let bytes = b"line of another file\n".repeat(500);
    let modified = world.disk.now;
    world.disk.create("app.log", Content { bytes, modified, packed: false });
    world.settle(500);
    assert_eq!(world.lines.len(), 540);
    assert!(world.happened.contains(&Happened::Vanished { path: "app.log".into() }), "{:?}", world.happened);
}

#[test]
fn a_journal_of_heka_is_gone_on_with() {
    let mut world = World::new();
    world.write(40);
    world.rotate(0);
    world.write(10);
    let bytes = world.disk.names["app.log.1"].content.borrow().bytes.clone();
    let offset: usize = world.all()[..30].iter().map(|line| line.len() + 1).sum();
    let print = Fingerprint::of(&Head::default(), &Window::of(&bytes[..offset]), offset as u64);
    let (path, id, modified) = ("/elsewhere/app.log".into(), None, None);
    world.committed = Some(Position { path, offset: offset as u64, fingerprint: print, id, modified });
    world.kill();
    world.finish();
    assert_eq!(world.lines, world.all()[30..]);
}

#[test]
fn a_file_that_may_not_be_read_is_waited_for_if_it_is_the_newest_and_passed_over_if_not() {
    let mut world = World::new();
    world.disk.refused.push("app.log".to_owned());
    world.write(10);
    world.settle(100);
    assert!(matches!(&world.happened[0], Happened::Refused { passed: None, .. }), "{:?}", world.happened);
    world.disk.refused.clear();
    world.settle(100);
    assert_exact(&world);
    world.rotate(0);
    world.write(10);
    world.disk.refused.push("app.log".to_owned());
    world.pass(WAIT);
    world.settle(100);
    world.disk.refused = vec!["app.log.1".to_owned()];
    world.rotate(0);
    world.write(10);
    world.finish();
    assert_eq!(world.lines.len(), 21);
    let passed =
        |happened: &Happened| matches!(happened, Happened::Refused { passed: Some(size), .. } if *size > 0);
    assert!(world.happened.iter().any(passed), "{:?}", world.happened);
    assert_eq!(world.passed_over(), ["app.log.1: permission denied"]);
    // As long as it is there.
    world.disk.refused.clear();
    world.rotate(0);
    world.settle(100);
    assert_eq!(world.passed_over(), ["app.log.2: permission denied"]);
    world.disk.names.remove("app.log.2");
    world.settle(100);
    assert!(world.passed_over().is_empty());
}

#[test]
fn a_file_that_was_closed_to_make_room_is_opened_again_where_it_was() {
    let mut world = World::new();
    world.write(10);
    world.settle(100);
    world.close();
    world.write(10);
    world.settle(100);
    world.close();
    world.rotate(0);
    world.write(10);
    world.finish();
    assert_exact(&world);
}

/// What may happen to a log.
#[derive(Debug, Clone)]
enum Op {
    Write(u64),
    WritePart,
    Rotate { late: u64 },
    CopyTruncate { regrown: u64 },
    Pack(u64),
    DropPacked,
    DropOldest,
    Pass(u64),
    Step { times: usize, buffer: usize },
    Settle,
    Close,
    Commit,
    Kill,
}

fn op(kills: bool) -> impl Strategy<Value = Op> {
    let usual = prop_oneof![
        4 => (1u64..60).prop_map(Op::Write),
        1 => Just(Op::WritePart),
        2 => (0u64..4).prop_map(|late| Op::Rotate { late }),
        1 => (0u64..80).prop_map(|regrown| Op::CopyTruncate { regrown }),
        1 => (1u64..4).prop_map(Op::Pack),
        1 => Just(Op::DropPacked),
        1 => Just(Op::DropOldest),
        2 => (0u64..8000).prop_map(Op::Pass),
        4 => (1usize..8, 1usize..3000).prop_map(|(times, buffer)| Op::Step { times, buffer }),
        2 => Just(Op::Settle),
        1 => Just(Op::Close),
        1 => Just(Op::Commit),
    ];
    let kill = if kills { 1 } else { 0 };
    prop_oneof![12 => usual, kill => Just(Op::Kill)]
}

/// Does it all and reads the rest.
fn run(mut world: World, ops: Vec<Op>) -> World {
    for op in ops {
        world.pass(TICK);
        match op {
            Op::Write(lines) => world.write(lines),
            Op::WritePart => world.write_part(),
            Op::Rotate { late } => world.rotate(late),
            Op::CopyTruncate { regrown } => {
                // A writer that goes on loses lines between copy and truncation, whoever reads.
                world.settle(777);
                world.pass(WAIT);
                world.settle(777);
                world.copy_truncate(true);
                world.pass(TICK);
                world.write(regrown);
            }
            Op::Pack(number) => world.pack(number),
            Op::DropPacked => world.drop_packed(),
            Op::DropOldest => {
                for _ in 0..3 {
                    world.pass(WAIT);
                    world.settle(777);
                }
                world.commit();
                world.drop_oldest();
            }
            Op::Pass(milliseconds) => world.pass(Duration::from_millis(milliseconds)),
            Op::Step { times, buffer } => {
                for _ in 0..times {
                    world.step(buffer);
                }
            }
            Op::Settle => world.settle(777),
            Op::Close => world.close(),
            Op::Commit => world.commit(),
            Op::Kill => world.kill(),
        }
    }
    world.finish();
    world
}

proptest! {
    #[test]
    fn every_line_comes_once_and_in_order(ops in prop::collection::vec(op(false), 1..60)) {
        let world = run(World::new(), ops);
        prop_assert_eq!(&world.lines, &world.all(), "{:?}", world.happened);
    }

    #[test]
    fn no_line_is_lost_by_kills(ops in prop::collection::vec(op(true), 1..60)) {
        let world = run(World::with_births(), ops);
        let came: BTreeSet<&String> = world.lines.iter().collect();
        let all = world.all();
        let missing: Vec<&String> = all.iter().filter(|line| !came.contains(line)).collect();
        prop_assert!(missing.is_empty(), "{missing:?}: {:?}", world.happened);
        prop_assert!(came.len() == all.len(), "lines came that nobody wrote");
    }
}
