//! Firing the request event without a detour over `EventHook.fire`: its listeners are called straight away, and the
//! statistics recorder among them is not called at all but counts from what the engine knows.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use crate::stats::Recorder;

/// What of `gregaria.event` this stands for.
struct Original {
    class: Py<PyType>,
    fire: Py<PyAny>,
    for_the_task: Py<PyTuple>,
    swallow: Py<PyAny>,
}

static ORIGINAL: PyOnceLock<Original> = PyOnceLock::new();

fn original(py: Python<'_>) -> PyResult<&'static Original> {
    ORIGINAL.get_or_try_init(py, || {
        let module = py.import("gregaria.event")?;
        let class = module.getattr("EventHook")?.cast_into::<PyType>()?;
        let fire = module.getattr("ORIGINAL_FIRE")?.unbind();
        let for_the_task = module.getattr("_FOR_THE_TASK")?.cast_into()?.unbind();
        Ok(Original { class: class.unbind(), fire, for_the_task, swallow: module.getattr("swallow")?.unbind() })
    })
}

/// Counts the request for a recorder.
pub type Count<'a> = &'a dyn Fn(&Recorder) -> PyResult<()>;

/// Fire `event` with `meta`. `count` counts the request for a recorder; without it recorders are called as the others are.
pub fn fire(
    event: &Bound<'_, PyAny>,
    handlers: Option<Py<PyList>>,
    meta: &Bound<'_, PyDict>,
    count: Option<Count<'_>>,
) -> PyResult<()> {
    let py = event.py();
    let original = original(py)?;
    let Some(handlers) = handlers.filter(|_| event.get_type().is(&original.class)) else {
        return event.call_method(intern!(py, "fire"), (), Some(meta)).map(drop);
    };
    // A plugin may have put its own in the place of the method, of one hook or of all.
    let own = event.getattr(intern!(py, "__dict__"))?.contains(intern!(py, "fire"))?;
    if own || !original.class.bind(py).getattr(intern!(py, "fire"))?.is(&original.fire) {
        return event.call_method(intern!(py, "fire"), (), Some(meta)).map(drop);
    }
    // A tuple: listeners may add and remove listeners.
    for handler in handlers.bind(py).to_tuple() {
        let called = match (handler.cast_exact::<Recorder>(), count) {
            (Ok(recorder), Some(count)) => count(recorder.get()),
            _ => handler.call((), Some(meta)).map(drop),
        };
        let Err(error) = called else { continue };
        if !error.is_instance_of::<PyException>(py) || error.matches(py, &original.for_the_task)? {
            return Err(error);
        }
        original.swallow.bind(py).call1((error.into_value(py),))?;
    }
    Ok(())
}
