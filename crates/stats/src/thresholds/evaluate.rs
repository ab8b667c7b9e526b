//! Thresholds held against the statistics while time goes by.
//!
//! ```text
//!   start ──── warm-up ────┬── judged ─────────────────────────── finish
//!                          └ baseline          └── over ──┘ at any time, if asked for
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::sample::{Sample, State};
use super::{Selector, Threshold};
use crate::entry::Entry;
use crate::request_stats::Stats;

/// A condition on everything so far ends a test early only after so many judged seconds: the first answers say little.
const PATIENCE_S: f64 = 10.0;

/// How it stands with one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was measured that it could be judged by. At the end of a test that is a failure.
    NoData,
    Passed,
    Failed,
}

/// How it stands with one threshold, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub threshold: Threshold,
    pub outcome: Outcome,
    /// The value that was nearest to failing, or failed most, in the measure's unit.
    pub value: Option<f64>,
    /// Whose value that is: method and name; `None` for all together.
    pub entry: Option<(Arc<str>, Arc<str>)>,
    /// Seconds from the start of the test to the first failure, for those that look at a window.
    pub failed_after_s: Option<f64>,
}

type Key = Option<(Arc<str>, Arc<str>)>;

/// Judges a test by thresholds. The calls come in this order: `start`, `tick` about once a second, `finish`.
#[derive(Debug, Default)]
pub struct Judge {
    warm_up_s: u32,
    started: Option<f64>,
    judged: Vec<Judged>,
}

#[derive(Debug)]
struct Judged {
    verdict: Verdict,
    /// When the warm-up was over.
    since: Option<f64>,
    baselines: FxHashMap<Key, State>,
    windows: FxHashMap<Key, VecDeque<(f64, State)>>,
    /// It holds, and long enough for a test to be ended over it.
    certain: bool,
}

impl Judge {
    pub fn new(thresholds: Vec<Threshold>, warm_up_s: u32) -> Self {
        let judged = thresholds.into_iter().map(Judged::new).collect();
        Self { warm_up_s, started: None, judged }
    }

    pub fn is_empty(&self) -> bool {
        self.judged.is_empty()
    }

    /// A test begins: forget the last one.
    pub fn start(&mut self, now: f64) {
        self.started = Some(now);
        for judged in &mut self.judged {
            *judged = Judged::new(judged.verdict.threshold.clone());
        }
    }

    /// Look at the figures. Before `start` nothing happens.
    pub fn tick(&mut self, stats: &Stats, now: f64) {
        let Some(started) = self.started else { return };
        for judged in &mut self.judged {
            judged.look(stats, now, started, self.warm_up_s, false);
        }
    }

    /// Look for the last time; windows need not be full any more.
    pub fn finish(&mut self, stats: &Stats, now: f64) {
        let Some(started) = self.started else { return };
        for judged in &mut self.judged {
            judged.look(stats, now, started, self.warm_up_s, true);
        }
    }

    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.judged.iter().map(|judged| &judged.verdict)
    }

    /// A threshold for which a test can be ended early.
    pub fn certain_failure(&self) -> Option<&Verdict> {
        self.judged.iter().find(|judged| judged.certain).map(|judged| &judged.verdict)
    }
}

impl Judged {
    fn new(threshold: Threshold) -> Self {
        Self {
            verdict: Verdict { threshold, outcome: Outcome::NoData, value: None, entry: None, failed_after_s: None },
            since: None,
            baselines: FxHashMap::default(),
            windows: FxHashMap::default(),
            certain: false,
        }
    }

    fn look(&mut self, stats: &Stats, now: f64, started: f64, warm_up_s: u32, last: bool) {
        let begins = started + f64::from(self.verdict.threshold.after_s.unwrap_or(warm_up_s));
        if now < begins {
            return;
        }
        let selected = selected(stats, &self.verdict.threshold.selector);
        let since = match self.since {
            Some(since) => since,
            None if begins > started => {
                self.baselines = selected.iter().map(|(key, entry)| (key.clone(), State::of(entry))).collect();
                *self.since.insert(now)
            }
            None => *self.since.insert(started),
        };
        match self.verdict.threshold.over_s {
            None => self.judge_all(&selected, stats, now, since),
            Some(span_s) => self.judge_window(&selected, now, since, (f64::from(span_s), started, last)),
        }
    }

