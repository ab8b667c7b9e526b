//! Connections that requests share: who waits while one comes about, which version the server agrees to, and from then on
//! the driving of an HTTP/2 session between socket and events.
//!
//! ```text
//! take_up ── share ─┬─ no connection yet: open it, the others wait
//!                   ├─ HTTP/2: begin at once
//!                   └─ HTTP/1.1 by agreement: a connection of its own
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::connection::{Connection, Stage};
use super::driver::Driver;
use super::transport::{Broken, Stop};
use crate::channel::Channel;
use crate::exchange::{ConnectionId, Event, Opening, Scheme};
use crate::failure::{Failure, Phase};
use crate::multiplex::{Ending, Session, Stream, Told, Waiting};
use crate::network::HttpVersion;

/// What a connection has besides if it may be shared.
#[derive(Default)]
pub(super) struct Multiplex {
    /// Once the server has agreed.
    session: Option<Session>,
    /// Requests that came while the connection was being made.
    waiting: Vec<Waiting>,
    /// Connections that the request it is opened for was on before.
    pub moves: u8,
    outgoing: Vec<u8>,
    written: usize,
}

impl Multiplex {
    /// Requests that wait for the connection to come about.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// The exchanges on it.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.session.iter().flat_map(Session::streams)
    }
}

impl Connection {
    /// What is offered to the server as protocols.
    pub(super) fn protocols(&self) -> Vec<Vec<u8>> {
        let (one, two) = (b"http/1.1".to_vec(), b"h2".to_vec());
        match self.origin.http_version() {
            HttpVersion::Two if self.multiplex.is_some() => vec![two],
            HttpVersion::Auto if self.multiplex.is_some() => vec![two, one],
            _ => vec![one],
        }
    }

    /// Whether it is shared, and by nobody.
    pub(super) fn is_unused(&self) -> bool {
        self.stage == Stage::Multiplexed && self.session().is_some_and(Session::is_idle)
    }

    fn session(&self) -> Option<&Session> {
        self.multiplex.as_ref()?.session.as_ref()
    }

    /// Drops cancelled requests among those that share it; whether the session has something to say about that.
    pub(super) fn cancel_shared(&mut self, cancelled: &FxHashSet<u64>) -> bool {
        let Some(multiplex) = &mut self.multiplex else { return false };
        multiplex.waiting.retain(|waiting| !cancelled.contains(&waiting.request.id));
        if self.request.as_ref().is_some_and(|request| cancelled.contains(&request.id))
            && let Some(next) = multiplex.waiting.pop()
        {
            // The others still want the connection.
            (self.request, self.started) = (Some(next.request), next.started);
        }
        multiplex.session.as_mut().is_some_and(|session| session.cancel(|id| cancelled.contains(&id)))
    }

    fn agreed_on_two(&self) -> Result<bool, Failure> {
        let version = self.origin.http_version();
        if self.origin.scheme == Scheme::Http {
            return Ok(true);
        }
        let tls = self.transport.as_ref().and_then(|transport| transport.tls.as_ref());
        match tls.and_then(|tls| tls.alpn_protocol()) {
            Some(b"h2") => Ok(true),
            _ if version == HttpVersion::Auto => Ok(false),
            _ => {
                let text = "the server does not agree to it (ALPN)".to_owned();
                Err(Failure::Http2 { text, in_body: false })
            }
        }
    }
}

