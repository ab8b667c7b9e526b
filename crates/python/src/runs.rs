//! The store of runs as Python sees it: what was measured is taken at once, kept when there is time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use gregaria_sinks::result::{self, Everything};
use gregaria_sinks::runs::{self, Limits};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::results::collect;
use crate::sinks::{ExceptionTuple, exception_rows};
use crate::stats::{RequestStats, lock, now};

/// A run that has ended, on its way into a store.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct MeasuredRun {
    everything: Mutex<Option<Everything>>,
    about: String,
}

#[pymethods]
impl MeasuredRun {
    #[new]
    fn new(stats: &Bound<'_, RequestStats>, about: String, exceptions: Vec<ExceptionTuple<'_>>) -> Self {
        let everything = collect(stats.get().shared(), now(), exception_rows(exceptions));
        MeasuredRun { everything: Mutex::new(Some(everything)), about }
    }
}

/// The runs of a project that are kept.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct RunStore {
    store: Arc<runs::RunStore>,
}

impl RunStore {
    pub fn shared(&self) -> Arc<runs::RunStore> {
        Arc::clone(&self.store)
    }
}

#[pymethods]
impl RunStore {
    #[new]
    #[pyo3(signature = (folder, project, most_runs = None))]
    fn new(py: Python<'_>, folder: PathBuf, project: &str, most_runs: Option<u64>) -> PyResult<Self> {
        let limits = Limits { runs: most_runs.unwrap_or(Limits::default().runs), ..Limits::default() };
        let store = py.detach(|| runs::RunStore::open(&folder, project, limits));
        let store = store.map_err(|error| PyRuntimeError::new_err(error.sentence()))?;
        Ok(RunStore { store: Arc::new(store) })
    }

    /// Where it is.
    #[getter]
    fn path(&self) -> PathBuf {
        self.store.path().to_owned()
    }

    /// Keep a run, once; its number. Takes a while for a large one: call it in a thread.
    fn add(&self, py: Python<'_>, run: &MeasuredRun) -> PyResult<i64> {
        let everything = lock(&run.everything).take();
        let everything = everything.ok_or_else(|| PyValueError::new_err("this run is kept already"))?;
        py.detach(|| {
            let result = result::make(everything, &run.about).map_err(|error| error.to_string())?;
            self.store.add(&result).map_err(|error| error.sentence())
        })
        .map_err(PyRuntimeError::new_err)
    }
}
