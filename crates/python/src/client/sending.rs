//! Sending a request that `requests` has prepared: its bytes through the reactor, its body as it is made, the response
//! as a head and a stream. Whatever `requests` does around that (redirects, hooks, digest authentication, proxies of the
//! environment) it goes on doing.

use std::sync::Arc;
use std::time::Duration;

use gregaria_http::{Channel, Completion, Failure, Origin, Proxy, ProxyKind, Request, Response as Answer, Scheme};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::failure;
use super::headers::Lines;
use super::options;
use super::session::HttpSession;
use super::stream::{BodyStream, Home, Route};
use super::target::{self, Target};
use super::text;
use super::timings::{self, Timings};
use super::tls::Trust;
use crate::hub::{Begun, Hub};

/// A proxy, as the engine speaks to it.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct ProxyRoute {
    pub proxy: Arc<Proxy>,
}

#[pymethods]
impl ProxyRoute {
    /// `authorization` is for HTTP proxies, `credentials` for SOCKS.
    #[new]
    fn new(
        socks: bool,
        host: String,
        port: u16,
        credentials: Option<(String, String)>,
        authorization: Option<String>,
    ) -> Self {
        let kind = if socks { ProxyKind::Socks5 } else { ProxyKind::Http };
        ProxyRoute { proxy: Arc::new(Proxy { kind, host, port, credentials, authorization }) }
    }
}

/// What is sent: method, URL, path as in the first line, headers.
type What<'py> = (String, String, String, Bound<'py, PyAny>);
/// The body as a whole, or its pieces and whether they are sent as chunks.
type Body<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>, bool);
/// Timeout, `verify` and `cert`, and the proxy.
pub type How<'py> = (Option<Bound<'py, PyAny>>, (Bound<'py, PyAny>, Bound<'py, PyAny>), Option<Bound<'py, ProxyRoute>>);
/// Status, reason, version, headers, body, seconds to the head.
type Transmitted = (u16, String, u8, Vec<(String, String)>, Py<BodyStream>, f64);

/// Send a prepared request. `None` for a timeout that only urllib3 can tell the meaning of.
#[pyfunction]
pub fn transmit<'py>(
    session: &Bound<'py, HttpSession>,
    what: What<'py>,
    body: Body<'py>,
    how: How<'py>,
    request: &Bound<'py, PyAny>,
) -> PyResult<Option<Transmitted>> {
    let py = session.py();
    let (method, url, path, headers) = what;
    let (whole, pieces, chunked) = body;
    let Some(timeouts) = options::timeouts(how.0.as_ref())? else { return Ok(None) };
    let target = target::of_url(py, &url)?;
    let origin = origin_of(session, &target, &how)?;
    let mut lines = Lines::default();
    lines.merge(&headers)?;
    let channel = Channel::new(pieces.is_some());
    let sending = Box::new(Request {
        connection: session.get().take_idle(&origin),
        shared: session.get().shared(&origin),
        is_head: method == "HEAD",
        connect_timeout: timeouts.connect,
        read_timeout: timeouts.read,
        body_limit: u64::MAX,
        channel: Some(Arc::clone(&channel)),
        ..Request::new(Arc::clone(&origin), wire(py, &method, &target, &path, &lines, whole.as_ref())?)
    });
    let hub = Hub::get(py)?;
    let completion = match pieces {
        None => hub.exchange(py, sending)?,
        Some(pieces) => {
            let length = (!chunked).then(|| lines.content_length().unwrap_or(u64::MAX));
            upload(py, hub, sending, &channel, (&pieces, length))?
        }
    };
    let phases = timings::sample(&completion);
    let Completion { result, timings: taken, .. } = *completion;
    let took = taken.finished.saturating_duration_since(taken.started);
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) => {
            let error = failed(py, &failure, (&target, how.2.is_some()), how.0.as_ref(), request, took)?;
            error.value(py).setattr("_timings", Timings::of(Some(phases)))?;
            return Err(error);
        }
    };
    let closes = lines.asks_to_close();
    let route = Route { origin, closes, read_timeout: timeouts.read, started: taken.started, phases };
    let stream = BodyStream::new(channel, Home::Session(session.clone().unbind()), route);
    let headers = answer.headers().map(|(name, value)| (text::latin1(name), text::unfolded(value))).collect();
    let (status, reason, version) = (answer.status(), text::latin1(answer.reason()), Answer::version(&answer));
    Ok(Some((status, reason, version, headers, Py::new(py, stream)?, took.as_secs_f64())))
}

