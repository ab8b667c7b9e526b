//! Master and worker as Python sees them: links that answer by themselves and leave the rest in an inbox.
//! The machines and their transport are `gregaria-cluster`; the runners in Python do what the inbox says.

mod ask;
mod inbox;
mod master;
mod value;
mod worker;

use gregaria_cluster::transport::{self, Settings};
use gregaria_cluster::zmtp::Secret;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

pub use ask::ask_master;
pub use master::MasterLink;
pub use worker::WorkerLink;

/// How links are made, with a secret or in the open.
fn links(secret: Option<&str>) -> PyResult<Settings> {
    let secret = secret.map(Secret::from_text).transpose();
    let secret = secret.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(Settings { secret, ..Settings::default() })
}

/// An `OSError` with the system's number where there is one.
fn to_exception(error: &transport::Error) -> PyErr {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    match source.and_then(std::io::Error::raw_os_error) {
        Some(number) => {
            PyOSError::new_err((number, format!("{error}: {}", source.map_or_else(String::new, ToString::to_string))))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}
