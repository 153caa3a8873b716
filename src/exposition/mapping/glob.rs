//! Globs over the components of a name, and the tree in which all of them are looked up at once.
//!
//! As in statsd_exporter (<https://github.com/prometheus/statsd_exporter#glob-matching>) a `*` is one component, be it
//! empty, and never a part of one.

use std::collections::HashMap;

use thiserror::Error;

/// A glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Box<[Component]>);

/// What a component of a name must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Component {
    /// This.
    Text(Box<str>),
    /// Anything.
    Any,
}

/// Why a text is no glob.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GlobError {
    /// Nothing between two dots, or at an end.
    #[error("component {place} is empty")]
    Empty {
        /// From 1.
        place: usize,
    },
    /// A `*` beside something else.
    #[error("`{component}`: a `*` stands for a whole component; for parts of one use match_type = \"regex\"")]
    PartialStar {
        /// The component.
        component: String,
    },
    /// Something no name has, as it looks like another kind of pattern.
    #[error("`{component}`: {character:?} means nothing in a glob; use match_type = \"regex\"")]
    Illegal {
        /// The component.
        component: String,
        /// The first such character.
        character: char,
    },
}

impl Glob {
    /// Reads a glob such as `api.*.get`.
    ///
    /// # Errors
    /// If a component is empty or is neither text nor a `*`.
    pub(super) fn parse(text: &str) -> Result<Glob, GlobError> {
        let component = |(place, text): (usize, &str)| match text {
            "" => Err(GlobError::Empty { place: place + 1 }),
            "*" => Ok(Component::Any),
            text if text.contains('*') => Err(GlobError::PartialStar { component: text.to_owned() }),
            text => match text.chars().find(|&character| !is_legal(character)) {
                Some(character) => Err(GlobError::Illegal { component: text.to_owned(), character }),
                None => Ok(Component::Text(text.into())),
            },
        };
        text.split('.').enumerate().map(component).collect::<Result<_, _>>().map(Glob)
    }

    /// Number of `*`.
    pub(super) fn stars(&self) -> usize {
        self.0.iter().filter(|component| **component == Component::Any).count()
    }

    /// The components.
    pub(super) fn components(&self) -> &[Component] {
        &self.0
    }

    /// The whole name, then what each `*` stands for in a name that matches.
    pub(super) fn captures<'n>(&self, name: &'n str) -> Vec<&'n str> {
        let stars = self.0.iter().zip(name.split('.')).filter(|(component, _)| **component == Component::Any);
        std::iter::once(name).chain(stars.map(|(_, text)| text)).collect()
    }
}

fn is_legal(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

/// Which of several globs counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GlobOrder {
    /// The first one.
    #[default]
    File,
    /// The most specific one: at the first component in which two differ, the one that names it.
    Specific,
}

/// Globs by their components.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    /// The first is the root, once there is a glob.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    texts: HashMap<Box<str>, usize>,
    any: Option<usize>,
    /// The globs that end here, by their numbers, ascending.
    ends: Vec<usize>,
}

impl Tree {
    /// Adds the glob of that number, which is above those added before.
    pub(super) fn add(&mut self, glob: &Glob, number: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for component in &glob.0 {
            let next = self.nodes.len();
            let node = &mut self.nodes[at];
            at = match component {
                Component::Text(text) => *node.texts.entry(text.clone()).or_insert(next),
                Component::Any => *node.any.get_or_insert(next),
            };
            if at == next {
                self.nodes.push(Node::default());
            }
        }
        self.nodes[at].ends.push(number);
    }

