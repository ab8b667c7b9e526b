//! A master without Python, for profiles of what workers cost it: takes in what `simulated_workers` send, for so long.
//! `bare_master WORKERS SECONDS [follow]` prints its port, and at the end its CPU time per report and what it has counted.
//! With `follow` every sample is also told to a history, as the web UI wants it.

#![allow(clippy::unwrap_used, reason = "a tool for developers: it may end with a panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gregaria_cluster::action::Tell;
use gregaria_cluster::driver::{Heard, Hub, MasterDriver};
use gregaria_cluster::master::Settings;
use gregaria_cluster::message::{Message, map};
use gregaria_cluster::report::Counted;
use gregaria_cluster::transport;
use gregaria_stats::{History, Stats};
use rmpv::Value;

struct Counting {
    stats: Mutex<(Stats, u64)>,
}

impl Hub for Counting {
    fn hear(&self, heard: Heard) {
        if let Heard::Tell(Tell::Left { id, how }) = heard {
            println!("{id} left: {how:?}");
        }
    }

    fn merge(&self, counted: Counted<'_>, _written_at: Option<f64>) {
        let mut stats = self.stats.lock().unwrap();
        counted.merge_into(&mut stats.0, 5.0);
        stats.1 += 1;
    }
}

/// Seconds of CPU that this process has used.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (workers, seconds): (usize, u64) = (arguments[0].parse().unwrap(), arguments[1].parse().unwrap());
    let hub = Arc::new(Counting { stats: Mutex::new((Stats::new(0.0), 0)) });
    let mut history = (arguments.get(2).map(String::as_str) == Some("follow")).then(History::default);
    if history.is_some() {
        hub.stats.lock().unwrap().0.follow();
    }
    let settings = Settings {
        version: "2.47.0".to_owned(),
        liveness: 3,
        dead_at: -60,
        tell_heartbeats: false,
        tell_reports: false,
    };
    let links = transport::Settings::default();
    let master = MasterDriver::start(("127.0.0.1", 0), links, settings, Arc::<Counting>::clone(&hub)).unwrap();
    println!("{}", master.port());
    while master.with(|master| master.nodes.active()) < workers {
        std::thread::sleep(Duration::from_millis(50));
    }
    let counts = map([("timestamp", 1.0.into()), ("user_classes_count", map([("Visitor", 10.into())]))]);
    let ids: Vec<String> = master.with(|master| master.nodes.iter().map(|node| node.id.clone()).collect());
    assert!(ids.iter().all(|id| master.send(&Message::new("spawn", counts.clone(), id))));
    std::thread::sleep(Duration::from_secs(2));
    let (began, before) = (cpu_s(), hub.stats.lock().unwrap().1);
    let mut samples = Vec::new();
    for second in 0..seconds {
        std::thread::sleep(Duration::from_secs(1));
        master.tick();
        if let Some(history) = &mut history {
            hub.stats.lock().unwrap().0.take_samples(&mut samples);
            history.take_in(&samples);
            history.close(second as f64);
        }
    }
    let (used, reports) = (cpu_s() - began, hub.stats.lock().unwrap().1 - before);
    println!(
        "{:.1} % of a core, {:.0} us for each of {reports} reports",
        100.0 * used / seconds as f64,
        1e6 * used / reports as f64
    );
    println!(
        "{} requests of {} names",
        hub.stats.lock().unwrap().0.total().num_requests(),
        hub.stats.lock().unwrap().0.entries().count()
    );
    assert!(ids.iter().all(|id| master.send(&Message::new("quit", Value::Nil, id))));
    std::thread::sleep(Duration::from_millis(500));
}