impl Driver {
    /// Finds the connection for a request that may share one.
    pub(super) fn share(&mut self, mut waiting: Waiting) {
        let request = &waiting.request;
        let Some(shared) = request.shared.clone() else { return self.open(waiting.request, waiting.started) };
        let usable =
            |connection: &&mut Connection| connection.multiplex.is_some() && connection.origin.same_as(&request.origin);
        let found = shared.connection().and_then(|id| self.lookup(id).filter(usable));
        if let Some(connection) = found
            && let id = connection.id
            && let Some(multiplex) = &mut connection.multiplex
        {
            match &mut multiplex.session {
                None => return multiplex.waiting.push(Waiting { is_first: false, ..waiting }),
                Some(session) => {
                    if session.is_open() && !connection.close_when_done {
                        waiting.is_first &= waiting.opening.is_some();
                        return self.begin_shared(id, waiting);
                    }
                    // It drains; whoever is on it is left on it.
                    connection.close_when_done = true;
                }
            }
            if self.lookup(id).is_some_and(|connection| connection.is_unused()) {
                self.close(id);
            }
        }
        if shared.is_refused() {
            waiting.request.shared = None;
            return self.open(waiting.request, waiting.started);
        }
        self.open_shared(waiting);
    }

    fn begin_shared(&mut self, id: ConnectionId, waiting: Waiting) {
        let Some(connection) = self.lookup(id) else { return };
        let Some(session) = connection.multiplex.as_mut().and_then(|multiplex| multiplex.session.as_mut()) else {
            return;
        };
        if let Some(channel) = &waiting.request.channel {
            channel.opened(id);
        }
        connection.taken += 1;
        connection.close_when_done |= connection.taken >= connection.origin.max_requests();
        let (now, mut told) = (Instant::now(), Vec::new());
        session.begin(waiting, now, &mut told);
        self.tell(told);
        self.drive_at(id, now);
    }

    /// Asked when the connection is there: whether it goes on as one of HTTP/1.1.
    pub(super) fn settle_version(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.lookup(id) else { return false };
        match connection.agreed_on_two() {
            Ok(true) => {
                self.begin_session(id);
                false
            }
            Ok(false) => {
                let multiplex = connection.multiplex.take();
                if let Some(shared) = connection.request.as_ref().and_then(|request| request.shared.as_ref()) {
                    shared.refuse();
                }
                for waiting in multiplex.map(|multiplex| multiplex.waiting).unwrap_or_default() {
                    self.share(waiting);
                }
                true
            }
            Err(failure) => {
                self.fail(id, failure);
                false
            }
        }
    }

    fn begin_session(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else { return };
        connection.mark(Instant::now());
        connection.route = None;
        connection.stage = Stage::Multiplexed;
        connection.deadline.clear();
        let opening: Option<Opening> = connection.opening.take().map(|opening| *opening);
        let (first, started) = (connection.request.take(), connection.started);
        let Some(multiplex) = &mut connection.multiplex else { return };
        let (others, moves) = (std::mem::take(&mut multiplex.waiting), multiplex.moves);
        let first = first.map(|request| Waiting { request, started, opening, is_first: true, moves });
        match Session::new() {
            Ok(session) => multiplex.session = Some(session),
            Err(failure) => {
                multiplex.waiting = first.into_iter().chain(others).collect();
                return self.fail(id, failure);
            }
        }
        for waiting in first.into_iter().chain(others.into_iter().map(|waiting| Waiting { opening, ..waiting })) {
            self.begin_shared(id, waiting);
        }
    }

    pub(super) fn on_multiplexed(&mut self, id: ConnectionId, is_readable: bool, closing: bool) {
        let Some(connection) = self.connections.get_mut(id.slot()).filter(|connection| connection.id == id) else {
            return;
        };
        let (Some(transport), Some(multiplex)) = (&mut connection.transport, &mut connection.multiplex) else { return };
        let Some(session) = &mut multiplex.session else { return };
        let mut ending = None;
        if is_readable {
            match transport.receive(&mut self.buffers, closing, |bytes| session.feed(bytes)) {
                Ok(Stop::Dry) => {}
                Ok(Stop::Unfinished) => self.unfinished.push(id),
                Ok(Stop::End) => session.end_input(),
                Err(Broken::Failed(failure)) => ending = Some(Ending::Failed(failure)),
                Err(Broken::Io(error)) => ending = Some(Ending::of_io(&error)),
            }
        }
        if let Some(ending) = ending {
            let mut told = Vec::new();
            // What has come before is still worth something.
            session.advance(Instant::now(), &mut told);
            session.fail(ending, Instant::now(), &mut told);
            self.tell(told);
        }
        self.drive(id);
    }

