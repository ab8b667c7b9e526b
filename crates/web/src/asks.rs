//! What only Python can answer: requests that wait for the hub, and the pipe that wakes it.
//!
//! ```text
//!   server: ask ──▶ queue ──(a byte, if the hub sleeps)──▶ hub: take ─ a greenlet each ─ begin, chunk…, end ──▶ server
//! ```
//!
//! The queue is bounded: a hub that is stuck is told about with 503, and nobody waits behind it without end.

use std::collections::HashMap;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait for the hub to look.
const WAITING: usize = 256;
/// Pieces of an answer that may wait for a slow client.
const CHUNKS: usize = 64;

/// A request as Python gets it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HubRequest {
    pub method: String,
    /// Without the base path's prefix, percent-decoded, as text.
    pub path: String,
    /// Path and query as they came.
    pub target: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    /// Fields of a form, in their order; `None` if the body is none.
    pub form: Option<Vec<(String, String)>>,
    pub body: Bytes,
    pub remote: (String, u16),
}

/// The beginning of an answer.
#[derive(Debug)]
pub struct Begun {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: mpsc::Receiver<Bytes>,
}

#[derive(Debug)]
enum Pending {
    Asked(oneshot::Sender<Begun>),
    Begun(mpsc::Sender<Bytes>),
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    waiting: Vec<(u64, HubRequest)>,
    pending: HashMap<u64, Pending>,
    refresh: bool,
    sleeping: bool,
    closed: bool,
}

/// See the module's text.
#[derive(Debug)]
pub struct Asks {
    inner: Mutex<Inner>,
    pipe: PipeWriter,
}

/// Why the hub is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("too many requests wait for the generator, which is busy; try again later")]
    Busy,
    #[error("Gregaria is ending")]
    Closed,
}

/// What a piece of an answer met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    Taken,
    /// The client is slow: try again in a while.
    Full,
    /// The client is gone.
    Gone,
}

impl Asks {
    /// The queue, and the end of the pipe that becomes readable when something is in it.
    pub fn new() -> std::io::Result<(Self, PipeReader)> {
        let (reader, pipe) = std::io::pipe()?;
        Ok((Self { inner: Mutex::new(Inner { sleeping: true, ..Inner::default() }), pipe }, reader))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, inner: &mut Inner) {
        if std::mem::replace(&mut inner.sleeping, false) {
            // The other end may be closed when the process ends: then nobody has to be woken.
            let _ = (&self.pipe).write_all(&[1]);
        }
    }

