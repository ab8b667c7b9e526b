//! Failed requests of a fast session as Python exceptions, with the texts that geventhttpclient gives them: they are part
//! of the statistics' keys. Exceptions are only made when somebody needs them; the commonest texts are remembered.

use std::sync::{Arc, Mutex, PoisonError};

use gregaria_http::codec::Defect;
use gregaria_http::{Failure, Phase, Scheme};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::request::Sent;
use crate::client::failure;
use crate::client::known::KnownTexts;

/// `ETIMEDOUT`, `ENOLINK`, `ENOENT`, `EPIPE`.
const PASSING_ERRORS: [i32; 4] = [110, 67, 2, 32];

static KNOWN: KnownTexts = KnownTexts::new();

/// What may be done about a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The connection had been closed: use another, if the request may be sent twice.
    Reconnect,
    /// Begin again, if retries are left.
    Retry,
    None,
}

/// Why there is no response.
pub struct FastFailed {
    cause: Cause,
    https: bool,
    /// The exception, once made.
    made: Mutex<Option<Py<PyAny>>>,
}

enum Cause {
    Native(Failure),
    Raised(Py<PyAny>),
}

impl FastFailed {
    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Cause::Raised(error) = &self.cause {
            visit.call(error)?;
        }
        let Ok(made) = self.made.try_lock() else { return Ok(()) };
        visit.call(&*made)
    }

    /// A failure that the reactor reported. A reset before the first byte is a closed connection here.
    pub fn native(failure: Failure, sent: &Sent, was_heard: bool) -> Self {
        let failure = match failure {
            Failure::Io { errno: 104 | 32, phase: Phase::Head } if !was_heard => Failure::ClosedWithoutResponse,
            failure => failure,
        };
        let https = sent.target.endpoint.scheme == Scheme::Https;
        FastFailed { cause: Cause::Native(failure), https, made: Mutex::default() }
    }

    /// An answer that geventhttpclient's parser does not take.
    pub fn refused(defect: Defect, sent: &Sent) -> Self {
        FastFailed::native(Failure::BadHead { text: defect.to_string() }, sent, true)
    }

    /// An exception that Python code raised.
    pub fn raised(py: Python<'_>, error: PyErr) -> Self {
        FastFailed { cause: Cause::Raised(error.into_value(py).into_any()), https: false, made: Mutex::default() }
    }

    /// What may be done about it.
    pub fn remedy(&self, py: Python<'_>) -> PyResult<Remedy> {
        Ok(match &self.cause {
            Cause::Native(Failure::ClosedWithoutResponse) => Remedy::Reconnect,
            Cause::Native(
                Failure::ConnectTimeout | Failure::HandshakeTimeout | Failure::ReadTimeout { in_body: false },
            ) => Remedy::Retry,
            Cause::Native(
                Failure::Connect { errno } | Failure::Io { errno, phase: Phase::Handshake | Phase::Head },
            ) if PASSING_ERRORS.contains(errno) => Remedy::Retry,
            Cause::Native(_) => Remedy::None,
            Cause::Raised(error) => {
                let remedy = py.import("gregaria.fast.errors")?.call_method1("remedy", (error,))?;
                match remedy.extract::<&str>()? {
                    "reconnect" => Remedy::Reconnect,
                    "retry" => Remedy::Retry,
                    _ => Remedy::None,
                }
            }
        })
    }

    /// `RetriesExceeded` for this as the last of so many retries.
    pub fn exceeded(self, py: Python<'_>, url: &str, retries: u32) -> PyResult<Self> {
        let original = self.exception(py)?;
        let error = py.import("gregaria.fast.errors")?.call_method1("retries_exceeded", (url, retries, original))?;
        Ok(FastFailed::raised(py, PyErr::from_value(error)))
    }

    /// The text that the statistics group by.
    pub fn text(&self, py: Python<'_>) -> PyResult<Arc<str>> {
        let key = match &self.cause {
            Cause::Native(Failure::Connect { errno }) => Some((0, *errno)),
            Cause::Native(Failure::Resolve { code, .. }) => Some((1, *code)),
            Cause::Native(Failure::ClosedWithoutResponse) => Some((2, 0)),
            _ => None,
        };
        KNOWN.text(key, || Ok(self.exception(py)?.bind(py).repr()?.to_str()?.into()))
    }

    /// The exception that it is.
    pub fn exception(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let failure = match &self.cause {
            Cause::Raised(error) => return Ok(error.clone_ref(py)),
            Cause::Native(failure) => failure,
        };
        if let Some(made) = &*self.made.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(made.clone_ref(py));
        }
        let made = made_of(py, failure, self.https)?.unbind();
        let mut slot = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(slot.get_or_insert(made).clone_ref(py))
    }
}

/// Whether an exception makes the request a failed one; any other is the task's affair.
pub fn is_failure(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    py.import("gregaria.fast.errors")?.call_method1("is_failure", (error.value(py),))?.is_truthy()
}

fn made_of<'py>(py: Python<'py>, failure: &Failure, https: bool) -> PyResult<Bound<'py, PyAny>> {
    let (kind, details) = failure::described(py, failure)?;
    py.import("gregaria.fast.errors")?.call_method1("made", (kind, details, https))
}

/// The exception of a failure in a body that is read while it comes in.
pub fn streamed_failure(py: Python<'_>, failure: &Failure, https: bool) -> PyResult<PyErr> {
    made_of(py, failure, https).map(PyErr::from_value)
}
