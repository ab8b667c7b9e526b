//! Answers: text, JSON, files, and what every one of them carries.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::like_locust;

/// Nothing from elsewhere, no script or style in the page itself, no frame around it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A report names the hashes of its own script and style in itself, and both policies hold. Here it also loses this server's
/// origin, so that nothing in it could give orders.
const REPORT_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts allow-downloads allow-modals";
const SMALL: usize = 1_024;

/// Plain text.
pub fn text(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.into()).into_response()
}

/// JSON as Locust writes it, packed if that pays.
pub fn json(status: StatusCode, value: &Value, headers: &HeaderMap) -> Response {
    packed(status, "application/json", like_locust::text(value).into(), headers)
}

/// Why something was not done, in Locust's form.
pub fn failure(status: StatusCode, message: &str, host: &str) -> Response {
    let value = json!({ "success": false, "message": message, "host": if host.is_empty() { Value::Null } else { json!(host) } });
    (status, [(header::CONTENT_TYPE, "application/json")], like_locust::text(&value)).into_response()
}

/// A body, packed if it is large and the client takes that.
pub fn packed(status: StatusCode, media_type: &'static str, body: Bytes, headers: &HeaderMap) -> Response {
    if body.len() < SMALL || !takes_gzip(headers) {
        return (status, [(header::CONTENT_TYPE, media_type)], body).into_response();
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let packed = encoder.write_all(&body).and_then(|()| encoder.finish());
    let Ok(packed) = packed else { return (status, [(header::CONTENT_TYPE, media_type)], body).into_response() };
    let set =
        [(header::CONTENT_TYPE, media_type), (header::CONTENT_ENCODING, "gzip"), (header::VARY, "accept-encoding")];
    (status, set, packed).into_response()
}

/// Whether the client says that it takes gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    offers.flat_map(|value| value.split(',')).any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        (name.eq_ignore_ascii_case("gzip") || name == "*") && !refused
    })
}

/// An HTML page of ours.
pub fn html(body: Bytes, headers: &HeaderMap) -> Response {
    let mut response = packed(StatusCode::OK, "text/html; charset=utf-8", body, headers);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// To another place on this server.
pub fn redirect(place: &str) -> Response {
    let Ok(place) = HeaderValue::from_str(place) else { return StatusCode::BAD_REQUEST.into_response() };
    (StatusCode::FOUND, [(header::LOCATION, place)], Body::empty()).into_response()
}

/// Whether a report is at this path, which is one file with its script and style in it.
pub fn is_report(path: &str) -> bool {
    matches!(path, "/stats/report" | "/runs/compare") || (path.starts_with("/runs/") && path.ends_with("/report"))
}

/// The mark of an answer that a locustfile's own Flask application has made: its pages may hold what they like.
#[derive(Debug, Clone, Copy)]
pub struct Foreign;

/// Headers of every answer of ours.
pub fn protection(is_report: bool) -> [(&'static str, &'static str); 4] {
    [
        ("content-security-policy", if is_report { REPORT_POLICY } else { CONTENT_SECURITY_POLICY }),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
    ]
}

/// What every answer carries, unless it says something of its own.
pub fn protect(response: &mut Response, is_report: bool) {
    if response.extensions().get::<Foreign>().is_some() {
        return;
    }
    for (name, value) in protection(is_report) {
        response.headers_mut().entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_report_may_run_the_script_that_is_in_it() {
        for (path, may) in [
            ("/stats/report", true),
            ("/runs/7/report", true),
            ("/runs/compare", true),
            ("/", false),
            ("/report", false),
        ] {
            let mut response = text(StatusCode::OK, "");
            protect(&mut response, is_report(path));
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert_eq!((policy.contains("unsafe-inline"), policy.contains("sandbox")), (may, may), "{path}");
            assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        }
    }

    #[test]
    fn what_flask_has_made_is_left_alone() {
        let mut theirs = text(StatusCode::OK, "theirs");
        theirs.extensions_mut().insert(Foreign);
        protect(&mut theirs, false);
        assert_eq!(theirs.headers().len(), 1);
    }

    #[test]
    fn gzip_only_for_those_who_take_it() {
        for (offer, takes) in [
            ("gzip, deflate", true),
            ("br;q=1, GZIP ; q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(offer));
            assert_eq!(takes_gzip(&headers), takes, "{offer}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
