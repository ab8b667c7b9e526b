//! A complete response: its raw head, its body, and the few facts taken from the head while framing it.
//! Headers are found again on demand; most responses are never asked for one.

use memchr::memchr;

use crate::codec::{Defect, Head};

/// A response whose body is complete and content-decoded.
#[derive(Debug, Clone)]
pub struct Response {
    head: Head,
    /// Head, then the body without its transfer coding.
    raw: Vec<u8>,
    decoded: Option<Vec<u8>>,
    wire_body_bytes: u64,
    is_kept: bool,
}

impl Response {
    pub(crate) fn new(head: Head, raw: Vec<u8>) -> Self {
        let wire_body_bytes = (raw.len() - head.length) as u64;
        Self { head, raw, decoded: None, wire_body_bytes, is_kept: true }
    }

    pub(crate) fn put_decoded(&mut self, body: Vec<u8>) {
        self.raw.truncate(self.head.length);
        self.decoded = Some(body);
    }

    pub(crate) fn into_raw(self) -> Vec<u8> {
        self.raw
    }

    /// The response as if its body were empty.
    pub fn into_head(mut self) -> Self {
        self.raw.truncate(self.head.length);
        self.wire_body_bytes = 0;
        self
    }

    /// Whether there is a body that is still to be content-decoded.
    pub(crate) fn is_coded(&self) -> bool {
        self.head.has_coding && self.is_kept && self.wire_body_bytes > 0
    }

    /// The body was beyond the limit: so many bytes of it came.
    pub(crate) fn drop_body(&mut self, wire_body_bytes: u64) {
        self.raw.truncate(self.head.length);
        self.raw.shrink_to_fit();
        self.decoded = None;
        self.wire_body_bytes = wire_body_bytes;
        self.is_kept = false;
    }

    /// False for a body beyond the limit, which was counted and dropped.
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The body's length, decoded; of a body that was not kept, as it came.
    pub fn body_bytes(&self) -> u64 {
        if self.is_kept { self.body().len() as u64 } else { self.wire_body_bytes }
    }

    /// The status code, 100 to 999.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// 10 for HTTP/1.0, 11 for HTTP/1.1.
    pub fn version(&self) -> u8 {
        10 + self.head.minor_version
    }

    /// The reason phrase, possibly empty.
    pub fn reason(&self) -> &[u8] {
        let line = line_at(&self.raw, 0).0;
        let mut words = line.splitn(3, |byte| *byte == b' ');
        words.nth(2).unwrap_or_default().trim_ascii()
    }

    /// The head as received, from the status line to the empty line.
    pub fn head_bytes(&self) -> &[u8] {
        &self.raw[..self.head.length]
    }

    /// Names and values in order, as sent. A folded value keeps its line ends.
    pub fn headers(&self) -> Headers<'_> {
        let head = self.head_bytes();
        Headers { head, position: line_at(head, 0).1 }
    }

    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// What a stricter client than http.client would refuse.
    pub fn defect(&self) -> Option<Defect> {
        self.head.defect
    }

    /// Whether there is a `Set-Cookie` header.
    pub fn has_set_cookie(&self) -> bool {
        self.head.has_set_cookie
    }

    /// Whether there is a `Location` header.
    pub fn has_location(&self) -> bool {
        self.head.has_location
    }

    /// The body, content-decoded.
    pub fn body(&self) -> &[u8] {
        self.decoded.as_deref().unwrap_or(&self.raw[self.head.length..])
    }

    /// The body, content-decoded, without a copy where it was decoded.
    pub fn into_body(mut self) -> Vec<u8> {
        self.decoded.take().unwrap_or_else(|| {
            self.raw.drain(..self.head.length);
            self.raw
        })
    }

    /// The body's length before content decoding, chunk framing not counted.
    pub fn wire_body_bytes(&self) -> u64 {
        self.wire_body_bytes
    }
}

/// Iterates over the header lines of a raw head.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    head: &'a [u8],
    position: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.position < self.head.len() {
            let start = self.position;
            let (line, mut next) = line_at(self.head, start);
            if line.is_empty() {
                break;
            }
            while matches!(self.head.get(next), Some(b' ' | b'\t')) {
                next = line_at(self.head, next).1;
            }
            self.position = next;
            let Some(colon) = memchr(b':', line) else {
                continue;
            };
            let name = line[..colon].trim_ascii();
            if !name.is_empty() {
                return Some((name, self.head[start + colon + 1..next].trim_ascii()));
            }
        }
        None
    }
}

/// The line that starts at `start`, without its line end, and where the next one starts.
fn line_at(bytes: &[u8], start: usize) -> (&[u8], usize) {
    let rest = &bytes[start..];
    match memchr(b'\n', rest) {
        Some(end) => (rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]), start + end + 1),
        None => (rest, bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use crate::codec::tests::decode_all;

    #[test]
    fn headers_are_found_lazily_and_whatever_their_case() {
        let response = decode_all(
            b"HTTP/1.1 200 All Is Well\r\nA: 1\r\nno colon\r\nX-Folded: a\r\n  b\r\nset-cookie: x=1\r\na: 2\r\ncontent-length: 2\r\n\r\nhi",
        )
        .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.version(), 11);
        assert_eq!(response.reason(), b"All Is Well");
        assert!(response.has_set_cookie() && !response.has_location());
        assert_eq!(response.header("A"), Some(&b"1"[..]));
        assert_eq!(response.header("x-folded"), Some(&b"a\r\n  b"[..]));
        let names: Vec<_> = response.headers().map(|(name, _)| name).collect();
        assert_eq!(names, [&b"A"[..], b"X-Folded", b"set-cookie", b"a", b"content-length"]);
        assert_eq!(response.into_body(), b"hi");
    }

    #[test]
    fn a_missing_reason_is_empty() {
        let response = decode_all(b"HTTP/1.0 204\r\n\r\n").unwrap();
        assert_eq!((response.reason(), response.version()), (&b""[..], 10));
        assert_eq!(response.body(), b"");
    }
}
