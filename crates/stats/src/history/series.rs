//! One series at four resolutions at once, so that nothing is ever averaged from percentiles: every window closes with
//! the distribution of its own samples.
//!
//! ```text
//!   1 s    ............................[ the last minutes            ]
//!   10 s   ..............[ the last hours                            ]
//!   1 min  ....[ a day                                               ]
//!   10 min [ a week                                                  ]
//!   read:  [10 min][ 1 min ][   10 s   ][          1 s               ]   each time in the finest there is
//! ```

use std::collections::VecDeque;
use std::ops::Range;

use super::digest::{Code, Digest, percentiles};

/// Widths of the windows, in seconds; each is a multiple of the one before.
pub const STEPS_S: [u32; 4] = [1, 10, 60, 600];
/// The percentiles that every window is closed with.
pub const PERCENTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// What happened in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The first second, since the epoch.
    pub start: u32,
    pub requests: u32,
    pub failures: u32,
    /// Mean response time, 0 where there is none.
    pub mean_us: u32,
    /// At [`PERCENTILES`], 0 where there is none.
    pub percentiles_us: [u32; 3],
    pub max_us: u32,
    /// Bytes of the responses.
    pub bytes: u64,
}

/// Adjacent points of one width.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment<P> {
    pub step_s: u32,
    pub points: Vec<P>,
}

/// What came together in one second, ready to be added to all windows.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub requests: u32,
    pub failures: u32,
    pub timed: u32,
    pub total_us: u64,
    pub max_us: u64,
    pub bytes: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failures = self.failures.saturating_add(other.failures);
        self.timed = self.timed.saturating_add(other.timed);
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    /// The point of a window with this tally.
    pub fn point(&self, start: u32, percentiles_us: [u32; 3]) -> Point {
        let max_us = u32::try_from(self.max_us).unwrap_or(u32::MAX);
        let mean_us = self.total_us.checked_div(self.timed.into()).unwrap_or(0);
        Point {
            start,
            requests: self.requests,
            failures: self.failures,
            mean_us: u32::try_from(mean_us).unwrap_or(u32::MAX),
            percentiles_us: percentiles_us.map(|us| us.min(max_us)),
            max_us,
            bytes: self.bytes,
        }
    }
}

/// The window of one width that is still open.
#[derive(Debug, Default)]
pub struct Open {
    start: Option<u32>,
    tally: Tally,
    digest: Digest,
}

impl Open {
    /// Add what came in one second; the window that ended before it must have been closed.
    pub fn add(&mut self, start: u32, tally: &Tally, counts: &[(Code, u32)]) {
        self.start = Some(start);
        self.tally.add(tally);
        if counts.len() > 64 {
            self.digest.merge(counts);
        } else {
            counts.iter().for_each(|(code, amount)| self.digest.add_many(*code, *amount));
        }
    }

    /// Something of what adding reads first.
    #[inline]
    pub fn first_cells(&self) -> u64 {
        self.tally.total_us ^ self.tally.bytes ^ self.digest.first_cells()
    }

    /// Something of where the next sample goes.
    #[inline]
    pub fn last_cell(&self) -> u64 {
        self.digest.last_cell()
    }

    /// The point of this window if it ends at or before `second` and has anything in it.
    pub fn close_before(&mut self, second: u32, step_s: u32) -> Option<Point> {
        self.close_into(None, second, step_s)
    }

    /// As [`Open::close_before`], and adds what was in it to the longer window that it lies in.
    pub fn close_into(&mut self, longer: Option<(&mut Self, u32)>, second: u32, step_s: u32) -> Option<Point> {
        let start = self.start.filter(|start| start + step_s <= second)?;
        self.start = None;
        let tally = std::mem::take(&mut self.tally);
        let point = tally.point(start, percentiles(self.digest.settled(), PERCENTILES));
        if let Some((longer, longer_s)) = longer {
            longer.add(start - start % longer_s, &tally, self.digest.settled());
        }
        self.digest.clear();
        Some(point)
    }
}

/// A point that knows its time.
pub trait Timed {
    fn start(&self) -> u32;
}

impl Timed for Point {
    fn start(&self) -> u32 {
        self.start
    }
}

/// Closed points at all resolutions.
#[derive(Debug)]
pub struct Tiers<P> {
    rings: [VecDeque<P>; STEPS_S.len()],
    /// From which second on each ring is complete.
    complete_from: [u32; STEPS_S.len()],
}

impl<P> Default for Tiers<P> {
    fn default() -> Self {
        Self { rings: std::array::from_fn(|_| VecDeque::new()), complete_from: [0; STEPS_S.len()] }
    }
}

impl<P: Timed + Clone> Tiers<P> {
    /// Something of what adding a point reads first.
    #[inline]
    pub fn first_cells(&self) -> u64 {
        self.rings[0].len() as u64 ^ u64::from(self.complete_from[0])
    }

    /// Something of the point before the next one.
    #[inline]
    pub fn last_cell(&self) -> u64 {
        self.last().map_or(0, |point| point.start().into())
    }

