//! Many comparisons at once: of a hundred names that have not changed, five look as if they had.

use super::{Change, Compared};

/// Of the differences that stand after [`mark_chance`], so many at most are none, on average.
const FALSE_SHARE: f64 = 0.05;

/// Mark those differences that may well be chance, given how many comparisons there were (Benjamini and Hochberg).
pub fn mark_chance<'a>(compared: impl Iterator<Item = &'a mut Compared>) {
    let mut known: Vec<&mut Compared> = compared.filter(|it| it.p_value.is_some()).collect();
    known.sort_by(|a, b| a.p_value.unwrap_or(1.0).total_cmp(&b.p_value.unwrap_or(1.0)));
    let all = known.len() as f64;
    let passes = |at: usize| known[at].p_value.is_some_and(|p| p <= FALSE_SHARE * (at + 1) as f64 / all);
    let sure = (0..known.len()).rev().find(|at| passes(*at)).map_or(0, |at| at + 1);
    for (at, it) in known.into_iter().enumerate() {
        it.maybe_chance = at >= sure && matches!(it.change, Change::Better | Change::Worse);
    }
}
