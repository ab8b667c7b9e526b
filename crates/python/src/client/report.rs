//! Telling about a request that has ended: straight into the statistics if nobody else listens, through the request
//! event otherwise.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use gregaria_stats::PhaseSample;
use gregaria_stats::samples::Wanted;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::firing::fire;
use super::method::Method;
use super::prepared::Prepared;
use super::response::{Outcome, Response};
use super::samples;
use super::session::HttpSession;
use super::target::{self, Target};
use super::text;
use crate::stats::Recorder;

/// What a request is named after, if it has no name.
pub enum Subject {
    Unknown,
    Target(Arc<Target>),
    /// A name and a URL, where no target is known.
    Parts {
        name: String,
        url: Option<String>,
    },
}

/// What is known of a request besides its response.
pub struct Call {
    pub session: Py<HttpSession>,
    pub method: Method,
    /// The name given for the statistics.
    pub name: Option<Py<PyAny>>,
    pub subject: Subject,
    pub context: Option<Py<PyAny>>,
    /// Seconds since the epoch.
    pub started_at: f64,
    pub duration_us: u64,
    /// Where that time went, if the reactor took it.
    pub phases: Option<PhaseSample>,
    /// Bytes of the body, decoded.
    pub length: u64,
    pub catch_response: bool,
    /// What tracing knows of it.
    pub trace: Option<Py<PyAny>>,
}

impl Call {
    /// The call as one redirected request of it sees it.
    pub fn of_hop(&self, py: Python<'_>, sent: &Prepared, phases: PhaseSample) -> Self {
        Call {
            session: self.session.clone_ref(py),
            method: sent.method.clone(),
            name: self.name.as_ref().map(|name| name.clone_ref(py)),
            subject: Subject::Target(Arc::clone(&sent.target)),
            context: None,
            started_at: self.started_at,
            duration_us: self.duration_us,
            phases: Some(phases),
            length: 0,
            catch_response: false,
            trace: None,
        }
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.session)?;
        visit.call(&self.name)?;
        visit.call(&self.trace)?;
        visit.call(&self.context)
    }

    /// The name in the statistics.
    pub fn shown_name(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(name) = &self.name
            && name.bind(py).is_truthy()?
        {
            return Ok(name.clone_ref(py));
        }
        Ok(PyString::new(py, self.default_name()).into_any().unbind())
    }

    /// The name of a request that was given none.
    pub fn default_name(&self) -> &str {
        match &self.subject {
            Subject::Unknown => "",
            Subject::Target(target) => &target.path,
            Subject::Parts { name, .. } => name,
        }
    }

    pub fn url(&self) -> Option<String> {
        match &self.subject {
            Subject::Unknown => None,
            Subject::Target(target) => Some(target.url()),
            Subject::Parts { url, .. } => url.clone(),
        }
    }

    /// The keyword arguments of the request event.
    pub fn meta<'py>(&self, response: &Bound<'py, Response>) -> PyResult<Bound<'py, PyDict>> {
        let py = response.py();
        let meta = PyDict::new(py);
        meta.set_item(intern!(py, "request_type"), self.method.shown(py))?;
        meta.set_item(intern!(py, "response_time"), self.duration_us as f64 / 1000.0)?;
        meta.set_item(intern!(py, "name"), self.shown_name(py)?)?;
        meta.set_item(intern!(py, "context"), self.merged_context(py)?)?;
        meta.set_item(intern!(py, "response"), response)?;
        meta.set_item(intern!(py, "exception"), py.None())?;
        meta.set_item(intern!(py, "start_time"), self.started_at)?;
        meta.set_item(intern!(py, "url"), self.url())?;
        meta.set_item(intern!(py, "response_length"), self.length)?;
        Ok(meta)
    }

    fn merged_context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        merged_context(py, self.session.get(), self.context.as_ref())
    }
}

/// The context of a request: its user's, with its `own` over it.
pub fn merged_context<'py>(
    py: Python<'py>,
    session: &HttpSession,
    own: Option<&Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let own = match own {
        Some(context) => context.bind(py).clone(),
        None => PyDict::new(py).into_any(),
    };
    match session.user(py) {
        Some(user) => {
            let merged = PyDict::new(py);
            merged.update(user.bind(py).call_method0(intern!(py, "context"))?.cast()?)?;
            merged.update(own.cast()?)?;
            Ok(merged.into_any())
        }
        None => Ok(own),
    }
}

