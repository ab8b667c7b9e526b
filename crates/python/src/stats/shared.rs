//! The statistics as threads share them: the hub counts into them, others look at them now and then.
//!
//! The hub goes first: a thread that looks at many entries lets it in between, and everybody who wants a snapshot in the
//! same moment gets the same one.
//!
//! ```text
//!   hub:     count count count ·· count count count count ·· count
//!   others:                    look                        look         never two looks in a row while the hub waits
//! ```
//!
//! A worker's report comes in many short pieces; who wants counts of one moment waits for its last one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use gregaria_stats::{Detail, History, Intake, Sample, Snapshot, Snapshots, Stats};

use super::lock;

/// Somebody who wants a snapshot may get one of this age.
const FRESH_S: f64 = 0.5;
/// So many kinds of snapshots are kept for sharing.
const MOST_KINDS: usize = 8;

/// See the module's text.
pub struct Shared {
    stats: Mutex<Intake>,
    /// How many wait for `stats` and have priority.
    waiting: AtomicUsize,
    /// Held while a report is added, and by who must not see half of it.
    reports: Mutex<()>,
    kinds: Mutex<Vec<Arc<Mutex<Snapshots>>>>,
    follower: Mutex<Option<Sender<Tick>>>,
    followed: Mutex<Followed>,
}

struct Tick {
    now: f64,
    users: u64,
}

/// What the follower knows.
#[derive(Default)]
pub struct Followed {
    pub history: History,
    /// The most users at any tick.
    pub users_peak: u64,
    /// Samples that came while the follower was too far behind.
    pub lost: u64,
    samples: Vec<Sample>,
    resets: u64,
}

impl Shared {
    pub fn new(stats: Stats) -> Arc<Self> {
        Arc::new(Shared {
            stats: Mutex::new(Intake::new(stats)),
            waiting: AtomicUsize::new(0),
            reports: Mutex::default(),
            kinds: Mutex::default(),
            follower: Mutex::default(),
            followed: Mutex::default(),
        })
    }

    /// Do something with the statistics, at once.
    #[inline]
    pub fn with<R>(&self, action: impl FnOnce(&mut Stats) -> R) -> R {
        self.count(|intake| action(intake.settled()))
    }

    /// Put requests into the statistics, at once.
    #[inline]
    pub fn count<R>(&self, action: impl FnOnce(&mut Intake) -> R) -> R {
        let mut stats = match self.stats.try_lock() {
            Ok(stats) => stats,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => self.wait(),
        };
        action(&mut stats)
    }

