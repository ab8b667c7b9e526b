//! One connection and the exchange on it. Says how far things have come; what follows from that is the driver's part.
//! An idle connection holds no buffer.
//!
//! ```text
//! Resolving ── Connecting ── [Tunnelling ──] Handshaking (TLS) ──┬─ Busy ⇄ Idle
//!                                                                └─ Multiplexed (HTTP/2)
//! ```

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use super::multiplexed::Multiplex;
use super::timing::Deadline;
use super::transport::{Broken, Buffers, Stop, Transport};
use crate::codec::{Decoder, Fed};
use crate::exchange::{ConnectionId, Opening, Origin, Request, Timings};
use crate::failure::{Failure, Phase};
use crate::proxy::Tunnel;
use crate::resolver::Addresses;
use crate::tls::TlsFailure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Resolving,
    Connecting,
    /// Through a proxy.
    Tunnelling,
    Handshaking,
    Busy,
    Idle,
    /// HTTP/2: any number of exchanges at a time.
    Multiplexed,
}

/// The addresses still to be tried.
pub(super) struct Route {
    pub addresses: Addresses,
    pub next: usize,
    /// What the last one said.
    pub failure: Failure,
    pub tunnel: Option<Box<Tunnel>>,
}

/// What has come in for the exchange.
#[derive(Default)]
pub(super) struct Intake {
    pub decoder: Decoder,
    /// A response is due.
    pub expecting: bool,
    pub complete: bool,
    /// The head is there, and nothing that came with it was wrong.
    pub in_body: bool,
    /// Bytes have come since this was last cleared.
    pub heard: bool,
    /// The completion of a request with a channel is out.
    pub announced: bool,
    /// Not to be used again: closed by the peer, or with bytes on it that belong to nothing.
    pub spoiled: bool,
    pub first_byte: Option<Instant>,
}

impl Intake {
    fn absorb(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if !self.expecting || self.complete {
            self.spoiled = true;
            return Ok(());
        }
        match self.decoder.feed(bytes)? {
            Fed::More => {
                self.heard = true;
                self.in_body = self.decoder.phase() == Phase::Body;
                if self.first_byte.is_none() {
                    self.first_byte = Some(Instant::now());
                }
            }
            Fed::Done(used) => {
                self.complete = true;
                self.spoiled |= used < bytes.len();
            }
        }
        Ok(())
    }
}

/// How far an event has brought things.
#[derive(Debug)]
pub(super) enum Progress {
    /// More is needed; `heard` if bytes have come.
    Pending { heard: bool },
    /// More can be read at once, after the others had their turn.
    Unfinished,
    /// The response is complete.
    Complete,
    /// The peer takes nothing more; what it has said is still to be read.
    PeerGone,
    /// The exchange has failed.
    Failed(Failure),
    /// The connection is of no use, and no exchange is on it.
    Closed,
}

pub(super) struct Connection {
    pub id: ConnectionId,
    pub stage: Stage,
    pub transport: Option<Transport>,
    pub route: Option<Box<Route>>,
    /// For a connection that several requests may share.
    pub multiplex: Option<Box<Multiplex>>,
    pub origin: Arc<Origin>,
    pub request: Option<Box<Request>>,
    pub written: usize,
    /// Requests that were put on it.
    pub taken: u32,
    pub intake: Intake,
    pub started: Instant,
    /// Of the first exchange only.
    pub opening: Option<Box<Opening>>,
    pub sent: Option<Instant>,
    pub close_when_done: bool,
    pub deadline: Deadline,
}

impl Connection {
    pub fn new(id: ConnectionId, request: Box<Request>, started: Instant) -> Self {
        Self {
            id,
            stage: Stage::Resolving,
            transport: None,
            route: None,
            multiplex: request.shared.is_some().then(Box::default),
            origin: Arc::clone(&request.origin),
            request: Some(request),
            written: 0,
            taken: 0,
            intake: Intake::default(),
            started,
            opening: Some(Box::default()),
            sent: None,
            close_when_done: false,
            deadline: Deadline::default(),
        }
    }

    /// Puts another request on an idle connection.
    pub fn take_up(&mut self, request: Box<Request>, started: Instant) {
        self.request = Some(request);
        self.started = started;
        self.opening = None;
        self.begin();
    }

    /// The new connection is ready for its first request.
    /// Returns when that was.
    pub fn established(&mut self) -> Instant {
        let now = Instant::now();
        self.mark(now);
        self.route = None;
        self.begin();
        now
    }

    /// The step that the opening is at has ended.
    pub fn mark(&mut self, now: Instant) {
        let Some(opening) = &mut self.opening else { return };
        match self.stage {
            Stage::Resolving => opening.looked_up = Some(now),
            Stage::Connecting | Stage::Tunnelling => opening.reached = Some(now),
            Stage::Handshaking => opening.secured = Some(now),
            Stage::Busy | Stage::Idle | Stage::Multiplexed => {}
        }
    }

    fn begin(&mut self) {
        let request = self.request.as_ref().expect("a connection begins with a request");
        self.intake.decoder.start(request.is_head, request.body_limit);
        self.intake.expecting = true;
        self.intake.complete = false;
        self.intake.in_body = false;
        self.intake.announced = false;
        self.intake.first_byte = None;
        self.written = 0;
        self.taken += 1;
        self.sent = None;
        self.stage = Stage::Busy;
    }

    /// The request is over; hands it back.
    pub fn end(&mut self) -> Option<Box<Request>> {
        self.intake.expecting = false;
        self.stage = Stage::Idle;
        self.deadline.clear();
        self.request.take()
    }

