//! The ways one request can fail, kept apart as far as `requests`, `urllib3` and `http.client` keep them apart.
//! Only facts live here; what a person reads in the failure table is made from them elsewhere.

use crate::tls::TlsFailure;

/// Where in an exchange an input/output error or a timeout struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// During the TLS handshake.
    Handshake,
    /// Before the head of the response was complete (sending included).
    Head,
    /// While the body was coming in.
    Body,
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host name has no address; `code` and `text` are getaddrinfo's (`-2`, `Name or service not known`).
    #[error("[Errno {code}] {text}")]
    Resolve {
        /// The `EAI_*` code.
        code: i32,
        /// The system's text for it.
        text: String,
    },
    /// No address could be connected to; the last address's error. Also `EMFILE` and the like for the socket itself.
    #[error("cannot connect (errno {errno})")]
    Connect {
        /// The system's error number.
        errno: i32,
    },
    /// `connect_timeout` ran out on the last address.
    #[error("connecting timed out")]
    ConnectTimeout,
    /// `connect_timeout` ran out in the TLS handshake.
    #[error("the TLS handshake timed out")]
    HandshakeTimeout,
    /// `read_timeout` ran out with no byte coming in; `in_body` once the head was complete.
    #[error("reading timed out")]
    ReadTimeout {
        /// Whether the head had been read.
        in_body: bool,
    },
    /// The server closed the connection before the first byte of a response.
    #[error("the server closed the connection without a response")]
    ClosedWithoutResponse,
    /// An input/output error (`ECONNRESET`, …).
    #[error("connection broken (errno {errno})")]
    Io {
        /// The system's error number, 0 if it has none.
        errno: i32,
        /// When it happened.
        phase: Phase,
    },
    /// The first line is no HTTP status line; `line` as received (latin-1), with its line end.
    #[error("bad status line {line:?}")]
    BadStatusLine {
        /// The line.
        line: String,
    },
    /// A status line of HTTP, but not of HTTP/1.
    #[error("unknown protocol {version:?}")]
    UnknownProtocol {
        /// Its first word.
        version: String,
    },
    /// A status line or header line beyond the limit; `what` is `status line` or `header line`.
    #[error("{what} longer than {limit} bytes")]
    LineTooLong {
        /// Which line.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// More header lines than the limit.
    #[error("more than {limit} headers")]
    TooManyHeaders {
        /// The limit, the closing empty line counted.
        limit: usize,
    },
    /// Any other defect of the head.
    #[error("bad response head: {text}")]
    BadHead {
        /// What is wrong.
        text: String,
    },
    /// Several `Content-Length` values that differ; `value` is all of them, joined by `, `.
    #[error("conflicting content lengths {value:?}")]
    ConflictingLengths {
        /// The values.
        value: String,
    },
    /// The connection ended inside the body. With `in_chunk` the figures count within the chunk that broke off.
    #[error("incomplete body: {received} bytes read, {expected:?} more expected")]
    IncompleteBody {
        /// Bytes read.
        received: u64,
        /// Bytes still missing, where known.
        expected: Option<u64>,
        /// Whether a chunk broke off.
        in_chunk: bool,
    },
    /// The connection ended where a chunk's size should have been.
    #[error("response ended prematurely")]
    EndedBetweenChunks,
    /// A chunk's size is not a hexadecimal number; `line` is what precedes `;`, with the line end if there is no `;`.
    #[error("bad chunk size {line:?}")]
    BadChunk {
        /// The line.
        line: Vec<u8>,
        /// Body bytes read before it.
        received: u64,
    },
    /// The body does not decode as its `Content-Encoding` says.
    #[error("cannot decode {coding}: {text}")]
    Decode {
        /// The whole header value.
        coding: String,
        /// The decoder's complaint.
        text: String,
    },
    /// The rules of HTTP/2 were broken, or the server gave a reason of HTTP/2 for ending the request.
    #[error("HTTP/2: {text}")]
    Http2 {
        /// What went wrong.
        text: String,
        /// Whether the head had been read.
        in_body: bool,
    },
    /// The proxy opens no way through.
    #[error("{text}")]
    Tunnel {
        /// What it says, or what is wrong with it.
        text: String,
    },
    /// The server broke the rules of WebSocket, or we would have.
    #[error("{text}")]
    WebSocket {
        /// Which.
        text: String,
    },
    /// TLS failed.
    #[error(transparent)]
    Tls(TlsFailure),
    /// The body, decoded or not, is larger than `body_limit`.
    #[error("body larger than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// A fault of this engine, never of the server.
    #[error("internal fault: {text}")]
    Internal {
        /// What happened.
        text: String,
    },
}
