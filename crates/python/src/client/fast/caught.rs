//! The two kinds of [`FastResponse`] that scripts tell from the plain one: the one in a `with` block, which waits for the
//! task's verdict, and the one that stands for a request without a response.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use super::report;
use super::response::FastResponse;
use crate::client::report::Verdict;
use crate::client::response::locust_error;

/// A verdict that the task has given.
enum Manual {
    Success,
    Failure(Py<PyAny>),
}

#[derive(Default)]
struct CaughtState {
    entered: bool,
    manual: Option<Manual>,
    meta: Option<Py<PyDict>>,
}

/// A response that is reported at the end of its `with` block.
#[pyclass(extends = FastResponse, subclass, frozen, name = "FastResponseContextManager", module = "gregaria._engine")]
pub struct CaughtResponse {
    state: Mutex<CaughtState>,
}

/// A response that is none.
#[pyclass(extends = FastResponse, frozen, module = "gregaria.contrib.fasthttp")]
pub struct ErrorResponse;

impl ErrorResponse {
    /// `response` as one.
    pub fn over(response: FastResponse) -> PyClassInitializer<Self> {
        PyClassInitializer::from(response).add_subclass(ErrorResponse)
    }
}

/// `response` as one that waits for its `with` block.
pub fn wrapped(py: Python<'_>, response: FastResponse) -> PyResult<Py<PyAny>> {
    let made = PyClassInitializer::from(response).add_subclass(CaughtResponse { state: Mutex::default() });
    Ok(Bound::new(py, made)?.into_any().unbind())
}

impl CaughtResponse {
    fn state(&self) -> MutexGuard<'_, CaughtState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, manual: Manual) -> PyResult<()> {
        let mut state = self.state();
        if !state.entered {
            drop(state);
            return Err(locust_error(
                "The status can only be set inside a with-block, like this:\n\n\
                 with self.client.request(..., catch_response=True) as response:\n    response.success()",
            ));
        }
        let old = state.manual.replace(manual);
        drop(state);
        drop(old);
        Ok(())
    }

    fn touched_meta(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        self.state().meta.as_ref().map(|meta| meta.clone_ref(py))
    }

    fn tell(slf: &Bound<'_, Self>, verdict: &Verdict) -> PyResult<()> {
        report::tell(slf.as_super(), verdict, slf.get().touched_meta(slf.py()))
    }
}

#[pymethods]
impl CaughtResponse {
    /// The arguments of the request event; changes made before the report are reported.
    #[getter]
    fn request_meta(slf: &Bound<'_, Self>) -> PyResult<Py<PyDict>> {
        let py = slf.py();
        if let Some(meta) = slf.get().touched_meta(py) {
            return Ok(meta);
        }
        let made = slf.as_super().get().call.meta(slf.as_super())?.unbind();
        Ok(slf.get().state().meta.get_or_insert(made).clone_ref(py))
    }

    /// Count the request as a success, whatever its status.
    fn success(&self) -> PyResult<()> {
        self.judge(Manual::Success)
    }

    /// Count the request as a failure; anything but an exception is wrapped into `CatchResponseError`.
    fn failure(&self, py: Python<'_>, exc: &Bound<'_, PyAny>) -> PyResult<()> {
        let error = match exc.is_instance_of::<PyException>() {
            true => exc.clone(),
            false => py.import("gregaria.exception")?.getattr("CatchResponseError")?.call1((exc,))?,
        };
        self.judge(Manual::Failure(error.unbind()))
    }

    /// Raise what is wrong with this response, by the task's own verdict if it has given one.
    fn raise_for_status(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        match &slf.get().state().manual {
            Some(Manual::Success) => return Ok(()),
            Some(Manual::Failure(error)) => return Err(PyErr::from_value(error.bind(py).clone())),
            None => {}
        }
        FastResponse::raise(slf.as_super())
    }

    /// Whether the task has given a verdict: `None`, `True`, or the exception of a failure.
    #[getter(_manual_result)]
    fn manual_result(&self, py: Python<'_>) -> Py<PyAny> {
        match &self.state().manual {
            None => py.None(),
            Some(Manual::Success) => PyBool::new(py, true).to_owned().into_any().unbind(),
            Some(Manual::Failure(error)) => error.clone_ref(py),
        }
    }

    #[getter(_entered)]
    fn entered(&self) -> bool {
        self.state().entered
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf.get().state().entered = true;
        slf
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = slf.py();
        let verdict = match &slf.get().state().manual {
            Some(Manual::Success) => Some(Verdict::Success),
            Some(Manual::Failure(error)) => Some(Verdict::Exception(error.clone_ref(py))),
            None => None,
        };
        if let Some(verdict) = verdict {
            Self::tell(slf, &verdict)?;
            return Ok(error.is_none());
        }
        if error.is_none() {
            report::evaluate(slf.as_super(), slf.get().touched_meta(py))?;
            return Ok(true);
        }
        let expected = py.import("gregaria.exception")?.getattr("ResponseError")?;
        if error.is_instance(&expected)? {
            Self::tell(slf, &Verdict::Exception(error.clone().unbind()))?;
            return Ok(true);
        }
        Ok(false)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        visit.call(&state.meta)?;
        if let Some(Manual::Failure(error)) = &state.manual {
            visit.call(error)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let taken = std::mem::take(&mut *self.state());
        drop(taken);
    }
}
