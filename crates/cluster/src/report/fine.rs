//! Statistics between our own nodes: everything that was counted, in microseconds and fine buckets, so that the figures of
//! a distributed run are those of one process. Compact: positions and counts as varints, the whole of it compressed.
//! Phases are rounded to three per cent, their totals are exact.

use std::sync::Arc;

use gregaria_stats::entry::Parts;
use gregaria_stats::histogram::Bucket;
use gregaria_stats::phases::{Phase, PhaseTimes, Phases};
use gregaria_stats::{Entry, ErrorRecord, Histogram, Taken};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Past any clock; a peer that says more is not believed.
pub(super) const LATEST_SECOND: i64 = 1 << 40;
/// The largest report, unpacked.
const MOST_BYTES: usize = 64 << 20;
const COMPRESSION_LEVEL: i32 = 1;
/// Significant bits that are kept of a phase's times.
const PHASE_BITS: u32 = 5;
/// More than anybody can measure at once; a peer that says more is not believed.
pub(super) const MOST_SAMPLES: u64 = 1 << 40;

/// Why a report could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a report of our own kind that is broken")]
    Msgpack(#[from] rmp_serde::decode::Error),
    #[error("a report of our own kind with a broken histogram")]
    Histogram,
    #[error("a report of our own kind that cannot be unpacked")]
    Compression(#[from] std::io::Error),
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
    phases: Option<FinePhases>,
}

#[derive(Serialize, Deserialize)]
struct FinePhases {
    /// A histogram, empty where the phase never took place, and the total in microseconds.
    times: Vec<(ByteBuf, u64)>,
    reused: u64,
    opened: u64,
    versions: Vec<u64>,
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
    let plain = rmp_serde::to_vec(&report).expect("numbers, texts and bytes can always be written");
    zstd::bulk::compress(&plain, COMPRESSION_LEVEL).expect("memory is all that it takes")
}

/// What was sent.
///
/// # Errors
/// The bytes are not what `encode` makes.
pub fn decode(bytes: &[u8]) -> Result<Taken, Error> {
    let report: FineReport = rmp_serde::from_slice(&zstd::bulk::decompress(bytes, MOST_BYTES)?)?;
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
            histogram: ByteBuf::from(write_histogram(entry.histogram(), u64::BITS)),
            phases: entry.phases().map(FinePhases::of),
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
        let mut entry = Entry::from_parts(Arc::from(self.method), Arc::from(self.name), parts);
        if let Some(phases) = self.phases {
            entry.set_phases(phases.into_phases().ok_or(Error::Histogram)?);
        }
        Ok(entry)
    }
}

impl FinePhases {
    fn of(phases: &Phases) -> Self {
        let time = |phase| {
            let times = phases.times(phase);
            (ByteBuf::from(write_histogram(&times.histogram, PHASE_BITS)), times.total_us)
        };
        let versions = phases.versions.to_vec();
        Self { times: Phase::ALL.map(time).to_vec(), reused: phases.reused, opened: phases.opened, versions }
    }

    fn into_phases(self) -> Option<Phases> {
        let times: Option<Vec<_>> = self
            .times
            .iter()
            .map(|(histogram, total_us)| {
                Some(PhaseTimes { histogram: read_histogram(histogram)?, total_us: *total_us })
            })
            .collect();
        let times = times?.try_into().ok()?;
        Some(Phases::from_parts(times, (self.reused, self.opened), self.versions.try_into().ok()?))
    }
}

/// Values are rounded to the middle of what so many significant bits tell apart.
fn write_histogram(histogram: &Histogram, bits: u32) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::new(), 0);
    let mut pending: Option<(u64, u64)> = None;
    let mut write = |(value, amount): (u64, u64)| {
        write_varint(&mut bytes, value - before);
        write_varint(&mut bytes, amount);
        before = value;
    };
    for (bucket, amount) in histogram.buckets() {
        let exact = bucket.value_us();
        let dropped = (u64::BITS - exact.leading_zeros()).saturating_sub(bits);
        let value = (exact >> dropped << dropped) | (1 << dropped) >> 1;
        match &mut pending {
            Some((last, sum)) if *last == value => *sum += amount,
            _ => pending.replace((value, amount)).into_iter().for_each(&mut write),
        }
    }
    pending.into_iter().for_each(write);
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
    use gregaria_stats::phases::PhaseSample;
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
    fn phases_arrive_rounded_with_exact_totals() {
        let mut stats = Stats::new(0.0);
        let id = stats.entry("GET", "/", 0.0);
        for us in [1_000, 1_001, 1_234_567] {
            let mut phases = PhaseSample::default();
            (phases.opened, phases.version) = (1, 20);
            phases.set(Phase::Wait, us);
            stats.record(id, 1.0, Some(us), 1);
            stats.record_phases(id, &phases);
        }
        let arrived = decode(&encode(&stats.take(2.0))).unwrap();
        let phases = arrived.entries[0].phases().unwrap();
        assert_eq!((phases.opened, phases.reused, phases.versions), (3, 0, [0, 0, 3, 0]));
        let wait = phases.times(Phase::Wait);
        assert_eq!((wait.total_us, wait.histogram.len()), (1_236_568, 3));
        let longest = wait.histogram.percentile(1.0).unwrap() as f64;
        assert!((longest / 1_234_567.0 - 1.0).abs() < 0.04, "{longest}");
        assert_eq!(phases.times(Phase::Tls).histogram.len(), 0);
        assert!(arrived.total.unwrap().phases().is_some());
    }

    #[test]
    fn a_hundred_busy_names_fit_into_twenty_kilobytes() {
        let mut stats = Stats::new(0.0);
        let mut state = 1_u64;
        for name in 0..100 {
            let id = stats.entry("GET", &format!("/api/v1/things/{name}"), 0.0);
            for sample in 0..30 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let us = 2_000 + (state >> 33) % 40_000;
                stats.record(id, f64::from(sample) / 10.0, Some(us), 500);
                let mut phases = PhaseSample::default();
                (phases.reused, phases.version) = (1, 11);
                for (phase, us) in [
                    (Phase::Blocked, 20 + (state >> 40) % 200),
                    (Phase::Send, 10 + (state >> 45) % 30),
                    (Phase::Wait, us - 100),
                    (Phase::Receive, 5 + (state >> 50) % 50),
                ] {
                    phases.set(phase, us);
                }
                stats.record_phases(id, &phases);
            }
        }
        let bytes = encode(&stats.take(3.0)).len();
        assert!(bytes <= 20 << 10, "{bytes} bytes");
    }
}
