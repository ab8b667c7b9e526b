//! Request headers: the lines that all requests of a session share, and those of one request.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::text;

/// Header lines in order.
#[derive(Clone, Debug, Default)]
pub struct Lines(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    /// The name in lower case; a character is a byte of it.
    key: Box<str>,
    bytes: Box<[u8]>,
    /// The script gave the value as `bytes`, and sees it as such.
    is_bytes: bool,
}

impl Line {
    fn parts(&self) -> (&[u8], &[u8]) {
        let name = self.key.chars().count();
        (&self.bytes[..name], &self.bytes[name + 2..self.bytes.len() - 2])
    }
}

impl Lines {
    /// Set `name`, replacing an earlier line of that name in whatever case. `value` as it goes on the wire.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.place(name, value, false);
    }

    fn place(&mut self, name: &[u8], value: &[u8], is_bytes: bool) {
        let key = lower(name);
        let bytes = [name, b": ", value, b"\r\n"].concat().into();
        let line = Line { key, bytes, is_bytes };
        match self.0.iter_mut().find(|known| known.key == line.key) {
            Some(known) => *known = line,
            None => self.0.push(line),
        }
    }

    /// Take the line of this (lower-case) name away.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|line| *line.key != *key);
    }

    /// Whether there is a line of this (lower-case) name.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|line| *line.key == *key)
    }

    /// Names and values, as sent.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(Line::parts)
    }

    /// Names and values as scripts see them.
    pub fn shown<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyAny>)> {
        let shown = self.0.iter().map(|line| {
            let (name, value) = line.parts();
            let value = match line.is_bytes {
                true => PyBytes::new(py, value).into_any(),
                false => PyString::new(py, &text::latin1(value)).into_any(),
            };
            (text::latin1(name), value)
        });
        shown.collect()
    }

    /// The length that these lines claim.
    pub fn content_length(&self) -> Option<u64> {
        let line = self.0.iter().find(|line| *line.key == *"content-length")?;
        std::str::from_utf8(line.parts().1).ok()?.trim().parse().ok()
    }

    /// Whether these lines ask for the connection to be closed.
    pub fn asks_to_close(&self) -> bool {
        self.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case(b"connection")
                && value.to_ascii_lowercase().windows(5).any(|part| part == b"close")
        })
    }

    /// All lines, one after the other.
    pub fn joined(&self) -> Vec<u8> {
        self.0.iter().flat_map(|line| line.bytes.iter().copied()).collect()
    }

    /// All lines as they go on the wire below `requests`: urllib3 and `http.client` add two that nobody has set.
    pub fn sent(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        static USER_AGENT: PyOnceLock<String> = PyOnceLock::new();
        let mut bytes = Vec::new();
        if !self.has("accept-encoding") {
            bytes.extend_from_slice(b"Accept-Encoding: identity\r\n");
        }
        if !self.has("user-agent") {
            let agent = USER_AGENT.get_or_try_init(py, || {
                let version: String = py.import("urllib3")?.getattr("__version__")?.extract()?;
                Ok::<_, PyErr>(format!("User-Agent: python-urllib3/{version}\r\n"))
            })?;
            bytes.extend_from_slice(agent.as_bytes());
        }
        bytes.extend(self.0.iter().flat_map(|line| line.bytes.iter().copied()));
        Ok(bytes)
    }

    /// Apply a mapping of headers as `requests` merges them: `None` removes, anything else sets.
    pub fn merge(&mut self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(headers) = headers.cast_exact::<PyDict>() {
            for (name, value) in headers.iter() {
                self.merge_one(&name, &value)?;
            }
            return Ok(());
        }
        for pair in headers.call_method0(intern!(headers.py(), "items"))?.try_iter()? {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            self.merge_one(&name, &value)?;
        }
        Ok(())
    }

    fn merge_one(&mut self, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let shown = encoded(name, "ascii")?;
        if value.is_none() {
            self.remove(&lower(&shown));
            return Ok(());
        }
        let bytes = match value.cast::<PyString>() {
            Ok(_) => encoded(value, "latin-1")?,
            Err(_) => value.cast::<PyBytes>().map(|bytes| bytes.as_bytes().to_vec()).unwrap_or_default(),
        };
        let plain =
            !bytes.is_empty() && !bytes[0].is_ascii_whitespace() && !bytes.contains(&b'\n') && !bytes.contains(&b'\r');
        if !plain || shown.is_empty() || shown.iter().any(|byte| matches!(byte, b':' | b'\r' | b'\n' | b' ')) {
            // Not ordinary: `requests` decides whether it is an error, and words it.
            let check = value.py().import("requests.utils")?.getattr("check_header_validity")?;
            check.call1(((name, value),))?;
        }
        self.place(&shown, &bytes, value.is_instance_of::<PyBytes>());
        Ok(())
    }
}

/// The shared headers of a session, ready to be sent.
#[derive(Debug)]
pub struct Block {
    pub lines: Lines,
    pub bytes: Vec<u8>,
    pub asks_to_close: bool,
}

impl Block {
    /// A block of a session of `requests`, with what is sent for headers that it lacks.
    pub fn of_session(py: Python<'_>, lines: Lines) -> PyResult<Arc<Self>> {
        let bytes = lines.sent(py)?;
        let asks_to_close = lines.asks_to_close();
        Ok(Arc::new(Block { lines, bytes, asks_to_close }))
    }

    /// A block of these lines.
    pub fn of(lines: Lines) -> Arc<Self> {
        let bytes = lines.joined();
        let asks_to_close = lines.asks_to_close();
        Arc::new(Block { lines, bytes, asks_to_close })
    }

    /// What a session sends that nobody has given other headers.
    pub fn standard(py: Python<'_>) -> PyResult<Arc<Self>> {
        static STANDARD: PyOnceLock<Arc<Block>> = PyOnceLock::new();
        let standard = STANDARD.get_or_try_init(py, || {
            let headers = py.import("gregaria.clients")?.call_method0("default_headers")?;
            let mut lines = Lines::default();
            lines.merge(&headers)?;
            Block::of_session(py, lines)
        })?;
        Ok(Arc::clone(standard))
    }
}

/// A name as latin-1, in lower case: one character for each byte.
fn lower(name: &[u8]) -> Box<str> {
    name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect::<String>().into()
}

/// A header's name or value as `http.client` encodes it.
fn encoded(object: &Bound<'_, PyAny>, encoding: &str) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let string = object.cast::<PyString>()?;
    let utf8 = string.to_str()?;
    if utf8.is_ascii() {
        return Ok(utf8.as_bytes().to_vec());
    }
    let bytes = string.call_method1(intern!(object.py(), "encode"), (encoding,))?;
    Ok(bytes.cast::<PyBytes>()?.as_bytes().to_vec())
}
