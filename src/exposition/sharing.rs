//! Series that became one series of the exposition, so that their totals are added up.

use std::collections::HashMap;

use super::names::Unit;
use crate::metric::SeriesId;
use crate::time::Stamp;

/// Those that share a slot.
#[derive(Debug)]
pub(super) struct Shared(HashMap<SeriesId, Member>);

/// One of them.
#[derive(Debug)]
pub(super) struct Member {
    unit: Unit,
    last: Totals,
    /// False from when the slot expired until it joins again.
    here: bool,
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
    pub(super) fn new(series: SeriesId, unit: Unit, totals: Totals) -> Shared {
        Shared(HashMap::from([(series, Member { unit, last: totals, here: true })]))
    }

    /// Adds a member, which may have been one.
    pub(super) fn join(&mut self, series: SeriesId, unit: Unit) {
        let last = Totals { count: 0.0, sum: 0.0, created: Stamp(i64::MIN) };
        self.0.entry(series).or_insert(Member { unit, last, here: true }).here = true;
    }

    /// Whether a series is a member.
    pub(super) fn has(&self, series: SeriesId) -> bool {
        self.0.get(&series).is_some_and(|member| member.here)
    }

    /// The member that a series is.
    pub(super) fn member(&mut self, series: SeriesId) -> Option<&mut Member> {
        self.0.get_mut(&series).filter(|member| member.here)
    }

    /// Has a member that left be one again; whether it ever was one.
    pub(super) fn rejoin(&mut self, series: SeriesId) -> bool {
        let member = self.0.get_mut(&series);
        member.map(|member| member.here = true).is_some()
    }

    /// Has all members leave; what they have added is remembered.
    pub(super) fn leave(&mut self) {
        self.0.values_mut().for_each(|member| member.here = false);
    }
}

impl Member {
    /// What becomes of its values.
    pub(super) fn unit(&self) -> Unit {
        self.unit
    }

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

    fn series(index: usize) -> SeriesId {
        SeriesId::new(Kind::Counter, index)
    }

    #[test]
    fn a_member_adds_what_its_totals_grow_by() {
        let [first, second] = [0, 1].map(series);
        let mut shared = Shared::new(first, Unit::PLAIN, totals(5.0, 1.0, 1));
        assert_eq!([first, second].map(|series| shared.has(series)), [true, false]);
        shared.join(second, Unit::PLAIN);
        assert_eq!([first, second].map(|series| shared.has(series)), [true, true]);
        assert_eq!(shared.member(first).unwrap().grow(totals(7.0, 1.5, 1)), Some((2.0, 0.5)));
        assert_eq!(shared.member(second).unwrap().grow(totals(3.0, 4.0, 1)), Some((3.0, 4.0)));
    }

    #[test]
    fn totals_that_fall_count_only_where_they_began_anew() {
        let mut shared = Shared::new(series(0), Unit::PLAIN, totals(5.0, 5.0, 1));
        let member = shared.member(series(0)).unwrap();
        assert_eq!(member.grow(totals(4.0, 9.0, 1)), None);
        assert_eq!(member.grow(totals(4.0, 2.0, 2)), Some((4.0, 2.0)));
    }

    #[test]
    fn who_left_and_joins_again_goes_on_from_its_totals() {
        let mut shared = Shared::new(series(0), Unit::PLAIN, totals(5.0, 5.0, 1));
        shared.leave();
        assert!(!shared.has(series(0)) && shared.member(series(0)).is_none());
        assert_eq!([1, 0].map(|index| shared.rejoin(series(index))), [false, true]);
        assert_eq!(shared.member(series(0)).unwrap().grow(totals(7.0, 6.0, 1)), Some((2.0, 1.0)));
    }
}
