//! Whom a session trusts and what it shows of itself, and the shared TLS configuration for that.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gregaria_http::{ClientCertificate, Network, Origin, Scheme, TlsSettings, Verify};
use pyo3::exceptions::{PyOSError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList, PyString, PyTuple};
use rustc_hash::FxHashMap;

/// What `verify` and `cert` say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trust {
    whom: Whom,
    shown: Option<Arc<ClientCertificate>>,
    /// The authorities that the environment names for `verify=True`.
    environment: Option<PathBuf>,
    /// How connections are made, where that is not the usual way.
    network: Option<Arc<Network>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Whom {
    /// `True`: the usual authorities.
    #[default]
    Usual,
    /// `False`: anybody.
    Anybody,
    /// A path: the authorities in that file or folder.
    Bundle(PathBuf),
}

type Origins = FxHashMap<(Trust, Scheme, String, u16), Arc<Origin>>;

static ORIGINS: Mutex<Option<Origins>> = Mutex::new(None);

fn origins() -> MutexGuard<'static, Option<Origins>> {
    ORIGINS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Whom {
    fn of(verify: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(match path(verify)? {
            Some(path) => Whom::Bundle(path),
            None if verify.is_truthy()? => Whom::Usual,
            None => Whom::Anybody,
        })
    }
}

/// A text or a path object as a path.
fn path(value: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    if let Ok(path) = value.cast::<PyString>() {
        return Ok(Some(path.to_str()?.into()));
    }
    if value.hasattr("__fspath__")? { value.extract().map(Some) } else { Ok(None) }
}

/// From a value of `cert`: a path, or a certificate's path and its key's.
fn shown(cert: &Bound<'_, PyAny>) -> PyResult<Option<Arc<ClientCertificate>>> {
    if !cert.is_truthy()? {
        return Ok(None);
    }
    if let Some(certificate) = path(cert)? {
        return Ok(Some(Arc::new(ClientCertificate { certificate, key: None })));
    }
    let is_pair = (cert.is_instance_of::<PyTuple>() || cert.is_instance_of::<PyList>()) && cert.len()? == 2;
    if is_pair {
        let (certificate, key) = (path(&cert.get_item(0)?)?, cert.get_item(1)?);
        let (lacks_key, key) = (key.is_none(), path(&key)?);
        if let Some(certificate) = certificate
            && (lacks_key || key.is_some())
        {
            return Ok(Some(Arc::new(ClientCertificate { certificate, key })));
        }
    }
    let text = format!("cert is the path of a PEM file, or a pair of paths (certificate, key), not {}", cert.repr()?);
    Err(PyTypeError::new_err(text))
}

/// As `requests` says it, each time.
fn check_files(shown: &ClientCertificate) -> PyResult<()> {
    let missing = |path: &Path, what: &str| {
        PyOSError::new_err(format!("Could not find the TLS {what} file, invalid path: {}", path.display()))
    };
    if !shown.certificate.exists() {
        return Err(missing(&shown.certificate, "certificate"));
    }
    match &shown.key {
        Some(key) if !key.exists() => Err(missing(key, "key")),
        _ => Ok(()),
    }
}

impl Trust {
    /// The usual authorities, or anybody; with a value of `cert`, if there is one.
    pub fn fixed(is_secure: bool, cert: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let whom = if is_secure { Whom::Usual } else { Whom::Anybody };
        Ok(Trust { whom, shown: cert.map(shown).transpose()?.flatten(), ..Trust::default() })
    }

    /// This with the authorities that the environment names, or with none from there.
    pub fn in_environment(&self, bundle: Option<PathBuf>) -> Self {
        let whom = bundle.as_ref().map_or_else(|| self.whom.clone(), |bundle| Whom::Bundle(bundle.clone()));
        Trust { whom, environment: bundle, ..self.clone() }
    }

    /// This, but for what a request says itself.
    pub fn with(&self, verify: Option<&Bound<'_, PyAny>>, cert: Option<&Bound<'_, PyAny>>) -> PyResult<Cow<'_, Trust>> {
        if verify.is_none() && cert.is_none() {
            return Ok(Cow::Borrowed(self));
        }
        let whom = match (verify, &self.environment) {
            (None, _) => self.whom.clone(),
            (Some(verify), Some(bundle)) if verify.is(PyBool::new(verify.py(), true)) => Whom::Bundle(bundle.clone()),
            (Some(verify), _) => Whom::of(verify)?,
        };
        let shown = cert.map_or_else(|| Ok(self.shown.clone()), shown)?;
        Ok(Cow::Owned(Trust { whom, shown, ..self.clone() }))
    }

    /// This with connections made so.
    pub fn over(&self, network: Option<Arc<Network>>) -> Self {
        Trust { network, ..self.clone() }
    }

    /// How connections are made, where that is not the usual way.
    pub fn network(&self) -> Option<&Arc<Network>> {
        self.network.as_ref()
    }

    /// The origin of a host spoken to with this trust; the same object for the same arguments.
    pub fn origin(&self, py: Python<'_>, scheme: Scheme, host: &str, port: u16) -> PyResult<Arc<Origin>> {
        let key = (self.clone(), scheme, host.to_owned(), port);
        if let Some(origin) = origins().get_or_insert_default().get(&key) {
            self.check()?;
            return Ok(Arc::clone(origin));
        }
        let tls = if scheme == Scheme::Https { Some(self.settings(py)?) } else { None };
        let (host, network) = (host.to_owned(), self.network.clone());
        let made = Arc::new(Origin { scheme, host, port, tls, proxy: None, network });
        Ok(Arc::clone(origins().get_or_insert_default().entry(key).or_insert(made)))
    }

    /// Whether the files of a certificate are there, which is looked at before each request that has one.
    pub fn check(&self) -> PyResult<()> {
        self.shown.as_ref().map_or(Ok(()), |shown| check_files(shown))
    }

    fn settings(&self, py: Python<'_>) -> PyResult<Arc<TlsSettings>> {
        let verify = match &self.whom {
            Whom::Usual => Verify::Roots,
            Whom::Anybody => Verify::Off,
            Whom::Bundle(path) => {
                if !path.exists() {
                    let path = path.display();
                    let text = format!("Could not find a suitable TLS CA certificate bundle, invalid path: {path}");
                    return Err(PyOSError::new_err(text));
                }
                Verify::Bundle(path.clone())
            }
        };
        self.check()?;
        let made = py.detach(|| TlsSettings::shared(&verify, self.shown.as_deref()));
        made.map_err(|error| match &self.shown {
            None => PyOSError::new_err(error.to_string()),
            Some(shown) => refused(py, shown, &error).unwrap_or_else(|raised| raised),
        })
    }
}

/// What Python's own `ssl` says of files that cannot be used, since that is what `requests` tells.
fn refused(py: Python<'_>, shown: &ClientCertificate, error: &gregaria_http::Error) -> PyResult<PyErr> {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let error = py
        .import("gregaria.failures")?
        .call_method1("unusable_certificate", (&shown.certificate, shown.key.as_ref(), text))?;
    Ok(PyErr::from_value(error))
}
