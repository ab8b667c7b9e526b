//! What the server has seen: requests by path, connections, handshakes. Tests compare the client's numbers with these, so
//! nothing is counted twice and the `/__` paths are not counted at all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

#[derive(Default)]
pub(crate) struct Counts {
    requests: Mutex<Requests>,
    counted: Condvar,
    connections: AtomicU64,
    open: AtomicU64,
    failed_handshakes: AtomicU64,
}

#[derive(Default)]
struct Requests {
    total: u64,
    paths: BTreeMap<String, u64>,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().expect("no holder of this lock panics")
    }

    /// Counts one request and returns how many this path has had, this one included.
    pub fn request(&self, path: &str) -> u64 {
        let mut requests = self.lock();
        requests.total += 1;
        self.counted.notify_all();
        if let Some(count) = requests.paths.get_mut(path) {
            *count += 1;
            return *count;
        }
        requests.paths.insert(path.to_owned(), 1);
        1
    }

    /// Blocks until that many requests have come, or for `limit`; says whether they have.
    pub fn wait_for_requests(&self, count: u64, limit: Duration) -> bool {
        let waited = self.counted.wait_timeout_while(self.lock(), limit, |requests| requests.total < count);
        waited.expect("no holder of this lock panics").0.total >= count
    }

    pub fn opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn handshake_failed(&self) {
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub fn reset(&self) {
        *self.lock() = Requests::default();
        self.connections.store(0, Ordering::Relaxed);
        self.failed_handshakes.store(0, Ordering::Relaxed);
    }

    pub fn to_json(&self) -> Value {
        let requests = self.lock();
        json!({
            "requests": requests.total,
            "paths": requests.paths,
            "connections": self.connections.load(Ordering::Relaxed),
            "open": self.open.load(Ordering::Relaxed),
            "failed_handshakes": self.failed_handshakes.load(Ordering::Relaxed),
        })
    }
}
