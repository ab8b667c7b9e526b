//! Pages of the origins that `--web-allowed-origins` names may read answers, and be told so by their browser beforehand. Nobody
//! else's page gets a word about it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::guard::Guard;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");

/// The origin that a request comes from, if it is an allowed one.
pub fn origin(guard: &Guard, request: &Request) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    origin.to_str().is_ok_and(|text| guard.allows(text)).then(|| origin.clone())
}

/// The answer to a browser that asks before it sends what a page of an allowed origin wants.
pub fn preflight(guard: &Guard, request: &Request) -> Option<Response> {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || !asks || guard.check(request.method(), request.headers()).is_err() {
        return None;
    }
    let more: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
    ];
    origin(guard, request).map(|_| (StatusCode::NO_CONTENT, more, Body::empty()).into_response())
}

/// Let a page of `origin` read this answer.
pub fn allow(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
