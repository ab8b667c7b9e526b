//! Messages of the cluster's protocol to a master and to a worker, in any order, with time passing in between.
//!
//! Each message has two bytes in front: from whom or to whom (see `deliver`), and its length.

use gregaria_cluster::action::Action;
use gregaria_cluster::master::{self, Master};
use gregaria_cluster::message::Message;
use gregaria_cluster::worker::{self, Worker};

const LIVENESS: i64 = 3;

pub fn run(mut data: &[u8]) {
    let mut nodes = Nodes::new();
    while let Some((&[whom, length], rest)) = data.split_first_chunk::<2>() {
        let (bytes, rest) = rest.split_at(usize::from(length).min(rest.len()));
        nodes.deliver(whom, bytes);
        data = rest;
    }
}

struct Nodes {
    master: Master,
    worker: Worker,
    now: f64,
}

impl Nodes {
    fn new() -> Self {
        let version = "2.47.0".to_owned();
        let master = Master::new(master::Settings {
            version: version.clone(),
            liveness: LIVENESS,
            dead_at: -LIVENESS,
            tell_heartbeats: true,
            tell_reports: true,
        });
        let settings = worker::Settings {
            id: "host_1".to_owned(),
            version,
            master: "127.0.0.1:5557".to_owned(),
            connect_timeout_s: 5.0,
            connect_retries: 2,
            heartbeat_interval_s: 1.0,
            master_timeout_s: 10.0,
            hung_after_s: 10.0,
            tell_heartbeats: true,
        };
        Self { master, worker: Worker::new(settings, 0.0), now: 0.0 }
    }

    fn deliver(&mut self, whom: u8, bytes: &[u8]) {
        let identity = format!("host_{}", whom >> 3 & 3);
        let actions = match (whom & 7, decoded(bytes)) {
            (0..=3, Some(message)) => self.master.on_message(&identity, message),
            (0..=3, None) => self.master.on_garbage(&identity, "garbage"),
            (4 | 5, Some(message)) => self.worker.on_message(message, self.now),
            (6, _) => self.master.tick(),
            _ => {
                self.now += f64::from(whom);
                self.worker.tick(self.now)
            }
        };
        for action in actions {
            if let Action::Send(message) = action {
                assert!(Message::decode(&message.encode()).is_ok(), "{message:?}");
            }
        }
        assert!(self.master.nodes.active() <= self.master.nodes.iter().count());
        assert!((0.0..=1.0).contains(&self.worker.pause_s(self.now)));
        for node in self.master.nodes.iter() {
            assert_eq!(self.master.nodes.get(&node.id), Some(node));
        }
    }
}

/// The message that these bytes are, which must be what its own encoding says.
fn decoded(bytes: &[u8]) -> Option<Message> {
    let message = Message::decode(bytes).ok()?;
    assert_eq!(Message::kind_of(bytes), Some(message.kind.as_str()));
    let encoded = message.encode();
    let again = Message::decode(&encoded).expect("what was just written");
    assert_eq!(again.encode(), encoded);
    Some(message)
}
