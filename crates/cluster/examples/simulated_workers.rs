//! Many workers in one process, for measuring a master: they register, send heartbeats and reports as real ones do, run
//! no users, and end when the master says so. `simulated_workers HOST:PORT WORKERS NAMES ACTIVE_NAMES`
//!
//! Prints a line when all are registered, and at the end how large a report was and how late answers to heartbeats came.

#![allow(clippy::unwrap_used, reason = "a tool for benchmarks: it may end with a panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gregaria_cluster::master::{ADDITIONS_VERSION, OURS};
use gregaria_cluster::message::{Message, map};
use gregaria_cluster::report::{fine, plain_fields, user_fields};
use gregaria_cluster::zmtp::{Event, Limits, Session};
use gregaria_stats::{Stats, Taken};
use rmpv::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REPORT_EVERY: Duration = Duration::from_secs(3);
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
const SAMPLES: u64 = 30;

#[derive(Default)]
struct Seen {
    registered: AtomicUsize,
    report_bytes: AtomicUsize,
    slowest_answer_us: AtomicU64,
}

fn report_of(worker: usize, names: usize, active: usize) -> Vec<u8> {
    let mut stats = Stats::new(0.0);
    let mut state = worker as u64 + 1;
    for name in 0..active {
        let id = stats.entry("GET", &format!("/api/v1/things/{}", (worker * 7 + name) % names), 0.0);
        for _ in 0..SAMPLES {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            stats.record(id, 1.0, Some(2_000 + (state >> 33) % 40_000), 500);
        }
    }
    fine::encode(&stats.take(3.0))
}

/// One worker: its session with the master, and what it says.
struct Worker {
    id: String,
    session: Session,
    fine: Vec<u8>,
    reports: u64,
    state: &'static str,
    heartbeat_at: Instant,
    seen: Arc<Seen>,
}

impl Worker {
    fn say(&mut self, kind: &str, data: Value) -> usize {
        let bytes = Message::new(kind, data, &self.id).encode();
        self.session.send(&bytes).unwrap();
        bytes.len()
    }

    fn heartbeat(&mut self) {
        let ours = map([("additions", ADDITIONS_VERSION.into()), ("lag_ms", 0.1.into())]);
        let data = map([
            ("state", self.state.into()),
            ("current_cpu_usage", 1.0.into()),
            ("current_memory_usage", 1.into()),
            (OURS, ours),
        ]);
        self.say("heartbeat", data);
        self.heartbeat_at = Instant::now();
    }

    fn report(&mut self) {
        self.reports += 1;
        let ours = map([("number", self.reports.into()), ("fine", Value::Binary(self.fine.clone()))]);
        let mut fields = plain_fields(&Taken::default(), &[], 0.0);
        fields.extend(user_fields(&[("Visitor".to_owned(), 10)]));
        fields.push((OURS.into(), ours));
        let length = self.say("stats", Value::Map(fields));
        self.seen.report_bytes.fetch_max(length, Ordering::Relaxed);
    }

    /// Whether the worker goes on.
    fn hear(&mut self, bytes: &[u8]) -> bool {
        let message = Message::decode(bytes).unwrap();
        match message.kind.as_str() {
            "ack" => {
                self.seen.registered.fetch_add(1, Ordering::Relaxed);
            }
            "heartbeat" => {
                let waited = self.heartbeat_at.elapsed().min(HEARTBEAT_EVERY).as_micros() as u64;
                self.seen.slowest_answer_us.fetch_max(waited, Ordering::Relaxed);
            }
            "spawn" => {
                self.state = "running";
                let counts = message.field("user_classes_count").cloned().unwrap_or(Value::Nil);
                self.say("spawning", Value::Nil);
                self.say("spawning_complete", map([("user_classes_count", counts)]));
            }
            "stop" => {
                self.say("client_stopped", Value::Nil);
            }
            "quit" => {
                self.say("quit", Value::Nil);
                return false;
            }
            _ => {}
        }
        true
    }
}

async fn run(address: String, number: usize, fine: Vec<u8>, seen: Arc<Seen>) {
    let id = format!("host{}_{number:08x}", number % 50);
    let mut session = Session::connecting(id.clone().into_bytes(), None, Limits::default());
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let (mut buffer, mut events) = (vec![0; 4096], Vec::new());
    while !session.is_open() {
        stream.write_all(&session.take_outgoing()).await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        session.receive(&buffer[..length], &mut events).unwrap();
    }
    let mut worker = Worker { id, session, fine, reports: 0, state: "ready", heartbeat_at: Instant::now(), seen };
    worker.say("client_ready", "2.47.0".into());
    let mut heartbeats = tokio::time::interval(HEARTBEAT_EVERY);
    let mut reports = tokio::time::interval(REPORT_EVERY);
    let mut goes_on = true;
    while goes_on {
        stream.write_all(&worker.session.take_outgoing()).await.unwrap();
        tokio::select! {
            read = stream.read(&mut buffer) => {
                let length = read.unwrap_or(0);
                goes_on = length > 0 && worker.session.receive(&buffer[..length], &mut events).is_ok();
            }
            _ = heartbeats.tick() => worker.heartbeat(),
            _ = reports.tick() => worker.report(),
        }
        for event in events.drain(..) {
            if let Event::Message(bytes) = event {
                goes_on &= worker.hear(&bytes);
            }
        }
    }
    stream.write_all(&worker.session.take_outgoing()).await.ok();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, workers, names, active] = &arguments[..] else {
        panic!("usage: simulated_workers HOST:PORT WORKERS NAMES ACTIVE_NAMES");
    };
    let (workers, names, active): (usize, usize, usize) =
        (workers.parse().unwrap(), names.parse().unwrap(), active.parse().unwrap());
    let seen = Arc::<Seen>::default();
    let tasks: Vec<_> = (0..workers)
        .map(|number| tokio::spawn(run(address.clone(), number, report_of(number, names, active), Arc::clone(&seen))))
        .collect();
    while seen.registered.load(Ordering::Relaxed) < workers {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("registered {workers}");
    for task in tasks {
        task.await.ok();
    }
    println!("report {} bytes", seen.report_bytes.load(Ordering::Relaxed));
    println!("slowest answer {} us", seen.slowest_answer_us.load(Ordering::Relaxed));
}
