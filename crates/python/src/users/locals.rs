//! Whether something has been kept for a greenlet: attributes of `threading.local` and `gevent.local` objects.
//!
//! gevent keeps them by greenlet, behind a weak reference. A user that has some keeps its greenlet until it ends, as all
//! users do under Locust; so they stay that user's, and nobody else finds them.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

static COUNT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// How many weak references there are to `greenlet`. Without any there are no locals.
pub fn references(greenlet: &Bound<'_, PyAny>) -> PyResult<usize> {
    let py = greenlet.py();
    let count = COUNT.get_or_try_init(py, || py.import("weakref")?.getattr("getweakrefcount").map(Bound::unbind))?;
    count.bind(py).call1((greenlet,))?.extract()
}

/// Whether one of them is that of a local. Others come from `threading.current_thread()`, and so from logging.
pub fn are_there(greenlet: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = greenlet.py();
    let references = py.import("weakref")?.call_method1("getweakrefs", (greenlet,))?.cast_into::<PyList>()?;
    for reference in references.iter() {
        let callback = reference.getattr(intern!(py, "__callback__"))?;
        if callback.get_type().name()?.to_str()? == "_greenlet_deleted" {
            return Ok(true);
        }
    }
    Ok(false)
}
