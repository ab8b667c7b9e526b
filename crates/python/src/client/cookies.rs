//! A session's cookies: a native store until a script looks at the jar, that jar from then on.

use std::cmp::Reverse;

use cookie_store::{CookieDomain, CookieStore, RawCookie};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use url::Url;

use super::session::HttpSession;
use super::target::Target;

/// See the module's text.
#[derive(Default)]
pub enum Cookies {
    #[default]
    None,
    Native(Box<CookieStore>),
    Python(Py<PyAny>),
}

impl Cookies {
    /// The jar that scripts see, filled with what the native store holds.
    pub fn jar(session: &Bound<'_, HttpSession>) -> PyResult<Py<PyAny>> {
        let py = session.py();
        if let Cookies::Python(jar) = &session.get().state().cookies {
            return Ok(jar.clone_ref(py));
        }
        let taken = std::mem::take(&mut session.get().state().cookies);
        let clients = py.import("gregaria.clients")?;
        let jar = clients.call_method0("new_jar")?;
        if let Cookies::Native(store) = taken {
            for cookie in store.iter_unexpired() {
                let details = PyDict::new(py);
                let (domain, host_only) = match &cookie.domain {
                    CookieDomain::HostOnly(host) => (host.clone(), true),
                    CookieDomain::Suffix(suffix) => (format!(".{suffix}"), false),
                    CookieDomain::NotPresent | CookieDomain::Empty => (String::new(), true),
                };
                details.set_item("domain", domain)?;
                details.set_item("host_only", host_only)?;
                details.set_item("path", String::from(&cookie.path))?;
                details.set_item("secure", cookie.secure().unwrap_or(false))?;
                details.set_item("http_only", cookie.http_only().unwrap_or(false))?;
                let expires = match &cookie.expires {
                    cookie_store::CookieExpiration::AtUtc(time) => Some(time.unix_timestamp()),
                    cookie_store::CookieExpiration::SessionEnd => None,
                };
                details.set_item("expires", expires)?;
                clients.call_method("add_cookie", (&jar, cookie.name(), cookie.value()), Some(&details))?;
            }
        }
        let jar = jar.unbind();
        session.get().state().cookies = Cookies::Python(jar.clone_ref(py));
        Ok(jar)
    }

    /// A script puts another jar (or a dict of cookies) in place.
    pub fn replace(session: &Bound<'_, HttpSession>, jar: &Bound<'_, PyAny>) -> PyResult<()> {
        let jar = session.py().import("gregaria.clients")?.call_method1("as_jar", (jar,))?.unbind();
        let old = std::mem::replace(&mut session.get().state().cookies, Cookies::Python(jar));
        drop(old);
        Ok(())
    }

    /// The `Cookie` header for a request to `target`, or an empty string.
    pub fn header(session: &Bound<'_, HttpSession>, method: &str, target: &Target) -> PyResult<String> {
        let py = session.py();
        let jar = match &session.get().state().cookies {
            Cookies::None => return Ok(String::new()),
            Cookies::Native(store) => {
                let Ok(url) = Url::parse(&target.url()) else { return Ok(String::new()) };
                let mut matching = store.matches(&url);
                // Of two cookies of one name, the one of the longer path goes first.
                matching.sort_by_key(|cookie| Reverse(cookie.path.len()));
                let pairs: Vec<String> =
                    matching.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
                return Ok(pairs.join("; "));
            }
            Cookies::Python(jar) => jar.clone_ref(py),
        };
        py.import("gregaria.clients")?.call_method1("cookie_header", (jar, method, target.url()))?.extract()
    }

    /// Keep what a response from `target` sets. `values` are its `Set-Cookie` headers.
    pub fn keep<'a>(
        session: &Bound<'_, HttpSession>,
        target: &Target,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> PyResult<()> {
        let py = session.py();
        let values: Vec<String> = values.map(|value| value.iter().map(|byte| char::from(*byte)).collect()).collect();
        let jar = {
            let mut state = session.get().state();
            if matches!(state.cookies, Cookies::None) {
                state.cookies = Cookies::Native(Box::default());
            }
            match &mut state.cookies {
                Cookies::Native(store) => {
                    let Ok(url) = Url::parse(&target.url()) else { return Ok(()) };
                    let parsed = values.iter().filter_map(|value| RawCookie::parse(value.clone()).ok());
                    store.store_response_cookies(parsed, &url);
                    return Ok(());
                }
                Cookies::Python(jar) => jar.clone_ref(py),
                Cookies::None => return Ok(()),
            }
        };
        py.import("gregaria.clients")?.call_method1("keep_cookies", (jar, target.url(), values)).map(drop)
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Cookies::Python(jar) => visit.call(jar),
            _ => Ok(()),
        }
    }
}
