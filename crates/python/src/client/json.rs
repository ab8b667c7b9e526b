//! JSON through CPython's own scanner, without the Python layers above it.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Parse `text`. `None` if it is not valid, so that `json.loads` can say what is wrong.
pub fn parse<'py>(py: Python<'py>, text: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    static SCAN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let scan = SCAN.get_or_try_init(py, || {
        py.import("json.decoder")?.getattr("JSONDecoder")?.call0()?.getattr("scan_once").map(Bound::unbind)
    })?;
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let string = pyo3::types::PyString::new(py, text);
    let length = string.len()?;
    let (value, end): (Bound<'py, PyAny>, usize) = match scan.bind(py).call1((&string, 0)) {
        Ok(result) => result.extract()?,
        Err(error) if error.is_instance_of::<PyStopIteration>(py) => return Ok(None),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyValueError>(py) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok((end == length).then_some(value))
}
