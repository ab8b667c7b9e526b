//! The requests without an answer, for whoever looks at them. Costs nothing while nobody does.
//!
//! The reactor is asked anew at every look, and what it said at the last one is shown, without what has been answered since:
//! so nobody waits, and ages are those of this moment. The first look shows nothing, a new request shows at the next.

use std::collections::HashMap;
use std::time::Instant;

use gregaria_http::{Command, Origin, Scheme, Step, UnderWay};
use gregaria_stats::Redaction;
use pyo3::prelude::*;

use super::{Hub, State, Waiter};
use crate::mailbox::THREAD_BIT;
use crate::stats::RequestStats;
use crate::users::{UserCore, UserGreenlet};

/// What is shown of a path is cut here.
const LONGEST_NAME: usize = 300;

/// (method, path or URL, class of the user, what it waits for, age in seconds)
type Row = (String, String, String, &'static str, f64);

/// Who waits for a request.
enum Whose {
    Nobody,
    Greenlet(Py<PyAny>),
    Coroutine(Option<Py<UserCore>>),
}

impl Hub {
    /// What was under way at the last look and still is; has the reactor look again.
    fn look(&self, py: Python<'_>, most: usize) -> Vec<(UnderWay, Whose)> {
        let mut state = self.state();
        let seen = std::mem::take(&mut state.under_way);
        let health = &state.health;
        if health.started > health.completed + health.aborted {
            state.outbox.push(Command::Survey(most));
            self.flush_unless_draining(&mut state);
        }
        let still = seen.into_iter().filter_map(|it| self.whose(py, &state, it.id).map(|whose| (it, whose)));
        let still: Vec<_> = still.collect();
        // Whoever looks again before the reactor has answered sees as much.
        state.under_way = still.iter().map(|(it, _)| it.clone()).collect();
        still
    }

    /// Who waits for this request; `None` if it is answered.
    fn whose(&self, py: Python<'_>, state: &State, id: u64) -> Option<Whose> {
        if id & THREAD_BIT != 0 {
            return self.mailbox.is_expected_in_thread(id).then_some(Whose::Nobody);
        }
        let (slot, serial) = (id as u32 as usize, (id >> 32) as u32);
        let pending = state.pending.get(slot).filter(|it| it.serial == serial && it.completion.is_none())?;
        Some(match &pending.waiter {
            Waiter::Greenlet(greenlet) => Whose::Greenlet(greenlet.clone_ref(py)),
            Waiter::Coroutine(awaited) => Whose::Coroutine(awaited.get().waiting_user(py)),
        })
    }
}

/// The oldest requests of this process that have no answer yet. `users` are the handles of those that may wait for one;
/// URLs that begin with `host` are shown without it.
#[pyfunction]
pub fn in_flight(
    stats: &Bound<'_, RequestStats>,
    users: &Bound<'_, PyAny>,
    host: &str,
    most: usize,
) -> PyResult<Vec<Row>> {
    let py = stats.py();
    let Some(hub) = Hub::started(py) else { return Ok(Vec::new()) };
    let seen = hub.look(py, most);
    let running = if seen.iter().any(|(_, whose)| matches!(whose, Whose::Greenlet(_))) {
        running_users(users)?
    } else {
        HashMap::new()
    };
    let redaction = stats.get().redaction();
    let now = Instant::now();
    let row = |(it, whose): &(UnderWay, Whose)| {
        let user = match whose {
            Whose::Nobody => None,
            Whose::Greenlet(greenlet) => running.get(&greenlet.as_ptr().addr()).map(|user| user.clone_ref(py)),
            Whose::Coroutine(user) => user.as_ref().map(|user| user.clone_ref(py)),
        };
        let class = user.map(|user| user.bind(py).get_type().name().map(|name| name.to_string())).transpose()?;
        let (method, name) = shown(it, host, &redaction);
        let age = now.saturating_duration_since(it.since).as_secs_f64();
        Ok((method, name, class.unwrap_or_default(), Step::name(it.step), age))
    };
    seen.iter().map(row).collect()
}

/// The users that are inside a task, by the address of their greenlet.
fn running_users(users: &Bound<'_, PyAny>) -> PyResult<HashMap<usize, Py<UserCore>>> {
    let py = users.py();
    let mut running = HashMap::new();
    for handle in users.try_iter()? {
        let handle = handle?.cast_into::<UserGreenlet>()?;
        let user = handle.get().user();
        if let Some(greenlet) = user.get().running_greenlet(py) {
            running.insert(greenlet.as_ptr().addr(), user.clone_ref(py));
        }
    }
    Ok(running)
}

/// Method, and path or URL.
fn shown(it: &UnderWay, host: &str, redaction: &Redaction) -> (String, String) {
    let line = String::from_utf8_lossy(&it.request_line);
    let (method, rest) = line.split_once(' ').unwrap_or((&line, ""));
    let target = rest.rsplit_once(' ').map_or(rest, |(target, _version)| target);
    let url = if target.starts_with('/') { address(&it.origin) + target } else { target.to_owned() };
    let url = redaction.text(&url);
    let own = url.strip_prefix(host.trim_end_matches('/')).filter(|path| !host.is_empty() && path.starts_with('/'));
    (method.to_owned(), own.unwrap_or(&url).chars().take(LONGEST_NAME).collect())
}

fn address(origin: &Origin) -> String {
    let (scheme, usual) = match origin.scheme {
        Scheme::Http => ("http", 80),
        Scheme::Https => ("https", 443),
    };
    let host = if origin.host.contains(':') { format!("[{}]", origin.host) } else { origin.host.clone() };
    if origin.port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{}", origin.port) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn shown_of(line: &str, (scheme, name, port): (Scheme, &str, u16), host: &str) -> (String, String) {
        let origin = Origin { scheme, host: name.to_owned(), port, tls: None, proxy: None, network: None };
        let request_line = line.as_bytes().to_vec();
        let it = UnderWay { id: 1, since: Instant::now(), step: Step::Wait, origin: Arc::new(origin), request_line };
        shown(&it, host, &Redaction::default())
    }

    #[test]
    fn requests_to_the_host_are_shown_by_path() {
        let shop = (Scheme::Https, "shop.test", 443);
        let told = |line, host| shown_of(line, shop, host).1;
        assert_eq!(told("GET /a?b=1 HTTP/1.1", "https://shop.test/"), "/a?b=1");
        assert_eq!(told("GET /a HTTP/1.1", "https://shop.test.other"), "https://shop.test/a");
        assert_eq!(told("GET /a HTTP/1.1", "http://shop.test"), "https://shop.test/a");
        assert_eq!(told("GET /a HTTP/1.1", ""), "https://shop.test/a");
        let other = (Scheme::Http, "::1", 8080);
        let expected = ("OPTIONS".to_owned(), "http://[::1]:8080/x".to_owned());
        assert_eq!(shown_of("OPTIONS /x HTTP/1.1", other, "https://shop.test"), expected);
        assert_eq!(shown_of("GET http://[::1]:8080/x HTTP/1.1", other, "http://[::1]:8080").1, "/x");
    }

    #[test]
    fn secrets_and_odd_lines_are_not_shown_as_they_are() {
        let host = (Scheme::Http, "h", 80);
        assert_eq!(shown_of("GET /a?token=abc&x=1 HTTP/1.1", host, "http://h").1, "/a?token=(removed)&x=1");
        assert_eq!(shown_of("nothing", host, "http://h"), ("nothing".to_owned(), String::new()));
        assert_eq!(shown_of(&format!("GET /{} HTTP/1.1", "x".repeat(999)), host, "http://h").1.len(), LONGEST_NAME);
    }
}
