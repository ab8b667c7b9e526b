//! Which exchanges are kept. What a node has kept can be offered to another, in any order, with the same outcome.
//!
//! A request that went well costs one comparison, with the floor of its entry: the fastest of its slowest ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashMap;

use super::Exchange;

/// All exchanges that failed take no more than this.
pub const FAILURE_BYTES: usize = 4 << 20;
/// All that went well take no more than this.
pub const SLOW_BYTES: usize = 2 << 20;
/// The last ones of a failure are renewed this often, so that a run in which all fails goes on.
const LAST_EVERY_S: f64 = 1.0;
/// The floor of an entry of which nothing is kept.
pub const NEVER_US: u64 = u64::MAX;

/// Why an exchange was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// One of the first of its failure.
    First,
    /// One of the last of its failure.
    Last,
    /// One of the slowest of its failure, or of those of its name that went well.
    Slowest,
}

/// An exchange that is kept, perhaps for several reasons.
#[derive(Debug)]
pub struct Sample {
    pub exchange: Exchange,
    bytes: usize,
    /// Whether another node has been told.
    is_told: AtomicBool,
}

impl Sample {
    fn new(exchange: Exchange) -> Arc<Self> {
        Arc::new(Self { bytes: exchange.size_bytes(), exchange, is_told: AtomicBool::new(false) })
    }

    fn us(&self) -> u64 {
        self.exchange.response_time_us.unwrap_or(0)
    }
}

type Slot = Arc<Sample>;

/// What is kept of one failure.
#[derive(Debug, Default)]
struct OfFailure {
    /// By time.
    first: Vec<Slot>,
    /// By time.
    last: Vec<Slot>,
    slowest: Vec<Slot>,
    /// When the last one was offered.
    renewed_at: f64,
}

impl OfFailure {
    fn all(&self) -> impl Iterator<Item = (Kept, &Slot)> {
        let first = self.first.iter().map(|slot| (Kept::First, slot));
        let slowest = self.slowest.iter().map(|slot| (Kept::Slowest, slot));
        first.chain(slowest).chain(self.last.iter().map(|slot| (Kept::Last, slot)))
    }

    fn bytes(&self) -> usize {
        self.all().map(|(_, slot)| slot.bytes).sum()
    }

    fn put(&mut self, slot: &Slot, most: usize) {
        let at = slot.exchange.at;
        self.renewed_at = self.renewed_at.max(at);
        let place = |slots: &[Slot]| slots.partition_point(|other| other.exchange.at <= at);
        self.first.insert(place(&self.first), Arc::clone(slot));
        self.last.insert(place(&self.last), Arc::clone(slot));
        put_by_time(&mut self.slowest, slot);
        self.trim(most);
    }

    fn trim(&mut self, most: usize) {
        self.first.truncate(most);
        self.last.drain(..self.last.len().saturating_sub(most));
        self.slowest.truncate(most);
    }

    fn forget(&mut self, slot: &Slot) {
        for slots in [&mut self.first, &mut self.last, &mut self.slowest] {
            slots.retain(|other| !Arc::ptr_eq(other, slot));
        }
    }
}

/// The slowest comes first.
fn put_by_time(slots: &mut Vec<Slot>, slot: &Slot) {
    let place = slots.partition_point(|other| other.us() >= slot.us());
    slots.insert(place, Arc::clone(slot));
}

/// All that is kept, by the number of the entry.
#[derive(Debug, Default)]
pub struct Samples {
    /// So many of each kind, as asked for; 0 for none.
    most: usize,
    /// So many of each kind of failures at present: fewer when there are very many kinds.
    most_failures: usize,
    /// Of no entry is anything kept that was not slower.
    floor_us: u64,
    failures: FxHashMap<u32, FxHashMap<Arc<str>, OfFailure>>,
    slowest: FxHashMap<u32, Vec<Slot>>,
    failure_bytes: usize,
    slow_bytes: usize,
}

impl Samples {
    /// Keep so many of each kind from now on.
    pub fn set_most(&mut self, most: usize) {
        *self = Self { most, most_failures: most, ..Self::default() };
    }

