//! Intervals held against simulated runs in which nothing has changed: 95 of 100 must hold zero. Response times follow
//! a slow wave (a first-order autoregressive process), as those of servers do; the same seeds every time.

use super::blocks::tests::window;
use super::{Change, Compared, Measure, Reason, Series, Window, compare, mark_chance};
use crate::histogram::Histogram;

/// Pseudo-random numbers (SplitMix64).
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// What a run is like.
#[derive(Clone, Copy)]
struct Plan {
    seconds: u32,
    per_second: f64,
    /// How much of the wave is left after a second.
    memory: f64,
    wave: f64,
    slower: f64,
}

const PLAN: Plan = Plan { seconds: 400, per_second: 10.0, memory: 0.8, wave: 0.3, slower: 1.0 };

struct Run {
    histogram: Histogram,
    times_us: Vec<u64>,
    windows: Vec<Window>,
    seconds: u32,
}

impl Run {
    fn new(plan: Plan, seed: u64) -> Self {
        let mut draw = Draw(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let innovation = (1.0 - plan.memory * plan.memory).sqrt();
        let mut level = draw.normal();
        let (mut windows, mut times_us) = (Vec::new(), Vec::new());
        for second in 0..plan.seconds {
            level = plan.memory * level + innovation * draw.normal();
            let amount = plan.per_second * (1.0 - 0.2 * level).max(0.2) + draw.uniform();
            let slow = |noise: f64| (100_000.0 * plan.slower * (plan.wave * level + 0.4 * noise).exp()) as u64;
            let times: Vec<u64> = (0..amount as u64).map(|_| slow(draw.normal())).collect();
            let failures = times.iter().filter(|us| **us > 250_000).count() as u32;
            windows.push(Window { failures, ..window(f64::from(second), &times) });
            times_us.extend(times);
        }
        Self { histogram: times_us.iter().copied().collect(), times_us, windows, seconds: plan.seconds }
    }

    fn series(&self) -> Series<'_> {
        Series {
            from_s: 0.0,
            until_s: self.seconds.into(),
            requests: self.times_us.len() as u64,
            failures: self.windows.iter().map(|window| u64::from(window.failures)).sum(),
            total_us: self.times_us.iter().sum(),
            max_us: self.times_us.iter().copied().max().unwrap_or(0),
            histogram: &self.histogram,
            windows: self.windows.clone(),
        }
    }
}

const PAIRS: u64 = 60;

/// In how many of a hundred pairs of like runs the intervals hold zero, by measure.
fn coverage(plan: Plan) -> Vec<(String, f64)> {
    let pairs: Vec<(Run, Run)> = (0..PAIRS).map(|at| (Run::new(plan, 2 * at), Run::new(plan, 2 * at + 1))).collect();
    let share = |measure: Measure| {
        let holds = |(a, b): &&(Run, Run)| {
            let compared = compare(&[a.series()], &[b.series()], measure, 0.95);
            assert_eq!(compared.reason, None, "{measure:?}");
            compared.change == Change::NotShown
        };
        (measure.name(), pairs.iter().filter(holds).count() as f64 / PAIRS as f64)
    };
    Measure::SHOWN.into_iter().map(share).collect()
}

