//! The result file and the report of a run as Python sees them: it says when, and what only it knows; collecting and
//! writing happen on threads of their own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gregaria_sinks::result::{self, Everything, Measured, ResultFile};
use gregaria_sinks::{Error, ExceptionRow};
use gregaria_stats::history::{Segment, TotalPoint};
use gregaria_stats::{Entry, EntryId, Stats};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::sinks::{ExceptionTuple, describe, exception_rows, to_exception};
use crate::stats::samples::kept;
use crate::stats::{RequestStats, Shared, lock, now};

/// Of so many entries all are copied under one lock (about a millisecond), so that they add up to the total exactly.
const ENTRIES_AS_ONE: usize = 512;
/// Of more so many are copied under one lock: requests that are counted in between may be in an entry and not in the total.
const ENTRIES_AT_ONCE: usize = 32;

/// Everything that was measured up to now. What the series have is in the total too, which is read after them; the total
/// has also the requests of seconds that are not over.
pub fn collect(shared: &Shared, now: f64, exceptions: Vec<ExceptionRow>) -> Everything {
    shared.followed(|followed| {
        let (total, numbers, mut entries, failures, other_names) = shared.look_at_whole(|stats| {
            let numbers: Vec<u32> = stats.numbered_entries().map(|(number, _)| number).collect();
            let entries = if numbers.len() <= ENTRIES_AS_ONE { measured(stats, &numbers) } else { Vec::new() };
            let failures = stats.errors().records().to_vec();
            (measure(stats, stats.total()), numbers, entries, failures, stats.other_requests())
        });
        if entries.is_empty() {
            let parts = numbers.chunks(ENTRIES_AT_ONCE);
            entries = parts.flat_map(|some| shared.look(|stats| measured(stats, some))).collect();
        }
        let tier = followed.history.overview_tier();
        for (number, entry) in &mut entries {
            entry.history = followed.history.name(*number, 0);
            entry.overview = followed.history.name_overview(*number, tier);
        }
        Everything {
            now,
            total,
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
            history: without_tail(followed.history.total(0), now),
            overview: without_tail(followed.history.total_overview(tier), now),
            users_peak: followed.users_peak,
            failures,
            exceptions,
            samples: kept(shared),
            other_names,
            history_lost: followed.lost,
        }
    })
}

/// The entries with these numbers, as far as they are still there.
fn measured(stats: &Stats, numbers: &[u32]) -> Vec<(u32, Measured)> {
    let known = numbers.iter().filter_map(|number| Some((number, stats.get(EntryId::from_index(*number))?)));
    known.map(|(number, entry)| (*number, measure(stats, entry))).collect()
}

fn measure(stats: &Stats, entry: &Entry) -> Measured {
    let (requests_per_second, failures_per_second) = stats.total_rates(entry);
    Measured {
        entry: entry.clone(),
        requests_per_second,
        failures_per_second,
        history: Vec::new(),
        overview: Vec::new(),
    }
}

/// A series up to the end of the run: seconds after it in which nothing happened are cut off.
fn without_tail(mut segments: Vec<Segment<TotalPoint>>, ended: f64) -> Vec<Segment<TotalPoint>> {
    let is_after = |last: &TotalPoint| f64::from(last.point.start) > ended && last.point.requests == 0;
    while let Some(segment) = segments.last_mut() {
        while segment.points.last().is_some_and(is_after) {
            segment.points.pop();
        }
        if !segment.points.is_empty() {
            break;
        }
        segments.pop();
    }
    segments
}

fn result_of(shared: &Shared, about: &str, exceptions: Vec<ExceptionRow>) -> Result<ResultFile, String> {
    result_at(shared, about, exceptions, now())
}

pub fn result_at(shared: &Shared, about: &str, exceptions: Vec<ExceptionRow>, now: f64) -> Result<ResultFile, String> {
    let everything = collect(shared, now, exceptions);
    result::make(everything, about).map_err(|error| format!("the result cannot be made: {error}"))
}

/// How the last writing in the background went.
struct Written {
    error: Option<Error>,
    took: Duration,
}

