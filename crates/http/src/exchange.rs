//! What goes into the reactor and what comes out of it: requests, commands, completions, events.
//! Plain data, no behaviour beyond comparing and packing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channel::Channel;
use crate::failure::Failure;
use crate::proxy::Proxy;
use crate::response::Response;
use crate::tls::TlsSettings;

/// How an origin is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS.
    Https,
}

/// Where a request goes. Share one `Arc` per session and origin: equal pointers are compared first.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// Host name or address literal; IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Needed for `Scheme::Https`.
    pub tls: Option<Arc<TlsSettings>>,
    /// The way there.
    pub proxy: Option<Arc<Proxy>>,
}

impl Origin {
    pub(crate) fn same_as(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other)
            || (self.scheme == other.scheme
                && self.port == other.port
                && self.host == other.host
                && self.proxy == other.proxy
                && match (&self.tls, &other.tls) {
                    (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
                    (None, None) => true,
                    _ => false,
                })
    }
}

/// A connection of the reactor; goes stale when the connection closes and is never given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(crate) fn new(slot: usize, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | slot as u64)
    }

    pub(crate) fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    pub(crate) fn from_token(token: mio::Token) -> Self {
        Self(token.0 as u64)
    }

    pub(crate) fn token(self) -> mio::Token {
        mio::Token(self.0 as usize)
    }
}

/// One request, ready for the wire.
#[derive(Debug)]
pub struct Request {
    /// Chosen by the caller; unique among the requests in flight.
    pub id: u64,
    /// Where it goes.
    pub origin: Arc<Origin>,
    /// An idle connection to that origin to use; if it is gone, a new one is opened.
    pub connection: Option<ConnectionId>,
    /// Head and body as they go on the wire.
    pub bytes: Vec<u8>,
    /// Whether the method is HEAD (its response has no body).
    pub is_head: bool,
    /// For connecting to each address, and for the TLS handshake.
    pub connect_timeout: Option<Duration>,
    /// Between two reads of the socket.
    pub read_timeout: Option<Duration>,
    /// The largest body, before and after decoding, in bytes.
    pub body_limit: u64,
    /// For bodies that come, or go, piece by piece: the completion then comes with the head of the response.
    pub channel: Option<Arc<Channel>>,
}

/// What the reactor is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Make this request; exactly one `Event::Completed` follows unless it is cancelled.
    Send(Box<Request>),
    /// Drop the request with this id and close its connection; no event follows (unless it was already on its way).
    Cancel(u64),
    /// Close this connection: at once if idle, after its response if busy.
    Close(ConnectionId),
    /// Look at this channel: send what was written, read on, begin a read timeout, or close an abandoned one.
    Attend(Arc<Channel>),
    /// Deliver `Event::Timer(key)` at `deadline`: never before, up to a millisecond late.
    Timer {
        /// Comes back in the event.
        key: u64,
        /// When.
        deadline: Instant,
    },
}

/// What the reactor has to tell.
#[derive(Debug)]
pub enum Event {
    /// A request has ended.
    Completed(Box<Completion>),
    /// A timer has come due.
    Timer(u64),
    /// Whoever waits on a channel by this number finds something there.
    Stirred(u64),
}

/// How a request ended.
#[derive(Debug)]
pub struct Completion {
    /// The request's id.
    pub id: u64,
    /// The response, or why there is none.
    pub result: Result<Response, Failure>,
    /// The connection used, if it is still open and can take the next request.
    pub connection: Option<ConnectionId>,
    /// When things happened.
    pub timings: Timings,
}

/// ```text
/// started ── connected (new connections only) ── first_byte ── finished
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// The reactor took the request up.
    pub started: Instant,
    /// The new connection was ready, TLS included.
    pub connected: Option<Instant>,
    /// The first bytes of the response were read.
    pub first_byte: Option<Instant>,
    /// The last byte of the body was read, or the request failed.
    pub finished: Instant,
    /// Whether an idle connection was used.
    pub reused: bool,
}
