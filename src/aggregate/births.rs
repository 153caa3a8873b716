//! When counters began: thousands at the same moment, so that each keeps the number of its moment.

use crate::time::Stamp;

/// The moments at which counters began. At each flush or view one more at most, and only if a counter began then.
#[derive(Debug, Default)]
pub(super) struct Births(Vec<Stamp>);

/// The number of a moment; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Birth(u32);

impl Births {
    /// The moments of what a former run left.
    pub(super) fn of_all(stamps: impl Iterator<Item = Stamp>) -> Births {
        let mut stamps: Vec<Stamp> = stamps.collect();
        stamps.sort_unstable();
        stamps.dedup();
        Births(stamps)
    }

    /// The number of a moment, which is most often the last one.
    pub(super) fn of(&mut self, at: Stamp) -> Birth {
        if self.0.last() == Some(&at) {
            return Birth(self.0.len() as u32);
        }
        let known = self.known(at);
        if known != Birth::default() {
            return known;
        }
        self.0.push(at);
        Birth(u32::try_from(self.0.len()).expect("there are fewer moments than series"))
    }

    /// The stamp of a moment; the default of no moment.
    pub(super) fn at(&self, birth: Birth) -> Stamp {
        birth.0.checked_sub(1).map_or(Stamp::default(), |at| self.0[at as usize])
    }

    /// Stamps ascend unless the clock was set back; one that is not found has two numbers then.
    fn known(&self, at: Stamp) -> Birth {
        self.0.binary_search(&at).map_or(Birth::default(), |place| Birth(place as u32 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_began_together_have_one_number() {
        let stamps = [5, 3, 5, 9].map(Stamp);
        let mut births = Births::of_all(stamps.into_iter());
        let numbers: Vec<Birth> = [3, 9, 12, 12, 5].map(|at| births.of(Stamp(at))).into();
        assert_eq!(births.0, [3, 5, 9, 12].map(Stamp));
        assert_eq!(numbers.iter().map(|&birth| births.at(birth).0).collect::<Vec<_>>(), [3, 9, 12, 12, 5]);
        assert_eq!(births.at(Birth::default()), Stamp::default());
    }

    #[test]
    fn a_clock_that_is_set_back_gives_stamps_that_are_right_all_the_same() {
        let mut births = Births::default();
        for at in [10, 20, 5, 20, 5, 30] {
            let birth = births.of(Stamp(at));
            assert_eq!(births.at(birth), Stamp(at));
        }
    }
}
