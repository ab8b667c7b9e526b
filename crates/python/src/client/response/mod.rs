//! [`Response`]: what a request returns. Looks like a `requests.Response` and is one to `isinstance`; whatever is not
//! needed by most tasks takes shape only when touched, the rarest through a real `requests.Response`.

mod changed;
mod face;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gregaria_http::Response as Answer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::failure::Failed;
use super::prepared::Prepared;
use super::report::{self, Call};
use super::text;

/// What came of a request.
pub enum Outcome {
    /// An answer, and the time to its head.
    Answer {
        answer: Answer,
        elapsed: Duration,
    },
    Failed(Failed),
    /// Made by `requests`.
    Delegated(Py<PyAny>),
}

/// A verdict that the task has given.
enum Manual {
    Success,
    Failure(Py<PyAny>),
}

/// What changes after the response is there: verdicts, and what was made on demand.
#[derive(Default)]
struct ResponseState {
    entered: bool,
    manual: Option<Manual>,
    meta: Option<Py<PyDict>>,
    content: Option<Py<PyAny>>,
    headers: Option<Py<PyAny>>,
    cookies: Option<Py<PyAny>>,
    request: Option<Py<PyAny>>,
    encoding: Option<Py<PyAny>>,
    url: Option<Py<PyAny>>,
    full: Option<Py<PyAny>>,
    /// A script has changed what the server sent: `full` holds, and has the changes.
    changed: bool,
}

/// See the module's text.
#[pyclass(frozen, dict, weakref, name = "ResponseContextManager", module = "gregaria.clients")]
pub struct Response {
    pub outcome: Outcome,
    pub call: Call,
    sent: Option<Prepared>,
    history: Vec<Py<Response>>,
    state: Mutex<ResponseState>,
    /// False in the zeroed memory that the collector may see while Python makes the object's `__dict__`.
    is_made: bool,
}

impl Response {
    /// A response with an answer.
    pub fn answered(call: Call, answer: Answer, elapsed: Duration, history: Vec<Py<Response>>, sent: Prepared) -> Self {
        Response {
            outcome: Outcome::Answer { answer, elapsed },
            call,
            sent: Some(sent),
            history,
            state: Mutex::default(),
            is_made: true,
        }
    }

    /// A response to a request that failed: its status is 0.
    pub fn failed(call: Call, failed: Failed, history: Vec<Py<Response>>, sent: Option<Prepared>) -> Self {
        Response { outcome: Outcome::Failed(failed), call, sent, history, state: Mutex::default(), is_made: true }
    }

    /// A response that `requests` has got.
    pub fn delegated(call: Call, response: Py<PyAny>) -> Self {
        Response {
            outcome: Outcome::Delegated(response),
            call,
            sent: None,
            history: Vec::new(),
            state: Mutex::default(),
            is_made: true,
        }
    }

