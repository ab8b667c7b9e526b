//! From windows to time blocks: per block a sum and what it is a sum over, such as response times and requests.
//!
//! A window tells its median, p95, p99 and maximum, which are four of its sorted samples. How many samples lie below a
//! given time is known at these and must be guessed between them: there the window is taken to be shaped as the whole
//! run is between the same two times, and below its median as the run is, but narrower, so each unknown sample lies
//! below with a known probability. The variance of that guess is kept (`guessed`) and added to that of the blocks (law
//! of total variance).

use rustc_hash::FxHashMap;

use super::{Measure, Series, Window};
use crate::histogram::{Bucket, Histogram};
use crate::history::PERCENTILES;

/// A block's part of a ratio.
#[derive(Debug, Clone, Copy, Default)]
pub struct Block {
    pub sum: f64,
    pub over: f64,
    /// Variance of `sum` by what is guessed.
    pub guessed: f64,
}

/// How the response times of some runs are distributed.
#[derive(Debug)]
pub struct Shape {
    /// Bucket index and the number of samples up to its end, ascending.
    upto: Vec<(u32, u64)>,
    median_us: f64,
    /// How wide windows are on average, as a share of the width of all.
    narrowness: f64,
}

impl Shape {
    pub fn of<'a>(histogram: &Histogram, windows: impl Iterator<Item = &'a Window>) -> Self {
        let mut sum = 0;
        let upto = histogram.buckets().map(|(bucket, count)| {
            sum += count;
            (bucket.index(), sum)
        });
        let upto = upto.collect();
        let median_us = histogram.percentile(0.5).unwrap_or(1).max(1) as f64;
        Self { upto, median_us, narrowness: narrowness(histogram, median_us, windows) }
    }

    fn total(&self) -> u64 {
        self.upto.last().map_or(0, |(_, sum)| *sum)
    }

    /// Share of samples in buckets before that one.
    fn below(&self, index: u32) -> f64 {
        let place = self.upto.partition_point(|(known, _)| *known < index);
        if place == 0 { 0.0 } else { self.upto[place - 1].1 as f64 / self.total() as f64 }
    }

    /// Share of samples up to the end of that bucket.
    fn upto(&self, index: u32) -> f64 {
        self.below(index + 1)
    }

    /// Of the samples below a window's median, the share up to a limit below it.
    fn share_below_median(&self, median_us: u64, limit: Bucket) -> f64 {
        let times = (limit.value_us().max(1) as f64 / median_us.max(1) as f64).powf(1.0 / self.narrowness);
        let half = self.upto(Bucket::of(self.median_us as u64).index());
        self.upto(Bucket::of((self.median_us * times) as u64).index()) / half
    }
}

/// Windows are narrower than the run if its response times move: by so much between median and 95th percentile.
fn narrowness<'a>(histogram: &Histogram, median_us: f64, windows: impl Iterator<Item = &'a Window>) -> f64 {
    let (mut own, mut of_run) = (0.0, 0.0);
    let mut known: FxHashMap<u32, f64> = FxHashMap::default();
    for window in windows.filter(|window| window.requests >= 4 && window.percentiles_us[0] > 0) {
        let n = f64::from(window.requests);
        let rank = (n * PERCENTILES[1]).floor().min(n - 1.0);
        let same = *known
            .entry(window.requests)
            .or_insert_with(|| histogram.percentile((rank + 0.5) / n).map_or(median_us, |us| us as f64));
        own += n * (f64::from(window.percentiles_us[1]) / f64::from(window.percentiles_us[0])).ln();
        of_run += n * (same / median_us).ln();
    }
    if of_run > 0.0 { (own / of_run).clamp(0.02, 1.0) } else { 1.0 }
}

/// How many samples of a window lie at or below a time: expected, and the variance of that guess.
pub fn count_upto(window: &Window, limit: Bucket, run: &Shape) -> (f64, f64) {
    let n = u64::from(window.requests);
    if n == 0 {
        return (0.0, 0.0);
    }
    let mut known = [(0_u64, 0_u64); 5];
    let mut length = 0;
    let mut learn = |rank: u64, us: u64| {
        if length == 0 || known[length - 1].0 < rank {
            known[length] = (rank, us);
            length += 1;
        }
    };
    let rank = |p: f64| ((n as f64 * p) as u64).min(n - 1);
    let [median, p95, p99] = window.percentiles_us.map(u64::from);
    if rank(0.5) == 1 {
        // Two or three samples, of which only the first is not told: it is what the others leave of the mean.
        let others = median + if n == 3 { u64::from(window.max_us) } else { 0 };
        learn(0, (n * u64::from(window.mean_us)).saturating_sub(others).min(median));
    }
    for (p, us) in PERCENTILES.into_iter().zip([median, p95, p99]) {
        learn(rank(p), us);
    }
    learn(n - 1, window.max_us.into());
    between(&known[..length], n, limit, run)
}

fn between(known: &[(u64, u64)], n: u64, limit: Bucket, run: &Shape) -> (f64, f64) {
    let above = known.partition_point(|(_, us)| Bucket::of(*us) <= limit);
    let Some((upper_rank, upper_us)) = known.get(above) else { return (n as f64, 0.0) };
    let lower = above.checked_sub(1).map(|at| known[at]);
    let certain = lower.map_or(0, |(rank, _)| rank + 1);
    let unknown = upper_rank.saturating_sub(certain) as f64;
    let share = match lower {
        None => run.share_below_median(*upper_us, limit),
        Some((_, us)) => {
            let floor = run.upto(Bucket::of(us).index());
            let width = run.below(Bucket::of(*upper_us).index()) - floor;
            if width > 0.0 { (run.upto(limit.index()) - floor) / width } else { 1.0 }
        }
    };
    let share = share.clamp(0.0, 1.0);
    (certain as f64 + unknown * share, unknown * share * (1.0 - share))
}

