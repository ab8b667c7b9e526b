//! A report on its way into the statistics of the run, in pieces so short that nobody else who wants them waits for long.
//!
//! ```text
//!   this thread:  find places │ make samples │ add │ tell │ find places │ …       each │ lets others in
//!   the hub:                  count                count  count
//! ```

use gregaria_stats::histogram::Bucket;
use gregaria_stats::{Entry, EntryId, ErrorRecord, Exchange, Increment, Sample, Stats, Taken};

/// Entries, or failures, that are added at once.
const ENTRIES_AT_ONCE: usize = 64;
/// Buckets of histograms that are added at once, unless a single entry has more: about a tenth of a millisecond.
const BUCKETS_AT_ONCE: usize = 4_096;
/// Samples for whoever follows that are handed over at once.
const SAMPLES_AT_ONCE: usize = 4_096;
/// Told requests that are added at once: each of them may take another's place.
const EXCHANGES_AT_ONCE: usize = 8;

/// What was counted under one name, or under all.
pub trait Counts {
    /// Method and name.
    fn key(&self) -> (&str, &str);

    /// About how many buckets of histograms there are.
    fn buckets(&self) -> usize;

    fn increment(&self) -> Increment<impl Iterator<Item = (i64, u32, u32)>, impl Iterator<Item = (Bucket, u64)>>;
}

impl Counts for Entry {
    fn key(&self) -> (&str, &str) {
        (self.method(), self.name())
    }

    fn buckets(&self) -> usize {
        self.histogram().buckets().count()
    }

    fn increment(&self) -> Increment<impl Iterator<Item = (i64, u32, u32)>, impl Iterator<Item = (Bucket, u64)>> {
        self.increment()
    }
}

/// Adds to statistics which `hold` gives for a moment.
pub struct Merging<H> {
    hold: H,
    now: f64,
    /// What the statistics said of their resets when the first piece was added.
    resets: Option<u64>,
    /// For whoever follows; made while others have the statistics.
    samples: Vec<Sample>,
}

impl<H: FnMut(&mut dyn FnMut(&mut Stats))> Merging<H> {
    pub fn new(now: f64, hold: H) -> Self {
        Self { hold, now, resets: None, samples: Vec::new() }
    }

    /// What a node of another kind has counted.
    pub fn all_of(&mut self, taken: &Taken) {
        self.entries(&taken.entries);
        if let Some(total) = &taken.total {
            self.total(total);
        }
        self.errors(&taken.errors, ErrorRecord::clone);
        self.exchanges(&taken.samples);
    }

    /// Unless everything went back to zero since the first piece: then the rest of them is as old as they were.
    fn hold(&mut self, mut action: impl FnMut(&mut Stats)) {
        let resets = &mut self.resets;
        (self.hold)(&mut |stats| {
            if *resets.get_or_insert(stats.resets()) == stats.resets() {
                action(stats);
            }
        });
    }

    pub fn entries(&mut self, entries: &[impl Counts]) {
        let mut rest = entries;
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(at_once(rest));
            self.piece(piece);
            rest = later;
        }
        self.tell_samples();
    }

    fn piece(&mut self, entries: &[impl Counts]) {
        let (mut ids, mut followed, now) = (Vec::<EntryId>::with_capacity(entries.len()), false, self.now);
        self.hold(|stats| {
            ids.extend(entries.iter().map(Counts::key).map(|(method, name)| stats.entry(method, name, now)));
            followed = stats.is_followed();
        });
        self.hold(|stats| {
            for (id, entry) in ids.iter().zip(entries) {
                stats.add_untold(*id, entry.increment());
            }
        });
        if followed {
            for (id, entry) in ids.iter().zip(entries) {
                Sample::of_increment(*id, entry.increment(), &mut self.samples);
                if self.samples.len() >= SAMPLES_AT_ONCE {
                    self.tell_samples();
                }
            }
        }
    }

    fn tell_samples(&mut self) {
        let mut samples = std::mem::take(&mut self.samples);
        for some in samples.chunks(SAMPLES_AT_ONCE) {
            self.hold(|stats| stats.tell_samples(some));
        }
        samples.clear();
        self.samples = samples;
    }

    pub fn total(&mut self, total: &impl Counts) {
        self.hold(|stats| stats.add_to_total(total.increment()));
    }

    pub fn errors<E>(&mut self, errors: &[E], record: impl Fn(&E) -> ErrorRecord) {
        let now = self.now;
        for some in errors.chunks(ENTRIES_AT_ONCE) {
            self.hold(|stats| some.iter().for_each(|error| stats.merge_error(&record(error), now)));
        }
    }

    pub fn exchanges(&mut self, exchanges: &[Exchange]) {
        let now = self.now;
        for some in exchanges.chunks(EXCHANGES_AT_ONCE) {
            self.hold(|stats| some.iter().for_each(|exchange| stats.offer_sample(exchange.clone(), now)));
        }
    }
}