/// The interval that takes every request for independent.
fn naive_coverage(plan: Plan) -> f64 {
    let mean = |run: &Run| run.times_us.iter().sum::<u64>() as f64 / run.times_us.len() as f64;
    let variance = |run: &Run, mean: f64| {
        let n = run.times_us.len() as f64;
        run.times_us.iter().map(|us| (*us as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0) / n
    };
    let holds = |at: &u64| {
        let (a, b) = (Run::new(plan, 2 * at), Run::new(plan, 2 * at + 1));
        let (mean_a, mean_b) = (mean(&a), mean(&b));
        (mean_b - mean_a).abs() <= 1.96 * (variance(&a, mean_a) + variance(&b, mean_b)).sqrt()
    };
    (0..PAIRS).filter(holds).count() as f64 / PAIRS as f64
}

#[test]
fn intervals_from_blocks_hold_what_they_promise() {
    let plans = [
        ("like each other for some seconds", PLAN),
        ("independent", Plan { memory: 0.0, seconds: 200, ..PLAN }),
        ("now and then", Plan { per_second: 0.7, seconds: 900, ..PLAN }),
    ];
    let mut all = Vec::new();
    for (about, plan) in plans {
        for (measure, share) in coverage(plan) {
            assert!(share >= 0.85, "{about}: {measure} {share}");
            all.push(share);
        }
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    assert!((0.93..=0.98).contains(&mean), "{mean}: {all:?}");
}

#[test]
fn intervals_from_single_requests_do_not() {
    let share = naive_coverage(PLAN);
    assert!(share < 0.5, "{share}");
}

#[test]
fn a_run_that_is_slower_is_found_out() {
    let (usual, slow) = (Run::new(PLAN, 3), Run::new(Plan { slower: 1.3, ..PLAN }, 4));
    let times = [Measure::Percentile(0.5), Measure::Percentile(0.95), Measure::Percentile(0.9), Measure::Average];
    for measure in times {
        let worse = compare(&[usual.series()], &[slow.series()], measure, 0.95);
        assert_eq!(worse.change, Change::Worse, "{worse:?}");
        let relative = worse.relative.unwrap();
        assert!(relative.low < 0.3 && relative.high > 0.3 && relative.low > 0.0, "{relative:?}");
        assert!(worse.p_value.unwrap() < 0.05);
        let better = compare(&[slow.series()], &[usual.series()], measure, 0.95);
        assert_eq!(better.change, Change::Better, "{better:?}");
        let (there, back) = (worse.difference.unwrap(), better.difference.unwrap());
        assert!((there.low + back.high).abs() < 1.0, "{there:?} {back:?}");
    }
    let wider = compare(&[usual.series()], &[slow.series()], Measure::Average, 0.999).difference.unwrap();
    let usual = compare(&[usual.series()], &[slow.series()], Measure::Average, 0.95).difference.unwrap();
    assert!(wider.low < usual.low && usual.high < wider.high);
}

#[test]
fn what_happens_in_both_runs_at_the_same_time_is_no_uncertainty() {
    let ramp = |run: &mut Run| {
        for (at, window) in run.windows.iter_mut().enumerate().take(60) {
            window.requests = (u64::from(window.requests) * at as u64 / 60) as u32;
        }
    };
    let (mut a, mut b) = (Run::new(PLAN, 5), Run::new(PLAN, 6));
    ramp(&mut a);
    ramp(&mut b);
    let paired = compare(&[a.series()], &[b.series()], Measure::RequestRate, 0.95);
    let longer = Series { until_s: 420.0, ..b.series() };
    let unpaired = compare(&[a.series()], &[longer], Measure::RequestRate, 0.95);
    let width = |compared: &Compared| compared.difference.map(|it| it.high - it.low).unwrap();
    assert!(paired.paired && !unpaired.paired);
    assert!(width(&paired) < 0.6 * width(&unpaired), "{paired:?} {unpaired:?}");
}

#[test]
fn several_runs_of_a_side_are_pooled_and_more_certain() {
    let runs: Vec<Run> = (10..16).map(|seed| Run::new(PLAN, seed)).collect();
    let series: Vec<Series<'_>> = runs.iter().map(Run::series).collect();
    let one = compare(&series[..1], &series[3..4], Measure::Average, 0.95);
    let three = compare(&series[..3], &series[3..], Measure::Average, 0.95);
    let width = |compared: &Compared| compared.difference.map(|it| it.high - it.low).unwrap();
    assert!(width(&three) < width(&one));
    assert_eq!(three.blocks[0], 3 * one.blocks[0].min(three.blocks[0] / 3));
    let unequal = compare(&series[..3], &series[3..4], Measure::Average, 0.95);
    assert!(!unequal.paired && unequal.reason.is_none());
    let other = Run::new(Plan { slower: 3.0, ..PLAN }, 17);
    let mixed = [series[0].clone(), other.series()];
    let compared = compare(&mixed, &series[4..], Measure::Average, 0.95);
    assert!(compared.between_runs && compared.change == Change::NotShown, "{compared:?}");
}

#[test]
fn what_cannot_be_known_is_said() {
    let (short, usual) = (Run::new(Plan { seconds: 20, ..PLAN }, 1), Run::new(PLAN, 2));
    let few = Run::new(Plan { per_second: 0.1, ..PLAN }, 1);
    let reason = |a: &[Series<'_>], b: &[Series<'_>], measure| compare(a, b, measure, 0.95).reason;
    let (short, usual, few) = ([short.series()], [usual.series()], [few.series()]);
    assert_eq!(reason(&short, &usual, Measure::Average), Some(Reason::TooFewBlocks));
    assert_eq!(reason(&usual, &few, Measure::Percentile(0.99)), Some(Reason::TooFewRequests));
    assert_eq!(reason(&usual, &few, Measure::Percentile(0.5)), None);
    assert_eq!(reason(&usual, &[], Measure::Average), Some(Reason::OnlyOneSide));
    let unseen = [Series { windows: Vec::new(), ..usual[0].clone() }];
    let compared = compare(&usual, &unseen, Measure::Average, 0.95);
    assert_eq!((compared.reason, compared.change), (Some(Reason::NoSeries), Change::Unknown));
    assert_eq!(compared.relative.unwrap().value, 0.0, "what was measured is told all the same");
    let none = [Series {
        failures: 0,
        windows: usual[0].windows.iter().map(|it| Window { failures: 0, ..*it }).collect(),
        ..usual[0].clone()
    }];
    let compared = compare(&none, &none, Measure::FailRatio, 0.95);
    assert_eq!((compared.change, compared.relative, compared.p_value), (Change::NotShown, None, Some(1.0)));
    let compared = compare(&none, &usual, Measure::FailRatio, 0.95);
    assert_eq!((compared.change, compared.relative), (Change::Worse, None));
}

#[test]
fn of_many_comparisons_some_differ_by_chance() {
    let usual = Run::new(PLAN, 2);
    let compared = compare(&[usual.series()], &[usual.series()], Measure::Average, 0.95);
    let with = |p_value| Compared { p_value: Some(p_value), change: Change::Worse, ..compared.clone() };
    let mut all: Vec<Compared> = (1..=100).map(|at| with(f64::from(at) / 100.0)).chain([with(0.0001)]).collect();
    mark_chance(all.iter_mut());
    let sure: Vec<Option<f64>> = all.iter().filter(|it| !it.maybe_chance).map(|it| it.p_value).collect();
    assert_eq!(sure, [Some(0.0001)]);
    let mut one = [with(0.03)];
    mark_chance(one.iter_mut());
    assert!(!one[0].maybe_chance);
}
