//! One request of a fast session, prepared: method, target, header lines and body as geventhttpclient would send them.

use std::sync::Arc;

use gregaria_http::{Origin, Response as Answer};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use super::aim::Aim;
use super::options::Options;
use super::session::{FastHttpSession, Limits};
use crate::client::body::Body;
use crate::client::headers::Lines;
use crate::client::method::Method;
use crate::client::prepared::Headers;
use crate::client::target::{Endpoint, Target};
use crate::client::text;

/// See the module's text.
pub struct Sent {
    pub method: Method,
    pub aim: Arc<Aim>,
    pub target: Arc<Target>,
    pub origin: Arc<Origin>,
    headers: Headers,
    pub cookie: String,
    body: Body,
    /// The body is one of unknown length, in chunks already; this is what the script gave.
    chunked: Option<Py<PyAny>>,
}

impl Sent {
    /// Prepare a request, without its cookies.
    pub fn prepare(
        session: &Bound<'_, FastHttpSession>,
        method: &Method,
        aim: &Arc<Aim>,
        options: &Options<'_>,
        limits: &Limits,
    ) -> PyResult<Self> {
        let py = session.py();
        if method.index().is_none() && !is_token(method.name()) {
            return Err(PyValueError::new_err(format!(
                "invalid HTTP method {}",
                text::python_repr(&method.name().to_uppercase())
            )));
        }
        let target = match &options.params {
            Some(params) => aim.with_params(params)?,
            None => Arc::clone(&aim.target),
        };
        let origin = limits.origin(py, &target)?;
        let block = session.get().block(py)?;
        let bare = options.headers.is_none() && options.auth.is_none() && options.files.is_none();
        let (headers, body, chunked) = match (bare, &options.data, &options.json) {
            (true, None, None) => (Headers::Session(block), Body::None, None),
            _ => {
                let mut lines = block.lines.clone();
                if let Some(headers) = &options.headers {
                    merge(&mut lines, headers)?;
                }
                authorize(session, &mut lines, options)?;
                let (body, chunked) = encode(&mut lines, options)?;
                (Headers::Own(lines), body, chunked)
            }
        };
        let (method, aim) = (method.clone(), Arc::clone(aim));
        Ok(Sent { method, aim, target, origin, headers, cookie: String::new(), body, chunked })
    }

    fn lines(&self) -> &Lines {
        match &self.headers {
            Headers::Session(block) => &block.lines,
            Headers::Own(lines) => lines,
        }
    }

    /// Whether the caller has given a `Cookie` header.
    pub fn has_cookie(&self) -> bool {
        self.lines().has("cookie")
    }

    /// All header lines but `Host`.
    pub fn all_lines(&self, py: Python<'_>) -> PyResult<Lines> {
        let mut lines = self.lines().clone();
        if self.chunked.is_some() {
            lines.set(b"Transfer-Encoding", b"chunked");
        } else if !lines.has("content-length") {
            let length = self.body.bytes(py, <[u8]>::len)?;
            if length > 0 || self.carries_body() {
                lines.set(b"Content-Length", length.to_string().as_bytes());
            }
        }
        self.add_cookie(&mut lines);
        Ok(lines)
    }

    fn add_cookie(&self, lines: &mut Lines) {
        if !self.cookie.is_empty() && !lines.has("cookie") {
            lines.set(b"Cookie", &text::latin1_bytes(&self.cookie));
        }
    }

    fn carries_body(&self) -> bool {
        matches!(&*self.method.on_wire(), "POST" | "PUT" | "PATCH")
    }

