//! The reactor: one thread that owns every socket of the client and the timers of everybody who waits.
//! Here is its handle; the thread is `driver`, the state of one connection `connection`.

mod connect;
mod connection;
mod driver;
mod exchanges;
mod inbox;
mod multiplexed;
mod proxy;
mod streaming;
mod survey;
mod timing;
mod transport;
mod websocket;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::Error;
use crate::exchange::{Command, Event};
use driver::Driver;
use inbox::Inbox;

/// Takes what the reactor has to tell, on the reactor's thread: must be quick, must not wait, must not panic.
pub trait EventSink: Send {
    /// Called once per turn with everything new. Takes the events out (swapping in an empty vector is fine); what is
    /// left in is dropped.
    fn deliver(&mut self, events: &mut Vec<Event>);
}

/// How the reactor works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The one buffer that all sockets are read into.
    pub read_buffer_bytes: usize,
    /// How long the addresses of a host are believed.
    pub address_lifetime: Duration,
    /// The most lookups at a time.
    pub resolver_threads: usize,
    /// Called on the new thread before anything else; for settings of the operating system.
    pub on_thread_start: fn(),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_buffer_bytes: 64 << 10,
            address_lifetime: Duration::from_secs(30),
            resolver_threads: 4,
            on_thread_start: || (),
        }
    }
}

/// The handle of a running reactor. Dropping it ends the thread; requests in flight are dropped without an event.
#[derive(Debug)]
pub struct Reactor {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
}

impl Reactor {
    /// Starts the thread.
    ///
    /// # Errors
    /// No event queue or no thread to be had.
    pub fn spawn(settings: Settings, sink: Box<dyn EventSink>) -> Result<Self, Error> {
        let (driver, inbox) = Driver::new(&settings, sink)?;
        let on_thread_start = settings.on_thread_start;
        let thread = std::thread::Builder::new()
            .name("reactor".to_owned())
            .spawn(move || {
                on_thread_start();
                driver.run();
            })
            .map_err(|source| Error::Thread { name: "reactor", source })?;
        Ok(Self { inbox, thread: Some(thread) })
    }

    /// Commands that were submitted and that the reactor has not yet begun.
    pub fn backlog(&self) -> usize {
        self.inbox.backlog()
    }

    /// A second way in, to be held where the reactor itself cannot be.
    pub fn submitter(&self) -> Submitter {
        Submitter { inbox: Arc::clone(&self.inbox) }
    }

    /// Hands over all of `commands` and leaves it empty. Callable from any thread, also from within the sink.
    pub fn submit(&self, commands: &mut Vec<Command>) {
        if !commands.is_empty() {
            self.inbox.submit(commands);
        }
    }
}

/// Submits to a reactor without keeping it alive; for an `EventSink` that answers events with commands.
#[derive(Debug, Clone)]
pub struct Submitter {
    inbox: Arc<Inbox>,
}

impl Submitter {
    /// As `Reactor::submit`; goes nowhere once the reactor is dropped.
    pub fn submit(&self, commands: &mut Vec<Command>) {
        if !commands.is_empty() {
            self.inbox.submit(commands);
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.inbox.stop();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
