//! What keeps the server from starting.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot use '{path}' for HTTPS: {reason}")]
    Tls { path: PathBuf, reason: String },
}
