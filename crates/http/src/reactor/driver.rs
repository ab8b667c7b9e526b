//! The reactor's thread: one turn after the other, and what comes up in them is handed to `connect` and `exchanges`.
//!
//! ```text
//! turn: wait for sockets ── handle them ── take in commands ── due timers and timeouts ── deliver everything new
//! ```
//! Sockets come before commands, so that a connection the server has closed is known to be closed before it is used.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event as SocketEvent;
use mio::{Events, Poll, Token, Waker};
use rustc_hash::FxHashSet;
use slab::Slab;

use super::connection::{Connection, Stage};
use super::inbox::Inbox;
use super::timing::Deadlines;
use super::transport::Buffers;
use super::{EventSink, Settings};
use crate::error::Error;
use crate::exchange::{Command, ConnectionId, Event};
use crate::failure::Failure;
use crate::resolver::{AnswerSink, Resolver};

const WAKER: Token = Token(usize::MAX);
/// Socket events per turn.
const EVENTS_PER_TURN: usize = 256;
/// Requests taken up per turn: while a burst is written, nobody looks whether answers have come.
const SENDS_PER_TURN: usize = 32;
/// A fault that comes back so often is not survived.
const MAX_PANICS: usize = 20;

pub(super) struct Driver {
    pub poll: Poll,
    inbox: Arc<Inbox>,
    sink: Box<dyn EventSink>,
    pub connections: Slab<Connection>,
    generation: u32,
    pub resolver: Resolver,
    /// Whose turn it is among several own addresses.
    pub turn: usize,
    pub deadlines: Deadlines,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    pub buffers: Buffers,
    pub commands: VecDeque<Command>,
    pub cancelled: FxHashSet<u64>,
    /// Connections with more to read that no socket event will tell of.
    pub unfinished: Vec<ConnectionId>,
    pub events: Vec<Event>,
    delivering: bool,
}

