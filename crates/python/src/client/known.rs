//! Texts of failures that depend on nothing but a kind and a number: made by Python once, and then remembered.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::PyResult;
use rustc_hash::FxHashMap;

type Key = (u8, i32);

/// The texts of one client.
pub struct KnownTexts(Mutex<Option<FxHashMap<Key, Arc<str>>>>);

impl KnownTexts {
    /// None is known yet.
    pub const fn new() -> Self {
        KnownTexts(Mutex::new(None))
    }

    /// The text by this key, made if it is not known; without a key it is made each time.
    pub fn text(&self, key: Option<Key>, make: impl FnOnce() -> PyResult<Arc<str>>) -> PyResult<Arc<str>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(key) = key else { return make() };
        if let Some(text) = known().get_or_insert_default().get(&key) {
            return Ok(Arc::clone(text));
        }
        // Not under the lock: Python may switch to somebody who fails as well.
        let text = make()?;
        known().get_or_insert_default().insert(key, Arc::clone(&text));
        Ok(text)
    }
}
