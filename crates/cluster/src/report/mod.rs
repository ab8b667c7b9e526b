//! Statistics on their way from a worker to its master. Pure.

pub mod fine;
mod merging;
pub mod plain;

use std::collections::BTreeMap;

use gregaria_stats::{ErrorRecord, Stats, Taken};
use rmpv::Value;
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::master::OURS;
use crate::message::{Error, map};
use fine::believable;
pub use fine::{FineReport, Unpacker};
use merging::Merging;
pub use plain::{Number, PlainEntry, PlainError, PlainReport};

/// What a worker has counted, as it came.
#[derive(Debug)]
pub enum Counted<'a> {
    Plain(Taken),
    Fine(FineReport<'a>),
}

impl Counted<'_> {
    /// Move everything that has a time by so many seconds: from another clock to this one.
    pub fn shift(&mut self, seconds: f64) {
        match self {
            Self::Plain(taken) => taken.shift(seconds),
            Self::Fine(report) => report.shift(seconds),
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Plain(taken) => taken.is_empty(),
            Self::Fine(report) => report.is_empty(),
        }
    }

    /// Note which worker this is from, where that is kept.
    pub fn came_from(&mut self, worker: &str) {
        if let Self::Fine(report) = self {
            report.came_from(worker);
        }
    }

    /// Add everything to these statistics.
    pub fn merge_into(&self, stats: &mut Stats, now: f64) {
        self.merge_in_pieces(now, |piece| piece(stats));
    }

    /// Add everything to statistics that others want meanwhile: `hold` locks them, calls its argument, and lets others have
    /// them before it returns. What is left when everything goes back to zero meanwhile is dropped too.
    pub fn merge_in_pieces(&self, now: f64, hold: impl FnMut(&mut dyn FnMut(&mut Stats))) {
        let mut merging = Merging::new(now, hold);
        match self {
            Self::Plain(taken) => merging.all_of(taken),
            Self::Fine(report) => report.merge(&mut merging),
        }
    }
}

/// A worker's report as its master reads it.
#[derive(Debug)]
pub struct Report<'a> {
    pub counted: Counted<'a>,
    /// Users that run on the worker, by class.
    pub users: Vec<(String, u64)>,
    /// The number of a report of one of our own nodes.
    pub number: Option<u64>,
    /// The run that one of our own nodes measured this in, if it knows.
    pub run: Option<u64>,
    /// How the engine of one of our own nodes has been doing, by figure.
    pub health: BTreeMap<String, f64>,
    /// The clock of one of our own nodes when it wrote this, in seconds since the epoch.
    pub now: Option<f64>,
}