/// The result file and the report of a run.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct ResultWriter {
    shared: Arc<Shared>,
    result: Option<PathBuf>,
    report: Option<PathBuf>,
    background: Mutex<Option<JoinHandle<Result<Written, String>>>>,
}

impl ResultWriter {
    /// Wait for what is written in the background, and say what became of it.
    fn join(&self) -> Option<Result<Written, String>> {
        let running = lock(&self.background).take()?;
        Some(running.join().unwrap_or_else(|_| Err("the thread that writes the result file died".to_owned())))
    }

    fn write_all(&self, about: &str, exceptions: Vec<ExceptionRow>) -> Vec<String> {
        let result = match result_of(&self.shared, about, exceptions) {
            Ok(result) => result,
            Err(error) => return vec![error],
        };
        let written = self.result.as_ref().map(|path| result::write(path, &result));
        let reported = self.report.as_ref().map(|path| {
            let page = gregaria_sinks::report::html(&result);
            result::write_text(path, &page)
        });
        let failed = [written, reported].into_iter().flatten().filter_map(Result::err);
        failed.map(|error| describe(&error)).collect()
    }
}

#[pymethods]
impl ResultWriter {
    #[new]
    #[pyo3(signature = (stats, result = None, report = None))]
    fn new(
        py: Python<'_>,
        stats: &Bound<'_, RequestStats>,
        result: Option<PathBuf>,
        report: Option<PathBuf>,
    ) -> PyResult<Self> {
        for path in result.iter().chain(&report) {
            py.detach(|| result::prepare(path)).map_err(|error| to_exception(py, &error))?;
        }
        let shared = Arc::clone(stats.get().shared());
        Ok(ResultWriter { shared, result, report, background: Mutex::default() })
    }

    /// Have the present state written to the result file. Does nothing if the last one is not there yet.
    fn save(&self, about: String, exceptions: Vec<ExceptionTuple<'_>>) {
        let Some(path) = self.result.clone() else { return };
        let mut background = lock(&self.background);
        if background.is_some() {
            return;
        }
        let (shared, exceptions) = (Arc::clone(&self.shared), exception_rows(exceptions));
        *background = Some(std::thread::spawn(move || {
            let started = Instant::now();
            let error = result::write(&path, &result_of(&shared, &about, exceptions)?).err();
            Ok(Written { error, took: started.elapsed() })
        }));
    }

    /// Seconds that the last state took to be written and what went wrong, once it is there.
    fn saved(&self) -> Option<(f64, Option<String>)> {
        if !lock(&self.background).as_ref().is_some_and(JoinHandle::is_finished) {
            return None;
        }
        Some(match self.join()? {
            Ok(written) => (written.took.as_secs_f64(), written.error.as_ref().map(describe)),
            Err(error) => (0.0, Some(error)),
        })
    }

    /// Write the final state everywhere, wait for it, and tell what went wrong.
    fn close(&self, py: Python<'_>, about: &str, exceptions: Vec<ExceptionTuple<'_>>) -> Vec<String> {
        let exceptions = exception_rows(exceptions);
        py.detach(|| {
            self.join();
            self.write_all(about, exceptions)
        })
    }
}

