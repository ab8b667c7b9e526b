//! What goes into the reactor and what comes out of it: requests, commands, completions, events.
//! Plain data, no behaviour beyond comparing and packing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channel::Channel;
use crate::failure::Failure;
use crate::network::{HttpVersion, Network, SharedConnection};
use crate::proxy::{Proxy, ProxyKind};
use crate::response::Response;
use crate::survey::UnderWay;
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
    /// How its connections are made, where that is not the usual way.
    pub network: Option<Arc<Network>>,
}

impl Origin {
    /// How its connections are made.
    pub fn http_version(&self) -> HttpVersion {
        self.network.as_ref().map_or(HttpVersion::One, |network| network.http_version)
    }

    /// How long the addresses of its host are believed.
    pub(crate) fn address_lifetime(&self) -> Option<Duration> {
        self.network.as_ref()?.address_lifetime
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.network.as_ref()?.idle_timeout
    }

    pub(crate) fn max_requests(&self) -> u32 {
        self.network.as_ref().and_then(|network| network.max_requests).unwrap_or(u32::MAX)
    }

    /// Whether requests at the same time may share a connection. Through an HTTP proxy, which reads along, only with TLS.
    pub fn may_share(&self) -> bool {
        let is_https = self.scheme == Scheme::Https;
        let is_read = !is_https && self.proxy.as_ref().is_some_and(|proxy| proxy.kind == ProxyKind::Http);
        !is_read && self.network.as_ref().is_some_and(|network| network.may_share(is_https))
    }

    pub(crate) fn same_as(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other)
            || (self.scheme == other.scheme
                && self.port == other.port
                && self.host == other.host
                && self.proxy == other.proxy
                && self.network == other.network
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

    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
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
    /// Where the session's requests to this origin meet on one connection, if the origin's version of HTTP allows that.
    pub shared: Option<Arc<SharedConnection>>,
    /// Head and body as they go on the wire.
    pub bytes: Vec<u8>,
    /// Whether the method is HEAD (its response has no body).
    pub is_head: bool,
    /// For connecting to each address, and for the TLS handshake.
    pub connect_timeout: Option<Duration>,
    /// Between two reads of the socket.
    pub read_timeout: Option<Duration>,
    /// The largest body that is kept, before and after decoding, in bytes; a larger one is counted and dropped.
    pub body_limit: u64,
    /// For bodies that come, or go, piece by piece: the completion then comes with the head of the response.
    pub channel: Option<Arc<Channel>>,
    /// When the caller asked for it, if that is to be told in the timings.
    pub queued: Option<Instant>,
}

/// Unless said otherwise, larger bodies are not kept.
pub const DEFAULT_BODY_LIMIT_BYTES: u64 = 1 << 30;

impl Request {
    /// A request over a new connection, without timeouts.
    pub fn new(origin: Arc<Origin>, bytes: Vec<u8>) -> Self {
        Self {
            id: 0,
            origin,
            connection: None,
            shared: None,
            bytes,
            is_head: false,
            connect_timeout: None,
            read_timeout: None,
            body_limit: DEFAULT_BODY_LIMIT_BYTES,
            queued: None,
            channel: None,
        }
    }
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
    /// From now on a connection to this host and port goes to these addresses, in this order.
    Resolve {
        /// As in URLs, in lower case.
        host: String,
        /// TCP port.
        port: u16,
        /// None to ask the system again.
        addresses: Vec<std::net::IpAddr>,
    },
    /// Deliver `Event::Surveyed` with the oldest exchanges under way, this many at the most.
    Survey(usize),
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
    /// The exchanges under way whose completion is still to come, the oldest first.
    Surveyed(Vec<UnderWay>),
}

/// How a request ended.
#[derive(Debug)]
pub struct Completion {
    /// The request's id.
    pub id: u64,
    /// The response, or why there is none.
    pub result: Result<Response, Failure>,
    /// Of a response that failed in its body: what there is of it.
    pub broken: Option<Box<Broken>>,
    /// The connection used, if it is still open and can take the next request.
    pub connection: Option<ConnectionId>,
    /// When things happened.
    pub timings: Timings,
}

/// A response that failed in its body.
#[derive(Debug)]
pub struct Broken {
    /// The head, and what came of the body, not content-decoded.
    pub response: Response,
    /// What was wrong came in one read with the end of the head.
    pub at_once: bool,
}

/// When things happened, in the order of time.
///
/// ```text
/// queued ── started ── (opening) ── sent ── first_byte ── finished
///    blocked │  dns, connect, tls │ send │ wait      │ receive
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// The caller asked for it, as it said in the request.
    pub queued: Option<Instant>,
    /// The reactor took the request up: response time starts.
    pub started: Instant,
    /// How the new connection came about; `None` if an idle one was used.
    pub opening: Option<Opening>,
    /// The request's last byte was given to the system.
    pub sent: Option<Instant>,
    /// The first bytes of the response were read.
    pub first_byte: Option<Instant>,
    /// The last byte of the body was read, or the request failed.
    pub finished: Instant,
    /// Whether an idle connection was used.
    pub reused: bool,
}

