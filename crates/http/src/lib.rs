//! What users do: HTTP/1.1 over TCP and TLS, driven by one thread that owns every socket and every waiting timer.
//!
//! `codec` and `decoding` are pure; `reactor` is the thin driver around them. Nothing here knows users, Python or
//! statistics, and nothing here retries, follows redirects or keeps cookies: one `Request` gives one `Completion`.
//!
//! ```text
//! submit(Command::Send) -> inbox -> reactor thread: connect/reuse -> write -> codec -> decoding -> EventSink::deliver
//! ```

mod channel;
pub mod codec;
pub mod decoding;
mod error;
mod event_stream;
mod exchange;
mod failure;
mod multiplex;
mod network;
mod proxy;
mod reactor;
mod resolver;
mod response;
mod survey;
pub mod tls;
mod websocket;

pub use channel::{Channel, End, Next, Piece, PieceKind, Wait};
pub use decoding::decode as decode_content;
pub use error::Error;
pub use event_stream::{EventParser, ServerEvent};
pub use exchange::{
    Broken, Command, Completion, ConnectionId, DEFAULT_BODY_LIMIT_BYTES, Durations, Event, Opening, Origin, Request,
    Scheme, Timings,
};
pub use failure::{Failure, Phase};
pub use network::{HttpVersion, Network, SharedConnection};
pub use proxy::{Proxy, ProxyKind};
pub use reactor::{EventSink, Reactor, Settings, Submitter};
pub use response::Response;
pub use survey::{Step, UnderWay};
pub use tls::{ClientCertificate, TlsFailure, TlsFailureKind, TlsSettings, Verify};
pub use websocket::{SocketMessage, handshake_key};
