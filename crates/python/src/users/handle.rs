//! [`UserGreenlet`]: what stands in for the gevent greenlet that a user would have under Locust.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyBaseException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::core::{UserCore, is_own_greenlet};
use crate::greenlet;

#[derive(Default)]
struct Ending {
    over: bool,
    exception: Option<Py<PyAny>>,
    /// A `gevent.event.Event`, made when somebody waits.
    event: Option<Py<PyAny>>,
    links: Vec<Py<PyAny>>,
}

/// A handle on a started user with the interface of a gevent greenlet.
#[pyclass(frozen, weakref, module = "gregaria._engine")]
pub struct UserGreenlet {
    user: Py<UserCore>,
    group: Py<PyAny>,
    ending: Mutex<Ending>,
}

impl UserGreenlet {
    /// The handle on `user` in `group`.
    pub fn new(user: Py<UserCore>, group: Py<PyAny>) -> Self {
        UserGreenlet { user, group, ending: Mutex::default() }
    }

    /// Whom it stands for.
    pub fn user(&self) -> &Py<UserCore> {
        &self.user
    }

    /// The group that holds this handle.
    pub fn group(&self, py: Python<'_>) -> Py<PyAny> {
        self.group.clone_ref(py)
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user is over: tell the group and everyone who waits.
    pub fn ended(slf: &Bound<'_, Self>, error: Option<&PyErr>) -> PyResult<()> {
        let py = slf.py();
        let (event, links) = {
            let mut ending = slf.get().ending();
            ending.over = true;
            ending.exception = error.map(|error| error.value(py).clone().into_any().unbind());
            (ending.event.take(), std::mem::take(&mut ending.links))
        };
        slf.get().group.bind(py).call_method1("discard", (slf,))?;
        if let Some(event) = event {
            event.bind(py).call_method0("set")?;
        }
        for link in links {
            link.bind(py).call1((slf,))?;
        }
        Ok(())
    }

    /// Wait for the user's end, except in the user's own greenlet, which would wait for itself.
    pub fn join_unless_own(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        if self.ending().over || is_own_greenlet(py, self.user.get())? {
            return Ok(());
        }
        let known = self.ending().event.as_ref().map(|event| event.clone_ref(py));
        let event = match known {
            Some(event) => event,
            None => {
                let made = py.import("gevent.event")?.getattr("Event")?.call0()?.unbind();
                self.ending().event.get_or_insert_with(|| made.clone_ref(py));
                made
            }
        };
        event.bind(py).call_method1("wait", (timeout,)).map(drop)
    }
}

fn is_exception(object: &Bound<'_, PyAny>) -> bool {
    let class = object.cast::<PyType>();
    object.is_instance_of::<PyBaseException>()
        || class.is_ok_and(|class| class.is_subclass_of::<PyBaseException>().unwrap_or(false))
}

#[pymethods]
impl UserGreenlet {
    /// `(user,)`, as the arguments of the greenlet that Locust spawns.
    #[getter]
    fn args<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [&self.user])
    }

    #[getter]
    fn dead(&self) -> bool {
        self.ending().over
    }

    #[getter]
    fn started(&self) -> bool {
        !self.ending().over
    }

    /// The exception that ended the user, if one did.
    #[getter]
    fn exception(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.ending().exception.as_ref().map(|exception| exception.clone_ref(py))
    }

    fn ready(&self) -> bool {
        self.ending().over
    }

    /// Whether the calling greenlet is the one that this user runs in.
    fn is_current(&self, py: Python<'_>) -> PyResult<bool> {
        is_own_greenlet(py, self.user.get())
    }

    fn successful(&self) -> bool {
        let ending = self.ending();
        ending.over && ending.exception.is_none()
    }

    fn __bool__(&self) -> bool {
        !self.ending().over
    }

    /// Wait until the user has ended, `timeout` seconds at the most.
    #[pyo3(signature = (timeout = None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        self.join_unless_own(py, timeout)
    }

    /// Wait for the end and raise what ended the user, if anything did.
    #[pyo3(signature = (block = true, timeout = None))]
    fn get(&self, py: Python<'_>, block: bool, timeout: Option<f64>) -> PyResult<()> {
        if block {
            self.join_unless_own(py, timeout)?;
        }
        if !self.ending().over {
            return Err(PyErr::from_value(py.import("gevent")?.getattr("Timeout")?.call0()?));
        }
        match self.exception(py) {
            Some(exception) => Err(PyErr::from_value(exception.into_bound(py))),
            None => Ok(()),
        }
    }

    /// Raise an exception (a class or an instance) in the user. `GreenletExit`, as by default, ends it: `on_stop` still runs.
    #[pyo3(signature = (exception = None, block = true, timeout = None))]
    fn kill(
        &self,
        py: Python<'_>,
        exception: Option<&Bound<'_, PyAny>>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let error = match exception {
            None => greenlet::exit(py),
            Some(exception) if is_exception(exception) => PyErr::from_value(exception.clone()),
            Some(other) => {
                let message = format!("kill() takes an exception or a class of exceptions, not {}", other.repr()?);
                return Err(PyTypeError::new_err(message));
            }
        };
        if block && is_own_greenlet(py, self.user.get())? {
            return Err(error);
        }
        UserCore::kill(self.user.bind(py), error)?;
        if block {
            self.join_unless_own(py, timeout)?;
        }
        Ok(())
    }

    /// Have `callback(handle)` called at the user's end.
    fn link(slf: &Bound<'_, Self>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut ending = slf.get().ending();
        if !ending.over {
            ending.links.push(callback.clone().unbind());
            return Ok(());
        }
        drop(ending);
        callback.call1((slf,)).map(drop)
    }

    /// Have `callback(handle)` called at the end, as [`UserGreenlet::link`], if an exception ended the user.
    fn rawlink(slf: &Bound<'_, Self>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::link(slf, callback)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.user)?;
        visit.call(&self.group)?;
        let Ok(ending) = self.ending.try_lock() else { return Ok(()) };
        visit.call(&ending.exception)?;
        visit.call(&ending.event)?;
        for link in &ending.links {
            visit.call(link)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let held = {
            let mut ending = self.ending();
            (ending.exception.take(), ending.event.take(), std::mem::take(&mut ending.links))
        };
        drop(held);
    }
}
