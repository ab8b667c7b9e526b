//! One exchange on a connection of HTTP/2: its request as far as it has gone out, its response as far as it has come in.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::uri::Authority;

use super::failure::{Ending, is_unprocessed, of_stream};
use super::message::{self, Parted};
use super::pipe::Flag;
use super::{Told, Waiting};
use crate::channel::{Channel, Piece, PieceKind};
use crate::codec::{Chunks, Framing, Head};
use crate::decoding::decode_body;
use crate::exchange::{Broken, Completion, Request, Timings};
use crate::failure::Failure;
use crate::response::Response;
use crate::survey::Step;

/// What is asked of the server's window at a time.
const SENT_AT_A_TIME_BYTES: usize = 256 << 10;
/// A request that no connection takes is not passed on for ever.
const MAX_MOVES: u8 = 3;

/// The part of a request that is not sent yet.
struct Outgoing {
    stream: SendStream<Bytes>,
    left: Bytes,
    /// A body written piece by piece has this on it if it has no length.
    chunks: Option<Chunks>,
}

/// The part of a response that has come.
struct Incoming {
    stream: RecvStream,
    head: Head,
    raw: Vec<u8>,
    /// Bytes of a body beyond the limit, or of one that went through a channel.
    passed: u64,
    is_dropped: bool,
}

impl Incoming {
    /// Head and body as they came.
    fn into_response(self) -> Response {
        let mut response = Response::new(self.head, self.raw);
        if self.is_dropped {
            response.drop_body(self.passed);
        }
        response
    }

    fn received(&self) -> u64 {
        self.passed + (self.raw.len() - self.head.length) as u64
    }

    fn expected(&self) -> Option<u64> {
        match self.head.framing {
            Framing::Exact(length) => Some(length),
            _ => None,
        }
    }
}

/// A request that could not be begun, and why.
pub(super) type Refused = (Waiting, Failure);

pub(crate) struct Stream {
    waiting: Waiting,
    /// The request as it was handed in, should another connection have to take it.
    whole: Bytes,
    outgoing: Option<Outgoing>,
    /// Everything has been given to the library.
    is_handed_over: bool,
    sent: Option<Instant>,
    first_byte: Option<Instant>,
    response: ResponseFuture,
    incoming: Option<Incoming>,
    announced: bool,
    /// The response has come to its end.
    is_complete: bool,
    /// Its body came piece by piece and cannot be had again.
    has_uploaded: bool,
    pub deadline: Option<Instant>,
    flag: Arc<Flag>,
}

impl Stream {
    /// Hands the request to the library.
    pub fn begin(
        sender: &mut SendRequest<Bytes>,
        known: &mut Option<Authority>,
        mut waiting: Waiting,
        now: Instant,
    ) -> Result<Self, Box<Refused>> {
        let request = &mut waiting.request;
        let whole = Bytes::from(std::mem::take(&mut request.bytes));
        let Parted { head, body, is_chunked } = match message::parted(&whole, request.origin.scheme, known) {
            Ok(parted) => parted,
            Err(failure) => return Err(Box::new((waiting, failure))),
        };
        let uploads = request.channel.as_ref().is_some_and(|channel| channel.is_uploading());
        let is_whole = body.is_empty() && !uploads;
        match sender.send_request(head, is_whole) {
            Ok((response, stream)) => {
                let chunks = is_chunked.then(Chunks::default);
                let outgoing = (!is_whole).then_some(Outgoing { stream, left: body, chunks });
                let flag = Arc::new(Flag::default());
                flag.set();
                let deadline = waiting.request.read_timeout.map(|timeout| now + timeout);
                Ok(Self {
                    waiting,
                    whole,
                    outgoing,
                    is_handed_over: is_whole,
                    sent: None,
                    first_byte: None,
                    response,
                    incoming: None,
                    announced: false,
                    is_complete: false,
                    has_uploaded: uploads,
                    deadline,
                    flag,
                })
            }
            Err(error) => Err(Box::new((waiting, of_stream(&error, None, None)))),
        }
    }

    pub fn id(&self) -> u64 {
        self.waiting.request.id
    }

    /// Its bytes are not in it any more: see [`Stream::whole`].
    pub fn request(&self) -> &Request {
        &self.waiting.request
    }

