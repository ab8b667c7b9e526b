//! [`Interleaver`]: an endless, evenly mixed sequence of classes in proportion to their weights.
//!
//! At every step it emits the class whose next user brings the mix closest to the weights (a greedy minimum of the
//! Kullback-Leibler divergence). It counts nothing and knows no targets.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// One class in the heap; `order` breaks the last tie and is the class's place among all names sorted.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: f64,
    next: f64,
    weight: f64,
    order: usize,
}

impl Ord for Slot {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key
            .total_cmp(&other.key)
            .then(self.next.total_cmp(&other.next))
            .then(self.weight.total_cmp(&other.weight))
            .then(self.order.cmp(&other.order))
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Slot {}

/// An endless sequence of class indices; empty if no weight is positive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interleaver {
    heap: BinaryHeap<Reverse<Slot>>,
}

impl Interleaver {
    /// A sequence over `(class index, weight)`; weights that are not positive take no part.
    pub(crate) fn new(weights: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let heap = weights
            .into_iter()
            .filter(|&(_, weight)| weight > 0.0)
            .map(|(order, weight)| Reverse(Slot { key: gain(weight, weight), next: weight + 1.0, weight, order }))
            .collect();
        Interleaver { heap }
    }
}

/// How the divergence changes when a class of this weight, counted as `count`, gets one user more.
fn gain(weight: f64, count: f64) -> f64 {
    weight * (count / (count + 1.0)).log2()
}

impl Iterator for Interleaver {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let mut top = self.heap.peek_mut()?;
        let Slot { next, weight, order, .. } = top.0;
        top.0 = Slot { key: gain(weight, next), next: next + 1.0, weight, order };
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(weights: &[f64], length: usize) -> String {
        let weights = weights.iter().copied().enumerate();
        Interleaver::new(weights).take(length).map(|class| char::from(b'A' + class as u8)).collect()
    }

    #[test]
    fn the_reference_sequences() {
        assert_eq!(sequence(&[5.0, 1.0], 24), "AABAAAAABAAAAABAAAAABAAA");
        assert_eq!(sequence(&[1.0, 1.0, 1.0], 6), "ABCABC");
        assert_eq!(sequence(&[3.0, 1.0], 12), "ABAAABAAABAA");
        assert_eq!(sequence(&[3.0, 2.0, 1.0], 13), "ABCABAABCABAA"[..13].to_owned());
        assert_eq!(sequence(&[10.0, 1.0, 1.0], 21), "AAAABCAAAAAAAAAAABCAA"[..21].to_owned());
        assert_eq!(sequence(&[0.5, 1.5], 12), "BABBBABBBABB");
    }

    #[test]
    fn nothing_without_a_positive_weight() {
        assert_eq!(sequence(&[0.0, -1.0], 5), "");
    }
}
