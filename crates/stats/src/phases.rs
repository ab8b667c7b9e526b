//! Where the time of requests goes: one histogram for each phase of an exchange, and how the connections came about.
//! Knows nothing of response times; a request that was measured elsewhere simply has no phases.
//!
//! ```text
//! blocked │ dns ─ connect ─ tls ─ send ─ wait ─ receive
//!         └ response time starts                       └ ends
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::histogram::{Bucket, Histogram};
use crate::increment::PhaseIncrement;

/// One part of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The generator's own queue; not part of the response time.
    Blocked,
    /// Waiting for the addresses of a name.
    Dns,
    /// Until the TCP connection was there.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Until the request's last byte was given to the system.
    Send,
    /// Until the response's first byte.
    Wait,
    /// Until the response's last byte.
    Receive,
}

impl Phase {
    /// In the order of time.
    pub const ALL: [Self; 7] =
        [Self::Blocked, Self::Dns, Self::Connect, Self::Tls, Self::Send, Self::Wait, Self::Receive];

    /// As scripts and files call it.
    pub fn name(self) -> &'static str {
        ["blocked", "dns", "connect", "tls", "send", "wait", "receive"][self as usize]
    }
}

/// A phase that did not take place.
const ABSENT: u32 = u32::MAX;

/// The phases of one request, with those of the redirects it followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseSample {
    us: [u32; Phase::ALL.len()],
    /// Exchanges over a connection that was there already.
    pub reused: u32,
    /// Exchanges over a new connection.
    pub opened: u32,
    /// The last response's HTTP version times ten; 0 if there was none.
    pub version: u8,
}

impl Default for PhaseSample {
    fn default() -> Self {
        Self { us: [ABSENT; Phase::ALL.len()], reused: 0, opened: 0, version: 0 }
    }
}

impl PhaseSample {
    /// How long each phase took, in their order.
    pub fn of(taken: [Option<Duration>; Phase::ALL.len()]) -> Self {
        let mut sample = Self::default();
        for (phase, taken) in Phase::ALL.into_iter().zip(taken) {
            if let Some(taken) = taken {
                sample.set(phase, taken.as_secs().saturating_mul(1_000_000) + u64::from(taken.subsec_micros()));
            }
        }
        sample
    }

    /// More than an hour is told as 71 minutes.
    pub fn set(&mut self, phase: Phase, us: u64) {
        self.us[phase as usize] = us.min(u64::from(ABSENT - 1)) as u32;
    }

    /// Microseconds; `None` where the phase did not take place.
    pub fn get(&self, phase: Phase) -> Option<u64> {
        Some(self.us[phase as usize]).filter(|us| *us != ABSENT).map(u64::from)
    }

    /// Adds what followed.
    pub fn add(&mut self, next: &Self) {
        for phase in Phase::ALL {
            if let Some(us) = next.get(phase) {
                self.set(phase, self.get(phase).unwrap_or(0) + us);
            }
        }
        self.reused += next.reused;
        self.opened += next.opened;
        self.version = next.version;
    }
}

/// One phase of many requests.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct PhaseTimes {
    pub histogram: Histogram,
    /// Exact, for averages.
    pub total_us: u64,
}

/// HTTP versions times ten, in the order of `Phases::versions`.
pub const VERSIONS: [u8; 4] = [10, 11, 20, 30];

/// The phases of all requests of an entry.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Phases {
    times: [PhaseTimes; Phase::ALL.len()],
    /// Exchanges over a connection that was there already.
    pub reused: u64,
    /// Exchanges over a new connection.
    pub opened: u64,
    /// Responses by version, as in `VERSIONS`.
    pub versions: [u64; VERSIONS.len()],
}

impl Phases {
    /// One phase.
    pub fn times(&self, phase: Phase) -> &PhaseTimes {
        &self.times[phase as usize]
    }

    /// Counts one request.
    #[inline]
    pub(crate) fn record(&mut self, sample: &PhaseSample, buckets: &[Bucket; Phase::ALL.len()]) {
        for ((times, us), bucket) in self.times.iter_mut().zip(sample.us).zip(buckets) {
            if us != ABSENT {
                times.histogram.record(*bucket);
                times.total_us += u64::from(us);
            }
        }
        self.reused += u64::from(sample.reused);
        self.opened += u64::from(sample.opened);
        if let Some(at) = VERSIONS.iter().position(|version| *version == sample.version) {
            self.versions[at] += 1;
        }
    }

    /// Something of what recording reads first.
    #[inline]
    pub(crate) fn first_cells(&self) -> u64 {
        let times =
            self.times.iter().fold(self.reused, |all, times| all ^ times.total_us ^ times.histogram.first_cells());
        times ^ self.versions[1]
    }

