//! Reading one request from a connection: head, query, body. Knows nothing of what will be answered.

use std::io::{self, Read, Write};
use std::time::Instant;

use crate::data;

const MAX_HEAD_BYTES: usize = 1 << 20;
const MAX_HEADERS: usize = 256;

/// A whole request, as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub method: String,
    pub target: String,
    pub http10: bool,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// When the last byte of it was read: delays count from here.
    pub received: Instant,
}

impl Request {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("")
    }

    /// The path's segments after the first, percent-decoded.
    pub fn arguments(&self) -> Vec<String> {
        self.path().split('/').skip(2).map(data::percent_decode).collect()
    }

    pub fn argument<T: std::str::FromStr>(&self, index: usize, default: T) -> T {
        self.arguments().get(index).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// The query's pairs in order, percent-decoded.
    pub fn query(&self) -> Vec<(String, String)> {
        self.target.split_once('?').map_or_else(Vec::new, |(_, query)| data::form_decode(query))
    }

    pub fn option(&self, name: &str) -> Option<String> {
        self.query().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        self.option(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn wants_close(&self) -> bool {
        let asked = self.header("connection").unwrap_or("").to_ascii_lowercase();
        asked.contains("close") || (self.http10 && !asked.contains("keep-alive"))
    }
}

/// What came instead of a request, when none did.
#[derive(Debug)]
pub(crate) enum Incoming {
    Request(Box<Request>),
    /// The peer closed between requests.
    End,
    /// Not HTTP.
    Malformed,
}

/// Bytes of a connection that are read but not yet used.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    fn fill(&mut self, stream: &mut dyn Read) -> io::Result<bool> {
        let mut chunk = [0u8; 16 * 1024];
        let count = stream.read(&mut chunk)?;
        self.bytes.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(count);
        std::mem::replace(&mut self.bytes, rest)
    }
}

/// Reads the next request; answers `Expect: 100-continue` by itself, as most servers do.
pub(crate) fn read<S: Read + Write>(stream: &mut S, buffer: &mut Buffer) -> io::Result<Incoming> {
    loop {
        match parse_head(&buffer.bytes) {
            Ok(Some((length, mut request))) => {
                buffer.take(length);
                if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
                    stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                    stream.flush()?;
                }
                request.body = read_body(stream, buffer, &request)?;
                request.received = Instant::now();
                return Ok(Incoming::Request(Box::new(request)));
            }
            Ok(None) if buffer.bytes.len() < MAX_HEAD_BYTES => {}
            Ok(None) | Err(_) => return Ok(Incoming::Malformed),
        }
        if !buffer.fill(stream)? {
            return Ok(Incoming::End);
        }
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<(usize, Request)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes)? else {
        return Ok(None);
    };
    let request = Request {
        method: parsed.method.unwrap_or("").to_owned(),
        target: parsed.path.unwrap_or("").to_owned(),
        http10: parsed.version == Some(0),
        headers: parsed.headers.iter().map(|header| (header.name.to_owned(), data::latin1(header.value))).collect(),
        body: Vec::new(),
        received: Instant::now(),
    };
    Ok(Some((length, request)))
}

fn read_body(stream: &mut dyn Read, buffer: &mut Buffer, request: &Request) -> io::Result<Vec<u8>> {
    if request.header("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked")) {
        return read_chunks(stream, buffer);
    }
    let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    read_exactly(stream, buffer, length)
}

fn read_exactly(stream: &mut dyn Read, buffer: &mut Buffer, length: usize) -> io::Result<Vec<u8>> {
    while buffer.bytes.len() < length {
        if !buffer.fill(stream)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.take(length))
}

fn read_line(stream: &mut dyn Read, buffer: &mut Buffer) -> io::Result<String> {
    loop {
        if let Some(end) = buffer.bytes.iter().position(|byte| *byte == b'\n') {
            let line = buffer.take(end + 1);
            return Ok(data::latin1(&line).trim_end().to_owned());
        }
        if !buffer.fill(stream)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn read_chunks(stream: &mut dyn Read, buffer: &mut Buffer) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream, buffer)?;
        let size = line.split(';').next().unwrap_or("").trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        if size == 0 {
            while !read_line(stream, buffer)?.is_empty() {}
            return Ok(body);
        }
        body.extend(read_exactly(stream, buffer, size)?);
        read_line(stream, buffer)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8]) -> Incoming {
        let mut stream = io::Cursor::new(Vec::new());
        let mut buffer = Buffer { bytes: bytes.to_vec() };
        read(&mut stream, &mut buffer).unwrap()
    }

    #[test]
    fn reads_a_chunked_body_and_its_trailers() {
        let head = b"POST /echo?a=1&b=x%20y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body = b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
        let Incoming::Request(request) = one(&[&head[..], &body[..]].concat()) else { panic!("no request") };
        assert_eq!(request.body, b"abcde");
        assert_eq!(request.path(), "/echo");
        assert_eq!(request.option("b").unwrap(), "x y");
    }

    #[test]
    fn garbage_is_malformed_and_silence_is_the_end() {
        assert!(matches!(one(b"\x16\x03\x01\x02\x00"), Incoming::Malformed));
        assert!(matches!(one(b""), Incoming::End));
    }
}
