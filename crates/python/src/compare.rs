//! Comparisons of result files as Python and the web server see them: data once, told in several ways.

use std::path::PathBuf;

use gregaria_sinks::compare::{self, Colour};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What can be said about the difference of two runs, or groups of runs.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Comparison(compare::Comparison);

/// Compare result files; says what is wrong with a file or a condition, if anything is.
#[pyfunction]
#[pyo3(signature = (a, b, conditions = Vec::new(), confidence = 0.95))]
pub fn compare_results(
    py: Python<'_>,
    a: Vec<PathBuf>,
    b: Vec<PathBuf>,
    conditions: Vec<String>,
    confidence: f64,
) -> PyResult<Comparison> {
    let compared = py.detach(|| compare::compare_files(&a, &b, &conditions, confidence));
    compared.map(Comparison).map_err(|error| PyValueError::new_err(error.sentence()))
}

#[pymethods]
impl Comparison {
    /// Conditions that did not pass.
    #[getter]
    fn failed(&self) -> usize {
        self.0.failed()
    }

    /// The verdict in one line.
    #[getter]
    fn verdict(&self) -> &str {
        &self.0.verdict
    }

    #[pyo3(signature = (colour = false))]
    fn text(&self, colour: bool) -> String {
        compare::text(&self.0, if colour { Colour::Terminal } else { Colour::Plain })
    }

    fn markdown(&self) -> String {
        compare::markdown(&self.0)
    }

    fn html(&self) -> String {
        compare::html(&self.0)
    }

    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}
