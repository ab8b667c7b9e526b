//! A result that is small enough for a page: the names with the most requests and failures are told one by one, all
//! others are one row, so that everything still adds up. Histograms and series are kept of the foremost names only.

use std::collections::HashMap;

use gregaria_stats::Histogram;
use gregaria_stats::errors::beginning;

use crate::result::{Entry, EntryHistory, Exchange, Failure, History, ResultFile};

/// With room for so many names or more, nothing else is limited any further.
pub const AMPLE_ROOM: usize = 500;

/// How much of everything is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    names: usize,
    histograms: usize,
    points: usize,
    failures: usize,
    exceptions: usize,
    sample_bytes: usize,
}

impl Limits {
    /// Limits that go with so many names.
    pub fn of(names: usize) -> Self {
        Self {
            names,
            histograms: names.min(100),
            points: (names * 40).min(20_000),
            failures: names.min(AMPLE_ROOM),
            exceptions: 50,
            sample_bytes: (names * 1_000).min(300_000),
        }
    }
}

/// Longer names and texts are cut.
const LONGEST_TEXT: usize = 600;
/// Longer tracebacks are cut.
const LONGEST_TRACEBACK: usize = 4_000;

/// The thinned result. Its history is the overview.
pub fn thin(result: &ResultFile, limits: Limits) -> ResultFile {
    let chosen = foremost(&result.entries, limits.names);
    let mut entries: Vec<Entry> = Vec::with_capacity(chosen.len() + 1);
    for (place, at) in chosen.iter().enumerate() {
        entries.push(one(&result.entries[*at], place < limits.histograms));
    }
    if let Some(rest) = rest_of(&result.entries, &chosen) {
        entries.push(rest);
    }
    ResultFile {
        marks: result.marks.clone(),
        format: result.format.clone(),
        version: result.version,
        run: result.run.clone(),
        environment: result.environment.clone(),
        settings: result.settings.clone(),
        total: result.total.clone(),
        history: series(result.overview.as_ref().unwrap_or(&result.history), &chosen, limits.points),
        overview: None,
        entries,
        failures: failures(&result.failures, limits.failures),
        exceptions: exceptions(result, limits.exceptions),
        samples: samples(&result.samples, limits.sample_bytes),
        ratios: result.ratios.clone(),
        thresholds: result.thresholds.clone(),
        generator: result.generator.clone(),
    }
}

/// Places of the entries that are told, the foremost first: half of them for their requests, the rest for failures.
fn foremost(entries: &[Entry], most: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..entries.len()).collect();
    places.sort_by_key(|at| std::cmp::Reverse(entries[*at].requests));
    if places.len() <= most {
        return places;
    }
    let mut rest = places.split_off(most - most / 4);
    rest.sort_by_key(|at| std::cmp::Reverse(entries[*at].failures));
    rest.truncate(most / 4);
    places.extend(rest);
    places
}

fn one(entry: &Entry, with_histogram: bool) -> Entry {
    Entry {
        method: cut(&entry.method, 40),
        name: cut(&entry.name, LONGEST_TEXT),
        requests: entry.requests,
        failures: entry.failures,
        without_time: entry.without_time,
        total_us: entry.total_us,
        min_us: entry.min_us,
        max_us: entry.max_us,
        bytes: entry.bytes,
        requests_per_second: three_digits(entry.requests_per_second),
        failures_per_second: three_digits(entry.failures_per_second),
        percentiles_us: entry.percentiles_us.clone(),
        histogram: if with_histogram { entry.histogram.clone() } else { Histogram::new() },
        phases: entry.phases.clone().filter(|_| with_histogram),
    }
}

