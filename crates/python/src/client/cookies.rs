//! A session's cookies: a native store until a script looks at the jar, that jar from then on.

use std::cmp::Reverse;
use std::net::IpAddr;

use cookie_store::{Cookie, CookieDomain, CookieStore, RawCookie};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use url::{Host, Url};

use super::session::HttpSession;
use super::target::Target;
use super::text;

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

    /// Whether no script has looked at the jar.
    pub fn are_native(session: &Bound<'_, HttpSession>) -> bool {
        !matches!(session.get().state().cookies, Cookies::Python(_))
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
                let mut matching: Vec<_> = store.iter_unexpired().filter(|cookie| goes_to(cookie, &url)).collect();
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
        let values: Vec<String> = values.map(text::latin1).collect();
        if !are_ordinary(&values, &target.endpoint.host) {
            // Where servers are wrong, and in the corners of the standards, a jar of Python's does what it does.
            Cookies::jar(session)?;
        }
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

/// Whether a cookie goes to this URL. As with Python's jars also from a host to those below it, whatever `Domain` says, and
/// not as to a secure one to this machine.
fn goes_to(cookie: &Cookie<'_>, url: &Url) -> bool {
    let (Some(host), CookieDomain::HostOnly(domain) | CookieDomain::Suffix(domain)) = (url.host_str(), &cookie.domain)
    else {
        return false;
    };
    let is_below = || {
        let above = host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
        above && domain.contains('.') && matches!(url.host(), Some(Host::Domain(_)))
    };
    let is_safe = url.scheme() == "https" || cookie.secure() != Some(true);
    (host == domain || is_below()) && is_safe && cookie.path.matches(url)
}

/// Whether these `Set-Cookie` values, set by `host` together, mean the same to the store and to a jar of Python's.
fn are_ordinary(values: &[String], host: &str) -> bool {
    let mut names = Vec::new();
    values.iter().all(|value| {
        let mut parts = value.split(';').map(str::trim);
        let Some((name, content)) = parts.next().and_then(|pair| pair.split_once('=')) else { return false };
        let is_again = names.contains(&name);
        names.push(name);
        let plain = !name.is_empty() && value.is_ascii() && !is_again;
        let mut attributes = Vec::new();
        plain && !content.contains(',') && parts.all(|attribute| is_ordinary(attribute, host, &mut attributes))
    })
}

/// `before`: the names of the attributes before this one. Of two of a name, jars take the first and the store the last.
fn is_ordinary(attribute: &str, host: &str, before: &mut Vec<String>) -> bool {
    let (name, value) = attribute.split_once('=').map_or((attribute, ""), |(name, value)| (name, value.trim()));
    let name = name.trim().to_ascii_lowercase();
    let usual = match name.as_str() {
        "path" => value.starts_with('/'),
        "max-age" => (1..10).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit()),
        // A domain without a dot inside is refused by jars.
        "domain" => {
            value.trim_start_matches('.').contains('.') && host.contains('.') && host.parse::<IpAddr>().is_err()
        }
        "expires" => is_usual_date(value),
        "secure" | "httponly" | "samesite" | "partitioned" | "priority" => true,
        _ => false,
    };
    let is_again = before.contains(&name);
    before.push(name);
    usual && !is_again
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`, or with `-` in the date; others are read differently.
fn is_usual_date(value: &str) -> bool {
    const SHAPE: &[u8] = b"Aaa, 00-Aaa-0000 00:00:00 GMT";
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        b'0' => byte.is_ascii_digit(),
        b'-' => byte == b'-' || byte == b' ',
        other => byte == *other,
    };
    value.len() == SHAPE.len() && value.bytes().zip(SHAPE).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordinary(values: &[&str], host: &str) -> bool {
        are_ordinary(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>(), host)
    }

    #[test]
    fn what_servers_usually_set_stays_native() {
        let usual = [
            "sid=abc==; Path=/; HttpOnly; Secure; SameSite=Lax",
            "csrf=x; expires=Fri, 01-Jan-2100 00:00:00 GMT; Max-Age=31449600; path=/",
            "d=1; Domain=.example.com; Priority=High; Partitioned",
            "q=\"a b\"",
        ];
        assert!(ordinary(&usual, "shop.example.com"));
        assert!(ordinary(&["a="], "127.0.0.1"));
    }

    #[test]
    fn corners_are_left_to_python() {
        for odd in ["a", "=a", "a=\u{e9}", "a=1, b=2", "a=1; Path=deep", "a=1; Max-Age=soon", "a=1; Max-Age=-1"] {
            assert!(!ordinary(&[odd], "shop.example.com"), "{odd}");
        }
        for odd in
            ["a=1; Path=/; Path=/a", "a=1; Domain=com", "a=1; Domain=.com", "a=1; Domain=", "a=1; Max-Age=9999999999"]
        {
            assert!(!ordinary(&[odd], "shop.example.com"), "{odd}");
        }
        for date in
            ["", "0", "Fri, 01 Jan 99 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00", "Friday, 01-Jan-2100 00:00:00 GMT"]
        {
            assert!(!ordinary(&[&format!("a=1; Expires={date}")], "shop.example.com"), "{date}");
        }
        for odd in ["a=1; Version=1", "a=1; Port=80", "a=1;;", "a=1; Comment=x"] {
            assert!(!ordinary(&[odd], "shop.example.com"), "{odd}");
        }
        assert!(!ordinary(&["a=1", "a=2"], "shop.example.com"));
        assert!(!ordinary(&["a=1; Domain=localhost"], "localhost"));
        assert!(!ordinary(&["a=1; Domain=127.0.0.1"], "127.0.0.1"));
    }
    #[test]
    fn a_cookie_goes_to_its_host_and_to_those_below() {
        let store = |value: &'static str, from: &str| {
            let mut store = CookieStore::default();
            let cookie = RawCookie::parse(value).unwrap();
            store.store_response_cookies([cookie].into_iter(), &Url::parse(from).unwrap());
            store
        };
        let goes = |store: &CookieStore, url: &str| {
            let url = Url::parse(url).unwrap();
            store.iter_unexpired().any(|cookie| goes_to(cookie, &url))
        };
        let bare = store("a=1; Path=/a", "http://example.com/a");
        for (url, expected) in [
            ("http://example.com/a/b", true),
            ("http://www.example.com/a", true),
            ("http://example.com/ab", false),
            ("http://anexample.com/a", false),
            ("http://com/a", false),
        ] {
            assert_eq!(goes(&bare, url), expected, "{url}");
        }
        assert!(!goes(&store("a=1", "http://localhost/"), "http://x.localhost/"));
        assert!(goes(&store("a=1", "http://127.0.0.1/"), "http://127.0.0.1:8080/"));
        let secure = store("a=1; Secure", "https://localhost/");
        assert!(goes(&secure, "https://localhost/") && !goes(&secure, "http://localhost/"));
        assert!(goes(&store("a=1; Domain=example.com", "http://b.example.com/"), "http://c.example.com/"));
    }
}