    /// Ask the hub; the answer comes through the receiver, or an error if the hub gave none.
    pub fn ask(&self, request: HubRequest) -> Result<oneshot::Receiver<Begun>, Refused> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(Refused::Closed);
        }
        if inner.waiting.len() >= WAITING {
            return Err(Refused::Busy);
        }
        inner.next += 1;
        let id = inner.next;
        let (answer, receiver) = oneshot::channel();
        inner.pending.insert(id, Pending::Asked(answer));
        inner.waiting.push((id, request));
        self.wake(&mut inner);
        Ok(receiver)
    }

    /// Ask the hub to tell the state of the run now.
    pub fn refresh(&self) {
        let mut inner = self.inner();
        inner.refresh = true;
        self.wake(&mut inner);
    }

    /// For the hub: what came in since the last call, and whether somebody wants the state of the run.
    pub fn take(&self, mut reader: &PipeReader) -> (Vec<(u64, HubRequest)>, bool) {
        let mut inner = self.inner();
        if !std::mem::replace(&mut inner.sleeping, true) {
            let mut byte = [0];
            let _ = reader.read(&mut byte);
        }
        (std::mem::take(&mut inner.waiting), std::mem::take(&mut inner.refresh))
    }

    /// For the hub: begin the answer. False if nobody wants it any more.
    pub fn begin(&self, id: u64, status: u16, headers: Vec<(String, String)>) -> bool {
        let mut inner = self.inner();
        let Some(Pending::Asked(asker)) = inner.pending.remove(&id) else { return false };
        let (sender, body) = mpsc::channel(CHUNKS);
        let wanted = asker.send(Begun { status, headers, body }).is_ok();
        if wanted {
            inner.pending.insert(id, Pending::Begun(sender));
        }
        wanted
    }

    /// For the hub: a piece of the answer's body.
    pub fn chunk(&self, id: u64, chunk: Bytes) -> Sent {
        let mut inner = self.inner();
        let Some(Pending::Begun(sender)) = inner.pending.get(&id) else { return Sent::Gone };
        match sender.try_send(chunk) {
            Ok(()) => Sent::Taken,
            Err(mpsc::error::TrySendError::Full(_)) => Sent::Full,
            Err(mpsc::error::TrySendError::Closed(_)) => {
                inner.pending.remove(&id);
                Sent::Gone
            }
        }
    }

    /// For the hub: the answer is complete, or there is none.
    pub fn end(&self, id: u64) {
        self.inner().pending.remove(&id);
    }

    /// Nobody is asked any more; those who wait are told.
    pub fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.waiting.clear();
        inner.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> HubRequest {
        HubRequest { path: path.into(), ..HubRequest::default() }
    }

    #[test]
    fn an_answer_comes_in_pieces() {
        let (asks, reader) = Asks::new().unwrap();
        let mut answer = asks.ask(request("/tasks")).unwrap();
        let (taken, refresh) = asks.take(&reader);
        assert_eq!((taken.len(), taken[0].1.path.as_str(), refresh), (1, "/tasks", false));
        let id = taken[0].0;
        assert!(asks.begin(id, 200, vec![("A".into(), "b".into())]));
        assert_eq!(asks.chunk(id, Bytes::from_static(b"12")), Sent::Taken);
        asks.end(id);
        let mut begun = answer.try_recv().unwrap();
        assert_eq!(begun.status, 200);
        assert_eq!(begun.body.try_recv().unwrap(), "12");
        assert!(matches!(begun.body.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    }

    #[test]
    fn the_pipe_holds_one_byte_at_the_most() {
        let (asks, reader) = Asks::new().unwrap();
        let answers: Vec<_> = (0..3).map(|_| asks.ask(request("/")).unwrap()).collect();
        asks.refresh();
        let (taken, refresh) = asks.take(&reader);
        assert_eq!((taken.len(), refresh, answers.len()), (3, true, 3));
        // A second look finds nothing and must not wait for a byte.
        assert_eq!(asks.take(&reader), (Vec::new(), false));
    }

    #[test]
    fn a_hub_that_does_not_look_is_not_asked_for_ever() {
        let (asks, _reader) = Asks::new().unwrap();
        let answers: Vec<_> = (0..WAITING).map(|_| asks.ask(request("/")).unwrap()).collect();
        assert_eq!(asks.ask(request("/")).map(|_| ()), Err(Refused::Busy));
        assert_eq!(answers.len(), WAITING);
    }

    #[test]
    fn who_goes_away_or_reads_slowly_is_noticed() {
        let (asks, reader) = Asks::new().unwrap();
        let gone = asks.ask(request("/")).unwrap();
        drop(gone);
        let slow = asks.ask(request("/")).unwrap();
        let (taken, _) = asks.take(&reader);
        assert!(!asks.begin(taken[0].0, 200, Vec::new()));
        assert!(asks.begin(taken[1].0, 200, Vec::new()));
        let sent: Vec<_> = (0..=CHUNKS).map(|_| asks.chunk(taken[1].0, Bytes::from_static(b"x"))).collect();
        assert_eq!((sent[0], sent[CHUNKS]), (Sent::Taken, Sent::Full));
        drop(slow);
        assert_eq!(asks.chunk(taken[1].0, Bytes::new()), Sent::Gone);
    }

    #[test]
    fn at_the_end_those_who_wait_are_told() {
        let (asks, _reader) = Asks::new().unwrap();
        let mut answer = asks.ask(request("/")).unwrap();
        asks.close();
        assert!(answer.try_recv().is_err());
        assert_eq!(asks.ask(request("/")).map(|_| ()), Err(Refused::Closed));
    }
}