impl Driver {
    pub fn new(settings: &Settings, sink: Box<dyn EventSink>) -> Result<(Self, Arc<Inbox>), Error> {
        let poll = Poll::new().map_err(Error::Poll)?;
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), WAKER).map_err(Error::Poll)?));
        let answers = Arc::clone(&inbox) as Arc<dyn AnswerSink>;
        let driver = Self {
            poll,
            inbox: Arc::clone(&inbox),
            sink,
            connections: Slab::new(),
            generation: 0,
            resolver: Resolver::new(settings.address_lifetime, settings.resolver_threads.max(1), answers),
            turn: 0,
            deadlines: Deadlines::default(),
            timers: BinaryHeap::new(),
            buffers: Buffers::new(settings.read_buffer_bytes),
            commands: VecDeque::new(),
            cancelled: FxHashSet::default(),
            unfinished: Vec::new(),
            events: Vec::new(),
            delivering: false,
        };
        Ok((driver, inbox))
    }

    pub fn run(mut self) {
        let mut polled = Events::with_capacity(EVENTS_PER_TURN);
        let mut panics = 0;
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.turn(&mut polled))) {
                Ok(true) => {}
                Ok(false) => return,
                Err(panic) => {
                    panics += 1;
                    self.recover(panic.as_ref(), panics);
                }
            }
        }
    }

    /// Returns whether to go on.
    fn turn(&mut self, polled: &mut Events) -> bool {
        let timeout = self.time_to_sleep();
        let outcome = self.poll.poll(polled, timeout);
        self.inbox.woke_up();
        if let Err(error) = outcome
            && error.kind() != io::ErrorKind::Interrupted
        {
            panic!("waiting for sockets failed: {error}");
        }
        for id in std::mem::take(&mut self.unfinished) {
            self.on_unfinished(id);
        }
        for event in polled.iter() {
            self.on_socket(event);
        }
        if !self.take_in() {
            return false;
        }
        self.handle_commands();
        self.inbox.set_taken_in(self.commands.len());
        self.handle_time();
        if !self.events.is_empty() {
            self.delivering = true;
            self.sink.deliver(&mut self.events);
            self.events.clear();
            self.delivering = false;
        }
        true
    }

    /// `None` is until something happens.
    fn time_to_sleep(&self) -> Option<Duration> {
        let busy = !self.commands.is_empty() || !self.unfinished.is_empty() || !self.events.is_empty();
        if busy || !self.inbox.may_sleep() {
            return Some(Duration::ZERO);
        }
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let next = [timer, self.deadlines.next()].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn on_socket(&mut self, event: &SocketEvent) {
        if event.token() == WAKER {
            return;
        }
        let id = ConnectionId::from_token(event.token());
        let Some(connection) = self.lookup(id) else {
            return;
        };
        let closing = event.is_read_closed() || event.is_error();
        match connection.stage {
            Stage::Resolving => {}
            Stage::Connecting => self.on_connecting(id),
            Stage::Tunnelling => self.on_tunnelling(id, closing),
            Stage::Handshaking => self.on_handshaking(id, closing),
            Stage::Multiplexed => self.on_multiplexed(id, event.is_readable() || closing, closing),
            Stage::Idle | Stage::Busy => {
                if event.is_readable() || closing {
                    self.receive(id, closing);
                }
                if event.is_writable() && self.lookup(id).is_some_and(|connection| connection.has_more_to_send()) {
                    self.send(id, Instant::now());
                }
            }
        }
    }

    fn on_unfinished(&mut self, id: ConnectionId) {
        // Whether the peer has closed is not known any more, so every read goes on to the end.
        match self.lookup(id).map(|connection| connection.stage) {
            Some(Stage::Tunnelling) => self.on_tunnelling(id, true),
            Some(Stage::Handshaking) => self.on_handshaking(id, true),
            Some(Stage::Multiplexed) => self.on_multiplexed(id, true, true),
            Some(_) => self.receive(id, true),
            None => {}
        }
    }

    fn take_in(&mut self) -> bool {
        let mut answers = Vec::new();
        {
            let mut pending = self.inbox.lock();
            if pending.stopping {
                return false;
            }
            self.commands.extend(pending.commands.drain(..));
            std::mem::swap(&mut answers, &mut pending.answers);
        }
        for answer in answers {
            self.on_answer(answer);
        }
        true
    }

    fn handle_commands(&mut self) {
        let mut sends = 0;
        while sends < SENDS_PER_TURN
            && let Some(command) = self.commands.pop_front()
        {
            match command {
                Command::Send(request) => {
                    sends += 1;
                    self.take_up(request);
                }
                Command::Cancel(id) => {
                    self.cancelled.insert(id);
                }
                Command::Close(id) => self.close_when_done(id),
                Command::Resolve { host, port, addresses } => self.resolver.give(host, port, &addresses),
                Command::Attend(channel) => self.attend(&channel),
                Command::Survey(most) => {
                    self.cancel();
                    self.survey(most);
                }
                Command::Timer { key, deadline } => self.timers.push(Reverse((deadline, key))),
            }
        }
        self.cancel();
    }

    fn handle_time(&mut self) {
        if self.timers.is_empty() && self.deadlines.next().is_none() {
            return;
        }
        let now = Instant::now();
        while let Some(Reverse((at, _))) = self.timers.peek()
            && *at <= now
        {
            if let Some(Reverse((_, key))) = self.timers.pop() {
                self.events.push(Event::Timer(key));
            }
        }
        while let Some(entry) = self.deadlines.pop_due(now) {
            let id = entry.1;
            let Some(connection) = self.connections.get_mut(id.slot()).filter(|connection| connection.id == id) else {
                continue;
            };
            if self.deadlines.has_passed(&mut connection.deadline, entry, now) {
                self.on_deadline(id);
            }
        }
    }

    pub fn lookup(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id.slot()).filter(|connection| connection.id == id)
    }

    pub fn insert(&mut self, make: impl FnOnce(ConnectionId) -> Connection) -> ConnectionId {
        // Never 0xffff_ffff, so that no id looks like the waker's token.
        self.generation = (self.generation + 1) & 0x7fff_ffff;
        let entry = self.connections.vacant_entry();
        let id = ConnectionId::new(entry.key(), self.generation);
        entry.insert(make(id));
        id
    }

    /// A fault must not be silent, nor take what was measured with it: every request in flight is told.
    fn recover(&mut self, panic: &(dyn Any + Send), panics: usize) {
        let text = panic_text(panic);
        eprintln!("gregaria: internal fault in the reactor: {text}");
        if self.delivering || panics > MAX_PANICS {
            eprintln!("gregaria: cannot go on");
            std::process::abort();
        }
        self.deadlines.clear();
        self.unfinished.clear();
        for id in self.connections.iter().map(|(_, connection)| connection.id).collect::<Vec<_>>() {
            self.fail(id, Failure::Internal { text: text.clone() });
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Completion, Origin, Request, Scheme};

    struct Nobody;

    impl EventSink for Nobody {
        fn deliver(&mut self, _events: &mut Vec<Event>) {}
    }

    fn driver() -> Driver {
        Driver::new(&Settings::default(), Box::new(Nobody)).unwrap().0
    }

    /// A driver that has begun to connect to somebody who listens, and has not looked at its sockets since.
    fn connecting() -> (Driver, ConnectionId, std::net::TcpListener) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let origin =
            Origin { scheme: Scheme::Http, host: "127.0.0.1".to_owned(), port, tls: None, proxy: None, network: None };
        let request = Request {
            id: 5,
            connect_timeout: Some(Duration::from_secs(1)),
            ..Request::new(Arc::new(origin), b"GET / HTTP/1.1\r\n\r\n".to_vec())
        };
        let mut driver = driver();
        driver.take_up(Box::new(request));
        let id = driver.connections.iter().map(|(_, connection)| connection.id).next().unwrap();
        assert_eq!(driver.connections[id.slot()].stage, Stage::Connecting);
        (driver, id, listener)
    }

    fn only_failure(driver: &mut Driver) -> Failure {
        let Some(Event::Completed(completion)) = driver.events.pop() else { panic!("no completion") };
        assert!(driver.events.is_empty() && driver.connections.is_empty());
        let Completion { id: 5, result: Err(failure), connection: None, .. } = *completion else { panic!() };
        failure
    }

    #[test]
    fn connecting_has_a_deadline() {
        let (mut driver, id, _listener) = connecting();
        assert!(driver.deadlines.next().is_some());
        driver.on_deadline(id);
        assert_eq!(only_failure(&mut driver), Failure::ConnectTimeout);
    }

    #[test]
    fn a_fault_is_told_to_everybody_who_waits() {
        let (mut driver, _, _listener) = connecting();
        driver.recover(&"a fault", 1);
        assert_eq!(only_failure(&mut driver), Failure::Internal { text: "a fault".to_owned() });
    }

    #[test]
    fn ids_are_not_given_out_again() {
        let (mut driver, id, _listener) = connecting();
        let request = driver.connections[id.slot()].end().unwrap();
        driver.close(id);
        driver.take_up(request);
        let (slot, again) = driver.connections.iter().next().unwrap();
        assert_eq!(slot, id.slot());
        assert_ne!(again.id, id);
        assert!(driver.lookup(id).is_none());
    }

    #[test]
    fn a_connection_is_small() {
        let bytes = size_of::<Option<Connection>>();
        assert!(bytes <= 400, "{bytes} bytes");
    }
}
