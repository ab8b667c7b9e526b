//! Bodies beyond the limit: what they count as, and saying once that there was one.

use std::sync::atomic::{AtomicBool, Ordering};

use gregaria_http::Response as Answer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

static IS_SAID: AtomicBool = AtomicBool::new(false);

/// The limit that `value` stands for.
pub fn limit(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|_| {
        let shown = value.repr().map_or_else(|_| "this".to_owned(), |text| text.to_string_lossy().into_owned());
        PyValueError::new_err(format!("max_body_bytes is a whole number of bytes, 0 or more, not {shown}"))
    })
}

/// The length that counts for a response, in bytes, where bodies are kept up to `limit`.
pub fn length(py: Python<'_>, answer: &Answer, limit: u64) -> u64 {
    if !answer.is_kept() {
        tell_of_large_body(py, limit);
    }
    answer.body_bytes()
}

/// Say, the first time, that a body was larger than `limit` bytes and has not been kept.
#[pyfunction]
pub fn tell_of_large_body(py: Python<'_>, limit: u64) {
    if !IS_SAID.swap(true, Ordering::Relaxed) {
        let text = format!(
            "a response is larger than {limit} bytes (max_body_bytes): its body was counted and not kept, so response.content \
             is empty. stream=True reads bodies of any length. This is said only once."
        );
        // A logger that fails must not fail the request.
        let _ = py
            .import("logging")
            .and_then(|logging| logging.call_method1("getLogger", ("gregaria.clients",)))
            .and_then(|logger| logger.call_method1("warning", (text,)));
    }
}
