use super::*;

fn worker() -> Worker {
    let settings = Settings {
        id: "h_1".into(),
        version: "2.47.0".into(),
        master: "10.0.0.1:5557".into(),
        connect_timeout_s: 5.0,
        connect_retries: 60,
        heartbeat_interval_s: 1.0,
        master_timeout_s: 60.0,
        hung_after_s: 10.0,
        tell_heartbeats: false,
    };
    Worker::new(settings, 100.0)
}

fn kinds(actions: &[Action]) -> Vec<&str> {
    let kinds = actions.iter().filter_map(|action| match action {
        Action::Send(message) => Some(message.kind.as_str()),
        _ => None,
    });
    kinds.collect()
}

fn register(worker: &mut Worker) {
    worker.tick(100.0);
    worker.on_message(ack(true), 100.0);
}

fn ack(ours: bool) -> Message {
    let additions = map([("additions", ADDITIONS_VERSION.into()), ("plain_reports", false.into())]);
    let data = if ours { map([("index", 4.into()), (OURS, additions)]) } else { map([("index", 4.into())]) };
    Message::new("ack", data, "h_1")
}

#[test]
fn it_registers_every_five_seconds_until_it_gives_up() {
    let mut worker = worker();
    let (mut sent, mut now, mut lines) = (0, 100.0, Vec::new());
    let gave_up = loop {
        let actions = worker.tick(now);
        sent += kinds(&actions).iter().filter(|kind| **kind == "client_ready").count();
        lines.extend(actions.iter().filter_map(|action| match action {
            Action::Log(level, text) => Some((*level, text.clone())),
            _ => None,
        }));
        if actions.contains(&Action::Tell(Tell::GaveUp { reason: None })) {
            break now - 100.0;
        }
        now += worker.pause_s(now).max(0.01);
    };
    assert_eq!(sent, 61);
    assert!((305.0..306.0).contains(&gave_up), "{gave_up}");
    assert_eq!(lines[0], (Level::Debug, "Failed to connect to master 10.0.0.1:5557, retry 1/60.".to_owned()));
    assert_eq!(lines[5].0, Level::Info);
    assert!(worker.tick(now + 100.0).is_empty());
}

#[test]
fn the_first_heartbeat_follows_the_acknowledgement() {
    let mut worker = worker();
    worker.tick(100.0);
    let actions = worker.on_message(ack(false), 100.5);
    assert_eq!(kinds(&actions), ["heartbeat"]);
    assert!(actions.contains(&Action::Tell(Tell::Acknowledged { index: Some(4) })));
    assert_eq!(worker.master_is_ours(), None);
    worker.on_hub_alive(101.5);
    assert_eq!(kinds(&worker.tick(101.5)), ["heartbeat"]);
    assert_eq!(kinds(&worker.tick(101.9)), [""; 0]);
    worker.on_message(ack(true), 102.0);
    assert_eq!(worker.master_is_ours(), Some(false));
    let old = Message::new("ack", Value::Nil, "h_1");
    assert!(worker.on_message(old, 103.0).contains(&Action::Tell(Tell::Acknowledged { index: None })));
}

#[test]
fn no_heartbeat_goes_out_for_a_hub_that_hangs() {
    let mut worker = worker();
    register(&mut worker);
    let beats = |worker: &mut Worker, from: i32, to: i32| -> usize {
        (from..to).map(|second| kinds(&worker.tick(f64::from(second))).len()).sum()
    };
    assert_eq!(beats(&mut worker, 101, 140), 10);
    worker.on_hub_alive(140.0);
    assert_eq!(beats(&mut worker, 141, 146), 5);
}

#[test]
fn a_master_that_falls_silent_is_lost_once() {
    let mut worker = worker();
    register(&mut worker);
    let lost = |worker: &mut Worker, now| {
        worker.tick(now).iter().any(|action| matches!(action, Action::Tell(Tell::MasterLost { .. })))
    };
    assert!(!lost(&mut worker, 300.0), "a master that never sent a heartbeat cannot be lost");
    worker.on_message(Message::new("heartbeat", Value::Nil, "h_1"), 300.0);
    assert!(!lost(&mut worker, 360.0));
    assert!(lost(&mut worker, 360.5));
    assert!(!lost(&mut worker, 500.0));
}

