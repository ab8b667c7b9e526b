//! Login with a user and a password, a signed cookie, and a link that only lets one look. Given the time; no clock here.
//!
//! The key lives as long as the process, so every session ends with it. Comparisons take the same time whatever is
//! compared. Guessing is slowed down for each address.

use std::collections::HashMap;
use std::net::IpAddr;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The session's cookie.
pub const COOKIE: &str = "gregaria_session";
/// The cookie of somebody who came by the read-only link.
pub const VIEW_COOKIE: &str = "gregaria_view";
const SESSION_SECONDS: u64 = 12 * 3_600;
/// Attempts that an address has at once; after them one comes back every few seconds.
const ATTEMPTS: f64 = 5.0;
const SECONDS_PER_ATTEMPT: f64 = 3.0;
const ADDRESSES: usize = 10_000;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Nobody,
    Viewer,
    Everything,
}

/// The one user there is, and the token of the read-only link.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    pub credentials: Option<(String, String)>,
    pub view_token: Option<String>,
}

/// Attempts left, at a time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: f64,
}

/// See the module's text.
pub struct Login {
    secrets: Secrets,
    key: [u8; 32],
    attempts: HashMap<IpAddr, Bucket>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The cookie's value.
    Welcome(String),
    Wrong,
    /// Seconds until the next attempt.
    TooMany(u64),
}

impl Login {
    pub fn new(secrets: Secrets, key: [u8; 32]) -> Self {
        Self { secrets, key, attempts: HashMap::new() }
    }

    /// Whether there is a login at all.
    pub fn required(&self) -> bool {
        self.secrets.credentials.is_some()
    }

    fn digest(&self, text: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    fn same(&self, one: &str, other: &str) -> bool {
        self.digest(one.as_bytes()).ct_eq(&self.digest(other.as_bytes())).into()
    }

    /// Somebody gives a user and a password.
    pub fn attempt(&mut self, from: IpAddr, user: &str, password: &str, now: f64) -> Attempt {
        if let Some(seconds) = self.must_wait(from, now) {
            return Attempt::TooMany(seconds);
        }
        let Some((own_user, own_password)) = &self.secrets.credentials else { return Attempt::Wrong };
        // Both are compared, whatever comes out of the first.
        if self.same(user, own_user) & self.same(password, own_password) {
            self.attempts.remove(&from);
            return Attempt::Welcome(self.session(now));
        }
        Attempt::Wrong
    }

    fn must_wait(&mut self, from: IpAddr, now: f64) -> Option<u64> {
        if self.attempts.len() >= ADDRESSES {
            self.attempts.retain(|_, bucket| (now - bucket.at) / SECONDS_PER_ATTEMPT < ATTEMPTS);
        }
        let bucket = self.attempts.entry(from).or_insert(Bucket { left: ATTEMPTS, at: now });
        bucket.left = (bucket.left + (now - bucket.at).max(0.0) / SECONDS_PER_ATTEMPT).min(ATTEMPTS);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Some(((1.0 - bucket.left) * SECONDS_PER_ATTEMPT).ceil().max(1.0) as u64);
        }
        bucket.left -= 1.0;
        None
    }

    /// `expiry.signature`
    fn session(&self, now: f64) -> String {
        let expiry = now as u64 + SESSION_SECONDS;
        format!("{expiry}.{}", self.signature(expiry))
    }

    fn signature(&self, expiry: u64) -> String {
        self.digest(format!("session {expiry}").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn is_session(&self, cookie: &str, now: f64) -> bool {
        let Some((expiry, signature)) = cookie.split_once('.') else { return false };
        let Ok(expiry) = expiry.parse::<u64>() else { return false };
        let genuine: bool = self.signature(expiry).as_bytes().ct_eq(signature.as_bytes()).into();
        genuine && now < expiry as f64
    }

    /// Whether this is the token of the read-only link.
    pub fn is_view_token(&self, token: &str) -> bool {
        self.secrets.view_token.as_ref().is_some_and(|own| self.same(own, token))
    }

    /// What somebody with these cookies may do.
    pub fn role(&self, session: Option<&str>, view: Option<&str>, now: f64) -> Role {
        if !self.required() || session.is_some_and(|cookie| self.is_session(cookie, now)) {
            return Role::Everything;
        }
        if view.is_some_and(|token| self.is_view_token(token)) {
            return Role::Viewer;
        }
        Role::Nobody
    }
}

/// Where to go after the login: a place on this server, or the beginning.
pub fn next_place<'a>(next: Option<&'a str>, base: &'a str) -> &'a str {
    let fits = |place: &&str| {
        place.starts_with('/')
            && !place.starts_with("//")
            && !place.contains('\\')
            && place.bytes().all(|byte| byte.is_ascii_graphic())
    };
    next.filter(fits).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn login() -> Login {
        let secrets = Secrets { credentials: Some(("ann".into(), "pass".into())), view_token: Some("token".into()) };
        Login::new(secrets, [7; 32])
    }

    #[test]
    fn the_right_password_opens_a_session_that_ends() {
        let mut login = login();
        let Attempt::Welcome(cookie) = login.attempt(HOME, "ann", "pass", 1_000.0) else { panic!("refused") };
        assert_eq!(login.role(Some(&cookie), None, 1_001.0), Role::Everything);
        assert_eq!(login.role(Some(&cookie), None, 1_000.0 + SESSION_SECONDS as f64), Role::Nobody);
        assert_eq!(Login::new(login.secrets.clone(), [8; 32]).role(Some(&cookie), None, 1_001.0), Role::Nobody);
    }

    #[test]
    fn forged_cookies_open_nothing() {
        let login = login();
        let genuine = login.session(1_000.0);
        let later = genuine.replacen("44200", "99999", 1);
        assert_ne!(genuine, later);
        for cookie in ["", ".", "1", "99999999999.", "99999999999.abcd", &later, "-1.x", "18446744073709551616.x"] {
            assert_eq!(login.role(Some(cookie), None, 1_001.0), Role::Nobody, "{cookie}");
        }
    }

    #[test]
    fn guessing_is_slowed_down_for_each_address() {
        let mut login = login();
        for _ in 0..5 {
            assert_eq!(login.attempt(HOME, "ann", "wrong", 1_000.0), Attempt::Wrong);
        }
        assert_eq!(login.attempt(HOME, "ann", "pass", 1_000.0), Attempt::TooMany(3));
        let other = "10.0.0.1".parse().unwrap();
        assert!(matches!(login.attempt(other, "ann", "pass", 1_000.0), Attempt::Welcome(_)));
        assert!(matches!(login.attempt(HOME, "ann", "pass", 1_003.0), Attempt::Welcome(_)));
    }

    #[test]
    fn the_link_lets_one_look() {
        let login = login();
        assert_eq!(login.role(None, Some("token"), 0.0), Role::Viewer);
        assert_eq!(login.role(None, Some("token2"), 0.0), Role::Nobody);
        assert_eq!(Login::new(Secrets::default(), [0; 32]).role(None, None, 0.0), Role::Everything);
    }

    #[test]
    fn after_the_login_nobody_is_sent_elsewhere() {
        for next in ["http://evil.example", "//evil.example", "/\\evil.example", "/a b", "", "x", "/\r\nA: b"] {
            assert_eq!(next_place(Some(next), "/"), "/", "{next:?}");
        }
        assert_eq!(next_place(Some("/stats/requests?x=1"), "/"), "/stats/requests?x=1");
        assert_eq!(next_place(None, "/base/"), "/base/");
    }
}
