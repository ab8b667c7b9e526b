//! Responses that a script changes. From the first change on a real `requests.Response` answers for the native one.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Response;

/// What a script may change of a `requests.Response` that a native response computes.
const CHANGEABLE: [&str; 11] = [
    "status_code",
    "reason",
    "headers",
    "cookies",
    "history",
    "elapsed",
    "request",
    "raw",
    "connection",
    "_content",
    "_content_consumed",
];

/// What follows from the rest.
const FIXED: [&str; 6] = ["text", "content", "ok", "error", "request_meta", "__class__"];

/// `setattr(response, name, value)`.
pub fn set(response: &Bound<'_, Response>, name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if CHANGEABLE.contains(&name.to_str()?) {
        let full = Response::full(response)?;
        full.bind(response.py()).setattr(name, value)?;
        response.get().state().changed = true;
        return Ok(());
    }
    match name.to_str()? {
        "url" => Response::set_url(response.get(), value.clone().unbind()),
        "encoding" => Response::set_encoding(response.get(), response.py(), value.clone().unbind())?,
        fixed if FIXED.contains(&fixed) => {
            return Err(PyAttributeError::new_err(format!("attribute '{fixed}' of a response cannot be set")));
        }
        _ => own(response)?.set_item(name, value)?,
    }
    Ok(())
}

/// `delattr(response, name)`.
pub fn delete(response: &Bound<'_, Response>, name: &Bound<'_, PyString>) -> PyResult<()> {
    let missing = |_| PyAttributeError::new_err(format!("this response has no attribute '{name}' of its own"));
    own(response)?.del_item(name).map_err(missing)
}

/// The attributes that scripts have added.
fn own<'py>(response: &Bound<'py, Response>) -> PyResult<Bound<'py, PyAny>> {
    response.getattr(intern!(response.py(), "__dict__"))
}

/// An attribute that the native response does not have.
pub fn get<'py>(response: &Bound<'py, Response>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let missing = || PyAttributeError::new_err(format!("'ResponseContextManager' object has no attribute '{name}'"));
    if name.to_str()?.starts_with("__") {
        return Err(missing());
    }
    Response::full(response)?.into_bound(response.py()).getattr_opt(name)?.ok_or_else(missing)
}

/// What `pickle` and `copy` make of a response: a real one, of the same class.
pub fn reduce<'py>(response: &Bound<'py, Response>, protocol: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = response.py();
    let clients = py.import("gregaria.clients")?;
    let real = clients.call_method1("as_requests_response", (response,))?;
    real.setattr(intern!(py, "__class__"), clients.getattr("ResponseContextManager")?)?;
    real.call_method1("__reduce_ex__", (protocol,))
}
