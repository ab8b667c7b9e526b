//! Statistics between our own nodes: everything that was counted, in microseconds and fine buckets, so that the figures of
//! a distributed run are those of one process. Compact: places of buckets and counts as varints, the whole of it compressed.
//! Phases are rounded to three per cent, their totals are exact.

use gregaria_stats::histogram::Bucket;
use gregaria_stats::phases::{Phase, Phases, VERSIONS};
use gregaria_stats::{Entry, ErrorRecord, Exchange, Figures, Histogram, Increment, PhaseIncrement, Stats, Taken};
use serde::{Deserialize, Serialize};

use super::merging::{Counts, Merging};

/// Past any clock; a peer that says more is not believed.
pub(super) const LATEST_SECOND: i64 = 1 << 40;
/// The largest report, unpacked.
const MOST_BYTES: usize = 64 << 20;
/// An unpacker keeps no more than this for the next report.
const KEPT_BYTES: usize = 1 << 20;
const COMPRESSION_LEVEL: i32 = 1;
/// How many bytes a bucket takes, about.
const BUCKET_BYTES: usize = 2;
/// Significant bits that tell the buckets of a histogram apart.
const BITS: u32 = 11;
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
    #[error("a report of our own kind that says it has {0} bytes")]
    Size(u64),
}

/// One name, or all of them. Texts and histograms lie where the report was unpacked.
#[derive(Debug, Serialize, Deserialize)]
struct FineEntry<'a> {
    name: &'a str,
    method: &'a str,
    start_time: f64,
    last_request_timestamp: Option<f64>,
    num_requests: u64,
    num_none_requests: u64,
    num_failures: u64,
    total_response_time_us: u64,
    min_response_time_us: Option<u64>,
    max_response_time_us: u64,
    total_content_length: u64,
    /// Seconds since the second before (once read: since the epoch), requests, failures.
    per_second: Vec<(i64, u32, u32)>,
    #[serde(with = "serde_bytes")]
    histogram: &'a [u8],
    #[serde(borrow)]
    phases: Option<FinePhases<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FinePhases<'a> {
    /// A histogram, empty where the phase never took place, and the total in microseconds.
    #[serde(borrow)]
    times: [FinePhase<'a>; Phase::ALL.len()],
    reused: u64,
    opened: u64,
    versions: [u64; VERSIONS.len()],
}

#[derive(Debug, Serialize, Deserialize)]
struct FinePhase<'a>(#[serde(with = "serde_bytes")] &'a [u8], u64);

#[derive(Debug, Serialize, Deserialize)]
struct FineError<'a> {
    name: &'a str,
    method: &'a str,
    text: &'a str,
    occurrences: u64,
    first_seen: Option<f64>,
    last_seen: Option<f64>,
}

/// A report as it lies unpacked.
#[derive(Debug, Serialize, Deserialize)]
pub struct FineReport<'a> {
    #[serde(borrow)]
    entries: Vec<FineEntry<'a>>,
    total: Option<FineEntry<'a>>,
    errors: Vec<FineError<'a>>,
    #[serde(default)]
    samples: Vec<Exchange>,
}

/// The travelling form.
///
/// # Panics
/// Never: everything in it can be written.
pub fn encode(taken: &Taken) -> Vec<u8> {
    let histograms: Vec<_> = taken.entries.iter().chain(&taken.total).map(Histograms::of).collect();
    let mut entries: Vec<_> = taken
        .entries
        .iter()
        .chain(&taken.total)
        .zip(&histograms)
        .map(|(entry, wrote)| FineEntry::of(entry, wrote))
        .collect();
    let errors = taken.errors.iter().map(|record| FineError {
        name: &record.name,
        method: &record.method,
        text: &record.text,
        occurrences: record.occurrences,
        first_seen: record.first_seen,
        last_seen: record.last_seen,
    });
    let total = if taken.total.is_some() { entries.pop() } else { None };
    let report = FineReport { entries, total, errors: errors.collect(), samples: taken.samples.clone() };
    let plain = rmp_serde::to_vec(&report).expect("numbers, texts and bytes can always be written");
    zstd::bulk::compress(&plain, COMPRESSION_LEVEL).expect("memory is all that it takes")
}

