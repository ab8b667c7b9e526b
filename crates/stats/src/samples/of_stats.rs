//! Samples as a part of the statistics: which requests are wanted, and where they belong.
//!
//! ```text
//!   lock: count, and ask whether it is wanted │ make the exchange, at leisure │ lock: keep it
//! ```

use std::sync::Arc;

use super::{Exchange, Kept, Sample, Samples};
use crate::request_stats::{EntryId, Stats};

/// What goes to another node with one report, in bytes before they are packed: failures, and slow requests.
const TOLD_AT_ONCE: (usize, usize) = (64 << 10, 8 << 10);
/// The same for the last report of a run: nothing comes later.
const TOLD_AT_LAST: (usize, usize) = (512 << 10, 256 << 10);

/// A request that has been counted and shall be told in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    entry: EntryId,
    /// The failure's text, as in the table of failures.
    error: Option<Arc<str>>,
    /// Generation and resets of the statistics when it was counted.
    state: (u32, u64),
}

impl Stats {
    /// Keep so many requests of each name and failure; none with 0. Forgets those that are kept.
    pub fn set_samples(&mut self, most: usize) {
        self.samples.set_most(most);
        self.renew_floors();
    }

    /// What is kept.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// All that is kept, in the order of names.
    pub fn kept_samples(&self) -> Vec<(Kept, Arc<Sample>)> {
        self.samples.all()
    }

    /// Whether a request that was just counted, and went well, shall be told in full.
    #[inline]
    pub fn wants_slow(&self, id: EntryId, us: u64) -> Option<Wanted> {
        match self.get(id) {
            Some(entry) if us > entry.slow_floor_us => Some(self.wanted(id, None)),
            _ => None,
        }
    }

    /// Whether a failure that was just recorded at this place shall be told in full.
    pub fn wants_failure(&self, id: EntryId, place: usize, us: Option<u64>, now: f64) -> Option<Wanted> {
        let text = &self.errors().records().get(place)?.text;
        let is_wanted = self.samples.wants_failure(id.index(), text, us, now);
        is_wanted.then(|| self.wanted(id, Some(Arc::clone(text))))
    }

    fn wanted(&self, entry: EntryId, error: Option<Arc<str>>) -> Wanted {
        Wanted { entry, error, state: (self.generation(), self.resets()) }
    }

    /// Keep the request that was wanted. Does nothing if everything went back to zero meanwhile.
    pub fn keep_sample(&mut self, wanted: &Wanted, mut exchange: Exchange) {
        let Some(entry) = self.get(wanted.entry).filter(|_| wanted.state == (self.generation(), self.resets())) else {
            return;
        };
        (exchange.method, exchange.name) = (entry.method().to_string(), entry.name().to_string());
        exchange.error = wanted.error.as_deref().map(str::to_owned);
        self.keep(wanted.entry, wanted.error.as_ref(), exchange);
    }

    fn keep(&mut self, id: EntryId, error: Option<&Arc<str>>, exchange: Exchange) {
        match error {
            Some(text) => self.samples.offer_failure(id.index(), text, exchange),
            None if self.samples.offer_slow(id.index(), exchange) => self.renew_floors(),
            None => {
                let floor_us = self.samples.floor_us(id.index());
                if let Some(entry) = self.get_mut(id) {
                    entry.slow_floor_us = floor_us;
                }
            }
        }
    }

    /// Keep what another node has told, if it is one of those that are kept. Its failure has been merged before.
    pub fn offer_sample(&mut self, mut exchange: Exchange, now: f64) {
        let id = self.entry(&exchange.method, &exchange.name, now);
        let error = match &exchange.error {
            Some(text) => match self.errors().counted_as(id.index(), text).cloned() {
                Some(text) => Some(text),
                None => return,
            },
            None => None,
        };
        exchange.error = error.as_deref().map(str::to_owned);
        self.keep(id, error.as_ref(), exchange);
    }

