//! What is shown of heads and bodies: cut, secrets replaced, and bytes that are no text in hex.

use serde::{Deserialize, Serialize};

use super::redact::Redaction;
use crate::errors::beginning;

/// So many bytes of a body are shown.
pub const BODY_BYTES: usize = 1 << 10;
/// So many bytes of a body are looked at, so that a secret that begins before the cut is known for one.
const LOOKED_AT: usize = 4 << 10;
/// So many bytes of what is no text are shown, in hex.
const HEX_BYTES: usize = 64;
/// So many bytes of a head or a URL are shown.
const HEAD_BYTES: usize = 8 << 10;

/// The beginning of a body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Text, or bytes in hex.
    pub text: String,
    /// The whole body's length.
    pub bytes: u64,
    /// Whether `text` is all of it.
    pub complete: bool,
    /// Whether `text` is hex.
    pub is_hex: bool,
}

impl Body {
    /// What is shown of a body that begins with `start` and has so many bytes altogether.
    pub fn of(start: &[u8], bytes: u64, redaction: &Redaction) -> Option<Self> {
        if bytes == 0 && start.is_empty() {
            return None;
        }
        let looked_at = &start[..start.len().min(LOOKED_AT)];
        let Some(plain) = as_text(looked_at, looked_at.len() < start.len()) else {
            let shown = &start[..start.len().min(HEX_BYTES)];
            let text = shown.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
            return Some(Body { text, bytes, complete: shown.len() as u64 >= bytes, is_hex: true });
        };
        let complete = looked_at.len() as u64 >= bytes;
        let text = redaction.text(plain);
        match text.len() > BODY_BYTES {
            true => Some(Body { text: beginning(&text, BODY_BYTES), bytes, complete: false, is_hex: false }),
            false => Some(Body { text, bytes, complete, is_hex: false }),
        }
    }
}

/// Bytes as text, if that is what they are; `is_cut` allows for a character that is not whole at the end.
fn as_text(bytes: &[u8], is_cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    (!text.bytes().any(is_control)).then_some(text)
}

/// A first line and header lines as one text.
pub fn head<'a>(first: &str, headers: impl Iterator<Item = (&'a [u8], &'a [u8])>, redaction: &Redaction) -> String {
    let mut head = redaction.text(first);
    for (name, value) in headers {
        let (name, value) = (latin1(name), latin1(value));
        head.push_str("\r\n");
        head.push_str(&name);
        head.push_str(": ");
        head.push_str(&redaction.header(&name, &value));
        if head.len() > HEAD_BYTES {
            return beginning(&head, HEAD_BYTES);
        }
    }
    head
}

/// A head as it goes over the wire, as one text. Lines that are no headers are left out.
pub fn raw_head(head: &[u8], redaction: &Redaction) -> String {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = latin1(lines.next().unwrap_or_default());
    let pairs = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    self::head(&first, pairs, redaction)
}

/// A URL as it is shown.
pub fn url(url: &str, redaction: &Redaction) -> String {
    let shown = redaction.text(url);
    if shown.len() > HEAD_BYTES { beginning(&shown, HEAD_BYTES) } else { shown }
}

/// Bytes of a head as text; they are UTF-8 or else latin-1.
fn latin1(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &[u8]) -> Body {
        Body::of(body, body.len() as u64, &Redaction::default()).unwrap()
    }

    #[test]
    fn a_body_is_cut_between_characters() {
        assert_eq!(Body::of(b"", 0, &Redaction::default()), None);
        let whole = shown("grün".as_bytes());
        assert_eq!((whole.text.as_str(), whole.bytes, whole.complete, whole.is_hex), ("grün", 5, true, false));
        let long = shown("é".repeat(9_000).as_bytes());
        assert!(long.text.len() <= BODY_BYTES + 3 && long.text.ends_with("é…"), "{}", long.text.len());
        assert_eq!((long.bytes, long.complete, long.is_hex), (18_000, false, false));
        let dropped = Body::of(b"", 70_000, &Redaction::default()).unwrap();
        assert_eq!((dropped.text.as_str(), dropped.bytes, dropped.complete), ("", 70_000, false));
    }

    #[test]
    fn bytes_are_hex() {
        let png = shown(b"\x89PNG\r\n\x1a\n");
        assert_eq!((png.text.as_str(), png.complete, png.is_hex), ("89 50 4e 47 0d 0a 1a 0a", true, true));
        let zeros = shown(&[0; 5_000]);
        assert_eq!((zeros.text.len(), zeros.bytes, zeros.complete, zeros.is_hex), (191, 5_000, false, true));
        assert!(shown(b"caf\xe9").is_hex, "no UTF-8");
    }

    #[test]
    fn a_secret_that_the_cut_goes_through_is_removed() {
        let body = format!("{{\"a\": \"{}\", \"password\": \"{}\"}}", "x".repeat(990), "hunter2".repeat(700));
        let told = shown(body.as_bytes());
        assert!(told.text.ends_with("\"password\": \"(removed)\""), "{}", told.text);
        assert!(!told.text.contains("hunter2") && !told.complete);
    }

    #[test]
    fn heads_are_lines_and_bounded() {
        let headers = [(&b"Host"[..], &b"h"[..]), (b"Cookie", b"a=1; b=2"), (b"X-Name", b"J\xf6rg")];
        let told = head("GET /?token=abc HTTP/1.1", headers.into_iter(), &Redaction::default());
        let expected = "GET /?token=(removed) HTTP/1.1\r\nHost: h\r\nCookie: a=(removed); b=(removed)\r\nX-Name: Jörg";
        assert_eq!(told, expected);
        let raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nnonsense\r\nX:y\r\n\r\n";
        let expected = "HTTP/1.1 200 OK\r\nSet-Cookie: a=(removed); Path=/\r\nX: y";
        assert_eq!(raw_head(raw, &Redaction::default()), expected);
        let long = vec![b'v'; 5_000];
        let many = std::iter::repeat_n((&b"X"[..], &long[..]), 100);
        assert!(head("GET / HTTP/1.1", many, &Redaction::default()).len() <= HEAD_BYTES + 3);
    }
}