    /// The request as it was handed in.
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }

    pub fn started(&self) -> Instant {
        self.waiting.started
    }

    /// Whether its completion is out, and the body follows.
    pub fn is_announced(&self) -> bool {
        self.announced
    }

    /// What it waits for.
    pub fn step(&self) -> Step {
        match (self.first_byte, self.sent) {
            (Some(_), _) => Step::Receive,
            (None, Some(_)) => Step::Wait,
            (None, None) => Step::Send,
        }
    }

    pub fn channel(&self) -> Option<&Arc<Channel>> {
        self.waiting.request.channel.as_ref()
    }

    pub fn has_head(&self) -> bool {
        self.incoming.is_some()
    }

    /// The other side of the channel has written or read.
    pub fn attend(&mut self, now: Instant) {
        self.flag.set();
        if self.channel().is_some_and(|channel| channel.reader_waits()) {
            self.be_patient(now);
        }
    }

    pub fn flushed(&mut self, now: Instant) {
        if self.is_handed_over && self.sent.is_none() {
            self.sent = Some(now);
        }
    }

    fn be_patient(&mut self, now: Instant) {
        self.deadline = self.waiting.request.read_timeout.map(|timeout| now + timeout);
    }

    /// Whether nothing is left to be said to the server about it, asked when it is over.
    pub fn is_settled(&self) -> bool {
        self.is_handed_over && self.is_complete
    }

    /// Goes as far as it can; returns whether it is over.
    pub fn advance(&mut self, ending: Option<&Ending>, now: Instant, told: &mut Vec<Told>) -> bool {
        if !self.flag.take() {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut context = Context::from_waker(&waker);
        self.send(&mut context, told);
        match self.receive(&mut context, now, told) {
            Ok(true) => {
                self.is_complete = true;
                self.complete(now, told);
                true
            }
            Ok(false) => false,
            Err(error) if is_unprocessed(&error) && self.can_be_moved() => {
                self.deadline = None;
                told.push(Told::Unprocessed(self.moved()));
                true
            }
            Err(error) => {
                let (received, expected) = self.progress();
                let failure = match ending {
                    // The library tells an exchange only that the connection is gone.
                    Some(ending) if error.is_io() => ending.failure(received, expected),
                    _ => of_stream(&error, received, expected),
                };
                self.conclude(failure, now, told);
                true
            }
        }
    }

    /// Another connection can take the request.
    fn can_be_moved(&self) -> bool {
        self.incoming.is_none() && self.waiting.moves < MAX_MOVES && !self.has_uploaded
    }

    fn moved(&mut self) -> Waiting {
        let placeholder = Request::new(Arc::clone(&self.waiting.request.origin), Vec::new());
        let mut request = std::mem::replace(&mut self.waiting.request, Box::new(placeholder));
        request.bytes = self.whole.to_vec();
        Waiting { request, moves: self.waiting.moves + 1, ..self.waiting }
    }

    fn progress(&self) -> (Option<u64>, Option<u64>) {
        let incoming = self.incoming.as_ref();
        (incoming.map(Incoming::received), incoming.and_then(Incoming::expected))
    }

    fn send(&mut self, context: &mut Context<'_>, told: &mut Vec<Told>) {
        let channel = self.waiting.request.channel.clone();
        let Some(outgoing) = &mut self.outgoing else { return };
        // That the server takes no more is told with its response.
        let is_over = outgoing.send(context, channel.as_deref()).unwrap_or(true);
        if is_over {
            self.outgoing = None;
            self.is_handed_over = true;
        }
        if let Some(channel) = channel {
            told.push(Told::Stirred(channel));
        }
    }

    /// Whether the response is complete.
    fn receive(&mut self, context: &mut Context<'_>, now: Instant, told: &mut Vec<Told>) -> Result<bool, h2::Error> {
        if self.incoming.is_none() {
            // It throws interim answers away, which are not for anybody here.
            let Poll::Ready(response) = Pin::new(&mut self.response).poll(context) else { return Ok(false) };
            let response = response?;
            let (head, raw) = message::head_of(&response);
            let is_dropped = matches!(head.framing, Framing::Exact(length) if length > self.waiting.request.body_limit);
            let stream = response.into_body();
            self.incoming = Some(Incoming { stream, head, raw, passed: 0, is_dropped });
            self.first_byte = Some(now);
            self.be_patient(now);
            self.announce(now, told);
        }
        self.receive_body(context, now, told)
    }

    fn receive_body(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        told: &mut Vec<Told>,
    ) -> Result<bool, h2::Error> {
        let Some(incoming) = &mut self.incoming else { return Ok(false) };
        let (limit, channel) = (self.waiting.request.body_limit, &self.waiting.request.channel);
        let mut heard = false;
        let outcome = loop {
            if channel.as_ref().is_some_and(|channel| channel.is_paused()) {
                break Ok(false);
            }
            let bytes = match incoming.stream.poll_data(context) {
                Poll::Pending => break Ok(false),
                Poll::Ready(None) => break Ok(true),
                Poll::Ready(Some(Err(error))) => break Err(error),
                Poll::Ready(Some(Ok(bytes))) => bytes,
            };
            heard = true;
            let is_last = incoming.stream.is_end_stream();
            if !is_last {
                // Only fails for more than was taken. What is left at the end is given back with the stream.
                let _ = incoming.stream.flow_control().release_capacity(bytes.len());
            }
            match channel {
                Some(channel) if !bytes.is_empty() => {
                    incoming.passed += bytes.len() as u64;
                    channel.push(Piece { at: now, kind: PieceKind::Data, bytes: bytes.to_vec() });
                }
                _ => incoming.keep(&bytes, limit),
            }
            if is_last {
                break Ok(true);
            }
        };
        if heard {
            match channel {
                // The reader's patience is measured from when it begins to wait.
                Some(channel) => {
                    self.deadline = None;
                    told.push(Told::Stirred(Arc::clone(channel)));
                }
                None => self.be_patient(now),
            }
        }
        outcome
    }

    fn timings(&self, now: Instant) -> Timings {
        let waiting = &self.waiting;
        Timings {
            queued: waiting.request.queued,
            started: waiting.started,
            opening: waiting.opening,
            sent: self.sent.or(self.first_byte.filter(|_| self.is_handed_over)),
            first_byte: self.first_byte,
            finished: now,
            reused: !waiting.is_first,
        }
    }

    fn tell(&mut self, result: Result<Response, Failure>, now: Instant, told: &mut Vec<Told>) {
        self.tell_broken(result, None, now, told);
    }

    fn tell_broken(
        &mut self,
        result: Result<Response, Failure>,
        broken: Option<Response>,
        now: Instant,
        told: &mut Vec<Told>,
    ) {
        let (id, timings) = (self.id(), self.timings(now));
        let broken = broken.map(|response| Box::new(Broken { response, at_once: false }));
        told.push(Told::Completed(Box::new(Completion { id, result, broken, connection: None, timings })));
    }

    /// With a channel, the head is the completion.
    fn announce(&mut self, now: Instant, told: &mut Vec<Told>) {
        let Some(incoming) = &self.incoming else { return };
        if self.waiting.request.channel.is_some() && !std::mem::replace(&mut self.announced, true) {
            self.deadline = None;
            let response = Response::new(incoming.head, incoming.raw.clone());
            self.tell(Ok(response), now, told);
        }
    }

    fn complete(&mut self, now: Instant, told: &mut Vec<Told>) {
        if let Some(channel) = self.waiting.request.channel.clone() {
            channel.finish(Ok(None));
            return told.push(Told::Stirred(channel));
        }
        let Some(incoming) = self.incoming.take() else { return };
        let mut response = incoming.into_response();
        match response.is_coded().then(|| decode_body(&mut response, self.waiting.request.body_limit)) {
            Some(Err(failure)) => self.tell_broken(Err(failure), Some(response), now, told),
            _ => self.tell(Ok(response), now, told),
        }
    }

    fn conclude(&mut self, failure: Failure, now: Instant, told: &mut Vec<Told>) {
        if !self.announced {
            let broken = self.incoming.take().map(Incoming::into_response);
            self.tell_broken(Err(failure.clone()), broken, now, told);
        }
        if let Some(channel) = self.waiting.request.channel.clone() {
            channel.finish(Err(failure));
            told.push(Told::Stirred(channel));
        }
    }

    /// The connection has ended.
    pub fn fail(mut self, ending: &Ending, now: Instant, told: &mut Vec<Told>) {
        let (received, expected) = self.progress();
        self.conclude(ending.failure(received, expected), now, told);
    }
}

