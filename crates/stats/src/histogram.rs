//! A sparse histogram of microseconds: three significant digits, from 1 us to twelve days.
//!
//! Values below 2,048 have a bucket each; above, every power of two is cut into 1,024 buckets (at most 0.1 % wide).
//! Buckets lie in pages of one cache line (32 counters of 16 bits) that exist only where samples fell; a counter that
//! runs over carries into a short sorted list, so counts are 64 bits wide. Knows nothing of time, names or rates.

mod look_up;

pub use look_up::{Values, Wanted};

pub(crate) use look_up::Search;

const SUB_BUCKET_BITS: u32 = 10;
const PAGE_BITS: u32 = 5;
const PAGE_BUCKETS: usize = 1 << PAGE_BITS;
const CARRY: u64 = 1 << u16::BITS;

/// Longer response times are counted in the last bucket.
pub const MAX_VALUE_US: u64 = (1 << 40) - 1;

/// The number of a bucket, computed once per sample and good for every histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u32);

impl Bucket {
    /// The bucket of a value.
    #[inline]
    pub fn of(value_us: u64) -> Self {
        let value = value_us.min(MAX_VALUE_US);
        let shift = (63 - SUB_BUCKET_BITS).saturating_sub(value.leading_zeros());
        Self((shift << SUB_BUCKET_BITS) + (value >> shift) as u32)
    }

    /// The smallest and the largest value that fall into this bucket.
    pub fn bounds_us(self) -> (u64, u64) {
        let shift = (self.0 >> SUB_BUCKET_BITS).saturating_sub(1);
        let low = u64::from(self.0 - (shift << SUB_BUCKET_BITS)) << shift;
        (low, low + (1 << shift) - 1)
    }

    /// The value that stands for this bucket: the one in it with the most trailing decimal zeros, so that samples
    /// that were whole milliseconds are shown as such.
    pub fn value_us(self) -> u64 {
        let (low, high) = self.bounds_us();
        if low == high {
            return low;
        }
        // There is a multiple of every step up to the width; a multiple of ten steps is one of each of them too.
        let mut step = 10_u64.pow((high - low + 1).ilog10());
        let mut value = high / step * step;
        loop {
            step *= 10;
            let rounder = high / step * step;
            if rounder < low {
                return value;
            }
            value = rounder;
        }
    }

    /// The number of this bucket, ascending with the values in it.
    pub fn index(self) -> u32 {
        self.0
    }

    /// The bucket of this number, if there is one.
    pub fn from_index(index: u32) -> Option<Self> {
        (index <= Self::of(MAX_VALUE_US).0).then_some(Self(index))
    }

    #[inline]
    fn page(self) -> usize {
        (self.0 >> PAGE_BITS) as usize
    }

    #[inline]
    fn slot(self) -> usize {
        self.0 as usize % PAGE_BUCKETS
    }

    fn at(page: usize, slot: usize) -> Self {
        Self((page * PAGE_BUCKETS + slot) as u32)
    }
}

/// Exactly one cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Page([u16; PAGE_BUCKETS]);

/// What the table knows of a page: 1 + its place in `pages` in the low 16 bits (0 where there is none), and the number
/// of samples on it above, so that looking up percentiles reads few pages.
type PageNote = u64;
const ONE_SAMPLE: PageNote = 1 << 16;
const NOTES_IN_A_LINE: usize = 64 / size_of::<PageNote>();

#[inline]
fn place_of(note: PageNote) -> usize {
    usize::from(note as u16).wrapping_sub(1)
}

#[inline]
fn samples_of(note: PageNote) -> u64 {
    note >> 16
}

/// Read what is going to be needed: of ten thousand histograms hardly one is in the processor's cache, and reads that do
/// not depend on each other wait together.
#[inline]
pub(crate) fn fetch(cells: impl Iterator<Item = u64>) {
    std::hint::black_box(cells.fold(0, |all, cell| all ^ cell));
}