/// Unpacks report after report in the same place.
pub struct Unpacker {
    decompressor: zstd::bulk::Decompressor<'static>,
    room: Vec<u8>,
}

impl Default for Unpacker {
    /// # Panics
    /// Never: memory is all that it takes.
    fn default() -> Self {
        let decompressor = zstd::bulk::Decompressor::new().expect("memory is all that it takes");
        Self { decompressor, room: Vec::new() }
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Unpacker(..)")
    }
}

impl Unpacker {
    /// What was sent: checked wholly, so that what is wrong is not half counted.
    ///
    /// # Errors
    /// The bytes are not what `encode` makes.
    pub fn unpack(&mut self, bytes: &[u8]) -> Result<FineReport<'_>, Error> {
        let size = zstd::bulk::Decompressor::upper_bound(bytes).unwrap_or(MOST_BYTES);
        if size > MOST_BYTES {
            return Err(Error::Size(size as u64));
        }
        self.room.clear();
        self.room.shrink_to(KEPT_BYTES);
        self.room.reserve(size);
        self.decompressor.decompress_to_buffer(bytes, &mut self.room)?;
        FineReport::read(&self.room)
    }
}

impl<'a> FineReport<'a> {
    fn read(plain: &'a [u8]) -> Result<Self, Error> {
        let mut report: Self = rmp_serde::from_slice(plain)?;
        report.entries.iter_mut().chain(&mut report.total).try_for_each(FineEntry::check)?;
        for error in &mut report.errors {
            error.first_seen = error.first_seen.map(believable);
            error.last_seen = error.last_seen.map(believable);
        }
        report.samples.iter_mut().for_each(|sample| sample.at = believable(sample.at));
        Ok(report)
    }

    /// Move everything that has a time by so many seconds: from another clock to this one.
    pub fn shift(&mut self, seconds: f64) {
        self.entries.iter_mut().chain(&mut self.total).for_each(|entry| entry.shift(seconds));
        for error in &mut self.errors {
            error.first_seen = error.first_seen.map(|at| at + seconds);
            error.last_seen = error.last_seen.map(|at| at + seconds);
        }
        self.samples.iter_mut().for_each(|sample| sample.at += seconds);
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.errors.is_empty()
    }

    /// Note on every sample which worker it is from.
    pub fn came_from(&mut self, worker: &str) {
        self.samples.iter_mut().for_each(|sample| sample.worker = Some(worker.to_owned()));
    }

    /// Add everything to statistics in pieces, see [`Merging`].
    pub(super) fn merge<H: FnMut(&mut dyn FnMut(&mut Stats))>(&self, merging: &mut Merging<H>) {
        merging.entries(&self.entries);
        if let Some(total) = &self.total {
            merging.total(total);
        }
        merging.errors(&self.errors, |error| ErrorRecord {
            method: error.method.into(),
            name: error.name.into(),
            text: error.text.into(),
            occurrences: error.occurrences,
            first_seen: error.first_seen,
            last_seen: error.last_seen,
        });
        merging.exchanges(&self.samples);
    }
}

impl Counts for FineEntry<'_> {
    fn key(&self) -> (&str, &str) {
        (self.method, self.name)
    }

    fn buckets(&self) -> usize {
        let phases = self.phases.iter().flat_map(|phases| &phases.times).map(|FinePhase(histogram, _)| histogram.len());
        (self.histogram.len() + phases.sum::<usize>()) / BUCKET_BYTES
    }

    fn increment(&self) -> Increment<impl Iterator<Item = (i64, u32, u32)>, impl Iterator<Item = (Bucket, u64)>> {
        let figures = Figures {
            num_requests: self.num_requests,
            num_none_requests: self.num_none_requests,
            num_failures: self.num_failures,
            total_response_time_us: self.total_response_time_us,
            min_response_time_us: self.min_response_time_us,
            max_response_time_us: self.max_response_time_us,
            total_content_length: self.total_content_length,
            start_time: self.start_time,
            last_request_timestamp: self.last_request_timestamp,
        };
        let phases = self.phases.as_ref().map(|phases| PhaseIncrement {
            times: phases
                .times
                .each_ref()
                .map(|FinePhase(histogram, total_us)| (Buckets::of(histogram, PHASE_BITS), *total_us)),
            reused: phases.reused,
            opened: phases.opened,
            versions: phases.versions,
        });
        let per_second = self.per_second.iter().copied();
        Increment { figures, per_second, times: Buckets::of(self.histogram, BITS), phases }
    }
}

