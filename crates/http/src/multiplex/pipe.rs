//! What the protocol library takes for a socket: bytes in memory, put in and taken out by the reactor. Never waits.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Beyond, the library has to wait until the socket has taken some.
pub(super) const FULL_BYTES: usize = 1 << 20;

/// A waker that leaves a mark.
#[derive(Debug, Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    /// Whether it was set; it no longer is.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}

#[derive(Debug, Default)]
pub(super) struct Bytes {
    pub incoming: Vec<u8>,
    taken: usize,
    pub outgoing: Vec<u8>,
    pub ended: bool,
}

/// One end of the pipe; both are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Pipe(Arc<Mutex<Bytes>>);

impl Pipe {
    pub fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut bytes = self.bytes();
        let bytes = &mut *bytes;
        let waiting = &bytes.incoming[bytes.taken..];
        if waiting.is_empty() {
            // The connection is asked again whenever something has come in.
            return if bytes.ended { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let length = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..length]);
        bytes.taken += length;
        if bytes.taken == bytes.incoming.len() {
            bytes.taken = 0;
            bytes.incoming.clear();
            // An idle connection holds no buffer.
            bytes.incoming.shrink_to(4096);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut bytes = self.bytes();
        if bytes.outgoing.len() >= FULL_BYTES {
            return Poll::Pending;
        }
        bytes.outgoing.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut bytes = self.bytes();
        if bytes.outgoing.len() >= FULL_BYTES {
            return Poll::Pending;
        }
        parts.iter().for_each(|part| bytes.outgoing.extend_from_slice(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