/// The making of a connection: when each step ended, in success or in failure.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opening {
    /// The addresses were there; `None` if nobody had to be asked.
    pub looked_up: Option<Instant>,
    /// The TCP connection was there.
    pub reached: Option<Instant>,
    /// The TLS handshake was over; `None` without TLS.
    pub secured: Option<Instant>,
}

/// How long each part of an exchange took; `None` for what did not take place. All but `blocked` add up to the response
/// time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    /// In the generator's own queue, before response time starts.
    pub blocked: Option<Duration>,
    /// Waiting for the addresses of a name.
    pub dns: Option<Duration>,
    /// Until the TCP connection was there.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// Until the request's last byte was given to the system.
    pub send: Option<Duration>,
    /// Until the response's first byte.
    pub wait: Option<Duration>,
    /// Until the response's last byte.
    pub receive: Option<Duration>,
}

impl Durations {
    /// In the order of time.
    pub fn in_order(&self) -> [Option<Duration>; 7] {
        [self.blocked, self.dns, self.connect, self.tls, self.send, self.wait, self.receive]
    }
}

impl Timings {
    /// When the connection was ready for the request: `None` if it was there already or never came about.
    pub fn connected(&self) -> Option<Instant> {
        let opening = self.opening?;
        opening.secured.or(opening.reached)
    }

    /// The parts. The part in which a request failed lasts until then.
    pub fn durations(&self) -> Durations {
        let mut durations = Durations {
            blocked: self.queued.map(|queued| self.started.saturating_duration_since(queued)),
            ..Durations::default()
        };
        let mut last = self.started;
        let mut until = |mark: Option<Instant>| {
            mark.map(|mark| {
                let taken = mark.saturating_duration_since(last);
                last = last.max(mark);
                taken
            })
        };
        if let Some(opening) = &self.opening {
            durations.dns = until(opening.looked_up);
            durations.connect = until(opening.reached);
            durations.tls = until(opening.secured);
        }
        let sent = match (self.sent, self.first_byte) {
            (Some(sent), Some(first)) => Some(sent.min(first)),
            (sent, first) => sent.or(first),
        };
        durations.send = until(sent);
        if self.first_byte.is_some() {
            durations.wait = until(self.first_byte);
            durations.receive = until(Some(self.finished));
        } else if self.sent.is_some() {
            durations.wait = until(Some(self.finished));
        }
        durations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn marks(started: Instant) -> impl Fn(u32) -> Option<Instant> {
        move |ms| Some(started + MS * ms)
    }

    #[test]
    fn parts_follow_each_other_and_add_up() {
        let queued = Instant::now();
        let at = marks(queued);
        let opening = Opening { looked_up: at(3), reached: at(6), secured: at(10) };
        let timings = Timings {
            queued: Some(queued),
            started: queued + MS,
            opening: Some(opening),
            sent: at(15),
            first_byte: at(21),
            finished: queued + MS * 28,
            reused: false,
        };
        let parts = timings.durations();
        let expected = [1, 2, 3, 4, 5, 6, 7].map(|ms| Some(MS * ms));
        let told = [parts.blocked, parts.dns, parts.connect, parts.tls, parts.send, parts.wait, parts.receive];
        assert_eq!(told, expected);
        assert_eq!(timings.connected(), at(10));
    }

    #[test]
    fn an_answer_before_the_request_was_sent_leaves_no_wait() {
        let started = Instant::now();
        let at = marks(started);
        let timings = Timings {
            queued: None,
            started,
            opening: None,
            sent: at(9),
            first_byte: at(4),
            finished: started + MS * 10,
            reused: true,
        };
        let parts = timings.durations();
        assert_eq!((parts.send, parts.wait, parts.receive), (Some(MS * 4), Some(Duration::ZERO), Some(MS * 6)));
        assert_eq!((parts.blocked, parts.dns, parts.connect, parts.tls), (None, None, None, None));
    }
}