    /// Everything since the warm-up; the present figures count, whatever they were before.
    fn judge_all(&mut self, selected: &[(Key, &Entry)], stats: &Stats, now: f64, since: f64) {
        let seconds = now - since.max(stats.total().start_time());
        self.verdict.outcome = Outcome::NoData;
        self.verdict.value = None;
        self.verdict.entry = None;
        for (key, entry) in selected {
            let sample = Sample::since(entry, self.baselines.get(key), seconds);
            self.take(&sample, key);
        }
        self.certain = self.verdict.outcome == Outcome::Failed && now - since >= PATIENCE_S;
    }

    /// The last seconds; once failed is failed.
    fn judge_window(
        &mut self,
        selected: &[(Key, &Entry)],
        now: f64,
        since: f64,
        (span_s, started, last): (f64, f64, bool),
    ) {
        let full = now - since >= span_s;
        for (key, entry) in selected {
            let baselines = &mut self.baselines;
            let states = self.windows.entry(key.clone()).or_insert_with(|| {
                let first = baselines.remove(key).unwrap_or_default();
                VecDeque::from([(since, first)])
            });
            while states.len() > 1 && states[1].0 <= now - span_s {
                states.pop_front();
            }
            let (from, earlier) = &states[0];
            let sample = Sample::since(entry, Some(earlier), now - from);
            if full || (last && self.verdict.outcome == Outcome::NoData) {
                take(&mut self.verdict, &sample, key);
            }
            states.push_back((now, State::of(entry)));
        }
        if self.verdict.outcome == Outcome::Failed && self.verdict.failed_after_s.is_none() {
            self.verdict.failed_after_s = Some(now - started);
        }
        self.certain = self.verdict.outcome == Outcome::Failed;
    }

    fn take(&mut self, sample: &Sample<'_>, key: &Key) {
        take(&mut self.verdict, sample, key);
    }
}

/// Take a sample's value over if it is the worst so far.
fn take(verdict: &mut Verdict, sample: &Sample<'_>, key: &Key) {
    let (measure, comparison) = (verdict.threshold.measure, verdict.threshold.comparison);
    let Some(value) = sample.value(measure) else { return };
    if verdict.value.is_some_and(|worst| !comparison.is_worse(value, worst)) {
        return;
    }
    verdict.value = Some(value);
    verdict.entry.clone_from(key);
    verdict.outcome = if comparison.holds(value, verdict.threshold.limit) { Outcome::Failed } else { Outcome::Passed };
}

