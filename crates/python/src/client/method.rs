//! Request methods.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// A method, as passed by the caller (`request("get", …)` is reported as `get`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    index: Option<usize>,
    name: Cow<'static, str>,
}

const USUAL: [&str; Method::COUNT] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

impl Method {
    /// How many methods have an index.
    pub const COUNT: usize = 7;
    pub const GET: Method = Method::usual(0);
    pub const POST: Method = Method::usual(1);
    pub const PUT: Method = Method::usual(2);
    pub const PATCH: Method = Method::usual(3);
    pub const DELETE: Method = Method::usual(4);
    pub const HEAD: Method = Method::usual(5);
    pub const OPTIONS: Method = Method::usual(6);

    const fn usual(index: usize) -> Self {
        Method { index: Some(index), name: Cow::Borrowed(USUAL[index]) }
    }

    /// The method of this name.
    pub fn named(name: &str) -> Self {
        match USUAL.iter().position(|usual| *usual == name) {
            Some(index) => Self::usual(index),
            None => Method { index: None, name: Cow::Owned(name.to_owned()) },
        }
    }

    /// As passed by the caller.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As passed by the caller, as a Python object.
    pub fn shown<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        static SHOWN: PyOnceLock<[Py<PyString>; Method::COUNT]> = PyOnceLock::new();
        let usual = || USUAL.map(|name| PyString::intern(py, name).unbind());
        match self.index {
            Some(index) => SHOWN.get_or_init(py, usual)[index].bind(py).clone(),
            None => PyString::new(py, &self.name),
        }
    }

    /// As sent.
    pub fn on_wire(&self) -> Cow<'_, str> {
        match self.index {
            Some(_) => Cow::Borrowed(&self.name),
            None => Cow::Owned(self.name.to_uppercase()),
        }
    }

    /// The number of a usual method, below [`Method::COUNT`].
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// Whether responses have no body.
    pub fn is_head(&self) -> bool {
        self.name.eq_ignore_ascii_case("HEAD")
    }
}
