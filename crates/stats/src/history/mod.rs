//! How a run went: series of the total and of each name, second by second, thinned as they age (1 s, 10 s, 1 min,
//! 10 min) so that a day with 10,000 names stays within a fixed memory. Fed with the samples of a
//! [journal](crate::journal) away from the thread that counts. Takes the time as an argument.
//!
//! ```text
//!   take_in(samples) ── take_in(samples) ── close(now): every second before `now` is over, its points are made
//! ```

mod digest;
mod series;

pub use digest::heat_bounds_us;
pub use series::{PERCENTILES, Point, STEPS_S, Segment};

use smallvec::SmallVec;

use digest::{Code, percentiles};
use series::{Open, Tally, Tiers, Timed};

use crate::histogram::fetch;
use crate::journal::Sample;

/// A second that nobody closed for so long is not filled with zeros.
const LONGEST_GAP_S: u32 = 3_600;

/// An overview has no more windows than this, if it can be.
const OVERVIEW_POINTS: u32 = 720;

/// Of so many names what a second needs is fetched together.
const NAMES_AT_ONCE: usize = 32;

/// How many points are kept at each resolution.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Of the total.
    pub total: [usize; 4],
    /// Of a name, where there are few.
    pub name: [usize; 4],
    /// Of a name, however many there are.
    pub least: [usize; 4],
    /// Points of all names together, which `name` is made smaller for.
    pub budget: usize,
}

impl Default for Plan {
    /// The total: an hour of seconds, a day of minutes, a week. 10,000 names: 200 points each, which is a day.
    fn default() -> Self {
        Self {
            total: [3_600, 2_160, 1_440, 1_008],
            name: [600, 720, 1_440, 1_008],
            least: [10, 18, 30, 144],
            budget: 1_500_000,
        }
    }
}

impl Plan {
    fn of_names(&self, names: usize) -> [usize; 4] {
        let full: usize = self.name.iter().sum();
        let share = (self.budget as f64 / (names.max(1) * full) as f64).min(1.0);
        std::array::from_fn(|tier| ((self.name[tier] as f64 * share) as usize).max(self.least[tier]))
    }
}

/// A point of the total.
#[derive(Debug, Clone, PartialEq)]
pub struct TotalPoint {
    pub point: Point,
    /// Users at the end of the window.
    pub users: u32,
    /// Requests by class of response time ([`heat_bounds_us`]), ascending, without empty ones.
    pub heat: Box<[(u16, u32)]>,
}

impl Timed for TotalPoint {
    fn start(&self) -> u32 {
        self.point.start
    }
}

#[derive(Debug, Default)]
struct Series {
    tiers: Tiers<Point>,
    /// The windows longer than a second. Only the shortest is told every second, so that of ten thousand names little
    /// memory is touched; when one ends, what came in it goes into the next longer one.
    open: [Open; STEPS_S.len() - 1],
}

#[derive(Debug, Default)]
struct Total {
    tiers: Tiers<TotalPoint>,
    open: [(Open, Vec<(u16, u32)>); STEPS_S.len() - 1],
}

/// The series of a run.
#[derive(Debug)]
pub struct History {
    plan: Plan,
    most: [usize; 4],
    pending: Vec<Sample>,
    total: Total,
    /// By the entry's number.
    names: Vec<Option<Box<Series>>>,
    known: usize,
    users: u32,
    /// All seconds before this one are closed.
    closed: Option<u32>,
    by_code: Vec<u32>,
    scratch: Scratch,
}

/// Of one name in one second, ascending.
#[derive(Debug, Default)]
struct Scratch {
    times: Vec<u64>,
    counts: Vec<(Code, u32)>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(Plan::default())
    }
}

