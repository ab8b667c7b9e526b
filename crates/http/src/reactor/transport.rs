//! One open socket, with TLS on it or not: bytes in, bytes out, never waiting. Knows no HTTP.
//! Sockets are registered once for both directions, edge-triggered, so every read goes on until the socket is dry.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

use crate::failure::Failure;

/// After so many full buffers from one socket the others get their turn.
const MAX_ROUNDS: usize = 16;
/// The largest TLS record's content, and more.
const PLAIN_BUFFER_BYTES: usize = 17 << 10;

/// Shared by all connections; what is in them is worth nothing after a call.
pub(super) struct Buffers {
    wire: Box<[u8]>,
    plain: Box<[u8]>,
}

impl Buffers {
    pub fn new(read_buffer_bytes: usize) -> Self {
        let wire = vec![0; read_buffer_bytes.max(4096)].into_boxed_slice();
        Self { wire, plain: vec![0; PLAIN_BUFFER_BYTES].into_boxed_slice() }
    }
}

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The socket has no more for now and will say when it has.
    Dry,
    /// The peer has closed its side.
    End,
    /// There may be more, and the socket will not say so again.
    Unfinished,
}

/// What went wrong with the transport or with what came through it.
#[derive(Debug)]
pub(super) enum Broken {
    Io(io::Error),
    Failed(Failure),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

pub(super) struct Transport {
    pub socket: TcpStream,
    /// Boxed: most connections have none, and an idle one should be small.
    pub tls: Option<Box<ClientConnection>>,
}

impl Transport {
    /// Reads until the socket is dry and hands every piece to `absorb`. `closing` says that the peer is known to have
    /// closed, so that a short read is not the last.
    pub fn receive(
        &mut self,
        buffers: &mut Buffers,
        closing: bool,
        mut absorb: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<Stop, Broken> {
        for _ in 0..MAX_ROUNDS {
            let length = match self.socket.read(&mut buffers.wire) {
                Ok(0) => return Ok(Stop::End),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Stop::Dry),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = &buffers.wire[..length];
            match &mut self.tls {
                None => absorb(bytes)?,
                Some(tls) => {
                    let ended = decrypt(tls, &mut self.socket, bytes, &mut buffers.plain, &mut absorb)?;
                    if ended {
                        return Ok(Stop::End);
                    }
                }
            }
            if length < buffers.wire.len() && !closing {
                return Ok(Stop::Dry);
            }
        }
        Ok(Stop::Unfinished)
    }

    /// Writes what the socket takes, counting in `written`.
    pub fn send(&mut self, bytes: &[u8], written: &mut usize) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            while *written < bytes.len() {
                match self.socket.write(&bytes[*written..]) {
                    Ok(length) => *written += length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(());
        };
        loop {
            if *written < bytes.len() {
                *written += tls.writer().write(&bytes[*written..])?;
            }
            let flushed = flush(tls, &mut self.socket)?;
            if !flushed || *written == bytes.len() {
                return Ok(());
            }
        }
    }

    /// Sends what TLS itself has to say.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => flush(tls, &mut self.socket).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Whether nothing is held back.
    pub fn is_flushed(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.wants_write())
    }

    pub fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }
}

/// Whether everything could be written.
fn flush(tls: &mut ClientConnection, socket: &mut TcpStream) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(socket) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Returns whether the peer has said goodbye.
fn decrypt(
    tls: &mut ClientConnection,
    socket: &mut TcpStream,
    mut bytes: &[u8],
    plain: &mut [u8],
    absorb: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<bool, Broken> {
    while !bytes.is_empty() {
        tls.read_tls(&mut bytes)?;
        let state = match tls.process_new_packets() {
            Ok(state) => state,
            Err(error) => {
                // The alert is a courtesy; that it may not go out changes nothing.
                let _ = flush(tls, socket);
                return Err(Failure::Tls(error.into()).into());
            }
        };
        let mut missing = state.plaintext_bytes_to_read();
        while missing > 0 {
            let length = tls.reader().read(plain)?;
            absorb(&plain[..length])?;
            missing -= length;
        }
        if state.peer_has_closed() {
            return Ok(true);
        }
    }
    Ok(false)
}