fn three_digits(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// All entries that were not chosen, as one.
fn rest_of(entries: &[Entry], chosen: &[usize]) -> Option<Entry> {
    if chosen.len() >= entries.len() {
        return None;
    }
    let mut told = vec![false; entries.len()];
    chosen.iter().for_each(|at| told[*at] = true);
    let left: Vec<&Entry> = entries.iter().zip(&told).filter(|(_, told)| !**told).map(|(entry, _)| entry).collect();
    let mut histogram = Histogram::new();
    left.iter().for_each(|entry| histogram.merge(&entry.histogram));
    let labels: Vec<String> = left.iter().flat_map(|entry| entry.percentiles_us.keys().cloned()).take(20).collect();
    let (min_us, max_us) =
        (left.iter().filter_map(|entry| entry.min_us).min(), left.iter().filter_map(|entry| entry.max_us).max());
    let told = labels.into_iter().filter_map(|label| {
        let p: f64 = label.parse().ok()?;
        let us = if p >= 100.0 { max_us? } else { histogram.percentile(p / 100.0)? };
        Some((label, us))
    });
    let sum = |field: fn(&Entry) -> u64| left.iter().map(|entry| field(entry)).sum();
    Some(Entry {
        method: String::new(),
        name: format!("({} more names, in the result file)", left.len()),
        requests: sum(|entry| entry.requests),
        failures: sum(|entry| entry.failures),
        without_time: sum(|entry| entry.without_time),
        total_us: sum(|entry| entry.total_us),
        min_us,
        max_us,
        bytes: sum(|entry| entry.bytes),
        requests_per_second: three_digits(left.iter().map(|entry| entry.requests_per_second).sum()),
        failures_per_second: three_digits(left.iter().map(|entry| entry.failures_per_second).sum()),
        percentiles_us: told.collect(),
        histogram,
        phases: None,
    })
}

/// The series of the total, and of the foremost names as long as there is room.
fn series(history: &History, chosen: &[usize], most_points: usize) -> History {
    let by_entry: HashMap<usize, &EntryHistory> = history.entries.iter().map(|it| (it.entry, it)).collect();
    let mut points = 0;
    let mut entries = Vec::new();
    for (place, at) in chosen.iter().enumerate() {
        let Some(of_entry) = by_entry.get(at) else { continue };
        points += of_entry.segments.iter().map(|segment| segment.start.len()).sum::<usize>();
        if points > most_points {
            break;
        }
        let mut of_entry = (*of_entry).clone();
        of_entry.entry = place;
        entries.push(of_entry);
    }
    History { total: history.total.clone(), entries }
}

fn failures(all: &[Failure], most: usize) -> Vec<Failure> {
    let mut foremost: Vec<&Failure> = all.iter().collect();
    foremost.sort_by_key(|failure| std::cmp::Reverse(failure.occurrences));
    let left = foremost.split_off(most.min(foremost.len()));
    let brief = |failure: &Failure| Failure {
        method: cut(&failure.method, 40),
        name: cut(&failure.name, LONGEST_TEXT),
        error: cut(&failure.error, LONGEST_TEXT),
        ..failure.clone()
    };
    let mut told: Vec<Failure> = foremost.into_iter().map(brief).collect();
    if !left.is_empty() {
        told.push(Failure {
            method: String::new(),
            name: String::new(),
            error: format!("({} more kinds of failures, in the result file)", left.len()),
            occurrences: left.iter().map(|failure| failure.occurrences).sum(),
            first_seen: left.iter().filter_map(|failure| failure.first_seen).reduce(f64::min),
            last_seen: left.iter().filter_map(|failure| failure.last_seen).reduce(f64::max),
        });
    }
    told
}

fn exceptions(result: &ResultFile, most: usize) -> Vec<crate::result::TaskException> {
    let mut foremost: Vec<_> = result.exceptions.iter().collect();
    foremost.sort_by_key(|exception| std::cmp::Reverse(exception.count));
    let brief = |exception: &crate::result::TaskException| crate::result::TaskException {
        message: cut(&exception.message, LONGEST_TEXT),
        traceback: cut(&exception.traceback, LONGEST_TRACEBACK),
        ..exception.clone()
    };
    foremost.into_iter().take(most).map(brief).collect()
}

/// As many samples as fit; failures before slow requests.
fn samples(all: &[Exchange], most_bytes: usize) -> Vec<Exchange> {
    let mut foremost: Vec<&Exchange> = all.iter().collect();
    foremost.sort_by_key(|sample| sample.kept);
    let mut bytes = 0;
    let size = |sample: &Exchange| {
        let heads = [&sample.request_head, &sample.response_head, &sample.url, &sample.error];
        let bodies = [&sample.request_body, &sample.response_body];
        heads.into_iter().flatten().map(String::len).sum::<usize>()
            + bodies.into_iter().flatten().map(|body| body.text.len()).sum::<usize>()
            + 200
    };
    let fits = |sample: &&Exchange| {
        bytes += size(sample);
        bytes <= most_bytes
    };
    foremost.into_iter().take_while(fits).cloned().collect()
}

/// The beginning of a text that is too long, with an ellipsis.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    beginning(text, most)
}