    /// What another node has not been told of yet, as much as goes into one report.
    pub(crate) fn take_untold_samples(&self, is_last: bool) -> Vec<Exchange> {
        if self.samples.most() == 0 {
            return Vec::new();
        }
        let (failure_bytes, slow_bytes) = if is_last { TOLD_AT_LAST } else { TOLD_AT_ONCE };
        self.samples.take_untold(failure_bytes, slow_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(stats: &mut Stats, name: &str, now: f64, ms: u64, error: Option<&str>) -> bool {
        let id = stats.entry("GET", name, now);
        stats.record(id, now, Some(ms * 1_000), 1);
        let wanted = match error {
            None => stats.wants_slow(id, ms * 1_000),
            Some(text) => {
                let place = stats.record_failure(id, now, text).unwrap();
                stats.wants_failure(id, place, Some(ms * 1_000), now)
            }
        };
        if let Some(wanted) = &wanted {
            let exchange = Exchange { at: now, response_time_us: Some(ms * 1_000), ..Exchange::default() };
            stats.keep_sample(wanted, exchange);
        }
        wanted.is_some()
    }

    fn told(stats: &Stats) -> Vec<(String, Option<String>, u64)> {
        let all = stats.kept_samples().into_iter();
        let each = |exchange: Exchange| (exchange.name, exchange.error, exchange.response_time_us.unwrap() / 1_000);
        let mut told: Vec<_> = all.map(|(_, sample)| each(sample.exchange.clone())).collect();
        told.sort();
        told
    }

    fn row(name: &str, error: Option<&str>, ms: u64) -> (String, Option<String>, u64) {
        (name.to_owned(), error.map(str::to_owned), ms)
    }

    #[test]
    fn nothing_is_wanted_unless_somebody_wants_samples() {
        let mut stats = Stats::new(0.0);
        assert!(!count(&mut stats, "/", 1.0, 5, None) && !count(&mut stats, "/", 1.0, 5, Some("E()")));
        stats.set_samples(2);
        assert!(count(&mut stats, "/", 1.0, 5, None) && count(&mut stats, "/", 1.0, 5, Some("E()")));
        assert!(count(&mut stats, "/", 1.0, 7, None));
        assert!(!count(&mut stats, "/", 1.0, 5, None) && count(&mut stats, "/", 1.0, 6, None));
        assert_eq!(told(&stats), [row("/", None, 6), row("/", None, 7), row("/", Some("E()"), 5)]);
        stats.reset_all(2.0);
        assert!(told(&stats).is_empty() && count(&mut stats, "/", 3.0, 1, None));
        stats.clear_all(4.0);
        assert!(told(&stats).is_empty() && count(&mut stats, "/", 5.0, 1, None));
    }

    #[test]
    fn what_was_reset_meanwhile_is_not_kept() {
        let mut stats = Stats::new(0.0);
        stats.set_samples(1);
        let id = stats.entry("GET", "/", 0.0);
        stats.record(id, 1.0, Some(9), 0);
        let wanted = stats.wants_slow(id, 9).unwrap();
        stats.reset_all(2.0);
        stats.keep_sample(&wanted, Exchange::default());
        assert!(told(&stats).is_empty());
    }

    #[test]
    fn the_last_report_of_a_run_tells_what_waits() {
        let (mut master, mut worker) = (Stats::new(0.0), Stats::new(0.0));
        master.set_samples(3);
        worker.set_samples(3);
        for name in 0..100 {
            count(&mut worker, &format!("/{name}"), 1.0, name + 1, None);
        }
        master.merge(&worker.take(2.0), 2.0);
        let (first, waiting) = (told(&master).len(), 100 - told(&master).len());
        assert!((1..50).contains(&first) && waiting > 0, "{first}");
        let last = worker.take_last(3.0);
        assert_eq!((last.entries.len(), last.samples.len()), (0, waiting));
        master.merge(&last, 3.0);
        assert_eq!(told(&master).len(), 100);
        assert!(worker.take_last(4.0).is_empty());
    }

    #[test]
    fn a_master_keeps_the_best_of_what_its_workers_have_told() {
        let (mut master, mut first, mut second) = (Stats::new(0.0), Stats::new(0.0), Stats::new(0.0));
        for stats in [&mut master, &mut first, &mut second] {
            stats.set_samples(2);
        }
        for round in 1..6_u64 {
            let now = round as f64;
            count(&mut first, "/", now, 10 * round, None);
            count(&mut second, "/", now, 10 * round + 1, None);
            count(&mut second, "/b", now, round, Some("E(<a object at 0x7f>)"));
            for worker in [&mut first, &mut second] {
                let taken = worker.take(now);
                master.merge(&taken, now);
            }
        }
        let error = Some("E(<a object at 0x....>)");
        let failed = [1, 2, 4, 5].map(|ms| row("/b", error, ms));
        assert_eq!(told(&master), [&[row("/", None, 50), row("/", None, 51)][..], &failed[..]].concat());
        let silent = first.take(9.0);
        assert!(silent.is_empty(), "{silent:?}");
        let mut off = Stats::new(0.0);
        off.merge(&second.take(9.0), 9.0);
        assert!(told(&off).is_empty());
    }
}
