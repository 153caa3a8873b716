//! Series that became one series of the exposition, so that their totals are added up.

use std::collections::HashMap;
use std::sync::Arc;

use super::names::Unit;
use crate::metric::Series;
use crate::time::Stamp;

/// Those that share a slot.
#[derive(Debug)]
pub(super) struct Shared {
    members: Vec<Member>,
    numbers: HashMap<Arc<Series>, u32>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) unit: Unit,
    last: Totals,
}

/// What a member has added so far, in the unit that is exposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Totals {
    /// Of a counter its total, of a distribution its weight.
    pub(super) count: f64,
    /// Of a distribution.
    pub(super) sum: f64,
    /// When both were 0.
    pub(super) created: Stamp,
}

impl Shared {
    /// One that has a first member, which has brought `totals`.
    pub(super) fn new(series: &Arc<Series>, unit: Unit, totals: Totals) -> Shared {
        let members = vec![Member { unit, last: totals }];
        Shared { members, numbers: HashMap::from([(Arc::clone(series), 0)]) }
    }

    /// The number of a member, which may be a new one.
    pub(super) fn join(&mut self, series: &Arc<Series>, unit: Unit) -> u32 {
        if let Some(number) = self.find(series) {
            return number;
        }
        let number = u32::try_from(self.members.len()).expect("a registry names fewer than 2^32 series");
        self.members.push(Member { unit, last: Totals { count: 0.0, sum: 0.0, created: Stamp(i64::MIN) } });
        self.numbers.insert(Arc::clone(series), number);
        number
    }

    /// The number of a member.
    pub(super) fn find(&self, series: &Arc<Series>) -> Option<u32> {
        self.numbers.get(series).copied()
    }

    /// The member of a number that `join` gave.
    pub(super) fn member(&mut self, number: u32) -> &mut Member {
        &mut self.members[number as usize]
    }
}

impl Member {
    /// By how much the totals grew; `None` where they fell and did not begin anew, which is not taken.
    pub(super) fn grow(&mut self, now: Totals) -> Option<(f64, f64)> {
        let anew = now.created > self.last.created;
        if now.count < self.last.count && !anew {
            return None;
        }
        let last = std::mem::replace(&mut self.last, now);
        match anew {
            true => Some((now.count, now.sum)),
            false => Some((now.count - last.count, now.sum - last.sum)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Kind;

    fn totals(count: f64, sum: f64, created: i64) -> Totals {
        Totals { count, sum, created: Stamp(created) }
    }

    #[test]
    fn a_member_adds_what_its_totals_grow_by() {
        let [first, second] = ["a", "b"].map(|name| Arc::new(Series::plain(name, Kind::Counter)));
        let mut shared = Shared::new(&first, Unit::PLAIN, totals(5.0, 1.0, 1));
        assert_eq!([shared.join(&second, Unit::PLAIN), shared.join(&second, Unit::PLAIN)], [1, 1]);
        assert_eq!([shared.find(&first), shared.find(&second)], [Some(0), Some(1)]);
        assert_eq!(shared.member(0).grow(totals(7.0, 1.5, 1)), Some((2.0, 0.5)));
        assert_eq!(shared.member(1).grow(totals(3.0, 4.0, 1)), Some((3.0, 4.0)));
    }

    #[test]
    fn totals_that_fall_count_only_where_they_began_anew() {
        let series = Arc::new(Series::plain("a", Kind::Counter));
        let mut shared = Shared::new(&series, Unit::PLAIN, totals(5.0, 5.0, 1));
        assert_eq!(shared.member(0).grow(totals(4.0, 9.0, 1)), None);
        assert_eq!(shared.member(0).grow(totals(4.0, 2.0, 2)), Some((4.0, 2.0)));
    }
}
