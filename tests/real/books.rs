//! What the ledger says that a daemon prints at its end.

use crate::hekad::Stopped;

/// What the ledgers of one hop say of the way to its output or filter.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) offered: u64,
    pub(crate) taken: u64,
    pub(crate) lost: u64,
    /// Datagrams of which was told that nobody took them.
    pub(crate) refused: u64,
}

impl std::ops::AddAssign for Books {
    fn add_assign(&mut self, more: Books) {
        self.offered += more.offered;
        self.taken += more.taken;
        self.lost += more.lost;
        self.refused += more.refused;
    }
}

/// The books of all ways to `consumer`, which must add up.
pub(crate) fn books(stopped: &Stopped, consumer: &str) -> Books {
    assert_eq!(stopped.code, Some(0), "hekad printed:\n{}", stopped.printed);
    let mut books = Books::default();
    let arrow = format!(" -> {consumer} (");
    for line in stopped.printed.lines().filter(|line| line.contains("ledger: ") && line.contains(&arrow)) {
        let number = |word: &str| -> u64 {
            let word = format!("{word} ");
            let numbers = line.split(word.as_str()).skip(1);
            numbers.filter_map(|rest| rest.split([',', ' ']).next()?.parse::<u64>().ok()).sum()
        };
        let (offered, taken, lost) = (number("offered"), number("taken"), number("lost"));
        assert_eq!((offered, number("held")), (taken + lost, 0), "{line}");
        books += Books { offered, taken, lost, refused: 0 };
    }
    assert!(stopped.printed.contains(&arrow), "no way to {consumer} in\n{}", stopped.printed);
    books
}
