//! Where the time of an entry's requests went, as Python sees it: copies, one object for each phase.

use gregaria_stats::phases::VERSIONS;
use gregaria_stats::{Phase, Phases};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// One phase of many requests. Times are milliseconds.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct PhaseTimes {
    name: &'static str,
    times: gregaria_stats::PhaseTimes,
}

/// The phases that took place, by name, in the order of time.
pub fn by_name<'py>(py: Python<'py>, phases: Option<Phases>) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    let Some(phases) = phases else { return Ok(told) };
    for phase in Phase::ALL {
        let times = phases.times(phase);
        if !times.histogram.is_empty() {
            told.set_item(phase.name(), PhaseTimes { name: phase.name(), times: times.clone() })?;
        }
    }
    Ok(told)
}

/// How many exchanges found a connection, and how many opened one.
pub fn connections<'py>(py: Python<'py>, phases: Option<&Phases>) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("reused", phases.map_or(0, |phases| phases.reused))?;
    told.set_item("new", phases.map_or(0, |phases| phases.opened))?;
    Ok(told)
}

/// Responses by HTTP version (`1.1`), those that came.
pub fn versions<'py>(py: Python<'py>, phases: Option<&Phases>) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    let Some(phases) = phases else { return Ok(told) };
    for (version, count) in VERSIONS.iter().zip(phases.versions) {
        if count > 0 {
            told.set_item(format!("{}.{}", version / 10, version % 10), count)?;
        }
    }
    Ok(told)
}

#[pymethods]
impl PhaseTimes {
    #[getter]
    fn name(&self) -> &str {
        self.name
    }

    #[getter]
    fn count(&self) -> u64 {
        self.times.histogram.len()
    }

    /// All samples together.
    #[getter]
    fn total(&self) -> f64 {
        self.times.total_us as f64 / 1_000.0
    }

    #[getter]
    fn average(&self) -> f64 {
        self.total() / self.count() as f64
    }

    /// The value at `percent` (0 to 1), by the same rule as for response times.
    fn percentile(&self, percent: f64) -> PyResult<f64> {
        if !(0.0..=1.0).contains(&percent) {
            return Err(PyValueError::new_err(format!("a percentile is between 0 and 1, not {percent}")));
        }
        Ok(self.times.histogram.percentile(percent).unwrap_or(0) as f64 / 1_000.0)
    }

    fn __repr__(&self) -> String {
        format!("<PhaseTimes {}: {} samples, {:.3} ms on average>", self.name, self.count(), self.average())
    }
}
