//! The keyword arguments of a request, taken apart once.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};

use super::tls::Trust;

/// Settings of a session that apply to requests that do not say otherwise.
pub struct Defaults {
    pub auth: Option<Py<PyAny>>,
    pub params: Option<Py<PyAny>>,
    pub name: Option<Py<PyAny>>,
    pub trust: Trust,
    pub body_limit: u64,
    pub max_redirects: u32,
}

/// What the caller passed; `None` also for what was passed as `None`.
#[derive(Default)]
pub struct Options<'py> {
    pub name: Option<Bound<'py, PyAny>>,
    pub catch_response: bool,
    pub context: Option<Bound<'py, PyAny>>,
    pub params: Option<Bound<'py, PyAny>>,
    pub data: Option<Bound<'py, PyAny>>,
    pub json: Option<Bound<'py, PyAny>>,
    pub headers: Option<Bound<'py, PyAny>>,
    /// The trace of the request, whose headers are among `headers`.
    pub trace: Option<Py<PyAny>>,
    pub cookies: Option<Bound<'py, PyAny>>,
    pub auth: Option<Bound<'py, PyAny>>,
    pub timeout: Option<Bound<'py, PyAny>>,
    pub allow_redirects: Option<bool>,
    pub verify: Option<Bound<'py, PyAny>>,
    pub cert: Option<Bound<'py, PyAny>>,
    /// Something was passed that only `requests` itself can do.
    pub beyond: bool,
}

impl<'py> Options<'py> {
    /// From the keyword arguments of a call.
    pub fn of(kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Self> {
        let mut options = Options::default();
        let Some(kwargs) = kwargs else { return Ok(options) };
        for (key, value) in kwargs.iter() {
            let key = key.cast_into::<PyString>()?;
            options.take(key.to_str()?, value)?;
        }
        Ok(options)
    }

    fn take(&mut self, key: &str, value: Bound<'py, PyAny>) -> PyResult<()> {
        if value.is_none() && key != "stream" && key != "allow_redirects" {
            return match is_known(key) {
                true => Ok(()),
                false => Err(unexpected(key)),
            };
        }
        match key {
            "name" => self.name = Some(value),
            "catch_response" => self.catch_response = value.is_truthy()?,
            "context" => self.context = Some(value),
            "params" => self.params = Some(value),
            "data" => self.data = Some(value),
            "json" => self.json = Some(value),
            "headers" => self.headers = Some(value),
            "cookies" => self.cookies = Some(value),
            "auth" => self.auth = Some(value),
            "timeout" => self.timeout = Some(value),
            "allow_redirects" => self.allow_redirects = Some(value.is_truthy()?),
            "verify" => self.verify = Some(value),
            "cert" => self.cert = Some(value),
            "files" | "proxies" | "hooks" | "stream" => self.beyond |= value.is_truthy()?,
            _ => return Err(unexpected(key)),
        }
        Ok(())
    }
}

/// The keyword arguments of `request`, with those given by position.
pub fn with_positional<'py>(
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    const POSITIONAL: [&str; 3] = ["name", "catch_response", "context"];
    let all = match kwargs {
        Some(kwargs) => kwargs.copy()?,
        None => PyDict::new(args.py()),
    };
    if args.len() > POSITIONAL.len() {
        return Err(PyTypeError::new_err(format!(
            "HttpSession.request() takes at most 5 positional arguments, not {}",
            args.len() + 2
        )));
    }
    for (name, value) in POSITIONAL.iter().zip(args.iter()) {
        if all.contains(name)? {
            return Err(PyTypeError::new_err(format!(
                "HttpSession.request() got multiple values for argument '{name}'"
            )));
        }
        all.set_item(name, value)?;
    }
    Ok(all)
}

const KNOWN: [&str; 17] = [
    "name",
    "catch_response",
    "context",
    "params",
    "data",
    "json",
    "headers",
    "cookies",
    "auth",
    "timeout",
    "allow_redirects",
    "verify",
    "files",
    "proxies",
    "hooks",
    "stream",
    "cert",
];

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key)
}

fn unexpected(key: &str) -> PyErr {
    PyTypeError::new_err(format!("HttpSession.request() got an unexpected keyword argument '{key}'"))
}

/// Connect and read timeouts.
#[derive(Clone, Copy, Default)]
pub struct Timeouts {
    pub connect: Option<Duration>,
    pub read: Option<Duration>,
}

/// The timeouts that `value` stands for; `None` if only `requests` can tell (or refuse).
pub fn timeouts(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Timeouts>> {
    let Some(value) = value else { return Ok(Some(Timeouts::default())) };
    if let Ok(pair) = value.cast_exact::<PyTuple>() {
        if pair.len() != 2 {
            return Ok(None);
        }
        let (connect, read) = (one(&pair.get_item(0)?)?, one(&pair.get_item(1)?)?);
        return Ok(connect.zip(read).map(|(connect, read)| Timeouts { connect, read }));
    }
    Ok(one(value)?.map(|both| Timeouts { connect: both, read: both }))
}

#[allow(clippy::option_option)]
fn one(value: &Bound<'_, PyAny>) -> PyResult<Option<Option<Duration>>> {
    if value.is_none() {
        return Ok(Some(None));
    }
    let number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    if !number || value.is_instance_of::<PyBool>() {
        return Ok(None);
    }
    let seconds: f64 = value.extract()?;
    Ok(Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero()).map(Some))
}