impl Outgoing {
    /// Whether the last byte has gone to the library.
    fn send(&mut self, context: &mut Context<'_>, channel: Option<&Channel>) -> Result<bool, h2::Error> {
        loop {
            if self.left.is_empty()
                && let Some(channel) = channel
            {
                // Asked before, so that what is written meanwhile is not taken for the end.
                let is_open = channel.is_uploading();
                self.take(channel);
                if self.left.is_empty() {
                    channel.sent(0);
                    if !is_open || !channel.is_uploading() {
                        self.stream.send_data(Bytes::new(), true)?;
                        return Ok(true);
                    }
                    return Ok(false);
                }
            }
            self.stream.reserve_capacity(self.left.len().min(SENT_AT_A_TIME_BYTES));
            let granted = match self.stream.poll_capacity(context) {
                Poll::Pending => break,
                Poll::Ready(None) => return Ok(true),
                Poll::Ready(Some(granted)) => granted?,
            };
            let part = self.left.split_to(granted.min(self.left.len()));
            let is_last = self.left.is_empty() && channel.is_none();
            self.stream.send_data(part, is_last)?;
            if is_last {
                return Ok(true);
            }
        }
        if let Some(channel) = channel {
            channel.sent(self.left.len());
        }
        Ok(false)
    }

    /// What was written meanwhile, without the coding that is for HTTP/1.1.
    fn take(&mut self, channel: &Channel) {
        let written = channel.take_outgoing();
        let Some(chunks) = &mut self.chunks else {
            self.left = written.into();
            return;
        };
        let mut body = Vec::with_capacity(written.len());
        // It is our own, and so without a fault.
        let _ = chunks.feed(&written, &mut body, u64::MAX);
        self.left = body.into();
    }
}

impl Incoming {
    fn keep(&mut self, bytes: &[u8], limit: u64) {
        if self.is_dropped {
            self.passed += bytes.len() as u64;
            return;
        }
        self.raw.extend_from_slice(bytes);
        let held = (self.raw.len() - self.head.length) as u64;
        if held > limit {
            (self.passed, self.is_dropped) = (held, true);
            self.raw.truncate(self.head.length);
            self.raw.shrink_to_fit();
        }
    }
}
