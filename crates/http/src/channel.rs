//! What a request whose body is not in one piece shares with its reader and its writer, outside the reactor: pieces of
//! the response as they come in, pieces of the request as they are made.
//!
//! Both sides only ever hold its lock for moments. The reactor stops reading while too much waits here, and a writer is
//! told when there is room again; so neither a slow reader nor a slow server makes it grow.
//!
//! ```text
//! reactor: push ── push ── (full: paused) ············ resumed ── push ── finish
//! reader:      next ── next … nothing: wait_as(id) ── Event::Stirred(id) ── next … End
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::exchange::ConnectionId;
use crate::failure::Failure;
use crate::websocket::{Session, SocketMessage};

/// Bytes that may wait for the reader before the reactor stops reading.
const FULL_BYTES: usize = 256 << 10;
/// The reactor reads on once no more than this waits.
const LOW_BYTES: usize = 64 << 10;
/// What a piece weighs besides its bytes, so that many tiny ones are bounded too.
const PIECE_BYTES: usize = 64;
/// Bytes that may wait to be sent before the writer has to.
const UNSENT_BYTES: usize = 256 << 10;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// Part of the body.
    Data,
    /// Part of the body, and the end of a chunk of the transfer coding.
    ChunkEnd,
    /// A text message of a WebSocket.
    Text,
    /// A binary message of a WebSocket.
    Binary,
    /// The other side ends a WebSocket, with this code; the bytes are its reason.
    Close(u16),
    /// The message that was given this number has been handed to the connection.
    Sent(u64),
}

/// Something that has come in.
#[derive(Debug)]
pub struct Piece {
    /// When the reactor read it.
    pub at: Instant,
    /// What it is.
    pub kind: PieceKind,
    /// Without its transfer coding; the content coding is still on it.
    pub bytes: Vec<u8>,
}

/// How it ended: with the connection, if that can take another request.
#[derive(Debug, Clone)]
pub struct End {
    /// When the reactor saw it.
    pub at: Instant,
    /// The connection, or what went wrong.
    pub outcome: Result<Option<ConnectionId>, Failure>,
}

/// What a reader finds.
#[derive(Debug)]
pub enum Next {
    /// The next piece.
    Piece(Piece),
    /// There is no more; asked again, it says so again, but without the connection.
    End(End),
    /// Not yet: wait.
    Nothing,
}

