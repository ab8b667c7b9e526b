//! Moves the bytes of one session between its socket and the two queues, until one side ends it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{HANDSHAKE_TIMEOUT, QUEUE_LIMIT_BYTES};
use crate::zmtp::{self, Event, Session};

const READ_BYTES: usize = 64 << 10;
const LOOK_AT_QUEUE: Duration = Duration::from_millis(500);
const LINGER: Duration = Duration::from_secs(1);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer did not finish its greeting in time")]
    Silent,
    #[error("the peer does not read: {QUEUE_LIMIT_BYTES} bytes are waiting for it")]
    Stuck,
    #[error("ended by this side")]
    Dropped,
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Protocol(#[from] zmtp::Error),
}

/// The way to a peer: a queue, bounded by bytes.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: UnboundedSender<Vec<u8>>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// The other end of an outbox.
pub struct Outgoing {
    queue: UnboundedReceiver<Vec<u8>>,
    waiting_bytes: Arc<AtomicUsize>,
}

pub fn outbox() -> (Outbox, Outgoing) {
    let (sender, receiver) = unbounded_channel();
    let waiting_bytes = Arc::<AtomicUsize>::default();
    (Outbox { queue: sender, waiting_bytes: Arc::clone(&waiting_bytes) }, Outgoing { queue: receiver, waiting_bytes })
}

impl Outbox {
    /// Whether the peer was still there to take it.
    pub fn put(&self, message: Vec<u8>) -> bool {
        self.waiting_bytes.fetch_add(message.len(), Ordering::Relaxed);
        self.queue.send(message).is_ok()
    }
}

/// Runs the session until it ends, and says why. Reads and writes at the same time, so that two sides with much to say
/// never wait for each other.
pub async fn pump(
    stream: TcpStream,
    session: &mut Session,
    outgoing: &mut Outgoing,
    mut told: impl FnMut(Event),
) -> Gone {
    let (mut reader, mut writer) = stream.into_split();
    let mut buffer = vec![0; READ_BYTES];
    let mut writing = Writing::default();
    let handshake_ends = tokio::time::Instant::now() + HANDSHAKE_TIMEOUT;
    let mut look = tokio::time::interval(LOOK_AT_QUEUE);
    loop {
        if writing.is_done() {
            writing = Writing { bytes: session.take_outgoing(), written: 0 };
        }
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(0) => return Gone::Closed,
                Ok(length) => if let Err(gone) = take_in(session, &buffer[..length], &mut told) {
                    // The greeting is what tells the peer which kind of link this side wants.
                    session.refuse();
                    let last = [writing.rest(), &session.take_outgoing()].concat();
                    writer.write_all(&last).await.ok();
                    writer.shutdown().await.ok();
                    return gone;
                },
                Err(error) => return error.into(),
            },
            written = writer.write(writing.rest()), if !writing.is_done() => match written {
                Ok(length) => writing.written += length,
                Err(error) => return error.into(),
            },
            message = outgoing.queue.recv(), if session.is_open() && writing.is_done() => {
                let Some(message) = message else {
                    writer.shutdown().await.ok();
                    linger(&mut reader, &mut buffer).await;
                    return Gone::Dropped;
                };
                outgoing.waiting_bytes.fetch_sub(message.len(), Ordering::Relaxed);
                if let Err(error) = session.send(&message) {
                    return error.into();
                }
            }
            () = tokio::time::sleep_until(handshake_ends), if !session.is_open() => return Gone::Silent,
            _ = look.tick() => if outgoing.waiting_bytes.load(Ordering::Relaxed) > QUEUE_LIMIT_BYTES {
                return Gone::Stuck;
            },
        }
    }
}

/// Reads on until the peer has closed too: closing with something unread would take back what was just written.
async fn linger(reader: &mut OwnedReadHalf, buffer: &mut [u8]) {
    let to_the_end = async { while reader.read(buffer).await.is_ok_and(|length| length > 0) {} };
    tokio::time::timeout(LINGER, to_the_end).await.ok();
}

fn take_in(session: &mut Session, bytes: &[u8], told: &mut impl FnMut(Event)) -> Result<(), Gone> {
    let mut events = Vec::new();
    let outcome = session.receive(bytes, &mut events);
    events.into_iter().for_each(told);
    Ok(outcome?)
}

/// Bytes on their way into the socket.
#[derive(Default)]
struct Writing {
    bytes: Vec<u8>,
    written: usize,
}

impl Writing {
    fn is_done(&self) -> bool {
        self.written == self.bytes.len()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }
}
