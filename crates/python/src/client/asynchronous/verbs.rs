//! The methods `aget`, `apost` and so on of both sessions. They only note what is asked for.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::PendingResponse;
use crate::client::fast::FastHttpSession;
use crate::client::method::Method;
use crate::client::options;
use crate::client::session::HttpSession;

/// The keyword arguments with a body that was given by position.
fn with_body<'py>(
    py: Python<'py>,
    kwargs: Option<Bound<'py, PyDict>>,
    body: [(&str, Option<Bound<'py, PyAny>>); 2],
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let mut kwargs = kwargs;
    for (key, value) in body {
        if let Some(value) = value {
            kwargs.get_or_insert_with(|| PyDict::new(py)).set_item(key, value)?;
        }
    }
    Ok(kwargs)
}

#[pymethods]
impl HttpSession {
    /// `request`, to be awaited.
    #[pyo3(signature = (method, url, *args, **kwargs))]
    fn arequest<'py>(
        slf: &Bound<'py, Self>,
        method: &str,
        url: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<PendingResponse> {
        let kwargs = match args.is_empty() {
            true => kwargs,
            false if slf.is_instance_of::<FastHttpSession>() => {
                return Err(PyTypeError::new_err("arequest() takes a method and a URL; name the other arguments"));
            }
            false => Some(options::with_positional(args, kwargs.as_ref())?),
        };
        Ok(PendingResponse::asked(slf, Method::named(method), url, kwargs))
    }

    /// `get`, to be awaited.
    #[pyo3(signature = (url, **kwargs))]
    fn aget<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PendingResponse {
        PendingResponse::asked(slf, Method::GET, url, kwargs)
    }

    /// `options`, to be awaited.
    #[pyo3(signature = (url, **kwargs))]
    fn aoptions<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PendingResponse {
        PendingResponse::asked(slf, Method::OPTIONS, url, kwargs)
    }

    /// `head`, to be awaited.
    #[pyo3(signature = (url, **kwargs))]
    fn ahead<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<PendingResponse> {
        let kwargs = kwargs.unwrap_or_else(|| PyDict::new(slf.py()));
        if !slf.is_instance_of::<FastHttpSession>() && !kwargs.contains("allow_redirects")? {
            kwargs.set_item("allow_redirects", false)?;
        }
        Ok(PendingResponse::asked(slf, Method::HEAD, url, Some(kwargs)))
    }

    /// `delete`, to be awaited.
    #[pyo3(signature = (url, **kwargs))]
    fn adelete<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PendingResponse {
        PendingResponse::asked(slf, Method::DELETE, url, kwargs)
    }

    /// `post`, to be awaited.
    #[pyo3(signature = (url, data = None, json = None, **kwargs))]
    fn apost<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        json: Option<Bound<'py, PyAny>>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<PendingResponse> {
        let kwargs = with_body(slf.py(), kwargs, [("data", data), ("json", json)])?;
        Ok(PendingResponse::asked(slf, Method::POST, url, kwargs))
    }

    /// `put`, to be awaited.
    #[pyo3(signature = (url, data = None, **kwargs))]
    fn aput<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<PendingResponse> {
        let kwargs = with_body(slf.py(), kwargs, [("data", data), ("json", None)])?;
        Ok(PendingResponse::asked(slf, Method::PUT, url, kwargs))
    }

    /// `patch`, to be awaited.
    #[pyo3(signature = (url, data = None, **kwargs))]
    fn apatch<'py>(
        slf: &Bound<'py, Self>,
        url: &Bound<'py, PyAny>,
        data: Option<Bound<'py, PyAny>>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<PendingResponse> {
        let kwargs = with_body(slf.py(), kwargs, [("data", data), ("json", None)])?;
        Ok(PendingResponse::asked(slf, Method::PATCH, url, kwargs))
    }
}
