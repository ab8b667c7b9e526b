//! What can go wrong before any request is made: starting the reactor, reading certificates.
//! A request that goes wrong is a `Failure`, never an `Error`.

use std::io;
use std::path::PathBuf;

/// Why the reactor or a TLS setting could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event queue (epoll or kqueue) could not be made.
    #[error("cannot create the event queue")]
    Poll(#[source] io::Error),
    /// A thread could not be started.
    #[error("cannot start the {name} thread")]
    Thread {
        /// Which thread.
        name: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate or key file could not be read.
    #[error("cannot read certificates from {}: {reason}", path.display())]
    Certificate {
        /// The file or directory.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// The certificates were read, but no TLS configuration can be made of them.
    #[error("cannot use this TLS setting")]
    Tls(#[source] rustls::Error),
}
