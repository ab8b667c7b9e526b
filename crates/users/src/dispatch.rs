//! [`Dispatcher`]: which worker shall run how many users of which class, and when to look again.
//!
//! Gives the same users in the same order as Locust's `UsersDispatcher`. It never sleeps and reads no clock: the driver
//! passes the time in and does the sleeping.
//!
//! ```text
//! new_dispatch(target, rate)       batch = max(1, floor(rate)), interval = batch / rate
//!   advance -> Yield               counts() has the first batch
//!   advance -> Sleep(interval)     less what the consumer took
//!   advance -> Yield ... Yield     the last batch
//!   advance -> Done                no sleep after the last one
//! ```

use std::collections::BTreeMap;

use crate::interleave::Interleaver;

/// Why a dispatch cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The target is below zero.
    #[error("the number of users must not be negative, but is {0}")]
    NegativeTarget(i64),
    /// The rate is zero or below.
    #[error("the spawn rate must be greater than 0, but is {0}")]
    RateNotPositive(f64),
    /// The rate is infinite or not a number.
    #[error("the spawn rate must be a finite number, but is {0}")]
    RateNotFinite(f64),
    /// A class that the dispatcher was not made with.
    #[error("unknown user class '{0}'")]
    UnknownClass(String),
    /// Nothing to choose from.
    #[error("at least one user class is needed")]
    NoClasses,
    /// Two classes share this name.
    #[error("more than one user class is named '{0}'")]
    SameName(String),
}

/// What the dispatcher knows of a user class.
#[derive(Clone, Debug, PartialEq)]
pub struct UserClass {
    /// Its bare name.
    pub name: String,
    /// Its share among the classes without a fixed count.
    pub weight: f64,
    /// If not zero: exactly so many users, spawned first.
    pub fixed_count: i64,
}

/// What the driver does next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Advance {
    /// Put [`Dispatcher::counts`] into effect, then advance again.
    Yield,
    /// Advance again after so many seconds (0: let others run first).
    Sleep(f64),
    /// This dispatch is over.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Begin,
    RebalancedFirst,
    Check,
    Climb,
    Added,
    AddedAndRebalanced,
    Descend,
    Removed,
    RemovedAndRebalanced,
    Finish,
    Done,
}

/// Absolute numbers: worker id → class name → users.
pub type Distribution = BTreeMap<String, BTreeMap<String, u64>>;

/// Distributes users over workers, batch by batch.
#[derive(Debug)]
pub struct Dispatcher {
    /// Sorted by name; an index into this is a class.
    classes: Vec<UserClass>,
    chosen: Vec<usize>,
    /// In spawning order.
    workers: Vec<String>,
    /// The workers that `counts` is about. Not `workers` when the last of them has gone.
    placed: Vec<String>,
    /// Users by place and class.
    counts: Vec<Vec<u64>>,
    totals: Vec<u64>,
    /// Place and class of each user, in spawning order.
    active: Vec<(u32, u32)>,
    next_place: usize,
    /// Made when first needed, so that it sees the weights of that moment.
    weighted: Option<Interleaver>,
    fixed: Interleaver,
    fixed_left: u64,
    try_fixed: bool,
    current: u64,
    target: u64,
    batch: u64,
    interval: f64,
    phase: Phase,
    batch_began: f64,
    rebalance: bool,
    exhausted: bool,
    in_progress: bool,
    durations: Vec<f64>,
}