/// Counts of samples by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    /// By page number, from the page `first` on.
    table: Vec<PageNote>,
    first: usize,
    pages: Vec<Page>,
    /// What no longer fits into a counter, by bucket.
    carries: Vec<(Bucket, u64)>,
    count: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of samples.
    pub fn len(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Count one sample.
    #[inline]
    pub fn record(&mut self, bucket: Bucket) {
        self.count += 1;
        let Some(note) = self.table.get_mut(bucket.page().wrapping_sub(self.first)) else {
            return self.record_on_new_page(bucket);
        };
        let Some(page) = self.pages.get_mut(place_of(*note)) else {
            return self.record_on_new_page(bucket);
        };
        *note += ONE_SAMPLE;
        let counter = &mut page.0[bucket.slot()];
        *counter = counter.wrapping_add(1);
        if *counter == 0 {
            self.carry(bucket, CARRY);
        }
    }

    #[cold]
    fn record_on_new_page(&mut self, bucket: Bucket) {
        self.page_mut(bucket.page(), 1).0[bucket.slot()] += 1;
    }

    #[cold]
    fn carry(&mut self, bucket: Bucket, amount: u64) {
        match self.carries.binary_search_by_key(&bucket, |(carried, _)| *carried) {
            Ok(found) => self.carries[found].1 = self.carries[found].1.saturating_add(amount),
            Err(place) => self.carries.insert(place, (bucket, amount)),
        }
    }

    /// A page that is about to get so many samples.
    fn page_mut(&mut self, number: usize, samples: u64) -> &mut Page {
        if self.table.is_empty() {
            self.first = number;
        } else if number < self.first {
            self.table.splice(0..0, std::iter::repeat_n(0, self.first - number));
            self.first = number;
        }
        let at = number - self.first;
        if self.table.len() <= at {
            self.table.resize(at + 1, 0);
        }
        let note = &mut self.table[at];
        if *note == 0 {
            self.pages.push(Page::default());
            *note = self.pages.len() as PageNote;
        }
        // Only counts that no run can reach, from a peer that lies, go over; the place below them stays.
        *note = note.wrapping_add(samples.wrapping_mul(ONE_SAMPLE));
        &mut self.pages[place_of(*note)]
    }

    fn page_of(&self, number: usize) -> Option<&Page> {
        self.pages.get(place_of(*self.table.get(number.wrapping_sub(self.first))?))
    }

    /// Count `amount` samples of one bucket at once.
    pub fn record_many(&mut self, bucket: Bucket, amount: u64) {
        if amount == 0 {
            return;
        }
        self.count = self.count.saturating_add(amount);
        let counter = &mut self.page_mut(bucket.page(), amount).0[bucket.slot()];
        let sum = u64::from(*counter) + amount;
        *counter = (sum % CARRY) as u16;
        let carried = sum / CARRY * CARRY;
        if carried > 0 {
            self.carry(bucket, carried);
        }
    }

    /// Add all samples of another histogram. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        for (number, note) in other.numbered_pages() {
            let more = &other.pages[place_of(note)];
            let page = self.page_mut(number, samples_of(note));
            let mut runs_over = false;
            for (counter, more) in page.0.iter_mut().zip(more.0) {
                *counter = counter.wrapping_add(more);
                runs_over |= *counter < more;
            }
            if runs_over {
                let page = *page;
                let over = (0..PAGE_BUCKETS).filter(|slot| page.0[*slot] < more.0[*slot]);
                over.for_each(|slot| self.carry(Bucket::at(number, slot), CARRY));
            }
        }
        other.carries.iter().for_each(|(bucket, amount)| self.carry(*bucket, *amount));
    }

    /// Number of samples in one bucket.
    pub fn count_of(&self, bucket: Bucket) -> u64 {
        let counter = self.page_of(bucket.page()).map_or(0, |page| page.0[bucket.slot()]);
        u64::from(counter) + self.carried(bucket)
    }

    fn carried(&self, bucket: Bucket) -> u64 {
        match self.carries.binary_search_by_key(&bucket, |(carried, _)| *carried) {
            Ok(found) => self.carries[found].1,
            Err(_) => 0,
        }
    }

    /// The non-empty buckets with their counts, in ascending order.
    pub fn buckets(&self) -> impl Iterator<Item = (Bucket, u64)> + Clone {
        self.numbered_pages().flat_map(move |(number, note)| self.buckets_on(number, note))
    }

    fn buckets_on(&self, number: usize, note: PageNote) -> impl Iterator<Item = (Bucket, u64)> + Clone {
        let page = &self.pages[place_of(note)];
        page.0.iter().enumerate().filter_map(move |(slot, counter)| {
            let bucket = Bucket::at(number, slot);
            let amount = u64::from(*counter) + if self.carries.is_empty() { 0 } else { self.carried(bucket) };
            (amount > 0).then_some((bucket, amount))
        })
    }

    fn samples_on(&self, number: usize) -> u64 {
        self.table.get(number.wrapping_sub(self.first)).map_or(0, |note| samples_of(*note))
    }

    fn numbered_pages(&self) -> impl Iterator<Item = (usize, PageNote)> + Clone {
        (self.first..).zip(self.table.iter().copied()).filter(|(_, note)| *note > 0)
    }

    /// The samples of `self` that `earlier`, a former state of it, does not have yet.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut fresh = Self::new();
        let changed = self.numbered_pages().filter(|(number, note)| earlier.samples_on(*number) != samples_of(*note));
        for (number, note) in changed {
            if self.carries.is_empty() {
                let before = earlier.page_of(number).copied().unwrap_or_default();
                let now = &self.pages[place_of(note)];
                let page = Page(std::array::from_fn(|slot| now.0[slot].saturating_sub(before.0[slot])));
                let samples = page.0.iter().map(|counter| u64::from(*counter)).sum();
                *fresh.page_mut(number, samples) = page;
                fresh.count += samples;
            } else {
                for (bucket, amount) in self.buckets_on(number, note) {
                    fresh.record_many(bucket, amount.saturating_sub(earlier.count_of(bucket)));
                }
            }
        }
        fresh
    }

    /// Have the table fetched into the processor's cache. Before percentiles of many histograms are looked up, this is
    /// done for all of them.
    pub(crate) fn fetch_table(&self) {
        fetch(self.table.iter().step_by(NOTES_IN_A_LINE).copied());
    }

    /// Something of what recording reads first.
    #[inline]
    pub(crate) fn first_cells(&self) -> u64 {
        self.count ^ (self.table.len() ^ self.pages.len() ^ self.first) as u64
    }

    /// The table's note that recording this bucket will change, 0 where there is none yet.
    #[inline]
    pub(crate) fn note(&self, bucket: Bucket) -> u64 {
        self.table.get(bucket.page().wrapping_sub(self.first)).copied().unwrap_or(0)
    }

    /// The counter that recording this bucket will change.
    #[inline]
    pub(crate) fn counter(&self, bucket: Bucket) -> u64 {
        self.page_of(bucket.page()).map_or(0, |page| page.0[bucket.slot()].into())
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.table.capacity() * size_of::<PageNote>()
            + self.pages.capacity() * size_of::<Page>()
            + self.carries.capacity() * size_of::<(Bucket, u64)>()
    }
}

