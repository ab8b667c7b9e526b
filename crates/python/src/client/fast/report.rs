//! Telling about a request of a fast session: straight into the statistics if nobody else listens, through the request
//! event otherwise.

use std::sync::Arc;

use gregaria_stats::PhaseSample;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::aim::Aim;
use super::response::{FastResponse, Outcome};
use super::session::FastHttpSession;
use crate::client::firing::fire;
use crate::client::method::Method;
use crate::client::report::{self, Measured, Verdict};
use crate::client::samples;
use crate::stats::Recorder;

/// What is known of a request besides its response.
pub struct FastCall {
    pub session: Py<FastHttpSession>,
    pub method: Method,
    /// The name given for the statistics.
    pub name: Option<Py<PyAny>>,
    pub aim: Arc<Aim>,
    pub context: Option<Py<PyAny>>,
    /// Seconds since the epoch.
    pub started_at: f64,
    pub duration_us: u64,
    /// Where that time went, if the reactor took it.
    pub phases: Option<PhaseSample>,
    /// Bytes of the body, decoded.
    pub length: u64,
    /// What tracing knows of it.
    pub trace: Option<Py<PyAny>>,
}

impl FastCall {
    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.session)?;
        visit.call(&self.name)?;
        visit.call(&self.trace)?;
        visit.call(&self.context)
    }

    /// The keyword arguments of the request event.
    pub fn meta<'py>(&self, response: &Bound<'py, FastResponse>) -> PyResult<Bound<'py, PyDict>> {
        let py = response.py();
        let name = match self.given_name(py)? {
            Some(name) => name.clone_ref(py),
            None => PyString::new(py, &self.aim.name).into_any().unbind(),
        };
        let session = self.session.bind(py).as_super().get();
        let meta = PyDict::new(py);
        meta.set_item(intern!(py, "request_type"), self.method.shown(py))?;
        meta.set_item(intern!(py, "response_time"), self.duration_us as f64 / 1000.0)?;
        meta.set_item(intern!(py, "name"), name)?;
        meta.set_item(intern!(py, "context"), report::merged_context(py, session, self.context.as_ref())?)?;
        meta.set_item(intern!(py, "response"), response)?;
        meta.set_item(intern!(py, "exception"), py.None())?;
        meta.set_item(intern!(py, "start_time"), self.started_at)?;
        meta.set_item(intern!(py, "url"), &*self.aim.url)?;
        meta.set_item(intern!(py, "response_length"), self.length)?;
        Ok(meta)
    }

    fn given_name(&self, py: Python<'_>) -> PyResult<Option<&Py<PyAny>>> {
        Ok(match &self.name {
            Some(name) if name.bind(py).is_truthy()? => Some(name),
            _ => None,
        })
    }
}

/// Judge a response by its status and report it. `changed` is the event's arguments if the task has looked at them.
pub fn evaluate(response: &Bound<'_, FastResponse>, changed: Option<Py<PyDict>>) -> PyResult<()> {
    let verdict = match &response.get().outcome {
        Outcome::Answer { broken: Some(broken), .. } => Verdict::Exception(broken.exception(response.py())?),
        Outcome::Answer { is_bad: false, .. } => Verdict::Success,
        _ => Verdict::Status,
    };
    tell(response, &verdict, changed)
}

/// Report a response with this verdict.
pub fn tell(response: &Bound<'_, FastResponse>, verdict: &Verdict, changed: Option<Py<PyDict>>) -> PyResult<()> {
    let py = response.py();
    let call = &response.get().call;
    let session = call.session.bind(py).as_super().get();
    let handlers = session.handlers(py);
    if changed.is_none()
        && let Some(handlers) = &handlers
        && let Some(recorder) = report::only_recorder(handlers.bind(py))
    {
        return record(response, verdict, recorder.get());
    }
    let is_changed = changed.is_some();
    let Some(event) = session.request_event(py) else { return Ok(()) };
    let meta = match changed {
        Some(meta) => meta.into_bound(py),
        None => call.meta(response)?,
    };
    let exception = match verdict {
        Verdict::Success => py.None(),
        Verdict::Exception(exception) => exception.clone_ref(py),
        Verdict::Status => FastResponse::exception(response)?,
    };
    meta.set_item(intern!(py, "exception"), exception)?;
    let count = |recorder: &Recorder| record(response, verdict, recorder);
    fire(event.bind(py), handlers, &meta, if is_changed { None } else { Some(&count) })
}

/// The short road: no Python is called.
fn record(response: &Bound<'_, FastResponse>, verdict: &Verdict, recorder: &Recorder) -> PyResult<()> {
    let py = response.py();
    let call = &response.get().call;
    let failure: Option<Arc<str>> = match verdict {
        Verdict::Success => None,
        Verdict::Exception(exception) => Some(exception.bind(py).repr()?.to_str()?.into()),
        Verdict::Status => Some(FastResponse::failure_text(response)?),
    };
    let given = call.given_name(py)?.map(|name| name.bind(py).str()).transpose()?;
    let (name, slot) = match &given {
        Some(name) => (name.to_str()?, None),
        None => (&*call.aim.name, call.aim.target.entry(&call.method)),
    };
    let measured = Measured { duration_us: call.duration_us, length: call.length, phases: call.phases.as_ref() };
    let wanted = report::count(recorder, &call.method, name, slot, &measured, failure.as_deref());
    if let Some(wanted) = wanted {
        recorder.keep(py, &wanted, |redaction| samples::of_fast_response(response, redaction));
    }
    Ok(())
}