/// A time that a clock can show.
pub(super) fn believable(at: f64) -> f64 {
    if at.is_nan() { 0.0 } else { at.clamp(0.0, LATEST_SECOND as f64) }
}

/// What `FineEntry` refers to while it is written.
struct Histograms {
    times: Vec<u8>,
    phases: Option<[Vec<u8>; Phase::ALL.len()]>,
}

impl Histograms {
    fn of(entry: &Entry) -> Self {
        let phases =
            |phases: &Phases| Phase::ALL.map(|phase| write_histogram(&phases.times(phase).histogram, PHASE_BITS));
        Self { times: write_histogram(entry.histogram(), BITS), phases: entry.phases().map(phases) }
    }
}

impl<'a> FineEntry<'a> {
    fn of(entry: &'a Entry, histograms: &'a Histograms) -> Self {
        let mut before = 0;
        let per_second = entry.per_second().seconds().map(|(second, requests, failures)| {
            let step = second - before;
            before = second;
            (step, requests, failures)
        });
        let phases = entry.phases().zip(histograms.phases.as_ref());
        Self {
            name: entry.name(),
            method: entry.method(),
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
            histogram: &histograms.times,
            phases: phases.map(|(phases, written)| FinePhases::of(phases, written)),
        }
    }

    fn check(&mut self) -> Result<(), Error> {
        let mut second = 0_i64;
        for (step, _, _) in &mut self.per_second {
            second = second.saturating_add(*step).clamp(0, LATEST_SECOND);
            *step = second;
        }
        self.start_time = believable(self.start_time);
        self.last_request_timestamp = self.last_request_timestamp.map(believable);
        let mut phases = self.phases.iter().flat_map(|phases| &phases.times).map(|FinePhase(histogram, _)| *histogram);
        match phases.all(|histogram| is_histogram(histogram, PHASE_BITS)) && is_histogram(self.histogram, BITS) {
            true => Ok(()),
            false => Err(Error::Histogram),
        }
    }

    fn shift(&mut self, seconds: f64) {
        self.start_time += seconds;
        self.last_request_timestamp = self.last_request_timestamp.map(|last| last + seconds);
        self.per_second.iter_mut().for_each(|(second, _, _)| *second = second.saturating_add(seconds.round() as i64));
    }
}

impl<'a> FinePhases<'a> {
    fn of(phases: &Phases, histograms: &'a [Vec<u8>; Phase::ALL.len()]) -> Self {
        let times = Phase::ALL.map(|phase| FinePhase(&histograms[phase as usize], phases.times(phase).total_us));
        Self { times, reused: phases.reused, opened: phases.opened, versions: phases.versions }
    }
}

/// The place of a value among those that so many significant bits tell apart: neighbours are one apart.
fn place_of(value: u64, bits: u32) -> u64 {
    let shift = (u64::BITS - bits).saturating_sub(value.leading_zeros());
    (u64::from(shift) << (bits - 1)) + (value >> shift)
}

/// The middle of what has this place.
#[inline]
fn value_at(place: u64, bits: u32) -> Option<u64> {
    let shift = (place >> (bits - 1)).saturating_sub(1);
    let possible = shift <= u64::from(u64::BITS - bits);
    possible.then(|| (place - (shift << (bits - 1))) << shift | (1 << shift) >> 1)
}

