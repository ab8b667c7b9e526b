//! Statistics in Locust's form: differences since the last report, in milliseconds and coarse buckets.
//! For peers that are Locust's; between our own nodes `fine` goes with it or instead.

use std::collections::BTreeMap;

use gregaria_stats::entry::Parts;
use gregaria_stats::histogram::Bucket;
use gregaria_stats::{Entry, Figures, Histogram};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fine::{LATEST_SECOND, MOST_SAMPLES, believable};

/// A number of milliseconds or bytes, which peers send as a float or as an integer.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 as i64 {
            whole if whole as f64 == self.0 => serializer.serialize_i64(whole),
            _ => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Number;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a number")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

impl Number {
    pub(super) fn microseconds(self) -> u64 {
        (self.0 * 1_000.0).round().max(0.0) as u64
    }

    pub(super) fn whole(self) -> u64 {
        self.0.max(0.0) as u64
    }
}

impl PartialEq<f64> for Number {
    fn eq(&self, other: &f64) -> bool {
        self.0 == *other
    }
}

/// One entry, as it travels. Only the name must be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlainEntry {
    pub name: String,
    pub method: Option<String>,
    pub last_request_timestamp: Option<Number>,
    pub start_time: Number,
    pub num_requests: Number,
    pub num_none_requests: Number,
    pub num_failures: Number,
    pub total_response_time: Number,
    pub max_response_time: Number,
    pub min_response_time: Option<Number>,
    pub total_content_length: Number,
    pub response_times: Pairs,
    pub num_reqs_per_sec: Pairs,
    pub num_fail_per_sec: Pairs,
}

/// A map from numbers to numbers, kept as pairs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairs(pub Vec<(Number, Number)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Maps;
        impl<'de> Visitor<'de> for Maps {
            type Value = Pairs;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a map of numbers")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Pairs, E> {
                Ok(Pairs::default())
            }
        }
        deserializer.deserialize_any(Maps)
    }
}

/// One kind of failure, as it travels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlainError {
    pub name: String,
    pub method: Option<String>,
    pub error: String,
    pub occurrences: Number,
    pub first_seen: Option<f64>,
    pub last_seen: Option<f64>,
}

/// What a `stats` message is about. Other keys, put there by listeners, are theirs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PlainReport<'a> {
    pub stats: Vec<PlainEntry>,
    pub stats_total: PlainEntry,
    pub errors: BTreeMap<String, PlainError>,
    pub user_classes_count: BTreeMap<String, Number>,
    /// What one of our own nodes adds.
    #[serde(default, borrow)]
    pub gregaria: Option<Additions<'a>>,
}

/// The addition of our own nodes to a report.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Additions<'a> {
    /// Counts up with every report of a worker.
    pub number: u64,
    /// See `fine`.
    #[serde(with = "serde_bytes")]
    pub fine: &'a [u8],
    /// How the worker's engine has been doing since it began, by figure.
    #[serde(default)]
    pub health: BTreeMap<String, f64>,
    /// The worker's clock when it wrote this, in seconds since the epoch.
    #[serde(default)]
    pub now: Option<f64>,
    /// The run that this was measured in, as the master calls it.
    #[serde(default)]
    pub run: Option<u64>,
}

fn pairs(counts: impl Iterator<Item = (i64, u64)>) -> Pairs {
    Pairs(
        counts
            .filter(|(_, amount)| *amount > 0)
            .map(|(key, amount)| (Number(key as f64), Number(amount as f64)))
            .collect(),
    )
}

impl PlainEntry {
    /// The travelling form of an entry.
    pub fn of(entry: &Entry) -> Self {
        let ms = |us: u64| Number(us as f64 / 1_000.0);
        let seconds = || entry.per_second().seconds();
        Self {
            name: entry.name().to_string(),
            method: Some(entry.method().to_string()),
            last_request_timestamp: entry.last_request_timestamp().map(Number),
            start_time: Number(entry.start_time()),
            num_requests: Number(entry.num_requests() as f64),
            num_none_requests: Number(entry.num_none_requests() as f64),
            num_failures: Number(entry.num_failures() as f64),
            total_response_time: ms(entry.total_response_time_us()),
            max_response_time: ms(entry.max_response_time_us().unwrap_or(0)),
            min_response_time: entry.min_response_time_us().map(ms),
            total_content_length: Number(entry.total_content_length() as f64),
            response_times: pairs(entry.response_times_ms().into_iter().map(|(ms, amount)| (ms as i64, amount))),
            num_reqs_per_sec: pairs(seconds().map(|(second, requests, _)| (second, requests.into()))),
            num_fail_per_sec: pairs(seconds().map(|(second, _, failures)| (second, failures.into()))),
        }
    }

    /// The entry that a travelling form stands for.
    pub fn into_entry(self) -> Entry {
        let mut histogram = Histogram::new();
        for (ms, amount) in &self.response_times.0 {
            histogram.record_many(Bucket::of(ms.microseconds()), amount.whole().min(MOST_SAMPLES));
        }
        let count = |number: Number| u32::try_from(number.whole()).unwrap_or(u32::MAX);
        let second = |number: &Number| (number.0 as i64).clamp(0, LATEST_SECOND);
        let requests = self.num_reqs_per_sec.0.iter().map(|(at, amount)| (second(at), count(*amount), 0));
        let failures = self.num_fail_per_sec.0.iter().map(|(at, amount)| (second(at), 0, count(*amount)));
        let parts = Parts {
            figures: Figures {
                num_requests: self.num_requests.whole(),
                num_none_requests: self.num_none_requests.whole(),
                num_failures: self.num_failures.whole(),
                total_response_time_us: self.total_response_time.microseconds(),
                min_response_time_us: self.min_response_time.map(Number::microseconds),
                max_response_time_us: self.max_response_time.microseconds(),
                total_content_length: self.total_content_length.whole(),
                start_time: believable(self.start_time.0),
                last_request_timestamp: self.last_request_timestamp.map(|at| believable(at.0)),
            },
            per_second: requests.chain(failures).collect(),
            histogram,
        };
        Entry::from_parts(self.method.unwrap_or_default().into(), self.name.into(), parts)
    }
}
