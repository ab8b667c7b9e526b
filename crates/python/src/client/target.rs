//! From what a locustfile passes as a URL to where the request goes and what stands in its first line.
//!
//! URLs made of ordinary characters are taken apart here; everything else is asked of `requests` (which also words the
//! errors), once per distinct URL as long as there are not too many of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use gregaria_http::{Origin, Proxy, Scheme};
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::method::Method;
use super::tls::Trust;

/// Distinct URLs remembered for one base URL; beyond, each is taken apart anew.
const REMEMBERED: usize = 2048;

/// A server as a URL names it.
pub struct Endpoint {
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    /// Value of the `Host` header.
    pub host_header: String,
    /// `scheme://authority`, as in the URL.
    pub prefix: String,
    plain: OnceLock<Arc<Origin>>,
}

impl Endpoint {
    fn new(scheme: Scheme, host: &str, port: Option<u16>, prefix: String) -> Arc<Self> {
        let default = if scheme == Scheme::Https { 443 } else { 80 };
        let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let host_header = match port {
            Some(port) if port != default => format!("{shown}:{port}"),
            _ => shown,
        };
        let port = port.unwrap_or(default);
        Arc::new(Endpoint { scheme, host: host.to_owned(), port, host_header, prefix, plain: OnceLock::new() })
    }

    /// The origin to connect to; over TLS it depends on whom the session trusts.
    pub fn origin(&self, py: Python<'_>, trust: &Trust) -> PyResult<Arc<Origin>> {
        if self.scheme == Scheme::Https {
            return trust.origin(py, self.scheme, &self.host, self.port);
        }
        trust.check()?;
        if trust.network().is_some() {
            return trust.origin(py, self.scheme, &self.host, self.port);
        }
        Ok(self.plain_origin())
    }

    fn plain_origin(&self) -> Arc<Origin> {
        let made = || match self.prefix.rsplit_once('@') {
            // Credentials need no connections of their own.
            Some((_, authority)) => {
                endpoint(self.scheme, &self.host, Some(self.port), &format!("http://{authority}")).plain_origin()
            }
            None => {
                let (host, port) = (self.host.clone(), self.port);
                Arc::new(Origin { scheme: self.scheme, host, port, tls: None, proxy: None, network: None })
            }
        };
        Arc::clone(self.plain.get_or_init(made))
    }

    /// As [`Endpoint::origin`], reached through `proxy`; the same object for the same arguments.
    pub fn origin_through(&self, py: Python<'_>, trust: &Trust, proxy: &Arc<Proxy>) -> PyResult<Arc<Origin>> {
        static KNOWN: Mutex<Vec<(Arc<Origin>, Arc<Origin>)>> = Mutex::new(Vec::new());
        let direct = self.origin(py, trust)?;
        let mut known = lock(&KNOWN);
        let same = |made: &Arc<Origin>| made.proxy.as_ref() == Some(proxy);
        if let Some((_, made)) = known.iter().find(|(origin, made)| Arc::ptr_eq(origin, &direct) && same(made)) {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(Origin { proxy: Some(Arc::clone(proxy)), ..(*direct).clone() });
        if known.len() < REMEMBERED {
            known.push((direct, Arc::clone(&made)));
        }
        Ok(made)
    }
}

/// Where one request goes.
pub struct Target {
    pub endpoint: Arc<Endpoint>,
    /// Path and query as they go on the wire; also the request's name if it has no other.
    pub path: String,
    /// A fragment, with its `#`; part of the URL that is shown, never sent.
    pub fragment: String,
    /// The whole URL as it is shown, where that is not what the parts make: after a redirect.
    shown: Option<Box<str>>,
    entries: [AtomicU64; Method::COUNT],
}

impl Target {
    fn new(endpoint: Arc<Endpoint>, path: String) -> Self {
        Target { endpoint, path, fragment: String::new(), shown: None, entries: Default::default() }
    }

    /// This target, shown as `url`.
    pub fn shown_as(mut self, url: &str) -> Self {
        self.shown = (self.url() != url).then(|| url.into());
        self
    }

    /// As [`Endpoint::origin`]; what a certificate cannot be used for is told as `requests` would.
    pub fn origin(&self, py: Python<'_>, trust: &Trust) -> PyResult<Arc<Origin>> {
        self.endpoint.origin(py, trust).map_err(|error| self.told(py, error))
    }

    /// As [`Endpoint::origin_through`]; see [`Target::origin`].
    pub fn origin_through(&self, py: Python<'_>, trust: &Trust, proxy: &Arc<Proxy>) -> PyResult<Arc<Origin>> {
        self.endpoint.origin_through(py, trust, proxy).map_err(|error| self.told(py, error))
    }