impl Clone for Histogram {
    fn clone(&self) -> Self {
        let mut copy = Self::new();
        copy.clone_from(self);
        copy
    }

    /// Into the memory that there is.
    fn clone_from(&mut self, source: &Self) {
        let Self { table, first, pages, carries, count } = source;
        self.table.clone_from(table);
        self.pages.clone_from(pages);
        self.carries.clone_from(carries);
        (self.first, self.count) = (*first, *count);
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.buckets().eq(other.buckets())
    }
}

impl FromIterator<u64> for Histogram {
    fn from_iter<T: IntoIterator<Item = u64>>(values_us: T) -> Self {
        let mut histogram = Self::new();
        for value in values_us {
            histogram.record(Bucket::of(value));
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times() -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::vec(prop_oneof![0..5_000u64, 0..2_000_000u64, 0..1u64 << 41], 0..300)
    }

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket_and_is_told_to_three_digits(value in 0..=MAX_VALUE_US) {
            let bucket = Bucket::of(value);
            let (low, high) = bucket.bounds_us();
            prop_assert!(low <= value && value <= high);
            prop_assert!((low..=high).contains(&bucket.value_us()));
            prop_assert!(bucket.value_us().abs_diff(value) * 1_000 <= value);
            prop_assert_eq!(Bucket::of(high + 1).0, if high == MAX_VALUE_US { bucket.0 } else { bucket.0 + 1 });
        }

        #[test]
        fn the_value_of_a_bucket_ends_in_as_many_zeros_as_any_of_it(value in prop_oneof![0..100_000u64, 0..=MAX_VALUE_US]) {
            let bucket = Bucket::of(value);
            let (low, high) = bucket.bounds_us();
            let steps = (0..13).rev().map(|zeros| 10_u64.pow(zeros));
            let roundest = steps.map(|step| high / step * step).find(|it| *it >= low && (*it > 0 || high == 0));
            prop_assert_eq!(Some(bucket.value_us()), roundest.or(Some(low)));
        }

        #[test]
        fn whole_milliseconds_below_a_second_stay_exact(ms in 0..1_000u64) {
            prop_assert_eq!(Bucket::of(ms * 1_000).value_us(), ms * 1_000);
        }

        #[test]
        fn merging_is_associative_and_commutative(a in times(), b in times(), c in times()) {
            let [a, b, c]: [Histogram; 3] = [a, b, c].map(|values| values.into_iter().collect());
            let merged = |parts: [&Histogram; 2]| {
                let mut sum = parts[0].clone();
                sum.merge(parts[1]);
                sum
            };
            prop_assert_eq!(merged([&a, &b]), merged([&b, &a]));
            prop_assert_eq!(merged([&merged([&a, &b]), &c]), merged([&a, &merged([&b, &c])]));
        }

        #[test]
        fn merging_equals_recording_all(a in times(), b in times()) {
            let mut merged: Histogram = a.iter().copied().collect();
            merged.merge(&b.iter().copied().collect());
            prop_assert_eq!(merged, a.into_iter().chain(b).collect());
        }

        #[test]
        fn merging_carries_what_runs_over(counts in proptest::collection::vec((0..200u64, 0..3 * CARRY, 0..3 * CARRY), 1..40)) {
            let [mut a, mut b, mut all] = [(); 3].map(|()| Histogram::new());
            for (us, of_a, of_b) in counts {
                a.record_many(Bucket::of(us), of_a);
                b.record_many(Bucket::of(us), of_b);
                all.record_many(Bucket::of(us), of_a + of_b);
            }
            a.merge(&b);
            prop_assert_eq!(a.len(), all.len());
            prop_assert_eq!(a.buckets().collect::<Vec<_>>(), all.buckets().collect::<Vec<_>>());
            prop_assert_eq!(a.percentiles(&[0.1, 0.5, 0.99, 1.0]), all.percentiles(&[0.1, 0.5, 0.99, 1.0]));
        }

        #[test]
        fn percentiles_follow_the_exact_ones(mut values in times(), ps in proptest::collection::vec(0.0..=1.0f64, 1..8)) {
            let histogram: Histogram = values.iter().copied().collect();
            let told = histogram.percentiles(&ps);
            values.sort_unstable();
            if values.is_empty() {
                prop_assert!(told.is_empty());
            }
            for (p, told) in ps.iter().zip(told) {
                let rank = ((values.len() as f64 * p) as usize).min(values.len() - 1);
                let exact = values[rank].min(MAX_VALUE_US);
                prop_assert!(told.abs_diff(exact) * 1_000 <= exact, "p{} is {}, told {}", p, exact, told);
            }
        }

        #[test]
        fn what_came_since_is_what_was_recorded_since(before in times(), after in times()) {
            let earlier: Histogram = before.iter().copied().collect();
            let latest: Histogram = before.iter().chain(&after).copied().collect();
            prop_assert_eq!(latest.since(&earlier), after.into_iter().collect());
        }

        #[test]
        fn what_came_since_counts_what_ran_over(before in 0..2 * CARRY, after in 0..2 * CARRY) {
            let mut earlier: Histogram = [7, 40_000].into_iter().collect();
            earlier.record_many(Bucket::of(50), before);
            let mut latest = earlier.clone();
            latest.record_many(Bucket::of(50), after);
            latest.record(Bucket::of(9));
            let since = latest.since(&earlier);
            prop_assert_eq!((since.len(), since.count_of(Bucket::of(50)), since.count_of(Bucket::of(9))), (after + 1, after, 1));
            prop_assert_eq!(since.count_of(Bucket::of(40_000)), 0);
        }
    }

