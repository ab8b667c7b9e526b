//! Samples of requests as scripts and services get them: settings, and the JSON of what is kept.

use std::sync::atomic::{AtomicBool, Ordering};

use gregaria_sinks::result;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::Shared;

/// A sample could not be made: the test goes on, and the log says it once.
pub fn tell_once(py: Python<'_>, error: &PyErr) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if !IS_TOLD.swap(true, Ordering::Relaxed) {
        let told = py.import("gregaria.samples").and_then(|module| module.call_method1("tell", (error.value(py),)));
        drop(told);
    }
}

/// All that is kept, as in the result file.
pub fn kept(shared: &Shared) -> Vec<result::Exchange> {
    let kept = shared.look(|stats| stats.kept_samples());
    kept.iter().map(|(why, sample)| result::exchange(*why, &sample.exchange)).collect()
}

/// JSON of what is kept, as `samples` in the result file.
pub fn json(shared: &Shared) -> PyResult<String> {
    serde_json::to_string(&kept(shared)).map_err(|error| PyValueError::new_err(error.to_string()))
}
