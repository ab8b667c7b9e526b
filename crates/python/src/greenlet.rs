//! Greenlets through greenlet's C API. Every switch of the engine goes through this module, and nothing else switches.
//!
//! **The rule**: no lock guard and no borrow of a Python-visible Rust object may be alive across [`switch`] or
//! [`throw`]: other greenlets run meanwhile and take the same locks on the same thread. Frames that switch stay small,
//! because greenlet copies the stack between the switch and the greenlet's first frame out and in again.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// The table that greenlet exports as the capsule `greenlet._C_API`, in the order of `greenlet.h`.
#[repr(C)]
struct Table {
    greenlet_type: *mut ffi::PyTypeObject,
    greenlet_error: *mut ffi::PyObject,
    greenlet_exit: *mut ffi::PyObject,
    new: unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject,
    current: unsafe extern "C" fn() -> *mut ffi::PyObject,
    throw: unsafe extern "C" fn(
        *mut ffi::PyObject,
        *mut ffi::PyObject,
        *mut ffi::PyObject,
        *mut ffi::PyObject,
    ) -> *mut ffi::PyObject,
    switch: unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject,
    set_parent: unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> c_int,
    main: unsafe extern "C" fn(*mut ffi::PyObject) -> c_int,
    started: unsafe extern "C" fn(*mut ffi::PyObject) -> c_int,
    active: unsafe extern "C" fn(*mut ffi::PyObject) -> c_int,
    parent: unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject,
}

/// The table's address; valid for the life of the process once imported.
#[derive(Clone, Copy)]
struct TablePointer(*const Table);

// SAFETY: the table is constant data of a module that is never unloaded; it is only called with the GIL held.
unsafe impl Send for TablePointer {}
// SAFETY: as above.
unsafe impl Sync for TablePointer {}

static TABLE: PyOnceLock<TablePointer> = PyOnceLock::new();

fn table(py: Python<'_>) -> PyResult<&'static Table> {
    let pointer = TABLE.get_or_try_init(py, || {
        py.import("greenlet")?;
        // SAFETY: the name is a valid C string; the GIL is held.
        let raw = unsafe { ffi::PyCapsule_Import(c"greenlet._C_API".as_ptr(), 0) };
        if raw.is_null() {
            return Err(PyImportError::new_err(
                "this version of greenlet has no C interface; install greenlet 3.1 or newer",
            ));
        }
        Ok::<_, PyErr>(TablePointer(raw.cast::<Table>().cast_const()))
    })?;
    // SAFETY: not null (checked above) and laid out as `greenlet.h` has fixed since greenlet 1.0.
    Ok(unsafe { &*pointer.0 })
}

static TASK_GREENLET: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A new greenlet for tasks that will call `run`, with `parent` to return to.
pub fn new<'py>(run: &Bound<'py, PyAny>, parent: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    TASK_GREENLET.import(run.py(), "gregaria.task_greenlet", "TaskGreenlet")?.call1((run, parent))
}

/// The greenlet that is running.
pub fn current(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let table = table(py)?;
    // SAFETY: returns a new reference or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, (table.current)()) }
}

/// Switch to `target`; returns when something switches back here, with an error if something throws here instead.
pub fn switch(target: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = target.py();
    let table = table(py)?;
    // SAFETY: a live greenlet; null arguments stand for no arguments; the result is a new reference or null.
    unsafe {
        Bound::from_owned_ptr_or_err(py, (table.switch)(target.as_ptr(), std::ptr::null_mut(), std::ptr::null_mut()))
    }
    .map(drop)
}

/// Throw `error` into `target` at the place where it waits.
pub fn throw(target: &Bound<'_, PyAny>, error: PyErr) -> PyResult<()> {
    let py = target.py();
    let table = table(py)?;
    let value = error.into_value(py).into_bound(py);
    // SAFETY: live objects; a null traceback stands for none; the result is a new reference or null.
    unsafe {
        let kind = value.get_type();
        Bound::from_owned_ptr_or_err(
            py,
            (table.throw)(target.as_ptr(), kind.as_ptr(), value.as_ptr(), std::ptr::null_mut()),
        )
    }
    .map(drop)
}

/// How many references there are to a greenlet.
pub fn references(greenlet: &Py<PyAny>, _py: Python<'_>) -> isize {
    // SAFETY: a live object, and the GIL is held.
    unsafe { ffi::Py_REFCNT(greenlet.as_ptr()) }
}

/// The class `greenlet.GreenletExit`.
pub fn exit_type(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let table = table(py)?;
    // SAFETY: a borrowed reference to a class that lives as long as the module.
    Ok(unsafe { Bound::from_borrowed_ptr(py, table.greenlet_exit) })
}

/// A new `GreenletExit`.
pub fn exit(py: Python<'_>) -> PyErr {
    exit_type(py).and_then(|kind| kind.call0()).map_or_else(|error| error, PyErr::from_value)
}

/// Whether `error` is a `GreenletExit`.
pub fn is_exit(py: Python<'_>, error: &PyErr) -> bool {
    exit_type(py).is_ok_and(|kind| error.matches(py, kind).unwrap_or(false))
}

/// A context of contextvars, entered for as long as the guard of [`enter_context`] is not left.
pub struct UserContext(Py<PyAny>);

impl UserContext {
    /// A copy of the current context.
    pub fn copy_current(py: Python<'_>) -> PyResult<Self> {
        // SAFETY: returns a new reference or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }.map(|context| Self(context.unbind()))
    }

    /// Run `body` inside the context. Switches in `body` are fine: greenlet keeps the context of each greenlet.
    pub fn run<R>(&self, py: Python<'_>, body: impl FnOnce() -> R) -> PyResult<R> {
        // SAFETY: a live context object; an error (already entered) leaves an exception set.
        if unsafe { ffi::PyContext_Enter(self.0.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        let result = body();
        // SAFETY: entered above by this greenlet, whose context it still is.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(result)
    }

    /// The context, for the garbage collector.
    pub fn object(&self) -> &Py<PyAny> {
        &self.0
    }

    /// Another handle on the same context.
    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.clone_ref(py))
    }
}
