//! How an origin's connections are made and used: the version of HTTP, and who shares what. Plain data.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::exchange::ConnectionId;

/// Which version of HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    One,
    /// HTTP/2, over TLS by agreement (ALPN), else by prior knowledge.
    Two,
    /// HTTP/2 over TLS where the server agrees, else HTTP/1.1.
    Auto,
}

/// How connections are made; part of an origin's identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Network {
    /// The version of HTTP.
    pub http_version: HttpVersion,
    /// Own addresses to connect from, one after the other; the system's choice if there are none.
    pub source_addresses: Vec<IpAddr>,
    /// How long the addresses of a host are believed: `Some(ZERO)` asks anew for each connection, `Some(MAX)` never again,
    /// `None` is the reactor's own setting.
    pub address_lifetime: Option<Duration>,
    /// After so many requests a connection is closed.
    pub max_requests: Option<u32>,
    /// After so long without a request a connection is closed.
    pub idle_timeout: Option<Duration>,
}

impl Network {
    /// The address for the next connection to `target`: of those of its family the one whose turn it is.
    pub(crate) fn source(&self, target: SocketAddr, turn: &mut usize) -> Option<IpAddr> {
        let fitting = || self.source_addresses.iter().filter(|address| address.is_ipv4() == target.is_ipv4());
        let count = fitting().count();
        *turn = turn.wrapping_add(1);
        fitting().nth(turn.checked_rem(count)?).copied()
    }

    /// Whether requests at the same time may share a connection.
    pub fn may_share(&self, is_https: bool) -> bool {
        match self.http_version {
            HttpVersion::One => false,
            HttpVersion::Two => true,
            HttpVersion::Auto => is_https,
        }
    }
}

/// Where the requests of one session to one origin meet on a connection: kept by the session, handed in with each request.
#[derive(Debug, Default)]
pub struct SharedConnection {
    /// 0 for none.
    id: AtomicU64,
}

/// The server speaks HTTP/1.1 only: every request has a connection for itself.
const ALONE: u64 = u64::MAX;

impl SharedConnection {
    /// The connection, to be closed when its session ends.
    pub fn connection(&self) -> Option<ConnectionId> {
        match self.id.load(Ordering::Relaxed) {
            0 | ALONE => None,
            id => Some(ConnectionId::from_bits(id)),
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.id.load(Ordering::Relaxed) == ALONE
    }

    pub(crate) fn set(&self, id: ConnectionId) {
        self.id.store(id.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self) {
        self.id.store(ALONE, Ordering::Relaxed);
    }
}