    /// Writes what the socket takes. A peer that has closed may still have answered.
    pub fn send(&mut self) -> Progress {
        let (Some(transport), Some(request)) = (&mut self.transport, &self.request) else {
            return Progress::Pending { heard: false };
        };
        match transport.send(&request.bytes, &mut self.written) {
            Ok(()) => {
                if self.sent.is_none() && self.written == request.bytes.len() {
                    self.sent = Some(Instant::now());
                }
                Progress::Pending { heard: false }
            }
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.intake.spoiled = true;
                Progress::PeerGone
            }
            Err(error) => Progress::Failed(self.broken(&error)),
        }
    }

    /// Sends what TLS has to say before there is a request to send.
    pub fn send_handshake(&mut self) -> Progress {
        match self.transport.as_mut().map(Transport::flush) {
            Some(Err(error)) => Progress::Failed(self.broken(&error)),
            _ => Progress::Pending { heard: false },
        }
    }

    /// Reads what there is. `closing` if the peer is known to have closed its side.
    pub fn receive(&mut self, buffers: &mut Buffers, closing: bool) -> Progress {
        self.receive_by(buffers, closing, Intake::absorb)
    }

    /// As [`Connection::receive`], with what is done with the bytes.
    pub fn receive_by(
        &mut self,
        buffers: &mut Buffers,
        closing: bool,
        mut absorb: impl FnMut(&mut Intake, &[u8]) -> Result<(), Failure>,
    ) -> Progress {
        let Some(transport) = &mut self.transport else {
            return Progress::Closed;
        };
        let intake = &mut self.intake;
        intake.heard = false;
        let mut outcome = transport.receive(buffers, closing, |bytes| absorb(intake, bytes));
        while matches!(outcome, Ok(Stop::Unfinished)) && intake.complete && !intake.spoiled {
            // The last byte may have come with the last read that was allowed; whether the connection is still good is
            // only known once the socket is dry.
            outcome = transport.receive(buffers, closing, |bytes| absorb(intake, bytes));
        }
        if outcome.is_ok()
            && let Err(error) = transport.flush()
        {
            outcome = Err(error.into());
        }
        match outcome {
            Ok(Stop::End) => self.ended(),
            Ok(Stop::Unfinished) if intake.complete && intake.expecting => {
                // What else there is would never be seen.
                intake.spoiled = true;
                Progress::Complete
            }
            Ok(_) if intake.complete && intake.expecting => Progress::Complete,
            Ok(_) if intake.spoiled && !intake.expecting && self.stage == Stage::Idle => Progress::Closed,
            Ok(Stop::Dry) => Progress::Pending { heard: intake.heard },
            Ok(Stop::Unfinished) => Progress::Unfinished,
            Err(_) if self.stage == Stage::Idle => Progress::Closed,
            Err(_) if intake.complete => {
                intake.spoiled = true;
                Progress::Complete
            }
            Err(Broken::Failed(failure)) => Progress::Failed(failure),
            Err(Broken::Io(error)) => Progress::Failed(self.broken(&error)),
        }
    }

    fn ended(&mut self) -> Progress {
        self.intake.spoiled = true;
        match self.stage {
            Stage::Handshaking => Progress::Failed(Failure::Tls(TlsFailure::unexpected_eof())),
            Stage::Busy if self.intake.complete => Progress::Complete,
            Stage::Busy => match self.intake.decoder.finish() {
                Ok(()) => Progress::Complete,
                Err(failure) => Progress::Failed(failure),
            },
            Stage::Resolving | Stage::Connecting | Stage::Tunnelling | Stage::Idle | Stage::Multiplexed => {
                Progress::Closed
            }
        }
    }

    /// Whether the connection can take another request, asked when the response is complete.
    pub fn is_reusable(&self) -> bool {
        let sent = self.request.as_ref().is_none_or(|request| self.written == request.bytes.len());
        let flushed = self.transport.as_ref().is_some_and(Transport::is_flushed);
        let may_go_on = self.taken < self.origin.max_requests() && !self.close_when_done;
        sent && flushed && !self.intake.spoiled && may_go_on
    }

    /// Whether bytes wait for the socket to take them.
    pub fn has_more_to_send(&self) -> bool {
        self.request.as_ref().is_some_and(|request| self.written < request.bytes.len())
            || self.transport.as_ref().is_some_and(|transport| !transport.is_flushed())
    }

    pub fn timed_out(&self) -> Failure {
        match self.stage {
            Stage::Resolving | Stage::Connecting => Failure::ConnectTimeout,
            Stage::Tunnelling | Stage::Handshaking => Failure::HandshakeTimeout,
            Stage::Busy | Stage::Idle | Stage::Multiplexed => {
                Failure::ReadTimeout { in_body: self.phase() == Phase::Body }
            }
        }
    }

    /// When things happened, asked before `end`.
    pub fn timings(&mut self, finished: Instant) -> Timings {
        self.mark(finished);
        Timings {
            queued: self.request.as_ref().and_then(|request| request.queued),
            started: self.started,
            opening: self.opening.as_deref().copied(),
            sent: self.sent,
            first_byte: self.intake.first_byte,
            finished,
            reused: self.opening.is_none(),
        }
    }

    fn phase(&self) -> Phase {
        if self.stage == Stage::Handshaking { Phase::Handshake } else { self.intake.decoder.phase() }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        Failure::Io { errno: error.raw_os_error().unwrap_or_default(), phase: self.phase() }
    }
}
