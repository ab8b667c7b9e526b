//! Statistics on their way from a worker to its master. Pure.

pub mod plain;

use gregaria_stats::{ErrorRecord, Taken};
use serde::de::IgnoredAny;

use crate::message::Error;
pub use plain::{Number, PlainEntry, PlainError, PlainReport};

/// A worker's report as its master reads it.
#[derive(Debug, Clone)]
pub struct Report {
    pub taken: Taken,
    /// Users that run on the worker, by class.
    pub users: Vec<(String, u64)>,
}

impl Report {
    /// Read the `stats` message with these bytes.
    ///
    /// # Errors
    /// It is none, or something is missing in it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let message: Result<(IgnoredAny, PlainReport, IgnoredAny), _> = rmp_serde::from_slice(bytes);
        let (_, report, _) = message.map_err(|source| Error::Data { kind: "stats".to_owned(), source })?;
        Ok(report.into())
    }
}

impl From<PlainReport> for Report {
    fn from(report: PlainReport) -> Self {
        let total = report.stats_total.into_entry();
        let total = (total.num_requests() > 0 || total.num_failures() > 0).then_some(total);
        let errors = report.errors.into_values().map(|error| ErrorRecord {
            method: error.method.unwrap_or_default().into(),
            name: error.name.into(),
            text: error.error.into(),
            occurrences: error.occurrences.whole(),
            first_seen: error.first_seen,
            last_seen: error.last_seen,
        });
        let users = report.user_classes_count.into_iter().map(|(name, count)| (name, count.whole()));
        Self {
            taken: Taken {
                entries: report.stats.into_iter().map(PlainEntry::into_entry).collect(),
                total,
                errors: errors.collect(),
            },
            users: users.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, map};
    use gregaria_stats::Stats;
    use rmpv::Value;

    fn value_of(entry: &PlainEntry) -> Value {
        let bytes = rmp_serde::to_vec_named(entry).unwrap();
        rmpv::decode::read_value(&mut &bytes[..]).unwrap()
    }

    fn message(stats: &Taken) -> Vec<u8> {
        let entries = stats.entries.iter().map(|entry| value_of(&PlainEntry::of(entry))).collect();
        let total = stats
            .total
            .as_ref()
            .map_or_else(|| value_of(&PlainEntry::default()), |total| value_of(&PlainEntry::of(total)));
        let data = map([
            ("stats", Value::Array(entries)),
            ("stats_total", total),
            ("errors", Value::Map(Vec::new())),
            ("user_classes_count", map([("Visitor", 3.into())])),
            ("user_count", 3.into()),
            ("of a listener", "anything".into()),
        ]);
        Message::new("stats", data, "host_1").encode()
    }

    #[test]
    fn a_report_in_locusts_form_keeps_what_that_form_can_say() {
        let mut stats = Stats::new(100.0);
        let id = stats.entry("GET", "/", 100.0);
        for ms in [1, 2, 40, 300] {
            stats.record(id, 101.0, Some(ms * 1_000), 10);
        }
        stats.record(id, 101.0, None, 10);
        stats.record_failure(id, 101.0, "E()");
        let report = Report::decode(&message(&stats.take(102.0))).unwrap();
        let [entry] = &report.taken.entries[..] else { panic!("one entry was sent") };
        assert_eq!((entry.num_requests(), entry.num_none_requests(), entry.num_failures()), (5, 1, 1));
        assert_eq!(entry.response_times_ms(), [(1, 1), (2, 1), (40, 1), (300, 1)]);
        assert_eq!(entry.per_second().at(101), (5, 1));
        assert_eq!(entry.total_response_time_us(), 343_000);
        assert_eq!(report.users, [("Visitor".to_owned(), 3)]);
    }

    #[test]
    fn what_a_minimal_worker_sends_is_enough() {
        let entry = map([("name", "/".into()), ("method", "GET".into()), ("num_requests", 2.into())]);
        let data = map([
            ("stats", Value::Array(vec![entry.clone()])),
            ("stats_total", entry),
            ("errors", map([("key", map([("name", "/".into()), ("error", "E".into()), ("occurrences", 2.into())]))])),
            ("user_classes_count", Value::Map(Vec::new())),
        ]);
        let report = Report::decode(&Message::new("stats", data, "host_1").encode()).unwrap();
        assert_eq!(report.taken.total.map(|total| total.num_requests()), Some(2));
        assert_eq!(report.taken.errors[0].occurrences, 2);
    }

    #[test]
    fn what_is_missing_or_of_the_wrong_kind_is_an_error() {
        let broken = [
            Value::Nil,
            Value::Map(Vec::new()),
            map([
                ("stats", 1.into()),
                ("stats_total", Value::Nil),
                ("errors", Value::Nil),
                ("user_classes_count", Value::Nil),
            ]),
        ];
        for data in broken {
            assert!(Report::decode(&Message::new("stats", data, "host_1").encode()).is_err());
        }
    }
}