fn selected<'a>(stats: &'a Stats, selector: &Selector) -> Vec<(Key, &'a Entry)> {
    if *selector == Selector::Total {
        return vec![(None, stats.total())];
    }
    let entries = stats.entries().filter(|entry| selector.matches(entry.method(), entry.name()));
    entries.map(|entry| (Some((entry.method().clone(), entry.name().clone())), entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thresholds::parse_all;
    use proptest::prelude::*;

    fn judge(text: &str, warm_up_s: u32) -> Judge {
        let mut judge = Judge::new(parse_all(text).unwrap(), warm_up_s);
        judge.start(100.0);
        judge
    }

    fn record(stats: &mut Stats, now: f64, name: &str, ms: u64) {
        let id = stats.entry("GET", name, now);
        stats.record(id, now, Some(ms * 1_000), 0);
    }

    fn fail(stats: &mut Stats, now: f64, name: &str) {
        let id = stats.entry("GET", name, now);
        stats.record_failure(id, now, "no");
    }

    fn outcomes(judge: &Judge) -> Vec<Outcome> {
        judge.verdicts().map(|verdict| verdict.outcome).collect()
    }

    #[test]
    fn a_whole_run() {
        let mut stats = Stats::new(100.0);
        for second in 0..100 {
            record(&mut stats, 100.0 + f64::from(second), "/a", if second < 90 { 10 } else { 500 });
        }
        fail(&mut stats, 199.0, "/a");
        let mut judge = judge(
            "p95 > 400ms; p95 > 600ms; p50 > 10ms; p50 >= 10ms; avg > 50; max > 1s; min < 11; fail_ratio > 0.5%; \
             fail_ratio > 1%; rps < 2; rps < 1; requests < 101; failures > 1",
            0,
        );
        judge.tick(&stats, 150.0);
        judge.finish(&stats, 200.0);
        use Outcome::{Failed, Passed};
        assert_eq!(
            outcomes(&judge),
            [Failed, Passed, Passed, Failed, Failed, Passed, Failed, Failed, Passed, Failed, Passed, Failed, Passed]
        );
        let first = judge.verdicts().next().unwrap();
        assert_eq!((first.value, &first.entry), (Some(500_000.0), &None));
    }

    #[test]
    fn names_are_judged_one_by_one_and_the_worst_is_told() {
        let mut stats = Stats::new(100.0);
        for (name, ms) in [("/a", 10), ("/b", 500), ("/ab", 900)] {
            record(&mut stats, 101.0, name, ms);
        }
        let mut judge = judge("p50(/a) > 50ms; p50(/b) > 50ms; p50(/a*) > 50ms; p50(POST /a) > 1; rps(/none) < 5", 0);
        judge.finish(&stats, 110.0);
        use Outcome::{Failed, NoData, Passed};
        assert_eq!(outcomes(&judge), [Passed, Failed, Failed, NoData, NoData]);
        let star = judge.verdicts().nth(2).unwrap();
        assert_eq!(star.entry, Some(("GET".into(), "/ab".into())));
    }

    #[test]
    fn warm_up_is_left_out() {
        let mut stats = Stats::new(100.0);
        let mut judge = judge("max > 400ms; max > 400ms after 0s; requests < 6; rps < 1; max(/late) > 1", 10);
        for second in 0..20 {
            let now = 100.0 + f64::from(second);
            record(&mut stats, now, "/a", if second < 9 { 900 } else { 10 });
            judge.tick(&stats, now);
        }
        record(&mut stats, 119.5, "/late", 2);
        judge.finish(&stats, 120.0);
        use Outcome::{Failed, Passed};
        assert_eq!(outcomes(&judge), [Passed, Failed, Passed, Passed, Failed]);
        assert_eq!(judge.verdicts().nth(2).unwrap().value, Some(10.0));
    }

    #[test]
    fn a_window_fails_for_good_and_says_when() {
        let mut stats = Stats::new(100.0);
        let mut judge = judge("p50 > 400ms over 5s; rps < 0.7 over 5s; p50 > 400ms", 0);
        for second in 0..60 {
            let now = 100.0 + f64::from(second);
            record(&mut stats, now, "/a", if (20..30).contains(&second) { 900 } else { 10 });
            judge.tick(&stats, now);
            assert_eq!(judge.certain_failure().is_some(), second >= 22, "{second}");
        }
        judge.finish(&stats, 160.0);
        use Outcome::{Failed, Passed};
        assert_eq!(outcomes(&judge), [Failed, Passed, Passed]);
        let failed = judge.certain_failure().unwrap();
        assert_eq!((failed.failed_after_s, failed.value), (Some(22.0), Some(900_000.0)));
    }

    #[test]
    fn a_test_shorter_than_its_window_is_judged_by_what_there_is() {
        let mut stats = Stats::new(100.0);
        let mut judge = judge("p50 > 400ms over 1m; p50 > 400ms over 1m after 30s", 0);
        record(&mut stats, 101.0, "/a", 900);
        judge.tick(&stats, 101.0);
        assert_eq!(outcomes(&judge), [Outcome::NoData; 2]);
        judge.finish(&stats, 103.0);
        assert_eq!(outcomes(&judge), [Outcome::Failed, Outcome::NoData]);
    }

    #[test]
    fn a_hanging_server_has_no_request_rate() {
        let mut stats = Stats::new(100.0);
        for tenth in 0..100 {
            record(&mut stats, 100.0 + f64::from(tenth) / 10.0, "/a", 1);
        }
        let mut judge = judge("rps < 5", 0);
        judge.tick(&stats, 110.0);
        assert_eq!(outcomes(&judge), [Outcome::Passed]);
        judge.tick(&stats, 150.0);
        assert_eq!(outcomes(&judge), [Outcome::Failed]);
    }

    #[test]
    fn ends_early_only_when_enough_was_seen() {
        let mut stats = Stats::new(100.0);
        record(&mut stats, 100.5, "/a", 900);
        let mut judge = judge("p50 > 400ms", 0);
        judge.tick(&stats, 105.0);
        assert_eq!((outcomes(&judge)[0], judge.certain_failure()), (Outcome::Failed, None));
        judge.tick(&stats, 110.0);
        assert!(judge.certain_failure().is_some());
    }

    #[test]
    fn statistics_that_were_set_back_count_from_there() {
        let mut stats = Stats::new(100.0);
        let mut judge = judge("max > 400ms after 2s; rps < 0.9 after 2s; max > 400ms over 3s", 0);
        for second in 0..10 {
            let now = 100.0 + f64::from(second);
            record(&mut stats, now, "/a", if second < 2 { 900 } else { 10 });
            judge.tick(&stats, now);
        }
        stats.reset_all(110.0);
        record(&mut stats, 110.5, "/a", 10);
        judge.finish(&stats, 111.0);
        use Outcome::{Failed, Passed};
        assert_eq!(outcomes(&judge), [Passed, Passed, Failed]);
    }

    #[test]
    fn a_new_test_begins_anew() {
        let mut stats = Stats::new(100.0);
        let mut judge = judge("max > 400ms over 1s", 0);
        record(&mut stats, 100.5, "/a", 900);
        judge.finish(&stats, 102.0);
        assert_eq!(outcomes(&judge), [Outcome::Failed]);
        judge.start(200.0);
        stats.clear_all(200.0);
        record(&mut stats, 200.5, "/a", 9);
        judge.finish(&stats, 202.0);
        assert_eq!(outcomes(&judge), [Outcome::Passed]);
    }

    proptest! {
        /// A window as long as the run, everything since the warm-up, and exact computation agree.
        #[test]
        fn agrees_with_exact_computation(times in prop::collection::vec(1_u64..2_000, 1..60), warm_up in 0_u32..20) {
            let mut stats = Stats::new(100.0);
            let mut judge = judge("max > 1s; requests > 10; avg > 700ms; max > 1s over 1h", warm_up);
            let mut judged = Vec::new();
            for (second, ms) in times.iter().enumerate() {
                let now = 100.0 + second as f64;
                judge.tick(&stats, now);
                record(&mut stats, now, "/a", *ms);
                if second >= warm_up as usize {
                    judged.push(*ms);
                }
            }
            judge.finish(&stats, 100.0 + times.len() as f64);
            let found = outcomes(&judge);
            let average = judged.iter().sum::<u64>() as f64 / judged.len() as f64;
            let expected = |holds: bool| if holds { Outcome::Failed } else { Outcome::Passed };
            if judged.is_empty() {
                prop_assert_eq!(found[0], Outcome::NoData);
            } else {
                prop_assert_eq!(found[0], expected(judged.iter().any(|ms| *ms > 1_000)));
                prop_assert_eq!(found[1], expected(judged.len() > 10));
                prop_assert_eq!(found[2], expected(average > 700.0));
                prop_assert_eq!(found[3], found[0]);
            }
        }
    }
}
