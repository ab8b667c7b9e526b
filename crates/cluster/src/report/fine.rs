//! Statistics between our own nodes: everything that was counted, in microseconds and fine buckets, so that the figures of
//! a distributed run are those of one process. Compact: positions and counts as varints.

use std::sync::Arc;

use gregaria_stats::entry::Parts;
use gregaria_stats::histogram::Bucket;
use gregaria_stats::{Entry, ErrorRecord, Histogram, Taken};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Past any clock; a peer that says more is not believed.
pub(super) const LATEST_SECOND: i64 = 1 << 40;
/// More than anybody can measure at once; a peer that says more is not believed.
pub(super) const MOST_SAMPLES: u64 = 1 << 40;

/// Why a report could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a report of our own kind that is broken")]
    Msgpack(#[from] rmp_serde::decode::Error),
    #[error("a report of our own kind with a broken histogram")]
    Histogram,
}

#[derive(Serialize, Deserialize)]
struct FineEntry {
    name: String,
    method: String,
    start_time: f64,
    last_request_timestamp: Option<f64>,
    num_requests: u64,
    num_none_requests: u64,
    num_failures: u64,
    total_response_time_us: u64,
    min_response_time_us: Option<u64>,
    max_response_time_us: u64,
    total_content_length: u64,
    /// Seconds since the second before, requests, failures.
    per_second: Vec<(i64, u32, u32)>,
    histogram: ByteBuf,
}

#[derive(Serialize, Deserialize)]
struct FineError {
    name: String,
    method: String,
    text: String,
    occurrences: u64,
    first_seen: Option<f64>,
    last_seen: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct FineReport {
    entries: Vec<FineEntry>,
    total: Option<FineEntry>,
    errors: Vec<FineError>,
}

/// The travelling form.
///
/// # Panics
/// Never: everything in it can be written.
pub fn encode(taken: &Taken) -> Vec<u8> {
    let errors = taken.errors.iter().map(|record| FineError {
        name: record.name.to_string(),
        method: record.method.to_string(),
        text: record.text.to_string(),
        occurrences: record.occurrences,
        first_seen: record.first_seen,
        last_seen: record.last_seen,
    });
    let report = FineReport {
        entries: taken.entries.iter().map(FineEntry::of).collect(),
        total: taken.total.as_ref().map(FineEntry::of),
        errors: errors.collect(),
    };
    rmp_serde::to_vec(&report).expect("numbers, texts and bytes can always be written")
}

/// What was sent.
///
/// # Errors
/// The bytes are not what `encode` makes.
pub fn decode(bytes: &[u8]) -> Result<Taken, Error> {
    let report: FineReport = rmp_serde::from_slice(bytes)?;
    let errors = report.errors.into_iter().map(|error| ErrorRecord {
        method: error.method.into(),
        name: error.name.into(),
        text: error.text.into(),
        occurrences: error.occurrences,
        first_seen: error.first_seen,
        last_seen: error.last_seen,
    });
    Ok(Taken {
        entries: report.entries.into_iter().map(FineEntry::into_entry).collect::<Result<_, _>>()?,
        total: report.total.map(FineEntry::into_entry).transpose()?,
        errors: errors.collect(),
    })
}

impl FineEntry {
    fn of(entry: &Entry) -> Self {
        let mut before = 0;
        let per_second = entry.per_second().seconds().map(|(second, requests, failures)| {
            let step = second - before;
            before = second;
            (step, requests, failures)
        });
        Self {
            name: entry.name().to_string(),
            method: entry.method().to_string(),
            start_time: entry.start_time(),
            last_request_timestamp: entry.last_request_timestamp(),
            num_requests: entry.num_requests(),
            num_none_requests: entry.num_none_requests(),
            num_failures: entry.num_failures(),
            total_response_time_us: entry.total_response_time_us(),
            min_response_time_us: entry.min_response_time_us(),
            max_response_time_us: entry.max_response_time_us().unwrap_or(0),
            total_content_length: entry.total_content_length(),
            per_second: per_second.collect(),
            histogram: ByteBuf::from(write_histogram(entry.histogram())),
        }
    }

