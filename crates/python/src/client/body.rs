//! Request bodies and query strings, encoded as `requests` encodes them.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// A body, kept in a form that can be shown later as `response.request.body`.
pub enum Body {
    None,
    /// A `str` (sent as UTF-8) or `bytes`, held as it is.
    Held(Py<PyAny>),
    /// A form.
    Form(Box<str>),
}

/// A body and the content type that goes with it.
pub struct Encoded {
    pub body: Body,
    pub content_type: Option<&'static str>,
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Encode `data` or, without data, `json`. `None` for what only `requests` can send (files, generators …).
pub fn encode(data: Option<&Bound<'_, PyAny>>, json: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Encoded>> {
    let data = match data {
        Some(data) if data.is_truthy()? => data,
        _ => {
            return match json {
                Some(json) => match dump(json) {
                    Ok(text) => Ok(Some(Encoded { body: Body::Held(text), content_type: Some(JSON) })),
                    // Not a number, or endless: `requests` says so in its own way.
                    Err(error) if error.is_instance_of::<PyValueError>(json.py()) => Ok(None),
                    Err(error) => Err(error),
                },
                None => Ok(Some(Encoded { body: Body::None, content_type: None })),
            };
        }
    };
    if data.is_exact_instance_of::<PyString>() || data.is_exact_instance_of::<PyBytes>() {
        return Ok(Some(Encoded { body: Body::Held(data.clone().unbind()), content_type: None }));
    }
    if data.is_instance_of::<PyByteArray>() {
        return Ok(None);
    }
    let form = form_encoded(data)?;
    Ok(form.map(|form| Encoded { body: Body::Form(form.into()), content_type: Some(FORM) }))
}

impl Body {
    /// Call `with` with the bytes to send.
    pub fn bytes<R>(&self, py: Python<'_>, with: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
        Ok(match self {
            Body::None => with(b""),
            Body::Form(form) => with(form.as_bytes()),
            Body::Held(held) => match held.bind(py).cast::<PyBytes>() {
                Ok(bytes) => with(bytes.as_bytes()),
                Err(_) => with(held.bind(py).cast::<PyString>()?.to_str()?.as_bytes()),
            },
        })
    }

    /// Whether there is no body.
    pub fn is_none(&self) -> bool {
        matches!(self, Body::None)
    }

    /// As `PreparedRequest.body` shows it.
    pub fn shown(&self, py: Python<'_>, json: bool) -> PyResult<Py<PyAny>> {
        Ok(match self {
            Body::None => py.None(),
            Body::Form(form) => PyString::new(py, form).into_any().unbind(),
            Body::Held(held) if json => self
                .bytes(py, |bytes| PyBytes::new(py, bytes).into_any().unbind())
                .unwrap_or_else(|_| held.clone_ref(py)),
            Body::Held(held) => held.clone_ref(py),
        })
    }
}

/// `json.dumps(value, allow_nan=False)` as a `str`, with one encoder for all calls.
fn dump(value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    static ENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let encode =
        ENCODE.get_or_try_init(py, || py.import("gregaria.clients")?.getattr("encode_json").map(Bound::unbind))?;
    encode.bind(py).call1((value,)).map(Bound::unbind)
}

/// `key=value&…` for a dict or a list of pairs of plain values; `None` for anything else.
pub fn form_encoded(data: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let mut form = String::new();
    if let Ok(dict) = data.cast_exact::<PyDict>() {
        for (key, value) in dict.iter() {
            if !append(&mut form, &key, &value)? {
                return Ok(None);
            }
        }
        return Ok(Some(form));
    }
    let Some(pairs) = sequence(data) else { return Ok(None) };
    for pair in pairs {
        let Ok(pair) = pair.cast_into_exact::<PyTuple>() else { return Ok(None) };
        if pair.len() != 2 || !append(&mut form, &pair.get_item(0)?, &pair.get_item(1)?)? {
            return Ok(None);
        }
    }
    Ok(Some(form))
}

/// The items of a list or tuple.
fn sequence<'py>(object: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    match object.cast_exact::<PyList>() {
        Ok(list) => Some(list.iter().collect()),
        Err(_) => object.cast_exact::<PyTuple>().ok().map(|tuple| tuple.iter().collect()),
    }
}

fn append(form: &mut String, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Some(values) = sequence(value) {
        for value in values {
            if !append_one(form, key, &value)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    append_one(form, key, value)
}

fn append_one(form: &mut String, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_none() {
        return Ok(true);
    }
    let start = form.len();
    if start > 0 {
        form.push('&');
    }
    if quote(form, key)? {
        form.push('=');
        if quote(form, value)? {
            return Ok(true);
        }
    }
    form.truncate(start);
    Ok(false)
}

/// `quote_plus` of a string, number or bool; false if the value is none of these.
fn quote(form: &mut String, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        let Ok(text) = text.to_str() else { return Ok(false) };
        quote_plus(form, text.as_bytes());
    } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        quote_plus(form, bytes.as_bytes());
    } else if value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_instance_of::<PyBool>()
    {
        let text = value.call_method0(intern!(value.py(), "__str__"))?;
        quote_plus(form, text.cast::<PyString>()?.to_str()?.as_bytes());
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn quote_plus(form: &mut String, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        match byte {
            b' ' => form.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => form.push(char::from(byte)),
            _ => {
                form.push('%');
                form.push(char::from(HEX[usize::from(byte >> 4)]));
                form.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quote_plus;

    #[test]
    fn quoting_is_that_of_forms() {
        let mut form = String::new();
        quote_plus(&mut form, "a b&c=d/é~".as_bytes());
        assert_eq!(form, "a+b%26c%3Dd%2F%C3%A9~");
    }
}