    /// Append a point, and forget the oldest ones beyond `most`.
    pub fn push(&mut self, tier: usize, point: P, most: usize) {
        let ring = &mut self.rings[tier];
        ring.push_back(point);
        while ring.len() > most.max(1) {
            if let Some(gone) = ring.pop_front() {
                self.complete_from[tier] = gone.start() + STEPS_S[tier];
            }
        }
        if ring.capacity() > 4 * most.max(8) {
            ring.shrink_to(most);
        }
    }

    pub fn last(&self) -> Option<&P> {
        self.rings[0].back()
    }

    /// All points from the second `since` on, the oldest first, every time in the finest resolution that is left of it.
    pub fn segments(&self, since: u32) -> Vec<Segment<P>> {
        self.stitched(0, since, u32::MAX)
    }

    /// All points in the resolution of this tier, coarser where it does not reach back, and finer for what has no whole
    /// window yet before `closed`.
    pub fn overview(&self, tier: usize, closed: u32) -> Vec<Segment<P>> {
        let end = |tier: usize| closed - closed % STEPS_S[tier];
        let mut segments = self.stitched(tier, 0, end(tier));
        for finer in (0..tier).rev() {
            let points = self.between(finer, end(finer + 1)..end(finer));
            segments.extend((!points.is_empty()).then_some(Segment { step_s: STEPS_S[finer], points }));
        }
        segments
    }

    fn stitched(&self, finest: usize, since: u32, mut until: u32) -> Vec<Segment<P>> {
        let mut segments = Vec::new();
        for (tier, step_s) in STEPS_S.into_iter().enumerate().skip(finest) {
            let coarser = STEPS_S.get(tier + 1).copied().unwrap_or(step_s);
            let from = self.complete_from[tier].next_multiple_of(coarser);
            let points = self.between(tier, from.max(since)..until);
            segments.extend((!points.is_empty()).then_some(Segment { step_s, points }));
            if self.complete_from[tier] == 0 {
                break;
            }
            until = until.min(from);
        }
        segments.reverse();
        segments
    }

    fn between(&self, tier: usize, seconds: Range<u32>) -> Vec<P> {
        self.rings[tier].iter().filter(|point| seconds.contains(&point.start())).cloned().collect()
    }

    /// Bytes on the heap, those that points own themselves left out.
    pub fn heap_bytes(&self) -> usize {
        self.rings.iter().map(|ring| ring.capacity() * size_of::<P>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Timed for u32 {
        fn start(&self) -> u32 {
            *self
        }
    }

    /// Every second one point, and points of the coarser rings as their windows end.
    fn filled(seconds: u32, most: [usize; 4]) -> Tiers<u32> {
        let mut tiers = Tiers::default();
        for second in 1_000..1_000 + seconds {
            for (tier, step) in STEPS_S.into_iter().enumerate() {
                if (second + 1) % step == 0 {
                    tiers.push(tier, second + 1 - step, most[tier]);
                }
            }
        }
        tiers
    }

    #[test]
    fn a_short_run_is_read_as_it_was() {
        let tiers = filled(50, [100; 4]);
        assert_eq!(tiers.segments(0), [Segment { step_s: 1, points: (1_000..1_050).collect() }]);
        assert_eq!(tiers.segments(1_040)[0].points.len(), 10);
        assert_eq!(tiers.last(), Some(&1_049));
    }

    #[test]
    fn every_second_of_a_long_run_is_told_once() {
        for (seconds, most) in [(5_000, [60, 60, 60, 1_000]), (777, [20, 20, 20, 20]), (90, [7, 200, 20, 20])] {
            let segments = filled(seconds, most).segments(0);
            let mut next = segments[0].points[0];
            assert!(next <= 1_000, "{next}");
            for segment in &segments {
                for point in &segment.points {
                    assert_eq!(*point, next);
                    next += segment.step_s;
                }
            }
            assert_eq!(next, 1_000 + seconds);
        }
    }

    #[test]
    fn an_overview_tells_every_second_once_too() {
        for (seconds, most, tier) in
            [(5_005, [60, 60, 60, 1_000], 1), (777, [900; 4], 2), (650, [20; 4], 3), (9, [20; 4], 1)]
        {
            let segments = filled(seconds, most).overview(tier, 1_000 + seconds);
            let mut next = segments[0].points[0];
            assert!(next <= 1_000, "{next}");
            for segment in &segments {
                for point in &segment.points {
                    assert_eq!(*point, next);
                    next += segment.step_s;
                }
            }
            assert_eq!(next, 1_000 + seconds);
            assert!(segments.iter().map(|segment| segment.points.len()).sum::<usize>() < 600);
        }
    }

    #[test]
    fn beyond_the_coarsest_ring_the_oldest_is_forgotten() {
        let segments = filled(20_000, [10, 6, 10, 5]).segments(0);
        assert_eq!(segments[0].step_s, 600);
        assert_eq!(segments.iter().map(|segment| segment.step_s).collect::<Vec<_>>(), [600, 60, 10, 1]);
    }
}
