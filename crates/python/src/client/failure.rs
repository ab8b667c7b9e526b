//! Failed requests in Python's terms: the exception that the caller sees, and the one that the statistics name.
//!
//! The texts are part of the statistics keys, so they are those of `requests`, `urllib3` and `http.client`. Exceptions
//! are only made when somebody needs them; the texts of the commonest failures are remembered.

use std::sync::{Arc, Mutex, PoisonError};

use gregaria_http::{Failure, Phase, Scheme};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::known::KnownTexts;
use super::prepared::Prepared;
use super::response::{self, Response};

static KNOWN: KnownTexts = KnownTexts::new();

/// Why there is no response.
pub struct Failed {
    cause: Cause,
    /// `timeout` as passed, for the texts that quote it.
    timeout: Option<Py<PyAny>>,
    /// The caller's exception and the one for the statistics, once made.
    made: Mutex<Option<(Py<PyAny>, Py<PyAny>)>>,
}

enum Cause {
    Native(Failure),
    Raised(Py<PyAny>),
}

impl Failed {
    /// A failure that the reactor reported.
    pub fn native(failure: Failure, timeout: Option<Py<PyAny>>) -> Self {
        Failed { cause: Cause::Native(failure), timeout, made: Mutex::default() }
    }

    /// An exception of `requests`.
    pub fn raised(py: Python<'_>, error: PyErr) -> Self {
        Failed { cause: Cause::Raised(error.into_value(py).into_any()), timeout: None, made: Mutex::default() }
    }

    /// The text that the statistics group by.
    pub fn text(&self, py: Python<'_>, sent: Option<&Prepared>) -> PyResult<Arc<str>> {
        let key = match &self.cause {
            Cause::Native(Failure::Connect { errno }) => Some((0, *errno)),
            Cause::Native(Failure::Io { errno, phase: Phase::Head }) if !is_tls(sent) => Some((1, *errno)),
            Cause::Native(Failure::Resolve { code, .. }) => Some((2, *code)),
            Cause::Native(Failure::ClosedWithoutResponse) => Some((3, 0)),
            _ => None,
        };
        KNOWN.text(key, || Ok(self.exceptions(py, sent)?.1.bind(py).repr()?.to_str()?.into()))
    }

    /// The exception that `raise_for_status()` raises, and the one for listeners and statistics.
    pub fn exceptions(&self, py: Python<'_>, sent: Option<&Prepared>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        if let Some((error, reported)) = &*self.made.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok((error.clone_ref(py), reported.clone_ref(py)));
        }
        let failures = py.import("gregaria.failures")?;
        let made = match &self.cause {
            Cause::Raised(error) => (error.clone_ref(py), failures.call_method1("reported", (error,))?.unbind()),
            Cause::Native(failure) => {
                let (kind, details) = described_over(py, failure, is_tls(sent))?;
                let site = match sent {
                    Some(sent) => {
                        let endpoint = &sent.target.endpoint;
                        (
                            endpoint.scheme == Scheme::Https,
                            endpoint.host.as_str(),
                            endpoint.port,
                            sent.target.path.as_str(),
                        )
                    }
                    None => (false, "", 0, ""),
                };
                let request = match sent {
                    Some(sent) if self.has_request() => response::prepared_request(py, sent)?,
                    _ => py.None(),
                };
                failures.call_method1("made", (kind, details, site, &self.timeout, request))?.extract()?
            }
        };
        let mut slot = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (error, reported) = slot.get_or_insert(made);
        Ok((error.clone_ref(py), reported.clone_ref(py)))
    }

    /// Whether the caller's exception knows its request.
    pub fn has_request(&self) -> bool {
        match &self.cause {
            Cause::Native(failure) => !struck_in_body(failure),
            Cause::Raised(_) => true,
        }
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Cause::Raised(error) = &self.cause {
            visit.call(error)?;
        }
        if let Ok(made) = self.made.try_lock()
            && let Some((error, reported)) = &*made
        {
            visit.call(error)?;
            visit.call(reported)?;
        }
        visit.call(&self.timeout)
    }

    /// The exception that was raised, if that is what happened.
    pub fn raised_error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &self.cause {
            Cause::Raised(error) => Some(error.clone_ref(py)),
            Cause::Native(_) => None,
        }
    }
}

fn is_tls(sent: Option<&Prepared>) -> bool {
    sent.is_some_and(|sent| sent.target.endpoint.scheme == Scheme::Https)
}

/// Whether the head had been read when it happened: `requests` has forgotten the request by then.
pub fn struck_in_body(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::IncompleteBody { .. }
            | Failure::BadChunk { .. }
            | Failure::EndedBetweenChunks
            | Failure::Decode { .. }
            | Failure::BodyTooLarge { .. }
            | Failure::ReadTimeout { in_body: true }
            | Failure::Http2 { in_body: true, .. }
            | Failure::Io { phase: Phase::Body, .. }
    )
}

/// Whether `requests` takes no notice of it in the body of a redirect that it follows.
pub fn is_passed_over(failure: &Failure) -> bool {
    struck_in_body(failure) && !matches!(failure, Failure::ReadTimeout { .. })
}