/// What became of the wish to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// There is no need to.
    Needless,
    /// `Event::Stirred` will come; with `attend`, only if `Command::Attend` goes to the reactor.
    Waiting {
        /// The reactor has to be told.
        attend: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiter {
    Event(u64),
    Thread,
}

#[derive(Debug, Default)]
struct Shared {
    connection: Option<ConnectionId>,
    pieces: VecDeque<Piece>,
    weight: usize,
    end: Option<End>,
    paused: bool,
    waiter: Option<Waiter>,
    reader_waits: bool,
    outgoing: Vec<u8>,
    unsent: usize,
    messages: VecDeque<(SocketMessage, u64)>,
    upload_open: bool,
    abandoned: bool,
}

impl Shared {
    fn next(&mut self) -> Next {
        if let Some(piece) = self.pieces.pop_front() {
            self.weight -= piece.bytes.len() + PIECE_BYTES;
            return Next::Piece(piece);
        }
        let Some(end) = &mut self.end else { return Next::Nothing };
        let told = end.clone();
        if let Ok(connection) = &mut end.outcome {
            *connection = None;
        }
        Next::End(told)
    }

    fn has_room(&self) -> bool {
        self.end.is_some() || self.outgoing.len() + self.unsent < UNSENT_BYTES
    }

    fn may_resume(&self) -> bool {
        self.paused && self.weight <= LOW_BYTES
    }
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Channel {
    shared: Mutex<Shared>,
    stirred: Condvar,
    /// Only the reactor looks in here.
    websocket: Option<Mutex<Session>>,
}

impl Channel {
    /// For a response that is read while it comes in; `uploads` if the request's body is written piece by piece as well.
    pub fn new(uploads: bool) -> Arc<Self> {
        let shared = Shared { upload_open: uploads, ..Shared::default() };
        Arc::new(Self { shared: Mutex::new(shared), ..Self::default() })
    }

    /// For a WebSocket: once the connection is upgraded, messages come and go instead of bytes.
    pub fn websocket() -> Arc<Self> {
        Arc::new(Self { websocket: Some(Mutex::new(Session::client())), ..Self::default() })
    }

    /// Adds a message to what is to be sent. Once it is, `PieceKind::Sent(number)` comes in, unless the number is 0.
    pub fn send(&self, message: SocketMessage, number: u64) {
        self.lock().messages.push_back((message, number));
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come in, without waiting.
    pub fn next(&self) -> Next {
        self.lock().next()
    }

    /// Blocks this thread until something is there. `attend` is called if the reactor has to look at this channel.
    pub fn next_blocking(&self, attend: impl Fn()) -> Next {
        let mut shared = self.lock();
        loop {
            match shared.next() {
                Next::Nothing => {}
                found => return found,
            }
            shared.waiter = Some(Waiter::Thread);
            shared.reader_waits = true;
            drop(shared);
            attend();
            shared = self.lock();
            if shared.pieces.is_empty() && shared.end.is_none() {
                shared = self.stirred.wait(shared).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// `Event::Stirred(id)` is to come once there is something to read. With `timed`, a read timeout begins.
    pub fn wait_as(&self, id: u64, timed: bool) -> Wait {
        let mut shared = self.lock();
        if !shared.pieces.is_empty() || shared.end.is_some() {
            return Wait::Needless;
        }
        shared.waiter = Some(Waiter::Event(id));
        shared.reader_waits = true;
        Wait::Waiting { attend: timed || shared.paused }
    }

    /// `Event::Stirred(id)` is to come once there is room to write.
    pub fn wait_for_room_as(&self, id: u64) -> Wait {
        let mut shared = self.lock();
        if shared.has_room() {
            return Wait::Needless;
        }
        shared.waiter = Some(Waiter::Event(id));
        Wait::Waiting { attend: false }
    }

    /// As [`Channel::wait_for_room_as`], for a thread that can block.
    pub fn wait_for_room_blocking(&self) {
        let mut shared = self.lock();
        while !shared.has_room() {
            shared.waiter = Some(Waiter::Thread);
            shared = self.stirred.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nobody waits any more.
    pub fn stop_waiting(&self) {
        let mut shared = self.lock();
        shared.waiter = None;
        shared.reader_waits = false;
    }

    /// Whether the reactor should be told that it can read on.
    pub fn may_resume(&self) -> bool {
        self.lock().may_resume()
    }

    /// Adds to what is to be sent; `Command::Attend` makes the reactor send it. `last` ends the request's body.
    pub fn write(&self, bytes: &[u8], last: bool) {
        let mut shared = self.lock();
        shared.outgoing.extend_from_slice(bytes);
        shared.upload_open &= !last;
    }

    /// Whether the response has ended, or failed, whatever is still to be read of it.
    pub fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Nothing more will be read. What is to be closed by `Command::Close`; else `Command::Attend` does it.
    pub fn abandon(&self) -> Option<ConnectionId> {
        let mut shared = self.lock();
        shared.abandoned = true;
        shared.pieces.clear();
        shared.weight = 0;
        shared.end.as_mut().and_then(|end| end.outcome.as_mut().ok()?.take())
    }
}

/// The reactor's side.
impl Channel {
    pub(crate) fn opened(&self, connection: ConnectionId) {
        self.lock().connection = Some(connection);
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.lock().connection
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    pub(crate) fn is_uploading(&self) -> bool {
        let shared = self.lock();
        shared.upload_open || !shared.outgoing.is_empty()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.lock().paused
    }

    pub(crate) fn reader_waits(&self) -> bool {
        self.lock().reader_waits
    }

    pub(crate) fn push(&self, piece: Piece) {
        let mut shared = self.lock();
        shared.weight += piece.bytes.len() + PIECE_BYTES;
        shared.paused |= shared.weight >= FULL_BYTES;
        shared.pieces.push_back(piece);
    }

    /// Whether reading goes on after a pause.
    pub(crate) fn resume(&self) -> bool {
        let mut shared = self.lock();
        let resumes = shared.may_resume();
        shared.paused &= !resumes;
        resumes
    }

    /// The WebSocket, if this is one.
    pub(crate) fn session(&self) -> Option<MutexGuard<'_, Session>> {
        self.websocket.as_ref().map(|session| session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn take_messages(&self) -> VecDeque<(SocketMessage, u64)> {
        std::mem::take(&mut self.lock().messages)
    }

    /// What is to be sent; counts as unsent until [`Channel::sent`] says otherwise.
    pub(crate) fn take_outgoing(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().outgoing)
    }

    pub(crate) fn sent(&self, unsent: usize) {
        self.lock().unsent = unsent;
    }

    /// Returns the connection again if nobody is there to take it.
    pub(crate) fn finish(&self, outcome: Result<Option<ConnectionId>, Failure>) -> Option<ConnectionId> {
        let mut shared = self.lock();
        shared.connection = None;
        if shared.abandoned {
            return outcome.ok().flatten();
        }
        shared.end = Some(End { at: Instant::now(), outcome });
        None
    }

    /// Whom to tell that there is something to read, or room to write.
    pub(crate) fn stir(&self) -> Option<u64> {
        let mut shared = self.lock();
        let ready = match shared.reader_waits {
            true => !shared.pieces.is_empty() || shared.end.is_some(),
            false => shared.has_room(),
        };
        if !ready {
            return None;
        }
        shared.reader_waits = false;
        match shared.waiter.take()? {
            Waiter::Event(id) => Some(id),
            Waiter::Thread => {
                self.stirred.notify_all();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(length: usize) -> Piece {
        Piece { at: Instant::now(), kind: PieceKind::Data, bytes: vec![0; length] }
    }

    #[test]
    fn a_full_channel_pauses_and_goes_on_when_it_is_almost_empty() {
        let channel = Channel::new(false);
        for _ in 0..4 {
            assert!(!channel.is_paused());
            channel.push(piece(FULL_BYTES / 4));
        }
        assert!(channel.is_paused() && !channel.may_resume());
        for _ in 0..3 {
            assert!(matches!(channel.next(), Next::Piece(_)));
            assert!(!channel.resume());
        }
        assert!(matches!(channel.next(), Next::Piece(_)));
        assert!(channel.resume() && !channel.is_paused() && !channel.resume());
    }

    #[test]
    fn many_tiny_pieces_pause_it_too() {
        let channel = Channel::new(false);
        for _ in 0..FULL_BYTES / PIECE_BYTES {
            channel.push(piece(1));
        }
        assert!(channel.is_paused());
    }

    #[test]
    fn the_waiter_is_told_once_and_the_connection_given_once() {
        let channel = Channel::new(false);
        assert_eq!(channel.wait_as(7, false), Wait::Waiting { attend: false });
        assert_eq!(channel.stir(), None, "there is nothing yet");
        let connection = ConnectionId::new(3, 1);
        assert_eq!(channel.finish(Ok(Some(connection))), None);
        assert_eq!(channel.stir(), Some(7));
        assert_eq!(channel.stir(), None);
        assert_eq!(channel.wait_as(8, true), Wait::Needless);
        let Next::End(End { outcome: Ok(Some(given)), .. }) = channel.next() else { panic!() };
        assert_eq!(given, connection);
        assert!(matches!(channel.next(), Next::End(End { outcome: Ok(None), .. })));
    }

    #[test]
    fn whoever_comes_too_late_gets_the_connection_to_close() {
        let connection = ConnectionId::new(3, 1);
        let channel = Channel::new(false);
        assert_eq!(channel.abandon(), None);
        assert_eq!(channel.finish(Ok(Some(connection))), Some(connection));
        let channel = Channel::new(false);
        assert_eq!(channel.finish(Ok(Some(connection))), None);
        assert_eq!(channel.abandon(), Some(connection));
        assert_eq!(channel.abandon(), None);
    }

    #[test]
    fn a_writer_waits_for_room() {
        let channel = Channel::new(true);
        assert!(channel.is_uploading());
        channel.write(&vec![1; UNSENT_BYTES], false);
        assert_eq!(channel.wait_for_room_as(5), Wait::Waiting { attend: false });
        assert_eq!(channel.take_outgoing().len(), UNSENT_BYTES);
        channel.sent(UNSENT_BYTES);
        assert_eq!(channel.stir(), None);
        channel.sent(10);
        assert_eq!(channel.stir(), Some(5));
        assert_eq!(channel.wait_for_room_as(5), Wait::Needless);
        channel.write(b"end", true);
        assert!(channel.is_uploading(), "it is not sent");
        channel.take_outgoing();
        assert!(!channel.is_uploading());
    }
}
