//! Writing answers: well-formed ones through `Reply`, anything at all through `Wire::raw`. Decides nothing about content.

use std::io::{self, Write};

use crate::data;

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Continue,
    Close,
    /// With RST instead of FIN.
    Reset,
}

/// The side of a connection that routes write to.
pub(crate) struct Wire<'a> {
    pub stream: &'a mut dyn Write,
    /// Of this connection, counted from 1 over the server's life.
    pub connection: u64,
    /// Of this request on its connection, counted from 1.
    pub request: u64,
    /// How many requests this path has had.
    pub nth: u64,
    pub head_only: bool,
}

impl Wire<'_> {
    /// Sends bytes as they are, at once.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    pub fn send(&mut self, reply: Reply) -> io::Result<After> {
        let head_only = self.head_only;
        self.raw(&reply.to_bytes(head_only))?;
        Ok(After::Continue)
    }
}

/// A well-formed answer with a Content-Length.
pub(crate) struct Reply {
    status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".into(), content_type.into())];
        Self { status, reason: data::reason(status).into(), headers, body: body.into() }
    }

    pub fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "text/plain; charset=utf-8", body)
    }

    pub fn json(body: &serde_json::Value) -> Self {
        Self::new(200, "application/json", body.to_string())
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self.reason = data::reason(status).into();
        self
    }

    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.headers.retain(|(known, _)| name != "Content-Type" || known != "Content-Type");
        self.headers.push((name, value));
        self
    }

    pub fn to_bytes(&self, head_only: bool) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).into_bytes();
        for (name, value) in &self.headers {
            // Latin-1 where possible, so that routes can send any byte of a head.
            let value: Vec<u8> = match value.chars().all(|c| u32::from(c) < 256) {
                true => value.chars().map(|c| c as u8).collect(),
                false => value.clone().into_bytes(),
            };
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend(value);
            bytes.extend_from_slice(b"\r\n");
        }
        let bodyless = self.status == 204 || self.status == 304;
        if !bodyless {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        if !bodyless && !head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}
