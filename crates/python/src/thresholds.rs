//! Thresholds as Python sees them. Python says when, and gets back how it stands, with values as text.

use std::sync::Mutex;

use gregaria_stats::thresholds::{Judge, Measure, Outcome, Selector, Verdict, parse_all};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::stats::{RequestStats, lock};

/// Judges a run by conditions under which it has failed.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct ThresholdJudge {
    stats: Py<RequestStats>,
    judge: Mutex<Judge>,
}

#[pymethods]
impl ThresholdJudge {
    #[new]
    #[pyo3(signature = (stats, conditions, warm_up = 0))]
    fn new(stats: Py<RequestStats>, conditions: Vec<String>, warm_up: u32) -> PyResult<Self> {
        let mut thresholds = Vec::new();
        for text in conditions {
            thresholds.extend(parse_all(&text).map_err(|error| PyValueError::new_err(error.to_string()))?);
        }
        Ok(Self { stats, judge: Mutex::new(Judge::new(thresholds, warm_up)) })
    }

    fn start(&self, now: f64) {
        lock(&self.judge).start(now);
    }

    /// Look at the figures; the text of a threshold over which the test can be ended.
    fn tick(&self, now: f64) -> Option<String> {
        let mut judge = lock(&self.judge);
        self.stats.get().with(|stats| judge.tick(stats, now));
        judge.certain_failure().map(described)
    }

    fn finish(&self, now: f64) {
        let mut judge = lock(&self.judge);
        self.stats.get().with(|stats| judge.finish(stats, now));
    }

    /// Whether a threshold says how many requests of the whole test may fail.
    fn judges_failures(&self) -> bool {
        lock(&self.judge).verdicts().any(|verdict| {
            let about_failures =
                matches!(verdict.threshold.measure, Measure::FailRatio | Measure::FailureRate | Measure::Failures);
            about_failures && verdict.threshold.selector == Selector::Total
        })
    }

    fn verdicts<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let verdicts: Vec<Verdict> = lock(&self.judge).verdicts().cloned().collect();
        verdicts.iter().map(|verdict| to_dict(py, verdict)).collect()
    }

    fn __len__(&self) -> usize {
        lock(&self.judge).verdicts().count()
    }
}

/// The condition and the value for which it holds, in one line.
fn described(verdict: &Verdict) -> String {
    match shown(verdict) {
        Some(value) => format!("{} ({value})", verdict.threshold),
        None => verdict.threshold.to_string(),
    }
}

fn shown(verdict: &Verdict) -> Option<String> {
    verdict.value.map(|value| verdict.threshold.measure.unit().shown(value))
}

fn to_dict<'py>(py: Python<'py>, verdict: &Verdict) -> PyResult<Bound<'py, PyDict>> {
    let outcome = match verdict.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::NoData => "no data",
    };
    let entry = verdict.entry.as_ref().map(|(method, name)| (method.to_string(), name.to_string()));
    let row = PyDict::new(py);
    row.set_item("condition", &verdict.threshold.text)?;
    row.set_item("outcome", outcome)?;
    row.set_item("value", shown(verdict))?;
    row.set_item("limit", verdict.threshold.measure.unit().shown(verdict.threshold.limit))?;
    row.set_item("entry", entry)?;
    row.set_item("failed_after_s", verdict.failed_after_s)?;
    Ok(row)
}
