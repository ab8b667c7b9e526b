//! Bodies beyond the limit: what they count as, and saying once that there was one.

use std::sync::atomic::{AtomicBool, Ordering};

use gregaria_http::{DEFAULT_BODY_LIMIT_BYTES, Response as Answer};
use pyo3::prelude::*;

static IS_SAID: AtomicBool = AtomicBool::new(false);

/// The length that counts for a response, in bytes.
pub fn length(py: Python<'_>, answer: &Answer) -> u64 {
    if !answer.is_kept() && !IS_SAID.swap(true, Ordering::Relaxed) {
        let text = format!(
            "a response is larger than {DEFAULT_BODY_LIMIT_BYTES} bytes: its body was counted and not kept, so response.content \
             is empty. stream=True reads bodies of any length. This is said only once."
        );
        // A logger that fails must not fail the request.
        let _ = py
            .import("logging")
            .and_then(|logging| logging.call_method1("getLogger", ("gregaria.clients",)))
            .and_then(|logger| logger.call_method1("warning", (text,)));
    }
    answer.body_bytes()
}
