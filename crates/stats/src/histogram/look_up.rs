//! Percentiles of histograms, of one or of ten thousand: which page, then which bucket on it. No allocation for as many
//! percentiles as are usual. Changes no histogram.

use smallvec::{SmallVec, smallvec};

use super::{Bucket, Histogram, NOTES_IN_A_LINE, PAGE_BUCKETS, fetch, samples_of};

/// Percentiles that are looked up in many histograms: put into order once.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Ascending, each with its place among those asked for.
    ascending: Vec<(f64, usize)>,
}

impl Wanted {
    pub fn new(percentiles: &[f64]) -> Self {
        let mut ascending: Vec<(f64, usize)> = percentiles.iter().copied().zip(0..).collect();
        // What is not a number asks for the least, as what is below zero does.
        ascending.sort_by(|a, b| a.0.max(0.0).total_cmp(&b.0.max(0.0)));
        Self { ascending }
    }

    pub fn len(&self) -> usize {
        self.ascending.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ascending.is_empty()
    }

    /// The percentiles, ascending, each with its place among those asked for.
    pub fn iter(&self) -> impl Iterator<Item = (f64, usize)> {
        self.ascending.iter().copied()
    }

    /// The values in counts by bucket, ascending: what a histogram of them would say; none if there are none.
    pub fn look_up_in(&self, counts: &[(Bucket, u64)]) -> Values {
        let samples: u64 = counts.iter().map(|(_, amount)| amount).sum();
        let mut counts = counts.iter();
        let Some(mut next) = counts.next().filter(|_| samples > 0) else { return Values::new() };
        let mut end = next.1;
        let mut values = smallvec![0; self.len()];
        for (p, at) in self.iter() {
            let rank = rank(samples, p);
            while end <= rank
                && let Some(following) = counts.next()
            {
                next = following;
                end += next.1;
            }
            values[at] = next.0.value_us();
        }
        values
    }
}

/// Locust's rule: the 0-based place of the percentile among so many sorted samples.
#[inline]
fn rank(samples: u64, p: f64) -> u64 {
    ((samples as f64 * p) as u64).min(samples - 1)
}

/// A few values, those of a usual number of percentiles without memory of their own.
pub type Values = SmallVec<[u64; 12]>;

/// Where a percentile is looked for: the rank of its sample, in the histogram and then on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    rank: u64,
    page: usize,
}

/// Where percentiles are, ascending; empty if there are no samples.
pub(crate) type Search = SmallVec<[Place; 12]>;

impl Histogram {
    /// The value at percentile `p` (0 to 1), `None` if there are no samples; see [`Histogram::percentiles`].
    pub fn percentile(&self, p: f64) -> Option<u64> {
        self.percentiles(&[p]).first().copied()
    }

    /// The values at several percentiles, in the order asked for; empty if there are no samples.
    ///
    /// Locust's rank rule: of N sorted samples, the one at the 0-based place `int(N * p)`, at most the last.
    pub fn percentiles(&self, wanted: &[f64]) -> Vec<u64> {
        self.look_up(&Wanted::new(wanted)).into_vec()
    }

    /// As [`Histogram::percentiles`], for many histograms.
    pub fn look_up(&self, wanted: &Wanted) -> Values {
        let search = self.search(wanted);
        fetch(self.first_of(&search));
        self.found(wanted, &search)
    }

    /// The first half of [`Histogram::look_up`]: on which pages the percentiles are.
    pub(crate) fn search(&self, wanted: &Wanted) -> Search {
        let mut search = Search::new();
        if !self.is_empty() {
            search.extend(wanted.ascending.iter().map(|(p, _)| Place { rank: self.rank(*p), page: 0 }));
            self.find_pages(&mut search);
        }
        search
    }

    /// Something of each of the pages that were found.
    #[inline]
    pub(crate) fn first_of(&self, search: &Search) -> impl Iterator<Item = u64> {
        search.iter().filter_map(|place| self.page_of(place.page)).map(|page| u64::from(page.0[0]))
    }

    /// The second half of [`Histogram::look_up`].
    pub(crate) fn found(&self, wanted: &Wanted, search: &Search) -> Values {
        if search.is_empty() {
            return Values::new();
        }
        let mut values = smallvec![0; wanted.len()];
        let mut last = (Place { rank: u64::MAX, page: 0 }, Bucket(0), 0);
        for (place, (_, at)) in search.iter().zip(&wanted.ascending) {
            if *place != last.0 {
                let bucket = self.on_page(place.page, place.rank);
                let value = if bucket == last.1 { last.2 } else { bucket.value_us() };
                last = (*place, bucket, value);
            }
            values[*at] = last.2;
        }
        values
    }

    /// From ranks in the histogram, ascending, to pages and ranks on them.
    fn find_pages(&self, places: &mut [Place]) {
        let mut places = places.iter_mut().peekable();
        let (mut number, mut below) = (self.first, 0);
        for notes in self.table.chunks(NOTES_IN_A_LINE) {
            let Some(next) = places.peek() else { return };
            let end = below + notes.iter().map(|note| samples_of(*note)).sum::<u64>();
            if next.rank < end {
                for (page, note) in (number..).zip(notes) {
                    let page_end = below + samples_of(*note);
                    while let Some(place) = places.next_if(|place| place.rank < page_end) {
                        *place = Place { rank: place.rank - below, page };
                    }
                    below = page_end;
                }
            }
            (number, below) = (number + NOTES_IN_A_LINE, end);
        }
    }

    /// The bucket of the sample of this rank on a page.
    fn on_page(&self, number: usize, rank: u64) -> Bucket {
        const AT_ONCE: usize = 8;
        let last = Bucket::at(number, PAGE_BUCKETS - 1);
        let Some(page) = self.page_of(number) else { return last };
        let mut below = 0;
        if !self.carries.is_empty() {
            let mut buckets = page.0.iter().enumerate().map(|(slot, counter)| (Bucket::at(number, slot), counter));
            let found = buckets.find(|(bucket, counter)| {
                below += u64::from(**counter) + self.carried(*bucket);
                below > rank
            });
            return found.map_or(last, |(bucket, _)| bucket);
        }
        for (part, counters) in page.0.chunks_exact(AT_ONCE).enumerate() {
            let end = below + u64::from(counters.iter().map(|counter| u32::from(*counter)).sum::<u32>());
            if end > rank {
                for (slot, counter) in counters.iter().enumerate() {
                    below += u64::from(*counter);
                    if below > rank {
                        return Bucket::at(number, part * AT_ONCE + slot);
                    }
                }
            }
            below = end;
        }
        last
    }

    fn rank(&self, p: f64) -> u64 {
        rank(self.count, p)
    }
}