/// The way to a target.
pub fn origin_of(session: &Bound<'_, HttpSession>, target: &Target, how: &How<'_>) -> PyResult<Arc<Origin>> {
    let py = session.py();
    let (verify, cert) = &how.1;
    let (usual, cert) = (Trust::default().over(session.get().network()), Some(cert).filter(|cert| !cert.is_none()));
    let trust = usual.with(Some(verify), cert)?;
    match &how.2 {
        None => target.origin(py, &trust),
        Some(route) => target.origin_through(py, &trust, &route.get().proxy),
    }
}

/// Head and body as they go on the wire.
pub fn wire(
    py: Python<'_>,
    method: &str,
    target: &Target,
    path: &str,
    lines: &Lines,
    body: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<u8>> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    if !lines.has("host") {
        // To a proxy the host goes as the URL has it, also with a port that need not be said.
        let whole = path.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next());
        let host = whole.unwrap_or(&target.endpoint.host_header);
        bytes.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
    }
    bytes.extend_from_slice(&lines.sent(py)?);
    bytes.extend_from_slice(b"\r\n");
    match body {
        None => {}
        Some(body) => bytes.extend_from_slice(contents(body)?),
    }
    Ok(bytes)
}

fn contents<'a>(piece: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    match piece.cast::<PyString>() {
        Ok(text) => Ok(text.to_str()?.as_bytes()),
        Err(_) => Ok(piece.cast::<PyBytes>()?.as_bytes()),
    }
}

/// Send the head at once and the body as its pieces are made; in chunks, if its length is not known.
pub fn upload(
    py: Python<'_>,
    hub: &Hub,
    request: Box<Request>,
    channel: &Arc<Channel>,
    (pieces, length): (&Bound<'_, PyAny>, Option<u64>),
) -> PyResult<Box<Completion>> {
    let begun = hub.begin(py, request)?;
    match write_all(py, hub, &begun, channel, pieces, length) {
        Ok(()) => hub.conclude(py, begun),
        Err(error) => {
            hub.abort(begun);
            Err(error)
        }
    }
}

fn write_all(
    py: Python<'_>,
    hub: &Hub,
    begun: &Begun,
    channel: &Arc<Channel>,
    pieces: &Bound<'_, PyAny>,
    length: Option<u64>,
) -> PyResult<()> {
    let (chunked, mut missing) = (length.is_none(), length.unwrap_or(u64::MAX));
    for piece in pieces.try_iter()? {
        let piece = piece?;
        let bytes = contents(&piece)?;
        if bytes.is_empty() {
            continue;
        }
        if chunked {
            channel.write(format!("{:x}\r\n", bytes.len()).as_bytes(), false);
        }
        // The server may answer as soon as it has all: by then the connection must be known to be free.
        missing = missing.saturating_sub(bytes.len() as u64);
        channel.write(bytes, missing == 0);
        if chunked {
            channel.write(b"\r\n", false);
        }
        if !hub.wants_more(py, begun, channel)? {
            return Ok(());
        }
    }
    channel.write(if chunked { b"0\r\n\r\n" } else { b"" }, true);
    hub.attend(channel);
    Ok(())
}

/// The exception of `requests` for this failure; it knows how long it took.
pub fn failed(
    py: Python<'_>,
    failure: &Failure,
    (target, proxied): (&Target, bool),
    timeout: Option<&Bound<'_, PyAny>>,
    request: &Bound<'_, PyAny>,
    took: Duration,
) -> PyResult<PyErr> {
    let endpoint = &target.endpoint;
    let https = endpoint.scheme == Scheme::Https;
    let (kind, details) = failure::described_over(py, failure, https)?;
    let site = (https, endpoint.host.as_str(), endpoint.port, target.path.as_str());
    let made =
        py.import("gregaria.failures")?.call_method1("made", (kind, details, site, timeout, request, proxied))?;
    let error = made.get_item(0)?;
    error.setattr("_took", took.as_secs_f64())?;
    Ok(PyErr::from_value(error))
}