    /// Head and body as they go on the wire.
    pub fn wire(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        if let Headers::Session(block) = &self.headers
            && self.body.is_none()
            && self.cookie.is_empty()
            && !self.carries_body()
            && self.origin.proxy.is_none()
        {
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
        let joined = lines.joined();
        let mut bytes = match self.origin.proxy.is_some() && self.origin.tls.is_none() {
            true => self.target.whole_request_start(&self.method, lines.has("host")),
            false => self.target.request_start(&self.method, joined.len() + more, lines.has("host")),
        };
        bytes.extend_from_slice(&joined);
        Ok(bytes)
    }

    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The request that follows `answer`, which redirects to `location`; `first` is the endpoint of the first request.
    pub fn redirected(
        &self,
        py: Python<'_>,
        answer: &Answer,
        location: &str,
        first: &Endpoint,
        limits: &Limits,
    ) -> PyResult<Self> {
        let url: String =
            py.import("gregaria.fast.request")?.call_method1("redirected", (&*self.aim.url, location))?.extract()?;
        let aim = Aim::of_url(py, &url)?;
        let drops_body = matches!(answer.status(), 301..=303);
        let method = if drops_body && !self.method.is_head() { Method::GET } else { self.method.clone() };
        let end = &aim.target.endpoint;
        let strips = (end.scheme, &end.host, end.port) != (first.scheme, &first.host, first.port);
        let mut headers = self.headers.clone();
        for (name, drops) in [
            ("content-length", drops_body),
            ("content-type", drops_body),
            ("content-encoding", drops_body),
            ("cookie", true),
            ("authorization", strips),
        ] {
            if drops {
                headers = headers.without(name);
            }
        }
        let body = match &self.body {
            Body::Held(held) if !drops_body => Body::Held(held.clone_ref(py)),
            Body::Form(form) if !drops_body => Body::Form(form.clone()),
            _ => Body::None,
        };
        let target = Arc::clone(&aim.target);
        let origin = limits.origin(py, &target)?;
        let chunked = self.chunked.as_ref().filter(|_| !drops_body).map(|given| given.clone_ref(py));
        Ok(Sent { method, aim, target, origin, headers, cookie: String::new(), body, chunked })
    }

    /// As `response.request` shows it.
    pub fn shown(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut lines = self.lines().clone();
        self.add_cookie(&mut lines);
        let headers = lines.shown(py);
        let payload = match (&self.chunked, &self.body) {
            (Some(given), _) => given.clone_ref(py),
            (None, Body::Form(form)) => PyBytes::new(py, form.as_bytes()).into_any().unbind(),
            (None, other) => other.shown(py, false)?,
        };
        let arguments = (&*self.aim.url, &*self.method.on_wire(), headers, payload);
        py.import("gregaria.fast.request")?.getattr("FastRequest")?.call1(arguments).map(Bound::unbind)
    }
}

fn is_token(name: &str) -> bool {
    let special = b"!#$%&'*+-.^_`|~";
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || special.contains(&byte))
}

/// Set the given headers over `lines`. Values that are no text are sent as `str()` shows them.
pub fn merge(lines: &mut Lines, headers: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = headers.py();
    let headers = match headers.cast::<PyList>() {
        Ok(pairs) => PyDict::from_sequence(pairs)?.into_any(),
        Err(_) => headers.clone(),
    };
    for pair in headers.call_method0(intern!(py, "items"))?.try_iter()? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
        let plain = name.cast::<PyString>().ok().filter(|name| name.to_str().is_ok_and(is_token));
        let bytes = value.cast::<PyString>().ok().and_then(|value| field_value(value.to_str().ok()?));
        match (plain, bytes) {
            (Some(name), Some(bytes)) => lines.set(name.to_str()?.as_bytes(), &bytes),
            _ => {
                let checked = py.import("gregaria.fast.request")?.call_method1("checked_header", (&name, &value))?;
                let (name, bytes): (String, Vec<u8>) = checked.extract()?;
                lines.set(name.as_bytes(), &bytes);
            }
        }
    }
    Ok(())
}

/// A header's value on the wire, if it may stand there.
fn field_value(value: &str) -> Option<Vec<u8>> {
    let fits = |character: char| matches!(character, '\t' | ' '..='~' | '\u{80}'..='\u{ff}');
    value.chars().map(|character| fits(character).then(|| u8::try_from(character).unwrap_or(b'?'))).collect()
}

