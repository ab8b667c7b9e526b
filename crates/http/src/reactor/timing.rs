//! Deadlines of connections, in a heap that is only touched when a timeout is set. Decides nothing.
//!
//! A connection has one deadline, moved with every read; its entry in the heap is left where it is and put back if it
//! comes up too early. So a request with a timeout on a busy connection costs one comparison.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::exchange::ConnectionId;

/// The part that lives in a connection.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    at: Option<Instant>,
    /// When the heap will ask.
    queued: Option<Instant>,
}

impl Deadline {
    pub fn clear(&mut self) {
        self.at = None;
    }
}

/// When the earliest deadline may come due; entries can be stale.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, ConnectionId)>>,
}

impl Deadlines {
    pub fn set(&mut self, deadline: &mut Deadline, connection: ConnectionId, from: Instant, timeout: Duration) {
        let Some(at) = from.checked_add(timeout) else {
            return;
        };
        deadline.at = Some(at);
        if deadline.queued.is_none_or(|queued| at < queued) {
            deadline.queued = Some(at);
            self.heap.push(Reverse((at, connection)));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, ConnectionId)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Whether the deadline has passed, asked for an entry that was popped.
    pub fn has_passed(
        &mut self,
        deadline: &mut Deadline,
        (queued, connection): (Instant, ConnectionId),
        now: Instant,
    ) -> bool {
        if deadline.queued != Some(queued) {
            return false;
        }
        deadline.queued = None;
        match deadline.at {
            Some(at) if at <= now => true,
            Some(at) => {
                deadline.queued = Some(at);
                self.heap.push(Reverse((at, connection)));
                false
            }
            None => false,
        }
    }

    pub fn clear(&mut self) {
        self.heap.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_deadline_that_moves_keeps_one_entry() {
        let (start, id) = (Instant::now(), ConnectionId::new(3, 1));
        let (mut deadlines, mut deadline) = (Deadlines::default(), Deadline::default());
        for read in 0..5 {
            deadlines.set(&mut deadline, id, start + SECOND * read, SECOND * 10);
        }
        assert_eq!(deadlines.heap.len(), 1);
        let now = start + SECOND * 11;
        let entry = deadlines.pop_due(now).unwrap();
        assert!(!deadlines.has_passed(&mut deadline, entry, now), "moved to 14 s");
        assert!(deadlines.pop_due(start + SECOND * 13).is_none());
        let now = start + SECOND * 14;
        let entry = deadlines.pop_due(now).unwrap();
        assert!(deadlines.has_passed(&mut deadline, entry, now));
    }

    #[test]
    fn an_earlier_deadline_is_not_missed_and_a_cleared_one_not_met() {
        let (start, id) = (Instant::now(), ConnectionId::new(3, 1));
        let (mut deadlines, mut deadline) = (Deadlines::default(), Deadline::default());
        deadlines.set(&mut deadline, id, start, SECOND * 10);
        deadlines.set(&mut deadline, id, start, SECOND);
        let entry = deadlines.pop_due(start + SECOND).unwrap();
        assert!(deadlines.has_passed(&mut deadline, entry, start + SECOND));
        deadline.clear();
        let entry = deadlines.pop_due(start + SECOND * 10).unwrap();
        assert!(!deadlines.has_passed(&mut deadline, entry, start + SECOND * 10));
        assert!(deadlines.next().is_none());
    }
}
