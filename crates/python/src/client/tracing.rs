//! Traces of requests: the seam with `gregaria.opentelemetry`, which is told of each request before it is sent and gives it
//! headers. Costs the reading of a flag while nobody traces.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::fast::FastResponse;
use super::response::Response;

static IS_ON: AtomicBool = AtomicBool::new(false);
static TRACER: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// From now on `tracer()` gives each request its trace, with a dict of `headers`; with `None` there are no traces.
#[pyfunction]
pub fn set_tracer(tracer: Option<Py<PyAny>>) {
    IS_ON.store(tracer.is_some(), Ordering::Relaxed);
    let old = std::mem::replace(&mut *TRACER.lock().unwrap_or_else(PoisonError::into_inner), tracer);
    drop(old);
}

/// The trace of a request that begins, if there are any, and its headers with those of the trace.
pub fn begin<'py>(py: Python<'py>, headers: &mut Option<Bound<'py, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
    if !IS_ON.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let tracer = TRACER.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|tracer| tracer.clone_ref(py));
    let Some(tracer) = tracer else { return Ok(None) };
    let trace = tracer.bind(py).call0()?;
    let all = trace.getattr(intern!(py, "headers"))?.cast_into::<PyDict>()?;
    if !all.is_empty() {
        if let Some(given) = headers {
            all.call_method1(intern!(py, "update"), (&*given,))?;
        }
        *headers = Some(all.into_any());
    }
    Ok(Some(trace.unbind()))
}

#[pymethods]
impl Response {
    /// The trace of the request, if there is one.
    #[getter]
    fn _trace(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.call.trace.as_ref().map(|trace| trace.clone_ref(py))
    }
}

#[pymethods]
impl FastResponse {
    /// The trace of the request, if there is one.
    #[getter]
    fn _trace(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.call.trace.as_ref().map(|trace| trace.clone_ref(py))
    }
}
