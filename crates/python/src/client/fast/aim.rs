//! What a URL argument stands for: the name in the statistics is the argument itself, the URL that with the base before it.
//!
//! Ordinary URLs are taken apart by `target`; the others by `gregaria.fast.request`, which words the errors.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustc_hash::FxHashMap;

use crate::client::body;
use crate::client::target::{self, Base, Target};

/// Distinct URLs remembered for one base URL; beyond, each is taken apart anew.
const REMEMBERED: usize = 2048;

/// See the module's text. The target's statistics slots belong to the name.
pub struct Aim {
    pub name: Box<str>,
    pub url: Box<str>,
    pub target: Arc<Target>,
}

impl Aim {
    /// The aim of a URL that stands for itself.
    pub fn of_url(py: Python<'_>, url: &str) -> PyResult<Arc<Self>> {
        Ok(Arc::new(Aim { name: url.into(), url: url.into(), target: Arc::new(dissected(py, url, None)?) }))
    }

    /// The target with `params` in its query.
    pub fn with_params(&self, params: &Bound<'_, PyAny>) -> PyResult<Arc<Target>> {
        let plain = params.is_exact_instance_of::<PyDict>() || params.is_exact_instance_of::<PyList>();
        let encoded = if plain { body::form_encoded(params)? } else { None };
        let Some(encoded) = encoded else {
            return target_of(params.py(), &self.url, Some(params)).map(Arc::new);
        };
        let has_query = self.target.path.split_once('?').is_some_and(|(_, query)| !query.is_empty());
        if encoded.is_empty() && !has_query {
            return Ok(Arc::clone(&self.target));
        }
        Ok(Arc::new(self.target.with_query(&encoded)))
    }
}

/// A base URL and the aims under it, shared by all sessions that have it.
pub struct Aims {
    base: Arc<Base>,
    known: Mutex<FxHashMap<Box<str>, Arc<Aim>>>,
}

static SHARED: Mutex<Option<FxHashMap<String, Arc<Aims>>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Aims {
    /// The shared aims under `base`.
    pub fn under(base: &Arc<Base>) -> Arc<Self> {
        let mut shared = lock(&SHARED);
        let made = || Arc::new(Aims { base: Arc::clone(base), known: Mutex::default() });
        Arc::clone(shared.get_or_insert_default().entry(base.url.clone()).or_insert_with(made))
    }

    /// Whether these are the aims under `base`.
    pub fn are_under(&self, base: &Arc<Base>) -> bool {
        Arc::ptr_eq(&self.base, base)
    }

    /// What the argument `path` stands for.
    pub fn resolve(&self, py: Python<'_>, path: &str) -> PyResult<Arc<Aim>> {
        if let Some(aim) = lock(&self.known).get(path) {
            return Ok(Arc::clone(aim));
        }
        let url = if target::is_absolute(path) { path.to_owned() } else { [&self.base.url, path].concat() };
        let target = Arc::new(dissected(py, &url, None)?);
        let aim = Arc::new(Aim { name: path.into(), url: url.into(), target });
        let mut known = lock(&self.known);
        if known.len() < REMEMBERED {
            known.insert(path.into(), Arc::clone(&aim));
        }
        Ok(aim)
    }
}

fn dissected(py: Python<'_>, url: &str, params: Option<&Bound<'_, PyAny>>) -> PyResult<Target> {
    match target::simple(url) {
        Some(target) => Ok(target),
        None => target_of(py, url, params),
    }
}

fn target_of(py: Python<'_>, url: &str, params: Option<&Bound<'_, PyAny>>) -> PyResult<Target> {
    let parts = py.import("gregaria.fast.request")?.call_method1("dissected", (url, params))?;
    let (is_https, host, port, prefix, path): (bool, String, Option<u16>, String, String) = parts.extract()?;
    Ok(target::of_parts(is_https, &host, port, &prefix, path))
}
