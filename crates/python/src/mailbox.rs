//! Where the reactor leaves its events for the hub, and for OS threads that wait for one response each.
//!
//! The reactor's thread calls [`EventSink::deliver`]; it never takes the GIL. A byte goes into the pipe only when the
//! hub has said that it sleeps, so there is never more than one byte in it.

use std::collections::{HashMap, VecDeque};
use std::io::{PipeReader, PipeWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use gregaria_http::{Completion, Event, EventSink};

/// Set in the id of a request that an OS thread waits for.
pub const THREAD_BIT: u64 = 1 << 63;

/// See the module's text.
pub struct Mailbox {
    events: Mutex<Vec<Event>>,
    sleeping: AtomicBool,
    pipe: PipeWriter,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    next: u64,
    tickets: HashMap<u64, Arc<Ticket>>,
}

/// A thread's claim on one completion.
#[derive(Default)]
pub struct Ticket {
    completion: Mutex<Option<Box<Completion>>>,
    arrived: Condvar,
}

impl Ticket {
    /// Block this thread until the completion is there. The GIL must not be held.
    pub fn wait(&self) -> Box<Completion> {
        let mut completion = lock(&self.completion);
        loop {
            if let Some(arrived) = completion.take() {
                return arrived;
            }
            completion = self.arrived.wait(completion).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    /// A mailbox and the end of the pipe that becomes readable when there is something in it.
    pub fn new() -> std::io::Result<(Self, PipeReader)> {
        let (reader, pipe) = std::io::pipe()?;
        let mailbox =
            Mailbox { events: Mutex::default(), sleeping: AtomicBool::new(true), pipe, threads: Mutex::default() };
        Ok((mailbox, reader))
    }

    /// Wake the hub if it sleeps.
    pub fn wake(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst) {
            (&self.pipe).write_all(&[1]).expect("the hub keeps the other end of its pipe open");
        }
    }

    /// The hub goes to sleep; if there is `more` to do, or something has just come in, it is woken at once.
    pub fn sleep(&self, more: bool) {
        self.sleeping.store(true, Ordering::SeqCst);
        if more || !lock(&self.events).is_empty() {
            self.wake();
        }
    }

    /// Move everything into `backlog`.
    pub fn take(&self, backlog: &mut VecDeque<Event>) {
        backlog.extend(lock(&self.events).drain(..));
    }

    /// Announce that this thread will wait for the completion with the returned number.
    pub fn expect_in_thread(&self) -> (u64, Arc<Ticket>) {
        let mut threads = lock(&self.threads);
        threads.next += 1;
        let (id, ticket) = (threads.next, Arc::<Ticket>::default());
        threads.tickets.insert(id, Arc::clone(&ticket));
        (id, ticket)
    }

    /// Whether a thread waits for the completion with this id.
    pub fn is_expected_in_thread(&self, id: u64) -> bool {
        lock(&self.threads).tickets.contains_key(&(id & !THREAD_BIT))
    }

    fn hand_to_thread(&self, completion: Box<Completion>) {
        let ticket = lock(&self.threads).tickets.remove(&(completion.id & !THREAD_BIT));
        if let Some(ticket) = ticket {
            *lock(&ticket.completion) = Some(completion);
            ticket.arrived.notify_one();
        }
    }
}

/// The reactor's hold on the mailbox.
pub struct Delivery(pub Arc<Mailbox>);

impl EventSink for Delivery {
    fn deliver(&mut self, events: &mut Vec<Event>) {
        let mut inbox = lock(&self.0.events);
        for event in events.drain(..) {
            match event {
                Event::Completed(completion) if completion.id & THREAD_BIT != 0 => self.0.hand_to_thread(completion),
                other => inbox.push(other),
            }
        }
        let anything = !inbox.is_empty();
        drop(inbox);
        if anything {
            self.0.wake();
        }
    }
}
