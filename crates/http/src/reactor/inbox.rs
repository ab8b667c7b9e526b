//! The way into the reactor from other threads: vectors swapped under a short lock, and a wake-up only if it sleeps.
//! Knows nothing of what the commands mean.
//!
//! ```text
//! reactor: sleeping = true ── look into the inbox ── empty: poll and wait ── sleeping = false
//! others:              put in (same lock) ── sleeping was true: set it false and wake
//! ```
//! Whoever comes after the reactor's look sees `sleeping`, whoever comes before it is seen by the look.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::exchange::Command;
use crate::resolver::{Answer, AnswerSink};

/// What has come in since the last look.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub commands: Vec<Command>,
    pub answers: Vec<Answer>,
    pub stopping: bool,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.answers.is_empty() && !self.stopping
    }
}

#[derive(Debug)]
pub(super) struct Inbox {
    pending: Mutex<Pending>,
    sleeping: AtomicBool,
    /// Commands that the reactor has taken in and not yet begun.
    taken_in: AtomicUsize,
    waker: mio::Waker,
}

impl Inbox {
    pub fn new(waker: mio::Waker) -> Self {
        Self { pending: Mutex::default(), sleeping: AtomicBool::new(false), taken_in: AtomicUsize::new(0), waker }
    }

    pub fn submit(&self, commands: &mut Vec<Command>) {
        let mut pending = self.lock();
        if pending.commands.is_empty() {
            std::mem::swap(&mut pending.commands, commands);
        } else {
            pending.commands.append(commands);
        }
        drop(pending);
        self.wake();
    }

    /// Commands not yet begun.
    pub fn backlog(&self) -> usize {
        self.taken_in.load(Ordering::Relaxed) + self.lock().commands.len()
    }

    pub fn set_taken_in(&self, count: usize) {
        self.taken_in.store(count, Ordering::Relaxed);
    }

    pub fn stop(&self) {
        self.lock().stopping = true;
        self.wake();
    }

    pub fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is nothing to do; from then on every newcomer wakes the reactor.
    pub fn may_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        let empty = self.lock().is_empty();
        if !empty {
            self.woke_up();
        }
        empty
    }

    pub fn woke_up(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    fn wake(&self) {
        if self.sleeping.load(Ordering::SeqCst) && self.sleeping.swap(false, Ordering::SeqCst) {
            self.waker.wake().expect("the event queue lives as long as the inbox");
        }
    }
}

impl AnswerSink for Inbox {
    fn answer(&self, answer: Answer) {
        self.lock().answers.push(answer);
        self.wake();
    }
}