/// Values are rounded to the middle of what so many significant bits tell apart.
fn write_histogram(histogram: &Histogram, bits: u32) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::new(), 0);
    let mut pending: Option<(u64, u64)> = None;
    let mut write = |(place, amount): (u64, u64)| {
        write_varint(&mut bytes, place - before);
        write_varint(&mut bytes, amount);
        before = place;
    };
    for (bucket, amount) in histogram.buckets() {
        let place = place_of(bucket.value_us(), bits);
        match &mut pending {
            Some((last, sum)) if *last == place => *sum += amount,
            _ => pending.replace((place, amount)).into_iter().for_each(&mut write),
        }
    }
    pending.into_iter().for_each(write);
    bytes
}

/// Reads what `write_histogram` has written; ends early where that is broken.
#[derive(Debug, Clone)]
struct Buckets<'a> {
    rest: &'a [u8],
    place: u64,
    bits: u32,
}

impl<'a> Buckets<'a> {
    fn of(histogram: &'a [u8], bits: u32) -> Self {
        Self { rest: histogram, place: 0, bits }
    }
}

impl Iterator for Buckets<'_> {
    type Item = (Bucket, u64);

    #[inline]
    fn next(&mut self) -> Option<(Bucket, u64)> {
        let mut rest = self.rest;
        let place = self.place.checked_add(read_varint(&mut rest)?)?;
        let value = value_at(place, self.bits)?;
        let amount = read_varint(&mut rest)?.min(MOST_SAMPLES);
        (self.rest, self.place) = (rest, place);
        Some((Bucket::of(value), amount))
    }
}

fn is_histogram(bytes: &[u8], bits: u32) -> bool {
    let mut buckets = Buckets::of(bytes, bits);
    buckets.by_ref().for_each(drop);
    buckets.rest.is_empty()
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[inline]
fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        *bytes = rest;
        return Some(u64::from(*first));
    }
    read_long_varint(bytes)
}

