//! HTTP/2: many exchanges on one connection, by the `h2` library, which is driven by hand: bytes in, bytes out, and a look at
//! every exchange that has something to tell. No sockets and no runtime here, and no clock but the one handed in.
//!
//! ```text
//! feed(bytes) ── advance(now) ── Told, Told … ── outgoing() to the socket
//! ```

mod failure;
mod message;
mod pipe;
mod stream;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use http::uri::Authority;
use slab::Slab;

use crate::channel::Channel;
use crate::exchange::{Completion, Opening, Request, Timings};
use crate::failure::Failure;
pub(crate) use failure::Ending;
use pipe::{Flag, Pipe};
pub(crate) use stream::Stream;

/// What one exchange may send before it has to be read, and all of them together.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// http.client's limits, all lines together.
const MAX_HEADER_BYTES: u32 = 256 << 10;
/// What an upload may have waiting in the library.
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// How many may begin before the server has said how many it takes: so none is refused for being early.
const MAX_EARLY_STREAMS: usize = 1;

/// A request that waits for its connection, or for its turn.
pub(crate) struct Waiting {
    pub request: Box<Request>,
    pub started: Instant,
    /// How the connection came about, if the request waited for that.
    pub opening: Option<Opening>,
    /// Whether the connection was opened for it.
    pub is_first: bool,
    /// Connections that it was on and that did nothing about it.
    pub moves: u8,
}

impl Waiting {
    /// The completion of a request that never got on a connection.
    pub fn failed(&self, failure: Failure, now: Instant) -> Completion {
        let timings = Timings {
            queued: self.request.queued,
            started: self.started,
            opening: self.opening,
            sent: None,
            first_byte: None,
            finished: now,
            reused: !self.is_first,
        };
        Completion { id: self.request.id, result: Err(failure), broken: None, connection: None, timings }
    }
}

/// What an exchange has to tell.
pub(crate) enum Told {
    /// It is complete, or with a channel: its head is there.
    Completed(Box<Completion>),
    /// Something is there for this channel's other side.
    Stirred(Arc<Channel>),
    /// The server has not looked at it: another connection may take it.
    Unprocessed(Waiting),
}

pub(crate) struct Session {
    pipe: Pipe,
    connection: Connection<Pipe, Bytes>,
    sender: SendRequest<Bytes>,
    /// Whom the last request was for.
    known: Option<Authority>,
    streams: Slab<Stream>,
    flag: Arc<Flag>,
    /// Why nothing more can be done here; told to all.
    ending: Option<Ending>,
    /// Nothing has come yet.
    is_fresh: bool,
}

impl Session {
    /// Ready for requests at once: nothing has to be waited for.
    pub fn new() -> Result<Self, Failure> {
        let pipe = Pipe::default();
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .initial_max_send_streams(MAX_EARLY_STREAMS);
        let mut context = Context::from_waker(Waker::noop());
        match pin!(builder.handshake(pipe.clone())).poll(&mut context) {
            Poll::Ready(Ok((sender, connection))) => {
                let (streams, flag) = (Slab::new(), Arc::new(Flag::default()));
                Ok(Self { pipe, connection, sender, known: None, streams, flag, ending: None, is_fresh: true })
            }
            Poll::Ready(Err(error)) => Err(Failure::Internal { text: format!("HTTP/2 does not begin: {error}") }),
            Poll::Pending => Err(Failure::Internal { text: "HTTP/2 does not begin".to_owned() }),
        }
    }

    /// Whether another request can be begun.
    pub fn is_open(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.ending.is_none() && matches!(self.sender.poll_ready(&mut context), Poll::Ready(Ok(())))
    }

    /// Whether no exchange is under way.
    pub fn is_idle(&self) -> bool {
        self.streams.is_empty()
    }