/// The blocks of a run. `limit` is the response time that a percentile is asked for.
pub fn cut(series: &Series<'_>, blocks: usize, measure: Measure, limit: Option<(Bucket, &Shape)>) -> Vec<Block> {
    let length_s = series.seconds() / blocks as f64;
    let mut cut = vec![Block::default(); blocks];
    if length_s <= 0.0 {
        return cut;
    }
    for window in &series.windows {
        let whole = tally(window, measure, limit);
        let start_s = window.start_s.max(series.from_s);
        let end_s = (window.start_s + window.length_s).min(series.until_s);
        if end_s <= start_s {
            continue;
        }
        let place = |time_s: f64| (((time_s - series.from_s) / length_s) as usize).min(blocks - 1);
        for (at, block) in cut.iter_mut().enumerate().take(place(end_s) + 1).skip(place(start_s)) {
            let block_start_s = series.from_s + at as f64 * length_s;
            let inside_s = end_s.min(block_start_s + length_s) - start_s.max(block_start_s);
            let part = (inside_s / (end_s - start_s)).clamp(0.0, 1.0);
            block.sum += whole.sum * part;
            block.over += whole.over * part;
            block.guessed += whole.guessed * part;
        }
    }
    if measure == Measure::RequestRate {
        cut.iter_mut().for_each(|block| block.over = length_s);
    }
    cut
}

fn tally(window: &Window, measure: Measure, limit: Option<(Bucket, &Shape)>) -> Block {
    let requests = f64::from(window.requests);
    let (sum, guessed) = match measure {
        Measure::Average => (requests * f64::from(window.mean_us), 0.0),
        Measure::FailRatio => (window.failures.into(), 0.0),
        Measure::RequestRate => (requests, 0.0),
        Measure::Percentile(_) => limit.map_or((0.0, 0.0), |(limit, run)| count_upto(window, limit, run)),
    };
    Block { sum, over: requests, guessed }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn window(start_s: f64, times_us: &[u64]) -> Window {
        let mut sorted = times_us.to_vec();
        sorted.sort_unstable();
        let at = |p: f64| {
            let rank = ((sorted.len() as f64 * p) as usize).min(sorted.len().saturating_sub(1));
            sorted.get(rank).map_or(0, |us| *us as u32)
        };
        Window {
            start_s,
            length_s: 1.0,
            requests: sorted.len() as u32,
            failures: 0,
            mean_us: (sorted.iter().sum::<u64>() / sorted.len().max(1) as u64) as u32,
            percentiles_us: PERCENTILES.map(at),
            max_us: sorted.last().map_or(0, |us| *us as u32),
        }
    }

    proptest! {
        #[test]
        fn up_to_three_samples_are_counted_exactly(times in prop::collection::vec(1_u64..2_000, 1..4), limit in 1_u64..2_000) {
            // A mean is rounded down, so times are made multiples of six.
            let times: Vec<u64> = times.iter().map(|us| us * 6).collect();
            let histogram: Histogram = times.iter().copied().collect();
            let limit = Bucket::of(limit * 6);
            let exact = times.iter().filter(|us| Bucket::of(**us) <= limit).count() as f64;
            let told = count_upto(&window(0.0, &times), limit, &Shape::of(&histogram, std::iter::empty()));
            prop_assert_eq!(told, (exact, 0.0));
        }

        /// Above its median a window that is the whole run is known exactly; below it is taken to be shaped like it.
        #[test]
        fn a_window_that_is_the_run_is_counted(times in prop::collection::vec(1_u64..900, 4..300), limit in 1_u64..900) {
            let mut times = times;
            times.sort_unstable();
            times.dedup();
            let histogram: Histogram = times.iter().copied().collect();
            let limit = Bucket::of(limit);
            let exact = times.iter().filter(|us| Bucket::of(**us) <= limit).count() as f64;
            let window = window(0.0, &times);
            let (told, guessed) = count_upto(&window, limit, &Shape::of(&histogram, [&window].into_iter()));
            if limit.value_us() >= u64::from(window.percentiles_us[0]) {
                prop_assert!((told - exact).abs() < 1e-6, "{} {}", told, exact);
            }
            prop_assert!(guessed >= 0.0 && told >= 0.0 && told <= times.len() as f64);
        }

        #[test]
        fn blocks_lose_nothing(lengths in prop::collection::vec(1_u32..20, 1..60), blocks in 1_usize..32) {
            let histogram = Histogram::new();
            let mut start_s = 100.0;
            let windows: Vec<Window> = lengths.iter().map(|length| {
                let window = Window { length_s: f64::from(*length), ..window(start_s, &[5, 7]) };
                start_s += f64::from(*length);
                window
            }).collect();
            let series = Series { from_s: 100.5, until_s: start_s, requests: 0, failures: 0, total_us: 0, max_us: 0, histogram: &histogram, windows };
            let cut = cut(&series, blocks, Measure::Average, None);
            let sum: f64 = cut.iter().map(|block| block.sum).sum();
            let over: f64 = cut.iter().map(|block| block.over).sum();
            prop_assert!((sum - 12.0 * lengths.len() as f64).abs() < 1e-6);
            prop_assert!((over - 2.0 * lengths.len() as f64).abs() < 1e-6);
        }
    }
}