/// JSON of the series of one entry, or of all requests, from that second on, as in the result file.
pub fn series(shared: &Shared, entry: Option<EntryId>, since: u32) -> PyResult<String> {
    let json = shared.followed(|followed| match entry {
        None => {
            let segments: Vec<_> = followed.history.total(since).iter().map(result::total_segment).collect();
            serde_json::to_string(&segments)
        }
        Some(id) => {
            let segments: Vec<_> = followed.history.name(id.index(), since).iter().map(result::segment).collect();
            serde_json::to_string(&segments)
        }
    });
    json.map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Write the report of a result file; says what is wrong with the file, if anything is.
#[pyfunction]
pub fn write_report(py: Python<'_>, result: PathBuf, report: PathBuf) -> PyResult<()> {
    py.detach(|| {
        let result = result::read(&result).map_err(|error| error.sentence())?;
        result::write_text(&report, &gregaria_sinks::report::html(&result)).map_err(|error| describe(&error))
    })
    .map_err(PyValueError::new_err)
}

/// The report of a run as it is now, or was when it ended.
#[pyfunction]
#[pyo3(signature = (stats, about, exceptions, ended = None, theme = ""))]
pub fn report_html(
    stats: &Bound<'_, RequestStats>,
    about: &str,
    exceptions: Vec<ExceptionTuple<'_>>,
    ended: Option<f64>,
    theme: &str,
) -> PyResult<String> {
    reported(stats, about, exceptions, ended, |result| gregaria_sinks::report::themed(result, theme))
}

/// What such a report draws, without the page around it.
#[pyfunction]
#[pyo3(signature = (stats, about, exceptions, ended = None))]
pub fn report_data(
    stats: &Bound<'_, RequestStats>,
    about: &str,
    exceptions: Vec<ExceptionTuple<'_>>,
    ended: Option<f64>,
) -> PyResult<String> {
    reported(stats, about, exceptions, ended, gregaria_sinks::report::data)
}

fn reported(
    stats: &Bound<'_, RequestStats>,
    about: &str,
    exceptions: Vec<ExceptionTuple<'_>>,
    ended: Option<f64>,
    make: impl FnOnce(&ResultFile) -> String + Send,
) -> PyResult<String> {
    let (shared, exceptions) = (Arc::clone(stats.get().shared()), exception_rows(exceptions));
    let made = stats.py().detach(|| {
        let result = result_at(&shared, about, exceptions, ended.unwrap_or_else(now))?;
        Ok(make(&result))
    });
    made.map_err(|error: String| PyValueError::new_err(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_end_with_the_run_and_still_add_up() {
        let shared = Shared::new(Stats::new(100.0));
        shared.follow().expect("a thread can be started");
        for now in [100.5, 101.5, 103.2] {
            shared.with(|stats| {
                let id = stats.entry("GET", "/", now);
                stats.record(id, now, Some(1_000), 1);
            });
        }
        for second in 101..120 {
            shared.advance(f64::from(second), 0);
        }
        let starts = |ended: f64| -> Vec<u32> {
            let series = collect(&shared, ended, Vec::new()).history;
            series.iter().flat_map(|segment| &segment.points).map(|point| point.point.start).collect()
        };
        assert_eq!(starts(105.5), [100, 101, 102, 103, 104, 105]);
        assert_eq!(starts(102.5), [100, 101, 102, 103], "a request that ended later is not cut off");
        assert_eq!(starts(130.0).len(), 19);
    }

    #[test]
    fn a_result_in_the_middle_of_a_run_adds_up() {
        const ROUNDS: u32 = 300;
        let shared = Shared::new(Stats::new(100.0));
        shared.follow().expect("a thread can be started");
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| {
                for round in 0..ROUNDS {
                    let now = 100.0 + f64::from(round) / 20.0;
                    for name in 0..200 {
                        shared.with(|stats| {
                            let id = stats.entry("GET", &format!("/{name}"), now);
                            stats.record(id, now, Some(1_000), 1);
                            if name % 3 == 0 {
                                stats.record_failure(id, now, "E()");
                            }
                        });
                    }
                    shared.tick(now, 1);
                }
            });
            let mut ended = false;
            while !ended {
                ended = counting.is_finished();
                let found = collect(&shared, 200.0, Vec::new());
                let total = &found.total.entry;
                let requests: u64 = found.entries.iter().map(|one| one.entry.num_requests()).sum();
                let failures: u64 = found.failures.iter().map(|record| record.occurrences).sum();
                let points = found.history.iter().flat_map(|segment| &segment.points);
                let in_series: u64 = points.map(|total| u64::from(total.point.requests)).sum();
                assert_eq!((requests, failures), (total.num_requests(), total.num_failures()));
                assert!(in_series <= requests, "{in_series} in the series of {requests}");
            }
            shared.advance(200.0, 1);
            let points = collect(&shared, 200.0, Vec::new()).history;
            let in_series = points.iter().flat_map(|segment| &segment.points).map(|total| total.point.requests);
            assert_eq!(in_series.sum::<u32>(), ROUNDS * 200);
        });
    }
}
