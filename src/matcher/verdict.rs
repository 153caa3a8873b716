//! Three-valued answers, joined by the rules of strong Kleene logic.

/// What a matcher says of a record, or of every record of a stream: `No < Maybe < Yes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It does not match, whatever is not known.
    No,
    /// What is known does not decide.
    Maybe,
    /// It matches, whatever is not known.
    Yes,
}

impl Verdict {
    /// Both: *no* wins over *maybe*, *maybe* over *yes*.
    pub fn and(self, other: Verdict) -> Verdict {
        self.min(other)
    }

    /// Either: *yes* wins over *maybe*, *maybe* over *no*.
    pub fn or(self, other: Verdict) -> Verdict {
        self.max(other)
    }
}

impl From<bool> for Verdict {
    fn from(truth: bool) -> Verdict {
        if truth { Verdict::Yes } else { Verdict::No }
    }
}

/// The opposite; the opposite of *maybe* is *maybe*.
impl std::ops::Not for Verdict {
    type Output = Verdict;

    fn not(self) -> Verdict {
        match self {
            Verdict::No => Verdict::Yes,
            Verdict::Maybe => Verdict::Maybe,
            Verdict::Yes => Verdict::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Maybe, No, Yes};

    #[test]
    fn connectives_follow_strong_kleene_logic() {
        let table = [
            (No, No, No, No),
            (No, Maybe, No, Maybe),
            (No, Yes, No, Yes),
            (Maybe, No, No, Maybe),
            (Maybe, Maybe, Maybe, Maybe),
            (Maybe, Yes, Maybe, Yes),
            (Yes, No, No, Yes),
            (Yes, Maybe, Maybe, Yes),
            (Yes, Yes, Yes, Yes),
        ];
        for (left, right, both, either) in table {
            assert_eq!((left.and(right), left.or(right)), (both, either), "{left:?} {right:?}");
        }
        assert_eq!([!No, !Maybe, !Yes], [Yes, Maybe, No]);
    }
}