    fn told(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let Endpoint { scheme, host, port, .. } = &*self.endpoint;
        let site = (*scheme == Scheme::Https, host.as_str(), *port, self.path.as_str());
        let told =
            py.import("gregaria.failures").and_then(|it| it.call_method1("before_connecting", (error.value(py), site)));
        told.map_or_else(|raised| raised, PyErr::from_value)
    }

    /// The whole URL.
    pub fn url(&self) -> String {
        match &self.shown {
            Some(url) => url.to_string(),
            None => [&self.endpoint.prefix, &self.path, &self.fragment].map(String::as_str).concat(),
        }
    }

    /// Where the statistics entry of this path and `method` is remembered, if the method is a usual one.
    pub fn entry(&self, method: &Method) -> Option<&AtomicU64> {
        method.index().map(|index| &self.entries[index])
    }

    /// The request line and `Host`, with room for `more` bytes.
    pub fn request_start(&self, method: &Method, more: usize, has_host: bool) -> Vec<u8> {
        let (method, host) = (method.on_wire(), &self.endpoint.host_header);
        let mut bytes = Vec::with_capacity(method.len() + self.path.len() + host.len() + more + 24);
        for part in [method.as_bytes(), b" ", self.path.as_bytes(), b" HTTP/1.1\r\n"] {
            bytes.extend_from_slice(part);
        }
        if !has_host {
            for part in [b"Host: ", host.as_bytes(), b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// As [`Target::request_start`], with the whole URL, as HTTP proxies want it.
    pub fn whole_request_start(&self, method: &Method, has_host: bool) -> Vec<u8> {
        let Endpoint { host, port, host_header, .. } = &*self.endpoint;
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let mut start = format!("{} http://{shown}:{port}{} HTTP/1.1\r\n", method.on_wire(), self.path);
        if !has_host {
            start.push_str(&format!("Host: {host_header}\r\n"));
        }
        start.into_bytes()
    }

    /// This target with `encoded` added to its query.
    pub fn with_query(&self, encoded: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        let mut target = Target::new(Arc::clone(&self.endpoint), format!("{}{separator}{encoded}", self.path));
        target.fragment.clone_from(&self.fragment);
        target
    }
}

/// A base URL and the targets under it, shared by all sessions that have it.
pub struct Base {
    pub url: String,
    targets: Mutex<FxHashMap<Box<str>, Arc<Target>>>,
}

static BASES: Mutex<Option<FxHashMap<String, Arc<Base>>>> = Mutex::new(None);
static ENDPOINTS: Mutex<Option<FxHashMap<String, Arc<Endpoint>>>> = Mutex::new(None);
static ABSOLUTE: OnceLock<Arc<Base>> = OnceLock::new();

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Base {
    /// The shared base for `url`.
    pub fn of(url: &str) -> Arc<Self> {
        let mut bases = lock(&BASES);
        let bases = bases.get_or_insert_default();
        if let Some(base) = bases.get(url) {
            return Arc::clone(base);
        }
        let base = Arc::new(Base { url: url.to_owned(), targets: Mutex::default() });
        bases.insert(url.to_owned(), Arc::clone(&base));
        base
    }

    /// The target of `path`, which is appended to the base unless it is an absolute URL.
    pub fn resolve(self: &Arc<Self>, py: Python<'_>, path: &str) -> PyResult<Arc<Target>> {
        if is_absolute(path) && !self.url.is_empty() {
            return ABSOLUTE.get_or_init(|| Base::of("")).resolve(py, path);
        }
        if let Some(target) = lock(&self.targets).get(path) {
            return Ok(Arc::clone(target));
        }
        let url = [&self.url, path].concat();
        let target = Arc::new(match simple(&url) {
            Some(target) => target,
            None => asked_of_requests(py, &url, None)?,
        });
        let mut targets = lock(&self.targets);
        if targets.len() < REMEMBERED {
            targets.insert(path.into(), Arc::clone(&target));
        }
        Ok(target)
    }
}

/// Whether `url` has a scheme that Locust takes as absolute.
pub fn is_absolute(url: &str) -> bool {
    let starts = |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("http://") || starts("https://")
}

/// The target of an absolute URL.
pub fn of_url(py: Python<'_>, url: &str) -> PyResult<Target> {
    match simple(url) {
        Some(target) => Ok(target),
        None => asked_of_requests(py, url, None),
    }
}

/// A target as `requests` prepares it; its errors for bad URLs come through.
pub fn asked_of_requests(py: Python<'_>, url: &str, params: Option<&Bound<'_, PyAny>>) -> PyResult<Target> {
    let prepare = py.import("gregaria.clients")?.getattr("prepare_url")?;
    let (scheme, host, port, prefix, path, fragment): (String, String, Option<u16>, String, String, String) =
        prepare.call1((url, params))?.extract()?;
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let mut target = Target::new(endpoint(scheme, &host, port, &prefix), path);
    target.fragment = fragment;
    Ok(target)
}

/// A target whose parts are known; `prefix` is `scheme://authority`.
pub fn of_parts(is_https: bool, host: &str, port: Option<u16>, prefix: &str, path: String) -> Target {
    let scheme = if is_https { Scheme::Https } else { Scheme::Http };
    Target::new(endpoint(scheme, host, port, prefix), path)
}

fn endpoint(scheme: Scheme, host: &str, port: Option<u16>, prefix: &str) -> Arc<Endpoint> {
    let mut endpoints = lock(&ENDPOINTS);
    let endpoints = endpoints.get_or_insert_default();
    if let Some(endpoint) = endpoints.get(prefix) {
        return Arc::clone(endpoint);
    }
    let made = Endpoint::new(scheme, host, port, prefix.to_owned());
    if endpoints.len() < REMEMBERED {
        endpoints.insert(prefix.to_owned(), Arc::clone(&made));
    }
    made
}

/// Take a URL apart that `requests` would send exactly as it stands; `None` for any other.
pub fn simple(url: &str) -> Option<Target> {
    let (scheme, rest) = match url.strip_prefix("http://") {
        Some(rest) => (Scheme::Http, rest),
        None => (Scheme::Https, url.strip_prefix("https://")?),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => {
            (host, Some(port.parse::<u16>().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()))?))
        }
        None => (authority, None),
    };
    let plain_host = !host.is_empty()
        && !host.starts_with('-')
        && host.split('.').all(|label| (1..64).contains(&label.len()))
        && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let plain_port = !authority.contains(":0");
    if !plain_host || !plain_port || !is_plain_path(path) {
        return None;
    }
    let path = if path.is_empty() { "/" } else { path };
    let prefix = &url[..url.len() - (rest.len() - end)];
    Some(Target::new(endpoint(scheme, host, port, prefix), path.to_owned()))
}

fn is_plain_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    if !(bytes.is_empty() || bytes[0] == b'/') || path.contains("/.") || path.ends_with('?') {
        return false;
    }
    let mut index = 0;
    while index < bytes.len() {
        let plain = match bytes[index] {
            b'%' => {
                let Some(escape) = bytes.get(index + 1..index + 3) else { return false };
                index += 2;
                is_kept_escape(escape)
            }
            byte => byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@/?".contains(&byte),
        };
        if !plain {
            return false;
        }
        index += 1;
    }
    true
}

/// An escape in upper case of a byte that has to be escaped.
fn is_kept_escape(escape: &[u8]) -> bool {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    match (digit(escape[0]), digit(escape[1])) {
        (Some(high), Some(low)) => {
            let byte = high << 4 | low;
            !(byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        }
        _ => false,
    }
}

/// A remembered statistics entry: of which generation of which statistics, and its number.
pub fn remembered_entry(slot: &AtomicU64, generation: u32) -> Option<u32> {
    let packed = slot.load(Ordering::Relaxed);
    ((packed >> 32) as u32 == generation && packed as u32 != 0).then(|| packed as u32 - 1)
}

/// Remember entry number `index` of `generation`.
pub fn remember_entry(slot: &AtomicU64, generation: u32, index: u32) {
    slot.store(u64::from(generation) << 32 | u64::from(index + 1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_urls_are_taken_apart() {
        let target = simple("http://127.0.0.1:8080/a/b?x=1&y=%2F").unwrap();
        assert_eq!((target.endpoint.host.as_str(), target.endpoint.port), ("127.0.0.1", 8080));
        assert_eq!(target.path, "/a/b?x=1&y=%2F");
        assert_eq!(target.endpoint.host_header, "127.0.0.1:8080");
        assert_eq!(target.url(), "http://127.0.0.1:8080/a/b?x=1&y=%2F");
        let bare = simple("https://example.com").unwrap();
        assert_eq!(
            (bare.path.as_str(), bare.endpoint.port, bare.endpoint.host_header.as_str()),
            ("/", 443, "example.com")
        );
        assert_eq!(simple("http://h:80/x").unwrap().endpoint.host_header, "h");
        assert_eq!(bare.shown_as("https://example.com").url(), "https://example.com");
    }

    #[test]
    fn anything_that_requests_would_change_is_left_to_it() {
        for url in [
            "ftp://h/",
            "http:///x",
            "http://H/",
            "http://u:p@h/",
            "http://h/a b",
            "http://h/%7Ea",
            "http://h/%2f",
            "http://h/./x",
            "http://h/x#f",
            "http://h?x=1",
            "http://h:99999/",
            "http://[::1]/",
            "http://h/é",
            "http://h/%",
            "http://h:+8/",
            "http://a..b/",
            "http://.a/",
            "http://h/x?",
            "http://h:080/",
            "http://h:0/",
        ] {
            assert!(simple(url).is_none(), "{url}");
        }
    }
}
