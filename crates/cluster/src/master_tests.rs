use super::*;
use crate::report::Counted;
use gregaria_stats::Taken;

fn master() -> Master {
    Master::new(Settings {
        version: "2.47.0".into(),
        liveness: 3,
        dead_at: -60,
        tell_heartbeats: false,
        tell_reports: false,
    })
}

fn ready(id: &str) -> Message {
    Message::new("client_ready", "2.47.0".into(), id)
}

fn heartbeat(state: &str, cpu: f64) -> Message {
    let data =
        map([("state", state.into()), ("current_cpu_usage", cpu.into()), ("current_memory_usage", 1_000.into())]);
    Message::new("heartbeat", data, "h_1")
}

fn sent<'a>(actions: &'a [Action], kind: &str) -> Option<&'a Message> {
    actions.iter().find_map(|action| match action {
        Action::Send(message) if message.kind == kind => Some(message),
        _ => None,
    })
}

fn logged(actions: &[Action]) -> String {
    let lines = actions.iter().filter_map(|action| match action {
        Action::Log(_, text) => Some(text.as_str()),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn told(actions: &[Action]) -> Vec<&Tell> {
    let tells = actions.iter().filter_map(|action| match action {
        Action::Tell(tell) => Some(tell),
        _ => None,
    });
    tells.collect()
}

fn report(number: Option<u64>, run: Option<u64>) -> Report<'static> {
    let users = vec![("Visitor".to_owned(), 3)];
    let mut stats = gregaria_stats::Stats::new(100.0);
    let id = stats.entry("GET", "/", 100.0);
    stats.record(id, 100.0, Some(1), 0);
    let counted = Counted::Plain(Taken { samples: Vec::new(), ..stats.take(101.0) });
    Report { counted, users, number, run, health: Default::default(), now: None }
}

#[test]
fn a_worker_is_acknowledged_with_a_number_of_its_own() {
    let mut master = master();
    for (place, id) in ["h_1", "h_2"].into_iter().enumerate() {
        let actions = master.on_message(id, ready(id));
        let ack = sent(&actions, "ack").unwrap();
        assert_eq!(ack.field("index").and_then(Value::as_u64), Some(place as u64));
        assert_eq!(
            logged(&actions),
            format!("{id} (index {place}) reported as ready. {} workers connected.", place + 1)
        );
        assert!(matches!(told(&actions)[..], [Tell::Connected { .. }, Tell::Joined { known: false, .. }]));
    }
    let again = master.on_message("h_1", ready("h_1"));
    assert!(logged(&again).contains("(index 0) reported as ready (duplicate message). 2 workers"));
    master.on_message("h_1", Message::new("quit", Value::Nil, "h_1"));
    let back = master.on_message("h_1", ready("h_1"));
    assert!(logged(&back).contains("(index 0)"));
}

#[test]
fn versions_are_compared_as_locust_does() {
    let mut master = master();
    let with = |master: &mut Master, data: Value| {
        let actions = master.on_message("h_1", Message::new("client_ready", data, "h_1"));
        (sent(&actions, "ack").is_some(), logged(&actions))
    };
    assert!(with(&mut master, "2.46.4".into()).1.contains("running a different version (2.46.4)"));
    assert!(with(&mut master, "2.47.9".into()).1.contains("different patch version"));
    assert!(with(&mut master, (-1).into()).0, "boomer and locust4j say -1");
    for old in [Value::Nil, "".into(), 0.into()] {
        let (acknowledged, log) = with(&mut master, old);
        assert!(!acknowledged && log.contains("An old (pre 2.0) worker"));
    }
}

#[test]
fn a_worker_without_heartbeats_goes_missing_heals_and_is_forgotten() {
    let mut master = master();
    master.on_message("h_1", ready("h_1"));
    master.on_message("h_2", ready("h_2"));
    let mut log = String::new();
    for _ in 0..5 {
        master.on_message("h_2", heartbeat("running", 1.0));
        log.push_str(&logged(&master.tick()));
    }
    assert_eq!(log, "Worker h_1 failed to send heartbeat, setting state to missing.");
    let actions = master.on_message("h_1", heartbeat("running", 1.0));
    assert!(logged(&actions).contains("Worker h_1 self-healed with heartbeat, setting state to running."));
    assert_eq!(told(&actions)[0], &Tell::Joined { id: "h_1".into(), known: true });
    let gone: Vec<_> = (0..80).flat_map(|_| master.tick()).filter(|action| matches!(action, Action::Tell(_))).collect();
    assert!(gone.contains(&Action::Tell(Tell::LastLeft { how: Gone::Missing })));
    assert!(gone.contains(&Action::Tell(Tell::Left { id: "h_1".into(), how: Gone::Forgotten })));
    assert_eq!(master.nodes.iter().count(), 0);
}

#[test]
fn heartbeats_are_answered_and_a_busy_worker_is_named_once() {
    let mut master = master();
    master.on_message("h_1", ready("h_1"));
    let actions = master.on_message("h_1", heartbeat("ready", 97.5));
    assert_eq!(sent(&actions, "heartbeat").map(|answer| &answer.data), Some(&Value::Nil));
    assert!(logged(&actions).contains("Worker h_1 (index 0) exceeded cpu threshold"));
    assert_eq!(logged(&master.on_message("h_1", heartbeat("ready", 98.0))), "");
    assert_eq!(master.nodes.get("h_1").map(|node| node.memory_bytes), Some(1_000));
    let stranger = master.on_message("h_9", heartbeat("ready", 1.0));
    assert!(sent(&stranger, "heartbeat").is_none() && sent(&stranger, "rejoin").is_none());
}

#[test]
fn what_is_no_number_is_not_shown() {
    let mut master = master();
    master.on_message("h_1", ready("h_1"));
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut beat = heartbeat("running", odd);
        let Value::Map(fields) = &mut beat.data else { unreachable!() };
        fields.push((OURS.into(), map([("additions", ADDITIONS_VERSION.into()), ("lag_ms", odd.into())])));
        master.on_message("h_1", beat);
        let node = master.nodes.get("h_1").expect("it has come");
        assert_eq!((node.cpu_usage, node.lag_ms, node.state.as_str()), (0.0, None, "running"));
        master.nodes.note_health("h_1", [("lag".to_owned(), odd), ("completed".to_owned(), 3.0)].into());
        let (_, health) = master.nodes.health().next().expect("it was noted");
        assert_eq!(health.iter().collect::<Vec<_>>(), [(&"completed".to_owned(), &3.0)]);
    }
}

#[test]
fn one_of_ours_that_is_not_known_is_asked_to_join_again() {
    let mut master = master();
    let mut beat = heartbeat("running", 1.0);
    let Value::Map(fields) = &mut beat.data else { unreachable!() };
    fields.push((OURS.into(), map([("additions", ADDITIONS_VERSION.into())])));
    assert!(sent(&master.on_message("h_1", beat.clone()), "rejoin").is_some());
    master.on_message("h_1", ready("h_1"));
    let (counted, actions) = master.on_report("h_1", &report(Some(7), None));
    let confirmed =
        |actions: &[Action]| sent(actions, "heartbeat").and_then(|beat| beat.field("reports_seen")?.as_u64());
    assert_eq!((counted, confirmed(&actions)), (true, Some(7)));
    let actions = master.on_message("h_1", beat);
    assert_eq!(confirmed(&actions), Some(7));
}

#[test]
fn a_report_counts_once_however_often_it_comes() {
    let mut master = master();
    master.on_message("h_1", ready("h_1"));
    let outcomes: Vec<_> =
        [1, 2, 2, 1, 3].map(|number| master.on_report("h_1", &report(Some(number), None)).0).to_vec();
    assert_eq!(outcomes, [true, true, false, false, true]);
    assert!(master.on_report("h_1", &report(None, None)).0);
    assert_eq!(master.nodes.get("h_1").map(Node::user_count), Some(3));
    let (counted, actions) = master.on_report("h_9", &report(None, None));
    assert!(counted && logged(&actions).contains("Discarded report from unrecognized worker h_9"));
}

#[test]
fn what_one_of_ours_measured_in_an_earlier_run_does_not_count() {
    let mut master = master();
    master.on_message("h_1", ready("h_1"));
    assert!(master.on_report("h_1", &report(Some(1), Some(1))).0, "no run has begun here that it could be late for");
    master.run = Some(2);
    let (counts, actions) = master.on_report("h_1", &report(Some(2), Some(1)));
    assert!(!counts && logged(&actions).contains("Worker h_1 reported what it had measured in an earlier test"));
    assert!(sent(&actions, "heartbeat").is_some(), "it need not send it again");
    assert!(master.on_report("h_1", &report(Some(3), Some(2))).0 && master.on_report("h_1", &report(None, None)).0);
    let (counts, actions) = master.on_report("h_1", &report(Some(2), Some(1)));
    assert!(!counts && logged(&actions).is_empty(), "it is said once");
}

#[test]
fn what_one_of_ours_measured_for_another_master_does_not_count() {
    let mut master = master();
    let beat = map([("state", "running".into()), (OURS, map([("additions", ADDITIONS_VERSION.into())]))]);
    assert!(sent(&master.on_message("h_1", Message::new("heartbeat", beat, "h_1")), "rejoin").is_some());
    let (counts, actions) = master.on_report("h_1", &report(Some(7), None));
    assert!(!counts && sent(&actions, "heartbeat").is_none(), "nor is it confirmed");
    master.on_message("h_1", ready("h_1"));
    assert!(master.on_report("h_1", &report(Some(8), None)).0);
    assert_eq!(master.nodes.index("h_1"), 0);
    master.on_message("h_1", Message::new("quit", Value::Nil, "h_1"));
    assert!(master.on_report("h_1", &report(Some(9), None)).0, "a last report that comes late counts");
}

#[test]
fn spawning_of_an_unknown_worker_is_answered_with_quit() {
    let mut master = master();
    for kind in ["spawning", "spawning_complete"] {
        let actions = master.on_message("h_1", Message::new(kind, Value::Nil, "h_1"));
        assert!(sent(&actions, "quit").is_some());
        assert!(logged(&actions).contains("Asking worker to quit"));
    }
    master.on_message("h_1", ready("h_1"));
    let users = map([("user_classes_count", map([("A", 2.into()), ("B", 1.into())])), ("user_count", 3.into())]);
    master.on_message("h_1", Message::new("spawning_complete", users, "h_1"));
    let node = master.nodes.get("h_1").unwrap();
    assert_eq!((node.state.as_str(), node.user_count()), ("running", 3));
}

#[test]
fn what_crosses_a_stop_makes_nobody_quit() {
    let mut master = master();
    let spawned = || Message::new("spawning_complete", map([("user_count", 3.into())]), "h_1");
    master.on_message("h_1", ready("h_1"));
    master.on_message("h_1", Message::new("client_stopped", Value::Nil, "h_1"));
    let actions = master.on_message("h_1", spawned());
    assert!(sent(&actions, "quit").is_none() && told(&actions).is_empty());
    master.on_message("h_1", ready("h_1"));
    assert_eq!(master.on_message("h_1", spawned()), [Action::Tell(Tell::StatesChanged)]);
    master.on_message("h_1", Message::new("quit", Value::Nil, "h_1"));
    assert!(sent(&master.on_message("h_1", spawned()), "quit").is_some(), "that one is not coming back");
}

#[test]
fn stopping_and_quitting_take_a_worker_off_the_list() {
    let mut master = master();
    for id in ["h_1", "h_2"] {
        master.on_message(id, ready(id));
    }
    let stopped = master.on_message("h_1", Message::new("client_stopped", Value::Nil, "h_1"));
    assert!(logged(&stopped).contains("h_1 (index 0) reported that it has stopped"));
    let quit = master.on_message("h_2", Message::new("quit", Value::Nil, "h_2"));
    assert!(logged(&quit).contains("Worker 'h_2' (index 1) quit. 0 workers ready."));
    assert!(told(&quit).contains(&&Tell::LastLeft { how: Gone::Quit }));
    let again = master.on_message("h_1", Message::new("client_stopped", Value::Nil, "h_1"));
    assert!(logged(&again).contains("unknown worker: h_1"));
    assert!(master.on_message("h_1", Message::new("quit", Value::Nil, "h_1")).is_empty());
}

#[test]
fn what_is_not_the_protocols_is_the_users() {
    let mut master = master();
    let message = Message::new("my own", 5.into(), "somebody else");
    let actions = master.on_message("h_1", message);
    assert_eq!(told(&actions), [&Tell::Custom(Message::new("my own", 5.into(), "h_1"))]);
    let data = map([("msg", "no".into()), ("traceback", "File …".into())]);
    let actions = master.on_message("h_1", Message::new("exception", data, "h_1"));
    assert!(matches!(told(&actions)[..], [Tell::Exception { count: 1, message, .. }] if message == "no"));
    assert!(logged(&master.on_garbage("h_1", "broken")).contains("Unrecognized message detected"));
    master.on_message("h_1", ready("h_1"));
    assert!(sent(&master.on_garbage("h_1", "broken"), "reconnect").is_some());
}
