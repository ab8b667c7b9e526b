//! Response heads: what the status line and the header lines say about version, status, framing and keep-alive.
//! Lenient where http.client is lenient; never looks at the body and holds no bytes.

use std::fmt;
use std::mem::MaybeUninit;

use crate::failure::Failure;

/// http.client's limit of one line, in bytes.
pub const MAX_LINE: usize = 65_536;
/// http.client's limit of header lines, the closing empty line counted.
pub const MAX_LINES: usize = 100;

const MAX_HEADERS: usize = MAX_LINES - 1;

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// There is no body.
    #[default]
    Empty,
    /// So many bytes.
    Exact(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Everything until the connection closes.
    UntilClose,
}

/// The facts taken from a head while framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// 100 to 999.
    pub status: u16,
    /// 0 or 1.
    pub minor_version: u8,
    /// Bytes from the status line to the empty line, both included.
    pub length: usize,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the connection may take another request.
    pub keep_alive: bool,
    /// There is a `Set-Cookie`.
    pub has_set_cookie: bool,
    /// There is a `Location`.
    pub has_location: bool,
    /// There is a `Content-Encoding`.
    pub has_coding: bool,
    /// What a stricter client would refuse.
    pub defect: Option<Defect>,
}

/// What http.client reads and others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The connection ended in the header lines.
    BrokenOff,
    /// `Content-Length` is no number.
    BadLength,
    /// `Content-Length` is there more than once.
    LengthTwice,
    /// `Content-Length` before chunked transfer coding.
    LengthAndChunks,
    /// `Content-Length` after chunked transfer coding.
    ChunksAndLength,
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BrokenOff => "it breaks off",
            Self::BadLength => "Content-Length is no number",
            Self::LengthTwice => "Content-Length is there twice",
            Self::LengthAndChunks => "Content-Length, and chunks",
            Self::ChunksAndLength => "chunks, and Content-Length",
        })
    }
}

impl Head {
    /// 100, 102, 103…: to be skipped. 101 is a final answer.
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// The head at the start of `bytes`; `None` while it is incomplete.
    ///
    /// # Errors
    /// Malformed or oversized heads, conflicting lengths.
    pub fn parse(bytes: &[u8], to_head_request: bool) -> Result<Option<Head>, Failure> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let mut config = httparse::ParserConfig::default();
        config
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .ignore_invalid_headers_in_responses(true);
        let length = match config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Failure::TooManyHeaders { limit: MAX_LINES });
            }
            Err(error) => {
                return Err(Failure::BadHead { text: error.to_string() });
            }
        };
        let mut facts = Facts::default();
        for header in response.headers.iter() {
            facts.note(header.name.as_bytes(), header.value);
        }
        let status = response.code.unwrap_or_default();
        if status < 100 {
            return Err(Failure::BadHead { text: format!("status {status}") });
        }
        let minor_version = response.version.unwrap_or_default();
        let framing = facts.framing(status, to_head_request)?;
        let keep_alive = status != 101 && framing != Framing::UntilClose && facts.keep_alive(minor_version);
        let defect = facts.defect(framing);
        let Facts { has_set_cookie, has_location, has_coding, .. } = facts;
        Ok(Some(Head {
            status,
            minor_version,
            length,
            framing,
            keep_alive,
            has_set_cookie,
            has_location,
            has_coding,
            defect,
        }))
    }
}

/// What http.client says about a status line (given with its line end, if it has one).
pub fn check_status_line(line: &[u8]) -> Result<(), Failure> {
    let bad = || Failure::BadStatusLine { line: latin1(line) };
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let version = words.next().ok_or_else(bad)?;
    if !version.starts_with(b"HTTP/") || line.first() != Some(&b'H') {
        return Err(bad());
    }
    let status = words.next().ok_or_else(bad)?;
    if status.len() != 3 || !status.iter().all(u8::is_ascii_digit) || status[0] == b'0' {
        return Err(bad());
    }
    if !matches!(version, b"HTTP/1.0" | b"HTTP/1.1") {
        return Err(Failure::UnknownProtocol { version: latin1(version) });
    }
    Ok(())
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// What the header lines say, gathered in one pass.
#[derive(Default)]
struct Facts<'a> {
    length: Option<&'a [u8]>,
    more_lengths: Vec<&'a [u8]>,
    chunked: bool,
    /// The length came after that.
    late_length: bool,
    close: bool,
    kept: bool,
    has_set_cookie: bool,
    has_location: bool,
    has_coding: bool,
}

impl<'a> Facts<'a> {
    fn note(&mut self, name: &[u8], value: &'a [u8]) {
        match name.len() {
            8 if name.eq_ignore_ascii_case(b"location") => self.has_location = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.close |= has_token(value, b"close");
                self.kept |= has_token(value, b"keep-alive");
            }
            10 if name.eq_ignore_ascii_case(b"set-cookie") => self.has_set_cookie = true,
            10 if name.eq_ignore_ascii_case(b"keep-alive") => self.kept = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => match self.length {
                None => (self.length, self.late_length) = (Some(value), self.chunked),
                Some(_) => self.more_lengths.push(value),
            },
            16 if name.eq_ignore_ascii_case(b"content-encoding") => self.has_coding = true,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.chunked |= has_token(value, b"chunked"),
            _ => {}
        }
    }

    fn framing(&self, status: u16, to_head_request: bool) -> Result<Framing, Failure> {
        if to_head_request || status < 200 || status == 204 || status == 304 {
            return Ok(Framing::Empty);
        }
        if self.chunked {
            return Ok(Framing::Chunked);
        }
        Ok(match self.content_length()? {
            Some(0) => Framing::Empty,
            Some(length) => Framing::Exact(length),
            None => Framing::UntilClose,
        })
    }

    fn defect(&self, framing: Framing) -> Option<Defect> {
        self.length?;
        match framing {
            Framing::Chunked if self.late_length => Some(Defect::ChunksAndLength),
            Framing::Chunked => Some(Defect::LengthAndChunks),
            _ if !self.more_lengths.is_empty() => Some(Defect::LengthTwice),
            Framing::UntilClose => Some(Defect::BadLength),
            Framing::Empty | Framing::Exact(_) => None,
        }
    }

    /// urllib3's rules: a value that is no number is as good as none; several that differ are an error.
    fn content_length(&self) -> Result<Option<u64>, Failure> {
        let Some(first) = self.length else {
            return Ok(None);
        };
        if self.more_lengths.is_empty() && !first.contains(&b',') {
            return Ok(decimal(first));
        }
        let value = [&[first], &self.more_lengths[..]].concat().join(&b", "[..]);
        let parts: Option<Vec<u64>> =
            value.split(|byte| *byte == b',').map(|part| decimal(part.trim_ascii())).collect();
        let Some(parts) = parts else { return Ok(None) };
        if parts.iter().any(|part| *part != parts[0]) {
            return Err(Failure::ConflictingLengths { value: latin1(&value) });
        }
        Ok(Some(parts[0]))
    }

    fn keep_alive(&self, minor_version: u8) -> bool {
        !self.close && (minor_version >= 1 || self.kept)
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    value.eq_ignore_ascii_case(token)
        || value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}
