//! Whom a session trusts, and the shared TLS configuration for that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gregaria_http::{Origin, Scheme, TlsSettings, Verify};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rustc_hash::FxHashMap;

/// What `verify` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// `True`: the usual authorities.
    #[default]
    Usual,
    /// `False`: anybody.
    Anybody,
    /// A path: the authorities in that file or folder.
    Bundle(String),
}

type Origins = FxHashMap<(Trust, String, u16), Arc<Origin>>;

static ORIGINS: Mutex<Option<Origins>> = Mutex::new(None);

fn origins() -> MutexGuard<'static, Option<Origins>> {
    ORIGINS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trust {
    /// From a value of `verify`.
    pub fn of(verify: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(path) = verify.cast::<PyString>() {
            return Ok(Trust::Bundle(path.to_str()?.to_owned()));
        }
        if verify.hasattr("__fspath__")? {
            return Ok(Trust::Bundle(verify.call_method0("__fspath__")?.extract()?));
        }
        Ok(if verify.is_truthy()? { Trust::Usual } else { Trust::Anybody })
    }

    /// The origin of a host spoken to over TLS with this trust; the same object for the same arguments.
    pub fn origin(&self, py: Python<'_>, host: &str, port: u16) -> PyResult<Arc<Origin>> {
        let key = (self.clone(), host.to_owned(), port);
        if let Some(origin) = origins().get_or_insert_default().get(&key) {
            return Ok(Arc::clone(origin));
        }
        let settings = self.settings(py)?;
        let made =
            Arc::new(Origin { scheme: Scheme::Https, host: host.to_owned(), port, tls: Some(settings), proxy: None });
        Ok(Arc::clone(origins().get_or_insert_default().entry(key).or_insert(made)))
    }

    fn settings(&self, py: Python<'_>) -> PyResult<Arc<TlsSettings>> {
        let verify = match self {
            Trust::Usual => Verify::Roots,
            Trust::Anybody => Verify::Off,
            Trust::Bundle(path) => {
                if !std::path::Path::new(path).exists() {
                    let text = format!("Could not find a suitable TLS CA certificate bundle, invalid path: {path}");
                    return Err(PyOSError::new_err(text));
                }
                Verify::Bundle(path.into())
            }
        };
        py.detach(|| TlsSettings::shared(&verify, None)).map_err(|error| PyOSError::new_err(error.to_string()))
    }
}