    /// What was sent, where that is known.
    pub fn sent(&self) -> Option<&Prepared> {
        self.sent.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, ResponseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event's arguments, if the task has looked at them and so may have changed them.
    pub fn touched_meta(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        self.state().meta.as_ref().map(|meta| meta.clone_ref(py))
    }

    fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Answer { answer, .. } if !self.state().changed => Some(answer),
            _ => None,
        }
    }

    /// The object that has the attributes of this response, if that is another one.
    fn elsewhere<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if let Outcome::Delegated(inner) = &self.outcome {
            return Some(inner.bind(py).clone());
        }
        let state = self.state();
        state.full.as_ref().filter(|_| state.changed).map(|full| full.bind(py).clone())
    }

    /// The status code; 0 if there was no response.
    pub fn status(&self, py: Python<'_>) -> PyResult<u16> {
        if let Some(other) = self.elsewhere(py) {
            return other.getattr(intern!(py, "status_code"))?.extract();
        }
        match &self.outcome {
            Outcome::Answer { answer, .. } => Ok(answer.status()),
            Outcome::Failed(_) | Outcome::Delegated(_) => Ok(0),
        }
    }

    fn reason_bytes(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        if let Some(other) = self.elsewhere(py) {
            let reason: Option<String> = other.getattr(intern!(py, "reason"))?.extract()?;
            return Ok(reason.unwrap_or_default().chars().map(|each| u8::try_from(each).unwrap_or(b'?')).collect());
        }
        match &self.outcome {
            Outcome::Answer { answer, .. } => Ok(answer.reason().to_vec()),
            Outcome::Failed(_) | Outcome::Delegated(_) => Ok(Vec::new()),
        }
    }

    /// The statistics' text for a failure by status or by what happened on the way.
    pub fn status_text(&self, slf: &Bound<'_, Self>) -> PyResult<Arc<str>> {
        let py = slf.py();
        if let Outcome::Failed(failed) = &self.outcome {
            return failed.text(py, self.sent.as_ref());
        }
        let name = self.call.shown_name(py)?;
        let error =
            report::status_error_text(self.status(py)?, &self.reason_bytes(py)?, name.bind(py).str()?.to_str()?);
        Ok(format!("HTTPError({})", text::python_repr(&error)).into())
    }

    /// The exception for listeners, for the same cases. `meta` may hold another name.
    pub fn status_exception(&self, slf: &Bound<'_, Self>, meta: Option<&Bound<'_, PyDict>>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Outcome::Failed(failed) = &self.outcome {
            return failed.exceptions(py, self.sent.as_ref()).map(|(_, reported)| reported);
        }
        let name = match meta.map(|meta| meta.get_item("name")).transpose()?.flatten() {
            Some(name) => name.str()?.to_str()?.to_owned(),
            None => self.call.shown_name(py)?.bind(py).str()?.to_str()?.to_owned(),
        };
        self.http_error(slf, &name)
    }

    fn http_error(&self, slf: &Bound<'_, Self>, url: &str) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let text = report::status_error_text(self.status(py)?, &self.reason_bytes(py)?, url);
        let arguments = PyDict::new(py);
        arguments.set_item("response", slf)?;
        Ok(py.import("requests.exceptions")?.getattr("HTTPError")?.call((text,), Some(&arguments))?.unbind())
    }

    /// The real `requests.Response` behind this one.
    fn full(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Outcome::Delegated(inner) = &slf.get().outcome {
            return Ok(inner.clone_ref(py));
        }
        if let Some(full) = &slf.get().state().full {
            return Ok(full.clone_ref(py));
        }
        let made = py.import("gregaria.clients")?.call_method1("as_requests_response", (slf,))?.unbind();
        Ok(slf.get().state().full.get_or_insert(made).clone_ref(py))
    }

    /// An attribute made by a function of `gregaria.clients` when first asked for, and kept.
    fn made(
        slf: &Bound<'_, Self>,
        slot: impl Fn(&mut ResponseState) -> &mut Option<Py<PyAny>>,
        make: impl FnOnce() -> PyResult<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if let Some(known) = slot(&mut slf.get().state()) {
            return Ok(known.clone_ref(py));
        }
        let made = make()?;
        Ok(slot(&mut slf.get().state()).get_or_insert(made).clone_ref(py))
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
}

/// A `LocustError` with this text.
pub fn locust_error(text: &str) -> PyErr {
    Python::attach(|py| {
        let made = py.import("gregaria.exception").and_then(|module| module.getattr("LocustError")?.call1((text,)));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

/// A request that was sent, as a `requests.PreparedRequest`.
pub fn prepared_request(py: Python<'_>, sent: &Prepared) -> PyResult<Py<PyAny>> {
    let mut lines = sent.all_lines(py)?;
    if sent.body_dropped {
        lines.remove("content-length");
    }
    let headers = lines.shown(py);
    let body = sent.body.shown(py, sent.is_json)?;
    let arguments = (sent.method.on_wire(), sent.target.url(), headers, body);
    py.import("gregaria.clients")?.call_method1("prepared_request", arguments).map(Bound::unbind)
}