    pub fn most(&self) -> usize {
        self.most
    }

    pub fn clear(&mut self) {
        self.set_most(self.most);
    }

    /// Bytes of all that is kept.
    pub fn bytes(&self) -> usize {
        self.failure_bytes + self.slow_bytes
    }

    /// Requests of this entry that go well are kept if they take longer.
    pub fn floor_us(&self, entry: u32) -> u64 {
        match self.slowest.get(&entry) {
            _ if self.most == 0 => NEVER_US,
            Some(slots) if slots.len() >= self.most => slots.last().map_or(self.floor_us, |slot| slot.us()),
            _ => self.floor_us,
        }
    }

    /// Whether an exchange that failed would be kept.
    pub fn wants_failure(&self, entry: u32, text: &str, us: Option<u64>, now: f64) -> bool {
        let Some(kept) = self.failures.get(&entry).and_then(|texts| texts.get(text)) else {
            return self.most > 0 && (self.most_failures > 1 || self.failure_bytes < FAILURE_BYTES);
        };
        kept.first.len() < self.most_failures
            || now - kept.renewed_at >= LAST_EVERY_S
            || kept.slowest.last().is_some_and(|slot| us.is_some_and(|us| us > slot.us()))
    }

    /// Keep an exchange that failed with this text, if it is one of those that are kept.
    pub fn offer_failure(&mut self, entry: u32, text: &Arc<str>, exchange: Exchange) {
        if self.most == 0 {
            return;
        }
        let slot = Sample::new(exchange);
        let kept = self.failures.entry(entry).or_default().entry(Arc::clone(text)).or_default();
        let before = kept.bytes();
        kept.put(&slot, self.most_failures);
        self.failure_bytes = self.failure_bytes + kept.bytes() - before;
        while self.failure_bytes > FAILURE_BYTES && self.most_failures > 1 {
            self.keep_fewer_failures();
        }
        if self.failure_bytes > FAILURE_BYTES {
            self.forget_failure(entry, text, &slot);
        }
    }

    fn keep_fewer_failures(&mut self) {
        self.most_failures -= 1;
        self.failure_bytes = 0;
        for kept in self.failures.values_mut().flat_map(FxHashMap::values_mut) {
            kept.trim(self.most_failures);
            self.failure_bytes += kept.bytes();
        }
    }

    fn forget_failure(&mut self, entry: u32, text: &Arc<str>, slot: &Slot) {
        let Some(texts) = self.failures.get_mut(&entry) else { return };
        let Some(kept) = texts.get_mut(text) else { return };
        let before = kept.bytes();
        kept.forget(slot);
        self.failure_bytes = self.failure_bytes + kept.bytes() - before;
        if kept.first.is_empty() && kept.last.is_empty() && kept.slowest.is_empty() {
            texts.remove(text);
        }
    }

    /// Keep an exchange that went well, if it is slow enough. True if that has changed the floors of other entries.
    pub fn offer_slow(&mut self, entry: u32, exchange: Exchange) -> bool {
        if self.most == 0 || exchange.response_time_us.unwrap_or(0) <= self.floor_us(entry) {
            return false;
        }
        let slot = Sample::new(exchange);
        let slots = self.slowest.entry(entry).or_default();
        put_by_time(slots, &slot);
        self.slow_bytes += slot.bytes;
        if slots.len() > self.most {
            self.slow_bytes -= slots.pop().map_or(0, |slot| slot.bytes);
        }
        if self.slow_bytes <= SLOW_BYTES {
            return false;
        }
        self.keep_the_slower_half();
        true
    }

    /// There are very many names: those of them count that are slow.
    fn keep_the_slower_half(&mut self) {
        let mut times: Vec<u64> = self.slowest.values().flatten().map(|slot| slot.us()).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        self.floor_us = *median;
        self.slow_bytes = 0;
        self.slowest.retain(|_, slots| {
            slots.retain(|slot| slot.us() > self.floor_us);
            self.slow_bytes += slots.iter().map(|slot| slot.bytes).sum::<usize>();
            !slots.is_empty()
        });
    }