    /// The exchanges under way.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().map(|(_, stream)| stream)
    }

    /// Whether nothing more can be done here.
    pub fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    /// Begins an exchange; beyond what the server allows at a time, it waits its turn.
    pub fn begin(&mut self, waiting: Waiting, now: Instant, told: &mut Vec<Told>) {
        match Stream::begin(&mut self.sender.clone(), &mut self.known, waiting, now) {
            Ok(stream) => {
                self.streams.insert(stream);
                self.flag.set();
            }
            Err(refused) => {
                let (waiting, failure) = *refused;
                told.push(Told::Completed(Box::new(waiting.failed(failure, now))));
            }
        }
    }

    /// Takes what has come from the socket.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if std::mem::take(&mut self.is_fresh) && bytes.starts_with(b"HTTP/1.") {
            let text = "the server answers in HTTP/1.1".to_owned();
            return Err(Failure::Http2 { text, in_body: false });
        }
        self.pipe.bytes().incoming.extend_from_slice(bytes);
        self.flag.set();
        Ok(())
    }

    /// Nothing more comes from the socket.
    pub fn end_input(&mut self) {
        self.pipe.bytes().ended = true;
        self.flag.set();
    }

    /// Swaps what is to be sent into `outgoing`, which is empty.
    pub fn take_outgoing(&mut self, outgoing: &mut Vec<u8>) {
        std::mem::swap(&mut self.pipe.bytes().outgoing, outgoing);
        if outgoing.len() >= pipe::FULL_BYTES {
            self.flag.set();
        }
    }

    /// Lets everything go on that can.
    pub fn advance(&mut self, now: Instant, told: &mut Vec<Told>) {
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut context = Context::from_waker(&waker);
        while self.flag.take() && self.ending.is_none() {
            if let Poll::Ready(outcome) = pin!(&mut self.connection).poll(&mut context) {
                self.ending = Some(Ending::of(outcome));
            }
            let is_settled = self.advance_streams(now, told);
            if is_settled && self.streams.is_empty() && self.is_open() {
                // What the connection may have to say, a window perhaps, can wait until it is used again.
                self.flag.set();
                break;
            }
        }
        self.advance_streams(now, told);
        if let Some(ending) = &self.ending {
            for stream in self.streams.drain() {
                stream.fail(ending, now, told);
            }
        }
    }

    /// Whether those that ended have left nothing to say to the server.
    fn advance_streams(&mut self, now: Instant, told: &mut Vec<Told>) -> bool {
        let (ending, mut is_settled) = (self.ending.as_ref(), true);
        self.streams.retain(|_, stream| {
            let is_over = stream.advance(ending, now, told);
            is_settled &= !is_over || stream.is_settled();
            !is_over
        });
        is_settled
    }

    /// Ends everything for this reason.
    pub fn fail(&mut self, ending: Ending, now: Instant, told: &mut Vec<Told>) {
        let ending = self.ending.insert(ending);
        for stream in self.streams.drain() {
            stream.fail(ending, now, told);
        }
    }

    /// What was to be sent so far has been given to the system.
    pub fn sent(&mut self, now: Instant) {
        self.streams.iter_mut().for_each(|(_, stream)| stream.flushed(now));
    }

    /// The earliest moment at which an exchange has waited too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.streams.iter().filter_map(|(_, stream)| stream.deadline).min()
    }

    /// Ends the exchanges that have waited too long.
    pub fn expire(&mut self, now: Instant, told: &mut Vec<Told>) {
        let due = |stream: &Stream| stream.deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<usize> = self.streams.iter().filter(|(_, stream)| due(stream)).map(|(key, _)| key).collect();
        for key in late {
            let stream = self.streams.remove(key);
            let failure = Failure::ReadTimeout { in_body: stream.has_head() };
            stream.fail(&Ending::Failed(failure), now, told);
        }
        self.flag.set();
    }

    /// Drops exchanges without a word; the server is told.
    pub fn cancel(&mut self, is_cancelled: impl Fn(u64) -> bool) -> bool {
        let before = self.streams.len();
        self.streams.retain(|_, stream| !is_cancelled(stream.id()));
        self.flag.set();
        before != self.streams.len()
    }

    /// The other side of a channel has something to say: goes on with its exchange, or drops it.
    pub fn attend(&mut self, channel: &Arc<Channel>, now: Instant) {
        let own = |stream: &Stream| stream.channel().is_some_and(|own| Arc::ptr_eq(own, channel));
        let Some(key) = self.streams.iter().find(|(_, stream)| own(stream)).map(|(key, _)| key) else { return };
        self.flag.set();
        if channel.is_abandoned() {
            self.streams.remove(key);
            return;
        }
        channel.resume();
        self.streams[key].attend(now);
    }
}