fn authorize(session: &Bound<'_, FastHttpSession>, lines: &mut Lines, options: &Options<'_>) -> PyResult<()> {
    let py = session.py();
    let given = match &options.auth {
        Some(auth) if auth.is_truthy()? => {
            let (user, password) = (auth.get_item(0)?, auth.get_item(1)?);
            let made = py.import("gregaria.fast.request")?.call_method1("basic_authorization", (user, password))?;
            Some(made.extract::<String>()?)
        }
        _ => session.get().auth_header(),
    };
    if let Some(authorization) = given {
        lines.set(b"Authorization", authorization.as_bytes());
    }
    Ok(())
}

/// The body, with its headers set in `lines`; where it is in chunks, what was given too.
fn encode(lines: &mut Lines, options: &Options<'_>) -> PyResult<(Body, Option<Py<PyAny>>)> {
    let data = match &options.data {
        Some(data) if data.is_truthy()? => Some(data),
        _ => None,
    };
    if let Some(files) = &options.files
        && files.is_truthy()?
    {
        let made = files.py().import("gregaria.fast.multipart")?.call_method1("encoded", (files, data))?;
        let (body, content_type): (Py<PyAny>, String) = made.extract()?;
        lines.set(b"Content-Type", content_type.as_bytes());
        let body = Body::Held(body);
        counted(lines, files.py(), &body)?;
        return Ok((body, None));
    }
    let Some(data) = data else {
        let Some(json) = &options.json else { return Ok((Body::None, None)) };
        for name in ["Content-Type", "Accept"] {
            if !lines.has(&name.to_ascii_lowercase()) {
                lines.set(name.as_bytes(), b"application/json");
            }
        }
        let dumped = json.py().import("json")?.call_method1("dumps", (json,))?;
        return Ok((Body::Held(dumped.unbind()), None));
    };
    let py = data.py();
    let is_typed = lines.has("content-type");
    let mut typed = |content_type: &[u8]| {
        if !is_typed {
            lines.set(b"Content-Type", content_type);
        }
    };
    if data.is_exact_instance_of::<PyDict>() || data.is_instance_of::<PyDict>() {
        typed(b"application/x-www-form-urlencoded; charset=utf-8");
        let form = py.import("gregaria.fast.request")?.call_method1("form", (data,))?;
        let body = Body::Form(form.extract::<String>()?.into());
        counted(lines, py, &body)?;
        return Ok((body, None));
    }
    if let Ok(text) = data.cast::<PyString>() {
        typed(b"text/plain; charset=utf-8");
        if is_typed {
            return Ok((Body::Held(text.clone().into_any().unbind()), None));
        }
        let body = Body::Held(PyBytes::new(py, text.to_str()?.as_bytes()).into_any().unbind());
        counted(lines, py, &body)?;
        return Ok((body, None));
    }
    typed(b"application/octet-stream");
    if data.is_exact_instance_of::<PyBytes>() {
        return Ok((Body::Held(data.clone().unbind()), None));
    }
    let is_counted = lines.has("content-length");
    let made = py.import("gregaria.fast.request")?.call_method1("as_bytes", (data, !is_counted))?;
    let (bytes, in_chunks): (Py<PyAny>, bool) = made.extract()?;
    Ok((Body::Held(bytes), in_chunks.then(|| data.clone().unbind())))
}

/// Set the length of a body whose length scripts are shown.
fn counted(lines: &mut Lines, py: Python<'_>, body: &Body) -> PyResult<()> {
    let length = body.bytes(py, <[u8]>::len)?;
    lines.set(b"Content-Length", length.to_string().as_bytes());
    Ok(())
}

/// Whether a request of this method may be sent again when it is not known what became of it.
pub fn is_idempotent(method: &Method) -> bool {
    matches!(&*method.on_wire(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// `Location`, if there is exactly one that says something.
pub fn location(answer: &Answer) -> Option<String> {
    let mut found = answer.headers().filter(|(name, _)| name.eq_ignore_ascii_case(b"location"));
    let (_, value) = found.next()?;
    (found.next().is_none() && !value.is_empty()).then(|| text::latin1(value))
}
