//! One request, prepared: method, target, header lines and body; and its bytes on the wire.

use std::sync::Arc;

use gregaria_http::Origin;
use pyo3::prelude::*;

use super::body::Body;
use super::headers::{Block, Lines};
use super::method::Method;
use super::target::Target;
use super::text;

/// The headers of a request: those of its session, or its own.
#[derive(Clone)]
pub enum Headers {
    Session(Arc<Block>),
    Own(Lines),
}

impl Headers {
    /// These headers less the line of this (lower-case) name.
    pub fn without(self, name: &str) -> Self {
        let mut lines = match self {
            Headers::Session(block) if !block.lines.has(name) => return Headers::Session(block),
            Headers::Session(block) => block.lines.clone(),
            Headers::Own(lines) => lines,
        };
        lines.remove(name);
        Headers::Own(lines)
    }
}

/// See the module's text.
pub struct Prepared {
    pub method: Method,
    pub target: Arc<Target>,
    pub origin: Arc<Origin>,
    pub headers: Headers,
    /// Value of `Content-Type`, where the headers have none.
    pub content_type: Option<&'static str>,
    /// Value of `Authorization`; replaces one in the headers.
    pub authorization: Option<String>,
    pub cookie: String,
    pub body: Body,
    pub is_json: bool,
    /// A redirect took the body away, and with it the length that `requests` had set.
    pub body_dropped: bool,
}

impl Prepared {
    /// The headers' lines.
    fn lines(&self) -> &Lines {
        match &self.headers {
            Headers::Session(block) => &block.lines,
            Headers::Own(lines) => lines,
        }
    }

    /// Whether the connection cannot be used again, because the request asks the server to close it.
    pub fn asks_to_close(&self) -> bool {
        match &self.headers {
            Headers::Session(block) => block.asks_to_close,
            Headers::Own(lines) => lines.asks_to_close(),
        }
    }

    /// All header lines but `Host`.
    pub fn all_lines(&self, py: Python<'_>) -> PyResult<Lines> {
        let mut lines = self.lines().clone();
        if let Some(content_type) = self.content_type
            && !lines.has("content-type")
        {
            lines.set(b"Content-Type", content_type.as_bytes());
        }
        if let Some(length) = self.content_length(py)? {
            lines.set(b"Content-Length", length.to_string().as_bytes());
        }
        if let Some(authorization) = &self.authorization {
            lines.set(b"Authorization", authorization.as_bytes());
        }
        if !self.cookie.is_empty() && !lines.has("cookie") {
            lines.set(b"Cookie", &text::latin1_bytes(&self.cookie));
        }
        Ok(lines)
    }

    fn content_length(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        if !self.body.is_none() {
            return self.body.bytes(py, <[u8]>::len).map(Some);
        }
        let method = self.method.on_wire();
        let expects_one = match self.body_dropped {
            true => ["POST", "PUT", "PATCH"].contains(&&*method),
            false => method != "GET" && method != "HEAD",
        };
        Ok((expects_one && !self.lines().has("content-length")).then_some(0))
    }

    /// Head and body as they go on the wire.
    pub fn wire(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        let simple = self.body.is_none() && self.authorization.is_none() && self.cookie.is_empty();
        if let (true, None, Headers::Session(block)) = (simple, self.content_length(py)?, &self.headers) {
            let mut bytes = self.target.request_start(&self.method, block.bytes.len(), block.lines.has("host"));
            bytes.extend_from_slice(&block.bytes);
            bytes.extend_from_slice(b"\r\n");
            return Ok(bytes);
        }
        self.body.bytes(py, |body| {
            let mut bytes = self.head(py, body.len())?;
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body);
            Ok(bytes)
        })?
    }

    /// Request line and header lines as they go on the wire, with room for `more` bytes.
    pub fn head(&self, py: Python<'_>, more: usize) -> PyResult<Vec<u8>> {
        let lines = self.all_lines(py)?;
        let joined = lines.sent(py)?;
        let mut bytes = self.target.request_start(&self.method, joined.len() + more, lines.has("host"));
        bytes.extend_from_slice(&joined);
        Ok(bytes)
    }
}