    /// All that is kept, by entry and failure; what is kept for several reasons comes once.
    pub fn all(&self) -> Vec<(Kept, Slot)> {
        let mut entries: Vec<u32> = self.failures.keys().chain(self.slowest.keys()).copied().collect();
        entries.sort_unstable();
        entries.dedup();
        let mut all = Vec::new();
        for entry in entries {
            let mut texts: Vec<_> = self.failures.get(&entry).into_iter().flatten().collect();
            texts.sort_unstable_by_key(|(text, _)| *text);
            for (_, kept) in texts {
                let start = all.len();
                for (why, slot) in kept.all() {
                    if !all[start..].iter().any(|(_, known): &(Kept, Slot)| Arc::ptr_eq(known, slot)) {
                        all.push((why, Arc::clone(slot)));
                    }
                }
            }
            let slowest = self.slowest.get(&entry).into_iter().flatten();
            all.extend(slowest.map(|slot| (Kept::Slowest, Arc::clone(slot))));
        }
        all
    }

    /// Some of what another node has not been told of yet, failures first, within these bytes; the rest comes later.
    pub fn take_untold(&self, failure_bytes: usize, slow_bytes: usize) -> Vec<Exchange> {
        let mut room = [failure_bytes, slow_bytes];
        let mut all: Vec<_> =
            self.all().into_iter().filter(|(_, slot)| !slot.is_told.load(Ordering::Relaxed)).collect();
        all.sort_by_key(|(_, slot)| (slot.exchange.error.is_none(), std::cmp::Reverse(slot.us())));
        let mut told = Vec::new();
        for (_, slot) in all {
            let room = &mut room[usize::from(slot.exchange.error.is_none())];
            if let Some(left) = room.checked_sub(slot.bytes) {
                *room = left;
                slot.is_told.store(true, Ordering::Relaxed);
                told.push(slot.exchange.clone());
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Body;
    use proptest::prelude::*;

    fn exchange(at: f64, ms: u64, error: Option<&str>, body: usize) -> Exchange {
        let body = Body { text: "x".repeat(body), bytes: 1, complete: false, is_hex: false };
        Exchange {
            name: "/".into(),
            error: error.map(str::to_owned),
            at,
            response_time_us: Some(ms * 1_000),
            response_body: Some(body),
            ..Exchange::default()
        }
    }

    fn told(samples: &Samples) -> Vec<(Kept, u64)> {
        samples.all().into_iter().map(|(why, slot)| (why, slot.us() / 1_000)).collect()
    }

    fn three() -> Samples {
        let mut samples = Samples::default();
        samples.set_most(3);
        samples
    }

    #[test]
    fn the_first_the_last_and_the_slowest_of_a_failure_are_kept() {
        let mut samples = three();
        let text: Arc<str> = "E()".into();
        for (second, ms) in [5, 9, 1, 2, 8, 3, 7, 4, 6].into_iter().enumerate() {
            assert!(samples.wants_failure(0, &text, Some(ms * 1_000), second as f64));
            samples.offer_failure(0, &text, exchange(second as f64, ms, Some("E()"), 1));
        }
        use Kept::{First, Last, Slowest};
        assert_eq!(
            told(&samples),
            [(First, 5), (First, 9), (First, 1), (Slowest, 8), (Slowest, 7), (Last, 4), (Last, 6)]
        );
        assert!(!samples.wants_failure(0, &text, Some(1), 8.5), "the last one is half a second old");
        assert!(samples.wants_failure(0, &text, Some(7_001), 8.5) && samples.wants_failure(0, &text, Some(1), 9.0));
        assert!(samples.wants_failure(0, "F()", Some(1), 8.5));
    }

    #[test]
    fn a_request_that_is_no_slower_is_below_the_floor() {
        let mut samples = three();
        for ms in [5, 9, 1, 2, 8] {
            if samples.floor_us(7) < ms * 1_000 {
                samples.offer_slow(7, exchange(0.0, ms, None, 1));
            }
        }
        assert_eq!(told(&samples), [(Kept::Slowest, 9), (Kept::Slowest, 8), (Kept::Slowest, 5)]);
        assert_eq!((samples.floor_us(7), samples.floor_us(8)), (5_000, 0));
        samples.clear();
        assert_eq!((samples.bytes(), samples.floor_us(7), samples.all().len()), (0, 0, 0));
        samples.set_most(0);
        samples.offer_failure(0, &"E()".into(), exchange(0.0, 1, Some("E()"), 1));
        assert!(!samples.offer_slow(0, exchange(0.0, 1, None, 1)) && !samples.wants_failure(0, "E()", None, 0.0));
        assert_eq!((samples.bytes(), samples.floor_us(7)), (0, NEVER_US));
    }

    #[test]
    fn ten_thousand_failures_with_large_bodies_stay_within_the_bound() {
        let mut samples = three();
        for at in 0..10_000_u32 {
            let text: Arc<str> = format!("E({at})").into();
            for again in 0..2 {
                let now = f64::from(at) + f64::from(again) / 10.0;
                if samples.wants_failure(at % 100, &text, Some(1), now) {
                    samples.offer_failure(at % 100, &text, exchange(now, 1, Some(&text), 4_000));
                    assert!(samples.failure_bytes <= FAILURE_BYTES);
                }
            }
        }
        let exact: usize = samples.failures.values().flatten().map(|(_, kept)| kept.bytes()).sum();
        assert_eq!(samples.failure_bytes, exact);
        assert!((200..1_100).contains(&samples.all().len()), "{}", samples.all().len());
    }

    #[test]
    fn with_very_many_names_the_slow_ones_are_kept() {
        let mut samples = three();
        let mut changes = 0;
        for at in 0..20_000_u32 {
            let ms = u64::from(at) * 7_919 % 20_000 + 1;
            changes += u32::from(samples.offer_slow(at, exchange(0.0, ms, None, 1_000)));
            assert!(samples.slow_bytes <= SLOW_BYTES);
        }
        assert!((1..8).contains(&changes), "{changes}");
        let fastest = samples.all().iter().map(|(_, slot)| slot.us()).min();
        assert!(fastest > Some(15_000_000) && samples.floor_us(99_999) >= 15_000_000, "{fastest:?}");
    }

    #[test]
    fn another_node_is_told_of_each_once_and_little_by_little() {
        let mut samples = three();
        for name in 0..40 {
            samples.offer_slow(name, exchange(0.0, u64::from(name) + 1, None, 1_000));
        }
        samples.offer_failure(3, &"E()".into(), exchange(0.0, 1, Some("E()"), 1_000));
        let first = samples.take_untold(10_000, 6_000);
        assert_eq!(first[0].error.as_deref(), Some("E()"));
        assert_eq!(first[1].response_time_us, Some(40_000));
        assert!((3..=5).contains(&first.len()), "{}", first.len());
        let mut rest = 0;
        while let more @ 1.. = samples.take_untold(10_000, 6_000).len() {
            rest += more;
        }
        assert_eq!(first.len() + rest, 41);
        assert_eq!(samples.all().len(), 41, "they are still there");
    }

    proptest! {
        #[test]
        fn the_order_in_which_they_are_offered_does_not_matter(
            times in prop::collection::hash_map(0_u32..10_000, 1_u64..10_000, 0..40), seed in any::<u64>(),
        ) {
            let times: Vec<(u32, u64)> = times.into_iter().collect();
            let mut other = times.clone();
            other.sort_by_key(|(at, _)| (u64::from(*at) + 1).wrapping_mul(seed | 1));
            let outcome = |times: &[(u32, u64)]| {
                let mut samples = three();
                for (at, us) in times {
                    samples.offer_failure(0, &"E()".into(), exchange(f64::from(*at), us * 100_000 + u64::from(*at), Some("E()"), 1));
                    samples.offer_slow(0, exchange(f64::from(*at), us * 100_000 + u64::from(*at), None, 1));
                }
                told(&samples)
            };
            prop_assert_eq!(outcome(&times), outcome(&other));
        }
    }
}