    /// The histograms that this sample goes into, and where.
    #[inline]
    pub(crate) fn touched<'a>(
        &'a self,
        sample: &PhaseSample,
    ) -> impl Iterator<Item = (&'a Histogram, Bucket)> + use<'a> {
        let times = self.times.iter().zip(sample.us).filter(|(_, us)| *us != ABSENT);
        times.map(|(times, us)| (&times.histogram, Bucket::of(u64::from(us))))
    }

    /// Adds everything another entry has counted. Associative and commutative.
    pub fn add<T: Iterator<Item = (Bucket, u64)>>(&mut self, increment: PhaseIncrement<T>) {
        for (mine, (times, total_us)) in self.times.iter_mut().zip(increment.times) {
            times.for_each(|(bucket, amount)| mine.histogram.record_many(bucket, amount));
            mine.total_us = mine.total_us.saturating_add(total_us);
        }
        self.reused = self.reused.saturating_add(increment.reused);
        self.opened = self.opened.saturating_add(increment.opened);
        for (mine, theirs) in self.versions.iter_mut().zip(increment.versions) {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.times.iter().map(|times| times.histogram.heap_bytes()).sum()
    }
}

/// Computed once per sample and good for every entry.
#[inline]
pub(crate) fn buckets(sample: &PhaseSample) -> [Bucket; Phase::ALL.len()] {
    sample.us.map(|us| Bucket::of(u64::from(us)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_stats::Stats;
    use proptest::prelude::*;

    fn samples() -> impl Strategy<Value = Vec<PhaseSample>> {
        let us = proptest::collection::vec(proptest::option::of(0..5_000_000u64), 7);
        let one = (us, any::<bool>(), prop_oneof![Just(0u8), Just(11), Just(20)]).prop_map(|(us, reused, version)| {
            let mut sample = PhaseSample { version, ..PhaseSample::default() };
            for (phase, us) in Phase::ALL.into_iter().zip(us) {
                if let Some(us) = us {
                    sample.set(phase, us);
                }
            }
            (sample.reused, sample.opened) = (u32::from(reused), u32::from(!reused));
            sample
        });
        proptest::collection::vec(one, 0..20)
    }

    fn all_of(samples: &[PhaseSample]) -> Phases {
        let mut phases = Phases::default();
        for sample in samples {
            phases.record(sample, &buckets(sample));
        }
        phases
    }

    fn increment_of(phases: &Phases) -> PhaseIncrement<impl Iterator<Item = (Bucket, u64)>> {
        let times = Phase::ALL.map(|phase| {
            let times = phases.times(phase);
            (times.histogram.buckets(), times.total_us)
        });
        PhaseIncrement { times, reused: phases.reused, opened: phases.opened, versions: phases.versions }
    }

    proptest! {
        #[test]
        fn merging_equals_recording_all(a in samples(), b in samples()) {
            let mut merged = all_of(&a);
            merged.add(increment_of(&all_of(&b)));
            let mut other_way = all_of(&b);
            other_way.add(increment_of(&all_of(&a)));
            prop_assert_eq!(&merged, &other_way);
            prop_assert_eq!(merged, all_of(&[a, b].concat()));
        }
    }

    #[test]
    fn a_phase_that_did_not_take_place_is_not_a_zero() {
        let mut sample = PhaseSample { reused: 1, version: 11, ..PhaseSample::default() };
        sample.set(Phase::Wait, 1_500);
        sample.set(Phase::Receive, 0);
        let mut stats = Stats::new(0.0);
        let id = stats.entry("GET", "/", 0.0);
        assert!(stats.get(id).unwrap().phases().is_none(), "nothing is held for a request without phases");
        stats.record_phases(id, &sample);
        for entry in [stats.get(id).unwrap(), stats.total()] {
            let phases = entry.phases().unwrap();
            assert_eq!(phases.times(Phase::Wait).histogram.percentile(1.0), Some(1_500));
            assert_eq!(phases.times(Phase::Receive).histogram.percentile(1.0), Some(0));
            assert_eq!(phases.times(Phase::Dns).histogram.len(), 0);
            assert_eq!((phases.reused, phases.opened, phases.versions), (1, 0, [0, 1, 0, 0]));
        }
        stats.reset_all(1.0);
        assert!(stats.total().phases().is_none());
    }

    #[test]
    fn redirects_add_up_and_the_last_version_counts() {
        let mut first = PhaseSample { opened: 1, version: 11, ..PhaseSample::default() };
        first.set(Phase::Connect, 200);
        first.set(Phase::Wait, 1_000);
        let mut second = PhaseSample { reused: 1, version: 20, ..PhaseSample::default() };
        second.set(Phase::Wait, u64::MAX);
        first.add(&second);
        assert_eq!((first.get(Phase::Connect), first.get(Phase::Tls)), (Some(200), None));
        assert_eq!(first.get(Phase::Wait), Some(u64::from(ABSENT - 1)));
        assert_eq!((first.reused, first.opened, first.version), (1, 1, 20));
    }
}
