//! Sockets of a cluster: a server that many connect to, a client that keeps its connection up. One thread each, on tokio.
//! Knows who is there and moves messages; what they mean is `master`'s and `worker`'s business.

mod client;
mod pump;
mod server;

use std::io;
use std::time::Duration;

pub use client::{Client, ClientEvent, ClientSender, ClientSink};
pub use server::{Server, ServerEvent, ServerSender, ServerSink};

use crate::zmtp::{Limits, Secret};

/// How links are made.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Encrypts and authenticates; `None`: in the open, as Locust does.
    pub secret: Option<Secret>,
    pub limits: Limits,
}

/// What keeps a server or a client from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen on {host}:{port}")]
    Listen { host: String, port: u16, source: io::Error },
    #[error("the system gives no thread or event queue")]
    Thread(#[source] io::Error),
}

impl Error {
    /// Whether somebody else has the port.
    pub fn port_is_busy(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

/// A peer that says nothing sensible for so long is no peer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that may wait for a peer that does not read.
const QUEUE_LIMIT_BYTES: usize = 256 << 20;
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)
}

fn prepare(stream: &tokio::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE_IDLE);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}