impl History {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            most: plan.of_names(1),
            pending: Vec::new(),
            total: Total::default(),
            names: Vec::new(),
            known: 0,
            users: 0,
            closed: None,
            by_code: vec![0; Code::COUNT],
            scratch: Scratch::default(),
        }
    }

    /// Forget everything.
    pub fn clear(&mut self) {
        *self = Self { users: self.users, ..Self::new(self.plan) };
    }

    /// Add samples; their seconds are told once they are closed.
    pub fn take_in(&mut self, samples: &[Sample]) {
        self.pending.extend_from_slice(samples);
    }

    /// So many users there are from now on.
    pub fn set_users(&mut self, users: u64) {
        self.users = users.min(u32::MAX.into()) as u32;
    }

    /// Make the points of all seconds before `now`. Samples that come later for such a second count in the next one.
    pub fn close(&mut self, now: f64) {
        let now = now as u32;
        let mut pending = std::mem::take(&mut self.pending);
        let first = pending.iter().map(|sample| sample.second).min();
        let start = match (self.closed, first) {
            (Some(closed), first) if now.saturating_sub(closed) > LONGEST_GAP_S => first.unwrap_or(now).max(closed),
            (Some(closed), _) => closed,
            (None, Some(first)) => first.max(now.saturating_sub(LONGEST_GAP_S)),
            (None, None) => now,
        };
        pending.iter_mut().for_each(|sample| sample.second = sample.second.max(start));
        pending.sort_unstable_by_key(|sample| u64::from(sample.second) << 32 | u64::from(sample.entry));
        let mut rest = &pending[..];
        for second in start..now {
            let length = rest.partition_point(|sample| sample.second == second);
            let (these, later) = rest.split_at(length);
            rest = later;
            self.close_second(second, these);
        }
        self.closed = Some(now.max(start));
        let left = pending.len() - rest.len();
        pending.drain(..left);
        self.pending = pending;
    }

    fn close_second(&mut self, second: u32, samples: &[Sample]) {
        let mut total = Tally::default();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut of_entries = samples.chunk_by(|a, b| a.entry == b.entry);
        loop {
            // As when requests are recorded: what several names need is fetched together.
            let together: SmallVec<[&[Sample]; NAMES_AT_ONCE]> = of_entries.by_ref().take(NAMES_AT_ONCE).collect();
            if together.is_empty() {
                break;
            }
            let series = || together.iter().filter_map(|these| self.names.get(these[0].entry as usize)?.as_deref());
            fetch(series().map(|series| series.tiers.first_cells() ^ series.open[0].first_cells()));
            fetch(series().map(|series| series.tiers.last_cell() ^ series.open[0].last_cell()));
            together.iter().for_each(|these| total.add(&self.close_name(second, these, &mut scratch)));
        }
        self.scratch = scratch;
        self.close_total(second, &total);
        self.end_windows(second + 1);
    }

    /// The second of one name: its tally, and its samples into the counts of the total.
    fn close_name(&mut self, second: u32, samples: &[Sample], scratch: &mut Scratch) -> Tally {
        let mut tally = Tally::default();
        let Scratch { times, counts } = scratch;
        times.clear();
        counts.clear();
        for sample in samples {
            if sample.is_failure() {
                tally.failures += 1;
                continue;
            }
            tally.requests += 1;
            tally.bytes += sample.length;
            times.extend(sample.response_time_us());
        }
        times.sort_unstable();
        tally.timed = times.len() as u32;
        tally.total_us = times.iter().fold(0, |sum: u64, us| sum.saturating_add(*us));
        tally.max_us = times.last().copied().unwrap_or(0);
        for us in times.iter() {
            let code = Code::of(*us);
            match counts.last_mut() {
                Some((last, amount)) if *last == code => *amount += 1,
                _ => counts.push((code, 1)),
            }
        }
        for (code, amount) in counts.iter() {
            self.by_code[code.index()] += amount;
        }
        let exact = PERCENTILES.map(|p| {
            let rank = ((times.len() as f64 * p) as usize).min(times.len().saturating_sub(1));
            times.get(rank).map_or(0, |us| u32::try_from(*us).unwrap_or(u32::MAX))
        });
        let most = self.most;
        let series = self.series_mut(samples[0].entry as usize);
        series.tiers.push(0, tally.point(second, exact), most[0]);
        series.open[0].add(second - second % STEPS_S[1], &tally, counts);
        tally
    }

    fn series_mut(&mut self, entry: usize) -> &mut Series {
        if self.names.len() <= entry {
            self.names.resize_with(entry + 1, || None);
        }
        if self.names[entry].is_none() {
            self.known += 1;
            self.most = self.plan.of_names(self.known);
        }
        self.names[entry].get_or_insert_default()
    }

    fn close_total(&mut self, second: u32, tally: &Tally) {
        let mut counts: Vec<(Code, u32)> = Vec::new();
        let mut heat: Vec<(u16, u32)> = Vec::new();
        for (index, amount) in self.by_code.iter_mut().enumerate().filter(|(_, amount)| **amount > 0) {
            let code = Code::from_index(index);
            counts.push((code, *amount));
            add_heat(&mut heat, code.heat(), *amount);
            *amount = 0;
        }
        let point = tally.point(second, percentiles(&counts, PERCENTILES));
        for ((open, warmth), step_s) in self.total.open.iter_mut().zip(&STEPS_S[1..]) {
            open.add(second - second % step_s, tally, &counts);
            heat.iter().for_each(|(class, amount)| add_heat(warmth, *class, *amount));
        }
        let point = TotalPoint { point, users: self.users, heat: heat.into() };
        self.total.tiers.push(0, point, self.plan.total[0]);
    }

    /// Close the longer windows that end here.
    fn end_windows(&mut self, end: u32) {
        for tier in (1..STEPS_S.len()).filter(|tier| end.is_multiple_of(STEPS_S[*tier])) {
            for series in self.names.iter_mut().flatten() {
                let (open, longer) =
                    series.open[tier - 1..].split_first_mut().expect("one for each tier but the first");
                let longer = longer.first_mut().map(|open| (open, STEPS_S[tier + 1]));
                if let Some(point) = open.close_into(longer, end, STEPS_S[tier]) {
                    series.tiers.push(tier, point, self.most[tier]);
                }
            }
            let (open, heat) = &mut self.total.open[tier - 1];
            if let Some(point) = open.close_before(end, STEPS_S[tier]) {
                let point = TotalPoint { point, users: self.users, heat: std::mem::take(heat).into() };
                self.total.tiers.push(tier, point, self.plan.total[tier]);
            }
        }
    }

    /// The series of all requests together, from the second `since` on (0: all).
    pub fn total(&self, since: u32) -> Vec<Segment<TotalPoint>> {
        self.total.tiers.segments(since)
    }

    /// The tier in which the run has at most some hundred windows, for [`History::total_overview`] and its like.
    pub fn overview_tier(&self) -> usize {
        let first = self.total(0).first().and_then(|segment| segment.points.first().map(|total| total.point.start));
        let seconds = self.closed.unwrap_or(0).saturating_sub(first.unwrap_or(0));
        STEPS_S.iter().position(|step_s| seconds / step_s <= OVERVIEW_POINTS).unwrap_or(STEPS_S.len() - 1)
    }

    /// The whole run in windows of one width, with finer ones at its end.
    pub fn total_overview(&self, tier: usize) -> Vec<Segment<TotalPoint>> {
        self.total.tiers.overview(tier, self.closed.unwrap_or(0))
    }

    /// As [`History::total_overview`], of one entry.
    pub fn name_overview(&self, entry: u32, tier: usize) -> Vec<Segment<Point>> {
        let series = self.names.get(entry as usize).and_then(Option::as_ref);
        series.map_or_else(Vec::new, |series| series.tiers.overview(tier, self.closed.unwrap_or(0)))
    }

    /// The last closed second.
    pub fn latest(&self) -> Option<&TotalPoint> {
        self.total.tiers.last()
    }

    /// The series of one entry by its number; seconds without requests have no point.
    pub fn name(&self, entry: u32, since: u32) -> Vec<Segment<Point>> {
        let series = self.names.get(entry as usize).and_then(Option::as_ref);
        series.map_or_else(Vec::new, |series| series.tiers.segments(since))
    }

    /// Bytes of all closed points.
    pub fn heap_bytes(&self) -> usize {
        let names: usize = self.names.iter().flatten().map(|it| it.tiers.heap_bytes() + size_of::<Series>()).sum();
        names + self.names.capacity() * size_of::<Option<Box<Series>>>() + self.total.tiers.heap_bytes()
    }
}

fn add_heat(heat: &mut Vec<(u16, u32)>, class: u16, amount: u32) {
    match heat.binary_search_by_key(&class, |(known, _)| *known) {
        Ok(found) => heat[found].1 = heat[found].1.saturating_add(amount),
        Err(place) => heat.insert(place, (class, amount)),
    }
}

#[cfg(test)]
mod tests;