    /// The number of the glob that counts for a name, of those that `admits` lets in.
    ///
    /// No node is looked at twice, since each is reached on one way only.
    pub(super) fn find(&self, name: &str, order: GlobOrder, admits: &dyn Fn(usize) -> bool) -> Option<usize> {
        let components: Vec<&str> = name.split('.').collect();
        let mut best = None;
        // What is to be looked at, the next one last.
        let mut open = vec![(0, 0)];
        while let Some((at, depth)) = open.pop() {
            let Some(node) = self.nodes.get(at) else { break };
            let Some(component) = components.get(depth) else {
                let found = node.ends.iter().copied().find(|&number| admits(number));
                best = [best, found].into_iter().flatten().min();
                if best.is_some() && order == GlobOrder::Specific {
                    break;
                }
                continue;
            };
            open.extend(node.any.map(|next| (next, depth + 1)));
            open.extend(node.texts.get(*component).map(|&next| (next, depth + 1)));
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(globs: &[&str]) -> Tree {
        let mut tree = Tree::default();
        globs.iter().enumerate().for_each(|(at, glob)| tree.add(&Glob::parse(glob).unwrap(), at));
        tree
    }

    fn found(globs: &[&str], name: &str) -> (Option<usize>, Option<usize>) {
        let tree = tree(globs);
        let find = |order| tree.find(name, order, &|_| true);
        (find(GlobOrder::File), find(GlobOrder::Specific))
    }

    #[test]
    fn the_first_counts_or_the_most_specific() {
        assert_eq!(found(&["*.*", "a.*", "*.b", "a.b"], "a.b"), (Some(0), Some(3)));
        assert_eq!(found(&["*.b", "a.*"], "a.b"), (Some(0), Some(1)));
        assert_eq!(found(&["a.b.c", "a.b"], "a.b"), (Some(1), Some(1)));
        assert_eq!(found(&["a.*", "*.c", "a.*"], "a.c"), (Some(0), Some(0)));
        // A way that begins more specifically may end nowhere.
        assert_eq!(found(&["a.b.x", "a.*.c"], "a.b.c"), (Some(1), Some(1)));
        assert_eq!(found(&["*"], "a.b"), (None, None));
        assert_eq!(found(&[], "a"), (None, None));
        assert_eq!(found(&["a.*.b"], "a..b"), (Some(0), Some(0)));
    }

    #[test]
    fn globs_that_are_not_let_in_leave_room_for_others() {
        let tree = tree(&["a.b", "a.b", "*.b"]);
        let find = |order, least| tree.find("a.b", order, &|number| number >= least);
        assert_eq!([find(GlobOrder::File, 1), find(GlobOrder::Specific, 1)], [Some(1), Some(1)]);
        assert_eq!([find(GlobOrder::File, 2), find(GlobOrder::Specific, 2)], [Some(2), Some(2)]);
        assert_eq!(find(GlobOrder::File, 3), None);
    }

    #[test]
    fn a_star_captures_its_component() {
        let glob = Glob::parse("a.*.c.*").unwrap();
        assert_eq!(glob.captures("a.b.c."), ["a.b.c.", "b", ""]);
        assert_eq!(glob.stars(), 2);
    }

    #[test]
    fn what_is_no_glob_is_refused_with_the_way_out() {
        let refused = |text: &str| Glob::parse(text).unwrap_err().to_string();
        assert_eq!(refused("a..b"), "component 2 is empty");
        assert_eq!(refused(""), "component 1 is empty");
        assert_eq!(
            refused("a.b*"),
            "`b*`: a `*` stands for a whole component; for parts of one use match_type = \"regex\""
        );
        assert_eq!(refused("a.(b|c)"), "`(b|c)`: '(' means nothing in a glob; use match_type = \"regex\"");
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_a_look_at_each_glob_finds(
            globs in proptest::collection::vec("[ab*](\\.[ab*]){0,3}", 0..12),
            name in "[abc](\\.[abc]){0,3}",
        ) {
            let parsed: Vec<Glob> = globs.iter().map(|glob| Glob::parse(glob).unwrap()).collect();
            let fits = |glob: &Glob| {
                let pairs = || glob.components().iter().zip(name.split('.'));
                glob.components().len() == name.split('.').count()
                    && pairs().all(|(component, text)| match component {
                        Component::Text(expected) => **expected == *text,
                        Component::Any => true,
                    })
            };
            let texts: Vec<&str> = globs.iter().map(String::as_str).collect();
            let first = parsed.iter().position(fits);
            // `*` sorts before letters, so the most specific is the greatest of those that fit.
            let specific = (0..globs.len()).filter(|&at| fits(&parsed[at])).map(|at| &globs[at]).max();
            let (file, most) = found(&texts, &name);
            prop_assert_eq!(file, first);
            prop_assert_eq!(most.map(|at| &globs[at]), specific);
        }
    }
}