    /// Lets the session go on, sends what it has to say, and closes it once it is of no use.
    pub(super) fn drive(&mut self, id: ConnectionId) {
        self.drive_at(id, Instant::now());
    }

    fn drive_at(&mut self, id: ConnectionId, now: Instant) {
        let mut told = Vec::new();
        let Some(connection) = self.connections.get_mut(id.slot()).filter(|connection| connection.id == id) else {
            return;
        };
        let (Some(transport), Some(multiplex)) = (&mut connection.transport, &mut connection.multiplex) else { return };
        let Multiplex { session: Some(session), outgoing, written, .. } = &mut **multiplex else { return };
        loop {
            session.advance(now, &mut told);
            if *written == outgoing.len() {
                outgoing.clear();
                *written = 0;
                session.take_outgoing(outgoing);
            }
            match transport.send(outgoing, written) {
                Err(error) => {
                    session.fail(Ending::of_io(&error), now, &mut told);
                    break;
                }
                Ok(()) if *written < outgoing.len() || !transport.is_flushed() => break,
                Ok(()) if outgoing.is_empty() => break,
                Ok(()) => session.sent(Instant::now()),
            }
        }
        outgoing.shrink_to(if outgoing.is_empty() { 4096 } else { usize::MAX });
        let is_done = session.is_over() || (connection.close_when_done && session.is_idle());
        let rest = connection.origin.idle_timeout().filter(|_| session.is_idle()).map(|timeout| now + timeout);
        let next = session.deadline().or(rest);
        match next {
            Some(next) if !is_done => {
                self.deadlines.set(&mut connection.deadline, id, next, Duration::ZERO);
            }
            _ => connection.deadline.clear(),
        }
        if is_done {
            self.close(id);
        }
        self.tell(told);
    }

    fn tell(&mut self, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Completed(completion) => self.events.push(Event::Completed(completion)),
                Told::Stirred(channel) => self.stir(&channel),
                Told::Unprocessed(waiting) => self.share(waiting),
            }
        }
    }

    /// Everybody on the connection, or waiting for it, fails.
    pub(super) fn fail_shared(&mut self, id: ConnectionId, failure: &Failure) {
        let Some(multiplex) = self.lookup(id).and_then(|connection| connection.multiplex.take()) else { return };
        let (now, mut told) = (Instant::now(), Vec::new());
        for waiting in multiplex.waiting {
            if let Some(channel) = &waiting.request.channel {
                channel.finish(Err(failure.clone()));
                told.push(Told::Stirred(Arc::clone(channel)));
            }
            told.push(Told::Completed(Box::new(waiting.failed(failure.clone(), now))));
        }
        if let Some(mut session) = multiplex.session {
            session.fail(Ending::Failed(failure.clone()), now, &mut told);
        }
        self.tell(told);
    }

    pub(super) fn expire(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else { return };
        if connection.is_unused() {
            return self.close(id);
        }
        let Some(session) = connection.multiplex.as_mut().and_then(|multiplex| multiplex.session.as_mut()) else {
            return;
        };
        let mut told = Vec::new();
        session.expire(Instant::now(), &mut told);
        self.tell(told);
        self.drive(id);
    }

    pub(super) fn attend_shared(&mut self, id: ConnectionId, channel: &Arc<Channel>) {
        let Some(multiplex) = self.lookup(id).and_then(|connection| connection.multiplex.as_mut()) else { return };
        let Some(session) = &mut multiplex.session else { return };
        session.attend(channel, Instant::now());
        self.drive(id);
        self.stir(channel);
    }
}

impl Ending {
    fn of_io(error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::Broken { text: String::new(), errno: Some(errno) },
            None => Self::Failed(Failure::Io { errno: 0, phase: Phase::Head }),
        }
    }
}
