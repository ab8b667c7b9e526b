//! Writes the seeds of the cluster's fuzz targets: what honest peers send. Run it again when the wire's form has changed.
//! `cargo run -p gregaria-cluster --example fuzz_seeds`

#![allow(clippy::unwrap_used, reason = "a tool for developers: it may end with a panic")]

use std::path::Path;

use gregaria_cluster::master::OURS;
use gregaria_cluster::message::{Message, map};
use gregaria_cluster::report::{fine, fine_field, plain_fields, user_fields};
use gregaria_cluster::zmtp::{Limits, Secret, Session};
use gregaria_stats::{Phase, PhaseSample, Stats, Taken};
use rmpv::Value;

fn write(target: &str, name: &str, parts: &[&[u8]]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), parts.concat()).unwrap();
}

fn main() {
    links();
    messages();
    reports();
    let deeds: [&[u8]; 6] = [b"\x03one", b"\x05three", b"\0", b"\0\0\x05", b"\x04\0\x09", b"\x02\0\x20"];
    write("cluster_seal", "tampered", &deeds);
    write("cluster_seal", "honest", &deeds[..3]);
}

fn links() {
    let secret = || Secret::from_text("a secret for fuzzing").unwrap();
    for (name, side, secret) in [("plain", 1, None), ("sealed", 0, Some(secret()))] {
        let mut client = Session::connecting(b"host_1".to_vec(), secret.clone(), Limits::default());
        let mut server = Session::listening(secret, Limits::default());
        let (mut to_server, mut to_client) = (client.take_outgoing(), server.take_outgoing());
        client.receive(&to_client, &mut Vec::new()).unwrap();
        to_server.extend(client.take_outgoing());
        server.receive(&to_server, &mut Vec::new()).unwrap();
        let answer = server.take_outgoing();
        client.receive(&answer, &mut Vec::new()).unwrap();
        client.send(b"up").unwrap();
        server.send(&[7; 300]).unwrap();
        to_server.extend(client.take_outgoing());
        to_client.extend([answer, server.take_outgoing()].concat());
        write("cluster_link", &format!("{name}_to_server"), &[&[side, 200], &to_server]);
        write("cluster_link", &format!("{name}_to_client"), &[&[side | 2, 200], &to_client]);
    }
    write("cluster_link", "ping", &[&[5, 9], b"\x04\x07\x05READY\x04\x0d\x04PING\0\x0acontext\x01\0\0\x02up"]);
    write("cluster_link", "browser", &[&[1, 9], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]);
}

fn messages() {
    let deliver = |whom: u8, kind: &str, data: Value| {
        let bytes = Message::new(kind, data, "host_1").encode();
        [vec![whom, bytes.len() as u8], bytes].concat()
    };
    let ours = map([("additions", 1.into()), ("plain_reports", false.into()), ("lag_ms", 0.5.into())]);
    let beat = map([
        ("state", "running".into()),
        ("current_cpu_usage", 95.5.into()),
        ("current_memory_usage", 1_000_000.into()),
        ("reports_seen", 3.into()),
        (OURS, ours.clone()),
    ]);
    let counts = map([("Visitor", 3.into())]);
    let failed = map([("msg", "no".into()), ("traceback", "at line 1".into())]);
    let spawn = map([("timestamp", 5.5.into()), ("user_classes_count", counts.clone())]);
    let complete = map([("user_classes_count", counts), ("user_count", 3.into())]);
    let to_master: Vec<_> = [
        ("client_ready", "2.47.0".into()),
        ("heartbeat", beat.clone()),
        ("spawning", Value::Nil),
        ("spawning_complete", complete.clone()),
        ("exception", failed),
        ("logs", map([("worker_id", "host_1".into()), ("logs", Value::Array(Vec::new()))])),
        ("of their own", Value::Binary(vec![1, 2, 3])),
        ("client_stopped", Value::Nil),
        ("quit", Value::Nil),
    ]
    .map(|(kind, data)| deliver(1, kind, data))
    .to_vec();
    let to_worker: Vec<_> = [
        ("ack", map([("index", 0.into()), (OURS, ours)])),
        ("heartbeat", beat),
        ("spawn", spawn),
        ("spawning_complete", complete),
        ("reconnect", Value::Nil),
        ("rejoin", Value::Nil),
        ("stop", Value::Nil),
        ("quit", Value::Nil),
    ]
    .map(|(kind, data)| deliver(4, kind, data))
    .to_vec();
    write("cluster_messages", "to_master", &[&to_master.concat(), &[6, 0].repeat(10)]);
    write("cluster_messages", "to_worker", &[&[7, 0], &to_worker.concat(), &[255, 0].repeat(3)]);
}

fn reports() {
    let mut stats = Stats::new(100.0);
    for (name, us) in [("/", 1_234), ("/", 1_900_000), ("/slow", 70_000_000)] {
        let id = stats.entry("GET", name, 100.0);
        stats.record(id, 101.5, Some(us), 500);
        let mut phases = PhaseSample::default();
        (phases.opened, phases.version) = (1, 20);
        phases.set(Phase::Wait, us / 2);
        stats.record_phases(id, &phases);
        stats.record_failure(id, 101.5, "ConnectionError()");
    }
    let taken = stats.take(102.0);
    let compressed = fine::encode(&taken);
    let plain = zstd::bulk::decompress(&compressed, 1 << 20).unwrap();
    let message = |fields: Vec<(Value, Value)>| {
        let users = user_fields(&[("Visitor".to_owned(), 3)]);
        Message::new("stats", Value::Map([fields, users].concat()), "host_1").encode()
    };
    let locusts = message(plain_fields(&taken, &["key".to_owned(), "key2".to_owned()], 102.0));
    let mut fields = plain_fields(&Taken::default(), &[], 102.0);
    fields.push(fine_field(&taken, 9, None, &[("completed".to_owned(), 1.0)], 102.5));
    write("cluster_reports", "locusts", &[&[0], &locusts]);
    write("cluster_reports", "ours", &[&[0], &message(fields)]);
    write("cluster_reports", "compressed", &[&[1], &compressed]);
    write("cluster_reports", "unpacked", &[&[2], &plain]);
}