    #[cold]
    fn wait(&self) -> MutexGuard<'_, Intake> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let stats = lock(&self.stats);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        stats
    }

    /// Look at the statistics, but let everybody else go first. Not for the hub.
    pub fn look<R>(&self, action: impl FnOnce(&mut Stats) -> R) -> R {
        while self.waiting.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_micros(20));
        }
        action(lock(&self.stats).settled())
    }

    /// As [`Shared::look`], but never between the pieces of a report.
    pub fn look_at_whole<R>(&self, action: impl FnOnce(&mut Stats) -> R) -> R {
        let _whole = lock(&self.reports);
        self.look(action)
    }

    /// Add a report piece by piece.
    pub fn add_in_pieces(&self, add: impl FnOnce(&mut dyn FnMut(&mut dyn FnMut(&mut Stats)))) {
        let _whole = lock(&self.reports);
        add(&mut |piece| self.look(|stats| piece(stats)));
    }

    /// The figures of this second, taken now or just before for somebody else. Not for the hub: it may wait.
    pub fn snapshot(&self, now: f64, detail: &Detail) -> Arc<Snapshot> {
        let kind = self.kind(detail);
        let mut kind = lock(&kind);
        let shared = kind.latest().filter(|taken| now as i64 == taken.now as i64 && now - taken.now < FRESH_S);
        if let Some(shared) = shared {
            return Arc::clone(shared);
        }
        self.take(&mut kind, now)
    }

    /// The figures at this moment.
    pub fn fresh_snapshot(&self, now: f64, detail: &Detail) -> Arc<Snapshot> {
        let kind = self.kind(detail);
        self.take(&mut lock(&kind), now)
    }

    fn take(&self, kind: &mut Snapshots, now: f64) -> Arc<Snapshot> {
        // The first look takes the counts.
        let mut whole = Some(lock(&self.reports));
        let look = |action: &mut dyn FnMut(&Stats)| {
            self.look(|stats| action(stats));
            whole = None;
        };
        kind.take(now, look)
    }

    fn kind(&self, detail: &Detail) -> Arc<Mutex<Snapshots>> {
        let mut kinds = lock(&self.kinds);
        if let Some(kind) = kinds.iter().find(|kind| lock(kind).detail() == detail) {
            return Arc::clone(kind);
        }
        if kinds.len() == MOST_KINDS {
            kinds.remove(0);
        }
        let kind = Arc::new(Mutex::new(Snapshots::new(detail.clone())));
        kinds.push(Arc::clone(&kind));
        kind
    }

    /// From now on there is a history, made by a thread that ends with the statistics. A second call changes nothing.
    pub fn follow(self: &Arc<Self>) -> std::io::Result<()> {
        let mut follower = lock(&self.follower);
        if follower.is_some() {
            return Ok(());
        }
        let (sender, ticks) = channel();
        let shared = Arc::downgrade(self);
        let run = move |ticks: Receiver<Tick>| {
            for tick in ticks {
                let Some(shared) = shared.upgrade() else { return };
                shared.advance(tick.now, tick.users);
            }
        };
        std::thread::Builder::new().name("gregaria-history".into()).spawn(move || run(ticks))?;
        self.with(Stats::follow);
        *follower = Some(sender);
        Ok(())
    }

    /// A second has passed: have its points made.
    pub fn tick(&self, now: f64, users: u64) {
        if let Some(follower) = &*lock(&self.follower) {
            follower.send(Tick { now, users }).ok();
        }
    }

    /// Make the points of all seconds before `now`.
    pub fn advance(&self, now: f64, users: u64) {
        let mut guard = lock(&self.followed);
        let followed = &mut *guard;
        let (lost, resets) = self.look(|stats| (stats.take_samples(&mut followed.samples), stats.resets()));
        if followed.resets != resets {
            followed.resets = resets;
            followed.history.clear();
            (followed.lost, followed.users_peak) = (0, 0);
        }
        followed.lost += lost;
        followed.users_peak = followed.users_peak.max(users);
        followed.history.set_users(users);
        followed.history.take_in(&followed.samples);
        followed.history.close(now);
    }

    /// Look at what the follower knows; it waits meanwhile.
    pub fn followed<R>(&self, action: impl FnOnce(&Followed) -> R) -> R {
        action(&lock(&self.followed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_in_the_same_moment_gets_the_same_snapshot() {
        let shared = Shared::new(Stats::new(100.0));
        let detail = Detail { percentiles: vec![0.5], ..Detail::default() };
        let first = shared.snapshot(101.2, &detail);
        assert!(Arc::ptr_eq(&first, &shared.snapshot(101.6, &detail)));
        assert!(!Arc::ptr_eq(&first, &shared.snapshot(101.8, &detail)));
        assert!(!Arc::ptr_eq(&shared.snapshot(102.9, &detail), &shared.snapshot(103.0, &detail)));
        assert!(!Arc::ptr_eq(&first, &shared.fresh_snapshot(101.2, &detail)));
        assert!(!Arc::ptr_eq(&first, &shared.snapshot(101.2, &Detail::default())));
    }

    #[test]
    fn the_history_forgets_what_was_reset() {
        let shared = Shared::new(Stats::new(100.0));
        shared.follow().unwrap();
        let count = |now: f64| {
            shared.with(|stats| {
                let id = stats.entry("GET", "/", now);
                stats.record(id, now, Some(1_000), 1);
            });
        };
        count(100.5);
        shared.advance(101.0, 3);
        assert_eq!(
            shared.followed(|followed| (followed.history.total(0)[0].points.len(), followed.users_peak)),
            (1, 3)
        );
        count(101.5);
        shared.with(|stats| stats.reset_all(102.0));
        count(102.5);
        shared.advance(103.0, 2);
        let (start, requests) = shared.followed(|followed| {
            let point = followed.history.total(0)[0].points[0].point;
            (point.start, point.requests)
        });
        assert_eq!((start, requests), (102, 1));
    }

    #[test]
    fn who_wants_counts_of_one_moment_never_sees_half_a_report() {
        let shared = Shared::new(Stats::new(0.0));
        let detail = Detail::default();
        let count = |name: &'static str| {
            move |stats: &mut Stats| {
                let id = stats.entry("GET", name, 0.0);
                stats.record(id, 1.0, Some(1_000), 1);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..300 {
                    shared.add_in_pieces(|hold| ["/1", "/2", "/3"].map(count).iter_mut().for_each(|piece| hold(piece)));
                }
            });
            let mut seen = 0;
            while seen < 900 {
                let snapshot = shared.fresh_snapshot(2.0, &detail);
                seen = snapshot.total.num_requests;
                assert_eq!((seen % 3, shared.look_at_whole(|stats| stats.total().num_requests()) % 3), (0, 0));
            }
        });
    }

    #[test]
    fn the_hub_gets_in_between_looks() {
        let shared = Shared::new(Stats::new(0.0));
        let done = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200 {
                    shared.with(|stats| stats.set_span_s(10));
                }
                done.store(1, Ordering::SeqCst);
            });
            while done.load(Ordering::SeqCst) == 0 {
                shared.look(|stats| stats.set_span_s(11));
            }
        });
    }
}
