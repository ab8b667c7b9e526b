//! A small distribution for one window of a series: response times to two and a half digits (at most 0.8 % wide), as
//! many bytes as it has different values. Coarser than a histogram, because there are thousands of open windows.

const SUB_BITS: u32 = 7;
const MOST_US: u64 = (1 << 40) - 1;
/// So many samples are collected before they are sorted and counted.
const LOOSE: usize = 256;

/// A response time as the number of its bucket: exact below 256 us, 128 buckets to a power of two above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(u16);

impl Code {
    /// How many codes there are.
    pub const COUNT: usize = 35 << SUB_BITS;

    #[inline]
    pub fn of(us: u64) -> Self {
        let us = us.min(MOST_US);
        let shift = (63 - SUB_BITS).saturating_sub(us.leading_zeros());
        Self(((shift << SUB_BITS) + (us >> shift) as u32) as u16)
    }

    /// The middle of the bucket.
    pub fn value_us(self) -> u64 {
        let code = u32::from(self.0);
        let shift = (code >> SUB_BITS).saturating_sub(1);
        let low = u64::from(code - (shift << SUB_BITS)) << shift;
        low + ((1 << shift) - 1) / 2
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    pub fn from_index(index: usize) -> Self {
        Self(index as u16)
    }

    /// The coarse class for heat maps: 8 to a power of two.
    pub fn heat(self) -> u16 {
        self.0 >> (SUB_BITS - 3)
    }
}

/// The bounds in microseconds of a heat class: from the first, up to but without the second.
pub fn heat_bounds_us(class: u16) -> (u64, u64) {
    let low = |class: u32| {
        let shift = (class >> 3).saturating_sub(1);
        u64::from(class - (shift << 3)) << (shift + SUB_BITS - 3)
    };
    (low(class.into()), low(u32::from(class) + 1))
}

/// The distribution of one window.
#[derive(Debug, Default, Clone)]
pub struct Digest {
    loose: Vec<Code>,
    counted: Vec<(Code, u32)>,
}

impl Digest {
    /// Something of what adding reads first.
    #[inline]
    pub fn first_cells(&self) -> u64 {
        (self.loose.len() ^ self.counted.len()) as u64
    }

    /// Something of where the next sample goes.
    #[inline]
    pub fn last_cell(&self) -> u64 {
        self.loose.last().map_or(0, |code| code.0.into())
    }

    pub fn add(&mut self, code: Code) {
        if self.loose.len() == LOOSE {
            self.settle();
        }
        self.loose.push(code);
    }

    pub fn add_many(&mut self, code: Code, amount: u32) {
        if amount < 4 {
            (0..amount).for_each(|_| self.add(code));
        } else {
            self.merge(&[(code, amount)]);
        }
    }

    /// Add counts in ascending order.
    pub fn merge(&mut self, counts: &[(Code, u32)]) {
        if self.counted.is_empty() {
            self.counted.extend_from_slice(counts);
            return;
        }
        let mut merged = Vec::with_capacity(self.counted.len() + counts.len());
        let (mut ours, mut theirs) = (self.counted.iter().peekable(), counts.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    let sum = (a.0, a.1.saturating_add(b.1));
                    ours.next();
                    theirs.next();
                    sum
                }
                (Some(a), b) if b.is_none_or(|b| a.0 < b.0) => {
                    let pair = **a;
                    ours.next();
                    pair
                }
                (_, Some(b)) => {
                    let pair = **b;
                    theirs.next();
                    pair
                }
                (_, None) => break,
            };
            merged.push(next);
        }
        self.counted = merged;
    }

    fn settle(&mut self) {
        self.loose.sort_unstable();
        let mut counts: Vec<(Code, u32)> = Vec::new();
        for code in self.loose.drain(..) {
            match counts.last_mut() {
                Some((last, amount)) if *last == code => *amount += 1,
                _ => counts.push((code, 1)),
            }
        }
        self.merge(&counts);
    }

    /// All counts, ascending.
    pub fn settled(&mut self) -> &[(Code, u32)] {
        self.settle();
        &self.counted
    }

    pub fn clear(&mut self) {
        self.loose.clear();
        self.counted.clear();
    }
}

/// The values at percentiles of counts in ascending order, by the same rule of rank as everywhere.
pub fn percentiles<const N: usize>(counts: &[(Code, u32)], wanted: [f64; N]) -> [u32; N] {
    let samples: u64 = counts.iter().map(|(_, amount)| u64::from(*amount)).sum();
    let mut told = [0; N];
    if samples == 0 {
        return told;
    }
    let (mut below, mut at) = (0, 0);
    for (code, amount) in counts {
        below += u64::from(*amount);
        while at < N && below > ((samples as f64 * wanted[at]) as u64).min(samples - 1) {
            told[at] = u32::try_from(code.value_us()).unwrap_or(u32::MAX);
            at += 1;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_is_told_within_half_a_percent(us in 0..MOST_US) {
            let told = Code::of(us).value_us();
            prop_assert!(told.abs_diff(us) * 250 <= us.max(1) , "{} told as {}", us, told);
            prop_assert!(Code::of(us).index() < Code::COUNT);
            let (low, high) = heat_bounds_us(Code::of(us).heat());
            prop_assert!(low <= us && us < high, "{} in {}..{}", us, low, high);
        }

        #[test]
        fn percentiles_follow_the_exact_ones(mut values in proptest::collection::vec(0..3_000_000u64, 1..900)) {
            let mut digest = Digest::default();
            for (at, us) in values.iter().enumerate() {
                if at % 7 == 0 { digest.add_many(Code::of(*us), 1) } else { digest.add(Code::of(*us)) }
            }
            values.sort_unstable();
            for (p, told) in [0.5, 0.95, 0.99].into_iter().zip(percentiles(digest.settled(), [0.5, 0.95, 0.99])) {
                let exact = values[((values.len() as f64 * p) as usize).min(values.len() - 1)];
                prop_assert!(u64::from(told).abs_diff(exact) * 250 <= exact.max(1));
            }
            digest.clear();
            prop_assert_eq!(percentiles(digest.settled(), [0.5]), [0]);
        }
    }
}
