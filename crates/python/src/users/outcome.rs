//! What an exception out of user code means to the user's machine.

use gregaria_users::machine::{Control, Outcome};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::greenlet;

/// The exception classes of `gregaria.exception` that steer users.
struct Kinds {
    stop_user: Py<PyType>,
    stop_test: Py<PyType>,
    interrupt: Py<PyType>,
    reschedule: Py<PyType>,
    reschedule_now: Py<PyType>,
}

static KINDS: PyOnceLock<Kinds> = PyOnceLock::new();

fn kinds(py: Python<'_>) -> PyResult<&'static Kinds> {
    KINDS.get_or_try_init(py, || {
        let module = py.import("gregaria.exception")?;
        let class = |name: &str| -> PyResult<Py<PyType>> { Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind()) };
        Ok(Kinds {
            stop_user: class("StopUser")?,
            stop_test: class("StopTest")?,
            interrupt: class("InterruptTaskSet")?,
            reschedule: class("RescheduleTask")?,
            reschedule_now: class("RescheduleTaskImmediately")?,
        })
    })
}

/// How a call went: with the machine's word for it, and the exception if there was one.
pub struct Raised {
    pub outcome: Outcome,
    pub error: PyErr,
}

/// Classify `error`. An exception that is neither an `Exception` nor a `GreenletExit` (an exit of the process, say) is
/// handed back as the error: no user handles it.
pub fn classify(py: Python<'_>, error: PyErr) -> PyResult<Raised> {
    let kinds = kinds(py)?;
    let is = |kind: &Py<PyType>| error.matches(py, kind.bind(py)).unwrap_or(false);
    let outcome = if is(&kinds.stop_user) {
        Outcome::Control(Control::StopUser)
    } else if is(&kinds.reschedule) {
        Outcome::Control(Control::Reschedule)
    } else if is(&kinds.reschedule_now) {
        Outcome::Control(Control::RescheduleNow)
    } else if is(&kinds.interrupt) {
        let reschedule = error.value(py).getattr("reschedule")?.is_truthy()?;
        Outcome::Control(Control::Interrupt { reschedule })
    } else if is(&kinds.stop_test) {
        Outcome::Control(Control::StopTest)
    } else if greenlet::is_exit(py, &error) {
        Outcome::Control(Control::Exit)
    } else if error.is_instance_of::<PyException>(py) {
        Outcome::Failed
    } else {
        return Err(error);
    };
    // Up to CPython 3.11 the traceback travels beside the exception: listeners look for it on the exception.
    let error = PyErr::from_value(error.into_value(py).into_bound(py).into_any());
    Ok(Raised { outcome, error })
}

/// The exception that stands for `control` outside the machine: the `last` one raised if it says just that, a new one
/// otherwise, as after an interrupt, which the level above sees as a reschedule.
pub fn raised_for(py: Python<'_>, control: Control, last: Option<PyErr>) -> PyErr {
    let Some(last) = last else { return exception_of(py, control) };
    match classify(py, last) {
        Ok(raised) if raised.outcome == Outcome::Control(control) => raised.error,
        Ok(_) => exception_of(py, control),
        Err(error) => error,
    }
}

fn exception_of(py: Python<'_>, control: Control) -> PyErr {
    let made = kinds(py).and_then(|kinds| match control {
        Control::StopUser => kinds.stop_user.bind(py).call0(),
        Control::StopTest => kinds.stop_test.bind(py).call0(),
        Control::Exit => greenlet::exit_type(py)?.call0(),
        Control::Interrupt { reschedule } => kinds.interrupt.bind(py).call1((reschedule,)),
        Control::Reschedule => kinds.reschedule.bind(py).call1((false,)),
        Control::RescheduleNow => kinds.reschedule_now.bind(py).call1((true,)),
    });
    match made {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}
