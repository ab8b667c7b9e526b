//! Wait times as native objects, and how long a user waits next.
//!
//! `between(…)` and its like are objects of the classes here. As class attributes they bind like methods, so that
//! `self.wait_time()` works in Python; the engine recognises them and computes the wait without a call.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::hub::Hub;
use crate::users::UserCore;

/// Python's own generator, so that `random.seed()` in a locustfile fixes waits and choices too.
pub struct Random {
    pub bits: Py<PyAny>,
    unit: Py<PyAny>,
}

static RANDOM: PyOnceLock<Random> = PyOnceLock::new();
static CLOCK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The functions of Python's `random` that the engine draws from.
pub fn random(py: Python<'_>) -> PyResult<&'static Random> {
    RANDOM.get_or_try_init(py, || {
        let module = py.import("random")?;
        Ok(Random { bits: module.getattr("getrandbits")?.unbind(), unit: module.getattr("random")?.unbind() })
    })
}

/// `between(low, high)`: uniform, in seconds.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Between {
    low: f64,
    high: f64,
}

#[pymethods]
impl Between {
    #[new]
    fn new(low: f64, high: f64) -> Self {
        Between { low, high }
    }

    fn __get__(slf: Py<Self>, _instance: &Bound<'_, PyAny>, _owner: Option<&Bound<'_, PyAny>>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_instance))]
    fn __call__(&self, py: Python<'_>, _instance: &Bound<'_, PyTuple>) -> PyResult<f64> {
        let drawn: f64 = random(py)?.unit.bind(py).call0()?.extract()?;
        Ok(self.low + drawn * (self.high - self.low))
    }
}

/// `constant(wait)`, in seconds. The value is given back as it was passed.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Constant {
    wait: Py<PyAny>,
    seconds: f64,
}

#[pymethods]
impl Constant {
    #[new]
    fn new(wait: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Constant { wait: wait.clone().unbind(), seconds: wait.extract()? })
    }

    fn __get__(slf: Py<Self>, _instance: &Bound<'_, PyAny>, _owner: Option<&Bound<'_, PyAny>>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_instance))]
    fn __call__(&self, py: Python<'_>, _instance: &Bound<'_, PyTuple>) -> Py<PyAny> {
        self.wait.clone_ref(py)
    }
}

/// `constant_pacing(period)`: tasks begin one period apart, however long they take. Its memory is on the user or set
/// whose `wait_time` it is, in `_cp_last_run` and `_cp_last_wait_time` (seconds of `time.perf_counter`).
#[pyclass(frozen, module = "gregaria._engine")]
pub struct ConstantPacing {
    period: f64,
}

#[pymethods]
impl ConstantPacing {
    #[new]
    fn new(period: f64) -> PyResult<Self> {
        if period.is_nan() {
            return Err(PyValueError::new_err("a pacing must be a number of seconds"));
        }
        Ok(ConstantPacing { period })
    }

    fn __get__(
        slf: &Bound<'_, Self>,
        instance: Option<&Bound<'_, PyAny>>,
        _owner: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        match instance {
            Some(instance) => {
                let bound = BoundPacing { period: slf.get().period, instance: instance.clone().unbind() };
                Ok(Py::new(slf.py(), bound)?.into_any())
            }
            None => Ok(slf.clone().into_any().unbind()),
        }
    }

    fn __call__(&self, instance: &Bound<'_, PyAny>) -> PyResult<f64> {
        pace(self.period, instance)
    }
}

/// A [`ConstantPacing`] as an attribute of one user or set.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct BoundPacing {
    period: f64,
    instance: Py<PyAny>,
}

#[pymethods]
impl BoundPacing {
    fn __call__(&self, py: Python<'_>) -> PyResult<f64> {
        pace(self.period, self.instance.bind(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.instance)
    }
}

fn pace(period: f64, instance: &Bound<'_, PyAny>) -> PyResult<f64> {
    let py = instance.py();
    let clock = CLOCK.get_or_try_init(py, || py.import("time")?.getattr("perf_counter").map(Bound::unbind))?;
    let now: f64 = clock.bind(py).call0()?.extract()?;
    // What a pause took is nobody's delay, to be made good by running faster.
    let now = now - Hub::started(py).map_or(0.0, Hub::paused_seconds);
    let (last_run, last_wait) = (intern!(py, "_cp_last_run"), intern!(py, "_cp_last_wait_time"));
    let ran: f64 = instance.getattr(last_run)?.extract()?;
    let waited: f64 = instance.getattr(last_wait)?.extract()?;
    let wait = (period - (now - ran - waited)).max(0.0);
    instance.setattr(last_wait, wait)?;
    instance.setattr(last_run, now)?;
    Ok(wait)
}

/// How long `user` waits now, in seconds, inside `set` or, without one, between its own tasks. `own` says whether that
/// set has a `wait_time` of its own.
pub fn seconds(user: &Bound<'_, UserCore>, set: Option<&Bound<'_, PyAny>>, own: bool) -> PyResult<f64> {
    let py = user.py();
    let name = intern!(py, "wait_time");
    let asked = match set {
        Some(set) => set.clone(),
        // Only a plugin gives the hidden set a `wait_time` of its own.
        None if own => crate::users::default_set(user)?.into_bound(py),
        None => user.clone().into_any(),
    };
    let wait_time = if own { asked.getattr(name)? } else { user.getattr(name)? };
    if let Ok(constant) = wait_time.cast_exact::<Constant>() {
        return Ok(constant.get().seconds);
    }
    if let Ok(between) = wait_time.cast_exact::<Between>() {
        let drawn: f64 = random(py)?.unit.bind(py).call0()?.extract()?;
        let Between { low, high } = between.get();
        return Ok(low + drawn * (high - low));
    }
    let waited = if own || wait_time.is_truthy()? {
        wait_time.call0()?
    } else {
        // Neither the class nor an older attribute says how long: the TaskSet's method finds out, or says so.
        match set {
            Some(set) => set.call_method0(name)?,
            None => crate::users::default_set(user)?.bind(py).call_method0(name)?,
        }
    };
    match waited.extract::<f64>() {
        Ok(seconds) if !seconds.is_nan() => Ok(seconds),
        Ok(_) => Err(PyValueError::new_err("wait_time must give a number of seconds, not nan")),
        Err(_) => {
            let text = format!("wait_time must give a number of seconds, not {}", waited.get_type());
            Err(PyTypeError::new_err(text))
        }
    }
}
