//! What can go wrong with an output.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot create '{path}'")]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot write to '{path}'")]
    Write { path: PathBuf, source: io::Error },
    #[error("{sink} cannot keep up: {lost} reports were left out")]
    Behind { sink: String, lost: u64 },
    #[error("the thread of {sink} could not be started")]
    Thread { sink: String, source: io::Error },
    #[error("the thread of {sink} died")]
    Died { sink: String },
}

impl Error {
    /// The file concerned and the system's reason, where there are any.
    pub fn file(&self) -> Option<(&PathBuf, &io::Error)> {
        match self {
            Self::Create { path, source } | Self::Write { path, source } => Some((path, source)),
            _ => None,
        }
    }
}
