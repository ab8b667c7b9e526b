//! A look at everything that is under way, taken when somebody asks. Nothing is kept for it meanwhile, and nothing changed.

use std::time::Instant;

use super::connection::{Connection, Stage};
use super::driver::Driver;
use crate::exchange::{Command, Event, Request};
use crate::multiplex::{Stream, Waiting};
use crate::survey::{Step, UnderWay};

/// No request line is told beyond this.
const LONGEST_LINE: usize = 2_048;

/// Where a request was found.
enum Found<'a> {
    Queued(&'a Request),
    On(&'a Connection, &'a Request),
    /// Together with the connection that it waits for.
    Joining(&'a Connection, &'a Waiting),
    Shared(&'a Stream),
}

impl Found<'_> {
    fn told(&self, since: Instant) -> UnderWay {
        let (request, line, step) = match self {
            Self::Queued(request) => (*request, request.bytes.as_slice(), Step::Blocked),
            Self::On(connection, request) => (*request, request.bytes.as_slice(), connection.step()),
            Self::Joining(connection, waiting) => {
                (&*waiting.request, waiting.request.bytes.as_slice(), connection.step())
            }
            Self::Shared(stream) => (stream.request(), stream.whole(), stream.step()),
        };
        let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
        let request_line = line[..end.min(LONGEST_LINE)].to_vec();
        UnderWay { id: request.id, since, step, origin: request.origin.clone(), request_line }
    }
}

impl Connection {
    /// What the exchange on it waits for.
    fn step(&self) -> Step {
        match self.stage {
            Stage::Resolving => Step::Dns,
            Stage::Connecting | Stage::Tunnelling => Step::Connect,
            Stage::Handshaking => Step::Tls,
            _ if self.intake.first_byte.is_some() => Step::Receive,
            _ if self.sent.is_none() => Step::Send,
            _ => Step::Wait,
        }
    }
}

impl Driver {
    /// Tells the oldest of what is under way.
    pub(super) fn survey(&mut self, most: usize) {
        let now = Instant::now();
        let mut found: Vec<(Instant, Found<'_>)> = Vec::new();
        for command in &self.commands {
            if let Command::Send(request) = command {
                found.push((request.queued.unwrap_or(now), Found::Queued(request)));
            }
        }
        for (_, connection) in &self.connections {
            if let Some(request) = connection.request.as_deref()
                && !connection.intake.announced
            {
                found.push((connection.started, Found::On(connection, request)));
            }
            if let Some(multiplex) = &connection.multiplex {
                let joining = multiplex.waiting().iter();
                found.extend(joining.map(|waiting| (waiting.started, Found::Joining(connection, waiting))));
                let shared = multiplex.streams().filter(|stream| !stream.is_announced());
                found.extend(shared.map(|stream| (stream.started(), Found::Shared(stream))));
            }
        }
        if found.len() > most && most > 0 {
            found.select_nth_unstable_by_key(most - 1, |(since, _)| *since);
        }
        found.truncate(most);
        found.sort_unstable_by_key(|(since, _)| *since);
        let oldest = found.iter().map(|(since, found)| found.told(*since)).collect();
        self.events.push(Event::Surveyed(oldest));
    }
}
