//! Points in time that many series share, by number: four bytes in a series instead of eight.
//!
//! Series are touched by the same views and began in the same seconds, so that there are few of them. Those that no
//! series has any more are swept out now and then.

use std::collections::HashMap;

use crate::time::Stamp;

/// The number of a stamp, until `Moments::sweep` gives it another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(u32);

/// Stamps by number.
#[derive(Debug, Default)]
pub(super) struct Moments {
    stamps: Vec<Stamp>,
    numbers: HashMap<Stamp, Moment>,
    /// The one that was asked for last, which most series have next.
    last: Option<Moment>,
    /// How many the last sweep left.
    swept: usize,
}

impl Moments {
    /// The number of a stamp.
    pub(super) fn number(&mut self, at: Stamp) -> Moment {
        if let Some(last) = self.last.filter(|&last| self.stamp(last) == at) {
            return last;
        }
        let stamps = &mut self.stamps;
        let number = *self.numbers.entry(at).or_insert_with(|| {
            stamps.push(at);
            Moment(u32::try_from(stamps.len() - 1).expect("sweeps leave fewer moments than there are series"))
        });
        self.last = Some(number);
        number
    }

    /// The stamp of that number.
    pub(super) fn stamp(&self, moment: Moment) -> Stamp {
        self.stamps[moment.0 as usize]
    }

    /// Whether a sweep may find much: there are twice as many as it left.
    pub(super) fn are_many(&self) -> bool {
        self.stamps.len() > 2 * self.swept + FEW
    }

    /// Drops what is not among `used`, and numbers these anew.
    pub(super) fn sweep<'m>(&mut self, used: impl Iterator<Item = &'m mut Moment>) {
        let before = std::mem::take(self);
        let mut anew: Vec<Option<Moment>> = vec![None; before.stamps.len()];
        for moment in used {
            let anew = &mut anew[moment.0 as usize];
            *moment = *anew.get_or_insert_with(|| self.number(before.stamp(*moment)));
        }
        self.swept = self.stamps.len();
    }
}

/// So few are never swept.
const FEW: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_one_number() {
        let mut moments = Moments::default();
        let numbers = [5, 5, 7, 5].map(|at| moments.number(Stamp(at)));
        assert_eq!(numbers, [0, 0, 1, 0].map(Moment));
        assert_eq!(numbers.map(|number| moments.stamp(number)), [5, 5, 7, 5].map(Stamp));
    }

    #[test]
    fn a_sweep_leaves_what_is_used_and_makes_room_for_as_many_again() {
        let mut moments = Moments::default();
        let mut numbers: Vec<Moment> = (0..FEW as i64 + 1).map(|at| moments.number(Stamp(at))).collect();
        assert!(moments.are_many());
        let used = [9, 3, 9].map(|at| numbers[at]);
        numbers = used.to_vec();
        moments.sweep(numbers.iter_mut());
        assert_eq!(numbers, [0, 1, 0].map(Moment));
        assert_eq!([0, 1].map(|number| moments.stamp(Moment(number))), [9, 3].map(Stamp));
        assert_eq!((moments.number(Stamp(3)), moments.number(Stamp(4))), (Moment(1), Moment(2)));
        assert!(!moments.are_many());
    }
}
