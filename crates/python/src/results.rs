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

/// So many entries are copied under one lock.
const ENTRIES_AT_ONCE: u32 = 32;

/// Everything that was measured up to now.
pub fn collect(shared: &Shared, now: f64, exceptions: Vec<ExceptionRow>) -> Everything {
    let measure = |stats: &Stats, entry: &Entry| {
        let (requests_per_second, failures_per_second) = stats.total_rates(entry);
        Measured {
            entry: entry.clone(),
            requests_per_second,
            failures_per_second,
            history: Vec::new(),
            overview: Vec::new(),
        }
    };
    let (total, numbers, failures, other_names) = shared.look(|stats| {
        let numbers: Vec<u32> = stats.numbered_entries().map(|(number, _)| number).collect();
        let failures = stats.errors().records().to_vec();
        (measure(stats, stats.total()), numbers, failures, stats.other_requests())
    });
    let mut entries = Vec::with_capacity(numbers.len());
    for some in numbers.chunks(ENTRIES_AT_ONCE as usize) {
        shared.look(|stats| {
            let known = some.iter().filter_map(|number| Some((number, stats.get(EntryId::from_index(*number))?)));
            entries.extend(known.map(|(number, entry)| (*number, measure(stats, entry))));
        });
    }
    let samples = kept(shared);
    shared.followed(|followed| {
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
            samples,
            other_names,
            history_lost: followed.lost,
        }
    })
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
}
