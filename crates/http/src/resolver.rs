//! Host names to addresses: getaddrinfo on a few threads of its own, answers kept for a while, lookups shared.
//! Literal addresses never go there. Failures are not kept: the next request asks again.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::exchange::ConnectionId;
use crate::failure::Failure;

/// Addresses in the system's order; their ports mean nothing.
pub(crate) type Addresses = Arc<[SocketAddr]>;

/// What a lookup came to.
#[derive(Debug)]
pub(crate) struct Answer {
    host: String,
    outcome: Result<Addresses, Failure>,
}

/// Takes answers from the lookup threads; wakes whoever waits for them.
pub(crate) trait AnswerSink: Send + Sync + 'static {
    fn answer(&self, answer: Answer);
}

enum Known {
    Found { addresses: Addresses, at: Instant },
    Asked { waiting: Vec<ConnectionId> },
}

/// The side of the reactor: what is known, who waits.
pub(crate) struct Resolver {
    hosts: FxHashMap<String, Known>,
    /// What is not to be asked of the system.
    given: FxHashMap<String, Vec<(u16, Addresses)>>,
    lifetime: Duration,
    lookups: Arc<Lookups>,
    threads: usize,
    most_threads: usize,
}

impl Resolver {
    pub fn new(lifetime: Duration, most_threads: usize, sink: Arc<dyn AnswerSink>) -> Self {
        let lookups = Arc::new(Lookups { queue: Mutex::default(), changed: Condvar::new(), sink });
        Self { hosts: FxHashMap::default(), given: FxHashMap::default(), lifetime, lookups, threads: 0, most_threads }
    }

    /// Connections to this host and port go to these addresses; none means that the system is asked again.
    pub fn give(&mut self, host: String, port: u16, addresses: &[IpAddr]) {
        let given = self.given.entry(host).or_default();
        given.retain(|(known, _)| *known != port);
        if !addresses.is_empty() {
            given.push((port, addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect()));
        }
    }