/// How many of these entries, of which there are some, are added at once.
fn at_once(entries: &[impl Counts]) -> usize {
    let mut buckets = 0;
    let few = entries.iter().take(ENTRIES_AT_ONCE).take_while(|entry| {
        let before = buckets;
        buckets += entry.buckets();
        before < BUCKETS_AT_ONCE
    });
    few.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Counted, Unpacker, fine};

    const NAMES: u64 = 500;

    /// A worker's: 500 names with 20 samples and a failure each.
    fn counted() -> Taken {
        let mut worker = Stats::new(100.0);
        for name in 0..NAMES {
            let id = worker.entry("GET", &format!("/{name}"), 100.0);
            (0..20).for_each(|sample| worker.record(id, 101.0, Some(1_000 + 37 * sample), 1));
            worker.record_failure(id, 101.0, "E()");
        }
        worker.take(102.0)
    }

    fn requests(stats: &Stats) -> (u64, u64) {
        (stats.entries().map(Entry::num_requests).sum(), stats.total().num_requests())
    }

    fn failures(stats: &Stats) -> u64 {
        stats.errors().records().iter().map(|record| record.occurrences).sum()
    }

    /// Both forms of the same report.
    fn in_both_forms(test: impl Fn(Counted<'_>)) {
        test(Counted::Plain(counted()));
        test(Counted::Fine(Unpacker::default().unpack(&fine::encode(&counted())).unwrap()));
    }

    #[test]
    fn others_get_in_between_short_pieces() {
        in_both_forms(|counted| {
            let mut stats = Stats::new(100.0);
            stats.follow();
            let mut samples = Vec::new();
            counted.merge_in_pieces(103.0, |piece| {
                let (before, (_, total)) = (requests(&stats).0 + failures(&stats) * 20, requests(&stats));
                piece(&mut stats);
                let added = requests(&stats).0 + failures(&stats) * 20 - before;
                assert!(added <= 20 * ENTRIES_AT_ONCE as u64, "{added} in one piece");
                assert!(added == 0 || requests(&stats).1 == total, "the total is a piece of its own");
            });
            assert_eq!((requests(&stats), failures(&stats)), ((20 * NAMES, 20 * NAMES), NAMES));
            assert_eq!(stats.take_samples(&mut samples), 0);
            assert_eq!(samples.len() as u64, 21 * NAMES);
        });
    }

    #[test]
    fn what_is_left_when_everything_goes_back_to_zero_is_dropped() {
        type Reset = fn(&mut Stats);
        for reset in [(|stats| stats.reset_all(103.0)) as Reset, |stats| stats.clear_all(103.0)] {
            in_both_forms(|counted| {
                let mut stats = Stats::new(100.0);
                stats.follow();
                let mut pieces = 0;
                counted.merge_in_pieces(103.0, |piece| {
                    piece(&mut stats);
                    pieces += 1;
                    if pieces == 5 {
                        assert_ne!(requests(&stats), (0, 0));
                        reset(&mut stats);
                    }
                });
                let mut samples = Vec::new();
                stats.take_samples(&mut samples);
                assert!(pieces > 5);
                assert_eq!((requests(&stats), failures(&stats), samples), ((0, 0), 0, Vec::new()));
            });
        }
    }

    #[test]
    fn an_entry_that_is_taken_out_meanwhile_comes_back() {
        let mut stats = Stats::new(100.0);
        let mut pieces = 0;
        Counted::Plain(counted()).merge_in_pieces(103.0, |piece| {
            piece(&mut stats);
            pieces += 1;
            if pieces == 1 {
                assert!(stats.remove("GET", "/0", 103.0));
            }
        });
        assert_eq!(requests(&stats), (20 * NAMES, 20 * NAMES));
    }

    #[test]
    fn very_many_samples_are_told_in_pieces() {
        let mut worker = Stats::new(100.0);
        let id = worker.entry("GET", "/", 100.0);
        (0..50_000).for_each(|sample| worker.record(id, 101.0, Some(1_000 + sample), 1));
        let (mut stats, mut samples, mut all) = (Stats::new(100.0), Vec::new(), 0);
        stats.follow();
        Counted::Plain(worker.take(102.0)).merge_in_pieces(103.0, |piece| {
            piece(&mut stats);
            stats.take_samples(&mut samples);
            assert!(samples.len() <= SAMPLES_AT_ONCE, "{} at once", samples.len());
            all += samples.len();
        });
        assert_eq!(all, 50_000);
    }
}
