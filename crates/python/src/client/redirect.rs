//! Redirects as `requests` follows them: which answers count, and what the next request keeps of this one.

use std::sync::Arc;

use gregaria_http::{Response as Answer, Scheme};
use pyo3::prelude::*;

use super::body::Body;
use super::method::Method;
use super::prepared::Prepared;
use super::target::{self, Endpoint};
use super::text;
use super::tls::Trust;

/// Whether `answer` sends the client elsewhere.
pub fn is_redirect(answer: &Answer) -> bool {
    matches!(answer.status(), 301 | 302 | 303 | 307 | 308) && answer.has_location() && !location(answer).is_empty()
}

/// Where `answer` leads; several `Location` lines are one to `requests`.
fn location(answer: &Answer) -> String {
    let lines = answer.headers().filter(|(name, _)| name.eq_ignore_ascii_case(b"location"));
    let values: Vec<&[u8]> = lines.map(|(_, value)| value).collect();
    text::utf8_or_latin1(&values.join(&b", "[..]))
}

/// The request that follows `answer` to `sent`, without its cookies. Errors are those of `requests` for a bad location.
pub fn next(py: Python<'_>, sent: &Prepared, answer: &Answer, trust: &Trust) -> PyResult<Prepared> {
    let arguments = (sent.target.url(), location(answer));
    let url: String = py.import("gregaria.clients")?.call_method1("redirect_url", arguments)?.extract()?;
    let target = Arc::new(target::of_url(py, &url)?.shown_as(&url));
    let method = next_method(&sent.method, answer.status());
    let keeps_body = matches!(answer.status(), 307 | 308);
    let strips = strips_authorization(&sent.target.endpoint, &target.endpoint);
    let mut headers = sent.headers.clone();
    for (name, drops) in [
        ("authorization", strips),
        ("content-type", !keeps_body),
        ("content-length", !keeps_body),
        ("transfer-encoding", !keeps_body),
        ("cookie", true),
    ] {
        if drops {
            headers = headers.without(name);
        }
    }
    let origin = target.origin(py, trust)?;
    let body = match &sent.body {
        Body::Held(held) if keeps_body => Body::Held(held.clone_ref(py)),
        Body::Form(form) if keeps_body => Body::Form(form.clone()),
        _ => Body::None,
    };
    Ok(Prepared {
        method,
        target,
        origin,
        headers,
        content_type: sent.content_type.filter(|_| keeps_body),
        authorization: sent.authorization.clone().filter(|_| !strips),
        cookie: String::new(),
        body,
        is_json: sent.is_json,
        body_dropped: !keeps_body,
    })
}

fn next_method(method: &Method, status: u16) -> Method {
    let name = method.on_wire();
    match status {
        303 | 302 if name != "HEAD" => Method::GET,
        301 if name == "POST" => Method::GET,
        _ => method.clone(),
    }
}

/// Another host, port or scheme must not see the credentials; going from http to https on the usual ports is fine.
fn strips_authorization(from: &Endpoint, to: &Endpoint) -> bool {
    if from.host != to.host {
        return true;
    }
    if (from.scheme, from.port, to.scheme, to.port) == (Scheme::Http, 80, Scheme::Https, 443) {
        return false;
    }
    from.scheme != to.scheme || from.port != to.port
}
