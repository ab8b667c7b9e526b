//! Data of messages, between Python and msgpack: what Locust's nodes can send, dates and object ids included.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use rmpv::Value;

/// Deeper data is taken for one that contains itself.
const DEEPEST: usize = 120;
const DATE_FORMAT: &str = "%Y%m%dT%H:%M:%S.%f";
const DATE_MARK: &str = "__datetime__";
const OBJECT_ID_MARK: &str = "__ObjectId__";

/// What Python has, as a value.
pub fn to_value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    convert(object, DEEPEST)
}

fn convert(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(PyTypeError::new_err("cannot send data that is nested so deeply; does it contain itself?"));
    };
    if object.is_none() {
        return Ok(Value::Nil);
    }
    if let Ok(flag) = object.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if object.is_instance_of::<PyInt>() {
        let signed = object.extract::<i64>().map(Value::from);
        return signed
            .or_else(|_| object.extract::<u64>().map(Value::from))
            .map_err(|_| PyOverflowError::new_err("cannot send a whole number that does not fit into 64 bits"));
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(number.value().into());
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(text.to_string_lossy().into_owned().into());
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Value::Binary(bytes.as_bytes().to_vec()));
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Ok(Value::Binary(bytes.to_vec()));
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let items = object.try_iter()?.map(|item| convert(&item?, depth));
        return Ok(Value::Array(items.collect::<PyResult<_>>()?));
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        let pairs = dict.iter().map(|(key, value)| Ok((convert(&key, depth)?, convert(&value, depth)?)));
        return Ok(Value::Map(pairs.collect::<PyResult<_>>()?));
    }
    special(object)
}

fn special(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    let kind = object.get_type();
    let marked =
        |mark: &str, text: String| Ok(Value::Map(vec![(mark.into(), true.into()), ("as_str".into(), text.into())]));
    let datetime = object.py().import("datetime")?.getattr("datetime")?;
    if object.is_instance(&datetime)? {
        return marked(DATE_MARK, object.call_method1("strftime", (DATE_FORMAT,))?.extract()?);
    }
    if kind.name()? == "ObjectId" {
        return marked(OBJECT_ID_MARK, object.str()?.extract()?);
    }
    Err(PyTypeError::new_err(format!("can not serialize '{}' object", kind.name()?)))
}

/// A value as Python has it.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Nil => Ok(py.None().into_bound(py)),
        Value::Boolean(flag) => flag.into_bound_py_any(py),
        Value::Integer(number) => match number.as_i64() {
            Some(number) => number.into_bound_py_any(py),
            None => number.as_u64().into_bound_py_any(py),
        },
        Value::F32(number) => number.into_bound_py_any(py),
        Value::F64(number) => number.into_bound_py_any(py),
        Value::String(text) => String::from_utf8_lossy(text.as_bytes()).into_bound_py_any(py),
        Value::Binary(bytes) | Value::Ext(_, bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Value::Array(items) => {
            let list = PyList::empty(py);
            items.iter().try_for_each(|item| list.append(to_python(py, item)?))?;
            Ok(list.into_any())
        }
        Value::Map(pairs) => {
            let dict = PyDict::new(py);
            pairs.iter().try_for_each(|(key, value)| dict.set_item(to_python(py, key)?, to_python(py, value)?))?;
            marked(dict)
        }
    }
}

/// A date or an object id in place of the map that stands for one.
fn marked(dict: Bound<'_, PyDict>) -> PyResult<Bound<'_, PyAny>> {
    let py = dict.py();
    if dict.contains(DATE_MARK)? {
        let text = dict.as_any().get_item("as_str")?;
        return py.import("datetime")?.getattr("datetime")?.call_method1("strptime", (text, DATE_FORMAT));
    }
    if dict.contains(OBJECT_ID_MARK)? {
        let bson = py.import("bson").map_err(|_| {
            PyTypeError::new_err("a message contains an ObjectId; install pymongo or bson to receive it")
        })?;
        return bson.getattr("ObjectId")?.call1((dict.as_any().get_item("as_str")?,));
    }
    Ok(dict.into_any())
}
