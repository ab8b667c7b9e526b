//! From a request as HTTP/1.1 has it on the wire to one of HTTP/2, and from a response of HTTP/2 to the one that everybody
//! knows. So nothing above the reactor need know which version was spoken.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{Method, Request, StatusCode, Uri};

use crate::codec::{Framing, Head};
use crate::exchange::Scheme;
use crate::failure::Failure;

const MAX_HEADERS: usize = 256;
/// The values of headers are slices of a request no larger than this: what compresses them keeps some of them for the next
/// requests, and with them all of it.
const MAX_KEPT_BYTES: usize = 4096;
/// As the minor version of a head: 2.0 is 20.
const VERSION_TWO: u8 = 10;

/// A request's head, and the body that came with it.
pub(super) struct Parted {
    pub head: Request<()>,
    pub body: Bytes,
    /// The body that will be written piece by piece has the chunked coding on it.
    pub is_chunked: bool,
}

/// Takes a request apart that was written for HTTP/1.1. `known` is whom the one before it was for: mostly the same.
pub(super) fn parted(bytes: &Bytes, scheme: Scheme, known: &mut Option<Authority>) -> Result<Parted, Failure> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let length = match parsed.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err(unfit("it has no end")),
        Err(error) => return Err(unfit(error)),
    };
    let part = |part: &[u8]| match bytes.len() <= MAX_KEPT_BYTES {
        true => bytes.slice_ref(part),
        false => Bytes::copy_from_slice(part),
    };
    let (mut head, mut authority, mut is_chunked) = (Request::new(()), None, false);
    *head.method_mut() = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(unfit)?;
    let fields = head.headers_mut();
    fields.reserve(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(unfit)?;
        if name == header::HOST {
            if known.as_ref().is_none_or(|known| known.as_str().as_bytes() != field.value) {
                *known = Some(Authority::try_from(field.value).map_err(unfit)?);
            }
            authority.clone_from(known);
            continue;
        }
        is_chunked |= name == header::TRANSFER_ENCODING;
        if !belongs_to_a_connection(&name) {
            fields.append(name, HeaderValue::from_maybe_shared(part(field.value)).map_err(unfit)?);
        }
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if scheme == Scheme::Https { UriScheme::HTTPS } else { UriScheme::HTTP });
    parts.authority = Some(authority.ok_or_else(|| unfit("it has no Host"))?);
    let path = part(parsed.path.unwrap_or_default().as_bytes());
    parts.path_and_query = Some(PathAndQuery::from_maybe_shared(path).map_err(unfit)?);
    *head.uri_mut() = Uri::from_parts(parts).map_err(unfit)?;
    Ok(Parted { head, body: bytes.slice(length..), is_chunked })
}

/// What HTTP/2 forbids.
fn belongs_to_a_connection(name: &HeaderName) -> bool {
    const KEEP_ALIVE: &str = "keep-alive";
    const PROXY_CONNECTION: &str = "proxy-connection";
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::UPGRADE
        || *name == header::TE
        || name.as_str() == KEEP_ALIVE
        || name.as_str() == PROXY_CONNECTION
}

fn unfit(reason: impl std::fmt::Display) -> Failure {
    Failure::Http2 { text: format!("the request cannot be sent over HTTP/2: {reason}"), in_body: false }
}

/// The head of a response and its bytes, as if it had come over HTTP/1.1. The reason is the usual one, so that failures
/// have the same text over either version.
pub(super) fn head_of(response: &http::Response<h2::RecvStream>) -> (Head, Vec<u8>) {
    let status = response.status();
    let mut raw = Vec::with_capacity(64 + response.headers().len() * 48);
    raw.extend_from_slice(b"HTTP/2 ");
    raw.extend_from_slice(status.as_str().as_bytes());
    raw.push(b' ');
    raw.extend_from_slice(reason(status).as_bytes());
    raw.extend_from_slice(b"\r\n");
    let mut head = Head { status: status.as_u16(), minor_version: VERSION_TWO, keep_alive: true, ..Head::default() };
    for (name, value) in response.headers() {
        raw.extend_from_slice(name.as_str().as_bytes());
        raw.extend_from_slice(b": ");
        raw.extend_from_slice(value.as_bytes());
        raw.extend_from_slice(b"\r\n");
        head.has_set_cookie |= *name == header::SET_COOKIE;
        head.has_location |= *name == header::LOCATION;
        head.has_coding |= *name == header::CONTENT_ENCODING;
        if *name == header::CONTENT_LENGTH
            && let Some(length) = value.to_str().ok().and_then(|value| value.parse().ok())
        {
            head.framing = Framing::Exact(length);
        }
    }
    raw.extend_from_slice(b"\r\n");
    head.length = raw.len();
    (head, raw)
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_loses_what_belongs_to_a_connection() {
        let bytes = b"POST /a?b=c HTTP/1.1\r\nHost: h:81\r\nX-Own: 1\r\nConnection: keep-alive\r\nTransfer-Encoding: \
            chunked\r\nCookie: a=b\r\n\r\nbody";
        let parted = parted(&Bytes::from_static(bytes), Scheme::Https, &mut None).unwrap();
        assert_eq!(parted.head.uri(), "https://h:81/a?b=c");
        assert_eq!(parted.head.method(), Method::POST);
        let names: Vec<_> = parted.head.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-own", "cookie"]);
        assert!(parted.is_chunked);
        assert_eq!(&parted.body[..], b"body");
    }

    #[test]
    fn each_request_goes_to_its_own_host() {
        let mut known = None;
        for host in ["one", "one", "other:81", "one"] {
            for length in [0, MAX_KEPT_BYTES] {
                let body = "x".repeat(length);
                let bytes = Bytes::from(format!("GET /{host} HTTP/1.1\r\nHost: {host}\r\nX-Own: {host}\r\n\r\n{body}"));
                let parted = parted(&bytes, Scheme::Http, &mut known).unwrap();
                assert_eq!(*parted.head.uri(), *format!("http://{host}/{host}"));
                assert_eq!(parted.head.headers()["x-own"], host);
                assert_eq!(parted.body, body);
            }
        }
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        for bytes in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], b"GET / HTTP/1.1\r\nHost: a", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"]
        {
            let Err(Failure::Http2 { text, in_body: false }) =
                parted(&Bytes::from_static(bytes), Scheme::Http, &mut None)
            else {
                panic!()
            };
            assert!(text.starts_with("the request cannot be sent over HTTP/2: "), "{text}");
        }
    }
}