fn read_long_varint(bytes: &mut &[u8]) -> Option<u64> {
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
    use crate::report::Counted;
    use gregaria_stats::Stats;
    use gregaria_stats::phases::PhaseSample;
    use gregaria_stats::samples::Body;
    use proptest::prelude::*;

    /// What a master without statistics has then.
    fn arrived(bytes: &[u8]) -> Result<Taken, Error> {
        let mut master = Stats::new(5_000.0);
        Counted::Fine(Unpacker::default().unpack(bytes)?).merge_into(&mut master, 5_000.0);
        Ok(master.take(5_001.0))
    }

    proptest! {
        #[test]
        fn places_follow_each_other_as_values_do(value: u64, bits in 2_u32..12) {
            let place = place_of(value, bits);
            let middle = value_at(place, bits).unwrap();
            prop_assert_eq!(place_of(middle, bits), place);
            prop_assert!(middle.abs_diff(value) as f64 <= value as f64 / f64::from(1 << bits) + 1.0);
            prop_assert!(place_of(value.saturating_add(1), bits) - place <= 1);
            prop_assert_eq!(Bucket::of(value).index(), place_of(value.min((1 << 40) - 1), BITS) as u32);
            prop_assert_eq!(value_at(place_of(u64::MAX, bits) + 1, bits), None);
        }

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
            let arrived = arrived(&encode(&taken)).unwrap();
            prop_assert_eq!(&arrived.errors, &taken.errors);
            prop_assert_eq!(arrived.entries.len(), taken.entries.len());
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
            arrived(&bytes).ok();
            is_histogram(&bytes, BITS);
            is_histogram(&bytes, PHASE_BITS);
            let mut stats = Stats::new(0.0);
            let id = stats.entry("GET", "/", 0.0);
            stats.record(id, 1.0, Some(1_234_567), 1);
            stats.record_failure(id, 1.0, "E()");
            let mut encoded = encode(&stats.take(2.0));
            let length = encoded.len();
            encoded[at % length] = byte;
            arrived(&encoded).ok();
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
        let arrived = arrived(&encode(&stats.take(2.0))).unwrap();
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
    fn what_comes_from_a_clock_that_is_wrong_is_moved() {
        let mut worker = Stats::new(9_000.0);
        let id = worker.entry("GET", "/", 9_000.0);
        worker.record(id, 9_005.5, Some(5), 1);
        worker.record_failure(id, 9_005.5, "E()");
        let bytes = encode(&worker.take(9_006.0));
        let mut unpacker = Unpacker::default();
        let mut report = unpacker.unpack(&bytes).unwrap();
        report.shift(-8_900.25);
        let mut master = Stats::new(103.0);
        Counted::Fine(report).merge_into(&mut master, 103.0);
        let entry = master.total();
        assert_eq!((entry.start_time(), entry.last_request_timestamp()), (99.75, Some(105.25)));
        assert_eq!(entry.per_second().at(105), (1, 1));
        assert_eq!(master.errors().records()[0].last_seen, Some(105.25));
    }

    #[test]
    fn a_report_that_claims_too_much_costs_nothing() {
        let mut claims = zstd::bulk::compress(&[0; 1_000], 1).unwrap();
        // The frame's header says how large the content is: here in two bytes, less 256.
        assert_eq!(claims[4] >> 6, 1);
        claims[4] |= 0xc0;
        claims.splice(5..7, [0, 0, 0, 0, 1, 0, 0, 0]);
        let refused = Unpacker::default().unpack(&claims).map(|_| ());
        assert!(matches!(refused, Err(Error::Size(size)) if size == 1 << 32), "{refused:?}");
    }

    /// A hash in hexadecimal: as hard to compress as what it stands for.
    fn noise(seed: u64, length: usize) -> String {
        let mut state = seed;
        let digits = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from_digit((state >> 60) as u32, 16).unwrap_or('0')
        });
        digits.take(length).collect()
    }

    /// A request as an engine tells of it: heads of usual size and a body as it is cut, with identifiers of its own.
    fn exchange(name: u64, seed: u64, at: f64, us: u64, phases: PhaseSample) -> Exchange {
        let trace = noise(seed, 32);
        let url = format!("http://service.example/api/v1/things/{name}?id={}", noise(seed ^ 1, 8));
        let rows = (0..9).map(|row| format!("{{\"id\":\"{}\",\"state\":\"open\"}}", noise(seed ^ row, 16)));
        Exchange {
            at,
            response_time_us: Some(us),
            user_class: Some("Visitor".into()),
            request_head: Some(format!(
                "GET {url} HTTP/1.1\r\nHost: service.example\r\nUser-Agent: python-requests/2.32.3\r\n\
                 Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nX-Trace-Id: {trace}\r\n\r\n"
            )),
            url: Some(url),
            response_head: Some(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\nX-Request-Id: {}\r\n\
                 ETag: \"{}\"\r\nServer: nginx\r\n\r\n",
                noise(seed ^ 2, 32),
                noise(seed ^ 3, 40)
            )),
            response_body: Some(Body {
                text: format!("[{}]", rows.collect::<Vec<_>>().join(",")),
                bytes: 500,
                complete: true,
                is_hex: false,
            }),
            phases: Some(phases),
            ..Exchange::default()
        }
    }

    #[test]
    fn a_hundred_busy_names_fit_into_twenty_kilobytes_with_their_samples() {
        let mut stats = Stats::new(0.0);
        stats.set_samples(3);
        let mut state = 1_u64;
        // The first report of a run has the most to tell: everything is slower than what was before.
        for second in [0_u32, 3, 6] {
            let (report, samples) = one_report(&mut stats, &mut state, f64::from(second));
            assert!(report.len() <= 20 << 10, "{} bytes with {samples} samples", report.len());
            assert!(samples >= 3, "{samples} samples");
        }
    }

    fn one_report(stats: &mut Stats, state: &mut u64, began: f64) -> (Vec<u8>, usize) {
        for name in 0..100 {
            let id = stats.entry("GET", &format!("/api/v1/things/{name}"), began);
            for sample in 0..30 {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (state, now) = (*state, began + f64::from(sample) / 10.0);
                let us = 2_000 + (state >> 33) % 40_000;
                stats.record(id, now, Some(us), 500);
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
                if let Some(wanted) = stats.wants_slow(id, us) {
                    stats.keep_sample(&wanted, exchange(name, state, now, us, phases));
                }
            }
        }
        let taken = stats.take(began + 3.0);
        (encode(&taken), taken.samples.len())
    }
}