impl<'a> Report<'a> {
    /// Read the `stats` message with these bytes; `unpacker` holds what is inside one of our own nodes'.
    ///
    /// # Errors
    /// It is none, or something is missing in it.
    pub fn decode(bytes: &[u8], unpacker: &'a mut Unpacker) -> Result<Self, Error> {
        let message: Result<(IgnoredAny, PlainReport<'_>, IgnoredAny), _> = rmp_serde::from_slice(bytes);
        let (_, report, _) = message.map_err(|source| Error::Data { kind: "stats".to_owned(), source })?;
        let users = report.user_classes_count.iter().map(|(name, count)| (name.clone(), count.whole())).collect();
        let number = report.gregaria.as_ref().map(|ours| ours.number);
        let now = report.gregaria.as_ref().and_then(|ours| ours.now);
        let run = report.gregaria.as_ref().and_then(|ours| ours.run);
        let (counted, health) = match report.gregaria {
            Some(ours) => (Counted::Fine(unpacker.unpack(ours.fine)?), ours.health),
            None => (Counted::Plain(plain_taken(report)), BTreeMap::new()),
        };
        Ok(Self { counted, users, number, run, health, now })
    }
}

fn plain_taken(report: PlainReport<'_>) -> Taken {
    let total = report.stats_total.into_entry();
    let errors = report.errors.into_values().map(|error| ErrorRecord {
        method: error.method.unwrap_or_default().into(),
        name: error.name.into(),
        text: error.error.into(),
        occurrences: error.occurrences.whole(),
        first_seen: error.first_seen.map(believable),
        last_seen: error.last_seen.map(believable),
    });
    Taken {
        entries: report.stats.into_iter().map(PlainEntry::into_entry).collect(),
        total: (total.num_requests() > 0 || total.num_failures() > 0).then_some(total),
        errors: errors.collect(),
        samples: Vec::new(),
    }
}

/// The part of a report in Locust's form that is about statistics; `keys` are those of the failures, in their order.
///
/// # Panics
/// Never: numbers, texts and maps can always be put into values.
pub fn plain_fields(taken: &Taken, keys: &[String], now: f64) -> Vec<(Value, Value)> {
    let value = |entry: &PlainEntry| named(entry);
    let nothing = || PlainEntry {
        name: "Aggregated".to_owned(),
        method: Some(String::new()),
        start_time: Number(now),
        ..PlainEntry::default()
    };
    let total = taken.total.as_ref().map_or_else(nothing, PlainEntry::of);
    let errors = taken.errors.iter().zip(keys).map(|(record, key)| {
        let error = PlainError {
            name: record.name.to_string(),
            method: Some(record.method.to_string()),
            error: record.text.to_string(),
            occurrences: Number(record.occurrences as f64),
            first_seen: record.first_seen,
            last_seen: record.last_seen,
        };
        (key.as_str().into(), named(&error))
    });
    vec![
        ("stats".into(), taken.entries.iter().map(|entry| value(&PlainEntry::of(entry))).collect::<Vec<_>>().into()),
        ("stats_total".into(), value(&total)),
        ("errors".into(), Value::Map(errors.collect())),
    ]
}

/// A value whose fields have their names: peers look them up.
fn named(thing: &impl Serialize) -> Value {
    let bytes = rmp_serde::to_vec_named(thing).expect("numbers, texts and maps can always be written");
    rmpv::decode::read_value(&mut &bytes[..]).expect("what was just written")
}

/// The part of a report that only our own nodes read.
pub fn fine_field(taken: &Taken, number: u64, run: Option<u64>, health: &[(String, f64)], now: f64) -> (Value, Value) {
    let health = health.iter().map(|(name, figure)| (name.as_str().into(), (*figure).into())).collect();
    let fine = Value::Binary(fine::encode(taken));
    let run = run.map_or(Value::Nil, Value::from);
    let health = Value::Map(health);
    let ours = [("number", number.into()), ("fine", fine), ("health", health), ("now", now.into()), ("run", run)];
    (OURS.into(), map(ours))
}

/// The part of a report about users.
pub fn user_fields(users: &[(String, u64)]) -> Vec<(Value, Value)> {
    let count = users.iter().map(|(_, count)| count).sum::<u64>();
    let by_class = users.iter().map(|(name, count)| (name.as_str().into(), (*count).into()));
    vec![("user_classes_count".into(), Value::Map(by_class.collect())), ("user_count".into(), count.into())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use gregaria_stats::Stats;

    fn message(taken: &Taken) -> Vec<u8> {
        let mut fields = plain_fields(taken, &vec!["key".to_owned(); taken.errors.len()], 102.0);
        fields.extend(user_fields(&[("Visitor".to_owned(), 3)]));
        fields.push(("of a listener".into(), "anything".into()));
        Message::new("stats", Value::Map(fields), "host_1").encode()
    }

    fn taken_from(report: &Report<'_>) -> Taken {
        let mut stats = Stats::new(100.0);
        report.counted.merge_into(&mut stats, 100.0);
        stats.take(105.0)
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
        let taken = stats.take(102.0);
        let bytes = message(&taken);
        let sent = Message::decode(&bytes).unwrap();
        let total = sent.field("stats_total").and_then(|total| crate::message::field(total, "num_requests"));
        assert_eq!(total.and_then(Value::as_u64), Some(5), "fields have names");
        let mut unpacker = Unpacker::default();
        let report = Report::decode(&bytes, &mut unpacker).unwrap();
        let [entry] = &taken_from(&report).entries[..] else { panic!("one entry was sent") };
        assert_eq!((entry.num_requests(), entry.num_none_requests(), entry.num_failures()), (5, 1, 1));
        assert_eq!(entry.response_times_ms(), [(1, 1), (2, 1), (40, 1), (300, 1)]);
        assert_eq!(entry.per_second().at(101), (5, 1));
        assert_eq!(entry.total_response_time_us(), 343_000);
        assert_eq!(report.users, [("Visitor".to_owned(), 3)]);
    }

    #[test]
    fn one_of_ours_says_everything_in_the_fine_form() {
        let mut stats = Stats::new(100.0);
        let id = stats.entry("GET", "/", 100.0);
        stats.record(id, 101.0, Some(1_234), 10);
        stats.record_failure(id, 101.0, "E()");
        let taken = stats.take(102.0);
        let mut fields = plain_fields(&Taken::default(), &[], 102.0);
        fields.extend(user_fields(&[]));
        fields.push(fine_field(&taken, 9, Some(4), &[("completed".to_owned(), 1.0)], 102.5));
        let bytes = Message::new("stats", Value::Map(fields), "host_1").encode();
        let mut unpacker = Unpacker::default();
        let report = Report::decode(&bytes, &mut unpacker).unwrap();
        assert_eq!((report.number, report.health.get("completed"), report.now), (Some(9), Some(&1.0), Some(102.5)));
        assert_eq!(report.run, Some(4));
        let arrived = taken_from(&report);
        assert_eq!(arrived.entries[0].response_times_us(), [(1_234, 1)]);
        assert_eq!(arrived.errors, taken.errors);
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
        let bytes = Message::new("stats", data, "host_1").encode();
        let mut unpacker = Unpacker::default();
        let arrived = taken_from(&Report::decode(&bytes, &mut unpacker).unwrap());
        assert_eq!(arrived.total.map(|total| total.num_requests()), Some(2));
        assert_eq!(arrived.errors[0].occurrences, 2);
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
            let bytes = Message::new("stats", data, "host_1").encode();
            assert!(Report::decode(&bytes, &mut Unpacker::default()).is_err());
        }
    }
}
