//! A request and its response as a sample for people: heads as they went over the wire, the beginnings of bodies, secrets
//! taken out. Only called for the few that are kept. Reads nothing from a stream and makes no request of its own.

use gregaria_http::Response as Answer;
use gregaria_stats::samples::{Body, text};
use gregaria_stats::{Exchange, Redaction};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::body;
use super::fast::{FastOutcome, FastResponse};
use super::response::{Outcome, Response};
use super::session::HttpSession;
use crate::stats::now;

/// What the request event told, by keyword.
type Told<'a, 'py> = Option<&'a Bound<'py, PyDict>>;

/// A request of a session like those of `requests`.
pub fn of_response(response: &Bound<'_, Response>, redaction: &Redaction) -> PyResult<Exchange> {
    let (py, this) = (response.py(), response.get());
    let call = &this.call;
    let mut exchange = Exchange {
        at: now(),
        response_time_us: Some(call.duration_us),
        user_class: user_class(py, call.session.get()),
        url: call.url(),
        phases: call.phases,
        ..Exchange::default()
    };
    if let Some(sent) = this.sent() {
        exchange.url = Some(sent.target.url());
        put_request(py, &mut exchange, &sent.head(py, 0)?, &sent.body, redaction)?;
    }
    match &this.outcome {
        Outcome::Answer { answer, .. } => put_answer(&mut exchange, answer, redaction),
        Outcome::Delegated(inner) => put_told(&mut exchange, inner.bind(py), redaction)?,
        Outcome::Failed(failed) => {
            if let (None, Some(error)) = (this.sent(), failed.raised_error(py)) {
                put_told(&mut exchange, error.bind(py), redaction)?;
            }
        }
    }
    Ok(with_plain_url(exchange, redaction))
}

/// A request of a fast session.
pub fn of_fast_response(response: &Bound<'_, FastResponse>, redaction: &Redaction) -> PyResult<Exchange> {
    let (py, this) = (response.py(), response.get());
    let call = &this.call;
    let sent = this.sent();
    let mut exchange = Exchange {
        at: now(),
        response_time_us: Some(call.duration_us),
        user_class: user_class(py, call.session.bind(py).as_super().get()),
        url: Some(sent.target.url()),
        phases: call.phases,
        ..Exchange::default()
    };
    put_request(py, &mut exchange, &sent.head(py, 0)?, sent.body(), redaction)?;
    if let FastOutcome::Answer { answer, .. } = &this.outcome {
        put_answer(&mut exchange, answer, redaction);
        if let Some(content) = this.content_read(py) {
            let content = content.bind(py).cast::<PyBytes>().map_or(&b""[..], |bytes| bytes.as_bytes());
            exchange.response_body = Body::of(content, content.len() as u64, redaction);
        }
    }
    Ok(with_plain_url(exchange, redaction))
}

/// A request that somebody else has made and told by the request event.
pub fn of_event(us: Option<u64>, more: Told<'_, '_>, redaction: &Redaction) -> PyResult<Exchange> {
    let mut exchange = Exchange { at: now(), response_time_us: us, ..Exchange::default() };
    let Some(more) = more else { return Ok(exchange) };
    let py = more.py();
    let given = |name| more.get_item(name).map(|given| given.filter(|given| !given.is_none()));
    let response = given(intern!(py, "response"))?;
    if let Some(response) = &response {
        let ours = match (response.cast::<Response>(), response.cast::<FastResponse>()) {
            (Ok(response), _) => Some(of_response(response, redaction)?),
            (_, Ok(response)) => Some(of_fast_response(response, redaction)?),
            _ => None,
        };
        if let Some(ours) = ours {
            return Ok(Exchange { response_time_us: us, ..ours });
        }
    }
    exchange.url = given(intern!(py, "url"))?.and_then(|url| url.extract().ok());
    match (response, given(intern!(py, "exception"))?) {
        (Some(response), _) => put_told(&mut exchange, &response, redaction)?,
        (None, Some(exception)) => put_told(&mut exchange, &exception, redaction)?,
        (None, None) => {}
    }
    Ok(with_plain_url(exchange, redaction))
}

fn with_plain_url(exchange: Exchange, redaction: &Redaction) -> Exchange {
    Exchange { url: exchange.url.map(|url| text::url(&url, redaction)), ..exchange }
}

fn user_class(py: Python<'_>, session: &HttpSession) -> Option<String> {
    let user = session.user(py)?;
    user.bind(py).get_type().name().ok().map(|name| name.to_string())
}

fn put_request(
    py: Python<'_>,
    exchange: &mut Exchange,
    head: &[u8],
    body: &body::Body,
    redaction: &Redaction,
) -> PyResult<()> {
    exchange.request_head = Some(text::raw_head(head, redaction));
    exchange.request_body = body.bytes(py, |bytes| Body::of(bytes, bytes.len() as u64, redaction))?;
    Ok(())
}

fn put_answer(exchange: &mut Exchange, answer: &Answer, redaction: &Redaction) {
    exchange.response_head = Some(text::raw_head(answer.head_bytes(), redaction));
    let start = if answer.is_kept() { answer.body() } else { b"" };
    exchange.response_body = Body::of(start, answer.body_bytes(), redaction);
}

/// First line, header lines, the body's beginning and its length.
type Side = (String, Vec<(String, String)>, Vec<u8>, u64);

/// What can be told of a response, or of the exception in its place, that is not ours.
fn put_told(exchange: &mut Exchange, told: &Bound<'_, PyAny>, redaction: &Redaction) -> PyResult<()> {
    let sides = told.py().import("gregaria.samples")?.call_method1("sides_of", (told,))?;
    let (url, request, response): (Option<String>, Option<Side>, Option<Side>) = sides.extract()?;
    exchange.url = exchange.url.take().or(url);
    let shown = |(first, headers, start, length): Side| {
        let pairs = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = (!first.is_empty() || !headers.is_empty()).then(|| text::head(&first, pairs, redaction));
        (head, Body::of(&start, length, redaction))
    };
    (exchange.request_head, exchange.request_body) = request.map_or((None, None), shown);
    (exchange.response_head, exchange.response_body) = response.map_or((None, None), shown);
    Ok(())
}
