//! ZMTP 3, the protocol that ZeroMQ sockets speak, as far as a cluster needs it: greeting, handshake, messages.
//! Pure: bytes in, events and bytes out. Speaks with libzmq's ROUTER and DEALER, hence with Locust's nodes.
//!
//! ```text
//!   greeting (64 bytes) ── NULL: READY ⇄ READY ───────────┐
//!                       └─ GREGARIA: HELLO → ← WELCOME ───┴─ messages of one frame, sealed on the latter
//! ```

mod frame;
mod seal;
mod session;

pub use frame::{Frame, FrameReader, write_frame};
pub use seal::{SHORTEST_SECRET, Secret};
pub use session::{Event, Limits, Session};

/// Why a peer was given up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("what came is no ZeroMQ: {0}")]
    Garbage(&'static str),
    #[error("a message of {bytes} bytes; at most {limit_bytes} are taken")]
    TooLarge { bytes: usize, limit_bytes: usize },
    #[error("the peer speaks version {0} of ZeroMQ's protocol; at least 3 is needed")]
    Version(u8),
    #[error("this side asks for an encrypted link, the peer speaks in the open (its link is '{0}')")]
    PeerIsPlain(String),
    #[error("the peer asks for an encrypted link ('{0}'), this side has no secret for it")]
    PeerIsSealed(String),
    #[error("the peer does not know the cluster's secret")]
    WrongSecret,
    #[error("a message was changed on its way")]
    Tampered,
    #[error("a cluster's secret has at least {SHORTEST_SECRET} characters")]
    ShortSecret,
    #[error("the encryption failed")]
    Noise(#[source] snow::Error),
}
