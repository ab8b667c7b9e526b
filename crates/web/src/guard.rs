//! Who may talk to the server from where: the Host and Origin of requests. Pure.
//!
//! A page of somebody else's must not start a test with the help of the browser that shows it, neither directly (its
//! Origin gives it away) nor by a name of its own that suddenly leads here (then the Host is foreign). Clients that are
//! no browsers send no Origin and are let through.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, header};

/// What is known of the server's own names.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// The server listens on the loopback only.
    pub loopback_only: bool,
    /// Names that people reach the server by: as told on the command line, and the machine's own.
    pub names: Vec<String>,
    /// Origins that may do everything: `https://dashboard.example.com`.
    pub allowed_origins: Vec<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error(
        "refused: this request comes from a page of {0}, not from this server's own. If that is meant, start Gregaria \
         with --web-allowed-origins {0}"
    )]
    Origin(String),
    #[error(
        "refused: '{0}' is not a name of this server. If people reach it by that name, start Gregaria with \
         --web-allowed-origins http://{0}"
    )]
    Host(String),
}

impl Guard {
    /// Whether this request is let through.
    pub fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Foreign> {
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if !changes && !self.loopback_only {
            return Ok(());
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if !host.is_empty() && !self.is_ours(host) {
            return Err(Foreign::Host(shown(host)));
        }
        if !changes {
            return Ok(());
        }
        match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("null")) {
            None if cross_site(headers) => Err(Foreign::Origin("another site".into())),
            None => Ok(()),
            Some(origin) if self.allows(origin) || authority(origin).is_some_and(|its| its == host) => Ok(()),
            Some(origin) => Err(Foreign::Origin(shown(origin))),
        }
    }

    /// Whether pages of this origin may do everything.
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let allowed = || self.allowed_origins.iter().filter_map(|origin| authority(origin));
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        name == "localhost"
            || name.ends_with(".localhost")
            || address.is_ok()
            // A name without a dot is one of this network (a container's, a machine's): nobody outside can own it.
            || (!self.loopback_only && !name.contains('.'))
            || self.names.iter().any(|own| own.eq_ignore_ascii_case(&name))
            || allowed().any(|known| known.eq_ignore_ascii_case(host) || without_port(known).eq_ignore_ascii_case(&name))
    }
}

fn cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Host and port of an origin.
fn authority(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, rest)| rest.trim_end_matches('/'))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Short, and without anything that a terminal or a page could take for more than text.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, method: &Method, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        guard.check(method, &map).is_ok()
    }

    fn local() -> Guard {
        Guard {
            loopback_only: true,
            names: vec!["box".into()],
            allowed_origins: vec!["https://dash.example:8443/".into()],
        }
    }

    #[test]
    fn clients_without_origin_and_the_own_page_are_let_through() {
        for host in ["localhost:8089", "127.0.0.1:8089", "[::1]:8089", "box:8089", "app.localhost", "LOCALHOST"] {
            assert!(check(&local(), &Method::POST, &[("host", host)]), "{host}");
        }
        assert!(check(&local(), &Method::POST, &[]));
        assert!(check(&local(), &Method::POST, &[("host", "localhost:8089"), ("origin", "http://localhost:8089")]));
    }

    #[test]
    fn other_pages_are_not() {
        for origin in
            ["http://evil.example", "null", "http://localhost:9999", "http://localhost:8089.evil.example", "\u{ff}"]
        {
            assert!(!check(&local(), &Method::POST, &[("host", "localhost:8089"), ("origin", origin)]), "{origin}");
        }
        assert!(!check(&local(), &Method::POST, &[("host", "localhost"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn names_that_lead_here_from_elsewhere_are_not() {
        for method in [Method::GET, Method::POST] {
            assert!(!check(&local(), &method, &[("host", "evil.example:8089")]));
            assert!(!check(&local(), &method, &[("host", "127.0.0.1.evil.example")]));
        }
        let open = Guard::default();
        assert!(check(&open, &Method::GET, &[("host", "metrics.cluster.local:8089")]));
        assert!(!check(&open, &Method::POST, &[("host", "evil.example:8089"), ("origin", "http://evil.example:8089")]));
        assert!(check(&open, &Method::POST, &[("host", "master:8089"), ("origin", "http://master:8089")]));
        assert!(check(&open, &Method::POST, &[("host", "10.1.2.3:8089")]));
    }

    #[test]
    fn what_is_allowed_is_let_through() {
        let origin = ("origin", "https://dash.example:8443");
        assert!(check(&local(), &Method::POST, &[("host", "localhost:8089"), origin]));
        assert!(check(&local(), &Method::POST, &[("host", "dash.example:8443"), origin]));
        assert!(!check(&local(), &Method::POST, &[("host", "dash.example:8443"), ("origin", "https://dash.example")]));
    }

    #[test]
    fn the_message_names_the_way_out() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "load.example.com".parse().unwrap());
        let text = Guard::default().check(&Method::POST, &headers).unwrap_err().to_string();
        assert!(text.contains("--web-allowed-origins http://load.example.com"), "{text}");
    }
}