#[test]
fn an_old_job_is_thrown_away() {
    let mut worker = worker();
    let spawn = |at: f64| Message::new("spawn", map([("timestamp", at.into())]), "h_1");
    let jobs = |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::Tell(Tell::Spawn(_))));
    for (timestamp, taken) in [(10.0, true), (10.0, false), (9.0, false), (11.0, true)] {
        let actions = worker.on_message(spawn(timestamp), 100.0);
        assert!(kinds(&actions).is_empty(), "the hub says that it spawns, in the order of what else it says");
        assert_eq!(jobs(&actions), taken);
    }
    register(&mut worker);
    worker.on_message(Message::new("rejoin", Value::Nil, "h_1"), 101.0);
    assert!(jobs(&worker.on_message(spawn(1.0), 102.0)), "a new master has a clock of its own");
}

#[test]
fn a_master_of_ours_pauses_and_resumes() {
    let mut worker = worker();
    for on in [true, false] {
        let actions = worker.on_message(Message::new(PAUSE, on.into(), "h_1"), 100.0);
        assert_eq!(actions, [Action::Tell(Tell::Pause { on })]);
    }
}

#[test]
fn who_has_left_is_silent_until_it_registers() {
    let mut worker = worker();
    register(&mut worker);
    assert_eq!(kinds(&[worker.leave()]), ["client_stopped"]);
    assert!(worker.tick(105.0).is_empty(), "the master would not know whose heartbeat it is");
    worker.register(106.0);
    assert_eq!(kinds(&worker.tick(106.0)), ["client_ready"]);
}

#[test]
fn an_answer_that_comes_late_does_not_bring_back_who_has_left() {
    let mut worker = worker();
    register(&mut worker);
    worker.leave();
    assert!(worker.on_message(ack(true), 101.0).is_empty() && worker.tick(102.0).is_empty());
    worker.register(103.0);
    assert!(worker.on_message(ack(true), 103.0).is_empty());
    assert_eq!(kinds(&worker.tick(103.0)), ["client_ready"], "else it would be registered without having said so");
    assert_eq!(kinds(&worker.on_message(ack(true), 104.0)), ["heartbeat"]);
}

#[test]
fn a_master_that_asks_twice_to_join_again_is_joined_once() {
    let mut worker = worker();
    register(&mut worker);
    let rejoin = || Message::new("rejoin", Value::Nil, "h_1");
    assert_eq!(worker.on_message(rejoin(), 101.0), [Action::Tell(Tell::Rejoin)]);
    assert!(worker.tick(105.0).is_empty(), "its heartbeats are what is answered so");
    assert!(worker.on_message(rejoin(), 105.0).is_empty());
    worker.register(106.0);
    assert_eq!(kinds(&worker.tick(106.0)), ["client_ready"]);
    assert!(worker.on_message(rejoin(), 106.0).is_empty());
    assert_eq!(kinds(&worker.on_message(ack(true), 107.0)), ["heartbeat"]);
}

#[test]
fn reports_are_kept_until_they_are_confirmed() {
    let mut worker = worker();
    register(&mut worker);
    for byte in 1..=3 {
        let number = worker.next_report_number();
        worker.keep_report(number, vec![byte]);
    }
    let seen = Message::new("heartbeat", map([("reports_seen", 2.into())]), "h_1");
    worker.on_message(seen, 101.0);
    assert_eq!(worker.kept_reports().collect::<Vec<_>>(), [[3]]);
    assert_eq!(worker.on_connected(), [vec![3]]);
    worker.on_message(ack(false), 102.0);
    assert_eq!(worker.kept_reports().count(), 0, "Locust's master confirms nothing");
}

#[test]
fn what_was_measured_for_one_master_is_not_sent_to_another() {
    let mut worker = worker();
    register(&mut worker);
    for byte in 1..=2 {
        let number = worker.next_report_number();
        worker.keep_report(number, vec![byte]);
    }
    worker.on_message(Message::new("rejoin", Value::Nil, "h_1"), 101.0);
    let number = worker.next_report_number();
    worker.keep_report(number, vec![3]);
    worker.register(102.0);
    worker.tick(102.0);
    worker.on_message(ack(true), 102.0);
    assert!(worker.on_connected().is_empty());
    worker.keep_report(4, vec![4]);
    assert_eq!(worker.on_connected(), [vec![4]]);
    worker.on_message(Message::new("heartbeat", map([("reports_seen", 4.into())]), "h_1"), 103.0);
    assert_eq!(worker.kept_reports().collect::<Vec<_>>(), [[1], [2], [3]], "they are written to a file at the end");
}

#[test]
fn a_link_that_can_never_be_is_given_up_at_once() {
    let mut worker = worker();
    worker.tick(100.0);
    let gave_up = worker.on_hopeless("wrong secret".into());
    assert_eq!(gave_up, [Action::Tell(Tell::GaveUp { reason: Some("wrong secret".into()) })]);
    assert!(worker.on_hopeless("wrong secret".into()).is_empty());
}