/// Whether an exception while preparing counts as a failed request; the others are raised to the task.
pub fn is_reportable(py: Python<'_>, error: &PyErr) -> bool {
    let reportable = py
        .import("gregaria.failures")
        .and_then(|failures| failures.call_method1("is_reportable", (error.value(py),))?.is_truthy());
    reportable.unwrap_or(false)
}

/// `TooManyRedirects` for this limit, with the last request and its response.
pub fn too_many_redirects(py: Python<'_>, limit: u32, request: &Py<PyAny>, response: &Py<Response>) -> PyResult<PyErr> {
    let arguments = PyDict::new(py);
    arguments.set_item("request", request)?;
    arguments.set_item("response", response)?;
    let text = format!("Exceeded {limit} redirects.");
    let error = py.import("requests.exceptions")?.getattr("TooManyRedirects")?.call((text,), Some(&arguments))?;
    Ok(PyErr::from_value(error))
}

/// The error of a redirect to no valid URL, with the request that was redirected.
pub fn with_request(py: Python<'_>, error: PyErr, sent: &Prepared) -> PyResult<Prepared> {
    let invalid = py.import("requests.exceptions")?.getattr("InvalidURL")?;
    if error.matches(py, invalid)? {
        error.value(py).setattr("request", response::prepared_request(py, sent)?)?;
    }
    Err(error)
}

/// As [`described`]. Through TLS a reset looks like an end to Python.
pub fn described_over<'py>(
    py: Python<'py>,
    failure: &Failure,
    https: bool,
) -> PyResult<(&'static str, Bound<'py, PyTuple>)> {
    match failure {
        Failure::Io { phase: Phase::Head, .. } if https => described(py, &Failure::ClosedWithoutResponse),
        failure => described(py, failure),
    }
}

/// A failure's kind and details as `gregaria.failures.made` takes them.
pub fn described<'py>(py: Python<'py>, failure: &Failure) -> PyResult<(&'static str, Bound<'py, PyTuple>)> {
    Ok(match failure {
        Failure::Resolve { code, text } => ("resolve", (code, text).into_pyobject(py)?),
        Failure::Connect { errno } => ("connect", (errno,).into_pyobject(py)?),
        Failure::ConnectTimeout => ("connect_timeout", PyTuple::empty(py)),
        Failure::HandshakeTimeout => ("handshake_timeout", PyTuple::empty(py)),
        Failure::ReadTimeout { in_body: false } => ("read_timeout", PyTuple::empty(py)),
        Failure::ReadTimeout { in_body: true } => ("read_timeout_in_body", PyTuple::empty(py)),
        Failure::ClosedWithoutResponse => ("closed", PyTuple::empty(py)),
        Failure::Io { errno, phase: Phase::Body } => ("broken_in_body", (errno,).into_pyobject(py)?),
        Failure::Io { errno, phase: Phase::Head | Phase::Handshake } => ("broken", (errno,).into_pyobject(py)?),
        Failure::BadStatusLine { line } => ("bad_status_line", (line,).into_pyobject(py)?),
        Failure::UnknownProtocol { version } => ("unknown_protocol", (version,).into_pyobject(py)?),
        Failure::LineTooLong { what, .. } => ("line_too_long", (what,).into_pyobject(py)?),
        Failure::TooManyHeaders { limit } => ("too_many_headers", (limit,).into_pyobject(py)?),
        Failure::BadHead { text } => ("bad_head", (text,).into_pyobject(py)?),
        Failure::ConflictingLengths { value } => ("conflicting_lengths", (value,).into_pyobject(py)?),
        Failure::IncompleteBody { received, expected: Some(expected), in_chunk: true } => {
            ("incomplete", within_block(*received, *expected).into_pyobject(py)?)
        }
        Failure::IncompleteBody { received, expected, .. } => ("incomplete", (received, expected).into_pyobject(py)?),
        Failure::EndedBetweenChunks => ("ended_between_chunks", PyTuple::empty(py)),
        Failure::BadChunk { line, .. } => ("bad_chunk", (PyBytes::new(py, line),).into_pyobject(py)?),
        Failure::Decode { coding, text } => ("decode", (coding, text).into_pyobject(py)?),
        Failure::Http2 { in_body: true, .. } => ("http2_in_body", (failure.to_string(),).into_pyobject(py)?),
        Failure::Http2 { .. } => ("http2", (failure.to_string(),).into_pyobject(py)?),
        Failure::Tunnel { text } => ("tunnel", (text,).into_pyobject(py)?),
        Failure::WebSocket { text } => ("bad_head", (text,).into_pyobject(py)?),
        Failure::Tls(tls) => ("tls", (tls.kind.is_certificate(), tls.to_string()).into_pyobject(py)?),
        Failure::BodyTooLarge { limit_bytes } => ("too_large", (limit_bytes,).into_pyobject(py)?),
        Failure::Internal { text } => return Err(PyValueError::new_err(format!("the engine failed: {text}"))),
    })
}

/// Bytes read and missing of a chunk that broke off, as urllib3 counts them: within blocks of 10,240 bytes.
fn within_block(received: u64, expected: u64) -> (u64, u64) {
    const BLOCK: u64 = 10_240;
    let (start, read) = (received - received % BLOCK, received % BLOCK);
    let block = BLOCK.min(received + expected - start);
    (read, block - read)
}