impl Dispatcher {
    /// A dispatcher over these workers (by id) and classes, with no user yet.
    pub fn new(workers: Vec<String>, mut classes: Vec<UserClass>) -> Result<Self, Error> {
        classes.sort_by(|a, b| a.name.cmp(&b.name));
        if classes.is_empty() {
            return Err(Error::NoClasses);
        }
        if let Some(pair) = classes.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::SameName(pair[0].name.clone()));
        }
        let workers = in_spawning_order(workers);
        Ok(Dispatcher {
            chosen: (0..classes.len()).collect(),
            placed: workers.clone(),
            counts: vec![vec![0; classes.len()]; workers.len()],
            totals: vec![0; classes.len()],
            active: Vec::new(),
            next_place: 0,
            weighted: None,
            fixed: Interleaver::default(),
            fixed_left: 0,
            try_fixed: true,
            current: 0,
            target: 0,
            batch: 0,
            interval: 0.0,
            phase: Phase::Done,
            batch_began: 0.0,
            rebalance: false,
            exhausted: false,
            in_progress: false,
            durations: Vec::new(),
            classes,
            workers,
        })
    }

    /// Take over changed weights and fixed counts. Weights count when the sequence of classes is next begun afresh, fixed
    /// counts when missing users are next looked for. Unknown names are passed over.
    pub fn refresh(&mut self, classes: &[UserClass]) {
        for class in classes {
            if let Ok(known) = self.class_index(&class.name) {
                self.classes[known] = class.clone();
            }
        }
    }

    /// Begin a dispatch from the present distribution; one that is under way is dropped. `chosen` names the classes to
    /// spawn from; `None` keeps the last choice.
    pub fn new_dispatch(&mut self, target: i64, rate: f64, chosen: Option<&[String]>) -> Result<(), Error> {
        let goal = u64::try_from(target).map_err(|_| Error::NegativeTarget(target))?;
        if rate <= 0.0 {
            return Err(Error::RateNotPositive(rate));
        }
        if !rate.is_finite() {
            return Err(Error::RateNotFinite(rate));
        }
        if let Some(names) = chosen {
            let mut chosen = names.iter().map(|name| self.class_index(name)).collect::<Result<Vec<_>, _>>()?;
            chosen.sort_unstable();
            if chosen != self.chosen {
                self.chosen = chosen;
                self.restart_sequence();
            }
        }
        self.target = goal;
        self.batch = (rate.floor() as u64).max(1);
        self.interval = self.batch as f64 / rate;
        self.current = self.totals.iter().sum();
        self.phase = Phase::Begin;
        self.durations.clear();
        Ok(())
    }

    /// Go on at `now` (seconds on any clock that does not go back).
    pub fn advance(&mut self, now: f64) -> Advance {
        loop {
            match self.phase {
                Phase::Begin => {
                    self.in_progress = true;
                    if std::mem::take(&mut self.rebalance) {
                        return self.give(Phase::RebalancedFirst);
                    }
                    self.phase = Phase::Check;
                }
                // Ends without a mark, as Locust's does: a dispatch that only rebalanced counts as in progress.
                Phase::RebalancedFirst if self.current == self.target => self.phase = Phase::Done,
                Phase::RebalancedFirst => self.phase = Phase::Check,
                Phase::Check if self.current == self.target => return self.give(Phase::Finish),
                Phase::Check => self.phase = Phase::Climb,
                Phase::Climb if self.current < self.target => {
                    self.batch_began = now;
                    self.add_batch();
                    return self.give(Phase::Added);
                }
                Phase::Climb => self.phase = Phase::Descend,
                Phase::Added if std::mem::take(&mut self.rebalance) => {
                    return self.give(Phase::AddedAndRebalanced);
                }
                Phase::Added => self.phase = Phase::AddedAndRebalanced,
                Phase::AddedAndRebalanced => {
                    self.phase = if std::mem::take(&mut self.exhausted) { Phase::Descend } else { Phase::Climb };
                    if let Some(sleep) = self.end_of_batch(now) {
                        return sleep;
                    }
                }
                Phase::Descend if self.current > self.target && !self.active.is_empty() => {
                    self.batch_began = now;
                    self.remove_batch();
                    return self.give(Phase::Removed);
                }
                Phase::Descend => self.phase = Phase::Finish,
                Phase::Removed if std::mem::take(&mut self.rebalance) => {
                    return self.give(Phase::RemovedAndRebalanced);
                }
                Phase::Removed => self.phase = Phase::RemovedAndRebalanced,
                Phase::RemovedAndRebalanced => {
                    self.phase = Phase::Descend;
                    if let Some(sleep) = self.end_of_batch(now) {
                        return sleep;
                    }
                }
                Phase::Finish => {
                    self.in_progress = false;
                    self.phase = Phase::Done;
                }
                Phase::Done => return Advance::Done,
            }
        }
    }

    fn give(&mut self, next: Phase) -> Advance {
        self.phase = next;
        Advance::Yield
    }

    fn end_of_batch(&mut self, now: f64) -> Option<Advance> {
        let taken = now - self.batch_began;
        self.durations.push(taken);
        (self.current != self.target).then(|| Advance::Sleep((self.interval - taken).max(0.0)))
    }

    /// A worker has come; the users are distributed anew over all of them.
    pub fn add_worker(&mut self, id: String) {
        let mut workers = std::mem::take(&mut self.workers);
        workers.push(id);
        self.workers = in_spawning_order(workers);
        self.redistribute();
    }

    /// A worker has gone; the users are distributed anew over the others, if there are any.
    pub fn remove_worker(&mut self, id: &str) {
        self.workers.retain(|worker| worker != id);
        if !self.workers.is_empty() {
            self.redistribute();
        }
    }

    /// The distribution as it should now be, as rows of [`Dispatcher::placed_workers`] with the columns of
    /// [`Dispatcher::class_names`].
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// The workers that [`Dispatcher::counts`] is about.
    pub fn placed_workers(&self) -> &[String] {
        &self.placed
    }

    /// All classes by name, sorted.
    pub fn class_names(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(|class| class.name.as_str())
    }

    /// The distribution as it should now be, by name.
    pub fn distribution(&self) -> Distribution {
        let named = |row: &Vec<u64>| self.class_names().map(str::to_owned).zip(row.iter().copied()).collect();
        self.placed.iter().cloned().zip(self.counts.iter().map(named)).collect()
    }

    /// Users in the distribution.
    pub fn user_count(&self) -> u64 {
        self.totals.iter().sum()
    }

    /// Whether a dispatch has begun and not ended.
    pub fn in_progress(&self) -> bool {
        self.in_progress
    }

    /// Seconds that the consumer took for each batch of this dispatch.
    pub fn iteration_durations(&self) -> &[f64] {
        &self.durations
    }

    fn class_index(&self, name: &str) -> Result<usize, Error> {
        let found = self.classes.binary_search_by(|class| class.name.as_str().cmp(name));
        found.map_err(|_| Error::UnknownClass(name.to_owned()))
    }

    fn restart_sequence(&mut self) {
        self.weighted = None;
        self.fixed = Interleaver::default();
        self.fixed_left = 0;
    }

    fn next_class(&mut self) -> Option<usize> {
        loop {
            if self.weighted.is_none() {
                let weights = self.chosen.iter().map(|&class| (class, &self.classes[class]));
                let weights =
                    weights.filter(|(_, class)| class.fixed_count == 0).map(|(index, class)| (index, class.weight));
                self.weighted = Some(Interleaver::new(weights));
            }
            if self.fixed_left > 0 {
                self.fixed_left -= 1;
                return self.fixed.next();
            }
            if !std::mem::take(&mut self.try_fixed) {
                return self.weighted.as_mut().and_then(Iterator::next);
            }
            let missing = |&class: &usize| {
                let missing = self.classes[class].fixed_count - i64::try_from(self.totals[class]).unwrap_or(i64::MAX);
                u64::try_from(missing).ok().filter(|&missing| missing > 0).map(|missing| (class, missing))
            };
            let missing: Vec<(usize, u64)> = self.chosen.iter().filter_map(missing).collect();
            self.fixed_left = missing.iter().map(|(_, missing)| missing).sum();
            self.fixed = Interleaver::new(missing.into_iter().map(|(class, missing)| (class, missing as f64)));
        }
    }

    /// Place one user; false if no class has one to give or no worker could take it.
    fn add_user(&mut self) -> bool {
        if self.placed.is_empty() {
            return false;
        }
        let Some(class) = self.next_class() else {
            return false;
        };
        let place = self.next_place;
        self.next_place = (place + 1) % self.placed.len();
        self.counts[place][class] += 1;
        self.totals[class] += 1;
        self.active.push((place as u32, class as u32));
        true
    }

    fn add_batch(&mut self) {
        let goal = self.current.saturating_add(self.batch).min(self.target);
        while self.current < goal {
            if !self.add_user() {
                self.exhausted = true;
                return;
            }
            self.current += 1;
        }
    }

    fn remove_batch(&mut self) {
        let goal = self.current.saturating_sub(self.batch).max(self.target);
        while self.current > goal {
            let Some((place, class)) = self.active.pop() else {
                return;
            };
            self.counts[place as usize][class as usize] -= 1;
            self.totals[class as usize] -= 1;
            self.current -= 1;
            self.try_fixed = true;
        }
    }

    /// Distribute the current number of users over the present workers as if from nothing.
    fn redistribute(&mut self) {
        self.placed = self.workers.clone();
        self.counts = vec![vec![0; self.classes.len()]; self.placed.len()];
        self.totals.fill(0);
        self.active.clear();
        self.next_place = 0;
        self.restart_sequence();
        self.try_fixed = true;
        for _ in 0..self.current {
            if !self.add_user() {
                break;
            }
        }
        self.rebalance = true;
    }
}

/// Round robin over hosts first: by the place among the workers of the same host, then by id. The host is what stands
/// before the first underscore of the id.
fn in_spawning_order(mut workers: Vec<String>) -> Vec<String> {
    workers.sort();
    let mut on_host: BTreeMap<String, usize> = BTreeMap::new();
    let mut placed: Vec<(usize, String)> = Vec::with_capacity(workers.len());
    for id in workers {
        let host = id.split('_').next().unwrap_or_default().to_owned();
        let index = on_host.entry(host).or_default();
        placed.push((*index, id));
        *index += 1;
    }
    placed.sort();
    placed.into_iter().map(|(_, id)| id).collect()
}
