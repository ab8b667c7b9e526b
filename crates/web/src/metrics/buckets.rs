//! Response times in Prometheus's buckets, from the finer histogram of ours.

use gregaria_stats::Histogram;

/// Upper bounds of the classic buckets, in seconds.
pub const BOUNDS_S: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Native buckets: each is 2^(1/8), nine percent, wider than the one before.
pub const SCHEMA: i32 = 3;
/// Response times up to this, in seconds, are in the bucket of zero.
pub const ZERO_S: f64 = 1e-6;

/// See the module's text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    pub count: u64,
    pub sum_s: f64,
    /// Counts up to each of [`BOUNDS_S`].
    pub classic: [u64; BOUNDS_S.len()],
    pub zeros: u64,
    /// Numbers of native buckets, ascending, and what is in them.
    pub native: Vec<(i32, u64)>,
}

impl Buckets {
    pub fn of(histogram: &Histogram, total_us: u64) -> Self {
        let mut buckets = Buckets { count: histogram.len(), sum_s: total_us as f64 / 1e6, ..Buckets::default() };
        for (bucket, amount) in histogram.buckets() {
            // The largest value of a bucket: nothing is counted below a bound that may lie above it.
            let most_s = bucket.bounds_us().1 as f64 / 1e6;
            for (place, bound) in BOUNDS_S.iter().enumerate() {
                if bucket.value_us() as f64 / 1e6 <= *bound {
                    buckets.classic[place] += amount;
                }
            }
            if most_s <= ZERO_S {
                buckets.zeros += amount;
                continue;
            }
            let number = native_number(bucket.value_us() as f64 / 1e6);
            match buckets.native.last_mut() {
                Some((last, sum)) if *last == number => *sum += amount,
                _ => buckets.native.push((number, amount)),
            }
        }
        buckets
    }

    /// Runs of adjacent native buckets: how far from the run before, and their counts.
    pub fn spans(&self) -> Vec<(i32, Vec<u64>)> {
        let mut spans: Vec<(i32, Vec<u64>)> = Vec::new();
        let mut next = 0;
        for (number, amount) in &self.native {
            match spans.last_mut() {
                Some((_, counts)) if *number == next => counts.push(*amount),
                _ => spans.push((*number - next, vec![*amount])),
            }
            next = number + 1;
        }
        spans
    }
}

/// The bucket whose bounds are 2^((n-1)/8) (excluded) and 2^(n/8) seconds (included).
fn native_number(seconds: f64) -> i32 {
    (seconds.log2() * f64::from(1 << SCHEMA)).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use gregaria_stats::histogram::Bucket;

    fn histogram(values_us: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        values_us.iter().for_each(|us| histogram.record(Bucket::of(*us)));
        histogram
    }

    #[test]
    fn classic_buckets_count_up_to_their_bound_and_with_it() {
        let buckets = Buckets::of(&histogram(&[0, 1_000, 1_001, 250_000, 10_000_000, 500_000_000]), 510_252_001);
        assert_eq!(buckets.classic[0], 2);
        assert_eq!(buckets.classic[1], 3);
        assert_eq!(buckets.classic[7], 4, "250 ms are in the bucket up to 0.25 s");
        assert_eq!(buckets.classic[12], 5);
        assert_eq!((buckets.classic[15], buckets.count), (5, 6));
        assert!((buckets.sum_s - 510.252_001).abs() < 1e-9);
    }

    #[test]
    fn native_buckets_hold_every_sample_within_their_bounds() {
        let values: Vec<u64> = (0..4_000).map(|step| step * step + 1).collect();
        let buckets = Buckets::of(&histogram(&values), 0);
        assert_eq!(buckets.zeros + buckets.native.iter().map(|(_, amount)| amount).sum::<u64>(), 4_000);
        assert!(buckets.native.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for us in [2, 999, 1_000, 1_024, 60_000_000] {
            let number = native_number(us as f64 / 1e6);
            let (low, high) = (2_f64.powf(f64::from(number - 1) / 8.0), 2_f64.powf(f64::from(number) / 8.0));
            assert!(low < us as f64 / 1e6 && us as f64 / 1e6 <= high * (1.0 + 1e-12), "{us}");
        }
        assert_eq!((native_number(1.0), native_number(2.0), native_number(0.5)), (0, 8, -8));
    }

    #[test]
    fn spans_put_together_are_the_buckets() {
        let buckets = Buckets { native: vec![(-3, 1), (-2, 5), (4, 2), (5, 1), (6, 1)], ..Buckets::default() };
        assert_eq!(buckets.spans(), [(-3, vec![1, 5]), (5, vec![2, 1, 1])]);
        assert_eq!(Buckets::default().spans(), []);
    }
}