    /// The addresses at once, or `None`: then `answered` will name `connection`. They are believed for `lifetime`, or for
    /// as long as usual.
    pub fn look_up(
        &mut self,
        (host, port): (&str, u16),
        connection: ConnectionId,
        lifetime: Option<Duration>,
        now: Instant,
    ) -> Option<Result<Addresses, Failure>> {
        if let Some(given) = self.given.get(host)
            && let Some((_, addresses)) = given.iter().find(|(known, _)| *known == port)
        {
            return Some(Ok(Arc::clone(addresses)));
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Ok(Arc::new([SocketAddr::new(address, 0)])));
        }
        match self.hosts.get_mut(host) {
            Some(Known::Found { addresses, at })
                if now.saturating_duration_since(*at) < lifetime.unwrap_or(self.lifetime) =>
            {
                return Some(Ok(Arc::clone(addresses)));
            }
            Some(Known::Asked { waiting }) => {
                waiting.push(connection);
                return None;
            }
            _ => {}
        }
        if let Err(error) = self.ask(host) {
            return Some(Err(Failure::Resolve { code: libc::EAI_AGAIN, text: error.to_string() }));
        }
        self.hosts.insert(host.to_owned(), Known::Asked { waiting: vec![connection] });
        None
    }

    /// Keeps an answer; returns who waited for it.
    pub fn answered(&mut self, answer: Answer, now: Instant) -> (Vec<ConnectionId>, Result<Addresses, Failure>) {
        let before = match &answer.outcome {
            Ok(addresses) => {
                let known = Known::Found { addresses: Arc::clone(addresses), at: now };
                self.hosts.insert(answer.host, known)
            }
            Err(_) => self.hosts.remove(&answer.host),
        };
        match before {
            Some(Known::Asked { waiting }) => (waiting, answer.outcome),
            _ => (Vec::new(), answer.outcome),
        }
    }

    fn ask(&mut self, host: &str) -> io::Result<()> {
        let idle = self.lookups.with_queue(|queue| queue.idle > queue.hosts.len());
        if !idle && self.threads < self.most_threads {
            let lookups = Arc::clone(&self.lookups);
            let started = std::thread::Builder::new().name("resolver".to_owned()).spawn(move || lookups.work());
            match started {
                Ok(_) => self.threads += 1,
                Err(error) if self.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        self.lookups.with_queue(|queue| queue.hosts.push(host.to_owned()));
        self.lookups.changed.notify_one();
        Ok(())
    }
}

impl Drop for Resolver {
    /// The threads are left to end on their own: one may be inside a lookup for many seconds.
    fn drop(&mut self) {
        self.lookups.with_queue(|queue| queue.closed = true);
        self.lookups.changed.notify_all();
    }
}

/// The side of the lookup threads.
struct Lookups {
    queue: Mutex<Queue>,
    changed: Condvar,
    sink: Arc<dyn AnswerSink>,
}

#[derive(Default)]
struct Queue {
    hosts: Vec<String>,
    idle: usize,
    closed: bool,
}

impl Lookups {
    fn with_queue<R>(&self, action: impl FnOnce(&mut Queue) -> R) -> R {
        action(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn work(&self) {
        while let Some(host) = self.next() {
            let outcome = look_up(&host);
            self.sink.answer(Answer { host, outcome });
        }
    }

    fn next(&self) -> Option<String> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.idle += 1;
        while queue.hosts.is_empty() && !queue.closed {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle -= 1;
        if queue.closed { None } else { Some(queue.hosts.remove(0)) }
    }
}

fn look_up(host: &str) -> Result<Addresses, Failure> {
    match (host, 0).to_socket_addrs() {
        Ok(addresses) => {
            let addresses: Addresses = addresses.collect();
            if addresses.is_empty() { Err(no_address()) } else { Ok(addresses) }
        }
        Err(error) => Err(failure_of(&error)),
    }
}

fn no_address() -> Failure {
    Failure::Resolve { code: libc::EAI_NONAME, text: "Name or service not known".to_owned() }
}

/// std keeps getaddrinfo's text but not its code, so the code is found again by the text.
fn failure_of(error: &io::Error) -> Failure {
    if let Some(errno) = error.raw_os_error() {
        return Failure::Resolve { code: libc::EAI_SYSTEM, text: io::Error::from_raw_os_error(errno).to_string() };
    }
    let whole = error.to_string();
    let text = whole.strip_prefix("failed to lookup address information: ").unwrap_or(&whole).to_owned();
    let code = match text.as_str() {
        "Name or service not known" | "nodename nor servname provided, or not known" | "Name does not resolve" => {
            libc::EAI_NONAME
        }
        "Temporary failure in name resolution" | "Try again" => libc::EAI_AGAIN,
        "Non-recoverable failure in name resolution" | "Non-recoverable error" => libc::EAI_FAIL,
        "No address associated with hostname" | "Name has no usable address" => libc::EAI_NODATA,
        "Memory allocation failure" | "Out of memory" => libc::EAI_MEMORY,
        "ai_family not supported" | "Unrecognized address family or invalid length" => libc::EAI_FAMILY,
        _ if error.kind() == io::ErrorKind::InvalidInput => return no_address(),
        _ => libc::EAI_FAIL,
    };
    Failure::Resolve { code, text }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Channel(Mutex<mpsc::Sender<Answer>>);

    impl AnswerSink for Channel {
        fn answer(&self, answer: Answer) {
            let _ = self.0.lock().unwrap().send(answer);
        }
    }

    fn resolver() -> (Resolver, mpsc::Receiver<Answer>) {
        let (sender, receiver) = mpsc::channel();
        let sink = Arc::new(Channel(Mutex::new(sender)));
        (Resolver::new(Duration::from_secs(30), 2, sink), receiver)
    }

    fn connection(slot: usize) -> ConnectionId {
        ConnectionId::new(slot, 1)
    }

    #[test]
    fn literal_addresses_are_answered_at_once() {
        let (mut resolver, _answers) = resolver();
        for literal in ["127.0.0.1", "::1"] {
            let addresses = resolver.look_up((literal, 80), connection(0), None, Instant::now()).unwrap().unwrap();
            assert_eq!(addresses[0].ip().to_string(), literal);
        }
        assert_eq!(resolver.threads, 0);
    }

    #[test]
    fn lookups_are_shared_and_answers_kept_for_their_time() {
        let (mut resolver, answers) = resolver();
        let now = Instant::now();
        assert!(resolver.look_up(("localhost", 80), connection(1), None, now).is_none());
        assert!(resolver.look_up(("localhost", 80), connection(2), None, now).is_none());
        assert_eq!(resolver.threads, 1);
        let (waiting, outcome) = resolver.answered(answers.recv().unwrap(), now);
        assert_eq!(waiting, [connection(1), connection(2)]);
        assert!(outcome.unwrap().iter().all(|address| address.ip().is_loopback()));
        assert!(resolver.look_up(("localhost", 80), connection(3), None, now + Duration::from_secs(29)).is_some());
        assert!(resolver.look_up(("localhost", 80), connection(4), None, now + Duration::from_secs(31)).is_none());
    }

    #[test]
    fn what_is_given_is_not_asked_and_who_believes_nothing_asks_each_time() {
        let (mut resolver, answers) = resolver();
        let now = Instant::now();
        resolver.give("shop.invalid".to_owned(), 81, &["127.0.0.9".parse().unwrap()]);
        let given = resolver.look_up(("shop.invalid", 81), connection(1), None, now).unwrap().unwrap();
        assert_eq!(given[0].ip().to_string(), "127.0.0.9");
        assert_eq!(resolver.threads, 0);
        resolver.give("shop.invalid".to_owned(), 81, &[]);
        assert!(resolver.look_up(("shop.invalid", 81), connection(1), None, now).is_none());
        let _ = resolver.answered(answers.recv().unwrap(), now);
        for _ in 0..2 {
            assert!(resolver.look_up(("localhost", 80), connection(1), Some(Duration::ZERO), now).is_none());
            let _ = resolver.answered(answers.recv().unwrap(), now);
        }
        let later = now + Duration::from_secs(86_400);
        assert!(resolver.look_up(("localhost", 80), connection(1), Some(Duration::MAX), later).is_some());
    }

    #[test]
    fn a_host_that_does_not_resolve_has_a_code_and_a_text() {
        let (mut resolver, answers) = resolver();
        for host in ["no-such-host.invalid", "a\0b"] {
            assert!(resolver.look_up((host, 80), connection(1), None, Instant::now()).is_none());
            let (waiting, outcome) = resolver.answered(answers.recv().unwrap(), Instant::now());
            assert_eq!(waiting.len(), 1);
            let Err(Failure::Resolve { code, text }) = outcome else { panic!("{outcome:?}") };
            assert!(code < 0 && !text.is_empty(), "{code} {text}");
        }
        assert!(resolver.hosts.is_empty());
    }
}
