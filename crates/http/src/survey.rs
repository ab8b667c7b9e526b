//! What a reactor tells of the exchanges under way, when somebody asks. Plain data; looked together in `reactor/survey.rs`.

use std::sync::Arc;
use std::time::Instant;

use crate::exchange::Origin;

/// What an exchange waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its turn: the reactor has not taken it up yet.
    Blocked,
    /// The addresses of a name.
    Dns,
    /// A connection, through a proxy maybe.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Its last byte to go out.
    Send,
    /// The response's first byte.
    Wait,
    /// The response's last byte.
    Receive,
}

impl Step {
    /// As the phases of requests are called everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Receive => "receive",
        }
    }
}

/// An exchange whose completion is still to come.
#[derive(Debug, Clone)]
pub struct UnderWay {
    /// The request's id.
    pub id: u64,
    /// When it was taken up, or asked for if it was not yet.
    pub since: Instant,
    /// What it waits for.
    pub step: Step,
    /// Where it goes.
    pub origin: Arc<Origin>,
    /// The first line of the request; cut if it is very long.
    pub request_line: Vec<u8>,
}
