//! [`WebSocketStream`]: a WebSocket on the reactor, and the request that opens it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gregaria_http::{Channel, Completion, Failure, Next, PieceKind, Request, SocketMessage, handshake_key};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::headers::Lines;
use super::options;
use super::sending::{How, failed, origin_of, wire};
use super::session::HttpSession;
use super::target;
use super::text;
use crate::hub::Hub;

/// Status, reason, headers, the socket if the server agrees, seconds.
type Opened = (u16, String, Vec<(String, String)>, Option<Py<WebSocketStream>>, f64);
/// What has come in: kind, contents, seconds since the handshake began.
type Told = (&'static str, Py<PyAny>, f64);

/// See the module's text.
#[pyclass(frozen, weakref, module = "gregaria._engine")]
pub struct WebSocketStream {
    channel: Arc<Channel>,
    started: Instant,
    is_over: AtomicBool,
}

impl WebSocketStream {
    fn submit(&self, py: Python<'_>, message: SocketMessage, number: u64) -> PyResult<()> {
        self.channel.send(message, number);
        Hub::get(py)?.attend(&self.channel);
        Ok(())
    }

    fn let_go(&self, py: Python<'_>) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(hub) = Hub::started(py) else { return };
        // A WebSocket's connection is never used again.
        self.channel.abandon();
        hub.attend(&self.channel);
    }
}

impl Drop for WebSocketStream {
    fn drop(&mut self) {
        Python::attach(|py| self.let_go(py));
    }
}

#[pymethods]
impl WebSocketStream {
    /// Send a message: text for a str, else binary. Unless `number` is 0, it comes in as "sent" once it is.
    fn send(&self, data: &Bound<'_, PyAny>, number: u64) -> PyResult<()> {
        let message = if let Ok(text) = data.cast::<PyString>() {
            SocketMessage::Text(text.to_str()?.as_bytes().to_vec())
        } else if let Ok(bytes) = data.extract::<Vec<u8>>() {
            SocketMessage::Binary(bytes)
        } else {
            let kind = data.get_type().name()?;
            return Err(PyTypeError::new_err(format!("a message must be str or bytes, not {kind}")));
        };
        self.submit(data.py(), message, number)
    }

    /// Tell the other side that this is the end.
    fn send_close(&self, py: Python<'_>, code: u16, reason: String) -> PyResult<()> {
        self.submit(py, SocketMessage::Close(code, reason), 0)
    }

    /// The next thing that comes in; waits for it: "text", "binary", "sent" (a number), "close" (code and reason), or
    /// "end" (what went wrong, if anything did).
    fn next(&self, py: Python<'_>) -> PyResult<Told> {
        let since = |at: Instant| at.saturating_duration_since(self.started).as_secs_f64();
        loop {
            match Hub::get(py)?.next(py, &self.channel, false)? {
                Next::Piece(piece) => {
                    let text = || String::from_utf8_lossy(&piece.bytes).into_owned();
                    let (kind, contents) = match piece.kind {
                        PieceKind::Text => ("text", PyString::new(py, &text()).into_any().unbind()),
                        PieceKind::Binary => ("binary", PyBytes::new(py, &piece.bytes).into_any().unbind()),
                        PieceKind::Sent(number) => ("sent", number.into_pyobject(py)?.into_any().unbind()),
                        PieceKind::Close(code) => ("close", (code, text()).into_pyobject(py)?.into_any().unbind()),
                        PieceKind::Data | PieceKind::ChunkEnd => continue,
                    };
                    return Ok((kind, contents, since(piece.at)));
                }
                Next::End(end) => {
                    self.is_over.store(true, Ordering::Relaxed);
                    let text = end.outcome.err().map(|failure| failure.to_string());
                    return Ok(("end", text.into_pyobject(py)?.unbind(), since(end.at)));
                }
                Next::Nothing => {}
            }
        }
    }

    /// Close the connection.
    fn close(&self, py: Python<'_>) {
        self.let_go(py);
    }
}

/// Ask a server for a WebSocket. `None` for a timeout that only urllib3 can tell the meaning of.
#[pyfunction]
pub fn open_websocket<'py>(
    session: &Bound<'py, HttpSession>,
    what: (String, String, Bound<'py, PyAny>),
    how: How<'py>,
    request: &Bound<'py, PyAny>,
) -> PyResult<Option<Opened>> {
    let py = session.py();
    let (url, path, headers) = what;
    let Some(timeouts) = options::timeouts(how.0.as_ref())? else { return Ok(None) };
    let target = target::of_url(py, &url)?;
    let origin = origin_of(session, &target, &how)?;
    let (key, accept) = handshake_key();
    let mut lines = Lines::default();
    lines.merge(&headers)?;
    for (name, value) in [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", &key),
    ] {
        lines.set(name.as_bytes(), value.as_bytes());
    }
    let channel = Channel::websocket();
    let sending = Box::new(Request {
        id: 0,
        queued: None,
        connection: None,
        // A WebSocket has its connection for itself, over HTTP/1.1.
        shared: None,
        origin,
        bytes: wire(py, "GET", &target, &path, &lines, None)?,
        is_head: false,
        connect_timeout: timeouts.connect,
        read_timeout: timeouts.read,
        body_limit: u64::MAX,
        channel: Some(Arc::clone(&channel)),
    });
    let Completion { result, timings, .. } = *Hub::get(py)?.exchange(py, sending)?;
    let took = timings.finished.saturating_duration_since(timings.started);
    let stream = WebSocketStream { channel, started: timings.started, is_over: AtomicBool::new(false) };
    let fails = |failure: &Failure| failed(py, failure, (&target, how.2.is_some()), how.0.as_ref(), request, took);
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) => return Err(fails(&failure)?),
    };
    let agrees = answer.status() == 101 && answer.header("sec-websocket-accept") == Some(accept.as_bytes());
    if answer.status() == 101 && !agrees {
        return Err(fails(&Failure::BadHead { text: "the server answers another WebSocket key".to_owned() })?);
    }
    let headers = answer.headers().map(|(name, value)| (text::latin1(name), text::latin1(value))).collect();
    let stream = if agrees { Some(Py::new(py, stream)?) } else { None };
    Ok(Some((answer.status(), text::latin1(answer.reason()), headers, stream, took.as_secs_f64())))
}