/// How a request counts.
pub enum Verdict {
    Success,
    /// A failure with this exception.
    Exception(Py<PyAny>),
    /// A failure for its status or for what happened to it; the exception is made only if somebody listens.
    Status,
}

/// Judge a response by its status and report it.
pub fn evaluate(response: &Bound<'_, Response>) -> PyResult<()> {
    let verdict = match &response.get().outcome {
        Outcome::Failed(_) => Verdict::Status,
        _ if (400..600).contains(&response.get().status(response.py())?) => Verdict::Status,
        _ => Verdict::Success,
    };
    report(response, &verdict)
}

/// Report a response with this verdict.
pub fn report(response: &Bound<'_, Response>, verdict: &Verdict) -> PyResult<()> {
    let py = response.py();
    let call = &response.get().call;
    let session = call.session.get();
    let changed = response.get().touched_meta(py);
    let handlers = session.handlers(py);
    if changed.is_none()
        && let Some(handlers) = &handlers
        && let Some(recorder) = only_recorder(handlers.bind(py))
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
        Verdict::Status => response.get().status_exception(response, Some(&meta))?,
    };
    meta.set_item(intern!(py, "exception"), exception)?;
    let count = |recorder: &Recorder| record(response, verdict, recorder);
    fire(event.bind(py), handlers, &meta, if is_changed { None } else { Some(&count) })
}

/// The statistics recorder, if nobody else listens.
pub fn only_recorder<'py>(handlers: &Bound<'py, PyList>) -> Option<Bound<'py, Recorder>> {
    if handlers.len() != 1 {
        return None;
    }
    handlers.get_item(0).ok()?.cast_into_exact::<Recorder>().ok()
}

/// The short road: no Python is called.
fn record(response: &Bound<'_, Response>, verdict: &Verdict, recorder: &Recorder) -> PyResult<()> {
    let py = response.py();
    let call = &response.get().call;
    let failure = match verdict {
        Verdict::Success => None,
        Verdict::Exception(exception) => Some(exception.bind(py).repr()?.to_str()?.into()),
        Verdict::Status => Some(response.get().status_text(response)?),
    };
    let given = match &call.name {
        Some(name) if name.bind(py).is_truthy()? => Some(name.bind(py).str()?),
        _ => None,
    };
    let name = match &given {
        Some(name) => name.to_str()?,
        None => call.default_name(),
    };
    let remembered = match (&given, &call.subject) {
        (None, Subject::Target(target)) => target.entry(&call.method),
        _ => None,
    };
    let measured = Measured { duration_us: call.duration_us, length: call.length, phases: call.phases.as_ref() };
    let wanted = count(recorder, &call.method, name, remembered, &measured, failure.as_deref());
    if let Some(wanted) = wanted {
        recorder.keep(py, &wanted, |redaction| samples::of_response(response, redaction));
    }
    Ok(())
}

/// What is counted of a request.
pub struct Measured<'a> {
    pub duration_us: u64,
    /// Bytes of the body.
    pub length: u64,
    pub phases: Option<&'a PhaseSample>,
}

/// Put a request into the statistics. `slot` is where its entry is remembered. Says whether it is wanted as a sample.
pub fn count(
    recorder: &Recorder,
    method: &Method,
    name: &str,
    slot: Option<&AtomicU64>,
    measured: &Measured<'_>,
    failure: Option<&str>,
) -> Option<Wanted> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (too_many, wanted) = recorder.stats().get().count(|stats| {
        let generation = stats.generation();
        let known = slot.and_then(|slot| target::remembered_entry(slot, generation));
        let entry = match known {
            Some(index) => gregaria_stats::EntryId::from_index(index),
            None => {
                let entry = stats.entry(method.name(), name, now);
                if let Some(slot) = slot {
                    target::remember_entry(slot, generation, entry.index());
                }
                entry
            }
        };
        stats.record(entry, now, Some(measured.duration_us), measured.length, measured.phases);
        let wanted = match failure {
            Some(text) => {
                let place = stats.record_failure(entry, now, text);
                place.and_then(|place| stats.wants_failure(entry, place, Some(measured.duration_us), now))
            }
            None => stats.wants_slow(entry, measured.duration_us),
        };
        (stats.take_too_many_names(), wanted)
    });
    crate::stats::warn_of_names(too_many);
    wanted
}

/// The text of `requests.HTTPError` for a status, with the name in the URL's place.
pub fn status_error_text(status: u16, reason: &[u8], name: &str) -> String {
    let kind = if status < 500 { "Client" } else { "Server" };
    format!("{status} {kind} Error: {} for url: {name}", text::latin1(reason))
}
