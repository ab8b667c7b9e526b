//! The keyword arguments of a request, taken apart once. Unknown ones are not refused: they become parameters or form
//! fields, as geventhttpclient has it.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// What the caller passed; `None` also for what was passed as `None`.
#[derive(Default)]
pub struct Options<'py> {
    pub name: Option<Bound<'py, PyAny>>,
    pub data: Option<Bound<'py, PyAny>>,
    pub catch_response: bool,
    pub stream: bool,
    pub headers: Option<Bound<'py, PyAny>>,
    /// The trace of the request, whose headers are among `headers`.
    pub trace: Option<Py<PyAny>>,
    pub auth: Option<Bound<'py, PyAny>>,
    pub json: Option<Bound<'py, PyAny>>,
    pub refuses_redirects: bool,
    pub context: Option<Bound<'py, PyAny>>,
    pub params: Option<Bound<'py, PyAny>>,
    pub files: Option<Bound<'py, PyAny>>,
    pub max_retries: Option<u32>,
    pub max_redirects: Option<u32>,
    unknown: Option<Bound<'py, PyDict>>,
}

impl<'py> Options<'py> {
    /// From the keyword arguments of a call.
    pub fn of(kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Self> {
        let mut options = Options::default();
        if let Some(kwargs) = kwargs {
            options.take_all(kwargs)?;
        }
        Ok(options)
    }

    /// Take `kwargs` in.
    pub fn take_all(&mut self, kwargs: &Bound<'py, PyDict>) -> PyResult<()> {
        for (key, value) in kwargs.iter() {
            let key = key.cast_into::<PyString>()?;
            self.take(&key, value)?;
        }
        Ok(())
    }

    fn take(&mut self, key: &Bound<'py, PyString>, value: Bound<'py, PyAny>) -> PyResult<()> {
        let some = |value: Bound<'py, PyAny>| if value.is_none() { None } else { Some(value) };
        let number = |value: Bound<'py, PyAny>| match some(value) {
            Some(value) => integer(&value).map(Some),
            None => Ok(None),
        };
        match key.to_str()? {
            "name" => self.name = some(value),
            "data" => self.data = some(value),
            "catch_response" => self.catch_response = value.is_truthy()?,
            "stream" => self.stream = value.is_truthy()?,
            "headers" => self.headers = some(value),
            "auth" => self.auth = some(value),
            "json" => self.json = some(value),
            "allow_redirects" => self.refuses_redirects = !value.is_truthy()?,
            "context" => self.context = some(value),
            "params" => self.params = some(value),
            "files" => self.files = some(value),
            "max_retries" => self.max_retries = number(value)?,
            "max_redirects" => self.max_redirects = number(value)?,
            "debug_stream" | "to_string" => {}
            "payload" => {
                return Err(PyTypeError::new_err("request() got an unexpected keyword argument 'payload'; use data"));
            }
            _ => {
                let py = value.py();
                self.unknown.get_or_insert_with(|| PyDict::new(py)).set_item(key, value)?;
            }
        }
        Ok(())
    }

    /// Put the unknown arguments where they belong: the form of a POST, the query of anything else.
    pub fn place_unknown(&mut self, method: &str) -> PyResult<()> {
        let Some(unknown) = self.unknown.take() else { return Ok(()) };
        let place = match method.eq_ignore_ascii_case("POST") {
            true => &mut self.data,
            false => &mut self.params,
        };
        let Some(given) = place else {
            *place = Some(unknown.into_any());
            return Ok(());
        };
        if let Ok(given) = given.cast::<PyDict>() {
            let merged = given.copy()?;
            merged.update(unknown.as_mapping())?;
            *place = Some(merged.into_any());
        }
        Ok(())
    }
}

fn integer(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    value.call_method0(intern!(value.py(), "__int__"))?.extract()
}
