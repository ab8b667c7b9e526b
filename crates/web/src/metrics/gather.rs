//! Which metrics there are, and where their values come from.

use std::sync::Arc;

use super::buckets::Buckets;
use super::{Counted, Family, Kind, Measured, Sample, Value};
use crate::live::Live;
use crate::messages::Worker;

/// Names with series of their own: the first ones. The others are added together, so that no counter ever falls.
const NAMES: usize = 1_000;
/// Kinds of failures with series of their own, in the same way.
const FAILURES: usize = 200;
/// Characters of a label.
const LABEL: usize = 200;
const OTHER: &str = "(other)";
const STATES: [&str; 7] = ["ready", "spawning", "running", "cleanup", "stopping", "stopped", "missing"];

/// All metrics as of now.
pub fn families(live: &Live, measured: Measured) -> Vec<Family> {
    let mut families = requests(measured);
    families.extend(run(live));
    families.extend(generator(live));
    families.extend(workers(live));
    families
}

fn family(name: &'static str, help: &'static str, kind: Kind, samples: Vec<Sample>) -> Family {
    Family { name, help, kind, samples }
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Family {
    family(name, help, Kind::Gauge, vec![number(&[], value)])
}

fn number(labels: &[(&'static str, &str)], value: f64) -> Sample {
    let labels = labels.iter().map(|(key, value)| (*key, shortened(value))).collect();
    Sample { labels, value: Value::Number(value) }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn requests(measured: Measured) -> Vec<Family> {
    let entries = bounded(measured.entries);
    let of_each = |value: fn(&Counted) -> u64| {
        entries.iter().map(|entry| number(&labels(entry), value(entry) as f64)).collect::<Vec<_>>()
    };
    let times = entries.iter().map(|entry| Sample {
        labels: labels(entry).iter().map(|(key, value)| (*key, shortened(value))).collect(),
        value: Value::Histogram(Buckets::of(&entry.histogram, entry.total_us)),
    });
    let mut failures: Vec<Sample> = Vec::new();
    let mut others = 0;
    for (place, (method, name, text, count)) in measured.failures.iter().enumerate() {
        if place < FAILURES {
            failures.push(number(&[("method", method), ("name", name), ("error", text)], *count as f64));
        } else {
            others += count;
        }
    }
    if others > 0 {
        failures.push(number(&[("method", ""), ("name", OTHER), ("error", OTHER)], others as f64));
    }
    vec![
        family("gregaria_requests_total", "Requests, failed ones included.", Kind::Counter, of_each(|it| it.requests)),
        family("gregaria_request_failures_total", "Requests that failed.", Kind::Counter, of_each(|it| it.failures)),
        family("gregaria_response_bytes_total", "Bytes of all responses.", Kind::Counter, of_each(|it| it.bytes)),
        family("gregaria_response_time_seconds", "Response times.", Kind::Histogram, times.collect()),
        family("gregaria_failures_total", "Failed requests by what they failed of.", Kind::Counter, failures),
    ]
}

fn labels(entry: &Counted) -> [(&'static str, &str); 2] {
    [("method", &entry.method), ("name", &entry.name)]
}

/// The first names by themselves, and the rest in one.
fn bounded(mut entries: Vec<Counted>) -> Vec<Counted> {
    if entries.len() <= NAMES {
        return entries;
    }
    let rest = entries.split_off(NAMES);
    let mut other = Counted { name: Arc::from(OTHER), ..Counted::default() };
    for entry in rest {
        other.requests += entry.requests;
        other.failures += entry.failures;
        other.bytes += entry.bytes;
        other.total_us += entry.total_us;
        other.histogram.merge(&entry.histogram);
    }
    entries.push(other);
    entries
}

fn run(live: &Live) -> Vec<Family> {
    let status = &live.status;
    let users = status.users_by_class.iter().map(|(class, users)| number(&[("user_class", class)], *users as f64));
    let states = STATES.iter().map(|state| number(&[("state", state)], f64::from(u8::from(status.state == *state))));
    let exceptions: u64 = live.exceptions.iter().map(|row| row.count).sum();
    let thresholds = status.thresholds.iter().map(|threshold| {
        let holds = match threshold.state.as_str() {
            "pass" => 1.0,
            "fail" => 0.0,
            _ => f64::NAN,
        };
        number(&[("condition", &threshold.text)], holds)
    });
    let version = number(&[("version", &live.settings.version)], 1.0);
    vec![
        family("gregaria_build_info", "The version that runs.", Kind::Gauge, vec![version]),
        family("gregaria_users", "Users that run, by class.", Kind::Gauge, users.collect()),
        gauge("gregaria_target_users", "Users that the test is heading for.", status.target_user_count as f64),
        family("gregaria_state", "1 for the state that the test is in.", Kind::Gauge, states.collect()),
        gauge("gregaria_paused", "1 while the test is paused.", f64::from(u8::from(status.paused))),
        gauge("gregaria_run", "Which test of this process it is, from 1.", f64::from(status.run)),
        gauge(
            "gregaria_start_time_seconds",
            "When the test began, since the epoch.",
            status.started.unwrap_or(f64::NAN),
        ),
        family(
            "gregaria_task_exceptions_total",
            "Exceptions that tasks raised.",
            Kind::Counter,
            vec![number(&[], exceptions as f64)],
        ),
        family("gregaria_threshold_passed", "1 if the threshold holds, 0 if not.", Kind::Gauge, thresholds.collect()),
    ]
}

fn generator(live: &Live) -> Vec<Family> {
    let generator = &live.status.generator;
    let counted = |name, help, value: u64| family(name, help, Kind::Counter, vec![number(&[], value as f64)]);
    let limited = match generator.level.as_str() {
        "limit" => 2.0,
        "warning" => 1.0,
        _ => 0.0,
    };
    vec![
        gauge(
            "gregaria_generator_limited",
            "Whether the generator holds the test back: 0 no, 1 a little, 2 it is the limit.",
            limited,
        ),
        gauge("gregaria_generator_cpu_ratio", "Cores that the generator uses.", generator.cpu_percent / 100.0),
        gauge("gregaria_generator_memory_bytes", "Memory of the generator.", generator.memory_bytes as f64),
        gauge("gregaria_generator_in_flight", "Requests without an answer yet.", generator.in_flight as f64),
        gauge(
            "gregaria_generator_answer_wait_seconds",
            "How long answers of the last seconds waited for Python, on average.",
            generator.wait_ms / 1e3,
        ),
        gauge(
            "gregaria_generator_answer_wait_max_seconds",
            "The longest wait of an answer for Python.",
            generator.wait_max_ms / 1e3,
        ),
        gauge(
            "gregaria_generator_late_answers_ratio",
            "Share of the last seconds' answers that waited longer than 50 ms.",
            generator.late_share,
        ),
        counted("gregaria_generator_requests_started_total", "Requests handed to the network.", generator.started),
        counted("gregaria_generator_requests_completed_total", "Requests that have ended.", generator.completed),
        counted("gregaria_generator_requests_aborted_total", "Requests cut off with their user.", generator.aborted),
    ]
}

fn workers(live: &Live) -> Vec<Family> {
    if !live.status.is_distributed {
        return Vec::new();
    }
    let of_each = |value: fn(&Worker) -> f64| {
        live.status.workers.iter().map(|worker| number(&[("worker", &worker.id)], value(worker))).collect::<Vec<_>>()
    };
    let info =
        live.status.workers.iter().map(|worker| number(&[("worker", &worker.id), ("state", &worker.state)], 1.0));
    let late = live.status.workers.iter().filter_map(|worker| Some((worker, worker.lag_ms?)));
    let late = late.map(|(worker, ms)| number(&[("worker", &worker.id)], ms / 1_000.0));
    vec![
        family("gregaria_worker_lag_seconds", "How late its own loop is.", Kind::Gauge, late.collect()),
        family("gregaria_worker_info", "A worker and its state.", Kind::Gauge, info.collect()),
        family("gregaria_worker_users", "Users on a worker.", Kind::Gauge, of_each(|worker| worker.user_count as f64)),
        family(
            "gregaria_worker_cpu_ratio",
            "Cores that a worker uses.",
            Kind::Gauge,
            of_each(|it| it.cpu_usage / 100.0),
        ),
        family("gregaria_worker_memory_bytes", "Its memory.", Kind::Gauge, of_each(|it| it.memory_usage as f64)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::settings;
    use gregaria_stats::histogram::Bucket;

    fn counted(name: &str) -> Counted {
        let mut entry = Counted { method: "GET".into(), name: name.into(), requests: 2, ..Counted::default() };
        entry.histogram.record(Bucket::of(1_000));
        entry
    }

    fn sum(families: &[Family], name: &str) -> f64 {
        let family = families.iter().find(|family| family.name == name).unwrap();
        let value = |sample: &Sample| match &sample.value {
            Value::Number(value) => *value,
            Value::Histogram(buckets) => buckets.count as f64,
        };
        family.samples.iter().map(value).sum()
    }

    #[test]
    fn names_and_failures_are_bounded_and_nothing_is_lost() {
        let entries = (0..NAMES + 50).map(|number| counted(&format!("/{number}"))).collect();
        let failure = |number: usize| ("GET".into(), "/".into(), Arc::from(format!("E({number})")), 3);
        let failures = (0..FAILURES + 7).map(failure).collect();
        let families = families(&Live::new(settings()), Measured { entries, failures });
        assert_eq!(families[0].samples.len(), NAMES + 1);
        assert_eq!(families[0].samples[NAMES].labels[1], ("name", OTHER.to_owned()));
        assert_eq!(sum(&families, "gregaria_requests_total"), 2.0 * (NAMES + 50) as f64);
        assert_eq!(sum(&families, "gregaria_response_time_seconds"), (NAMES + 50) as f64);
        assert_eq!(sum(&families, "gregaria_failures_total"), 3.0 * (FAILURES + 7) as f64);
    }

    #[test]
    fn the_state_is_one_of_all() {
        let mut live = Live::new(settings());
        live.status.state = "running".into();
        live.status.users_by_class = vec![("Shop".into(), 3)];
        let families = families(&live, Measured::default());
        assert_eq!(sum(&families, "gregaria_state"), 1.0);
        assert_eq!(sum(&families, "gregaria_users"), 3.0);
        let mut names: Vec<_> = families.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), families.len());
        assert!(families.iter().all(|it| (it.kind == Kind::Counter) == it.name.ends_with("_total")));
    }

    #[test]
    fn long_labels_are_cut_between_characters() {
        assert_eq!(shortened(&"ä".repeat(LABEL)), "ä".repeat(LABEL));
        assert_eq!(shortened(&"ä".repeat(LABEL + 1)), "ä".repeat(LABEL) + "…");
    }
}