    fn into_entry(self) -> Result<Entry, Error> {
        let mut second = 0_i64;
        let per_second = self.per_second.into_iter().map(|(step, requests, failures)| {
            second = second.saturating_add(step).clamp(0, LATEST_SECOND);
            (second, requests, failures)
        });
        let parts = Parts {
            num_requests: self.num_requests,
            num_none_requests: self.num_none_requests,
            num_failures: self.num_failures,
            total_response_time_us: self.total_response_time_us,
            min_response_time_us: self.min_response_time_us,
            max_response_time_us: self.max_response_time_us,
            total_content_length: self.total_content_length,
            start_time: self.start_time,
            last_request_timestamp: self.last_request_timestamp,
            per_second: per_second.collect(),
            histogram: read_histogram(&self.histogram).ok_or(Error::Histogram)?,
        };
        Ok(Entry::from_parts(Arc::from(self.method), Arc::from(self.name), parts))
    }
}

fn write_histogram(histogram: &Histogram) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::new(), 0);
    for (bucket, amount) in histogram.buckets() {
        let value = bucket.value_us();
        write_varint(&mut bytes, value - before);
        write_varint(&mut bytes, amount);
        before = value;
    }
    bytes
}

fn read_histogram(mut bytes: &[u8]) -> Option<Histogram> {
    let (mut histogram, mut value) = (Histogram::new(), 0_u64);
    while !bytes.is_empty() {
        value = value.checked_add(read_varint(&mut bytes)?)?;
        histogram.record_many(Bucket::of(value), read_varint(&mut bytes)?.min(MOST_SAMPLES));
    }
    Some(histogram)
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use gregaria_stats::Stats;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_that_was_counted_arrives(
            samples in prop::collection::vec((0_u8..4, 0_u64..2_000_000_000, 0_u64..9_999, any::<bool>()), 0..60),
        ) {
            let mut worker = Stats::new(1_000.0);
            for (at, (name, us, length, failed)) in samples.iter().enumerate() {
                let now = 1_000.0 + at as f64 / 4.0;
                let id = worker.entry("GET", &format!("/{name}"), now);
                worker.record(id, now, Some(*us), *length);
                if *failed {
                    worker.record_failure(id, now, "E()");
                }
            }
            let taken = worker.take(1_100.0);
            let arrived = decode(&encode(&taken)).unwrap();
            prop_assert_eq!(&arrived.errors, &taken.errors);
            for (arrived, taken) in arrived.entries.iter().chain(&arrived.total).zip(taken.entries.iter().chain(&taken.total)) {
                prop_assert_eq!(arrived.response_times_us(), taken.response_times_us());
                prop_assert_eq!(arrived.per_second().seconds().collect::<Vec<_>>(), taken.per_second().seconds().collect::<Vec<_>>());
                prop_assert_eq!(
                    (arrived.num_requests(), arrived.num_failures(), arrived.total_content_length(), arrived.total_response_time_us()),
                    (taken.num_requests(), taken.num_failures(), taken.total_content_length(), taken.total_response_time_us())
                );
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..500, byte: u8) {
            decode(&bytes).ok();
            read_histogram(&bytes);
            let mut stats = Stats::new(0.0);
            let id = stats.entry("GET", "/", 0.0);
            stats.record(id, 1.0, Some(1_234_567), 1);
            stats.record_failure(id, 1.0, "E()");
            let mut encoded = encode(&stats.take(2.0));
            let length = encoded.len();
            encoded[at % length] = byte;
            decode(&encoded).ok();
        }
    }

    #[test]
    fn a_hundred_busy_names_fit_into_twenty_kilobytes() {
        let mut stats = Stats::new(0.0);
        let mut state = 1_u64;
        for name in 0..100 {
            let id = stats.entry("GET", &format!("/api/v1/things/{name}"), 0.0);
            for sample in 0..30 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                stats.record(id, f64::from(sample) / 10.0, Some(2_000 + state % 40_000), 500);
            }
        }
        let bytes = encode(&stats.take(3.0)).len();
        assert!(bytes <= 20 << 10, "{bytes} bytes");
    }
}
