//! From result files to what is compared: the series of every name in every file.

use std::collections::HashMap;

use gregaria_stats::compare::{Series, Window};

use super::Run;
use crate::result::{Entry, Segment};

/// A name as files know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<'a> {
    pub name: &'a str,
    pub method: &'a str,
}

impl Key<'_> {
    /// Method and name in one.
    pub fn label(self) -> String {
        format!("{} {}", self.method, self.name).trim().to_owned()
    }
}

/// A file's entries by name, with their series.
pub struct Index<'a> {
    run: &'a Run,
    entries: HashMap<Key<'a>, (&'a Entry, &'a [Segment])>,
}

/// Look all names of the files up.
pub fn index(runs: &[Run]) -> Vec<Index<'_>> {
    runs.iter().map(index_of).collect()
}

fn index_of(run: &Run) -> Index<'_> {
    let Run { result, .. } = run;
    let histories: HashMap<usize, &[Segment]> =
        result.history.entries.iter().map(|it| (it.entry, it.segments.as_slice())).collect();
    let entries = result.entries.iter().enumerate().map(|(at, entry)| {
        let segments = histories.get(&at).copied().unwrap_or_default();
        (Key { name: &entry.name, method: &entry.method }, (entry, segments))
    });
    Index { run, entries: entries.collect() }
}

/// All names, by name and then method.
pub fn names<'a>(sides: [&[Index<'a>]; 2]) -> Vec<Key<'a>> {
    let mut keys: Vec<Key<'_>> = sides.into_iter().flatten().flat_map(|index| index.entries.keys().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// One name in the files of a side. A file without it is a run with no such requests.
pub fn of_name<'a>(side: &[Index<'a>], key: Key<'_>) -> Vec<Series<'a>> {
    let found = side.iter().filter_map(|index| {
        let (entry, segments) = index.entries.get(&key)?;
        Some(series(index.run, entry, segments.iter()))
    });
    found.collect()
}

/// All requests in the files of a side.
pub fn of_total(runs: &[Run]) -> Vec<Series<'_>> {
    runs.iter().map(total_of).collect()
}

fn total_of(run: &Run) -> Series<'_> {
    let Run { result, .. } = run;
    series(run, &result.total, result.history.total.iter().map(|segment| &segment.windows))
}

fn series<'a>(run: &'a Run, entry: &'a Entry, segments: impl Iterator<Item = &'a Segment>) -> Series<'a> {
    let about = &run.result.run;
    Series {
        from_s: about.started_at,
        until_s: about.ended_at,
        requests: entry.requests,
        failures: entry.failures,
        total_us: entry.total_us,
        max_us: entry.max_us.unwrap_or(0),
        histogram: &entry.histogram,
        windows: segments.flat_map(windows).collect(),
    }
}

fn windows(segment: &Segment) -> impl Iterator<Item = Window> {
    (0..segment.start.len()).map(|at| Window {
        start_s: segment.start[at].into(),
        length_s: segment.step_s.into(),
        requests: segment.requests[at],
        failures: segment.failures[at],
        mean_us: segment.mean_us[at],
        percentiles_us: [segment.p50_us[at], segment.p95_us[at], segment.p99_us[at]],
        max_us: segment.max_us[at],
    })
}
