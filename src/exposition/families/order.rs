//! Numbers in an order that whoever asks knows: a sorted list in leaves.
//!
//! A number is put where it belongs when it comes, at the cost of about log2 of the list in comparisons and of moving
//! half a leaf. One sorted list would be moved by half for each, or have to be merged with what came since; a tree of
//! the library would keep the keys, which are long, beside the numbers.

use std::cmp::Ordering;

/// A place in an order, until that changes; the default is its beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Position {
    leaf: usize,
    at: usize,
}

/// Numbers in order, none twice.
#[derive(Debug, Default)]
pub(in super::super) struct Order {
    /// None is empty.
    leaves: Vec<Vec<u32>>,
    len: usize,
}

impl Order {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts a number in, where `compare` says how others are to it.
    pub(super) fn insert(&mut self, number: u32, compare: impl FnMut(u32) -> Ordering) {
        let (mut leaf, at) = self.place(compare);
        let mut at = at.unwrap_or_else(|at| at);
        self.len += 1;
        match self.leaves.get_mut(leaf) {
            None => self.leaves.push(Vec::with_capacity(LEAF)),
            Some(full) if full.len() == LEAF => {
                // What only grows at its end leaves full leaves behind.
                let half = if at == LEAF && leaf + 1 == self.leaves.len() { LEAF } else { LEAF / 2 };
                let mut upper = Vec::with_capacity(LEAF);
                upper.extend(self.leaves[leaf].drain(half..));
                self.leaves.insert(leaf + 1, upper);
                if at >= half {
                    (leaf, at) = (leaf + 1, at - half);
                }
            }
            Some(_) => {}
        }
        self.leaves[leaf].insert(at, number);
    }

    /// Puts `number` in the place of the one that `compare` finds equal.
    pub(super) fn replace(&mut self, number: u32, compare: impl FnMut(u32) -> Ordering) {
        if let (leaf, Ok(at)) = self.place(compare) {
            self.leaves[leaf][at] = number;
        }
    }

    /// Takes out the one that `compare` finds equal.
    pub(super) fn remove(&mut self, compare: impl FnMut(u32) -> Ordering) {
        let (leaf, Ok(at)) = self.place(compare) else { return };
        self.leaves[leaf].remove(at);
        self.len -= 1;
        let left = self.leaves[leaf].len();
        if left == 0 {
            self.leaves.remove(leaf);
        } else if self.leaves.get(leaf + 1).is_some_and(|next| left + next.len() <= LEAF / 2) {
            let next = self.leaves.remove(leaf + 1);
            self.leaves[leaf].extend(next);
        }
    }

    /// Takes out all that `stays` does not want; what is left is packed.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(u32) -> bool) {
        let mut packed: Vec<Vec<u32>> = Vec::new();
        self.len = 0;
        for number in std::mem::take(&mut self.leaves).into_iter().flatten().filter(|&number| stays(number)) {
            match packed.last_mut() {
                Some(leaf) if leaf.len() < PACKED => leaf.push(number),
                _ => {
                    let mut leaf = Vec::with_capacity(LEAF);
                    leaf.push(number);
                    packed.push(leaf);
                }
            }
            self.len += 1;
        }
        self.leaves = packed;
    }

    /// Where the first is that `compare` does not find smaller.
    pub(super) fn seek(&self, compare: impl FnMut(u32) -> Ordering) -> Position {
        let (leaf, at) = self.place(compare);
        Position { leaf, at: at.unwrap_or_else(|at| at) }
    }

    /// All from there.
    pub(in super::super) fn from(&self, start: Position) -> impl Iterator<Item = u32> {
        self.leaves.iter().skip(start.leaf).flatten().skip(start.at).copied()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.leaves.iter().flatten().copied()
    }

    /// The leaf where something is or belongs, and its place there.
    fn place(&self, mut compare: impl FnMut(u32) -> Ordering) -> (usize, Result<usize, usize>) {
        let above = self.leaves.partition_point(|leaf| compare(leaf[0]) != Ordering::Greater);
        let leaf = above.saturating_sub(1);
        let at =
            self.leaves.get(leaf).map_or(Err(0), |leaf| leaf.binary_search_by(|&number| compare(number)));
        (leaf, at)
    }
}

/// Numbers in a full leaf: 1 KiB.
const LEAF: usize = 256;

/// Numbers in a leaf that was packed, so that the next does not split it.
const PACKED: usize = LEAF / 4 * 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers are in the order of their last digits first.
    fn key(number: u32) -> u32 {
        number.reverse_bits()
    }

    fn all(order: &Order) -> Vec<u32> {
        order.iter().collect()
    }

    #[test]
    fn what_comes_in_order_fills_leaves() {
        let mut order = Order::default();
        (0..10 * LEAF as u32).for_each(|number| order.insert(number, |other| other.cmp(&number)));
        assert_eq!((order.leaves.len(), order.len()), (10, 10 * LEAF));
        assert_eq!(all(&order), (0..10 * LEAF as u32).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_replaced_keeps_its_place() {
        let mut order = Order::default();
        [10, 20, 30].into_iter().for_each(|number| order.insert(number, |other| other.cmp(&number)));
        order.replace(25, |other| other.cmp(&20));
        assert_eq!(all(&order), [10, 25, 30]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn it_is_as_a_tree_of_the_library(
            changes in proptest::collection::vec((0u32..3000, 0u8..5), 0..6000),
            kept in 1u32..5,
            from in 0u32..3000,
        ) {
            let (mut order, mut tree) = (Order::default(), std::collections::BTreeMap::new());
            for (number, change) in changes {
                let compare = |other: u32| key(other).cmp(&key(number));
                if change == 0 {
                    order.remove(compare);
                    tree.remove(&key(number));
                } else if tree.insert(key(number), number).is_none() {
                    order.insert(number, compare);
                }
            }
            let expected = |tree: &std::collections::BTreeMap<u32, u32>| tree.values().copied().collect::<Vec<_>>();
            prop_assert_eq!(all(&order), expected(&tree));
            prop_assert!(order.leaves.iter().all(|leaf| (1..=LEAF).contains(&leaf.len())));
            let start = order.seek(|other| key(other).cmp(&key(from)));
            let behind: Vec<u32> = order.from(start).collect();
            prop_assert_eq!(behind, tree.range(key(from)..).map(|(_, &number)| number).collect::<Vec<_>>());
            order.retain(|number| number % kept == 0);
            tree.retain(|_, number| *number % kept == 0);
            prop_assert_eq!(all(&order), expected(&tree));
            prop_assert_eq!(order.len(), tree.len());
        }
    }
}