    #[test]
    fn locusts_rank_rule() {
        let told = |values: &[u64], p: f64| values.iter().map(|ms| ms * 1_000).collect::<Histogram>().percentile(p);
        assert_eq!(told(&[1, 2, 3, 4], 0.5), Some(3_000));
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(told(&hundred, 0.95), Some(96_000));
        assert_eq!(told(&hundred, 0.5), Some(51_000));
        assert_eq!(told(&hundred, 1.0), Some(100_000));
        assert_eq!(told(&[], 0.5), None);
    }

    #[test]
    fn counters_that_run_over_carry() {
        let mut histogram = Histogram::new();
        let (slow, fast) = (Bucket::of(250_000), Bucket::of(7));
        for _ in 0..200_000 {
            histogram.record(slow);
        }
        histogram.record_many(fast, 3 * CARRY + 5);
        assert_eq!(histogram.count_of(slow), 200_000);
        assert_eq!(histogram.count_of(fast), 3 * CARRY + 5);
        assert_eq!(histogram.percentiles(&[0.4, 0.6]), [7, 250_000]);
        let mut twice = histogram.clone();
        twice.merge(&histogram);
        assert_eq!(twice.count_of(slow), 400_000);
        assert_eq!(twice.since(&histogram), histogram);
    }
}
