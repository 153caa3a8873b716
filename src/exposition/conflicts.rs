//! What was in the way of what, since the start: counts, and a page of names.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Conflicts of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// Series whose kind was appended to their name.
    pub diverted: u64,
    /// Claims that were refused.
    pub refused: u64,
    /// Both by the name that was wanted, for the first `Conflicts::NAMES` names.
    pub by_name: BTreeMap<Box<str>, Wanted>,
    /// Conflicts over further names.
    pub beyond: u64,
}

/// What became of those who wanted one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The family that was in the way of the last one.
    pub with: Arc<str>,
    /// The last one, and the series that was in its way, as statsd has them.
    pub between: Parties,
    /// Series that are shown with their kind appended.
    pub diverted: u64,
    /// Series that are not shown.
    pub refused: u64,
}

/// Two series that want one name, as `name;key=value`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parties {
    /// The one that came later.
    pub wants: Box<str>,
    /// The one that is shown.
    pub has: Box<str>,
}

impl Conflicts {
    /// Most names that are kept.
    pub const NAMES: usize = 1000;

    /// Counts a series that wanted `name`, which `with` has.
    pub(super) fn count(&mut self, name: &str, with: &Arc<str>, between: Parties, refused: bool) {
        self.refused += u64::from(refused);
        self.diverted += u64::from(!refused);
        if self.by_name.len() >= Conflicts::NAMES && !self.by_name.contains_key(name) {
            self.beyond += 1;
            return;
        }
        let none = || Wanted { with: Arc::clone(with), between: Parties::default(), diverted: 0, refused: 0 };
        let wanted = self.by_name.entry(name.into()).or_insert_with(none);
        (wanted.with, wanted.between) = (Arc::clone(with), between);
        wanted.refused += u64::from(refused);
        wanted.diverted += u64::from(!refused);
    }

    /// All of it, for people.
    pub fn page(&self) -> String {
        let mut page = String::from(
            "Series whose name was taken when they came, by the name they wanted. A second type under a name is shown \
             with its kind appended; what would be the same series as another is not shown. Rename one of the two.\n\n",
        );
        for (name, Wanted { with, between: Parties { wants, has }, diverted, refused }) in &self.by_name {
            // Writing to a string does not fail.
            let _ = writeln!(
                page,
                "{name}: \"{wants}\" came when \"{has}\" was there as {with}; renamed {diverted}, not shown {refused}"
            );
        }
        let _ = match (self.by_name.is_empty(), self.beyond) {
            (true, _) => writeln!(page, "There is none."),
            (false, 0) => Ok(()),
            (false, beyond) => writeln!(page, "{beyond} further conflicts over names that are not kept."),
        };
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_who_is_in_the_way_and_what_became_of_the_other() {
        let mut conflicts = Conflicts::default();
        let lines =
            |conflicts: &Conflicts| conflicts.page().lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&conflicts), ["There is none."]);
        let between = |wants: &str| Parties { wants: wants.into(), has: "x.".into() };
        conflicts.count("x", &"x".into(), between("x-"), false);
        conflicts.count("x", &"x".into(), between("x/"), true);
        for at in 0..Conflicts::NAMES {
            conflicts.count(&format!("y_{at}"), &"y".into(), Parties::default(), true);
        }
        let lines = lines(&conflicts);
        assert_eq!(lines.len(), Conflicts::NAMES + 1);
        assert_eq!(lines[0], "x: \"x/\" came when \"x.\" was there as x; renamed 1, not shown 1");
        assert_eq!(lines[Conflicts::NAMES], "1 further conflicts over names that are not kept.");
    }
}
