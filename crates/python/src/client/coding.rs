//! Content codings for the roads on which Python reads a body by itself: it has no decoder for most of them. And what
//! zlib says of bodies that do not decode, which is part of the statistics' keys.

use gregaria_http::{Completion, DEFAULT_BODY_LIMIT_BYTES, Failure, decode_content};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A body without the codings of this `Content-Encoding`; as it is, if none of them is known. `zlib.error` if it does not
/// decode.
#[pyfunction]
pub fn without_coding<'py>(py: Python<'py>, coding: &str, body: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    match py.detach(|| decode_content(coding, body, DEFAULT_BODY_LIMIT_BYTES)) {
        Ok(decoded) => Ok(PyBytes::new(py, decoded.as_deref().unwrap_or(body))),
        Err(Failure::Decode { text, .. }) => {
            Err(PyErr::from_value(py.import("zlib")?.getattr("error")?.call1((text,))?))
        }
        Err(failure) => Err(PyValueError::new_err(failure.to_string())),
    }
}

/// Put what zlib says of a body that does not decode into its failure, where zlib has words for it: `zlib_words` of
/// this module of Python knows them.
pub fn put_words(py: Python<'_>, completion: &mut Completion, module: &str) {
    if let (Err(Failure::Decode { coding, text }), Some(broken)) = (&mut completion.result, &completion.broken) {
        let body = PyBytes::new(py, broken.response.body());
        let words = py.import(module).and_then(|module| module.call_method1("zlib_words", (coding.as_str(), body)));
        if let Ok(Some(words)) = words.and_then(|words| words.extract()) {
            *text = words;
        }
    }
}
